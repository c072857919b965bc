"""Tails beside those of counts that are too large (`tails`): of shares, and of counts too small."""

from math import lgamma, log, log1p, log10, sqrt
from typing import Final

_LN10: Final = log(10.0)
_EXACT: Final = 60
_TERMS: Final = 400


def lack(count: float, expected: float, dispersion: float = 0.0) -> float:
    """-log10 of the chance of `count` or fewer where the variance is
    `expected + dispersion * expected**2`. Takes a step for each that came."""
    if count >= expected or count > 10_000:
        return 0.0
    if dispersion < 1e-9:
        first = count * log(expected) - expected - lgamma(count + 1)
    else:
        size = 1.0 / dispersion
        first = lgamma(count + size) - lgamma(size) - lgamma(count + 1)
        first += count * log(expected / (expected + size)) - size * log1p(expected / size)
    total = term = 1.0
    while count > 0 and term > 1e-9 * total:
        more = expected if dispersion < 1e-9 else _step(count, expected, 1.0 / dispersion)
        term *= count / more
        total += term
        count -= 1
    return max(0.0, -(first + log(total)) / _LN10)


def _step(count: float, expected: float, size: float) -> float:
    return (count - 1 + size) * expected / (expected + size)


def share_surprise(count: float, of: float, usual: float, copies: float = 1.0) -> float:
    """-log10 of the chance that `count` or more `of` so many are of a sort of which there usually
    is this share: the binomial's tail, exact where few are, else by the deviance's root. Posts
    repeat each other: `copies` of them count as one."""
    count, of = count / copies, of / copies
    usual = min(max(usual, 0.02), 0.98)
    if of <= 0 or count <= of * usual:
        return 0.0
    if count > _EXACT:
        return normal_tail(sqrt(2 * _deviance(min(count, of), of, usual)))
    rest = of - count
    first = lgamma(of + 1) - lgamma(count + 1) - lgamma(rest + 1)
    first += count * log(usual) + rest * log1p(-usual)
    odds, total, term = usual / (1 - usual), 1.0, 1.0
    for _ in range(_TERMS):
        term *= max(0.0, of - count) / (count + 1) * odds
        total += term
        count += 1
        if term < 1e-6 * total:
            break
    return max(0.0, -(first + log(total)) / _LN10)


def _deviance(count: float, of: float, usual: float) -> float:
    rest = of - count
    found = count * log(count / (of * usual))
    return found + (rest * log(rest / (of * (1 - usual))) if rest > 0 else 0.0)


def normal_tail(deviations: float) -> float:
    """-log10 of the normal tail, by its first term beyond one deviation."""
    if deviations < 1:
        return 0.0
    return deviations * deviations / (2 * _LN10) + log10(deviations * 2.5066)
