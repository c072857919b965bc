"""A chart in one line of text."""

from collections.abc import Sequence
from typing import Final

_BARS: Final = "▁▂▃▄▅▆▇█"
WIDEST: Final = 24


def sparkline(values: Sequence[float], widest: int = WIDEST) -> str:
    """The values as bars, the largest as the highest; more than `widest` are added up in runs that
    end with the last. Nothing where there is nothing to see."""
    run = -(-len(values) // widest) if values else 1
    short = len(values) % run
    sums = [sum(values[:short])] if short else []
    sums += [sum(values[at : at + run]) for at in range(short, len(values), run)]
    most = max(sums, default=0)
    if most <= 0:
        return ""
    return "".join(_BARS[min(7, int(max(each, 0) / most * 7.999))] for each in sums)
