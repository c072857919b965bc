"""Whether a figure is as usual: held against the same time of the weeks before."""

from collections.abc import Sequence
from math import exp, log, sqrt
from statistics import median
from typing import Final, Literal

import msgspec

from streams.alerts.hours import usual_share
from streams.alerts.tails import chance_range, lack, normal_tail, share_surprise, surprise

Verdict = Literal["unknown", "usual", "more", "less"]

LEAST: Final = 2
"""Weeks that must be known before something is said to be usual."""
_RARE: Final = 1.7
"""Each end of the range is met by chance in one of fifty: 10 to the power of this."""
_DEVIATIONS: Final = 2.054
"""The same in standard deviations of the normal law."""
_MANY: Final = 300.0
_LEAST_MEAN: Final = 0.1
_FIRST: Final = 0.05
"""The first guess of how weeks differ beyond chance,"""
_WEIGHT: Final = 3.0
"""and as many weeks as it counts for."""
_MOST: Final = 9.0
"""A week that strays further, in squares of what is expected to, was no usual week."""
_SPREAD: Final = 0.01


class Usual(msgspec.Struct, frozen=True, kw_only=True):
    """A count, what is usual of it, and how rarely chance strays so far (`surprise`, in powers of
    ten)."""

    verdict: Verdict = "unknown"
    low: int = 0
    high: int = 0
    middle: float = 0.0
    surprise: float = 0.0
    weeks: list[int] = []
    """What came in each, the latest first."""


def usual(count: float, weeks: Sequence[float], *, least: int = LEAST) -> Usual:
    """`weeks` are counts of the same time of the weeks before; of fewer than `least` nothing is
    said."""
    told = [round(n) for n in weeks]
    if len(weeks) < least:
        return Usual(weeks=told)
    middle = max(median(weeks), _LEAST_MEAN)
    dispersion = _dispersion(weeks, middle)
    low, high = _range(middle, dispersion)
    verdict: Verdict = "more" if count > high else "less" if count < low else "usual"
    return Usual(
        verdict=verdict,
        low=low,
        high=high,
        middle=median(weeks),
        surprise=round(_strayed(count, middle, dispersion), 2),
        weeks=told,
    )


def _range(middle: float, dispersion: float) -> tuple[int, int]:
    """Exact where counts are few, else by the log-normal law, which costs nothing."""
    if middle <= _MANY:
        return chance_range(middle, dispersion, _RARE)
    far = exp(_DEVIATIONS * _relative(middle, dispersion))
    return round(middle / far), round(middle * far)


def _strayed(count: float, middle: float, dispersion: float) -> float:
    if count >= middle:
        return surprise(count, middle, dispersion)
    if middle <= _MANY:
        return lack(int(count), middle, dispersion)
    return normal_tail(log(middle / max(count, 0.5)) / _relative(middle, dispersion))


def _relative(middle: float, dispersion: float) -> float:
    """The standard deviation in parts of the mean."""
    return sqrt(1 / middle + dispersion)


def _dispersion(weeks: Sequence[float], middle: float) -> float:
    """The variance of a week is `middle + dispersion * middle**2`."""
    square = middle * middle
    most = _MOST * (middle + _FIRST * square)
    strayed = sum(min((n - middle) ** 2, most) - middle for n in weeks)
    return max(0.0, (strayed + _WEIGHT * _FIRST * square) / ((len(weeks) + _WEIGHT) * square))


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """The negative share now and before, between 0 and 1."""

    verdict: Verdict = "unknown"
    now: float = 0.0
    before: float = 0.0
    surprise: float = 0.0


def negative_share(
    negatives: float,
    total: float,
    before: Sequence[float],
    of: Sequence[float],
    *,
    least: int = LEAST,
) -> Share:
    """`before` are the negative mentions of the weeks before, `of` all of them."""
    now = negatives / total if total else 0.0
    if len(of) < least or not sum(of):
        return Share(now=now)
    known = usual_share(sum(before), sum(of))
    above = share_surprise(negatives, total, known, _SPREAD)
    below = share_surprise(total - negatives, total, 1.0 - known, _SPREAD)
    verdict: Verdict = "more" if above >= _RARE else "less" if below >= _RARE else "usual"
    return Share(verdict=verdict, now=now, before=sum(before) / sum(of), surprise=round(above, 2))
