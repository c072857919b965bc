"""What is usual for a topic: mentions an hour of the day, and how far chance strays from it.

Learned from whole hours. A value is never changed: learning gives another one, so that the states
of the last two days cost little and late posts can be learned again.
"""

from array import array
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

_THURSDAY: Final = 3  # the first day of 1970
_WEEK: Final = 8 * 24
_FLAT: Final = (1.0,) * 7
_WEEKDAY_PRIOR: Final = 31.0
"""Hours that a weekday is drawn to the others by."""
_WEEKDAY_MEMORY: Final = 0.995
"""For one of its hours: half is forgotten in six weeks."""
_SHARE_FIRST: Final = 0.01
"""The first guess of how the share strays,"""
_SHARE_FIRST_WEIGHT: Final = 300.0
"""and what it weighs."""

Row = tuple[float, float, float]
"""All, negative and positive mentions."""
Strayed = tuple[float, float]
"""What came and what was expected."""
Weekday = tuple[float, float, float]
"""What came, what its hours let expect, and how many they were, fading."""
Spread = tuple[float, float]
"""Squares beyond Poisson's, and squares of what was expected, added up: busy hours tell most."""
LOUD: Final = 10_000
"""Followers below which no author is news."""
NOTHING: Final[Row] = (0.0, 0.0, 0.0)


