"""Counts of many topics at once, from the SQLite store."""

import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from streams.store import paging
from streams.store.folding import Part, folded
from streams.store.port import Counts, Filter, StoryCount, TopicCounts
from streams.store.sqlite_queries import SPLIT
from streams.store.sqlite_where import Where

_PEOPLE: Final = "author, max(followers), count(rating), coalesce(sum(rating), 0.0), best"


def counts(
    db: sqlite3.Connection, where: Filter, step: timedelta, *, people: bool
) -> list[TopicCounts]:
    """The buckets that hold something, by topic and start. Without `people` an index tells."""
    if not where.topics:
        return []
    asked, width = Where(where), paging.step_millis(step)
    start = f"created - ((created % {width}) + {width}) % {width} AS start"
    found = f"FROM {asked.table(db)} {asked.sql} GROUP BY topic, start"
    if people:
        sql = f"SELECT topic, {start}, tone, count(*), {_PEOPLE} {found}, tone, author, best"
        parts = db.execute(sql, asked.values)
        return folded(_part(row) for row in parts)
    sql = f"SELECT topic, {start}, count(*), {SPLIT} {found} ORDER BY topic, start"  # bound
    rows = db.execute(sql, asked.values)
    return [TopicCounts(topic, at, Counts(*numbers)) for topic, at, *numbers in rows]


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
