"""A post as seen by the topics that may meet it: positions are computed once, when first needed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Final, Literal

from connectors.post import Post
from streams.criteria import tokens
from streams.criteria.vocabulary import Vocabulary, hashtag_term
from streams.records import Span

FieldName = Literal["title", "text"]
Stretch = tuple[int, int, int]
"""Field (0 title, 1 text, 2 hashtags), start and end: sorts as spans are shown."""

_NAMES: Final[tuple[Literal["title", "text", "hashtags"], ...]] = ("title", "text", "hashtags")
_BETWEEN: Final = "\0"  # in no folded word


class Document:
    """One post; `terms` are those of `Vocabulary.terms`."""

    def __init__(self, post: Post, terms: set[str], vocabulary: Vocabulary) -> None:
        self.post = post
        self.terms = terms
        self._vocabulary = vocabulary

    @cached_property
    def _fields(self) -> list[tuple[list[str], list[tuple[int, int]]]]:
        """The folded words of title and text, and where they stand."""
        fields = []
        for text in (self.post.title, self.post.text):
            where = tokens.spans(text) if text else []
            fields.append(([self._vocabulary.fold(text[a:b]) for a, b in where], where))
        return fields

    @cached_property
    def _joined(self) -> str:
        """All words in order, so that a phrase is a substring; no phrase crosses the fields."""
        return "".join(f"\0{_BETWEEN.join(words)}\0" for words, _ in self._fields)

    def has_phrase(self, terms: Sequence[str]) -> bool:
        """Whether the words stand one after the other. Linear in the text."""
        return self.terms.issuperset(terms) and f"\0{_BETWEEN.join(terms)}\0" in self._joined

    def spans(self, hits: Iterable[str | tuple[str, ...]]) -> list[Span]:
        """Where terms and phrases stand, sorted and merged."""
        found: list[Stretch] = []
        for hit in hits:
            found.extend(self._phrase(hit) if isinstance(hit, tuple) else self._where[hit])
        return [Span(_NAMES[field], start, end) for field, start, end in merged(found)]

    @cached_property
    def _where(self) -> dict[str, list[Stretch]]:
        """Each term of the post to where it stands."""
        where: defaultdict[str, list[Stretch]] = defaultdict(list)
        for field, (words, bounds) in enumerate(self._fields):
            for word, (start, end) in zip(words, bounds, strict=True):
                where[word].append((field, start, end))
        for word, prefixes in self._vocabulary.prefixed(where.keys()):
            for prefix in prefixes:
                where[prefix].extend(where[word])
        if any(term[0] == "#" for term in self.terms):
            self._add_hashtags(where)
        return where

    def _add_hashtags(self, where: dict[str, list[Stretch]]) -> None:
        in_text: set[str] = set()
        for field, text in enumerate((self.post.title, self.post.text)):
            for tag, start, end in tokens.hashtags(text):
                in_text.add(hashtag_term(tag))
                where[hashtag_term(tag)].append((field, start, end))
        for at, tag in enumerate(self.post.hashtags):
            if hashtag_term(tag) not in in_text:
                where[hashtag_term(tag)].append((2, at, at + 1))

    def _phrase(self, terms: tuple[str, ...]) -> Iterator[Stretch]:
        for field, (words, bounds) in enumerate(self._fields):
            for last in occurrences(words, terms):
                yield field, bounds[last - len(terms) + 1][0], bounds[last][1]


def occurrences(words: Sequence[str], phrase: Sequence[str]) -> Iterator[int]:
    """Where the phrase ends, overlaps included: Knuth, Morris and Pratt's search, linear."""
    borders = [0]
    for word in phrase[1:]:
        length = borders[-1]
        while length and word != phrase[length]:
            length = borders[length - 1]
        borders.append(length + (word == phrase[length]))
    met = 0
    for at, word in enumerate(words):
        while met and (met == len(phrase) or word != phrase[met]):
            met = borders[met - 1]
        met += word == phrase[met]
        if met == len(phrase):
            yield at


def merged(stretches: list[Stretch]) -> list[Stretch]:
    """Sorted by field and place; what overlaps or touches is one."""
    result: list[Stretch] = []
    for field, start, end in sorted(stretches):
        if result and result[-1][0] == field and start <= result[-1][2] and field != 2:
            result[-1] = (field, result[-1][1], max(end, result[-1][2]))
        else:
            result.append((field, start, end))
    return result
