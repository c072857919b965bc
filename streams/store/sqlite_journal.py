"""The journal in the SQLite store."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from streams.store import journal, paging
from streams.store.journal import Entry, EntryFilter, EntryPage
from streams.store.rules import millis
from streams.store.sqlite_where import clean

INSERT: Final = "INSERT OR IGNORE INTO journal VALUES (?,?,?,?,?,?,?)"


def row(entry: Entry) -> tuple[Any, ...]:
    """Raises `StoreError` for what can't be kept."""
    body = journal.encoded(entry)
    names = (entry.by, entry.action, entry.subject, entry.topic)
    return (entry.id, millis(entry.at), *names, body)


def select(db: sqlite3.Connection, where: EntryFilter, limit: int, cursor: str) -> EntryPage:
    """One page, newest first."""
    owner = paging.question(where, "entries")
    conditions, values = _where(where)
    if cursor:
        place = paging.decode_cursor(cursor, owner)
        conditions.append("(at, id) < (?, ?)")
        values += [place.time, clean(place.id)]
    size = paging.page_size(limit)
    asked = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    sql = f"SELECT at, id, body FROM journal {asked} ORDER BY at DESC, id DESC LIMIT ?"  # noqa: S608 # bound
    rows = db.execute(sql, [*values, size + 1]).fetchall()
    entries = [journal.decoded(body) for _, _, body in rows[:size]]
    if len(rows) <= size:
        return EntryPage(entries)
    at, last, _ = rows[size - 1]
    return EntryPage(entries, paging.encode_cursor(paging.Place(owner, at, last)))


def _where(where: EntryFilter) -> tuple[list[str], list[Any]]:
    conditions, values = list[str](), list[Any]()
    if where.actions:
        exact, kinds = journal.split_actions(where.actions)
        either = [
            "action IN (SELECT value FROM json_each(?))",
            *["substr(action, 1, ?) = ?"] * len(kinds),
        ]
        conditions.append(f"({' OR '.join(either)})")
        values.append(_listed(exact))
        values += [part for kind in kinds for part in (len(clean(kind)), clean(kind))]
    if where.subjects:
        conditions.append("subject IN (SELECT value FROM json_each(?))")
        values.append(_listed(where.subjects))
    for column, wanted in (("by", where.by), ("topic", where.topic)):
        if wanted:
            conditions.append(f"{column} = ?")
            values.append(clean(wanted))
    for sign, moment in ((">=", where.since), ("<", where.until)):
        if moment:
            conditions.append(f"at {sign} ?")
            values.append(millis(moment))
    return conditions, values


def _listed(values: Sequence[str]) -> str:
    return msgspec.json.encode([clean(value) for value in values]).decode()
