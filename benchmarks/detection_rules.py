"""The scoring rules of the Numenta Anomaly Benchmark, written from the paper (Lavin and Ahmad,
2015, arXiv:1510.03336), and files in its form.

- The first 15 % of a series' rows, 750 at most, are for learning: nothing there counts.
- A window in which a row is flagged gives the sigmoid of its first (best) flagged row's place, 1 at
  the window's start and 0 at its end; a window missed costs 1.
- A row flagged outside costs the profile's weight, times the sigmoid of its distance from the
  window before it, in lengths of that window; all of it more than three lengths away or before any
  window.
- One threshold holds for all series. The result is 0 for a detector that flags nothing and 100 for
  one that flags the first row of each window and no other.
"""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

PROFILES: Final[dict[str, float]] = {"standard": 0.11, "low FP": 0.22}
"""What a false alarm costs at most; what is found gives 1 and what is missed costs 1 in both."""


class Series(NamedTuple):
    """`windows` are first and last rows."""

    starts: list[float]
    values: list[float]
    windows: list[tuple[int, int]]


class Scored(NamedTuple):
    score: float
    threshold: float
    found: int
    false: int


def read_series(folder: Path) -> dict[str, Series]:
    """The series that `windows.json` of a folder names."""
    named = json.loads((folder / "windows.json").read_text("utf-8"))
    return {name: _series(folder / name, windows) for name, windows in named.items()}


def _series(path: Path, windows: Sequence[Sequence[str]]) -> Series:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    starts = [_seconds(row["timestamp"]) for row in rows]
    bounds = [(_seconds(first), _seconds(last)) for first, last in windows]
    inside = [[k for k, at in enumerate(starts) if a <= at <= b] for a, b in bounds]
    return Series(starts, [float(row["value"]) for row in rows], [(w[0], w[-1]) for w in inside])


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def probation(rows: int) -> int:
    """Rows that do not count."""
    return min(int(0.15 * rows), 750)


def sigmoid(place: float) -> float:
    """1 well before a window's end, 0 at it, -1 well after."""
    return -1.0 if place > 3.0 else 2.0 / (1.0 + math.exp(5.0 * place)) - 1.0


def worth(row: int, windows: Sequence[tuple[int, int]], false: float) -> tuple[int | None, float]:
    """The window a flagged row is in, if any, and what it gives."""
    before = None
    for number, (first, last) in enumerate(windows):
        if first <= row <= last:
            return number, sigmoid(-(last - row + 1) / (last - first + 1)) / sigmoid(-1.0)
        if last < row:
            before = (first, last)
    if before is None:
        return None, -false
    return None, false * sigmoid((row - before[1]) / max(before[1] - before[0], 1))


def score(
    series: Mapping[str, Series], scores: Mapping[str, Sequence[float]], false: float
) -> tuple[Scored, Scored]:
    """With the best threshold for all series, and with every row flagged that has a score."""
    flagged = [
        (found[row], name, *worth(row, one.windows, false))
        for name, one in series.items()
        for found in [scores[name]]
        for row in range(probation(len(found)), len(found))
        if found[row] > 0.0
    ]
    flagged.sort(key=lambda row: -row[0])
    windows = sum(len(one.windows) for one in series.values())
    gained: dict[tuple[str, int], float] = {}
    lost, outside = 0.0, 0
    best = last = Scored(0.0, math.inf, 0, 0)
    for at, (threshold, name, window, value) in enumerate(flagged):
        if window is None:
            lost, outside = lost + value, outside + 1
        else:
            key = (name, window)
            gained[key] = max(gained.get(key, value), value)
        if at + 1 == len(flagged) or flagged[at + 1][0] != threshold:
            whole = len(gained) + sum(gained.values()) + lost
            last = Scored(50.0 * whole / windows, threshold, len(gained), outside)
            best = max(best, last)
    return best, last
