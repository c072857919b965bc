"""What is usual for a topic: mentions an hour of the day, and how far chance strays from it.

Learned from whole hours. A value is never changed: learning gives another one, so that the states
of the last two days cost little and late posts can be learned again.
"""

from collections.abc import Sequence
from math import log10
from typing import Final

import msgspec

HOUR: Final = 3600
BUCKETS_AN_HOUR: Final = 12
WINDOWS: Final = (3, 12, 36, 72)
"""Buckets of the windows that are judged: a quarter of an hour, one hour, three, six."""
DAYS: Final = 14
"""Days that an hour of the day is remembered for: two of each day of the week."""
KNOWS_AFTER: Final = 60
"""Hours until a topic's usual is known: each hour of the day was seen twice, its neighbours more."""
_PRIOR_HOURS: Final = 24.0
"""The first guess of the spread weighs as much as this many hours."""
_MEMORY: Final = 0.997
"""A spread's hour of a fortnight ago weighs a third."""
_MOST: Final = 12.0
"""A squared residual beyond that is no longer chance, and is learned as this."""

Row = tuple[float, float, float]
"""All, negative and positive mentions."""
Spread = tuple[float, float]
"""Weight and sum of squared residuals."""
LOUD: Final = 10_000
"""Followers below which no author is news."""
NOTHING: Final[Row] = (0.0, 0.0, 0.0)


class Usual(msgspec.Struct, frozen=True):
    """`hours[h]` holds the last days' counts of that hour (UTC), `spreads[series][window]` how far
    the windows of all and of negative mentions strayed. `known` hours were learned."""

    hours: tuple[tuple[Row, ...], ...] = ((),) * 24
    spreads: tuple[tuple[Spread, ...], ...] = (((0.0, 0.0),) * len(WINDOWS),) * 2
    known: int = 0
    grades: tuple[float, float] = (0.0, 0.0)
    """How many grades there were, and their sum."""
    loudness: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Weight, sum and sum of squares of log10 of the followers of each hour's loudest author."""

    @property
    def knows(self) -> bool:
        return self.known >= KNOWS_AFTER

    def expected(self, hour: int) -> Row:
        """Mentions in that hour of the day: of the same hour and its neighbours, over the days,
        the mean without the highest and the lowest sixth."""
        own = self.hours[hour % 24]
        rows = [row for near in (hour - 1, hour, hour + 1) for row in self.hours[near % 24]]
        if not rows:
            return NOTHING
        return (
            _rate([row[0] for row in own], [row[0] for row in rows]),
            _rate([row[1] for row in own], [row[1] for row in rows]),
            _rate([row[2] for row in own], [row[2] for row in rows]),
        )

    def spread(self, series: int, window: int, expected: float) -> float:
        """Variance over mean of all (0) or negative (1) mentions in a window of `WINDOWS`."""
        weight, total = self.spreads[series][window]
        first = 1.2 + 0.02 * expected
        return max(1.0, (first * _PRIOR_HOURS + total) / (_PRIOR_HOURS + weight))

    def learned(self, hour: int, row: Row, residuals: Sequence[Sequence[float]]) -> "Usual":
        """With one more hour; `residuals` are (count - expected)² / expected of the windows that
        end with it, for all and for negative mentions; a negative number is none."""
        at = hour % 24
        kept = (*self.hours[at][-(DAYS - 1) :], row)
        hours = (*self.hours[:at], kept, *self.hours[at + 1 :])
        spreads = tuple(
            tuple(_stray(old, new) for old, new in zip(olds, news, strict=True))
            for olds, news in zip(self.spreads, residuals, strict=True)
        )
        return Usual(hours, spreads, self.known + 1, self.grades, self.loudness)

    def heard(self, rated: int, grades: float, followers: int) -> "Usual":
        """With an hour's grades and the followers of its loudest author."""
        if not rated and not followers:
            return self
        weight, total, squares = self.loudness
        if followers:
            loud = log10(1 + followers)
            weight, total, squares = (
                weight * _MEMORY + 1, total * _MEMORY + loud, squares * _MEMORY + loud * loud,
            )  # fmt: skip
        known, given = self.grades
        known, given = known * _MEMORY + rated, given * _MEMORY + grades
        return Usual(
            self.hours, self.spreads, self.known, (known, given), (weight, total, squares)
        )

    @property
    def loud(self) -> float:
        """Followers from which an author is far louder than those of this topic: ten times and
        three standard deviations."""
        weight, total, squares = self.loudness
        if weight < 1:
            return float(LOUD)
        mean = total / weight
        deviation = max(0.0, squares / weight - mean * mean) ** 0.5
        return max(float(LOUD), 10.0 ** min(12.0, mean + max(1.0, 3 * deviation)))


def _stray(old: Spread, new: float) -> Spread:
    if new < 0:
        return old
    return old[0] * _MEMORY + 1.0, old[1] * _MEMORY + min(new, _MOST)


def _rate(own: list[float], near: list[float]) -> float:
    return 0.5 * (_trimmed(own or near) + _trimmed(near))


def _trimmed(values: list[float]) -> float:
    values.sort()
    cut = len(values) // 6
    kept = values[cut : len(values) - cut]
    return sum(kept) / len(kept)
