"""What is written to the archive's file: each function is one transaction, or nothing."""

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from streams.archive.blocks import BLOCK_BYTES, Entry, Head, cut, head, keys, pack, short, unpack
from streams.archive.sqlite_schema import SEGMENT_BLOCKS, used_bytes
from streams.store.erasures import Erased, Erasure

_PRUNED_AT_ONCE: Final = 64  # blocks
_SCRUBBED_AT_ONCE: Final = 64


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def append(db: sqlite3.Connection, posts: Sequence[bytes], now: int) -> None:
    """Posts that came in at `now`, at the end."""
    read = [(one, raw) for raw in posts if (one := head(raw))]
    with _transaction(db):
        kept = _wanted(db, read, now)
        if kept:
            _write(db, kept, now)


def _wanted(
    db: sqlite3.Connection, read: Sequence[tuple[Head, bytes]], now: int
) -> list[tuple[Head, bytes]]:
    """Without posts of the erased, and without what a deletion took back, whichever came first."""
    erased = read_erased(db)
    if erased:
        read = [(one, raw) for one, raw in read if not erased.covers(one)]
    known = newest(db, {one.id for one, _ in read})
    changed: dict[str, tuple[int, bool]] = {}
    for one, _ in read:
        if one.updated_at or one.state != "live":
            last = changed.get(one.id) or known.get(one.id) or (-1, False)
            mine = (one.version(now), one.state == "deleted")
            if mine[0] >= last[0]:
                changed[one.id] = mine
    known |= changed
    sql = "INSERT OR REPLACE INTO newest VALUES (?, ?, ?, ?)"
    db.executemany(sql, [(id_, *state, now) for id_, state in changed.items()])
    gone = {id_ for id_, (_, deleted) in changed.items() if deleted}
    _take_back(db, gone, {id_: known[id_][0] for id_ in gone})
    return [(one, raw) for one, raw in read if not _is_taken_back(one, known, now)]


def _is_taken_back(one: Head, known: dict[str, tuple[int, bool]], now: int) -> bool:
    version, deleted = known.get(one.id, (0, False))
    return deleted and one.version(now) < version


def _take_back(db: sqlite3.Connection, ids: Collection[str], versions: dict[str, int]) -> None:
    """What was kept of posts that are deleted now."""
    if not ids:
        return
    for seq in find(db, [short("id", id_) for id_ in ids]):
        _rewrite(
            db, seq, lambda one, taken: one.id in ids and one.version(taken) < versions[one.id]
        )


def _write(db: sqlite3.Connection, kept: Sequence[tuple[Head, bytes]], now: int) -> None:
    seq, first, entries = _tail(db)
    room = BLOCK_BYTES - sum(len(raw) for _, raw in entries)
    start = 0
    for block in cut([(now, raw) for _, raw in kept], room):
        whole = [*entries, *block]
        row = (first or now, now, len(whole), sum(len(raw) for _, raw in whole))
        if entries:
            sql = "UPDATE blocks SET first = ?, last = ?, posts = ?, raw = ? WHERE seq = ?"
            db.execute(sql, [*row, seq])
        else:
            sql = "INSERT INTO blocks (first, last, posts, raw) VALUES (?, ?, ?, ?)"
            seq = db.execute(sql, row).lastrowid or 0
        db.execute("INSERT OR REPLACE INTO bodies VALUES (?, ?)", [seq, pack(whole)])
        _index(db, seq, [one for one, _ in kept[start : start + len(block)]])
        start, first, entries = start + len(block), now, []


def _tail(db: sqlite3.Connection) -> tuple[int, int, list[Entry]]:
    """The last block where it has room: its number, when it began, and what is in it."""
    sql = "SELECT seq, first, raw FROM blocks ORDER BY seq DESC LIMIT 1"
    seq, first, raw = db.execute(sql).fetchone() or (0, 0, BLOCK_BYTES)
    if raw >= BLOCK_BYTES:
        return 0, 0, []
    return seq, first, body(db, seq)


def body(db: sqlite3.Connection, seq: int) -> list[Entry]:
    """What is in a block; nothing in one that is gone. Raises `ValueError`."""
    row = db.execute("SELECT body FROM bodies WHERE seq = ?", [seq]).fetchone()
    return unpack(row[0]) if row else []


