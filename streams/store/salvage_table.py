"""A table of a file in which any page may be damaged: its rows, and how many there were."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, Generic, TypeVar

Key = tuple[Any, ...]
Row = dict[str, Any]
"""Values by name of their column."""
T = TypeVar("T")

_NAMES: Final = {
    "mentions": ("key", "mentions_key"),
    "dead_letters": ("id", "sqlite_autoindex_dead_letters_1"),
}
"""What names a row, whatever its number, and the index that has it."""
_LEAST_ROW: Final = 16
"""Bytes of the file that a row takes at least: more rows than that are shown twice."""
_SHORT_STEPS: Final = 20_000
"""So often a damaged stretch is passed with short steps; then ever longer ones end it."""


class Table(Generic[T]):
    """Rows are read in the order of the key, forwards to the first that can't be read, backwards
    from the end, and between the two again behind each damaged stretch; those that only an index
    still knows of, one by one.

    `read` makes something of a row, `None` where it is not what was written. When `rows` has
    ended, `bad` counts those and `lost` what was there and could not be read; not `exact` is the
    number where the indices are damaged too.
    """

    def __init__(self, db: sqlite3.Connection, name: str, read: Callable[[Row], T | None]) -> None:
        self.name = name
        self.bad = self.lost = 0
        self.exact = True
        self._db = db
        self._read = read
        info = db.execute(f"PRAGMA table_info({name})").fetchall()
        keys = [row[1] for row in sorted(info, key=lambda row: row[5]) if row[5]]
        self._columns = [row[1] for row in info]
        self._numbered = not self._without_rowid()
        self._key = ["rowid"] if self._numbered else keys
        self._most = self._pragma("page_count") * self._pragma("page_size") // _LEAST_ROW

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def _without_rowid(self) -> bool:
        sql = "SELECT sql FROM sqlite_schema WHERE name = ?"
        return "WITHOUT ROWID" in self._db.execute(sql, [self.name]).fetchone()[0].upper()

    def rows(self) -> Iterator[T]:
        """What each readable row holds; a damaged tree may show one twice."""
        good: dict[Key, Any] = {}
        names: set[Any] = set()
        bad: set[Key] = set()
        named, _ = _NAMES.get(self.name, ("", ""))
        indexed = self._indexed()
        for key, row in self._found(indexed or set()):
            if (made := self._read(row)) is None:
                bad.add(key)
                continue
            good[key] = row[named] if named else None
            names.add(good[key])
            yield made
        self.bad = len(bad - good.keys())
        if indexed is None:
            self.lost = self.bad
        else:
            self._account(indexed, {key[0]: name for key, name in good.items()}, names)

    def _account(self, indexed: set[int], good: dict[int, Any], names: set[Any]) -> None:
        """A row whose number was altered is one that an index misses under its old number: known
        by its name or, where the index of names is damaged too, taken for one of those."""
        known = self._names_of(indexed)
        gone = {row: name for row, name in known.items() if row not in good}
        nameless = [row for row, name in gone.items() if name is None]
        strangers = good.keys() - indexed
        self.lost = sum(name is not None and name not in names for name in gone.values())
        found = {name for name in gone.values() if name in names}
        loose = sum(good[row] not in found for row in strangers)
        self.lost += max(0, len(nameless) - loose)
        taken = any(
            known[row] is not None and known[row] not in names for row in known.keys() & good.keys()
        )
        self.exact &= not taken and not (nameless and loose)

    def _found(self, indexed: set[int]) -> Iterator[tuple[Key, Row]]:
        seen: set[int] = set()
        for key, row in self._everything():
            seen.add(key[0])
            yield key, row
        for rowid in sorted(indexed - seen):
            yield from self._probe(rowid)

    def _indexed(self) -> set[int] | None:
        """The row numbers that indices know of, two of them where there are more: one may be
        damaged itself. `None` where there is none that can be read."""
        if not self._numbered:
            return None
        votes: Counter[int] = Counter()
        readable = 0
        known = self._db.execute(f"PRAGMA index_list({self.name})").fetchall()
        for index in (name for _, name, _, _, partial in known if not partial):
            sql = f"SELECT rowid FROM {self.name} INDEXED BY {index}"  # noqa: S608 # our own names
            if self._covers(sql):
                rows = {row[0] for row in self._select(sql)}
                votes.update(rows)
                readable += not self._failed
        enough = min(2, readable)
        self.exact = readable >= 2
        return {row for row, count in votes.items() if count >= enough} if readable else None

    def _names_of(self, rowids: set[int]) -> dict[int, Any]:
        """The name of each, as its index has it; `None` where it has none."""
        named, index = _NAMES[self.name]
        sql = f"SELECT rowid, {named} FROM {self.name} INDEXED BY {index}"  # noqa: S608 # our own names
        found = {row: name for row, name in self._select(sql) if row in rowids}
        return {row: found.get(row) for row in rowids}

    def _covers(self, sql: str) -> bool:
        return "COVERING" in str(self._db.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall())

    def _everything(self) -> Iterator[tuple[Key, Row]]:
        last: Key | None = None
        for key, row in self._scan("", ()):
            last = key if last is None or not self._numbered else max(last, key)
            yield key, row
        if not self._failed:
            return
        self.exact &= self._numbered
        where, values = self._beyond(last, ">")
        after = list(self._scan(where, values, backwards=True))
        yield from self._between(last, after[-1][0] if after else self._greatest())
        yield from reversed(after)

    def _greatest(self) -> Key | None:
        """The number behind the greatest that was ever given, where SQLite keeps it: where the end
        is damaged too, no row tells how far they go."""
        sql = "SELECT seq + 1 FROM sqlite_sequence WHERE name = ?"
        return next(self._select(sql, (self.name,)), None)

    def _between(self, low: Key | None, high: Key | None) -> Iterator[tuple[Key, Row]]:
        """Stretches that can be read between two damaged ones, by number of the row."""
        if not self._numbered or high is None:
            return
        start, end = (low[0] if low else 0) + 1, high[0]
        step, steps = 1, 0
        while start < end:
            got = start - 1
            for key, row in self._scan("WHERE rowid >= ? AND rowid < ?", (start, end)):
                got = max(got, key[0])
                yield key, row
            if not self._failed:
                return
            steps += 1
            longer = step * 2 if steps > _SHORT_STEPS else min(step * 2, 64)
            step = 1 if got >= start and steps < _SHORT_STEPS else longer
            start = got + 1 if got >= start else start + step

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
        size = len(self._key)
        for found in self._select(sql, values):
            yield found[:size], dict(zip(self._columns, found[size:], strict=True))

    def _select(self, sql: str, values: Key = ()) -> Iterator[Key]:
        """Until the end, the first damage, or more rows than the file has room for; `_failed`
        tells which."""
        self._failed = False
        try:
            rows = self._db.execute(sql, values)
            yield from islice(rows, self._most)
            self._failed = rows.fetchone() is not None
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            self._failed = True


def tables(db: sqlite3.Connection) -> list[str]:
    """Ordinary tables: the words to search by are made anew with their mentions."""
    sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
    names = [row[0] for row in db.execute(sql)]
    return [name for name in names if not name.startswith(("sqlite_", "words", "names"))]