class Usual(msgspec.Struct, frozen=True):
    """`hours[h]` holds the last days' rows of that hour (UTC), one after the other,
    `spreads[series][window]` how far the windows of all and of negative mentions strayed. `known`
    hours were learned."""

    hours: tuple["array[float]", ...] = (array("d"),) * 24
    weekdays: tuple[Weekday, ...] = ((0.0, 0.0, 0.0),) * 7
    spreads: tuple[tuple[Spread, ...], ...] = (((0.0, 0.0),) * len(WINDOWS),) * 2
    shares: tuple[Spread, ...] = ((0.0, 0.0),) * len(WINDOWS)
    """How far the negative share of a window strays beyond chance: squares, and what they would be
    if all its posts were alike."""
    known: int = 0
    grades: tuple[float, float] = (0.0, 0.0)
    """How many grades there were, and their sum."""
    loudness: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Weight, sum and sum of squares of log10 of the followers of each hour's loudest author."""

    @property
    def knows(self) -> bool:
        return self.known >= KNOWS_AFTER

    def expected(self, hour: int) -> Row:
        """Mentions in that hour, the next to be learned: of the same hour and its neighbours, over
        the days, the mean without the highest and the lowest sixth; times what its weekday has."""
        today, factors = hour // 24, self._factors()
        before, own, after = (self.hours[(hour + n) % 24] for n in (-1, 0, 1))
        if not (before or own or after):
            return NOTHING
        flat = _levelled(own, today - 1, factors)
        earlier = _levelled(before, (hour - 1) // 24, factors)
        later = _levelled(after, (hour + 1) // 24 - 1, factors)
        factor = factors[(today + _THURSDAY) % 7]
        every, negative, positive = (
            factor * _rate(flat[n], [*flat[n], *earlier[n], *later[n]]) for n in range(3)
        )
        return every, negative, positive

    def _factors(self) -> Sequence[float]:
        """What each weekday has of what its hours let expect, drawn to 1 while it is little; 1
        while not all were seen."""
        if self.known < _WEEK:
            return _FLAT
        hours = sum(one[2] for one in self.weekdays)
        level = sum(one[1] for one in self.weekdays) / hours if hours else 0.0
        prior = _WEEKDAY_PRIOR * (level + 0.02)
        return [(came + prior) / (base + prior) for came, base, _ in self.weekdays]

    def dispersion(self, series: int, window: int, expected: float) -> float:
        """Of all (0) or negative (1) mentions in a window of `WINDOWS`: the variance of one of
        which m are expected is m + dispersion * m**2."""
        squares, weight = self.spreads[series][window]
        first = _FIRST_WEIGHT * (expected * expected + 0.05)
        return max(0.0, (squares + _FIRST[window] * first) / (weight + first))

    def share_spread(self, window: int) -> float:
        """The correlation of two posts of a window in being negative, that of the beta-binomial
        law: opinions come in waves."""
        squares, weight = self.shares[window]
        first = _SHARE_FIRST_WEIGHT
        return min(max((squares + first * _SHARE_FIRST) / (weight + first), 0.0), 1.0)

    def learned(
        self,
        hour: int,
        row: Row,
        windows: Sequence[Sequence[Strayed]],
        *,
        expected: Row | None = None,
    ) -> "Usual":
        """With one more hour; `windows` are the counts and expectations of those that end with
        it, of all and of negative mentions; none where it is not known what to expect. `expected`
        is what `expected(hour)` gave, where that was asked before."""
        at = hour % 24
        usual = self.expected(hour) if expected is None else expected
        believed = self._believed(usual, row)
        kept = self.hours[at][-3 * (DAYS - 1) :] + array("d", believed)
        hours = (*self.hours[:at], kept, *self.hours[at + 1 :])
        spreads, shares = self.spreads, self.shares
        if windows:
            shares = tuple(
                self._share_strayed(n, *both) for n, both in enumerate(zip(*windows, strict=True))
            )
            spreads = tuple(
                tuple(self._stray(series, n, *one) for n, one in enumerate(some))
                for series, some in enumerate(windows)
            )
        return msgspec.structs.replace(
            self,
            hours=hours,
            weekdays=self._weekday(hour, believed[0], usual[0]),
            spreads=spreads,
            shares=shares,
            known=self.known + 1,
        )

    def _share_strayed(self, window: int, every: Strayed, negative: Strayed) -> Spread:
        usual = usual_share(negative[1], every[1])
        came = every[0]
        variance = usual * (1.0 - usual) * came
        alike = variance * max(0.0, came - 1.0)
        most = _MOST * (variance + alike * self.share_spread(window))
        squares = min((negative[0] - usual * came) ** 2, most) - variance
        old = self.shares[window]
        return old[0] * _MEMORY + squares, old[1] * _MEMORY + alike

    def _believed(self, usual: Row, row: Row) -> Row:
        """The hour's counts, no further above what is usual than chance goes: else a crisis of an
        hour would be the usual of its days."""
        if self.known <= 24:
            return row
        return (
            min(row[0], self._most(0, usual[0])),
            min(row[1], self._most(1, usual[1])),
            min(row[2], self._most(0, usual[2])),
        )

    def _weekday(self, hour: int, came: float, usual: float) -> tuple[Weekday, ...]:
        if self.known <= 24:
            return self.weekdays
        at = (hour // 24 + _THURSDAY) % 7
        base = usual / self._factors()[at]
        old = self.weekdays[at]
        new = (
            old[0] * _WEEKDAY_MEMORY + came,
            old[1] * _WEEKDAY_MEMORY + base,
            old[2] * _WEEKDAY_MEMORY + 1.0,
        )
        return (*self.weekdays[:at], new, *self.weekdays[at + 1 :])

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
        loudness = (weight, total, squares)
        return msgspec.structs.replace(self, grades=(known, given), loudness=loudness)

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


def _levelled(rows: "array[float]", last: int, factors: Sequence[float]) -> list[list[float]]:
    """Each series of the days up to the day `last`, as if all were an average weekday."""
    if factors is _FLAT:
        return [list(rows[n::3]) for n in range(3)]
    days = len(rows) // 3
    at = (last + 1 - days + _THURSDAY) % 7
    own = [*factors[at:], *factors[:at]] * (days // 7 + 1)
    return [[count / factor for count, factor in zip(rows[n::3], own)] for n in range(3)]  # noqa: B905 # days of whole weeks


def usual_share(negatives: float, expected: float) -> float:
    """Of so many expected mentions so many are negative: the share, drawn to a third."""
    return (negatives + 0.5) / (expected + 1.5)


def _rate(own: list[float], near: list[float]) -> float:
    return 0.5 * (_trimmed(own or near) + _trimmed(near))


def _trimmed(values: list[float]) -> float:
    values.sort()
    cut = len(values) // 6
    kept = values[cut : len(values) - cut]
    return sum(kept) / len(kept)