def _index(db: sqlite3.Connection, seq: int, heads: Iterable[Head]) -> None:
    found: set[int] = set()
    for one in heads:
        found |= keys(one)
    sql = "INSERT OR IGNORE INTO keys SELECT ?, value, ? FROM json_each(?)"
    db.execute(sql, [seq // SEGMENT_BLOCKS, seq, listed(sorted(found))])


def find(db: sqlite3.Connection, wanted: Sequence[int]) -> list[int]:
    """The blocks in which one of these keys may be, in their order."""
    first, last = db.execute("SELECT min(seq), max(seq) FROM blocks").fetchone()
    if first is None:
        return []
    segments = range(first // SEGMENT_BLOCKS, last // SEGMENT_BLOCKS + 1)
    sql = """SELECT DISTINCT keys.seq FROM json_each(?) AS s CROSS JOIN json_each(?) AS k
        CROSS JOIN keys ON keys.segment = s.value AND keys.key = k.value"""
    return sorted(seq for (seq,) in db.execute(sql, [listed(segments), listed(wanted)]))


def newest(db: sqlite3.Connection, ids: Collection[str]) -> dict[str, tuple[int, bool]]:
    """Of those that were edited or deleted: the newest version, and whether that is a deletion."""
    sql = """SELECT id, version, deleted FROM newest
        WHERE id IN (SELECT value FROM json_each(?))"""
    return {id_: (version, bool(gone)) for id_, version, gone in db.execute(sql, [listed(ids)])}


def listed(values: Iterable[Any]) -> str:
    return msgspec.json.encode(list(values)).decode()


def read_erased(db: sqlite3.Connection) -> Erased:
    rows = db.execute("SELECT hash, salt, at FROM erasures").fetchall()
    return Erased(
        Erasure(hash=mark, salt=salt, at=datetime.fromisoformat(at)) for mark, salt, at in rows
    )


def forget(db: sqlite3.Connection, erasures: Sequence[Erasure]) -> list[Erasure]:
    """From now on nothing that these cover is taken. Those of which something may be left."""
    rows = [(one.hash, one.salt, one.at.isoformat()) for one in erasures]
    with _transaction(db):
        db.executemany("INSERT OR IGNORE INTO erasures VALUES (?, ?, ?, 0)", rows)
        left = {mark for (mark,) in db.execute("SELECT hash FROM erasures WHERE NOT done")}
    return [one for one in erasures if one.hash in left]


def done(db: sqlite3.Connection, erasures: Sequence[Erasure]) -> None:
    """Nothing of these is left."""
    with _transaction(db):
        rows = [(one.hash,) for one in erasures]
        db.executemany("UPDATE erasures SET done = 1 WHERE hash = ?", rows)


def scrub(db: sqlite3.Connection, erased: Erased, above: int) -> tuple[int, int]:
    """Take out of some blocks after `above` what the erasures cover: how many posts went, and up
    to which block; -1 after the last one."""
    sql = "SELECT seq FROM blocks WHERE seq > ? ORDER BY seq LIMIT ?"
    rows = db.execute(sql, [above, _SCRUBBED_AT_ONCE]).fetchall()
    gone = 0
    with _transaction(db):
        for (seq,) in rows:
            gone += _rewrite(db, seq, lambda one, _: erased.covers(one))
    return gone, int(rows[-1][0]) if rows else -1


def _rewrite(db: sqlite3.Connection, seq: int, gone: Callable[[Head, int], bool]) -> int:
    """Without the posts that are gone; how many those are. What they said is overwritten."""
    entries = body(db, seq)
    kept = [entry for entry in entries if not ((one := head(entry[1])) and gone(one, entry[0]))]
    if len(kept) == len(entries):
        return 0
    db.execute("PRAGMA secure_delete = ON")
    sql = "UPDATE blocks SET posts = ?, raw = ? WHERE seq = ?"
    db.execute(sql, [len(kept), sum(len(raw) for _, raw in kept), seq])
    db.execute("UPDATE bodies SET body = ? WHERE seq = ?", [pack(kept), seq])
    db.execute("PRAGMA secure_delete = FAST")
    return len(entries) - len(kept)


def prune(db: sqlite3.Connection, oldest: int, most: int) -> int:
    """One step of forgetting what came in before `oldest`, and what is over `most` bytes; how many
    posts went, 0 at the end."""
    excess = used_bytes(db) > most
    sql = "SELECT seq, last, posts FROM blocks ORDER BY seq LIMIT ?"
    rows = db.execute(sql, [_PRUNED_AT_ONCE]).fetchall()
    gone = [(seq, posts) for seq, last, posts in rows if excess or last < oldest]
    if not gone:
        return 0
    last = gone[-1][0]
    with _transaction(db):
        db.execute("DELETE FROM blocks WHERE seq <= ?", [last])
        db.execute("DELETE FROM bodies WHERE seq <= ?", [last])
        db.execute("DELETE FROM keys WHERE segment < ?", [(last + 1) // SEGMENT_BLOCKS])
        db.execute("DELETE FROM newest WHERE at < ?", [oldest])
    return max(1, sum(int(posts) for _, posts in gone))
