"""Dead letters in the SQLite store: selecting and dropping them."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from connectors.letters import DeadLetter
from streams.store.port import LetterFilter
from streams.store.rules import millis
from streams.store.sqlite_where import clean

_decoder = msgspec.json.Decoder(DeadLetter)
_LISTED: Final = "IN (SELECT value FROM json_each(?))"


def select(db: sqlite3.Connection, where: LetterFilter, limit: int) -> tuple[int, list[DeadLetter]]:
    """How many match, and the newest."""
    sql, values = _where(where)
    if not where.reason:
        total = db.execute(f"SELECT count(*) FROM dead_letters {sql}", values).fetchone()[0]  # noqa: S608 # bound
        return total, [*_rows(db, f"{sql} ORDER BY at DESC, id LIMIT ?", [*values, max(0, limit)])]
    found = _rows(db, f"{sql} ORDER BY at DESC, id", values)
    matching = [letter for letter in found if where.has_reason(letter)]
    return len(matching), matching[: max(0, limit)]


def _rows(db: sqlite3.Connection, rest: str, values: Sequence[Any]) -> list[DeadLetter]:
    rows = db.execute(f"SELECT attempts, body FROM dead_letters {rest}", values)  # noqa: S608 # bound
    return [msgspec.structs.replace(_decoder.decode(body), attempts=n) for n, body in rows]


def _where(where: LetterFilter) -> tuple[str, list[Any]]:
    conditions, values = [], list[Any]()
    columns = [
        ("id", where.ids),
        ("source", where.sources),
        ("stage", where.stages),
    ]
    for column, wanted in columns:
        if wanted:
            conditions.append(f"{column} {_LISTED}")
            values.append(msgspec.json.encode([clean(one) for one in wanted]).decode())
    if where.until:
        conditions.append("at <= ?")
        values.append(millis(where.until))
    if where.after:
        at, name = millis(where.after[0]), clean(where.after[1])
        conditions.append("(at < ? OR at = ? AND id > ?)")
        values += [at, at, name]
    return f"WHERE {' AND '.join(conditions)}" if conditions else "", values


def counts(db: sqlite3.Connection, since: datetime) -> dict[str, int]:
    """How many of each source since then."""
    sql = "SELECT source, count(*) FROM dead_letters WHERE at >= ? GROUP BY source"
    return dict(db.execute(sql, [millis(since)]).fetchall())


def drop(db: sqlite3.Connection, ids: Sequence[str]) -> int:
    """Remove; how many were there."""
    listed = msgspec.json.encode([clean(one) for one in ids]).decode()
    return db.execute(f"DELETE FROM dead_letters WHERE id {_LISTED}", [listed]).rowcount  # noqa: S608 # bound
