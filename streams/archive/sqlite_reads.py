"""What is asked of the archive's file."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from connectors.post import Post
from streams.archive.blocks import Entry, Head, head, moment, short, whole
from streams.archive.port import Size
from streams.archive.posts import conversation, history, latest_of
from streams.archive.seen import Seen
from streams.archive.sqlite_schema import used_bytes
from streams.archive.sqlite_writes import body, find, newest
from streams.store.erasures import Erased
from streams.store.rules import url_key

_BATCH_BLOCKS: Final = 8


def end(db: sqlite3.Connection) -> int:
    """A number above that of the last block; 0 in an empty archive."""
    last = db.execute("SELECT max(seq) FROM blocks").fetchone()[0]
    return last + 1 if last else 0


def latest(db: sqlite3.Connection, n: int) -> list[Post]:
    found: list[Post] = []
    below = end(db)
    with Seen() as seen:
        while below and len(found) < n:
            some, below = batch(db, below=below, first=0, seen=seen, blocks=4)
            found += some
    return found[:n]


def batch(
    db: sqlite3.Connection, *, below: int, first: int, seen: Seen, blocks: int = _BATCH_BLOCKS
) -> tuple[list[Post], int]:
    """Posts of the blocks before `below` that came in at `first` or later, the last one first,
    without those seen; and where to go on, 0 at the end."""
    sql = "SELECT seq, last FROM blocks WHERE seq < ? ORDER BY seq DESC LIMIT ?"
    rows = db.execute(sql, [below, blocks]).fetchall()
    entries: list[Entry] = []
    for seq, _ in rows:
        entries += [entry for entry in reversed(body(db, seq)) if entry[0] >= first]
    over = len(rows) < blocks or rows[-1][1] < first
    return _once(db, entries, seen), 0 if over else rows[-1][0]


def _once(db: sqlite3.Connection, entries: Iterable[Entry], seen: Seen) -> list[Post]:
    """Each post in its newest version, and none that is deleted."""
    read = [(entry, one) for entry in entries if (one := head(entry[1]))]
    known = newest(db, {one.id for _, one in read})
    usable = [
        (entry, one)
        for entry, one in read
        if one.id not in known or _is_newest(entry, one, known[one.id])
    ]
    new = seen.new([one.id for _, one in usable])
    found: list[Post] = []
    for entry, one in usable:
        if one.id in new:
            new.discard(one.id)
            post = whole(entry)
            found += [post] if post else []
    return found


def _is_newest(entry: Entry, one: Head, state: tuple[int, bool]) -> bool:
    version, deleted = state
    return not deleted and one.version(entry[0]) >= version


def versions(db: sqlite3.Connection, post_id: str) -> list[Post]:
    return history(_lookup(db, "id", post_id, lambda one: one.id == post_id))


def by_url(db: sqlite3.Connection, url: str) -> list[Post]:
    wanted = url_key(url)
    return latest_of(_lookup(db, "url", wanted, lambda one: url_key(one.url) == wanted))


def thread(db: sqlite3.Connection, post_id: str) -> list[Post]:
    return conversation(_lookup(db, "thread", post_id, lambda one: one.answers(post_id)))


def _lookup(
    db: sqlite3.Connection, kind: str, value: str, wanted: Callable[[Head], bool]
) -> list[Post]:
    entries = (entry for seq in find(db, [short(kind, value)]) for entry in body(db, seq))
    mine = (entry for entry in entries if (one := head(entry[1])) and wanted(one))
    return [post for entry in mine if (post := whole(entry))]


def size(db: sqlite3.Connection) -> Size:
    sql = "SELECT count(*), sum(posts), min(first), max(last) FROM blocks"
    blocks, posts, first, last = db.execute(sql).fetchone()
    if not blocks:
        return Size(bytes=used_bytes(db))
    return Size(posts=posts, bytes=used_bytes(db), oldest=moment(first), newest=moment(last))


def _every(db: sqlite3.Connection) -> Iterator[Head]:
    for (seq,) in db.execute("SELECT seq FROM blocks ORDER BY seq").fetchall():
        for _, raw in body(db, seq):
            if one := head(raw):
                yield one


def ids_of(db: sqlite3.Connection, erased: Erased) -> set[tuple[str, str]]:
    return {
        (one.source, one.author.id) for one in _every(db) if one.author.id and erased.covers(one)
    }


def covered(db: sqlite3.Connection, erased: Erased) -> int:
    return sum(erased.covers(one) for one in _every(db))
