"""How rarely chance alone comes to as much: tails of counts, exact also where they are small."""

from collections.abc import Callable
from math import lgamma, log, log1p
from typing import Final

_Ratio = Callable[[float], float]
_LN10: Final = log(10)
_MANY: Final = 5_000
"""Terms of a tail that are added up; by then they have long stopped to matter."""
_LEAST: Final = 1e-12


def surprise(count: float, expected: float, spread: float = 1.0) -> float:
    """-log10 of the chance of `count` or more where `expected` come and the variance is `spread`
    times as large: the tail of a negative binomial, of Poisson's law with a spread of 1."""
    if count <= expected or count <= 0:
        return 0.0
    expected = max(expected, 1e-9)
    if spread <= 1.0 + 1e-6:
        return _above(count, lambda k: expected / (k + 1), _log_poisson(count, expected))
    size = expected / (spread - 1.0)
    grow = 1.0 - 1.0 / spread
    first = lgamma(count + size) - lgamma(size) - lgamma(count + 1)
    first += size * log(1.0 / spread) + count * log(grow)
    return _above(count, lambda k: (k + size) / (k + 1) * grow, first)


def lack(count: float, expected: float, spread: float = 1.0) -> float:
    """-log10 of the chance of `count` or fewer."""
    if count >= expected:
        return 0.0
    size = expected / max(spread - 1.0, 1e-6)
    if spread <= 1.0 + 1e-6:
        return _below(count, lambda k: k / expected, _log_poisson(count, expected))
    grow = 1.0 - 1.0 / spread
    first = lgamma(count + size) - lgamma(size) - lgamma(count + 1)
    first += size * log(1.0 / spread) + count * log(grow)
    return _below(count, lambda k: k / ((k - 1 + size) * grow), first)


def share_surprise(count: float, of: float, usual: float, spread: float = 1.0) -> float:
    """-log10 of the chance that `count` or more `of` so many are of a sort of which there usually
    is this share: the binomial's tail. Posts copy each other: `spread` of them count as one."""
    count, of = count / spread, of / spread
    usual = min(max(usual, 0.02), 0.98)
    if of <= 0 or count <= of * usual:
        return 0.0
    rest = of - count
    first = lgamma(of + 1) - lgamma(count + 1) - lgamma(rest + 1)
    first += count * log(usual) + rest * log1p(-usual)
    odds = usual / (1 - usual)
    return _above(count, lambda k: max(0.0, of - k) / (k + 1) * odds, first)


def _log_poisson(count: float, expected: float) -> float:
    return count * log(expected) - expected - lgamma(count + 1)


def _above(count: float, ratio: _Ratio, first: float) -> float:
    total, term, k = 1.0, 1.0, count
    for _ in range(_MANY):
        term *= ratio(k)
        total += term
        k += 1
        if term < _LEAST * total:
            break
    return max(0.0, -(first + log(total)) / _LN10)


def _below(count: float, ratio: _Ratio, first: float) -> float:
    total, term, k = 1.0, 1.0, count
    while k > 0:
        term *= ratio(k)
        total += term
        k -= 1
        if term < _LEAST * total:
            break
    return max(0.0, -(first + log(total)) / _LN10)

