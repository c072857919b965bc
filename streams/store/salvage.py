"""A new SQLite file out of a damaged one: table by table, row by row, and an account of the rest.

The damaged file is only read, then set aside under another name; it is never changed or deleted.
Until the new one is complete it has the ending `.rebuilding`, and nothing else opens the store.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from streams.errors import StoreUnavailable
from streams.records import Mention
from streams.store import sqlite_schema
from streams.store.salvage_file import (
    is_ours,
    readable_source,
    reading,
    refuse_foreign,
    refuse_in_use,
    swap,
    sweep,
)
from streams.store.salvage_rows import reader
from streams.store.salvage_table import Row, Table, tables
from streams.store.sqlite import rebuilding
from streams.store.sqlite_writes import Batch

Note = Callable[[str, int], None]
"""Told of each table and how many of its rows are saved so far."""

_T = TypeVar("_T")

_BATCH: Final = 500
_FIRST: Final = ("retractions", "tombstones", "labels", "states")
"""Before the mentions, which they decide about."""


class Saved(msgspec.Struct):
    """One table: rows in the new file, rows that could not be read, and whether that is exact:
    where indices are damaged too, more may be missing."""

    table: str
    saved: int = 0
    lost: int = 0
    exact: bool = True


class Salvage(msgspec.Struct, kw_only=True):
    """What `salvage` did. `aside` is where the damaged file is now; empty: it was sound."""

    path: str
    aside: str = ""
    tables: list[Saved] = []
    reason: str = ""

    @property
    def lost(self) -> int:
        return sum(table.lost for table in self.tables)


def problems(path: Path, limit: int = 20) -> list[str]:
    """What is wrong with the file, as SQLite and the records themselves tell; empty: sound.

    Reads the whole file. Raises `StoreUnavailable` while it is locked.
    """
    if not path.exists():
        return []
    try:
        with contextlib.closing(reading(path)) as db:
            found = [row[0] for row in db.execute(f"PRAGMA integrity_check({limit})")]
            if found != ["ok"]:
                return found
            return _unreadable(db) if is_ours(db) else ["an SQLite file of another program"]
    except sqlite3.Error as error:
        explained = sqlite_schema.explain(error, path)
        if isinstance(explained, StoreUnavailable):
            raise explained from error
        return [str(error)]


def _unreadable(db: sqlite3.Connection) -> list[str]:
    """Rows whose bytes are not what was written, which SQLite itself can't know."""
    found = []
    for name in tables(db):
        table = Table(db, name, reader(name))
        for _ in table.rows():
            pass
        if table.bad:
            found.append(f"{name}: {table.bad} rows can't be read")
    return found


def broken_off(path: Path) -> bool:
    """Whether an earlier salvage has not come to its end."""
    return rebuilding(path).exists()


def salvage(path: Path, note: Note = lambda _, __: None) -> Salvage:
    """Set the damaged file aside and put a new one in its place with all that could be read.

    Raises `StoreUnavailable` while another process has it open. Broken off, it can be run again.
    """
    new = rebuilding(path)
    if new.exists() and not path.exists():  # broken off between the last two steps
        new.rename(path)
        return Salvage(path=str(path), reason="finished what was broken off")
    refuse_in_use(path)
    refuse_foreign(path)
    sweep(path)
    result = Salvage(path=str(path))
    with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as target:
        sqlite_schema.prepare(target, new)
        target.execute("PRAGMA synchronous = NORMAL")
        _fill(path, target, result, note)
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    result.aside = str(swap(path, new))
    sweep(path)
    return result


def _fill(path: Path, target: sqlite3.Connection, result: Salvage, note: Note) -> None:
    try:
        source, result.reason = readable_source(path)
    except sqlite3.Error as error:
        result.reason = f"nothing can be read: {error}"
        return
    with contextlib.closing(source):
        try:
            known = tables(source)
        except sqlite3.Error as error:
            result.reason = f"nothing can be read: {error}"
            return
        for name in sorted((name for name in tables(target) if name in known), key=_turn):
            saved = Saved(name)
            result.tables.append(saved)
            _copy(Table(source, name, reader(name)), target, saved, note)


def _turn(name: str) -> tuple[int, str]:
    return (0 if name in _FIRST else 1, name)


def _copy(table: Table[Any], target: sqlite3.Connection, saved: Saved, note: Note) -> None:
    store = _keep_mentions if table.name == "mentions" else _keep_rows
    for batch in _batched(table.rows(), _BATCH):
        store(target, table.name, batch)
        saved.saved += len(batch)
        note(table.name, saved.saved)
    # Counted anew: a damaged tree may show a row twice.
    saved.saved = target.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0]  # noqa: S608 # our own names
    saved.lost, saved.exact = table.lost, table.exact


def _keep_mentions(target: sqlite3.Connection, _: str, mentions: Sequence[Mention]) -> None:
    """Through the same writing as ever, which makes the words to search by anew."""
    Batch(list(mentions)).apply(target)


def _keep_rows(target: sqlite3.Connection, table: str, rows: Sequence[Row]) -> None:
    names = ", ".join(rows[0])
    marks = ", ".join("?" * len(rows[0]))
    sql = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 # our own names
    target.execute("BEGIN IMMEDIATE")
    target.executemany(sql, [tuple(row.values()) for row in rows])
    target.execute("COMMIT")


def _batched(rows: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Lists of at most `size`."""
    left = iter(rows)
    while some := list(islice(left, size)):
        yield some
