"""A time line and the most frequent values of several dimensions in one pass over the rows."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec

from streams.records import LABELS, SentimentLabel
from streams.store import paging
from streams.store.port import Count, Dimension, Facets, Filter
from streams.store.sqlite_queries import COLUMNS, start_of
from streams.store.sqlite_where import Where

_AT_ONCE: Final = 500
"""Rows in memory at a time: so few stay in the processor's cache while they are counted."""
_Tones = Counter[tuple[str | None, SentimentLabel]]
"""How many have a value and a tone."""


def facets(
    db: sqlite3.Connection, where: Filter, step: timedelta, by: Sequence[Dimension], limit: int
) -> Facets | None:
    """`None` where so many rows match that an index tells each dimension more quickly."""
    asked, width = Where(where), paging.step_millis(step)
    if where.since and where.until:
        paging.bounds(where, width, 0, 0)
    if not (table := asked.rows(db, where)):
        return None
    names = ", ".join([f"{start_of(width)} AS start", "tone", *map(_column, by)])
    rows = db.execute(f"SELECT {names} FROM {table} {asked.sql}", asked.values)  # noqa: S608 # bound
    times = Counter[tuple[int, SentimentLabel]]()
    values: list[_Tones] = [Counter() for _ in by]
    while some := rows.fetchmany(_AT_ONCE):
        starts, tones, *told = zip(*some, strict=True)
        times.update(zip(starts, tones, strict=True))
        for counter, column in zip(values, told, strict=True):
            counter.update(zip(column, tones, strict=True))
    tops = {
        each: _top(_apart(counter) if each == "hashtag" else counter, limit)
        for each, counter in zip(by, values, strict=True)
    }
    return Facets(paging.timeline(where, width, times), tops)


def _column(by: Dimension) -> str:
    return "nullif(hashtags, '[]')" if by == "hashtag" else COLUMNS[by]


def _apart(lists: _Tones) -> _Tones:
    """Counts of lists, each as JSON, as counts of the values in them."""
    found: _Tones = Counter()
    for (listed, tone), number in lists.items():
        for value in msgspec.json.decode(listed, type=list[str]) if listed else ():
            found[value, tone] += number
    return found


def _top(counted: _Tones, limit: int) -> list[Count]:
    totals = Counter[str]()
    for (value, _), number in counted.items():
        if value:
            totals[value] += number
    first = sorted(totals, key=lambda value: (-totals[value], value))[: paging.page_size(limit)]
    return [Count(value=one, total=totals[one], **_split(counted, one)) for one in first]


def _split(counted: _Tones, value: str) -> paging.Split:
    return {label: found for label in LABELS if (found := counted.get((value, label), 0))}
