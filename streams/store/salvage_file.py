"""The files of a salvage: the damaged one, read and then set aside, and those it works with."""

import contextlib
import errno
import os
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from streams.errors import StoreError, StoreUnavailable
from streams.store import sqlite_schema
from streams.store.salvage_table import tables
from streams.store.sqlite import rebuilding

_SIDES: Final = ("", "-wal", "-shm")
_PAGE: Final = 4096
_FIRST_INDICES: Final = ("mentions_key", "retractions_written", "dead_letters_at")
_SHARED_LOCK: Final = (0x40000002, 510)
"""The bytes that whoever has the file open in SQLite holds locked (its file format, 4.2)."""


def reading(path: Path) -> sqlite3.Connection:
    """Reads the file with what its write-ahead log adds, and writes nothing."""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    db.execute("PRAGMA busy_timeout = 5000")
    db.execute("PRAGMA query_only = ON")
    db.text_factory = lambda raw: raw.decode("utf-8")
    return db


def is_ours(db: sqlite3.Connection) -> bool:
    """Whether Veille made it; one that is empty may become ours."""
    owner = int(db.execute("PRAGMA application_id").fetchone()[0])
    empty = not db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    return owner == sqlite_schema.APPLICATION_ID or (empty and not owner)


def refuse_foreign(path: Path) -> None:
    """Raises `StoreError` for the file of another program."""
    try:
        with contextlib.closing(reading(path)) as db:
            ours = is_ours(db)
    except sqlite3.Error:
        return  # too damaged to tell; it is kept in any case
    if not ours:
        raise StoreError(
            f"{path}: an SQLite file of another program. Remedy: name another data_dir "
            "(VEILLE_DATA_DIR); nothing was changed"
        )


def readable_source(path: Path) -> tuple[sqlite3.Connection, str]:
    """The file, or a copy with another first page and why."""
    source = reading(path)
    try:
        tables(source)
    except sqlite3.Error as error:
        source.close()
        reason = f"its first page can't be read ({error}); taken for the layout of a new one"
        return reading(_with_first_page(path)), reason
    return source, ""


def _with_first_page(path: Path) -> Path:
    """A copy with the first page of a new, empty file of ours: tables are made in one order, so
    that their roots are at the same pages. What does not fit fails the test of each row.

    Indices that later versions added or made anew are elsewhere in a file that has grown up with
    Veille. Without them all that is said of the tables has room on the first page, and no other
    page is needed for it.
    """
    fresh, copy = _scratch(path, "fresh"), _scratch(path, "source")
    with contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as db:
        sqlite_schema.prepare(db, fresh)
        _drop_later(db)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with fresh.open("rb") as file:
        first = bytearray(file.read(_PAGE))
    shutil.copyfile(path, copy)
    pages = max(1, copy.stat().st_size // _PAGE)
    first[28:32] = pages.to_bytes(4, "big")  # the format's header, 1.3: size, no free pages
    first[32:40] = bytes(8)
    first[92:96] = first[24:28]
    with copy.open("r+b") as file:
        file.write(first)
    if (log := path.with_name(f"{path.name}-wal")).exists():
        shutil.copyfile(log, copy.with_name(f"{copy.name}-wal"))
    return copy


def _drop_later(db: sqlite3.Connection) -> None:
    db.execute("DROP TABLE names")
    sql = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
    for (name,) in db.execute(sql).fetchall():
        if name not in _FIRST_INDICES:
            db.execute(f"DROP INDEX {name}")


def _scratch(path: Path, what: str) -> Path:
    new = rebuilding(path)
    return new.with_name(f"{new.name}-{what}")


def sweep(path: Path) -> None:
    """Remove what an earlier or this salvage worked with; never the file itself."""
    for base in (rebuilding(path), _scratch(path, "fresh"), _scratch(path, "source")):
        for side in _SIDES:
            base.with_name(base.name + side).unlink(missing_ok=True)


def refuse_in_use(path: Path) -> None:
    """Whoever has the file open would go on writing to the one set aside."""
    try:
        import fcntl  # noqa: PLC0415  # not on Windows, where an open file can't be renamed
    except ImportError:
        return
    start, length = _SHARED_LOCK
    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            raise StoreUnavailable(
                f"{path}: in use by another process. Remedy: stop Veille first; nothing was changed"
            ) from None


def swap(path: Path, new: Path) -> Path:
    """The damaged file aside, with its log, and the new one in its place."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    refuse_in_use(path)
    try:
        for side in reversed(_SIDES):
            old = path.with_name(path.name + side)
            if old.exists():
                old.rename(aside.with_name(aside.name + side))
        new.rename(path)
        _sync(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path}: can't be set aside: {error}. Remedy: run it again where you may rename"
        ) from error
    return aside


def _sync(folder: Path) -> None:
    """The renames reach the disk before anything is said of them."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
