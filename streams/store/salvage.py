"""A new SQLite file out of a damaged one: table by table, row by row, and an account of the rest.

The damaged file is only read, then set aside under another name; it is never changed or deleted.
Until the new one is complete it has the ending `.rebuilding`, and nothing else opens the store.
"""

import contextlib
import errno
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from connectors import letters
from streams.errors import StoreError, StoreUnavailable
from streams.records import Mention
from streams.store import rules, sqlite_schema
from streams.store.sqlite import rebuilding
from streams.store.sqlite_writes import COLUMNS, Batch, columns

Note = Callable[[str, int], None]
"""Told of each table and how many of its rows are saved so far."""

_SIDES: Final = ("", "-wal", "-shm")
_BATCH: Final = 500
_PAGE: Final = 4096
_FIRST: Final = ("retractions", "tombstones", "labels")
"""Before the mentions, which they decide about."""
_SHARED_LOCK: Final = (0x40000002, 510)
"""The bytes that whoever has the file open in SQLite holds locked (its file format, 4.2)."""
_mentions = msgspec.json.Decoder(Mention)
_marks = msgspec.json.Decoder(list[rules.Watermark])


class Saved(msgspec.Struct):
    """One table: rows in the new file, rows that could not be read, and whether more may be
    missing than were counted."""

    table: str
    saved: int = 0
    lost: int = 0
    at_least: bool = False


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
        with contextlib.closing(_reading(path)) as db:
            found = [row[0] for row in db.execute(f"PRAGMA integrity_check({limit})")]
            if found != ["ok"]:
                return found
            return _unreadable(db) if _is_ours(db) else ["an SQLite file of another program"]
    except sqlite3.Error as error:
        explained = sqlite_schema.explain(error, path)
        if isinstance(explained, StoreUnavailable):
            raise explained from error
        return [str(error)]


def _unreadable(db: sqlite3.Connection) -> list[str]:
    """Rows whose bytes are not what was written, which SQLite itself can't know."""
    counts = {
        name: sum(not _sound(name, row) for row in _Table(db, name).rows()) for name in _tables(db)
    }
    return [f"{name}: {count} rows can't be read" for name, count in counts.items() if count]


def _sound(table: str, row: dict[str, Any]) -> bool:
    return _mention(row) is not None if table == "mentions" else _readable(table, row)


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
    _refuse_foreign(path)
    _sweep(path)
    result = Salvage(path=str(path))
    with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as target:
        sqlite_schema.prepare(target, new)
        target.execute("PRAGMA synchronous = NORMAL")
        _fill(path, target, result, note)
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    result.aside = str(_swap(path, new))
    _sweep(path)
    return result


def _refuse_foreign(path: Path) -> None:
    try:
        with contextlib.closing(_reading(path)) as db:
            ours = _is_ours(db)
    except sqlite3.Error:
        return  # too damaged to tell; it is kept in any case
    if not ours:
        raise StoreError(
            f"{path}: an SQLite file of another program. Remedy: name another data_dir "
            "(VEILLE_DATA_DIR); nothing was changed"
        )


def _fill(path: Path, target: sqlite3.Connection, result: Salvage, note: Note) -> None:
    try:
        source, result.reason = _readable_source(path)
        known = _tables(source)
    except sqlite3.Error as error:
        result.reason = f"nothing can be read: {error}"
        return
    with contextlib.closing(source):
        for name in sorted((name for name in _tables(target) if name in known), key=_turn):
            saved = Saved(name)
            result.tables.append(saved)
            _copy(_Table(source, name), target, saved, note)


def _readable_source(path: Path) -> tuple[sqlite3.Connection, str]:
    """The file, or a copy with another first page and why."""
    source = _reading(path)
    try:
        _tables(source)
    except sqlite3.Error as error:
        source.close()
        reason = f"its first page can't be read ({error}); taken for the layout of a new one"
        return _reading(_with_first_page(path)), reason
    return source, ""


def _with_first_page(path: Path) -> Path:
    """A copy with the first page of a new, empty file of ours: tables are made in one order, so
    that their roots are at the same pages. What does not fit fails the test of each row."""
    fresh, copy = _scratch(path, "fresh"), _scratch(path, "source")
    with contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as db:
        sqlite_schema.prepare(db, fresh)
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


