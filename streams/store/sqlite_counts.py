"""Counts of many topics at once, from the SQLite store."""

import contextlib
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from streams.store import paging
from streams.store.folding import Part, folded
from streams.store.port import Counts, Filter, StoryCount, TopicCounts
from streams.store.rules import millis
from streams.store.sqlite_queries import SPLIT
from streams.store.sqlite_where import Where, clean

_PEOPLE: Final = "author, max(followers), count(rating), coalesce(sum(rating), 0.0), best"

_OF_TOPIC: Final = "FROM mentions INDEXED BY mentions_topic WHERE topic = :topic AND hidden = 0"
_START: Final = "created - ((created % :width) + :width) % :width"
_PACKED: Final = (
    "sum((1 << 48) + CASE tone WHEN 'neg' THEN 1 << 32 WHEN 'pos' THEN 1 << 16 "
    "WHEN 'neu' THEN 1 ELSE 0 END)"
)
_WALK: Final = f"""
WITH RECURSIVE buckets (start) AS (
  SELECT (
    SELECT {_START} {_OF_TOPIC} AND created >= :since AND created < :until
    ORDER BY created LIMIT 1
  )
  UNION ALL
  SELECT (
    SELECT {_START} {_OF_TOPIC} AND created >= buckets.start + :width AND created < :until
    ORDER BY created LIMIT 1
  ) FROM buckets WHERE start IS NOT NULL
)
SELECT start, (
  SELECT {_PACKED} {_OF_TOPIC}
  AND created >= max(:since, buckets.start) AND created < min(:until, buckets.start + :width)
) FROM buckets WHERE start IS NOT NULL
"""  # noqa: S608 # our own SQL


def counts(
    db: sqlite3.Connection, where: Filter, step: timedelta, *, people: bool
) -> list[TopicCounts]:
    """The buckets that hold something, by topic and start. Without `people` an index tells."""
    if not where.topics:
        return []
    asked, width = Where(where), paging.step_millis(step)
    if len(where.topics) == 1 and where.since and where.until and not people:
        with contextlib.suppress(sqlite3.OperationalError):  # a bucket of more than is packed
            return _walked(db, where.topics[0], where.since, where.until, width)
    start = f"created - ((created % {width}) + {width}) % {width} AS start"
    found = f"FROM {asked.table(db)} {asked.sql} GROUP BY topic, start"
    if people:
        sql = f"SELECT topic, {start}, tone, count(*), {_PEOPLE} {found}, tone, author, best"
        parts = db.execute(sql, asked.values)
        return folded(_part(row) for row in parts)
    sql = f"SELECT topic, {start}, count(*), {SPLIT} {found} ORDER BY topic, start"  # bound
    rows = db.execute(sql, asked.values)
    return [TopicCounts(topic, at, Counts(*numbers)) for topic, at, *numbers in rows]


def _walked(
    db: sqlite3.Connection, topic: str, since: datetime, until: datetime, width: int
) -> list[TopicCounts]:
    """Of one topic, the index read once in its own order, from each bucket that holds something to
    the next: grouping would sort all of it. A bucket's counts are one sum, of 16 bits each, whose
    overflow is an `sqlite3.OperationalError`."""
    topic = clean(topic)
    names = {"topic": topic, "since": millis(since), "until": millis(until), "width": width}
    return [TopicCounts(topic, at, _unpacked(sums)) for at, sums in db.execute(_WALK, names)]


def _unpacked(packed: int) -> Counts:
    total, neg, pos, neu = (packed >> bits & 0xFFFF for bits in (48, 32, 16, 0))
    return Counts(total, pos, neg, neu, total - pos - neg - neu)


def _part(row: Sequence[Any]) -> Part:
    """A grade without a best is one of five, as a post's is."""
    part = Part(*row)
    part.best = 5.0 if len(row) > 8 and row[8] is None else part.best
    return part


def stories(db: sqlite3.Connection, where: Filter, least: int) -> list[StoryCount]:
    """The stories that so many mentions tell, largest first."""
    if not where.topics:
        return []
    asked = Where(where)
    asked.add("story <> ''")
    sql = (
        "SELECT topic, story, count(*) AS total "  # noqa: S608 # bound
        f"FROM {asked.table(db)} {asked.sql} GROUP BY topic, story HAVING total >= ? "
        f"ORDER BY total DESC, topic, story LIMIT {paging.MAX_PAGE}"
    )
    return [StoryCount(*row) for row in db.execute(sql, [*asked.values, least])]
