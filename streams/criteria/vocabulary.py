"""The terms of a post: its folded words, its `#hashtags`, and the `prefix*`es its words meet.

All three live in one name space of strings, so that every later question about a post is a look
into a set. What a word folds to and which prefixes it meets is remembered, for posts repeat words.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Set
from typing import Final

from connectors.post import Post
from streams.criteria import tokens
from streams.criteria.folding import fold
from streams.criteria.terms import MIN_PREFIX

_MAX_WORDS: Final = 100_000
_MAX_CHARACTERS: Final = 2_000_000  # some 20 MB with what is kept about each word


class _Folds(dict[str, str]):
    """Written words to folded ones. `full` asks the owner to empty it between two posts."""

    def __init__(self, owner: "Vocabulary") -> None:
        super().__init__()
        self._owner = owner
        self._characters = 0
        self.full = False

    def __missing__(self, written: str) -> str:
        folded = self[written] = fold(written)
        self._characters += len(written)
        self.full = len(self) >= _MAX_WORDS or self._characters >= _MAX_CHARACTERS
        self._owner.learn(folded)
        return folded


class Vocabulary:
    """What the words of posts mean to the prefixes of the topics. Bounded memory."""

    def __init__(self) -> None:
        self._prefixes: Counter[str] = Counter()
        self._lengths: Counter[int] = Counter()
        self._forget()

    def _forget(self) -> None:
        self._folds = _Folds(self)
        self._fold = self._folds.__getitem__
        self._starting: defaultdict[str, set[str]] = defaultdict(set)
        self._met: dict[str, tuple[str, ...]] = {}

    def terms(self, post: Post) -> set[str]:
        """All terms of the post. Linear in its text."""
        if self._folds.full:
            self._forget()
        text, title = post.text, post.title
        written = tokens.words(text)
        if title:
            written += tokens.words(title)
        terms = set(map(self._fold, written))
        if post.hashtags or "#" in text or "#" in title or "\uff03" in text or "\uff03" in title:
            terms.update(hashtag_terms(post))
        met = self._met
        for word in met.keys() & terms:
            terms.update(met[word])
        return terms

    def fold(self, word: str) -> str:
        """The folded form, remembered."""
        return self._fold(word)

    def prefixed(self, words: Set[str]) -> list[tuple[str, tuple[str, ...]]]:
        """Those words of the last post that meet prefixes (`ab*`), with the prefixes they meet."""
        return [(word, self._met[word]) for word in self._met.keys() & words]

    def learn(self, folded: str) -> None:
        """Note a word that was not seen before."""
        group = self._starting[folded[:MIN_PREFIX]]
        if folded in group:
            return
        group.add(folded)
        met = tuple(
            f"{folded[:length]}*"
            for length in self._lengths
            if length <= len(folded) and folded[:length] in self._prefixes
        )
        if met:
            self._met[folded] = met

    def add_prefix(self, start: str) -> None:
        """From now on words that begin so carry the term `start*`."""
        self._prefixes[start] += 1
        if self._prefixes[start] > 1:
            return
        self._lengths[len(start)] += 1
        for word in self._known(start):
            self._met[word] = (*self._met.get(word, ()), f"{start}*")

    def remove_prefix(self, start: str) -> None:
        """Undo one `add_prefix`."""
        self._prefixes[start] -= 1
        if self._prefixes[start]:
            return
        del self._prefixes[start]
        self._lengths[len(start)] -= 1
        if not self._lengths[len(start)]:
            del self._lengths[len(start)]
        for word in self._known(start):
            left = tuple(term for term in self._met[word] if term != f"{start}*")
            if left:
                self._met[word] = left
            else:
                del self._met[word]

    def _known(self, start: str) -> list[str]:
        group = self._starting.get(start[:MIN_PREFIX], ())
        return [word for word in group if word.startswith(start)]


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
