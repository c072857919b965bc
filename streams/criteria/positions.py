"""Where the leaves of a query stand in a text, word by word. Built when a topic asks for it."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, islice
from typing import Final, Literal, NamedTuple

from streams.criteria import links, patterns, stems, tokens, written
from streams.criteria.folding import fold
from streams.criteria.sentences import paragraphs, sentences
from streams.criteria.syntax import (
    Hashtag,
    Mention,
    Pattern,
    Phrase,
    Placed,
    Prefix,
    Sloppy,
    Stem,
    Word,
    Written,
)

Words = tuple[list[str], list[tuple[int, int]]]
"""The folded words of a text, and where each starts and ends."""

Unit = Literal["sentence", "paragraph"]


MAX_PLACES: Final = 2000
"""How many places of each part of a query are looked at: more are in no honest post."""

_Run = tuple[int, int, int]
"""Text, first word, last word."""


class Place(NamedTuple):
    """In which text, from which word to which, from which character to before which."""

    text: int
    first: int
    last: int
    start: int
    end: int


def read(text: str) -> Words:
    """The words of a text."""
    bounds = tokens.spans(text)
    return [fold(text[start:end]) for start, end in bounds], bounds


class Area:
    """Texts that are searched together, each read for itself. `language` is `primary`."""

    def __init__(self, texts: Sequence[str], words: Sequence[Words], language: str) -> None:
        self._texts = texts
        self._words = words
        self._language = language
        self._starts: dict[tuple[Unit, int], list[int]] = {}

    def places(self, leaf: Placed) -> list[Place]:
        """The first `MAX_PLACES`, sorted. Linear in the texts, but for the logarithms."""
        match leaf:
            case Hashtag(tag):
                return self._marked(tokens.hashtags, lambda name: fold(name) == tag)
            case Mention(handle):
                return self._marked(links.mentions, lambda name: handle in links.handles(name))
            case Written():
                return list(islice(self._as_written(leaf), MAX_PLACES))
            case Stem():
                return list(islice(self._stems(leaf), MAX_PLACES))
            case _:
                return [self._place(*run) for run in self._ordered(leaf)]

    def _ordered(self, leaf: Word | Prefix | Pattern | Phrase | Sloppy) -> Iterable[_Run]:
        match leaf:
            case Word(term):
                return ((text, at, at) for text, at in self._where.get(term, ())[:MAX_PLACES])
            case Prefix(start):
                return islice(self._meeting(lambda word: word.startswith(start)), MAX_PLACES)
            case Pattern(term):
                return islice(self._meeting(lambda word: patterns.fits(term, word)), MAX_PLACES)
            case Phrase(terms):
                return islice(self._runs(terms), MAX_PLACES)
            case Sloppy():
                return sorted(set(self._sloppy(leaf)))[:MAX_PLACES]

    def unit(self, kind: Unit, place: Place) -> int | None:
        """The number of the sentence or paragraph that the place lies in, if in one alone."""
        starts = self._starts.get((kind, place.text))
        if starts is None:
            find = sentences if kind == "sentence" else paragraphs
            starts = self._starts[kind, place.text] = find(self._texts[place.text])
        number = bisect_right(starts, place.start)
        return number if bisect_left(starts, place.end) == number else None

    @cached_property
    def _where(self) -> dict[str, list[tuple[int, int]]]:
        """Each word to the texts and positions it has there."""
        where: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for text, (words, _) in enumerate(self._words):
            for at, word in enumerate(words):
                where[word].append((text, at))
        return dict(where)

    def _place(self, text: int, first: int, last: int) -> Place:
        bounds = self._words[text][1]
        return Place(text, first, last, bounds[first][0], bounds[last][1])

    def _meeting(self, wanted: Callable[[str], bool]) -> list[_Run]:
        words = (spots for word, spots in self._where.items() if wanted(word))
        return [(text, at, at) for text, at in sorted(chain.from_iterable(words))]

    def _stems(self, leaf: Stem) -> Iterator[Place]:
        for run in self._meeting(lambda word: word.startswith(leaf.start)):
            place = self._place(*run)
            as_written = self._texts[place.text][place.start : place.end]
            folded = self._words[place.text][0][place.first]
            if stems.fits(leaf, as_written, folded, self._language):
                yield place

    def _marked(
        self,
        find: Callable[[str], Iterator[tuple[str, int, int]]],
        wanted: Callable[[str], bool],
    ) -> list[Place]:
        """Tags or handles: the words in them, with the sign before."""
        found: list[Place] = []
        for number, text in enumerate(self._texts):
            bounds = self._words[number][1]
            for name, start, end in find(text):
                if wanted(name):
                    first = bisect_right(bounds, start, key=lambda bound: bound[1])
                    last = bisect_left(bounds, end, key=lambda bound: bound[0]) - 1
                    found.append(Place(number, first, max(first, last), start, end))
        return found[:MAX_PLACES]

    def _runs(self, terms: Sequence[str]) -> Iterator[_Run]:
        """Where the words stand one after the other: tried where the rarest of them stands."""
        rarest = min(range(len(terms)), key=lambda at: len(self._where.get(terms[at], ())))
        wanted = list(terms)
        for text, at in self._where.get(terms[rarest], ()):
            first = at - rarest
            words = self._words[text][0]
            if first >= 0 and words[first : first + len(wanted)] == wanted:
                yield text, first, first + len(wanted) - 1

    def _as_written(self, leaf: Written) -> Iterator[Place]:
        for text, first, last in self._runs(leaf.terms):
            bounds = self._words[text][1][first : last + 1]
            if written.stands(leaf, self._texts[text], bounds):
                yield Place(text, first, last, *written.extent(leaf, bounds))

    def _sloppy(self, leaf: Sloppy) -> Iterator[_Run]:
        for text in range(len(self._texts)):
            spots = [
                [at for where, at in self._where.get(term, ())[:MAX_PLACES] if where == text]
                for term in leaf.terms
            ]
            for first, last in windows(leaf.terms, spots, leaf.slop):
                yield text, first, last


def windows(
    terms: Sequence[str], spots: Sequence[Sequence[int]], slop: int
) -> Iterator[tuple[int, int]]:
    """The first and the last word of each place of a sloppy phrase; `spots` are those of each term.

    A place is one spot for each term, all different, of which the distances from where the terms
    stand in the phrase differ by at most `slop`: what Lucene's matcher looks for. For each
    smallest distance the nearest spots are taken.
    """
    distances = sorted({at - number for number, of_one in enumerate(spots) for at in of_one})
    least = distances[0] if all(spots) else None
    for distance in distances:
        if least is None or distance < least:
            continue
        taken = _nearest(terms, spots, distance)
        if taken is None:
            return
        largest = max(at - number for number, at in enumerate(taken))
        if largest - distance <= slop:
            yield min(taken), max(taken)
        else:
            least = max(distance, largest - slop)


def _nearest(
    terms: Sequence[str], spots: Sequence[Sequence[int]], distance: int
) -> list[int] | None:
    """For each term the first spot at that distance or a larger one; a word is taken but once."""
    taken: list[int] = []
    last: dict[str, int] = {}
    for number, (term, of_one) in enumerate(zip(terms, spots, strict=True)):
        at = bisect_left(of_one, max(distance + number, last.get(term, -1) + 1))
        if at == len(of_one):
            return None
        taken.append(of_one[at])
        last[term] = of_one[at]
    return taken
