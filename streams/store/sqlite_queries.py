"""Questions to the SQLite store, as SQL."""

import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec

from streams.records import LABELS, Mention
from streams.store import paging, text
from streams.store.port import NOBODY, Bucket, Count, Dimension, Filter, Order, Page
from streams.store.rules import handle_key, millis, tag_key, url_hash
from streams.store.sqlite_rows import short_hash

_COLUMNS: Final[dict[Dimension, str]] = {
    "topic": "topic",
    "source": "source",
    "lang": "lang",
    "author": "author",
    "hashtag": "tag.value",
    "sentiment": "tone",
    "country": "country",
    "kind": "kind",
}
_SPLIT: Final = ", ".join(f"sum(tone = '{label}')" for label in LABELS)
_ORDERS: Final[dict[Order, tuple[str, str]]] = {
    "newest": ("created", "DESC"),
    "oldest": ("created", "ASC"),
    "worth": ("worth", "DESC"),
    "sample": ("key", "ASC"),
}
_AMONG: Final = "EXISTS (SELECT 1 FROM json_each({}) WHERE value = ?)"
_decoder = msgspec.json.Decoder(Mention)


class Where:
    """A filter as SQL: conditions with their parameters."""

    def __init__(self, where: Filter) -> None:
        self._conditions: list[str] = []
        self.values: list[Any] = []
        self._lists(where)
        self._texts(where)
        if where.since:
            self.add("created >= ?", millis(where.since))
        if where.until:
            self.add("created < ?", millis(where.until))
        self._flags(where)

    def add(self, condition: str, *values: Any) -> None:
        """One more condition that must hold."""
        self._conditions.append(condition)
        self.values.extend(clean(v) if isinstance(v, str) else v for v in values)

    @property
    def sql(self) -> str:
        """`WHERE …`, or nothing."""
        return f"WHERE {' AND '.join(self._conditions)}" if self._conditions else ""

    def _lists(self, where: Filter) -> None:
        columns: list[tuple[str, Sequence[str]]] = [
            ("topic", where.topics),
            ("tone", where.sentiments),
            ("lang", where.langs),
            ("source", where.sources),
            ("country", where.countries),
            ("kind", where.kinds),
        ]
        for column, wanted in columns:
            if len(wanted) == 1:
                self.add(f"{column} = ?", wanted[0])
            elif wanted:
                listed = msgspec.json.encode([clean(value) for value in wanted]).decode()
                self.add(f"{column} IN (SELECT value FROM json_each(?))", listed)  # noqa: S608 # our own names

    def _flags(self, where: Filter) -> None:
        if where.hidden != "any":
            self.add(f"hidden = {int(where.hidden == 'only')}")
        if where.work:
            self.add(f"done = {int(where.work == 'done')}")
        if where.judged is not None:
            self.add(f"judged = {int(where.judged)}")
        if where.assigned == NOBODY:
            self.add("assigned = ''")
        elif where.assigned:
            self.add("assigned <> '' AND assigned = ?", where.assigned)
        if where.tag:
            self.add(f"tags <> '[]' AND {_AMONG.format('tags')}", tag_key(where.tag))
        if where.least_followers > 0:
            self.add("followers >= ?", min(where.least_followers, 2**62))

    def _texts(self, where: Filter) -> None:
        if where.post_id:
            self.add("post_key = ? AND post_id = ?", short_hash(where.post_id), where.post_id)
        if where.author:
            values = (handle_key(where.author), where.author, where.author)
            self.add("(handle = ? OR author_id = ? OR author = ?)", *values)
        if where.hashtag:
            self.add(_AMONG.format("hashtags"), tag_key(where.hashtag))
        if where.story:
            self.add("story = ?", where.story)
        if where.url:
            self.add("url_key = ?", int(url_hash(where.url), 16))
        if where.thread:
            key = short_hash(where.thread)
            self.add("? IN (post_key, thread_key, parent_key, repost_key)", key)
        if terms := text.parse(where.text):
            found = "seq IN (SELECT rowid FROM words WHERE words MATCH ?)"
            self.add(found, " ".join(map(_match, terms)))


def _match(term: text.Term) -> str:
    return f'"{" ".join(term.words)}"{" *" if term.prefix else ""}'


def clean(value: str) -> str:
    """Without lone surrogates, which SQLite refuses; no stored text has any."""
    return value.encode("utf-8", "replace").decode()


