"""`veille alerts replay`: what the detector would have rung for in a series of counts."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from streams.alerts.detector import Bucket, Detector
from streams.alerts.records import SEVERITIES, Sensitivity
from streams.alerts.series import Clock, Row, read_rows, with_seconds
from streams.commands.common import counted, err, print_json, write_lines
from streams.errors import ConfigError

_WEEK: Final = 7 * 86_400
_NEWS: Final = 100_000  # rows between two words about how far it is


class Flagged(msgspec.Struct):
    """A row that rings, as a line of JSON."""

    timestamp: str
    observed: float
    expected: float
    score: float
    severity: str


def replay(
    *,
    path: Annotated[Path, typer.Argument(metavar="CSV", help="Columns timestamp and value.")],
    sensitivity: Annotated[
        Sensitivity, typer.Option(help="How readily it rings: low, normal or high.")
    ] = "normal",
    summary: Annotated[
        bool, typer.Option("--summary", help="Alarms a week, instead of the rows.")
    ] = False,
) -> None:
    """Show which rows of a series would have rung, each judged by the rows before it alone.

    Prints a JSON line for each: timestamp as in the file, observed, expected, score, severity.
    The bucket's length is the rows' median step. Rows without a usable number, and rows that are
    missing, are unknown, not zero; their number is told on standard error.

    [bold]Example[/bold]: veille alerts replay mentions.csv --summary
    """
    seconds, rows = with_seconds(read_rows(path))
    told = Told(seconds)
    flagged = told.flagged(rows, Detector(sensitivity, seconds))
    if summary:
        by_severity = Counter(one.severity for one in flagged)
        told.complete(path)
        print_json(told.summary(by_severity))
        return
    write_lines(msgspec.json.encode(one) for one in flagged)
    told.complete(path)


class Told:
    """Counts what was read while it is judged."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.rows = self.judged = self.unknown = self.untimely = 0

    def flagged(self, rows: Iterator[Row], detector: Detector) -> Iterator[Flagged]:
        """The rows that ring."""
        clock = Clock()
        for text, start, value in rows:
            self.rows += 1
            if self.rows % _NEWS == 0:
                err.print(f"{self.rows:,} rows", highlight=False)
            if value is None:
                self.unknown += 1
                continue
            time = clock.time(start)
            if time is None:
                self.untimely += 1
                continue
            self.judged += 1
            found = detector.update(Bucket(time, value))
            if found.severity:
                expected, score = round(found.expected, 3), round(found.score, 3)
                yield Flagged(text, value, expected, score, found.severity)

    def complete(self, path: Path) -> None:
        """Says what was left out. Raises `ConfigError` when nothing was there."""
        if not self.rows:
            raise ConfigError(f"{path}: no rows. Remedy: lines below timestamp,value")
        if self.unknown:
            rows = counted(self.unknown, "row")
            err.print(f"{rows} without a usable number taken as unknown")
        if self.untimely:
            err.print(f"{counted(self.untimely, 'row')} out of the order of time left out")

    def summary(self, by_severity: Counter[str]) -> dict[str, Any]:
        """The figures of `--summary`."""
        weeks = self.judged * self.seconds / _WEEK
        alarms = sum(by_severity.values())
        return {
            "rows": self.rows,
            "unknown": self.unknown,
            "out_of_order": self.untimely,
            "bucket_seconds": self.seconds,
            "weeks": round(weeks, 3),
            "alarms": alarms,
            "alarms_a_week": round(alarms / weeks, 3) if weeks else 0.0,
            "by_severity": {name: by_severity[name] for name in SEVERITIES},
        }
