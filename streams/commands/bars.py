"""Bars on standard error, for people who wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from streams.commands.common import err
from streams.store.port import Note


@contextmanager
def counting(*, quiet: bool) -> Iterator[Note]:
    """A bar for each name that it is told of, with figures, for how long, and how long still."""
    figures = (MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with _progress(*figures, quiet=quiet) as progress:
        yield noting(progress)


@contextmanager
def sharing(*, quiet: bool) -> Iterator[Progress]:
    """Bars that tell how much is done in percent, and for how long."""
    share = TextColumn("{task.percentage:>3.0f} %")
    with _progress(share, TimeElapsedColumn(), quiet=quiet) as progress:
        yield progress


def noting(progress: Progress) -> Note:
    """A bar of `progress` for each name that it is told of."""
    tasks: dict[str, TaskID] = {}

    def note(name: str, done: int, total: int | None) -> None:
        if name not in tasks:
            tasks[name] = progress.add_task(name, total=total, completed=done)
        progress.update(tasks[name], completed=done, total=total)

    return note


def _progress(*figures: Any, quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), *figures)
    return Progress(*columns, console=err, transient=True, disable=quiet)
