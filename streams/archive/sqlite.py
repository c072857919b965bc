"""The archive of an embedded installation: one SQLite file beside the store's, blocks of posts in
the order they came, and short keys to find them by.

Keys are sorted within a segment of blocks, so that what is written at once touches few pages
however large the file has become; a look-up asks each segment. Several processes may share the
file. A write outlives any crash of Veille's when it returns.
"""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from connectors.post import Post, utc_now
from streams.archive import sqlite_reads as reads
from streams.archive import sqlite_schema as schema
from streams.archive import sqlite_writes as writes
from streams.archive.port import Size
from streams.archive.seen import Seen
from streams.store.erasures import Erased, Erasure
from streams.store.rules import millis

_READERS: Final = 2
_BUSY_MILLIS: Final = 5_000
_T = TypeVar("_T")


class SqliteArchive:
    """`streams.archive.port.Archive` over one file, opened when it is first asked.

    `keep_days` and `keep_bytes` are what `prune` leaves; `clock` tells when a post comes in.
    """

    indexed = True

    def __init__(
        self,
        path: Path,
        *,
        keep_days: float = 90.0,
        keep_bytes: int = 2_000_000_000,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.path = path
        self._keep = timedelta(days=keep_days), keep_bytes
        self._clock = clock
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="archive-writer")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="archive-reader")
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []

    async def append(self, posts: Sequence[bytes]) -> None:
        now = millis(self._clock())
        await self._run(self._writer, lambda: writes.append(self._connection(), posts, now))

    async def latest(self, n: int) -> list[Post]:
        return await self._read(lambda db: reads.latest(db, n))

    async def since(self, moment: datetime) -> AsyncIterator[list[Post]]:
        first = millis(moment)
        with Seen() as seen:
            below = await self._read(reads.end)
            while below:
                batch, below = await self._read(
                    partial(reads.batch, below=below, first=first, seen=seen)
                )
                if batch:
                    yield batch

    async def versions(self, post_id: str) -> list[Post]:
        return await self._read(lambda db: reads.versions(db, post_id))

    async def by_url(self, url: str) -> list[Post]:
        return await self._read(lambda db: reads.by_url(db, url))

    async def thread(self, post_id: str) -> list[Post]:
        return await self._read(lambda db: reads.thread(db, post_id))

    async def size(self) -> Size:
        return await self._read(reads.size)

    async def prune(self, now: datetime) -> int:
        """In small steps, between which posts are written."""
        days, most = self._keep
        oldest, gone = millis(now - days), 0
        while step := await self._run(
            self._writer, lambda: writes.prune(self._connection(), oldest, most)
        ):
            gone += step
        await self._run(self._writer, lambda: schema.shrink(self._connection()))
        return gone

    async def ids_of(self, erased: Erased) -> set[tuple[str, str]]:
        return await self._read(lambda db: reads.ids_of(db, erased))

    async def erase(self, erasures: Sequence[Erasure], *, dry_run: bool = False) -> int:
        if dry_run:
            return await self._read(lambda db: reads.covered(db, Erased(erasures)))
        left = await self._run(self._writer, lambda: writes.forget(self._connection(), erasures))
        gone, above = 0, 0 if left else -1
        while above >= 0:
            step = partial(self._scrub, Erased(left), above)
            some, above = await self._run(self._writer, step)
            gone += some
        await self._run(self._writer, lambda: writes.done(self._connection(), left))
        await self._run(self._writer, lambda: schema.overwrite(self._connection()))
        return gone

    def _scrub(self, erased: Erased, above: int) -> tuple[int, int]:
        return writes.scrub(self._connection(), erased, above)

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    async def _read(self, question: Callable[[sqlite3.Connection], _T]) -> _T:
        return await self._run(self._readers, lambda: question(self._connection()))

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except (sqlite3.Error, OSError, ValueError) as error:
            raise schema.explain(error, self.path) from error

    def _connection(self) -> sqlite3.Connection:
        """This thread's own, to the file that is there: one moved away is not written to."""
        here = schema.place(self.path)
        found, known = getattr(self._local, "connection", (None, here))
        if found is None or known != here:
            if found is not None:
                self._open.remove(found)
                found.close()
            found = self._connect()
            self._local.connection = (found, schema.place(self.path))
        return found

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            db.execute(f"PRAGMA busy_timeout = {_BUSY_MILLIS}")
            schema.prepare(db, self.path)
        except BaseException:
            db.close()
            raise
        self._open.append(db)
        return db

    def _close(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        while self._open:
            self._open.pop().close()
