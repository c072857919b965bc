"""A topic's last hours as small bars split by sentiment: one SVG path a sentiment."""

from collections.abc import Sequence
from typing import Final

import msgspec

from streams.store.port import Bucket
from streams.web.charts import SERIES

WIDTH: Final = 240
HEIGHT: Final = 40
_MOST_BARS: Final = 50


class Sparkline(msgspec.Struct, frozen=True, kw_only=True):
    """`paths` are pairs of a sentiment and the `d` of its path, in a box of `width` by `height`."""

    paths: list[tuple[str, str]]
    most: int
    """Mentions that the highest bar stands for."""
    width: int = WIDTH
    height: int = HEIGHT


NO_LINE: Final = Sparkline(paths=[], most=0)


def sparkline(buckets: Sequence[Bucket]) -> Sparkline:
    """From the oldest to the latest; neighbours become one bar where they are too many."""
    bars = _folded(buckets)
    most = max((sum(bar) for bar in bars), default=0)
    pieces: list[list[str]] = [[] for _ in SERIES]
    wide = WIDTH / max(len(bars), 1)
    for at, bar in enumerate(bars):
        base = float(HEIGHT)
        for series, n in enumerate(bar):
            if n:
                high = HEIGHT * n / most
                base -= high
                left, width = at * wide, max(wide - 1, wide * 0.6)
                pieces[series].append(
                    f"M{left:.1f} {base:.1f}h{width:.1f}v{high:.1f}h-{width:.1f}z"
                )
    named = zip((key for key, _ in SERIES), pieces, strict=True)
    return Sparkline(paths=[(key, "".join(some)) for key, some in named if some], most=most)


def _folded(buckets: Sequence[Bucket]) -> list[list[int]]:
    """Counts of each bar in the order of `SERIES`."""
    every = -(-len(buckets) // _MOST_BARS) or 1
    columns = [[getattr(one, key) for one in buckets] for key, _ in SERIES]
    return [
        [sum(column[at : at + every]) for column in columns] for at in range(0, len(buckets), every)
    ]


def bars(counts: Sequence[int]) -> str:
    """The path of plain bars, in the same box."""
    most, wide = max(counts, default=0), WIDTH / max(len(counts), 1)
    pieces = [
        f"M{at * wide:.1f} {HEIGHT}v-{max(1.0, HEIGHT * n / most):.1f}h{wide * 0.8:.1f}V{HEIGHT}z"
        for at, n in enumerate(counts)
        if n
    ]
    return "".join(pieces)
