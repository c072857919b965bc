"""What a store must hold by the records of Kafka, in a table on the disk: memory stays flat.

A mention's id is kept as 16 bytes, as its own 32 hexadecimal characters are; of any other id its
hash, and the text beside it.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec

from streams.records import Mention, Record
from streams.store import rules

_AT_ONCE: Final = 500
_SCHEMA: Final = """
    CREATE TABLE mention (
        id BLOB PRIMARY KEY, post BLOB NOT NULL, topic TEXT NOT NULL, version INTEGER NOT NULL,
        content INTEGER NOT NULL, due INTEGER NOT NULL, seen INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE TABLE retraction (post BLOB NOT NULL, version INTEGER NOT NULL, topics TEXT NOT NULL);
    CREATE TABLE odd (id BLOB PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
"""
_TAKE: Final = """
    INSERT INTO mention (id, post, topic, version, content, due) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET version = excluded.version, content = excluded.content,
        due = excluded.due WHERE excluded.version >= version
"""
Verdict = Literal["same", "extra", "older", "standing"]
"""What is stored beside what Kafka says: `standing` was taken back, `extra` is not known there."""


class Due(IntEnum):
    """Whether a store must show a mention, must not, or may do either."""

    SHOWN = 0
    GONE = 1
    EITHER = 2


class _Row(NamedTuple):
    topic: str
    version: int
    content: int
    due: int


class Expected:
    """Mentions and retractions, whatever their order."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _SCHEMA)
        self._db.execute("CREATE INDEX retraction_post ON retraction (post)")

    def close(self) -> None:
        self._db.close()

    def take(self, records: Iterable[tuple[Record, Due]]) -> None:
        """Records, each with whether it is to be shown as far as retractions don't say."""
        self._db.execute("BEGIN")
        for record, due in records:
            if isinstance(record, Mention):
                content = rules.content_version(record)
                row = (record.topic, record.version, content, Due.GONE if record.deleted else due)
                self._db.execute(_TAKE, (self._key(record.id), _hash(record.post.id), *row))
            else:
                topics = msgspec.json.encode(record.topics).decode()
                row_ = (_hash(record.post_id), record.version, topics)
                self._db.execute("INSERT INTO retraction VALUES (?, ?, ?)", row_)
        self._db.execute("COMMIT")

    def alive(self) -> int:
        """How many mentions are to be shown, those that were taken back included."""
        return int(self._db.execute("SELECT count(*) FROM mention WHERE due = 0").fetchone()[0])

    def judge(self, stored: Sequence[Mention]) -> list[Verdict]:
        """Of mentions that a store shows, each; they are seen from now on."""
        keys = [self._key(mention.id) for mention in stored]
        posts = [_hash(mention.post.id) for mention in stored]
        known, marks = self._known(keys), self._marks(posts)
        self._db.execute("BEGIN")
        self._db.executemany("UPDATE mention SET seen = 1 WHERE id = ?", [(key,) for key in keys])
        self._db.execute("COMMIT")
        return [
            _verdict(mention, known.get(key), marks.get(post, []))
            for mention, key, post in zip(stored, keys, posts, strict=True)
        ]

    def missing(self) -> Iterator[str]:
        """The ids of mentions that no store showed, though nothing took them back."""
        rows = self._db.execute(
            "SELECT m.id, m.topic, m.content, r.version, r.topics FROM mention m "
            "LEFT JOIN retraction r ON r.post = m.post WHERE NOT m.seen AND m.due = 0 "
            "ORDER BY m.id"
        )
        for (key, topic, content), some in groupby(rows, lambda row: row[:3]):
            marks = [_mark(version, topics) for *_, version, topics in some if topics is not None]
            if not rules.killed(marks, topic, content):
                yield self._text(key)

    def _known(self, keys: Sequence[bytes]) -> dict[bytes, _Row]:
        found = {}
        for key, *row in self._among("id, topic, version, content, due FROM mention", "id", keys):
            found[key] = _Row(*row)
        return found

    def _marks(self, posts: Sequence[bytes]) -> dict[bytes, list[rules.Watermark]]:
        found: dict[bytes, list[rules.Watermark]] = {}
        for post, version, topics in self._among(
            "post, version, topics FROM retraction", "post", posts
        ):
            found.setdefault(post, []).append(_mark(version, topics))
        return found

    def _among(self, what: str, column: str, values: Sequence[bytes]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(values), _AT_ONCE):
            some = values[start : start + _AT_ONCE]
            places = ", ".join("?" * len(some))
            yield from self._db.execute(f"SELECT {what} WHERE {column} IN ({places})", some)

    def _key(self, mention_id: str) -> bytes:
        if len(mention_id) == 32 and set(mention_id) <= _HEX:
            return bytes.fromhex(mention_id)
        key = _hash(mention_id)
        self._db.execute("INSERT OR IGNORE INTO odd VALUES (?, ?)", (key, mention_id))
        return key

    def _text(self, key: bytes) -> str:
        odd = self._db.execute("SELECT text FROM odd WHERE id = ?", (key,)).fetchone()
        return str(odd[0]) if odd else key.hex()


_HEX: Final = frozenset("0123456789abcdef")


def _verdict(stored: Mention, known: _Row | None, marks: list[rules.Watermark]) -> Verdict:
    content = rules.content_version(stored)
    if rules.killed(marks, stored.topic, content):
        return "standing"
    if known is None:
        return "extra"
    if known.due == Due.GONE and known.version >= stored.version:
        return "standing"
    return "older" if content < known.content else "same"


def _mark(version: int, topics: str) -> rules.Watermark:
    return rules.Watermark(version, tuple(msgspec.json.decode(topics, type=list[str])))


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
