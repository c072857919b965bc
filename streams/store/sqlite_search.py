"""Searching the SQLite store: one page in one of its orders."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from streams.records import Mention
from streams.store import paging
from streams.store.port import Filter, Order, Page
from streams.store.sqlite_where import FEW, Where, clean

_ORDERS: Final[dict[Order, tuple[str, str]]] = {
    "newest": ("created", "DESC"),
    "oldest": ("created", "ASC"),
    "worth": ("worth", "DESC"),
    "sample": ("key", "ASC"),
}
_MOST_TOPICS: Final = 50
"""So many are asked for one by one; of more, the mentions of all are walked."""
Work = Literal["open", "done"]
_Key = tuple[int, str, int]
_decoder = msgspec.json.Decoder(Mention)


def search(db: sqlite3.Connection, where: Filter, limit: int, cursor: str, order: Order) -> Page:
    """One page in the order asked for, and by id where that is the same. One snapshot."""
    owner = paging.question(where, f"search {order}")
    place = paging.decode_cursor(cursor, owner) if cursor else None
    size = paging.page_size(limit)
    db.execute("BEGIN")
    try:
        keys = _keys(db, where, order, place, size + 1)
        found = [_mention(db, seq) for _, _, seq in keys[:size]]
    finally:
        db.execute("COMMIT")
    if len(keys) <= size:
        return Page(found)
    at, last, _ = keys[size - 1]
    return Page(found, paging.encode_cursor(paging.Place(owner, at, last)))


def of_authors(
    db: sqlite3.Connection,
    where: Filter,
    authors: Sequence[str],
    order: Literal["newest", "oldest"],
) -> dict[str, Mention]:
    """Walks the mentions of all in that order until each of these was met."""
    wanted = [clean(one) for one in authors[: paging.MAX_PAGE]]
    asked, way = Where(where), _ORDERS[order][1]
    asked.add("author IN (SELECT value FROM json_each(?))", msgspec.json.encode(wanted).decode())
    if asked.by_words:
        table, sort = "mentions NOT INDEXED", f"created {way}, id {way}"
    else:  # an index in the order of time, which tells no ids: nothing is sorted
        index = "mentions_topic" if len(where.topics) == 1 else "mentions_created"
        table, sort = _by(index), f"created {way}"
    sql = f"SELECT author, seq FROM {table} {asked.sql} ORDER BY {sort}"  # noqa: S608 # bound
    found: dict[str, int] = {}
    db.execute("BEGIN")
    try:
        for author, seq in db.execute(sql, asked.values):
            if author not in found:
                found[author] = seq
                if len(found) == len(wanted):
                    break
        return {author: _mention(db, seq) for author, seq in found.items()}
    finally:
        db.execute("COMMIT")


def _mention(db: sqlite3.Connection, seq: int) -> Mention:
    row = db.execute("SELECT body FROM mentions WHERE seq = ?", [seq]).fetchone()
    return _decoder.decode(row[0])


def _keys(
    db: sqlite3.Connection, where: Filter, order: Order, place: paging.Place | None, size: int
) -> list[_Key]:
    """Place in the order, id and number of the first rows, each part of them asked by itself."""
    column, way = _ORDERS[order]
    found: list[_Key] = []
    for asked, table in _parts(db, where, order):
        if place:
            sign = "<" if way == "DESC" else ">"
            asked.add(f"({column}, id) {sign} (?, ?)", place.time, place.id)
        sql = (
            f"SELECT {column}, id, seq FROM {table} {asked.sql} "  # noqa: S608 # bound parameters
            f"ORDER BY {column} {way}, id {way} LIMIT ?"
        )
        found += db.execute(sql, [*asked.values, size]).fetchall()
    return sorted(found, reverse=way == "DESC")[:size]


def _parts(db: sqlite3.Connection, where: Filter, order: Order) -> Iterator[tuple[Where, str]]:
    """Filters that together are the one given, each with what to select from."""
    whole = Where(where)
    if table := whole.narrow(db):
        yield whole, table
    elif order in ("newest", "oldest"):
        yield from _by_topic(where, whole)
    elif where.hidden == "no" and not _few(db, where):
        yield from _by_work(where) if order == "worth" else [(whole, _by("mentions_key"))]
    else:
        yield whole, whole.table(db)


def _by_topic(where: Filter, whole: Where) -> Iterator[tuple[Where, str]]:
    """Each topic's newest stand together in an index."""
    topics = list(dict.fromkeys(where.topics))
    if len(topics) > (1 if whole.by_words else _MOST_TOPICS) or not topics:
        yield whole, _by("mentions_created")
        return
    for topic in topics:
        part = Where(msgspec.structs.replace(where, topics=(topic,)))
        yield part, _by("mentions_topic")


def _by_work(where: Filter) -> Iterator[tuple[Where, str]]:
    """Open and done mentions stand in an index each, the worthiest first."""
    works: tuple[tuple[Work, str], ...] = (("open", "mentions_worth"), ("done", "mentions_done"))
    for work, index in works:
        if where.work in ("", work):
            yield Where(msgspec.structs.replace(where, work=work)), _by(index)


def _by(index: str) -> str:
    return f"mentions INDEXED BY {index}"


def _few(db: sqlite3.Connection, where: Filter) -> bool:
    """Whether topics and times leave so few rows that they are best sorted."""
    if not (where.topics or where.since or where.until):
        return False
    rough = Where(
        Filter(topics=where.topics, since=where.since, until=where.until, work=where.work)
    )
    sql = f"SELECT count(*) FROM (SELECT 1 FROM {rough.table(db)} {rough.sql} LIMIT {FEW + 1})"  # noqa: S608 # bound
    return bool(db.execute(sql, rough.values).fetchone()[0] <= FEW)
