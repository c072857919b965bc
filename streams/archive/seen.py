"""Which ids were met before: exact, in bounded memory, for any number of them."""

import sqlite3
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import msgspec

_CACHE_KIB: Final = 32_000


class Seen:
    """Ids in a private file of SQLite's that is on the disk only once it outgrows its cache."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute(f"PRAGMA cache_size = {-_CACHE_KIB}")
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("CREATE TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._db.close()

    def new(self, ids: Sequence[str]) -> set[str]:
        """Those that are met for the first time; they count as met from now on."""
        listed = msgspec.json.encode(ids).decode()
        sql = """SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM seen)"""
        found = {one for (one,) in self._db.execute(sql, [listed])}
        sql = "INSERT OR IGNORE INTO seen SELECT value FROM json_each(?)"
        self._db.execute(sql, [msgspec.json.encode(list(found)).decode()])
        return found
