"""Series of counts for tests and benchmarks of the detector: made up, and always the same."""

import math
import random
from collections.abc import Iterator, Sequence

from streams.alerts.detector import Bucket

MIDNIGHT = 1_772_409_600.0
"""2 March 2026, a Monday."""
DAY = 288


def poisson(rate: float, dice: random.Random) -> int:
    """A count of that mean."""
    if rate > 60.0:
        return max(0, round(dice.gauss(rate, math.sqrt(rate))))
    count, left = 0, dice.expovariate(1.0)
    while left < rate:
        count += 1
        left += dice.expovariate(1.0)
    return count


def season(index: int) -> float:
    """A topic's day and week, as multiples of its mean rate."""
    hour, weekday = index % DAY / DAY, index // DAY % 7
    daily = math.exp(0.9 * math.sin(2.0 * math.pi * (hour - 0.35)) - 0.15)
    return daily * (0.6 if weekday >= 5 else 1.15)


def counts(
    rate: float,
    days: float,
    seed: int,
    *,
    dispersion: float = 0.0,
    seasonal: bool = False,
    spikes: Sequence[int] = (),
    times: float = 3.0,
    lasting: int = 6,
) -> Iterator[int]:
    """Counts of `days`, Poisson or negative binomial, with spikes from the given buckets on."""
    dice = random.Random(seed)
    for index in range(int(days * DAY)):
        mean = rate * (season(index) if seasonal else 1.0)
        if any(start <= index < start + lasting for start in spikes):
            mean *= times
        if dispersion:
            mean = dice.gammavariate(1.0 / dispersion, dispersion * mean)
        yield poisson(mean, dice)


def buckets(values: Iterator[int], seconds: int = 300) -> Iterator[Bucket]:
    """The counts as buckets from a Monday's midnight on."""
    for index, value in enumerate(values):
        yield Bucket(MIDNIGHT + index * seconds, value)
