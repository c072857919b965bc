"""The terms of a post: its folded words, its `#hashtags`, and the `prefix*`es its words meet.

All three live in one name space of strings, so that every later question about a post is a look
into a set. White space ends a word in every script: so a text is split at it, which is quick,
and what each piece stands for is remembered, for posts repeat their words.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Final

from connectors.post import Post
from streams.criteria import tokens
from streams.criteria.folding import fold
from streams.criteria.links import handles, mentions
from streams.criteria.patterns import Patterns, is_pattern

Terms = tuple[str, ...]
Token = tuple[str, int, int]
"""A folded word, and where it starts and ends in its piece."""

_MAX_CHARACTERS: Final = 200_000  # some 8 MB with what is kept about each piece
_LONGEST: Final = 40  # addresses and runs of ideographs: they hardly ever come again


class _Remembered(dict[str, Terms]):
    """Answers by piece; what is not known is asked of `find`, which may remember it here."""

    def __init__(self, find: Callable[[str], Terms]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, piece: str) -> Terms:
        return self._find(piece)


class Vocabulary:
    """What the words of posts mean to the topics. Bounded memory."""

    def __init__(self) -> None:
        self._prefixes: Counter[str] = Counter()
        self._lengths: Counter[int] = Counter()
        self._patterns = Patterns()
        self._forget()

    def _forget(self) -> None:
        self._pieces = _Remembered(self._learn)
        self._tokens: dict[str, tuple[Token, ...]] = {}
        self._characters = 0

    def terms(self, post: Post) -> set[str]:
        """All terms of the post. Linear in its text."""
        if self._characters > _MAX_CHARACTERS:
            self._forget()
        pieces = f"{post.title} {post.text}".split()
        terms = set(chain.from_iterable(map(self._pieces.__getitem__, pieces)))
        if post.hashtags:
            terms.update(map(hashtag_term, post.hashtags))
        return terms

    def carriers(self, term: str, text: str) -> list[str]:
        """The different pieces of a text that carry the term."""
        return [piece for piece in set(text.split()) if term in self._pieces[piece]]

    def places(self, term: str, piece: str) -> list[tuple[int, int]]:
        """Where a word, a `#tag` or a `prefix*` stands in a piece."""
        if term[0] == "#" and len(term) > 1:
            tags = tokens.hashtags(piece)
            return [(start, end) for tag, start, end in tags if hashtag_term(tag) == term]
        begins = term[:-1] if term[-1] == "*" and len(term) > 1 else None
        return [
            (start, end)
            for word, start, end in self.tokens(piece)
            if word == term or (begins is not None and word.startswith(begins))
        ]

    def tokens(self, piece: str) -> tuple[Token, ...]:
        """The words of a piece of text without white space, in order."""
        known = self._tokens.get(piece)
        if known is None:
            places = tokens.spans(piece)
            folded = {word: fold(word) for word in {piece[a:b] for a, b in places}}
            known = tuple((folded[piece[a:b]], a, b) for a, b in places)
            if len(piece) <= _LONGEST:
                self._tokens[piece] = known
                self._characters += len(piece)
        return known

    def add_prefix(self, start: str) -> None:
        """From now on words that begin so carry the term `start*`; a pattern is its own term."""
        if is_pattern(start):
            if self._patterns.add(start):
                self._forget()
            return
        self._prefixes[start] += 1
        if self._prefixes[start] == 1:
            self._lengths[len(start)] += 1
            self._forget()

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
            self._pieces[piece] = terms
            self._characters += len(piece)
        return terms

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
