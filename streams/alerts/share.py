"""The negative share that is usual for a topic, and how surprising another one is.

A viral happy story brings more negatives too, but a smaller share of them; a crisis may come
without any rise of the whole. `share_test` asks once, with plain numbers; a `Share` learns what is
usual.
"""

from typing import Final

from streams.alerts.tails import share_surprise

SHARE_FROM: Final = 6
"""Sums of so many buckets are held against the usual share: shorter ones have too few posts."""
SPREAD_OVER: Final = 12
"""The length of sum, in buckets, by which the share's own ups and downs are learnt."""

_DAYS: Final = 7.0
_SPREAD: Final = 0.02
_SPREAD_PRIOR: Final = 20.0
_CLIP: Final = 7.0  # an hour's deviation counts for so many variances at most


def share_test(
    negatives: float, among: float, usual: float, *, spread: float = _SPREAD, known: float = 1e9
) -> float:
    """Surprise (powers of ten) of a share at least as large: the binomial tail, of fewer posts in
    effect as they are alike (`spread`) and as the usual share rests on few posts (`known`)."""
    usual = min(max(usual, 1e-6), 1.0 - 1e-6)
    return share_surprise(min(negatives, among), among, usual, spread + 1.0 / max(known, 1.0))


class Share:
    """What is usual. `total` is the bucket's number of posts at large, set by the detector."""

    __slots__ = ("_fade", "_numbers", "total")

    def __init__(self, buckets_a_day: float) -> None:
        self._fade = min(1.0 / (_DAYS * buckets_a_day), 0.1)
        self._numbers = [0.0, 0.0, 0.0, 0.0, _SPREAD]  # came, among; square, chance; spread
        self.total = 0.0

    @property
    def usual(self) -> float:
        """The share, drawn to a half while nothing is known."""
        return (self._numbers[0] + 1.0) / (self._numbers[1] + 2.0)

    def surprise(self, count: float, among: float, length: int) -> float:
        """Of `count` among the posts of `length` buckets."""
        spread = self._spread(length)
        return share_test(count, among, self.usual, spread=spread, known=self._numbers[1] + 9.0)

    def dispersion(self, length: int) -> float:
        """What the share's own ups and downs give the number of negatives of `length` buckets."""
        return self._spread(length) * (1.0 - self.usual) / self.usual

    def _spread(self, length: int) -> float:
        return self._numbers[4] * min(1.0, SPREAD_OVER / length)

    def learn(self, count: float, weight: float) -> None:
        """Of the bucket at hand; a share counts as twice the usual one at most."""
        numbers = self._numbers
        bounded = min(count, self.total * min(1.0, 2.0 * self.usual))
        numbers[0] += weight * (bounded - numbers[0] * self._fade)
        numbers[1] += weight * (self.total - numbers[1] * self._fade)

    def spread_from(self, count: float, among: float) -> None:
        """Takes the deviation of an hour's share, bounded."""
        numbers, usual = self._numbers, self.usual
        variance = usual * (1.0 - usual) * among
        shared = variance * max(0.0, among - 1.0)
        square = min((count - usual * among) ** 2, _CLIP * (variance + shared * numbers[4]))
        fade = min(6.0 * self._fade, 0.5)
        numbers[2] += square - variance - numbers[2] * fade
        numbers[3] += shared - numbers[3] * fade
        prior = _SPREAD_PRIOR * shared + 50.0
        found = (numbers[2] + prior * _SPREAD) / (numbers[3] + prior)
        numbers[4] = min(max(found, 0.002), 1.0)

    def state(self) -> list[float]:
        """Plain numbers; `restore` takes them back."""
        return list(self._numbers)

    def restore(self, state: list[float]) -> None:
        """Go on where `state()` was taken."""
        self._numbers = list(state)
