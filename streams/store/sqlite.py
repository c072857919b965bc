"""The embedded store: one SQLite file, one writer thread, a few reader threads.

Several processes may share the file (worker, connect, web). A write is on the disk when it
returns (WAL with `synchronous=FULL`: one flush a batch).
"""

import asyncio
import contextlib
import logging
import random
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec

from connectors.letters import DeadLetter
from streams.errors import StoreError, StoreUnavailable
from streams.records import Label, Mention, Record, SentimentLabel
from streams.store import hiding, paging
from streams.store import sqlite_counts as grouped
from streams.store import sqlite_facets as faceted
from streams.store import sqlite_journal as journal
from streams.store import sqlite_letters as dead
from streams.store import sqlite_queries as queries
from streams.store import sqlite_retention as retention
from streams.store import sqlite_schema as schema
from streams.store import sqlite_search as searching
from streams.store.erasures import KIND as ERASURE
from streams.store.erasures import Erased, Erasure, state_of
from streams.store.hiding import KIND as HIDDEN
from streams.store.hiding import Hidden
from streams.store.journal import Entry, EntryFilter, EntryPage
from streams.store.port import (
    Bucket,
    Count,
    Dimension,
    Facets,
    Filter,
    LetterFilter,
    Note,
    Order,
    Page,
    RejectedLabel,
    Replaced,
    Replacement,
    StoryCount,
    TopicCounts,
    WriteReport,
)
from streams.store.replacing import by_transactions
from streams.store.rewriting import write_again
from streams.store.rules import millis
from streams.store.sqlite_rows import short_hash
from streams.store.sqlite_where import clean
from streams.store.sqlite_writes import (
    Batch,
    LabelBatch,
    prune,
    read_erased,
    read_hidden,
    read_labels,
)

_log = logging.getLogger(__name__)

_READERS: Final = 3
_BUSY_MILLIS: Final = 5_000
_PRUNE_EVERY: Final = 5_000  # batches
_VERSION: Final = "version of this document"
_PUT_NEWER: Final = """INSERT INTO states VALUES (?,?,?) ON CONFLICT (kind, key) DO UPDATE
    SET value = excluded.value
    WHERE coalesce(json_extract(CAST(states.value AS TEXT), '$."version of this document"'), 0)
    <= json_extract(CAST(excluded.value AS TEXT), '$."version of this document"')"""
_T = TypeVar("_T")
_mentions = msgspec.json.Decoder(Mention)


