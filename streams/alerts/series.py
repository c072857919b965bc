"""Rows of a time series from a CSV file, as a detector takes them.

A row without a usable number is unknown, not zero; so are rows that are missing. Times must rise:
a repeated or slightly earlier one (the hour that comes twice in autumn) is left out, and a clock
that jumps more than a day ahead, or hours back, is believed once further rows agree.
"""

import csv
import statistics
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, islice, pairwise
from math import ceil, isfinite
from pathlib import Path
from typing import Any, Final, NamedTuple

from streams.alerts.detector import MOST_COUNT
from streams.alerts.records import BUCKET_SECONDS
from streams.errors import ConfigError

COLUMNS: Final = ("timestamp", "value")
_DAY: Final = 86_400.0
_WEEK: Final = 7 * _DAY
_SOME: Final = 1000  # rows that the length of a bucket is inferred from
_TWICE: Final = 3 * 3600.0  # clocks set back by so much show the same hours again
_EMPTY: Final = frozenset({"", "nan", "null", "none", "na", "n/a"})


class Row(NamedTuple):
    """`text` is the time as it stands in the file, `start` in seconds since 1970 (UTC where the
    file names no zone), `value` `None` where there is no usable number."""

    text: str
    start: float
    value: float | None


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file, in constant memory. Raises `ConfigError` that names file and line."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            yield from _rows(path, csv.reader(file))
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}. Remedy: a CSV file with the columns timestamp,value"
        ) from None


def _rows(path: Path, reader: Any) -> Iterator[Row]:  # its class has no name
    try:
        header = [name.strip().casefold() for name in next(reader, [])]
        found = ", ".join(header)[:200] or "none"
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            raise ConfigError(
                f"{path}:1: no column {' and '.join(missing)} (found: {found})."
                " Remedy: a first line that says timestamp,value"
            )
        when, what = (header.index(name) for name in COLUMNS)
        for cells in reader:
            if any(cells):
                text, value = (cells[at] if at < len(cells) else "" for at in (when, what))
                place = f"{path}:{reader.line_num}"
                yield Row(text, _moment(text, place), _number(value, place))
    except csv.Error as error:
        raise ConfigError(
            f"{path}:{reader.line_num}: {error}. Remedy: comma-separated text, a row a line"
        ) from None


def _moment(text: str, place: str) -> float:
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        pass
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not isfinite(seconds) or abs(seconds) > 1e11:
        raise ConfigError(
            f"{place}: timestamp {text[:80]!r} is no time. Remedy: 2026-01-31 08:05:00,"
            " 2026-01-31T08:05:00Z or seconds since 1970"
        )
    return seconds


def _number(text: str, place: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        if text.strip().casefold() in _EMPTY:
            return None
        raise ConfigError(
            f"{place}: value {text[:80]!r} is no number. Remedy: a count, or nothing where it is"
            " not known"
        ) from None
    return number if 0.0 <= number <= MOST_COUNT else None


def with_seconds(rows: Iterator[Row]) -> tuple[float, Iterator[Row]]:
    """The length of a bucket, the median step of the first rows, and all the rows."""
    first = list(islice(rows, _SOME))
    return bucket_seconds([row.start for row in first]), chain(first, rows)


def bucket_seconds(starts: Sequence[float]) -> float:
    """The median step forward; the usual length where there is none.

    Raises `ConfigError` for steps that the detector does not know.
    """
    steps = [after - before for before, after in pairwise(starts) if after > before]
    found = statistics.median(steps) if steps else float(BUCKET_SECONDS)
    if not 1.0 <= found <= _DAY:
        raise ConfigError(
            f"rows are {found:.10g} seconds apart. Remedy: one a second to one a day; five minutes"
            " are best"
        )
    return found


class Clock:
    """Makes times rise. Times after a set-back are moved by whole weeks, so that hours and weekdays
    stay what they are."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._shift = 0.0
        self._odd: float | None = None
        self._agreeing = 0

    def time(self, start: float) -> float | None:
        """The row's time as the detector shall see it; `None` for a row to leave out."""
        moved = start + self._shift
        last = self._last
        if last is None or 0.0 < moved - last <= _DAY:
            return self._take(moved)
        if 0.0 <= last - moved <= _TWICE:
            return None
        goes_on = self._odd is not None and 0.0 < start - self._odd <= _DAY
        self._agreeing = self._agreeing + 1 if goes_on else 1
        self._odd = start
        if self._agreeing < (2 if moved > last else 3):
            return None
        if moved < last:
            self._shift += ceil((last - moved) / _WEEK) * _WEEK
            if start + self._shift <= last:
                self._shift += _WEEK
        return self._take(start + self._shift)

    def _take(self, moved: float) -> float:
        self._last, self._odd, self._agreeing = moved, None, 0
        return moved
