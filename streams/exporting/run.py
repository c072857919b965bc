"""An export from beginning to end, or from where it was cut."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from streams.errors import ConfigError, StoreError, VeilleError
from streams.exporting import marks
from streams.exporting.marks import Job, Mark
from streams.exporting.sinks import Sink
from streams.store.paging import MAX_PAGE
from streams.store.port import Store

SEALED: Final = 20_000
"""Mentions after which what was written is made durable: as many are read again after a break."""
_AGAIN: Final = "Remedy: the same command with --resume goes on from there"


def begin(path: Path, asked: Job, sink: Sink, *, resume: bool, overwrite: bool) -> Job:
    """What there is to do. Raises `ConfigError` where a file would be lost, or what was cut is
    another export."""
    if path.is_dir():
        raise ConfigError(f"--out {path}: a folder. Remedy: name a file in it")
    kept = None if overwrite else marks.load(path)
    if kept is not None and resume:
        marks.same(kept, asked, path)
        return kept
    if kept is not None:
        raise ConfigError(
            f"an export into {path} was cut after {kept.mark.rows:,} mentions. "
            "Remedy: --resume goes on, --overwrite starts again"
        )
    if path.exists() and not overwrite:
        raise ConfigError(f"{path} is there already. Remedy: another --out, or --overwrite")
    marks.drop(path)
    sink.forget()
    marks.save(path, asked)
    return asked


async def export(
    store: Store, path: Path, job: Job, sink: Sink, tell: Callable[[Mark], None]
) -> Mark:
    """Read what is left, oldest first, a page in memory at a time; `tell` hears after each page.

    Cut anywhere, by an error or by the end of the process, it goes on with the last mark: nothing
    is there twice, nothing is missing. Raises `StoreError`, `ConfigError`, `VeilleError`.
    """
    try:
        sink.open(job.mark)
        mark = await _read(store, path, job, sink, tell)
        sink.finish()
        marks.drop(path)
        sink.forget()
    except OSError as error:
        raise VeilleError(
            f"{path} can't be written: {error.strerror or error}. {_AGAIN}"
        ) from error
    finally:
        sink.close()
    return mark


async def _read(
    store: Store, path: Path, job: Job, sink: Sink, tell: Callable[[Mark], None]
) -> Mark:
    mark = job.mark
    while not mark.read:
        rows, cursor, read = mark.rows, mark.cursor, False
        while not read and rows - mark.rows < SEALED:
            try:
                page = await store.search(job.where, limit=MAX_PAGE, cursor=cursor, order="oldest")
            except StoreError as error:
                said = f"{error}. {mark.rows:,} mentions are safe. {_AGAIN}"
                raise type(error)(said) from error
            if page.mentions:
                sink.add(page.mentions)
            rows, cursor = rows + len(page.mentions), page.cursor
            read = not cursor
            tell(msgspec.structs.replace(mark, rows=rows))
        sealed = sink.seal(mark)
        mark = msgspec.structs.replace(sealed, rows=rows, cursor=cursor, read=read)
        marks.save(path, msgspec.structs.replace(job, mark=mark))
    return mark
