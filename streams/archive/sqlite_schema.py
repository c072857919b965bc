"""The tables of the archive's file, and what its errors mean."""

import sqlite3
from pathlib import Path
from typing import Final

from streams.archive.port import ArchiveError

APPLICATION_ID: Final = 0x56454950  # "VEIP"
VERSION: Final = 1
SEGMENT_BLOCKS: Final = 128
"""Blocks whose keys are sorted together: some 15,000 posts."""

_TABLES: Final = """
CREATE TABLE blocks (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, -- order of coming in
  first INTEGER NOT NULL,                -- when its first and its last post came in,
  last INTEGER NOT NULL,                 -- milliseconds since 1970
  posts INTEGER NOT NULL,
  raw INTEGER NOT NULL                   -- bytes of the posts as they came
);
CREATE TABLE bodies (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE keys (
  segment INTEGER NOT NULL, key INTEGER NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY (segment, key, seq)
) WITHOUT ROWID;
-- Of posts that were edited or deleted, the newest version known.
CREATE TABLE newest (
  id TEXT PRIMARY KEY, version INTEGER NOT NULL, deleted INTEGER NOT NULL, at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX newest_at ON newest(at);
CREATE TABLE erasures (
  hash TEXT PRIMARY KEY, salt TEXT NOT NULL, at TEXT NOT NULL,
  done INTEGER NOT NULL -- nothing of it is left, for nothing that it covers is taken any more
) WITHOUT ROWID;
"""


def prepare(db: sqlite3.Connection, path: Path) -> None:
    """Create what is missing. Raises `ArchiveError`, and leaves a foreign file alone."""
    # Tables first: another process may make them, and say whose they are, at this moment.
    tables = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    version, owner = pragma(db, "user_version"), pragma(db, "application_id")
    if owner not in (0, APPLICATION_ID) or (tables and not owner):
        raise ArchiveError(
            f"{path}: an SQLite file of another program. Remedy: move it away; nothing was changed"
        )
    if version > VERSION:
        raise ArchiveError(
            f"{path}: written by a newer Veille (schema {version}, this one knows {VERSION}). "
            "Remedy: upgrade Veille; nothing was changed"
        )
    if version < VERSION:
        _create(db)
    # The store pays for a flush of each batch. A power cut may cost the archive some seconds.
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA secure_delete = FAST")
    db.execute("PRAGMA wal_autocheckpoint = 2000")  # pages: 8 MB
    db.execute("PRAGMA journal_size_limit = 33554432")
    db.execute("PRAGMA cache_size = -8000")  # KiB


def _create(db: sqlite3.Connection) -> None:
    if not pragma(db, "page_count"):
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("BEGIN IMMEDIATE")
    try:
        if pragma(db, "user_version") < VERSION:  # another process may have been quicker
            for statement in _TABLES.split(";\n"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


def used_bytes(db: sqlite3.Connection) -> int:
    """What the file holds, without the room in it that is free."""
    pages = pragma(db, "page_count") - pragma(db, "freelist_count")
    return pages * pragma(db, "page_size")


def shrink(db: sqlite3.Connection) -> None:
    """Give some of the free room back to the disk."""
    db.execute("PRAGMA incremental_vacuum(2000)").fetchall()


def overwrite(db: sqlite3.Connection) -> None:
    """Nothing of what was erased stays in the log beside the file."""
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def place(path: Path) -> tuple[int, int]:
    """Device and number of the file that is there now."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return found.st_dev, found.st_ino


_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def explain(error: Exception, path: Path) -> ArchiveError:
    """What an error means to a person."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _BUSY:
        return ArchiveError(f"{path}: locked by another process ({error})")
    if code == sqlite3.SQLITE_FULL:
        return ArchiveError(f"{path}: {error}. Remedy: make room on the disk")
    if code in _DAMAGED or isinstance(error, ValueError):
        return ArchiveError(
            f"{path}: damaged ({error}). Remedy: move it away; a new one is begun at once"
        )
    return ArchiveError(f"{path}: {error}. Remedy: check that you may write there")