class SqliteStore:
    """`streams.store.port.Store` over one file. Nothing is opened before `open`."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._batches = 0
        self._file = (0, 0)
        """Device and number of the file that is open, so that one put in its place is seen."""

    async def open(self) -> None:
        await self._run(self._writer, self._prepare)

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    async def write(self, records: Sequence[Record]) -> WriteReport:
        return await self._persist(partial(self._write, records))

    async def replace(
        self, changes: Iterable[Replacement], *, purpose: str, note: Note
    ) -> Replaced:
        return await by_transactions(self, changes, note)

    async def get(self, mention_id: str) -> Mention | None:
        return await self._read(partial(_get, mention_id=mention_id))

    async def many(self, mention_ids: Sequence[str]) -> dict[str, Mention]:
        return await self._read(partial(_many, mention_ids=mention_ids))

    async def search(
        self, where: Filter, *, limit: int = 50, cursor: str = "", order: Order = "newest"
    ) -> Page:
        return await self._read(lambda db: searching.search(db, where, limit, cursor, order))

    async def arrivals(
        self, after: str, *, where: Filter, limit: int = 100, deleted: bool = False
    ) -> Page:
        return await self._read(
            lambda db: queries.arrivals(db, after, where, limit, deleted=deleted)
        )

    async def count(self, where: Filter) -> Count:
        return await self._read(lambda db: queries.count(db, where))

    async def over_time(self, where: Filter, *, step: timedelta) -> list[Bucket]:
        return await self._read(lambda db: queries.over_time(db, where, step))

    async def top(self, where: Filter, by: Dimension, *, limit: int = 10) -> list[Count]:
        return await self._read(lambda db: queries.top(db, where, by, limit))

    async def facets(
        self, where: Filter, *, step: timedelta, by: Sequence[Dimension], limit: int = 10
    ) -> Facets:
        found = await self._read(lambda db: faceted.facets(db, where, step, by, limit))
        if found is not None:
            return found
        buckets, tops = await asyncio.gather(
            self.over_time(where, step=step),
            asyncio.gather(*(self.top(where, each, limit=limit) for each in by)),
        )
        return Facets(buckets, dict(zip(by, tops, strict=True)))

    async def topics(self) -> list[str]:
        return await self._read(queries.topics)

    async def of_authors(
        self, where: Filter, authors: Sequence[str], *, order: Literal["newest", "oldest"]
    ) -> dict[str, Mention]:
        return await self._read(lambda db: searching.of_authors(db, where, authors, order))

    async def counts(
        self,
        topics: Sequence[str],
        since: datetime,
        until: datetime,
        *,
        step: timedelta = timedelta(minutes=5),
        people: bool = True,
    ) -> list[TopicCounts]:
        where = Filter(topics=tuple(topics), since=since, until=until)
        return await self._read(lambda db: grouped.counts(db, where, step, people=people))

    async def stories(
        self,
        topics: Sequence[str],
        since: datetime,
        until: datetime,
        *,
        least: int,
        sentiment: SentimentLabel = "neg",
    ) -> list[StoryCount]:
        where = Filter(topics=tuple(topics), since=since, until=until, sentiments=(sentiment,))
        return await self._read(lambda db: grouped.stories(db, where, least))

    async def add_labels(self, labels: Sequence[Label]) -> list[RejectedLabel]:
        batch = LabelBatch(labels)
        return await self._persist(lambda: batch.apply(self._connection(reads=False)))

    async def labels(self, mention_ids: Sequence[str]) -> dict[str, Label]:
        ids = {clean(one) for one in mention_ids}
        return await self._read(lambda db: read_labels(db, ids))

    async def add_erasures(self, erasures: Sequence[Erasure]) -> None:
        rows = [(ERASURE, one.hash, _bytes(state_of(one))) for one in erasures]
        sql = "INSERT OR REPLACE INTO states VALUES (?,?,?)"
        await self._persist(lambda: self._many(sql, rows))

    async def erased(self) -> Erased:
        return await self._read(read_erased)

    async def hide(self, hidden: Hidden) -> None:
        await self.put_state(HIDDEN, hiding.state_key(hidden.key), hiding.state_of(hidden))
        await write_again(self, hidden.key)

    async def unhide(self, key: str) -> None:
        await self.drop_states(HIDDEN, [hiding.state_key(key)])
        await write_again(self, key)

    async def hidden(self) -> list[Hidden]:
        return (await self._read(read_hidden)).entries

    async def add_entries(self, entries: Sequence[Entry]) -> None:
        rows = [journal.row(entry) for entry in entries]
        await self._persist(lambda: self._many(journal.INSERT, rows))

    async def entries(
        self, where: EntryFilter = EntryFilter(), *, limit: int = 50, cursor: str = ""
    ) -> EntryPage:
        return await self._read(lambda db: journal.select(db, where, limit, cursor))

    async def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        rows = [
            (one.id, millis(one.at), one.attempts, _bytes(one), one.source, one.stage)
            for one in letters
        ]
        sql = """INSERT INTO dead_letters (id, at, attempts, body, source, stage)
            VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
            at = excluded.at, attempts = attempts + excluded.attempts, body = excluded.body,
            source = excluded.source, stage = excluded.stage"""
        await self._persist(lambda: self._many(sql, rows))

    async def dead_letters(
        self, *, limit: int = 50, where: LetterFilter = LetterFilter()
    ) -> tuple[int, list[DeadLetter]]:
        return await self._read(lambda db: dead.select(db, where, limit))

    async def dead_letter(self, letter_id: str) -> DeadLetter | None:
        _, found = await self.dead_letters(limit=1, where=LetterFilter(ids=(letter_id,)))
        return found[0] if found else None

    async def dead_letter_counts(self, since: datetime) -> dict[str, int]:
        return await self._read(lambda db: dead.counts(db, since))

    async def drop_dead_letters(self, ids: Sequence[str]) -> int:
        return await self._persist(lambda: dead.drop(self._connection(reads=False), ids))

    async def put_state(
        self, kind: str, key: str, value: dict[str, Any], *, version: int | None = None
    ) -> None:
        if version is None:
            sql, kept = "INSERT OR REPLACE INTO states VALUES (?,?,?)", value
        else:
            sql, kept = _PUT_NEWER, {_VERSION: version, **value}
        row = (kind, key, _bytes(kept))
        await self._persist(lambda: self._many(sql, [row]))

    async def states(self, kind: str) -> dict[str, dict[str, Any]]:
        return await self._read(partial(_states, kind=kind))

    async def drop_states(self, kind: str, keys: Sequence[str]) -> None:
        rows = [(clean(kind), clean(key)) for key in keys]
        sql = "DELETE FROM states WHERE kind = ? AND key = ?"
        await self._persist(lambda: self._many(sql, rows))

    async def drop_before(self, before: datetime, *, dry_run: bool = False) -> dict[str, int]:
        limit = millis(before)
        found = await self._read(lambda db: retention.count(db, limit))
        while not dry_run and found:
            dropped = await self._persist(lambda: retention.drop(self._writing(), limit))
            if dropped < retention.AT_ONCE:
                break
        return found

    async def tidy(self) -> None:
        await self._persist(lambda: prune(self._writing()))

    async def size(self) -> int:
        return await asyncio.to_thread(self._bytes_on_disk)

    def _bytes_on_disk(self) -> int:
        found = 0
        for name in (self.path, self.path.with_name(f"{self.path.name}-wal")):
            with contextlib.suppress(OSError):
                found += name.stat().st_size
        return found

    async def _read(self, question: Callable[[sqlite3.Connection], _T]) -> _T:
        return await self._run(self._readers, lambda: question(self._connection(reads=True)))

    async def _persist(self, work: Callable[[], _T]) -> _T:
        """Try again without end while the file is locked or the disk full: the caller waits."""
        rest = 0.05
        while True:
            try:
                return await self._run(self._writer, work)
            except StoreUnavailable as error:
                _log.warning("waiting to write: %s", error)
                await asyncio.sleep(rest * random.uniform(0.5, 1.5))  # noqa: S311 # jitter
                rest = min(5.0, rest * 2)

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except sqlite3.Error as error:
            raise schema.explain(error, self.path) from error

    def _connection(self, *, reads: bool) -> sqlite3.Connection:
        """This thread's own."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = self._connect(reads=reads)
        return found

    def _connect(self, *, reads: bool) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self._connections.append(db)
        db.execute(f"PRAGMA busy_timeout = {_BUSY_MILLIS}")
        db.execute(f"PRAGMA cache_size = {-8_000 if reads else -32_000}")  # KiB
        db.execute("PRAGMA temp_store = MEMORY")
        if reads:
            db.execute("PRAGMA query_only = ON")
        else:
            # What is deleted is overwritten where that costs no extra write.
            db.execute("PRAGMA secure_delete = FAST")
        return db

    def _prepare(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{self.path}: {error.strerror or error}. Remedy: name a data_dir you may write "
                "to (VEILLE_DATA_DIR)"
            ) from error
        if rebuilding(self.path).exists():
            raise StoreUnavailable(
                f"{self.path}: is being rebuilt, or that was broken off. Remedy: wait for "
                "`veille store rebuild`, or run it again"
            )
        db = self._connection(reads=False)
        schema.prepare(db, self.path)
        self._file = self._here()
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA wal_autocheckpoint = 4000")  # pages: 16 MB
        db.execute("PRAGMA journal_size_limit = 67108864")
        prune(db)

    def _close(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        while self._connections:
            with contextlib.suppress(sqlite3.Error):
                self._connections.pop().close()

    def _here(self) -> tuple[int, int]:
        try:
            found = self.path.stat()
        except OSError:
            return (0, 0)
        return found.st_dev, found.st_ino

    def _writing(self) -> sqlite3.Connection:
        """The writer's connection. SQLite goes on writing to a file that was moved or removed,
        and what it says is on the disk would be gone with it."""
        if self._here() != self._file:
            raise StoreError(
                f"{self.path}: moved, removed or replaced while in use. Remedy: put it back, or "
                "let Veille start again with what is there"
            )
        return self._connection(reads=False)

    def _write(self, records: Sequence[Record]) -> WriteReport:
        db = self._writing()
        report = Batch(records).apply(db)
        self._batches += 1
        if self._batches % _PRUNE_EVERY == 0:
            prune(db)
        return report

    def _many(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        db = self._writing()
        db.execute("BEGIN IMMEDIATE")
        try:
            db.executemany(sql, rows)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def rebuilding(path: Path) -> Path:
    """Where a new file is made while `veille store rebuild` works."""
    return path.with_name(f"{path.name}.rebuilding")


def _bytes(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, ValueError, msgspec.MsgspecError, TypeError) as error:
        raise StoreError(f"can't be kept as JSON: {error}") from error


def _get(db: sqlite3.Connection, mention_id: str) -> Mention | None:
    clean = mention_id.encode("utf-8", "replace").decode()
    row = db.execute(
        "SELECT body FROM mentions WHERE key = ? AND id = ?", [short_hash(clean), clean]
    ).fetchone()
    return _mentions.decode(row[0]) if row else None


def _many(db: sqlite3.Connection, mention_ids: Sequence[str]) -> dict[str, Mention]:
    wanted = [[short_hash(one), one] for one in map(clean, mention_ids)]
    sql = """SELECT mentions.id, body FROM json_each(?) AS asked CROSS JOIN mentions
        ON mentions.key = asked.value ->> 0 AND mentions.id = asked.value ->> 1"""
    rows = db.execute(sql, [msgspec.json.encode(wanted[: paging.MAX_PAGE]).decode()])
    return {id_: _mentions.decode(body) for id_, body in rows}


def _states(db: sqlite3.Connection, kind: str) -> dict[str, dict[str, Any]]:
    rows = db.execute("SELECT key, value FROM states WHERE kind = ?", [kind])
    found = {key: msgspec.json.decode(value) for key, value in rows}
    for state in found.values():
        state.pop(_VERSION, None)
    return found
