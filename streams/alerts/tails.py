"""How rarely chance alone gives as much: tails of Poisson, negative-binomial and binomial counts.

Surprises are powers of ten, `-log10 P(X >= count)`, rise with the count, and take a few
microseconds each.
"""

from collections.abc import Callable
from math import erfc, exp, lgamma, log, log1p, log10, pi, sqrt
from typing import Final

MOST: Final = 300.0
"""Surprises end here: what is rarer is not told apart."""

_EXACT: Final = 40.0  # counts up to here are summed term by term, larger ones by a saddlepoint
_JOINED: Final = 60.0  # from here on the saddlepoint is above the last exact value in any case
_TERMS: Final = 500
_POISSON: Final = 1e-9
_LN10: Final = log(10.0)
_HALF_LOG_TWO_PI: Final = 0.5 * log(2.0 * pi)


def surprise(count: float, mean: float, dispersion: float = 0.0) -> float:
    """Of a count whose variance is `mean + dispersion * mean**2`: Poisson without dispersion,
    negative binomial with. 0 where the count is no more than the mean."""
    if count <= mean or count <= 0.0:
        return 0.0
    mean = max(mean, 1e-9)
    if count <= _EXACT:
        found = _summed(count, mean, dispersion)
    else:
        found = _approached(count, mean, dispersion)
        if count < _JOINED and mean < _EXACT:
            found = max(found, _summed(_EXACT, mean, dispersion))
    return min(found, MOST)


def share_surprise(count: float, among: float, share: float, spread: float = 0.0) -> float:
    """Of `count` among `among`, usually a part `share` (between 0 and 1, neither reached): the
    binomial tail by the root of its deviance, within a tenth of the surprise.

    `spread` is the correlation of two members of a group (that of the beta-binomial law): `among`
    members tell as much as `among / (1 + (among - 1) * spread)` independent ones.
    """
    if among <= 0.0 or count - 0.5 <= among * share:
        return 0.0
    part = (count - 0.5) / among
    deviance = part * log(part / share)
    if part < 1.0:
        deviance += (1.0 - part) * log((1.0 - part) / (1.0 - share))
    root = sqrt(2.0 * max(deviance, 0.0) * among / (1.0 + max(among - 1.0, 0.0) * spread))
    if root > 8.0:
        return min((0.5 * root * root + _HALF_LOG_TWO_PI + log(root)) / _LN10, MOST)
    return -log(0.5 * erfc(root / sqrt(2.0))) / _LN10


def joined(first: float, second: float) -> float:
    """A surprise and another one that is independent of it: their sum, less what Fisher's method
    takes for having looked twice (as much as the second alone would cost)."""
    return first + second - log1p(_LN10 * second) / _LN10


def _summed(count: float, mean: float, dispersion: float) -> float:
    """Exact: the first term by its logarithm, the others as multiples of it."""
    if dispersion < _POISSON:
        first = count * log(mean) - mean - lgamma(count + 1.0)
        size, share = 0.0, 0.0
    else:
        size = 1.0 / dispersion
        share = mean / (mean + size)
        first = lgamma(count + size) - lgamma(size) - lgamma(count + 1.0)
        first += count * log(share) - size * log1p(mean / size)
    term = total = 1.0
    for _ in range(_TERMS):
        term *= (mean if size == 0.0 else share * (count + size)) / (count + 1.0)
        total += term
        count += 1.0
        if term < 1e-6 * total:
            break
    return max(0.0, -(first + log(total)) / _LN10)


def _approached(count: float, mean: float, dispersion: float) -> float:
    """The saddlepoint of Lugannani and Rice (1980), with the continuity correction of Daniels
    (1987): within 1 % of the surprise."""
    count -= 0.5
    if count <= mean * 1.0001:
        return 0.3  # a half
    if dispersion < _POISSON:
        tilt = log(count / mean)
        deviance = count * tilt - (count - mean)
        variance = count
    else:
        size = 1.0 / dispersion
        both = log1p((count - mean) / (mean + size))
        tilt = log(count / mean) - both
        deviance = count * tilt - size * both
        variance = count * (1.0 + count * dispersion)
    root = sqrt(2.0 * max(deviance, 1e-12))
    slope = 2.0 * _sinh_half(tilt) * sqrt(variance)
    if root > 6.0:
        rest = 1.0 / slope - root**-3 + 3.0 * root**-5
        return (0.5 * root * root + _HALF_LOG_TWO_PI - log(max(rest, 1e-9 / root))) / _LN10
    density = exp(-0.5 * root * root - _HALF_LOG_TWO_PI)
    tail = 0.5 * erfc(root / sqrt(2.0)) + density * (1.0 / slope - 1.0 / root)
    return -log(min(max(tail, 1e-12), 0.5)) / _LN10


def _sinh_half(value: float) -> float:
    return 0.5 * (exp(0.5 * value) - exp(-0.5 * value))


def lack(count: float, expected: float, dispersion: float = 0.0) -> float:
    """-log10 of the chance of `count` or fewer where the variance is
    `expected + dispersion * expected**2`. Takes a step for each that came."""
    if count >= expected or count > 10_000:
        return 0.0
    if dispersion < _POISSON:
        first = count * log(expected) - expected - lgamma(count + 1)
    else:
        size = 1.0 / dispersion
        first = lgamma(count + size) - lgamma(size) - lgamma(count + 1)
        first += count * log(expected / (expected + size)) - size * log1p(expected / size)
    total = term = 1.0
    while count > 0 and term > 1e-9 * total:
        more = expected if dispersion < _POISSON else _step(count, expected, 1.0 / dispersion)
        term *= count / more
        total += term
        count -= 1
    return max(0.0, -(first + log(total)) / _LN10)


def _step(count: float, expected: float, size: float) -> float:
    return (count - 1 + size) * expected / (expected + size)


def chance_range(expected: float, dispersion: float, rare: float) -> tuple[int, int]:
    """The least and the most that chance gives of a count whose variance is
    `expected + dispersion * expected**2`: each end is as rare as the surprise `rare`."""
    low = _first_whole(lambda n: lack(n, expected, dispersion) < rare, int(expected))
    high = _first_whole(lambda n: surprise(n + 1, expected, dispersion) >= rare, 1 << 40)
    return low, high


def _first_whole(fits: Callable[[int], bool], most: int) -> int:
    """The least number from 0 to `most` that fits, where all above it fit, too."""
    low, high = 0, 1
    while high < most and not fits(high):
        low, high = high, 2 * high
    high = min(high, most)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    return low


def normal_tail(deviations: float) -> float:
    """-log10 of the normal tail, by its first term beyond one deviation."""
    if deviations < 1:
        return 0.0
    return deviations * deviations / (2 * _LN10) + log10(deviations * 2.5066)
