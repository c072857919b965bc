"""Runs sources side by side: one task each, errors handled by their class, cursors kept.

A source that fails rests and tries again; it never stops another. What it yields goes to the
sink in batches, and its cursor is saved once they are safe (`connectors.outbox`).
"""

import asyncio
import contextlib
import dataclasses
import logging
import math
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from connectors.account import AccountKeeper, Book
from connectors.base import Connector, Context, Cursor, Source, Step, Usage
from connectors.errors import BadSettings, ConnectorError, Fatal, SkipItem, WaitUntil
from connectors.outbox import FLUSH_SECONDS, Batch, Outbox
from connectors.post import utc_now
from connectors.publish import CursorKeeper, Sink
from connectors.registry import build as build_registered
from connectors.state import KEPT_GAPS, SourceState

SHORTEST_REST: Final = 1.0
"""Seconds before a pass that ended or failed is begun again, at the least."""
LONGEST_BACK_OFF: Final = 300.0
LONGEST_WAIT: Final = 86_400.0
"""A source that asks for more than a day is asked again after a day."""
WAIT_JITTER: Final = 2.0
GRACE_SECONDS: Final = 5.0
"""How long a stop waits for what is under way."""

Sleep = Callable[[float], Awaitable[None]]
Build = Callable[[str, Context], Connector]

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Outside:
    """What a runner needs of the world; tests give their own."""

    build: Build = build_registered
    clock: Callable[[], datetime] = utc_now
    sleep: Sleep = asyncio.sleep
    random: Callable[[], float] = random.random
    flush_seconds: float = FLUSH_SECONDS
    grace_seconds: float = GRACE_SECONDS