def _scratch(path: Path, what: str) -> Path:
    new = rebuilding(path)
    return new.with_name(f"{new.name}-{what}")


def _sweep(path: Path) -> None:
    """Remove what an earlier or this salvage worked with; never the file itself."""
    for base in (rebuilding(path), _scratch(path, "fresh"), _scratch(path, "source")):
        for side in _SIDES:
            base.with_name(base.name + side).unlink(missing_ok=True)


def _turn(name: str) -> tuple[int, str]:
    return (0 if name in _FIRST else 1, name)


def _copy(table: "_Table", target: sqlite3.Connection, saved: Saved, note: Note) -> None:
    store = _keep_mentions if table.name == "mentions" else _keep_rows
    batch: list[dict[str, Any]] = []
    for row in table.rows():
        batch.append(row)
        if len(batch) >= _BATCH:
            saved.saved += store(target, table.name, batch)
            batch = []
            note(table.name, saved.saved)
    saved.saved += store(target, table.name, batch)
    note(table.name, saved.saved)
    # Counted anew: a damaged tree may show a row twice.
    saved.saved = target.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0]  # noqa: S608 # our own names
    saved.lost, saved.at_least = max(0, table.known - saved.saved), table.unsure


def _keep_mentions(target: sqlite3.Connection, _: str, rows: list[dict[str, Any]]) -> int:
    """Through the same writing as ever, which makes the words to search by anew."""
    found = [mention for row in rows if (mention := _mention(row)) is not None]
    if found:
        Batch(found).apply(target)
    return len(found)


def _mention(row: dict[str, Any]) -> Mention | None:
    """The mention, where its bytes are still what was written, as far as its columns tell: SQLite
    keeps no checksums, so that another letter within a text is not seen."""
    try:
        mention = _mentions.decode(row["body"])
        return mention if columns(mention) == {name: row[name] for name in COLUMNS} else None
    except (msgspec.MsgspecError, ValueError, TypeError):
        return None


def _keep_rows(target: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> int:
    good = [row for row in rows if _readable(table, row)]
    if not good:
        return 0
    names = ", ".join(good[0])
    marks = ", ".join("?" * len(good[0]))
    before = target.total_changes
    sql = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 # our own names
    target.execute("BEGIN IMMEDIATE")
    target.executemany(sql, [tuple(row.values()) for row in good])
    target.execute("COMMIT")
    return target.total_changes - before


def _readable(table: str, row: dict[str, Any]) -> bool:
    """Whether it is a row of this table; every BLOB of ours is JSON."""
    try:
        for value in row.values():
            if isinstance(value, bytes):
                msgspec.json.decode(value)
        return _ROWS[table](row) if table in _ROWS else True
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError, AttributeError):
        return False


_ROWS: Final[dict[str, Callable[[dict[str, Any]], bool]]] = {
    "tombstones": lambda row: _mentions.decode(row["body"]).id == row["id"],
    "dead_letters": lambda row: letters.decode(row["body"]).id == row["id"],
    "retractions": lambda row: bool(_marks.decode(row["marks"])),
    "states": lambda row: isinstance(msgspec.json.decode(row["value"]), dict),
}