def search(db: sqlite3.Connection, where: Filter, limit: int, cursor: str, order: Order) -> Page:
    """One page in the order asked for, and by id where that is the same."""
    owner = paging.question(where, f"search {order}")
    asked = Where(where)
    column, way = _ORDERS[order]
    if cursor:
        place = paging.decode_cursor(cursor, owner)
        sign = "<" if way == "DESC" else ">"
        asked.add(f"({column}, id) {sign} (?, ?)", place.time, place.id)
    size, table = paging.page_size(limit), "mentions"
    if order == "worth" and _is_queue(where):
        table = "mentions INDEXED BY mentions_worth"
        if where.since:  # a mention is worth its own time at least: where the index may be left
            asked.add("worth >= ?", millis(where.since))
    sql = (
        f"SELECT {column}, id, body FROM {table} {asked.sql} "  # noqa: S608 # bound parameters
        f"ORDER BY {column} {way}, id {way} LIMIT ?"
    )
    rows = db.execute(sql, [*asked.values, size + 1]).fetchall()
    mentions = [_decoder.decode(row[2]) for row in rows[:size]]
    if len(rows) <= size:
        return Page(mentions)
    at, last, _ = rows[size - 1]
    return Page(mentions, paging.encode_cursor(paging.Place(owner, at, last)))


def _is_queue(where: Filter) -> bool:
    """Whether the index of the queue leads to a page soonest: what is asked for is common in it."""
    rare = (
        where.text, where.post_id, where.author, where.story, where.thread, where.url, where.tag,
        where.assigned.removeprefix(NOBODY),
    )  # fmt: skip
    return where.hidden == "no" and where.work == "open" and not any(rare)


def arrivals(db: sqlite3.Connection, after: str, where: Filter, limit: int) -> Page:
    """In order of storing. One snapshot, so that the end is the end of what was read."""
    owner = paging.question(where, "arrivals")
    db.execute("BEGIN")
    try:
        end = last_seq(db)
        start = min(end, paging.decode_cursor(after, owner).time) if after else end
        asked, size = Where(where), paging.page_size(limit)
        asked.add("seq > ?", start)
        sql = f"SELECT seq, body FROM mentions {asked.sql} ORDER BY seq LIMIT ?"  # noqa: S608 # bound
        rows = db.execute(sql, [*asked.values, size]).fetchall() if after else []
    finally:
        db.execute("COMMIT")
    reached = rows[-1][0] if len(rows) == size else end
    cursor = paging.encode_cursor(paging.Place(owner, reached))
    return Page([_decoder.decode(body) for _, body in rows], cursor)


def last_seq(db: sqlite3.Connection) -> int:
    """The highest number ever given to a mention."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'mentions'").fetchone()
    return int(row[0]) if row else 0


def count(db: sqlite3.Connection, where: Filter) -> Count:
    """All that match, split."""
    asked = Where(where)
    sql = f"SELECT '', count(*), {_SPLIT} FROM mentions {asked.sql}"  # noqa: S608 # bound parameters
    return _count(db.execute(sql, asked.values).fetchone())


def over_time(db: sqlite3.Connection, where: Filter, step: timedelta) -> list[Bucket]:
    """Buckets from first to last."""
    asked, width = Where(where), paging.step_millis(step)
    edges = f"SELECT min(created), max(created) FROM mentions {asked.sql}"  # noqa: S608 # bound
    first, last = db.execute(edges, asked.values).fetchone()
    if first is None and not (where.since and where.until):
        return []
    starts = paging.bounds(where, width, first or 0, last or 0)
    sql = (
        f"SELECT created - ((created % {width}) + {width}) % {width} AS start, tone, count(*) "  # noqa: S608 # bound
        f"FROM mentions {asked.sql} GROUP BY start, tone"
    )
    found: dict[int, paging.Split] = {}
    for start, tone, number in db.execute(sql, asked.values):
        found.setdefault(start, {})[tone] = number
    return paging.fill(starts, found)


def top(db: sqlite3.Connection, where: Filter, by: Dimension, limit: int) -> list[Count]:
    """The most frequent values."""
    asked, column = Where(where), _COLUMNS[by]
    asked.add(f"{column} <> ''")
    tags = ", json_each(mentions.hashtags) AS tag" if by == "hashtag" else ""
    sql = (
        f"SELECT {column}, count(*) AS total, {_SPLIT} FROM mentions{tags} {asked.sql} "  # noqa: S608 # bound
        f"GROUP BY {column} ORDER BY total DESC, {column} LIMIT ?"
    )
    rows = db.execute(sql, [*asked.values, paging.page_size(limit)])
    return [_count(row) for row in rows]


def _count(row: Sequence[Any]) -> Count:
    value, total, *split = row
    numbers = {label: number or 0 for label, number in zip(LABELS, split, strict=True)}
    return Count(value=value, total=total, **numbers)