class Runner:
    """All sources of an installation. `context` is the template of every connector's context; its
    `options`, `on_note` and `on_usage` are replaced. `on_state` hears all changes of a source."""

    def __init__(
        self,
        sources: Iterable[Source],
        sink: Sink,
        cursors: CursorKeeper,
        *,
        context: Context | None = None,
        on_state: Callable[[SourceState], None] = lambda _: None,
        outside: Outside = Outside(),
    ) -> None:
        self._workers = [
            _Worker(
                source,
                sink,
                cursors,
                context=context or Context(),
                on_state=on_state,
                outside=outside,
            )
            for source in sources
        ]

    @property
    def states(self) -> dict[str, SourceState]:
        """Every source as it is now, by its id."""
        return {worker.state.id: worker.state for worker in self._workers}

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set or no source is left to run; then flush, wait for what is under
        way (bounded) and save cursors. Never raises for a source's sake."""
        tasks = [asyncio.create_task(worker.run(stop)) for worker in self._workers]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class _Worker:
    """One source's life: passes, rests, errors."""

    def __init__(
        self,
        source: Source,
        sink: Sink,
        cursors: CursorKeeper,
        *,
        context: Context,
        on_state: Callable[[SourceState], None],
        outside: Outside,
    ) -> None:
        self._source, self._sink, self._cursors = source, sink, cursors
        self._context, self._on_state, self._outside = context, on_state, outside
        self._failures = 0
        self._cursor: Cursor = None
        self._loaded = False
        self._book: Book | None = None
        self.state = SourceState(
            id=source.id,
            connector=source.connector,
            state="waiting" if source.enabled else "disabled",
        )

    async def run(self, stop: asyncio.Event) -> None:
        if not self._source.enabled:
            self._show(state="disabled")
            return
        self._show(state="running", started_at=self._outside.clock())
        try:
            connector, poll_seconds = self._build()
        except Fatal as error:
            self._give_up(f"{error}")
            return
        while not stop.is_set():
            rest = await self._attempt(connector, poll_seconds, stop)
            if rest is None:
                return
            await self._until_stopped(self._outside.sleep(rest), stop)
        self._show(state="stopped", until=None)

    def _build(self) -> tuple[Connector, float]:
        options = dict(self._source.options)
        poll_seconds = options.pop("poll_seconds", None)
        context = dataclasses.replace(
            self._context, options=options, on_note=self._note, on_usage=self._use
        )
        try:
            connector = self._outside.build(self._source.connector, context)
        except ConnectorError:
            raise
        except Exception as error:
            _log.exception("source %s can't be set up", self._source.id)
            raise Fatal(_unexpected(error)) from error
        if poll_seconds is None:
            return connector, connector.spec.poll_seconds
        return connector, _seconds("poll_seconds", poll_seconds)

    async def _attempt(
        self, connector: Connector, poll_seconds: float, stop: asyncio.Event
    ) -> float | None:
        """One pass. Returns the seconds to rest after it, or `None` when the source is over."""
        self._show(state="running", until=None)
        try:
            await self._pass(connector, stop)
        except WaitUntil as error:
            return self._wait(error)
        except Fatal as error:
            self._give_up(f"{error}")
            return None
        except ConnectorError as error:
            return self._back_off(f"{error}")
        except Exception as error:  # noqa: BLE001  # a source's bug never stops the others
            _log.exception("source %s failed", self._source.id)
            return self._back_off(_unexpected(error))
        self._failures = 0
        return self._ended(poll_seconds, stop)

    async def _pass(self, connector: Connector, stop: asyncio.Event) -> None:
        if not self._loaded:
            await self._load()
        if self._book:
            self._book.begin()
        outbox = Outbox(
            self._source.id,
            self._sink,
            self._cursors,
            clock=self._outside.clock,
            on_safe=self._safe,
            flush_seconds=self._outside.flush_seconds,
            book=self._book,
        )
        async with outbox:
            reading = asyncio.create_task(self._read(connector, outbox))
            try:
                await self._first(reading, outbox.broken, stop)
            finally:
                await self._quit(reading, outbox)
            await self._finish(reading, outbox, stop)
            await self._close_book()

    async def _load(self) -> None:
        self._cursor = await self._cursors.load(self._source.id)
        if isinstance(self._cursors, AccountKeeper):
            account = await self._cursors.load_account(self._source.id)
            self._book = Book(account, self._outside.clock)
        self._loaded = True

    async def _close_book(self) -> None:
        """Save what a pass that ended well counted after its last cursor."""
        if self._book and self._book.pending and isinstance(self._cursors, AccountKeeper):
            account = self._book.covered()
            await self._cursors.save_account(self._source.id, self._cursor, account)

    async def _read(self, connector: Connector, outbox: Outbox) -> None:
        steps = connector.posts(self._cursor)
        try:
            async for step in steps:
                self._count(step)
                await outbox.add(step)
        except SkipItem as error:
            await outbox.add(Step(dead=error))
        finally:
            close = getattr(steps, "aclose", None)
            if close is not None:
                await close()

    async def _first(
        self,
        reading: asyncio.Task[None],
        broken: asyncio.Future[BaseException],
        stop: asyncio.Event,
    ) -> None:
        stopping = asyncio.create_task(stop.wait())
        try:
            first: set[asyncio.Future[Any]] = {reading, broken, stopping}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()

    async def _quit(self, reading: asyncio.Task[None], outbox: Outbox) -> None:
        """End the reader, in a moment when no batch is half-way into the sink."""
        if reading.done():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._outside.grace_seconds), outbox.quiet():
                reading.cancel()
        reading.cancel()
        await asyncio.wait({reading}, timeout=self._outside.grace_seconds)

    async def _finish(
        self, reading: asyncio.Task[None], outbox: Outbox, stop: asyncio.Event
    ) -> None:
        """Make safe what was read, then raise what the reader or the sink failed with."""
        failure = None
        if reading.done() and not reading.cancelled():
            failure = reading.exception()
        grace = self._outside.grace_seconds
        try:
            await self._bounded(outbox.drain(), stop, grace)
        except Exception:
            if failure is None:
                raise
        if failure is not None:
            raise failure

    async def _bounded(
        self, work: Coroutine[Any, Any, None], stop: asyncio.Event, grace: float
    ) -> None:
        """Wait for `work` without end while running, and for `grace` seconds once stopped."""
        task = asyncio.create_task(work)
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await asyncio.wait({task}, timeout=grace)
            if task.done():
                await task
            else:
                _log.warning("source %s: stopped before all was safe", self._source.id)
        finally:
            await _cancel(task, stopping)

    def _safe(self, batch: Batch) -> None:
        if batch.cursor is not None:
            self._cursor = batch.cursor
        changes: dict[str, Any] = {
            "posts": self.state.posts + len(batch.posts),
            "dead": self.state.dead + len(batch.dead),
        }
        if self._failures:
            self._failures = 0
            changes["reason"] = ""
        if batch.posts:
            latest = max(post.created_at for post in batch.posts)
            changes["last_post_at"] = max(latest, self.state.last_post_at or latest)
        self._show(**changes)

    def _count(self, step: Step) -> None:
        if step.gap is not None:
            _log.warning("source %s: gap: %s", self._source.id, step.gap)
            self._show(gaps=[*self.state.gaps, step.gap][-KEPT_GAPS:])

    def _note(self, sentence: str) -> None:
        self._show(reason=sentence[:500])

    def _use(self, usage: Usage) -> None:
        others = [one for one in self.state.usage if one.what != usage.what]
        self._show(usage=[*others, usage])

    def _ended(self, poll_seconds: float, stop: asyncio.Event) -> float | None:
        now = self._outside.clock()
        if stop.is_set():
            return 0.0
        if math.isinf(poll_seconds):
            self._show(state="done", last_pass_at=now)
            return None
        rest = max(SHORTEST_REST, poll_seconds)
        self._show(
            state="waiting", until=now + timedelta(seconds=rest), last_pass_at=now, reason=""
        )
        return rest

    def _wait(self, error: WaitUntil) -> float:
        now = self._outside.clock()
        asked = min(max(SHORTEST_REST, (error.moment - now).total_seconds()), LONGEST_WAIT)
        rest = asked + self._outside.random() * WAIT_JITTER
        self._show(state="waiting", reason=f"{error}", until=now + timedelta(seconds=rest))
        return rest

    def _back_off(self, reason: str) -> float:
        """Full jitter between one second and a bound that doubles."""
        self._failures += 1
        bound = min(LONGEST_BACK_OFF, 2.0 ** min(self._failures, 32))
        rest = SHORTEST_REST + self._outside.random() * (bound - SHORTEST_REST)
        until = self._outside.clock() + timedelta(seconds=rest)
        self._show(state="failing", reason=reason, until=until, errors=self.state.errors + 1)
        return rest

    def _give_up(self, reason: str) -> None:
        _log.error("source %s stopped: %s", self._source.id, reason)
        self._show(state="failing", reason=reason, until=None, errors=self.state.errors + 1)

    def _show(self, **changes: Any) -> None:
        self.state = msgspec.structs.replace(self.state, **changes)
        self._on_state(self.state)

    async def _until_stopped(self, work: Awaitable[None], stop: asyncio.Event) -> None:
        task = asyncio.ensure_future(work)
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancel(task, stopping)


async def _cancel(*tasks: "asyncio.Future[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _seconds(name: str, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9:
        return float(value)
    raise BadSettings(f"{name}: {value!r:.60} is not a number of seconds. Remedy: {name}: 60")


def _unexpected(error: Exception) -> str:
    """Of an error we did not foresee only the class is shown: its text may hold a secret."""
    return f"unexpected {type(error).__name__}; the log has the details"
