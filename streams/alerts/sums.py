"""Sums of the last buckets, from one bucket to six hours, and how widely each usually spreads."""

from array import array
from math import erf, exp, log10, pi, sqrt
from typing import Any, Final

from streams.alerts.share import SHARE_FROM, SPREAD_OVER, Share
from streams.alerts.tails import joined, surprise

WINDOWS: Final = (1, 3, 6, 12, 36, 72)
"""Lengths of the sums, in buckets."""

_RING: Final = WINDOWS[-1] + 1
_DUE: Final = (2, 2, 3, 6, 18, 36)  # buckets between two looks at how widely a sum spreads
_DUE_AT: Final = tuple(
    tuple(k for k, every in enumerate(_DUE) if age % every == 0) for age in range(36)
)
# Long sums are asked less often in effect (their neighbours overlap): they may speak up earlier.
_HANDICAP: Final = tuple(1.0 - 1.2 * log10(length) for length in WINDOWS)
_NOTHING: Final = 3.0  # variances: what is less far off need not be looked at
_FLOOR: Final = 0.3  # posts that are no news, whatever is expected

_CLIP: Final = 2.2  # squares of deviations count for so many variances at most,
_ROOT: Final = sqrt(_CLIP)  # and are made up for it, as if the law were normal (Huber's proposal 2)
_MADE_UP: Final = 1.0 / (
    erf(_ROOT / sqrt(2.0))
    - 2.0 * _ROOT * exp(-0.5 * _CLIP) / sqrt(2.0 * pi)
    + _CLIP * (1.0 - erf(_ROOT / sqrt(2.0)))
)
_DAYS: Final = 10.0  # memory of the spread
_PRIOR: Final = 0.3
_KEPT: Final = 0.8  # of a shorter sum's dispersion, where a longer one's is not known yet
_PRIOR_LOOKS: Final = 12.0


class Sums:
    """Cumulative counts and expectations of the last `_RING` buckets, and a dispersion for each
    length of sum. With totals, negatives are also held against the share that is usual."""

    __slots__ = ("_at", "_came", "_expected", "_fades", "_squares", "_totals", "dispersions")

    def __init__(self, buckets_a_day: float) -> None:
        self._came = array("d", bytes(8 * _RING))
        self._expected = array("d", bytes(8 * _RING))
        self._totals = array("d", bytes(8 * _RING))
        self._at = 0
        self._fades = [1.0 - min(0.1, every / (_DAYS * buckets_a_day)) for every in _DUE]
        self._squares = [0.0] * (2 * len(WINDOWS))
        self.dispersions = [_PRIOR] * len(WINDOWS)

    def surprise(
        self, count: float, expected: float, unsure: float, age: int, share: Share | None = None
    ) -> tuple[float, int]:
        """How surprising the sums are that end with a bucket of `count`, and the length of the most
        surprising one. `unsure` is the dispersion that comes from knowing badly what to expect,
        `age` the buckets seen. Changes nothing."""
        at, came, expectations = self._at, self._came, self._expected
        total, total_expected = came[at] + count, expectations[at] + expected
        dispersions = self.dispersions
        gate = _NOTHING if share is None else 1.0
        most, longest = 0.0, 1
        for k, length in enumerate(WINDOWS):
            if age < length:
                break
            before = at + 1 - length
            here = total_expected - expectations[before]
            above = total - came[before] - here
            if above <= 0.0:
                continue
            spread = (dispersions[k] + unsure) * here
            if above * above <= gate * here * (1.0 + spread):
                continue
            found = surprise(above + here, here + _FLOOR, dispersions[k] + unsure)
            if share is not None and length >= SHARE_FROM:
                among = self._totals[at] + share.total - self._totals[before]
                second = share.surprise(above + here, among, length)
                # The share tells what the count does not as far as the count's spread is that of
                # the whole (a story that many write of), not chance's nor the share's own.
                whole = max(0.0, spread - share.dispersion(length) * here)
                found = joined(found, second * (whole / (1.0 + spread)) ** 0.7)
            found -= _HANDICAP[k]
            if found > most:
                most, longest = found, length
        return most, longest

    def add(self, count: float, expected: float, total: float = 0.0) -> None:
        """The bucket is over."""
        at = self._at
        following = at + 1 if at + 1 < _RING else 0
        self._came[following] = self._came[at] + count
        self._expected[following] = self._expected[at] + expected
        self._totals[following] = self._totals[at] + total
        self._at = following
        if following == 0:
            self._rebase()

    def learn(self, age: int, unsure: float, weight: float, share: Share | None = None) -> None:
        """Takes the deviations of the sums that end here, bounded, into their dispersions, less
        what comes from knowing badly what to expect (`unsure`)."""
        at, squares, dispersions = self._at, self._squares, self.dispersions
        came, expectations, fades = self._came, self._expected, self._fades
        last, last_expected = came[at], expectations[at]
        for k in _DUE_AT[age % 36]:
            before = at - WINDOWS[k]
            here = last_expected - expectations[before]
            above = last - came[before] - here
            square = above * above
            most = _CLIP * here * (1.0 + (dispersions[k] + unsure) * here)
            if square > most:  # noqa: PLR1730 # twice as fast as min()
                square = most
            fade = fades[k]
            looks = here * here
            spread = square * _MADE_UP - here - unsure * looks
            sum_ = squares[k] = squares[k] * fade + weight * spread
            base = squares[k + 6] = squares[k + 6] * fade + weight * looks
            prior = _PRIOR_LOOKS * (looks + 0.05)
            guess = dispersions[k - 1] * _KEPT if k else _PRIOR
            found = (sum_ + prior * guess) / (base + prior)
            dispersions[k] = found if found > 0.0 else 0.0
            if share is not None and WINDOWS[k] == SPREAD_OVER:
                share.spread_from(last - came[before], self._totals[at] - self._totals[before])

    def _rebase(self) -> None:
        """Sums start anew from the oldest bucket kept, so that they stay exact for ever."""
        for sums in (self._came, self._expected, self._totals):
            oldest = sums[1]
            for place in range(_RING):
                sums[place] -= oldest

    def state(self) -> list[Any]:
        """Plain numbers; `restore` takes them back."""
        rings = [list(self._came), list(self._expected), list(self._totals)]
        return [self._at, *rings, list(self._squares), list(self.dispersions)]

    def restore(self, state: list[Any]) -> None:
        """Go on where `state()` was taken."""
        self._at = state[0]
        self._came, self._expected, self._totals = (array("d", ring) for ring in state[1:4])
        self._squares, self.dispersions = list(state[4]), list(state[5])
