"""The terms of a post: its folded words, its `#hashtags`, and the `prefix*`es its words meet.

All three live in one name space of strings, so that every later question about a post is a look
into a set. White space ends a word in every script: so a text is split at it, which is quick,
and what each piece stands for is remembered, for posts repeat their words.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain
from typing import Final

from connectors.post import Post
from streams.criteria import tokens
from streams.criteria.folding import fold
from streams.criteria.links import handles, mentions
from streams.criteria.patterns import Patterns, is_pattern
from streams.criteria.terms import MIN_PREFIX

Terms = tuple[str, ...]
Token = tuple[str, int, int]
"""A folded word, and where it starts and ends in its piece."""

_MAX_PIECES: Final = 100_000
_MAX_CHARACTERS: Final = 2_000_000  # some 40 MB with what is kept about each piece
_LONGEST: Final = 40  # addresses and runs of ideographs: they hardly ever come again

_FEW: Final = 8
_NOTHING: Final[frozenset[str]] = frozenset()


class _Remembered(dict[str, Terms]):
    """Answers by piece; what is not known is asked of `find`, which may remember it here."""

    def __init__(self, find: Callable[[str], Terms]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, piece: str) -> Terms:
        return self._find(piece)


class Vocabulary:
    """What the words of posts mean to the topics. Bounded memory.

    `keys` are those of the index; they may come and go, and `key_changed` is told.
    """

    def __init__(self, keys: Collection[str] = ()) -> None:
        self._keys = keys
        self._prefixes: Counter[str] = Counter()
        self._lengths: Counter[int] = Counter()
        self._patterns = Patterns()
        self._post: Post | None = None
        self._split: list[str] = []
        self._distinct: frozenset[str] = _NOTHING
        self._whole = False
        self._forget()

    def _forget(self) -> None:
        self._pieces = _Remembered(self._learn)
        self._keyed = _Remembered(self._find_keys)
        self._tokens: dict[str, tuple[Token, ...]] = {}
        self._carriers: defaultdict[str, list[str]] = defaultdict(list)
        self._starting: defaultdict[str, set[str]] = defaultdict(set)
        self._characters = 0

    def keys(self, post: Post) -> set[str]:
        """The terms of the post that are keys of the index. Linear in its text.

        Few words are: a set of these alone costs half of what the set of all terms does.
        """
        if self._characters > _MAX_CHARACTERS or len(self._pieces) > _MAX_PIECES:
            self._forget()
        self._post = post
        self._whole = not post.hashtags
        pieces = self._split = post.text.split()
        if post.title:
            pieces += post.title.split()
        self._distinct = _NOTHING
        found: set[str] = set().union(*filter(None, map(self._keyed.__getitem__, pieces)))
        if post.hashtags:
            found.update(term for term in map(hashtag_term, post.hashtags) if term in self._keys)
        return found

    def terms(self, post: Post) -> set[str]:
        """All terms of the post. Linear in its text; quicker straight after `keys`."""
        pieces = self._split if post is self._post else f"{post.title} {post.text}".split()
        terms = set(chain.from_iterable(map(self._pieces.__getitem__, pieces)))
        if post.hashtags:
            terms.update(map(hashtag_term, post.hashtags))
        return terms

    def carried(self, guards: Collection[str]) -> Iterable[str]:
        """Which of the guards are terms of the post that `keys` was asked for last.

        For a few guards it is quicker to ask which pieces carry them than to make the set of all
        terms; that can't be asked of posts with pieces too long to be remembered.
        """
        if not self._whole or len(guards) > _FEW or self._post is None:
            return [] if self._post is None else self.terms(self._post).intersection(guards)
        if not self._distinct:
            self._distinct = frozenset(self._split)
        return [guard for guard in guards if self._is_carried(guard)]

    def _is_carried(self, guard: str) -> bool:
        if not self._distinct.isdisjoint(self._carriers.get(guard, ())):
            return True
        # A piece may look like a term it does not have: `#a` in `x#a` is no hashtag.
        return guard in self._distinct and guard in self._pieces[guard]

    def carriers(self, term: str, text: str) -> list[str]:
        """The different pieces of a text that carry the term."""
        return [piece for piece in set(text.split()) if term in self._pieces[piece]]

    def tokens(self, piece: str) -> tuple[Token, ...]:
        """The words of a piece of text without white space, in order."""
        known = self._tokens.get(piece)
        if known is None:
            places = tokens.spans(piece)
            folded = {word: fold(word) for word in {piece[a:b] for a, b in places}}
            known = tuple((folded[piece[a:b]], a, b) for a, b in places)
            if len(piece) <= _LONGEST:
                self._tokens[piece] = known
        return known

    def key_changed(self, term: str) -> None:
        """From now on this term is a key, or is none any more."""
        self._keyed.pop(term, None)
        for piece in self._carriers.get(term, ()):
            self._keyed.pop(piece, None)

    def add_prefix(self, start: str) -> None:
        """From now on words that begin so carry the term `start*`; a pattern is its own term."""
        if is_pattern(start):
            if self._patterns.add(start):
                self._forget()
            return
        self._prefixes[start] += 1
        if self._prefixes[start] > 1:
            return
        self._lengths[len(start)] += 1
        for word in self._starting.get(start[:MIN_PREFIX], ()):
            if word.startswith(start):
                for piece in (word, *self._carriers.get(word, ())):
                    self._pieces.pop(piece, None)
                    self._keyed.pop(piece, None)

    def remove_prefix(self, start: str) -> None:
        """Undo one `add_prefix`. Pieces that still carry the term do no harm: nobody asks."""
        if is_pattern(start):
            self._patterns.remove(start)
            return
        self._prefixes[start] -= 1
        if self._prefixes[start]:
            return
        del self._prefixes[start]
        self._lengths[len(start)] -= 1
        if not self._lengths[len(start)]:
            del self._lengths[len(start)]

    def _find_keys(self, piece: str) -> Terms:
        terms = self._pieces[piece]
        found = tuple(filter(self._keys.__contains__, terms))
        if len(piece) <= _LONGEST:
            self._keyed[piece] = found
        return found

    def _learn(self, piece: str) -> Terms:
        """The terms of a piece not known yet; which pieces carry a word is noted, for changes."""
        if tokens.is_plain(piece):
            words = [fold(piece)]
        else:
            # A set first: a piece made of one emoji, ten thousand times, is one word to fold.
            words = [fold(word) for word in set(tokens.words(piece)) if word.strip("_")]
        terms = tuple(words) if not self._prefixes else self._with_prefixes(words)
        if self._patterns:
            terms = (*terms, *chain.from_iterable(map(self._patterns.met, words)))
        if "@" in piece or "＠" in piece:
            named = (handles(handle) for handle, _, _ in mentions(piece))
            terms = (*terms, *(f"@{handle}" for handle in chain.from_iterable(named)))
        if "#" in piece or "\uff03" in piece:
            terms = (*terms, *(hashtag_term(tag) for tag, _, _ in tokens.hashtags(piece)))
        if len(piece) <= _LONGEST:
            self._remember(piece, words, terms)
        else:
            self._whole = False
        return terms

    def _remember(self, piece: str, words: Iterable[str], terms: Terms) -> None:
        self._pieces[piece] = terms
        self._characters += len(piece)
        for word in words:
            self._starting[word[:MIN_PREFIX]].add(word)
        for term in terms:
            if term != piece:
                self._carriers[term].append(piece)

    def _with_prefixes(self, words: Iterable[str]) -> Terms:
        met = [
            f"{start}*"
            for word in words
            for length in self._lengths
            if (start := word[:length]) in self._prefixes and length <= len(word)
        ]
        return (*words, *met)


def hashtag_terms(post: Post) -> Iterator[str]:
    """The post's hashtags as terms, from its texts and from its list."""
    for text in (post.title, post.text):
        for tag, _, _ in tokens.hashtags(text):
            yield hashtag_term(tag)
    for tag in post.hashtags:
        yield hashtag_term(tag)


def hashtag_term(tag: str) -> str:
    """The term of a hashtag, written with its sign or without."""
    return "#" + fold(tag.strip().lstrip("#\uff03"))
