"""Factors of a season: how far each hour of the day, or day of the week, lies from the others.

A place's factor is a ratio of two fading sums, what came there over what all else made expected,
drawn to 1 by as many visits as it takes to tell effect from chance (empirical Bayes): where Sundays
repeat, two are believed; where days differ by chance, none is.
"""

from math import log
from typing import Any, Final

_MOST: Final = 0.7  # a visit's logarithm counts for so much at most
_AGAIN: Final = 0.2  # a place with so much of a visit behind it has been seen before


class Factors:
    """`factor` of a bucket, then `learn` what came in it.

    `places` follow each other; each is visited for `visit` buckets and remembered for `memory`
    visits. Variances are of logarithms: until it is learnt, as if `known` visits had told, places
    vary by `effect` and visits to one place by `chance`. `few` mentions a bucket need not be told
    from none, nor `least` a visit.
    """

    __slots__ = (
        "_came",
        "_chance",
        "_effect",
        "_expected",
        "_fade",
        "_few",
        "_forget",
        "_known",
        "_least",
        "_numbers",
        "_prior",
        "_visit",
    )

    def __init__(
        self,
        places: int,
        visit: float,
        *,
        memory: float,
        effect: float,
        chance: float,
        known: float,
        few: float,
        least: float,
    ) -> None:
        self._visit, self._few, self._least = visit, few, least
        self._effect, self._chance, self._known = effect * known, chance * known, known
        self._fade = min(1.0 / (memory * visit), 0.1)
        self._forget = 1.0 / (memory * places)
        self._came = [0.0] * places
        self._expected = [0.0] * places
        # the visit at hand: place, came, expected; of later visits: products with the place's past,
        # squares, number; of first ones: squares, number
        self._numbers = [-1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
        self._prior = visit * chance / effect

    def factor(self, place: int, level: float) -> float:
        """Of a place where `level` mentions a bucket are usual."""
        prior = self._prior * (level + self._few)
        return (self._came[place] + prior) / (self._expected[place] + prior)

    def unsure(self, place: int, level: float) -> float:
        """Variance of the logarithm of that factor, as far as the visits so far show one."""
        numbers = self._numbers
        prior = self._prior * (level + self._few)
        effect = (max(numbers[3], 0.0) + numbers[6]) / (self._known + numbers[5] + numbers[7])
        return effect * prior / (self._expected[place] + prior)

    def learn(self, place: int, count: float, expected: float, weight: float) -> None:
        """`count` came where all else made so much `expected`."""
        numbers, came, expectations = self._numbers, self._came, self._expected
        if numbers[0] != place:
            self._compare()
            numbers[0], numbers[1], numbers[2] = float(place), 0.0, 0.0
        numbers[1] += weight * count
        numbers[2] += weight * expected
        came[place] += weight * (count - came[place] * self._fade)
        expectations[place] += weight * (expected - expectations[place] * self._fade)

    def _compare(self) -> None:
        """Holds the visit that is over against those to the same place before it: what they share
        is effect, the rest chance."""
        numbers, least, forget = self._numbers, self._least, self._forget
        place = int(numbers[0])
        if place < 0 or numbers[2] <= 0.0:
            return
        here = _bounded(log((numbers[1] + least) / (numbers[2] + least)))
        came, expected = self._came[place] - numbers[1], self._expected[place] - numbers[2]
        if expected <= _AGAIN * numbers[2]:
            numbers[6] += here * here
            numbers[7] += 1.0
            return
        usual = log((sum(self._came) + least) / (sum(self._expected) + least))
        past = _bounded(log((max(came, 0.0) + least) / (expected + least)) - usual)
        numbers[3] += here * past - numbers[3] * forget
        numbers[4] += here * here - numbers[4] * forget
        numbers[5] += 1.0 - numbers[5] * forget
        shared = max(numbers[3], 0.0)
        chance = self._chance + max(numbers[4] - shared, 0.0)
        self._prior = self._visit * chance / (self._effect + shared)

    def state(self) -> list[Any]:
        """Plain numbers; `restore` takes them back."""
        return [list(self._came), list(self._expected), list(self._numbers), self._prior]

    def restore(self, state: list[Any]) -> None:
        """Go on where `state()` was taken."""
        self._came, self._expected, self._numbers = (list(part) for part in state[:3])
        self._prior = state[3]


def _bounded(value: float) -> float:
    return min(max(value, -_MOST), _MOST)
