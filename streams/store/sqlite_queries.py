"""What arrived in the SQLite store, and counts of what it holds."""

import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec

from streams.records import LABELS, Mention
from streams.store import paging
from streams.store.port import Bucket, Count, Dimension, Filter, Page
from streams.store.sqlite_where import Where

COLUMNS: Final[dict[Dimension, str]] = {
    "topic": "topic",
    "source": "source",
    "lang": "lang",
    "author": "author",
    "hashtag": "tag.value",
    "sentiment": "tone",
    "country": "country",
    "kind": "kind",
}
SPLIT: Final = ", ".join(f"sum(tone = '{label}')" for label in LABELS)
_decoder = msgspec.json.Decoder(Mention)


def arrivals(
    db: sqlite3.Connection, after: str, where: Filter, limit: int, *, deleted: bool = False
) -> Page:
    """In order of storing. One snapshot, so that the end is the end of what was read."""
    owner = paging.question(where, paging.ARRIVALS[deleted])
    db.execute("BEGIN")
    try:
        end = last_seq(db)
        start = min(end, paging.decode_cursor(after, owner).time) if after else end
        asked, size = Where(where), paging.page_size(limit)
        asked.add("seq > ?", start)
        sql = f"SELECT seq, body FROM mentions NOT INDEXED {asked.sql} ORDER BY seq LIMIT ?"  # noqa: S608 # bound
        rows = db.execute(sql, [*asked.values, size]).fetchall() if after else []
        if after and deleted:
            dead = db.execute(_DEAD, [start, size]).fetchall()
            rows = sorted([*rows, *dead])[:size]
    finally:
        db.execute("COMMIT")
    reached = rows[-1][0] if len(rows) == size else end
    cursor = paging.encode_cursor(paging.Place(owner, reached))
    found = (_decoder.decode(body) for _, body in rows)
    return Page([one for one in found if not one.deleted or is_of(one, where)], cursor)


def is_of(tombstone: Mention, where: Filter) -> bool:
    """Whether a deleted mention was of the topics and sources asked for: it tells no more."""
    return (not where.topics or tombstone.topic in where.topics) and (
        not where.sources or tombstone.post.source in where.sources
    )


_DEAD: Final = "SELECT seq, body FROM tombstones WHERE seq > ? ORDER BY seq LIMIT ?"


def use_seq(db: sqlite3.Connection, seq: int) -> None:
    """No mention gets this number or one below from now on."""
    done = db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'mentions'", [seq])
    if not done.rowcount:
        db.execute("INSERT INTO sqlite_sequence VALUES ('mentions', ?)", [seq])


def last_seq(db: sqlite3.Connection) -> int:
    """The highest number ever given to a mention."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'mentions'").fetchone()
    return int(row[0]) if row else 0


def count(db: sqlite3.Connection, where: Filter) -> Count:
    """All that match, split."""
    asked = Where(where)
    sql = f"SELECT '', count(*), {SPLIT} FROM {asked.table(db)} {asked.sql}"  # noqa: S608 # bound parameters
    return _count(db.execute(sql, asked.values).fetchone())


def over_time(db: sqlite3.Connection, where: Filter, step: timedelta) -> list[Bucket]:
    """Buckets from first to last."""
    asked, width = Where(where), paging.step_millis(step)
    table, first, last = asked.table(db), 0, 0
    if not (where.since and where.until):
        edges = f"SELECT min(created), max(created) FROM {table} {asked.sql}"  # noqa: S608 # bound
        first, last = db.execute(edges, asked.values).fetchone()
        if first is None:
            return []
    starts = paging.bounds(where, width, first, last)
    sql = (
        f"SELECT {start_of(width)} AS start, tone, count(*) "  # noqa: S608 # bound
        f"FROM {table} {asked.sql} GROUP BY start, tone"
    )
    found: dict[int, paging.Split] = {}
    for start, tone, number in db.execute(sql, asked.values):
        found.setdefault(start, {})[tone] = number
    return paging.fill(starts, found)


def start_of(width: int) -> str:
    """The start of a row's bucket of so many milliseconds, before 1970 too."""
    return f"created - ((created % {width}) + {width}) % {width}"


def top(db: sqlite3.Connection, where: Filter, by: Dimension, limit: int) -> list[Count]:
    """The most frequent values."""
    asked, column = Where(where), COLUMNS[by]
    asked.add(f"{column} <> ''")
    tags = ", json_each(mentions.hashtags) AS tag" if by == "hashtag" else ""
    sql = (
        f"SELECT {column}, count(*) AS total, {SPLIT} FROM {asked.table(db)}{tags} {asked.sql} "  # noqa: S608 # bound
        f"GROUP BY {column} ORDER BY total DESC, {column} LIMIT ?"
    )
    rows = db.execute(sql, [*asked.values, paging.page_size(limit)])
    return [_count(row) for row in rows]


def _count(row: Sequence[Any]) -> Count:
    value, total, *split = row
    numbers = {label: number or 0 for label, number in zip(LABELS, split, strict=True)}
    return Count(value=value, total=total, **numbers)


_TOPICS: Final = f"""WITH RECURSIVE found(topic) AS (
  SELECT min(topic) FROM mentions
  UNION ALL
  SELECT (SELECT min(topic) FROM mentions WHERE topic > found.topic) FROM found
  WHERE topic IS NOT NULL
) SELECT topic FROM found WHERE topic IS NOT NULL LIMIT {paging.MAX_PAGE}"""  # noqa: S608 # ours


def topics(db: sqlite3.Connection) -> list[str]:
    """From one to the next in the index, passing over their mentions."""
    return [topic for (topic,) in db.execute(_TOPICS) if topic]
