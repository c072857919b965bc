"""A post as seen by the topics that may meet it: positions are computed once, when first needed."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, chain
from operator import add, itemgetter
from typing import Final, Literal, TypeGuard

from connectors.post import Post
from streams.criteria import tokens
from streams.criteria.facts import field_texts
from streams.criteria.positions import Area, Place, Words, beginning, read
from streams.criteria.vocabulary import Vocabulary, hashtag_term
from streams.records import Span

FieldName = Literal["title", "text"]
Stretch = tuple[int, int, int]
"""Field (0 title, 1 text, 2 hashtags), start and end: sorts as spans are shown."""

Hit = str | tuple[str, ...] | Place
"""A term or a phrase that a post carries, or a place in it."""

_NAMES: Final[tuple[Literal["title", "text", "hashtags"], ...]] = ("title", "text", "hashtags")
_PIECE: Final = re.compile(r"\S+")
_BETWEEN: Final = "\0"  # in no folded word
_MANY: Final = 16
_FEW: Final = 4
"""Different pieces that carry one word: with more, finding all words at once is quicker."""


class Document:
    """One post; `terms` are those of `Vocabulary.terms`."""

    def __init__(
        self, post: Post, terms: set[str], vocabulary: Vocabulary, language: str = ""
    ) -> None:
        self.post = post
        self.language = language
        self._areas: dict[str, Area] = {}
        self.places: dict[int, list[Place]] = {}  # by the id of the node, whose plan keeps it
        self.terms = terms
        self._vocabulary = vocabulary
        self._spans: dict[frozenset[Hit], list[Span]] = {}
        self._asked = 0
        self._stood: dict[str | tuple[str, ...], list[Stretch]] = {}

    @cached_property
    def _fields(self) -> list[Words]:
        """The words of title and text."""
        return [self._field(self.post.title), self._field(self.post.text)]

    def _field(self, text: str) -> Words:
        pieces = text.split()
        each = {piece: self._vocabulary.tokens(piece) for piece in set(pieces)}
        found = list(chain.from_iterable(map(each.__getitem__, pieces)))
        origins = list(starts(pieces, text))
        if any(len(some) != 1 for some in each.values()):
            origins = [at for at, piece in zip(origins, pieces, strict=True) for _ in each[piece]]
        return Words(
            list(map(itemgetter(0), found)),
            list(map(add, origins, map(itemgetter(1), found))),
            list(map(add, origins, map(itemgetter(2), found))),
        )

    def area(self, field: str = "text") -> Area:
        """Where leaves stand: in title and text together, or in a field that is neither."""
        name = "text" if field == "title" else field
        if name not in self._areas:
            texts = field_texts(name, self.post)
            words = self._fields if name == "text" else [read(text) for text in texts]
            self._areas[name] = Area(texts, words, self.language)
        return self._areas[name]

    @cached_property
    def _joined(self) -> str:
        """All words in order, so that a phrase is a substring; no phrase crosses the fields."""
        return "".join(f"\0{_BETWEEN.join(words.folded)}\0" for words in self._fields)

    def has_phrase(self, terms: Sequence[str]) -> bool:
        """Whether the words stand one after the other. Linear in the text."""
        return self.terms.issuperset(terms) and f"\0{_BETWEEN.join(terms)}\0" in self._joined

    def spans(self, hits: frozenset[Hit]) -> list[Span]:
        """Where terms, phrases and stretches stand, sorted and merged.

        Many topics have the same hits: what was answered is remembered.
        """
        known = self._spans.get(hits)
        if known is None:
            stretches = [(hit[0], hit[3], hit[4]) for hit in hits if _is_place(hit)]
            for hit in filter(_is_said, hits):
                stretches += self._stretches(hit)
            if len(stretches) > 1:
                stretches = merged(stretches)
            known = self._spans[hits] = [Span(_NAMES[field], a, b) for field, a, b in stretches]
        return known.copy()

    def _stretches(self, hit: str | tuple[str, ...]) -> Sequence[Stretch]:
        known = self._stood.get(hit)
        if known is None:
            known = self._stood[hit] = list(self._found(hit))
        return known

    def _found(self, hit: str | tuple[str, ...]) -> Iterable[Stretch]:
        if isinstance(hit, str):
            return self._standing(hit)
        return self._phrase(hit)

    def _standing(self, term: str) -> Iterable[Stretch]:
        """Where a term stands. Most posts carry it once: then only the pieces that do are looked
        for, at a tenth of the cost of finding all words, unless many terms are asked for."""
        self._asked += 1
        if self._asked > _MANY:
            return self._everywhere(term) or self._listed(term)
        found: list[Stretch] = []
        for field, text in enumerate((self.post.title, self.post.text)):
            pieces = self._vocabulary.carriers(term, text)
            if len(pieces) > _FEW:
                return self._everywhere(term)
            for piece in pieces:
                places = self._vocabulary.places(term, piece)
                for at in alone(piece, text):
                    found += [(field, at + a, at + b) for a, b in places]
        return found if found or term[0] != "#" else self._listed(term)

    def _everywhere(self, term: str) -> list[Stretch]:
        if term[-1] != "*" or len(term) == 1:
            return self._where.get(term, [])
        words = beginning(term[:-1], self._sorted)
        return [stretch for word in words for stretch in self._where[word]]

    def _listed(self, term: str) -> Iterable[Stretch]:
        """A hashtag that stands in the source's list alone."""
        tags = enumerate(self.post.hashtags)
        return [(2, at, at + 1) for at, tag in tags if hashtag_term(tag) == term]

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self._where)

    @cached_property
    def _where(self) -> dict[str, list[Stretch]]:
        """Each word and hashtag of the post to where it stands."""
        where: defaultdict[str, list[Stretch]] = defaultdict(list)
        for field, words in enumerate(self._fields):
            for word, start, end in zip(*words, strict=True):
                where[word].append((field, start, end))
            for tag, start, end in tokens.hashtags((self.post.title, self.post.text)[field]):
                where[hashtag_term(tag)].append((field, start, end))
        return dict(where)

    def _phrase(self, terms: tuple[str, ...]) -> Iterator[Stretch]:
        for field, words in enumerate(self._fields):
            for last in occurrences(words.folded, terms):
                yield field, words.starts[last - len(terms) + 1], words.ends[last]


def _is_place(hit: Hit) -> TypeGuard[Place]:
    return isinstance(hit[0], int)


def _is_said(hit: Hit) -> TypeGuard[str | tuple[str, ...]]:
    return isinstance(hit[0], str)


def starts(pieces: Sequence[str], text: str) -> Iterator[int]:
    """Where the pieces between white space start."""
    lengths = list(map(len, pieces))
    if sum(lengths) + len(pieces) - 1 == len(text):  # one character between any two
        return accumulate(lengths[:-1], lambda at, length: at + length + 1, initial=0)
    return map(re.Match.start, _PIECE.finditer(text))


def alone(piece: str, text: str) -> Iterator[int]:
    """Where a piece stands with white space, or nothing, on both sides."""
    at = text.find(piece)
    while at >= 0:
        end = at + len(piece)
        if (not at or text[at - 1].isspace()) and (end == len(text) or text[end].isspace()):
            yield at
            at = text.find(piece, end)
        else:
            at = text.find(piece, at + 1)


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
