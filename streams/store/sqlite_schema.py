"""The tables of the SQLite store, their version, and the steps from older ones."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from streams.errors import StoreError, StoreUnavailable
from streams.records import Mention
from streams.store.sqlite_rows import NEW_COLUMNS, columns
from streams.store.sqlite_rows import names as names_of

APPLICATION_ID: Final = 0x5645494C  # "VEIL": tells our files from other programs'

_VERSION_1: Final = """
CREATE TABLE mentions (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, -- order of storing; a new version takes a new number
  key INTEGER NOT NULL,                  -- short hash of id: a third of the index pages to write
  post_key INTEGER NOT NULL,             -- short hash of post_id
  id TEXT NOT NULL,
  version INTEGER NOT NULL,
  content INTEGER NOT NULL,              -- version of the content alone, for retractions
  created INTEGER NOT NULL,              -- milliseconds since 1970
  topic TEXT NOT NULL,
  tone TEXT NOT NULL,
  source TEXT NOT NULL,
  lang TEXT NOT NULL,
  country TEXT NOT NULL,
  kind TEXT NOT NULL,
  author TEXT NOT NULL,
  handle TEXT NOT NULL,
  author_id TEXT NOT NULL,
  post_id TEXT NOT NULL,
  hashtags TEXT NOT NULL,                -- JSON
  body BLOB NOT NULL                     -- the whole mention, JSON
);
CREATE INDEX mentions_key ON mentions(key);
CREATE INDEX mentions_post ON mentions(post_key);
CREATE INDEX mentions_created ON mentions(created, tone);
CREATE INDEX mentions_topic ON mentions(topic, created, tone);
CREATE VIRTUAL TABLE words USING fts5(
  title, text, content='', columnsize=0, tokenize='ascii'
);
-- Fewer, larger merges of the full-text index: a third less to write.
INSERT INTO words (words, rank) VALUES ('automerge', 16);
CREATE TABLE tombstones (
  id TEXT PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE retractions (
  post_id TEXT PRIMARY KEY, marks BLOB NOT NULL, written INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX retractions_written ON retractions(written);
CREATE TABLE dead_letters (
  id TEXT PRIMARY KEY, at INTEGER NOT NULL, attempts INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX dead_letters_at ON dead_letters(at);
CREATE TABLE states (
  kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
"""

_VERSION_2: Final = """
-- The ledger of staff corrections: kept whatever becomes of the mention.
CREATE TABLE labels (
  mention_id TEXT PRIMARY KEY, body BLOB NOT NULL
) WITHOUT ROWID;
ALTER TABLE dead_letters ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE dead_letters ADD COLUMN stage TEXT NOT NULL DEFAULT '';
UPDATE dead_letters SET
  source = coalesce(json_extract(CAST(body AS TEXT), '$.source'), ''),
  stage = coalesce(json_extract(CAST(body AS TEXT), '$.stage'), '');
"""

_VERSION_3: Final = """
-- What a queue asks for. Behind the body, for SQLite adds columns at the end.
ALTER TABLE mentions ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mentions ADD COLUMN done INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mentions ADD COLUMN judged INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mentions ADD COLUMN worth INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mentions ADD COLUMN story TEXT NOT NULL DEFAULT '';
-- Short hashes of the posts it belongs to; parent_key only where it is not thread_key.
ALTER TABLE mentions ADD COLUMN thread_key INTEGER;
ALTER TABLE mentions ADD COLUMN parent_key INTEGER;
ALTER TABLE mentions ADD COLUMN repost_key INTEGER;
ALTER TABLE mentions ADD COLUMN url_key INTEGER;
ALTER TABLE mentions ADD COLUMN followers INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mentions ADD COLUMN rating REAL;
ALTER TABLE mentions ADD COLUMN best REAL;
ALTER TABLE mentions ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
ALTER TABLE mentions ADD COLUMN assigned TEXT NOT NULL DEFAULT '';
DROP INDEX mentions_created;
DROP INDEX mentions_topic;
-- fill;
CREATE INDEX mentions_worth ON mentions(worth, topic) WHERE hidden = 0 AND done = 0;
CREATE TABLE journal (
  id TEXT PRIMARY KEY, at INTEGER NOT NULL, by TEXT NOT NULL, action TEXT NOT NULL,
  subject TEXT NOT NULL, topic TEXT NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX journal_at ON journal(at);
CREATE INDEX journal_subject ON journal(subject);
"""

_VERSION_4: Final = """
-- What staff said, which is little of all there is.
CREATE INDEX mentions_assigned ON mentions(assigned, worth) WHERE assigned <> '';
CREATE INDEX mentions_judged ON mentions(topic, created) WHERE judged = 1;
CREATE INDEX mentions_tagged ON mentions(created) WHERE tags <> '[]';
"""

_VERSION_5: Final = """
-- Posts, authors, stories, threads, URLs as words: an index that is appended to and merged, which
-- costs a third of what a tree written all over does.
CREATE VIRTUAL TABLE names USING fts5(
  name, content='', columnsize=0, detail='none', tokenize='ascii'
);
INSERT INTO names (names, rank) VALUES ('automerge', 16);
CREATE INDEX mentions_done ON mentions(worth, topic) WHERE hidden = 0 AND done = 1;
-- All that is counted by, in the order of time: what is written goes to their ends.
DROP INDEX IF EXISTS mentions_created;
DROP INDEX IF EXISTS mentions_topic;
CREATE INDEX mentions_created ON mentions(
  created, tone, hidden, done, topic, source, lang, country, author
);
CREATE INDEX mentions_topic ON mentions(
  topic, created, tone, hidden, done, source, author, followers, rating, best
);
CREATE INDEX mentions_hidden ON mentions(created) WHERE hidden = 1;
"""

_VERSION_6: Final = """
DROP INDEX mentions_post;
INSERT INTO names (names) VALUES ('delete-all');
-- name;
"""

_VERSION_7: Final = """
-- Where a deletion stands in the order of storing; 0 for those before there was one.
ALTER TABLE tombstones ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
CREATE INDEX tombstones_seq ON tombstones(seq);
"""

MIGRATIONS: Final = (
    *(_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5, _VERSION_6, _VERSION_7),
)
"""Step n leads from version n to n + 1. Only ever appended to."""
_AT_ONCE: Final = 1_000
_mentions = msgspec.json.Decoder(Mention)


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create or bring up to date. Raises `StoreError`, and leaves a foreign file alone."""
    # Tables first: another process may make them, and say whose they are, at this moment.
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    version, owner = _pragma(connection, "user_version"), _pragma(connection, "application_id")
    if owner not in (0, APPLICATION_ID) or (tables and not owner):
        raise StoreError(
            f"{path}: an SQLite file of another program. Remedy: name another data_dir "
            "(VEILLE_DATA_DIR); nothing was changed"
        )
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path}: written by a newer Veille (schema {version}, this one knows "
            f"{len(MIGRATIONS)}). Remedy: upgrade Veille; nothing was changed"
        )
    if version < len(MIGRATIONS):
        connection.execute("PRAGMA journal_mode = WAL")
        _migrate(connection)


def _migrate(connection: sqlite3.Connection) -> None:
    """In one transaction: a half-done step is no step."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in MIGRATIONS[_pragma(connection, "user_version") :]:
            for statement in step.split(";\n"):
                if work := _WORK.get(statement):
                    work(connection)
                else:
                    connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _fill(connection: sqlite3.Connection) -> None:
    """Work out the columns of every mention that version 2 had none of."""
    present = {row[1] for row in connection.execute("PRAGMA table_info(mentions)")}
    names = [name for name in NEW_COLUMNS if name in present]
    given = ", ".join(f"{name} = ?" for name in names)
    update = f"UPDATE mentions SET {given} WHERE seq = ?"  # noqa: S608 # our own names
    for rows in _stored(connection):
        made = [(seq, columns(mention)) for seq, mention in rows]
        values = [(*(known[name] for name in names), seq) for seq, known in made]
        connection.executemany(update, values)


def _name(connection: sqlite3.Connection) -> None:
    """Index the names of every mention."""
    sql = "INSERT INTO names (rowid, name) VALUES (?, ?)"
    for rows in _stored(connection):
        connection.executemany(sql, [(seq, names_of(mention)) for seq, mention in rows])


def _stored(connection: sqlite3.Connection) -> Iterator[list[tuple[int, Mention]]]:
    """Every mention with its number, some at a time."""
    last = 0
    sql = "SELECT seq, body FROM mentions WHERE seq > ? ORDER BY seq LIMIT ?"
    while rows := connection.execute(sql, [last, _AT_ONCE]).fetchall():
        last = rows[-1][0]
        yield [(seq, _mentions.decode(body)) for seq, body in rows]


_WORK: Final[dict[str, Callable[[sqlite3.Connection], None]]] = {
    "-- fill": _fill,
    "-- name": _name,
}
"""Steps of a migration that SQL alone can't do."""


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT})
_HEALS: Final = _BUSY | {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """What an error of SQLite's means to a person: `StoreUnavailable` where waiting helps."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _BUSY:
        return StoreUnavailable(f"{path}: locked by another process ({error})")
    if code in _HEALS:
        return StoreUnavailable(
            f"{path}: {error}. Remedy: make room on the disk, or look after it where it has room; "
            "nothing is lost while Veille waits"
        )
    if code == sqlite3.SQLITE_NOTADB:
        return StoreError(
            f"{path}: not an SQLite file. Remedy: move it away or name another data_dir "
            "(VEILLE_DATA_DIR); if it was Veille's, `veille store rebuild` sets it aside and "
            "begins a new one; nothing was changed"
        )
    if code == sqlite3.SQLITE_CORRUPT:
        return StoreError(
            f"{path}: damaged ({error}). Remedy: stop Veille, then `veille store rebuild` keeps "
            "the file aside and saves what can be read into a new one; nothing was overwritten"
        )
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY):
        return StoreError(f"{path}: {error}. Remedy: check that you may write there")
    return StoreError(f"{path}: {error}")
