"""How sure a share is that was counted on a sample."""

import math
from typing import Final

import msgspec

Z: Final = 1.959964
"""Of the normal distribution, for 95 %."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """`hits` of `of`, and the 95 % interval of the share; without any, 0 to 1."""

    hits: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself; 0 of nothing."""
        return self.hits / self.of if self.of else 0.0

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2


def share(hits: int, of: int, *, population: int = 0) -> Share:
    """The share with Wilson's interval (J. Am. Stat. Assoc. 22, 1927).

    `population` is how many there are to draw from (0: without end): the closer the sample comes
    to all of them, the narrower the interval, by the usual correction of the variance.
    """
    low, high = wilson(hits, of, population)
    return Share(hits=hits, of=of, low=low, high=high)


def wilson(hits: float, of: float, population: int = 0) -> tuple[float, float]:
    """Both ends of the interval of `hits / of`; fractions of a post may be counted."""
    if of <= 0:
        return 0.0, 1.0
    p = hits / of
    if 0 < population <= of:
        return p, p
    n = of * (population - 1) / (population - of) if population else of
    weight = 1 + Z * Z / n
    centre = (p + Z * Z / (2 * n)) / weight
    half = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / weight
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


def needed(p: float, half_width: float, population: int = 0) -> int:
    """How many to draw until the interval around `p` is no wider than `half_width` on each side."""
    low, high = 1, population or 1_000_000
    while low < high:
        middle = (low + high) // 2
        ends = wilson(p * middle, middle, population)
        if (ends[1] - ends[0]) / 2 <= half_width:
            high = middle
        else:
            low = middle + 1
    return low
