"""Counts of topics and buckets, put together from the parts that a store groups by."""

from collections.abc import Iterable

import msgspec

from streams.records import SentimentLabel
from streams.store.port import Counts, TopicCounts


class Part(msgspec.Struct, gc=False):
    """Mentions of one bucket that have topic, tone, author and best grade in common. `ratings` adds
    up the grades of the `rated` ones; `author` is empty for nobody."""

    topic: str
    start: int
    tone: SentimentLabel
    count: int
    author: str = ""
    followers: int = 0
    rated: int = 0
    ratings: float = 0.0
    best: float = 0.0


class _Sum:
    def __init__(self) -> None:
        self.tones: dict[str, int] = {}
        self.authors: dict[str, int] = {}
        self.rated = 0
        self.ratings = 0.0

    def add(self, part: Part) -> None:
        self.tones[part.tone] = self.tones.get(part.tone, 0) + part.count
        if part.author:
            known = self.authors.get(part.author, 0)
            self.authors[part.author] = max(known, part.followers)
        if part.rated and part.best > 0:
            self.rated += part.rated
            self.ratings += min(max(part.ratings / part.best, 0.0), part.rated)

    def counts(self) -> Counts:
        loudest = max(self.authors.items(), key=lambda one: (one[1], one[0]), default=("", 0))
        return Counts(
            total=sum(self.tones.values()),
            **self.tones,
            authors=len(self.authors),
            reach=sum(self.authors.values()),
            rated=self.rated,
            rating_sum=round(self.ratings, 9),
            loudest=loudest[0] if loudest[1] else "",
            followers=loudest[1],
        )


def folded(parts: Iterable[Part]) -> list[TopicCounts]:
    """One entry a topic and bucket, in their order."""
    sums: dict[tuple[str, int], _Sum] = {}
    for part in parts:
        key = part.topic, part.start
        if key not in sums:
            sums[key] = _Sum()
        sums[key].add(part)
    return [TopicCounts(*key, sums[key].counts()) for key in sorted(sums)]
