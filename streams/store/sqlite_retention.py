"""Removing mentions that are over their time, a thousand at once so that others can write too."""

import sqlite3
from typing import Final

import msgspec

from streams.records import Mention
from streams.store.sqlite_writes import remove_rows

AT_ONCE: Final = 1_000
_mentions = msgspec.json.Decoder(Mention)


def count(db: sqlite3.Connection, before: int) -> dict[str, int]:
    """Mentions of posts created before then (milliseconds since 1970), by month."""
    sql = """SELECT strftime('%Y-%m', created / 1000, 'unixepoch') AS month, count(*)
        FROM mentions WHERE created < ? GROUP BY month ORDER BY month"""
    return dict(db.execute(sql, [before]).fetchall())


def drop(db: sqlite3.Connection, before: int) -> int:
    """Remove some of them; how many: fewer than `AT_ONCE` when none is left."""
    db.execute("BEGIN IMMEDIATE")
    try:
        sql = "SELECT seq, body FROM mentions WHERE created < ? LIMIT ?"
        rows = db.execute(sql, [before, AT_ONCE]).fetchall()
        remove_rows(db, [(seq, _mentions.decode(body)) for seq, body in rows])
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return len(rows)
