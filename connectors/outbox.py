"""Batches between one source and the sink: in order, bounded, the cursor last.

A cursor is saved only when the posts before it are safe, whatever order receipts resolve in.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

from connectors import account
from connectors.account import AccountKeeper, Book, Row, Rows, hour_of
from connectors.base import Cursor, Step
from connectors.errors import Retriable, SkipItem
from connectors.letters import DeadLetter, letter_id
from connectors.post import Post
from connectors.publish import CursorKeeper, Sink, StampingSink

MAX_POSTS: Final = 500
MAX_BYTES: Final = 1_000_000
MAX_RAW_BYTES: Final = 64 * 1024
"""Longest original kept in a dead letter."""
MAX_OUTSTANDING: Final = 8
"""Batches under way before a source is held back."""
FLUSH_SECONDS: Final = 0.5
_POST_OVERHEAD: Final = 500


@dataclass(slots=True)
class Batch:
    """Posts and dead letters in the order they came, and the cursor after them."""

    posts: list[Post] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    cursor: Cursor = None
    size: int = 0
    read: Rows = field(default_factory=dict)
    """What came from the source, for its account; duplicates it left out among them."""
    number: int = 0
    heard: list[Callable[[], object]] = field(default_factory=list)
    """Who is told once it is safe."""

    @property
    def empty(self) -> bool:
        nothing = not self.posts and not self.dead and self.cursor is None
        return nothing and not self.read and not self.heard

    @property
    def full(self) -> bool:
        return len(self.posts) + len(self.dead) >= MAX_POSTS or self.size >= MAX_BYTES


def to_letter(error: SkipItem, source: str, now: datetime) -> DeadLetter:
    """The dead letter of an item that `source` could not read."""
    place = error.place or source
    raw = error.raw[:MAX_RAW_BYTES]
    return DeadLetter(
        id=letter_id("collect", place, raw),
        stage="collect",
        reason=f"{error}"[:500],
        place=place,
        raw=raw,
        at=now,
        source=source,
    )


class Outbox:
    """Takes the steps of one source's pass; an asynchronous context manager.

    `broken` resolves with the error as soon as the sink or a receipt fails: nothing after that
    is saved, and the source starts again from its last saved cursor. `on_safe` is called with
    each batch once it is safe and its cursor saved.
    """

    def __init__(
        self,
        source: str,
        sink: Sink,
        cursors: CursorKeeper,
        *,
        clock: Callable[[], datetime],
        on_safe: Callable[[Batch], None] = lambda _: None,
        flush_seconds: float = FLUSH_SECONDS,
        book: Book | None = None,
    ) -> None:
        self.broken: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self._source, self._sink, self._cursors = source, sink, cursors
        self._clock, self._on_safe, self._flush_seconds = clock, on_safe, flush_seconds
        self._book = book
        self._batch = Batch()
        self._filled = asyncio.Event()
        self._sending = asyncio.Lock()
        self._sent: asyncio.Queue[tuple[_Sent | None, Batch]] = asyncio.Queue(MAX_OUTSTANDING)
        self._receipts: set[_Sent] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._tick()), asyncio.create_task(self._settle())]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        left: list[asyncio.Future[Any]] = [*self._tasks, *self._receipts]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def add(self, step: Step) -> None:
        """Take one step; waits while the sink is held back. Raises what broke the outbox."""
        if self.broken.done():
            raise self.broken.result()
        self._take(step)
        if self._batch.full:
            await self.flush()

    async def flush(self) -> None:
        """Hand over what is batched."""
        async with self._sending:
            batch, self._batch = self._batch, Batch()
            self._filled.clear()
            if batch.empty or self.broken.done():
                return
            try:
                receipt = await self._send(batch)
                await self._sent.put((receipt, batch))
            except BaseException as error:
                # The batch is nowhere now: a later cursor must never be saved over it.
                self._break(error)
                raise

    async def drain(self) -> None:
        """Flush and wait until everything is safe and its cursor saved. Raises what broke."""
        drained = asyncio.ensure_future(self._drained())
        drained.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            # Not even a flush is waited for once it broke: a batch may be stuck in the sink.
            first: set[asyncio.Future[Any]] = {drained, self.broken}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        finally:
            drained.cancel()
        if self.broken.done():
            raise self.broken.result()

    async def _drained(self) -> None:
        await self.flush()
        await self._sent.join()

    @contextlib.asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """While held, no batch is on its way into the sink: the time to cancel whoever adds."""
        async with self._sending:
            yield

    def _take(self, step: Step) -> None:
        batch = self._batch
        if step.post is not None:
            batch.posts.append(step.post)
            batch.size += len(step.post.text) + len(step.post.title) + _POST_OVERHEAD
            _row(batch, step.post.collected_at).read += 1
        if step.dead is not None:
            letter = to_letter(step.dead, self._source, self._clock())
            batch.dead.append(letter)
            batch.size += len(letter.raw) + _POST_OVERHEAD
            _row(batch, letter.at).read += 1
        if step.duplicates:
            row = _row(batch, self._clock())
            row.read += step.duplicates
            row.duplicates += step.duplicates
        if step.cursor is not None:
            batch.cursor = step.cursor
        if step.on_safe is not None:
            batch.heard.append(step.on_safe)
        self._filled.set()

    async def _send(self, batch: Batch) -> "_Sent | None":
        if self._book:
            batch.number = self._book.number()
        if not batch.posts and not batch.dead:
            return None
        future = asyncio.ensure_future(_resolve(await self._put(batch)))
        self._receipts.add(future)
        future.add_done_callback(self._receipts.discard)
        # An error is raised where the receipt's turn comes; one that is never reached is moot.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future

    async def _put(self, batch: Batch) -> Awaitable[Sequence[Post] | None]:
        if not (self._book and isinstance(self._sink, StampingSink)):
            return await self._sink.put(batch.posts, batch.dead)
        stamps = [
            account.stamp(self._source, batch.number, index) for index in range(len(batch.posts))
        ]
        return await self._sink.put_stamped(batch.posts, batch.dead, stamps)

    async def _tick(self) -> None:
        with contextlib.suppress(Exception):  # `flush` has noted it in `broken`
            while True:
                await self._filled.wait()
                await asyncio.sleep(self._flush_seconds)
                await self.flush()

    async def _settle(self) -> None:
        try:
            while True:
                receipt, batch = await self._sent.get()
                refused = await receipt if receipt is not None else ()
                if self._book:
                    rows = account.tally(batch.read, batch.posts, batch.dead, refused)
                    self._book.settled(batch.number, rows)
                if batch.cursor is not None:
                    await self._save(batch.cursor)
                self._on_safe(batch)
                for tell in batch.heard:
                    tell()
                self._sent.task_done()
        except Exception as error:  # noqa: BLE001  # whatever it is, the pass raises it
            self._break(error)
            while True:  # who waits for room in the queue would wait, and hold the lock, for ever
                await self._sent.get()

    async def _save(self, cursor: Cursor) -> None:
        if self._book and isinstance(self._cursors, AccountKeeper):
            covered = self._book.covered()
            await self._cursors.save_account(self._source, cursor, covered)
            self._book.saved(covered)
        else:
            await self._cursors.save(self._source, cursor)

    def _break(self, error: BaseException) -> None:
        if not self.broken.done():
            known = isinstance(error, Exception)
            self.broken.set_result(error if known else Retriable("interrupted while sending"))


_Sent = asyncio.Future[Sequence[Post]]
"""A receipt under way; it gives the posts that the sink refused."""


async def _resolve(receipt: Awaitable[Sequence[Post] | None]) -> Sequence[Post]:
    return await receipt or ()


def _row(batch: Batch, moment: datetime) -> Row:
    return batch.read.setdefault(hour_of(moment), Row())
