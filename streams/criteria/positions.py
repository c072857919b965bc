"""Where the leaves of a query stand in a text, word by word. Built when a topic asks for it."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from heapq import heapify, heapreplace
from itertools import groupby, islice
from typing import Final, Literal, NamedTuple, TypeAlias

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


class Words(NamedTuple):
    """The folded words of a text, where each starts and where it ends.

    Numbers in lists of their own: pairs of them would keep the garbage collector busy.
    """

    folded: list[str]
    starts: list[int]
    ends: list[int]


Unit = Literal["sentence", "paragraph"]

MAX_PLACES: Final = 1000
"""How many places of each part of a query are looked at: more are in no honest post."""

_Run = tuple[int, int, int]
"""Text, first word, last word."""


Place: TypeAlias = tuple[int, int, int, int, int]
"""In which text, from which word to which, from which character to before which.

A plain tuple: a thousand of them, with names, would take as long as finding them.
"""


def beginning(start: str, ordered: Sequence[str]) -> Sequence[str]:
    """The words that begin so, of sorted ones. Linear in those found alone."""
    first = last = bisect_left(ordered, start)
    while last < len(ordered) and ordered[last].startswith(start):
        last += 1
    return ordered[first:last]


def read(text: str) -> Words:
    """The words of a text."""
    bounds = tokens.spans(text)
    folded = [fold(text[start:end]) for start, end in bounds]
    return Words(folded, [start for start, _ in bounds], [end for _, end in bounds])


class Area:
    """Texts that are searched together, each read for itself. `language` is `primary`."""

    def __init__(self, texts: Sequence[str], words: Sequence[Words], language: str) -> None:
        self._texts = texts
        self._words = words
        self._language = language
        self._starts: dict[tuple[Unit, int], list[int]] = {}
        self._stemmed: dict[str, dict[str, list[Place]]] = {}

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
                return sorted(self._stems(leaf))[:MAX_PLACES]
            case _:
                return [self._place(*run) for run in self._ordered(leaf)]

    def _ordered(self, leaf: Word | Prefix | Pattern | Phrase | Sloppy) -> Iterable[_Run]:
        match leaf:
            case Word(term):
                return islice(self._spots(term), MAX_PLACES)
            case Prefix(start):
                return self._standing(beginning(start, self._sorted))
            case Pattern(term):
                words = dict.fromkeys(word for where in self._where for word in where)
                return self._standing([word for word in words if patterns.fits(term, word)])
            case Phrase(terms):
                return islice(self._runs(terms), MAX_PLACES)
            case Sloppy():
                return islice(self._sloppy(leaf), MAX_PLACES)

    def unit(self, kind: Unit, place: Place) -> int | None:
        """The number of the sentence or paragraph that the place lies in, if in one alone."""
        text, _, _, start, end = place
        starts = self._starts.get((kind, text))
        if starts is None:
            find = sentences if kind == "sentence" else paragraphs
            starts = self._starts[kind, text] = find(self._texts[text])
        number = bisect_right(starts, start)
        return number if bisect_left(starts, end) == number else None

    @cached_property
    def _where(self) -> list[dict[str, list[int]]]:
        """For each text its words, and the positions that each has there."""
        found = []
        for words in self._words:
            where: defaultdict[str, list[int]] = defaultdict(list)
            for at, word in enumerate(words.folded):
                where[word].append(at)
            found.append(dict(where))
        return found

    @cached_property
    def _sorted(self) -> list[str]:
        """All words, each once, so that those with one beginning are side by side."""
        return sorted({word for where in self._where for word in where})

    def _place(self, text: int, first: int, last: int) -> Place:
        words = self._words[text]
        return text, first, last, words.starts[first], words.ends[last]

    def _spots(self, term: str) -> Iterator[_Run]:
        for text, where in enumerate(self._where):
            for at in where.get(term, ()):
                yield text, at, at

    def _standing(self, words: Sequence[str]) -> Iterable[_Run]:
        """The first places of the words, which are all different."""
        found = []
        for text, where in enumerate(self._where):
            spots = (where[word][:MAX_PLACES] for word in words if word in where)
            found += [(text, at, at) for at in sorted(at for some in spots for at in some)]
        return found[:MAX_PLACES]

    def _stems(self, leaf: Stem) -> Iterable[Place]:
        if self._language not in stems.NAMES:
            return (
                place
                for word in beginning(leaf.start, self._sorted)
                for as_written, place in self._forms(word)
                if stems.fits(leaf, as_written, word, self._language)
            )
        found = {place for _, place in self._forms(leaf.word)}
        for language, stem in leaf.stems:
            if language == self._language:
                found.update(self._with_stem(leaf.start).get(stem, ()))
        return found

    def _with_stem(self, start: str) -> dict[str, list[Place]]:
        """The places of the words that begin so, by their stem: once for all leaves."""
        known = self._stemmed.get(start)
        if known is None:
            places: defaultdict[str, list[Place]] = defaultdict(list)
            for word in beginning(start, self._sorted):
                for as_written, place in self._forms(word):
                    places[stems.stem(self._language, as_written)].append(place)
            known = self._stemmed[start] = dict(places)
        return known

    def _forms(self, word: str) -> Iterator[tuple[str, Place]]:
        """Each place of a folded word, with how it is written there."""
        for text, where in enumerate(self._where):
            for at in where.get(word, ()):
                place = self._place(text, at, at)
                yield self._texts[text][place[3] : place[4]], place

    def _marked(
        self,
        find: Callable[[str], Iterator[tuple[str, int, int]]],
        wanted: Callable[[str], bool],
    ) -> list[Place]:
        """Tags or handles: the words in them, with the sign before."""
        found: list[Place] = []
        for number, text in enumerate(self._texts):
            words = self._words[number]
            for name, start, end in find(text):
                if wanted(name):
                    first = bisect_right(words.ends, start)
                    last = bisect_left(words.starts, end) - 1
                    found.append((number, first, max(first, last), start, end))
        return found[:MAX_PLACES]

    def _runs(self, terms: Sequence[str]) -> Iterator[_Run]:
        """Where the words stand one after the other: tried where the rarest of them stands."""
        wanted = list(terms)
        for text, where in enumerate(self._where):
            rarest = min(range(len(terms)), key=lambda at: len(where.get(terms[at], ())))
            words = self._words[text].folded
            for at in where.get(terms[rarest], ()):
                first = at - rarest
                if first >= 0 and words[first : first + len(wanted)] == wanted:
                    yield text, first, first + len(wanted) - 1

    def _as_written(self, leaf: Written) -> Iterator[Place]:
        for text, first, last in self._runs(leaf.terms):
            words, stood = self._words[text], slice(first, last + 1)
            bounds = list(zip(words.starts[stood], words.ends[stood], strict=True))
            if written.stands(leaf, self._texts[text], bounds):
                yield text, first, last, *written.extent(leaf, bounds)

    def _sloppy(self, leaf: Sloppy) -> Iterator[_Run]:
        for text, where in enumerate(self._where):
            cut = {term: where.get(term, [])[:MAX_PLACES] for term in leaf.terms}
            spots = [cut[term] for term in leaf.terms]
            for (first, last), _ in groupby(windows(leaf.terms, spots, leaf.slop)):
                yield text, first, last


def windows(
    terms: Sequence[str], spots: Sequence[Sequence[int]], slop: int
) -> Iterator[tuple[int, int]]:
    """The first and the last word of each place of a sloppy phrase; `spots` are those of each term.

    A place is one spot for each term, all different, of which the distances from where the terms
    stand in the phrase differ by at most `slop`: what Lucene's matcher looks for. For each
    smallest distance the nearest spots are taken. Sorted, but the same may come again.

    Each term passes each of its spots at most once.
    """
    taken = _first_spots(terms, spots)
    if taken is None:
        return
    twins = _twins(terms)
    nearest = [(at - term, term) for term, at in enumerate(taken)]
    largest, last, told = max(nearest)[0], max(taken), -len(terms)
    heapify(nearest)
    while True:
        distance, term = nearest[0]
        if taken[term] - term > distance:  # it had to make way for a twin
            heapreplace(nearest, (taken[term] - term, term))
            continue
        if (met := largest - distance <= slop) and distance > told:
            told = distance
            yield min(taken), last
        least = term + (distance + 1 if met else largest - slop)
        moved = term
        while moved >= 0 and taken[moved] < least:
            number = bisect_left(spots[moved], least)
            if number == len(spots[moved]):
                return
            at = taken[moved] = spots[moved][number]
            largest, last = max(largest, at - moved), max(last, at)
            least, moved = at + 1, twins[moved]
        heapreplace(nearest, (taken[term] - term, term))


def _first_spots(terms: Sequence[str], spots: Sequence[Sequence[int]]) -> list[int] | None:
    """The first spot of each term; of a word that stands twice, the first two."""
    stood: Counter[str] = Counter()
    taken = []
    for term, of_one in zip(terms, spots, strict=True):
        if stood[term] == len(of_one):
            return None
        taken.append(of_one[stood[term]])
        stood[term] += 1
    return taken


def _twins(terms: Sequence[str]) -> list[int]:
    """For each term where the same word stands next in the phrase, or -1."""
    twins, last = [-1] * len(terms), dict[str, int]()
    for number, term in enumerate(terms):
        if term in last:
            twins[last[term]] = number
        last[term] = number
    return twins