class _Table:
    """A table of a file in which any page may be damaged.

    Rows are read in the order of the key, forwards to the first that can't be read, backwards from
    the end, and between the two again behind each damaged stretch. Rows that only an index still
    knows of are counted as lost.
    """

    def __init__(self, db: sqlite3.Connection, name: str) -> None:
        self._db = db
        self.name = name
        self.unsure = False
        info = db.execute(f"PRAGMA table_info({name})").fetchall()
        keys = [row[1] for row in sorted(info, key=lambda row: row[5]) if row[5]]
        self._columns = [row[1] for row in info]
        self._key = keys if self._without_rowid() else ["rowid"]
        self.known = 0

    def _without_rowid(self) -> bool:
        sql = "SELECT sql FROM sqlite_schema WHERE name = ?"
        return "WITHOUT ROWID" in self._db.execute(sql, [self.name]).fetchone()[0].upper()

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each readable row once; `known` and `unsure` hold when it has ended."""
        indexed = self._indexed()
        seen: set[int] = set()
        count = 0
        for key, row in self._everything():
            count += 1
            if self._key == ["rowid"]:
                seen.add(key[0])
            yield row
        missing = (indexed or set()) - seen
        for rowid in sorted(missing):
            for _, row in self._probe(rowid):
                missing.discard(rowid)
                count += 1
                yield row
        self.known = count + len(missing)
        self.unsure = self.unsure and indexed is None

    def _indexed(self) -> set[int] | None:
        """The row numbers that indices know of, two of them where there are more: one may be
        damaged itself. `None` where there is none that can be read."""
        if self._key != ["rowid"]:
            return None
        votes: Counter[int] = Counter()
        readable = 0
        for _, index, *_ in self._db.execute(f"PRAGMA index_list({self.name})").fetchall():
            with contextlib.suppress(sqlite3.DatabaseError):
                sql = f"SELECT rowid FROM {self.name} INDEXED BY {index}"  # noqa: S608 # our own names
                if self._covers(sql):
                    votes.update({row[0] for row in self._db.execute(sql).fetchall()})
                    readable += 1
        enough = min(2, readable)
        return {row for row, count in votes.items() if count >= enough} if readable else None

    def _covers(self, sql: str) -> bool:
        return "COVERING" in str(self._db.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall())

    def _everything(self) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
        last: tuple[Any, ...] | None = None
        broken = False
        for key, row in self._scan("", ()):
            last = key
            yield key, row
        broken = self._failed
        if not broken:
            return
        self.unsure = True
        after: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        where, values = self._beyond(last, ">")
        for key, row in self._scan(where, values, backwards=True):
            after.append((key, row))
        yield from self._between(last, after[-1][0] if after else None)
        yield from reversed(after)

    def _between(
        self, low: tuple[Any, ...] | None, high: tuple[Any, ...] | None
    ) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
        """Stretches that can be read between two damaged ones, by number of the row."""
        if self._key != ["rowid"] or high is None:
            return
        start, end, step = (low[0] if low else 0) + 1, high[0], 1
        while start < end:
            got = None
            for key, row in self._scan("WHERE rowid >= ? AND rowid < ?", (start, end)):
                got = key
                yield key, row
            if not self._failed:
                return
            step = 1 if got else min(step * 2, 64)
            start = got[0] + 1 if got else start + step

    def _probe(self, rowid: int) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
        return self._scan("WHERE rowid = ?", (rowid,))

    def _beyond(self, key: tuple[Any, ...] | None, sign: str) -> tuple[str, tuple[Any, ...]]:
        if key is None:
            return "", ()
        return f"WHERE ({', '.join(self._key)}) {sign} ({', '.join('?' * len(key))})", key

    def _scan(
        self, where: str, values: tuple[Any, ...], *, backwards: bool = False
    ) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
        """Rows until the end or the first damage; `_failed` tells which."""
        order = ", ".join(f"{name} {'DESC' if backwards else 'ASC'}" for name in self._key)
        columns = ", ".join([*self._key, *self._columns])
        sql = f"SELECT {columns} FROM {self.name} {where} ORDER BY {order}"  # noqa: S608 # our own names
        self._failed = False
        try:
            for found in self._db.execute(sql, values):
                size = len(self._key)
                yield found[:size], dict(zip(self._columns, found[size:], strict=True))
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            self._failed = True


def _reading(path: Path) -> sqlite3.Connection:
    """Reads the file with what its write-ahead log adds, and writes nothing."""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    db.execute("PRAGMA busy_timeout = 5000")
    db.execute("PRAGMA query_only = ON")
    db.text_factory = lambda raw: raw.decode("utf-8")
    return db


def _is_ours(db: sqlite3.Connection) -> bool:
    owner = int(db.execute("PRAGMA application_id").fetchone()[0])
    empty = not db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    return owner == sqlite_schema.APPLICATION_ID or (empty and not owner)


def _tables(db: sqlite3.Connection) -> list[str]:
    """Ordinary tables: the words to search by are made anew with their mentions."""
    sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
    names = [row[0] for row in db.execute(sql)]
    return [name for name in names if not name.startswith(("sqlite_", "words"))]


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


def _swap(path: Path, new: Path) -> Path:
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
