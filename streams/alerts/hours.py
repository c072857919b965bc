"""What is usual for a topic: mentions an hour of the day, and how far chance strays from it.

Learned from whole hours. A value is never changed: learning gives another one, so that the states
of the last two days cost little and late posts can be learned again.
"""

from collections.abc import Sequence
from math import log10, sqrt
from typing import Final

import msgspec

HOUR: Final = 3600
BUCKETS_AN_HOUR: Final = 12
WINDOWS: Final = (3, 12, 36, 72)
"""Buckets of the windows that are judged: a quarter of an hour, one hour, three, six."""
DAYS: Final = 14
"""Days that an hour of the day is remembered for: two of each day of the week."""
KNOWS_AFTER: Final = 60
"""Hours until a topic's usual is known: each hour of the day was seen twice, or thrice."""
_FIRST: Final = (0.15, 0.12, 0.10, 0.08)
"""The first guess of the dispersion in each window."""
_HOURLY: Final = 1
"""The window of an hour, in `WINDOWS`."""
_FIRST_WEIGHT: Final = 12.0
_MEMORY: Final = 0.997
"""An hour of a fortnight ago weighs a third."""
_MOST: Final = 9.0
"""A squared residual so many times the variance is no longer chance, and is learned as this."""

Row = tuple[float, float, float]
"""All, negative and positive mentions."""
Strayed = tuple[float, float]
"""What came and what was expected."""
Spread = tuple[float, float]
"""Squares beyond Poisson's, and squares of what was expected, added up: busy hours tell most."""
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

    def dispersion(self, series: int, window: int, expected: float) -> float:
        """Of all (0) or negative (1) mentions in a window of `WINDOWS`: the variance of one of
        which m are expected is m + dispersion * m**2."""
        squares, weight = self.spreads[series][window]
        first = _FIRST_WEIGHT * (expected * expected + 0.05)
        return max(0.0, (squares + _FIRST[window] * first) / (weight + first))

    def learned(self, hour: int, row: Row, windows: Sequence[Sequence[Strayed]]) -> "Usual":
        """With one more hour; `windows` are the counts and expectations of those that end with
        it, of all and of negative mentions; none where it is not known what to expect."""
        at = hour % 24
        kept = (*self.hours[at][-(DAYS - 1) :], self._believed(at, row))
        hours = (*self.hours[:at], kept, *self.hours[at + 1 :])
        spreads = self.spreads
        if windows:
            spreads = tuple(
                tuple(self._stray(series, n, *one) for n, one in enumerate(some))
                for series, some in enumerate(windows)
            )
        return Usual(hours, spreads, self.known + 1, self.grades, self.loudness)

    def _believed(self, at: int, row: Row) -> Row:
        """The hour's counts, no further above what is usual than chance goes: else a crisis of an
        hour would be the usual of its days."""
        if self.known <= 24:
            return row
        usual = self.expected(at)
        return (
            min(row[0], self._most(0, usual[0])),
            min(row[1], self._most(1, usual[1])),
            min(row[2], self._most(0, usual[2])),
        )

    def _most(self, series: int, usual: float) -> float:
        variance = usual * (1.0 + self.dispersion(series, _HOURLY, usual) * usual)
        return usual + 4.0 * sqrt(variance) + 2.0

    def _stray(self, series: int, window: int, count: float, expected: float) -> Spread:
        old = self.spreads[series][window]
        dispersion = self.dispersion(series, window, expected)
        most = _MOST * expected * (1.0 + dispersion * expected)
        squares = min((count - expected) ** 2, most) - expected
        return old[0] * _MEMORY + squares, old[1] * _MEMORY + expected * expected

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
        return Usual(self.hours, self.spreads, self.known, (known, given), (weight, total, squares))

    @property
    def loud(self) -> float:
        """Followers from which an author is far louder than those of this topic: ten times and
        three standard deviations."""
        weight, total, squares = self.loudness
        if weight < 1:
            return float(LOUD)
        mean = total / weight
        deviation = max(0.0, squares / weight - mean * mean) ** 0.5
        return float(max(LOUD, 10.0 ** min(12.0, mean + max(1.0, 3 * deviation))))


def _rate(own: list[float], near: list[float]) -> float:
    return 0.5 * (_trimmed(own or near) + _trimmed(near))


def _trimmed(values: list[float]) -> float:
    values.sort()
    cut = len(values) // 6
    kept = values[cut : len(values) - cut]
    return sum(kept) / len(kept)
