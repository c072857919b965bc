"""What is usual for a topic at a time: level, trend, hour of day and day of week, learnt robustly.

The expectation is a product, `level x hour x weekday`. Each factor is a ratio of two fading sums,
what came over what the other factors made expected, drawn to 1 while little is known.
"""

from math import exp, log
from typing import Any, Final

from streams.alerts.factors import Factors

DAY: Final = 86_400

_LEVEL_DAYS: Final = 10.0
_HOUR_DAYS: Final = 16.0
_WEEKS: Final = 8.0
# Variances of logarithms that hours and weekdays start from: between them, and from visit to visit.
_HOUR_EFFECT: Final = 0.09
_HOUR_CHANCE: Final = 0.075
_DAY_EFFECT: Final = 0.09
_DAY_CHANCE: Final = 0.12
_HOUR_FEW: Final = 0.5
_HOUR_LEAST: Final = 2.0
_FEW: Final = 0.02  # as many a bucket as nobody need tell from none
_MOVED: Final = 0.6  # a day that is 1.8 times the expectation, or less than its inverse
_SLOPE: Final = 0.03  # most that the level is carried on a day, as a logarithm


class Usual:
    """Learns from counts that are already bounded (`learn`); tells what to expect (`expected`).

    `unsure` is the dispersion that comes from knowing level and weekday badly, of the bucket asked
    for last."""

    __slots__ = ("_at", "_day", "_factors", "_hours", "_level_fade", "_sums", "_weekdays", "unsure")

    def __init__(self, seconds: float) -> None:
        day = self._day = DAY / seconds
        self._level_fade = min(1.0 / (_LEVEL_DAYS * day), 0.1)
        self._hours = Factors(
            24,
            day / 24.0,
            memory=_HOUR_DAYS,
            effect=_HOUR_EFFECT,
            chance=_HOUR_CHANCE,
            known=24.0,
            few=_HOUR_FEW,
            least=_HOUR_LEAST,
        )
        self._weekdays = Factors(
            7,
            day,
            memory=_WEEKS,
            effect=_DAY_EFFECT,
            chance=_DAY_CHANCE,
            known=1.0,
            few=_FEW,
            least=_FEW * day + 10.0,
        )
        # level: came and expected; the day so far: came, expected, buckets; trend; last move; moves
        self._sums = [0.0] * 8
        self._factors = (0.0, 1.0, 1.0)
        self._at = (0, 0)
        self.unsure = 1.0

    @property
    def seen(self) -> float:
        """Mentions that the level rests on."""
        return self._sums[0]

    def expected(self, start: float) -> float:
        """In the bucket that begins at `start`; `learn` then takes what came in it."""
        sums, hours, weekdays = self._sums, self._hours, self._weekdays
        level = (sums[0] + _FEW) / (sums[1] + 1.0) if sums[1] else 0.0
        at = start % DAY / 3600.0
        hour = min(int(at), 23)  # the remainder of a tiny negative number is a whole day
        far = at - hour - 0.5
        other = hour + 1 if far > 0.0 else hour - 1
        if other == 24:
            other = 0
        elif other < 0:
            other = 23
        far = abs(far)
        of_hour = (1.0 - far) * hours.factor(hour, level) + far * hours.factor(other, level)
        weekday = int(start // DAY + 3) % 7
        of_day = weekdays.factor(weekday, level)
        self.unsure = weekdays.unsure(weekday, level) + 1.0 / (sums[0] + 1.0)
        self._factors = (level, of_hour, of_day)
        self._at = (hour, weekday)
        return level * of_hour * of_day

    def learn(self, count: float, age: int, weight: float) -> None:
        """`count` came in the bucket asked for last, the `age`th of the topic."""
        level, of_hour, of_day = self._factors
        hour, weekday = self._at
        sums = self._sums
        sums[0] += weight * (count - sums[0] * self._level_fade)
        sums[1] += weight * (of_hour * of_day - sums[1] * self._level_fade)
        if age > 0.25 * self._day:
            self._hours.learn(hour, count, level * of_day, weight)
        if age > 2.0 * self._day:
            self._weekdays.learn(weekday, count, level * of_hour, weight)
            sums[2] += count
            sums[3] += level * of_hour * of_day
            sums[4] += 1.0
            if sums[4] >= self._day:
                self._end_day()

    def _end_day(self) -> None:
        """Carries the level on by the trend; takes a new level after two days well above the
        expectation, or three well below (a weekend is no new level)."""
        sums = self._sums
        few = 0.02 * self._day + 10.0
        move = log((sums[2] + few) / (sums[3] + few))
        sums[2] = sums[3] = sums[4] = 0.0
        far = abs(move) > _MOVED
        sums[7] = sums[7] + 1.0 if far and move * sums[6] > 0.0 else float(far)
        sums[6] = move
        if sums[7] >= (2.0 if move > 0.0 else 3.0):
            sums[0] *= exp(move)
            sums[5] = 0.0
        elif not far:
            sums[5] = min(max(0.9 * sums[5] + 0.02 * move, -_SLOPE), _SLOPE)
            sums[0] *= exp(sums[5])

    def state(self) -> list[Any]:
        """Plain values; `restore` takes them back."""
        return [list(self._sums), self._hours.state(), self._weekdays.state()]

    def restore(self, state: list[Any]) -> None:
        """Go on where `state()` was taken."""
        self._sums = list(state[0])
        self._hours.restore(state[1])
        self._weekdays.restore(state[2])
