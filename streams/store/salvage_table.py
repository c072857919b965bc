"""A table of a file in which any page may be damaged: its rows, and how many there were."""

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Any

Key = tuple[Any, ...]
Row = dict[str, Any]
"""Values by name of their column."""


class Table:
    """Rows are read in the order of the key, forwards to the first that can't be read, backwards
    from the end, and between the two again behind each damaged stretch. Rows that only an index
    still knows of are counted as lost.
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

    def rows(self) -> Iterator[Row]:
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

    def _everything(self) -> Iterator[tuple[Key, Row]]:
        last: Key | None = None
        broken = False
        for key, row in self._scan("", ()):
            last = key
            yield key, row
        broken = self._failed
        if not broken:
            return
        self.unsure = True
        after: list[tuple[Key, Row]] = []
        where, values = self._beyond(last, ">")
        for key, row in self._scan(where, values, backwards=True):
            after.append((key, row))
        yield from self._between(last, after[-1][0] if after else None)
        yield from reversed(after)

    def _between(self, low: Key | None, high: Key | None) -> Iterator[tuple[Key, Row]]:
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

    def _probe(self, rowid: int) -> Iterator[tuple[Key, Row]]:
        return self._scan("WHERE rowid = ?", (rowid,))

    def _beyond(self, key: Key | None, sign: str) -> tuple[str, Key]:
        if key is None:
            return "", ()
        return f"WHERE ({', '.join(self._key)}) {sign} ({', '.join('?' * len(key))})", key

    def _scan(
        self, where: str, values: Key, *, backwards: bool = False
    ) -> Iterator[tuple[Key, Row]]:
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


def tables(db: sqlite3.Connection) -> list[str]:
    """Ordinary tables: the words to search by are made anew with their mentions."""
    sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
    names = [row[0] for row in db.execute(sql)]
    return [name for name in names if not name.startswith(("sqlite_", "words"))]
