"""The agents: thin shells that read slabs, call pure functions, send, and acknowledge.

A slab is acknowledged only after everything made of it was acknowledged by the next hop. Records
that can't be processed become dead letters; whatever else goes wrong stops the worker, which then
starts again from what is committed.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from itertools import groupby, islice
from typing import Any, Final

from aiokafka import ConsumerRecord

from connectors.kafka import PIECE_BYTES, BatchSender, Oversized, acknowledged, delivered
from connectors.post import utc_now
from streams.alerts.touched import Touched
from streams.archive.keeper import Keeper
from streams.avro_copy import AvroCopy
from streams.books import Books
from streams.burying import (
    as_again,
    letter_of_label,
    letter_of_record,
    letter_traces,
    settled,
)
from streams.entries import index_entries
from streams.errors import StoreError
from streams.judging import CHUNK, Judged, bury_oversized, judge, next_chunk
from streams.ledger import Ledger
from streams.pipeline import Judge
from streams.reading import origins, read_labels, read_letter, read_records, read_rows
from streams.records import Label
from streams.slab import Slab
from streams.store.port import Store
from streams.tally import Entry

UNDER_WAY: Final = 8
"""Slabs of one agent that may wait for their acknowledgement at once."""
WRITE_RECORDS: Final = 2000
"""Mentions written to the store at once, give or take a slab."""
WRITES: Final = 2
"""Writes to the store under way at once: one is made ready while the other is on its way. More
gain nothing where the server is on the same machine."""

Crash = Callable[[BaseException], Awaitable[None]]
Gaps = Callable[[str, int, int], Awaitable[None]]
"""Told of records that the broker dropped unread: `topic/partition`, up to which offset, how
many."""


async def _unnoted(_place: str, _before: int, _missed: int) -> None:
    """For agents that nobody asks of gaps."""


class _Agent:
    """Work on slabs in order, at most `UNDER_WAY` of them unacknowledged."""

    def __init__(self, ledger: Ledger, crash: Crash, books: Books | None = None) -> None:
        self.ledger = ledger
        self.on_gap: Gaps = _unnoted
        self._crash = crash
        self._books = books
        self._room = asyncio.Semaphore(UNDER_WAY)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, stream: Any) -> None:
        """The body of a Faust agent. Ends the worker on any error."""
        try:
            async for event in stream.noack().events():
                if event.value.missed:
                    await self._note_gap(event.value)
                await self._room.acquire()
                if self._books:
                    await self._books.expect(event.value)
                await self._take(event)
        except Exception as error:  # noqa: BLE001  # the worker dies of it, and starts again
            await self._crash(error)

    async def abandon(self) -> None:
        """Let go of what is under way, unacknowledged: it will be done again."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _note_gap(self, slab: Slab) -> None:
        """Before anything is committed past it: a receipt that waits must see it."""
        row = slab.records[0]
        await self.on_gap(f"{row.topic}/{row.partition}", slab.first, slab.missed)
        self.ledger.missed += slab.missed

    async def _take(self, event: Any) -> None:
        raise NotImplementedError

    def _done(self, event: Any, entries: Sequence[Entry] = ()) -> None:
        """Everything made of the slab is acknowledged by the next hop. What is counted is saved
        before the slab is acknowledged in its turn, so that counts never lag behind offsets."""

        def acknowledge() -> None:
            event.ack()
            self._room.release()

        if self._books is None:
            acknowledge()
        elif self._books.close(event.value, entries, acknowledge):
            self._later(self._books.save())

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001  # the worker dies of it, and starts again
            await self._crash(error)


class FilterAgent(_Agent):
    """`veille.posts` to `veille.mentions`: language, criteria, sentiment."""

    def __init__(
        self,
        *,
        pipeline: Judge,
        sender: BatchSender,
        mentions: str,
        dead: str,
        ledger: Ledger,
        crash: Crash,
        books: Books | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        super().__init__(ledger, crash, books)
        self._keeper = keeper
        self._pipeline = pipeline
        self._sender = sender
        self._mentions = mentions
        self._dead = dead
        self._chunk = CHUNK

    async def _take(self, event: Any) -> None:
        slab: Slab = event.value
        kept = self._keep(slab)
        futures: list[asyncio.Future[Any]] = []
        made = Judged([], [], Ledger())
        life = self._books.life if self._books else ""
        start = 0
        while start < len(slab.records):
            rows = slab.records[start : start + self._chunk]
            start += len(rows)
            began = time.perf_counter()
            made.add(judge(rows, self._pipeline, utc_now(), life))
            self._chunk = next_chunk(self._chunk, len(rows), time.perf_counter() - began)
            if made.size > PIECE_BYTES:
                futures += await self._send(made)
            await asyncio.sleep(0)
        futures += await self._send(made)
        self._later(self._finish(event, futures, made, kept))

    def _keep(self, slab: Slab) -> asyncio.Future[None] | None:
        """Into the archive, while the posts are judged."""
        if self._keeper is None:
            return None
        work = self._keeper.keep([row.value for row in slab.records if row.value])
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _send(self, made: Judged) -> list[asyncio.Future[Any]]:
        futures = await self._sender.send(self._mentions, made.mentions, made.marks, made.traces)
        futures += await self._sender.send(self._dead, made.letters, (), made.letter_traces)
        made.mentions, made.marks, made.traces, made.size = [], [], [], 0
        made.letters, made.letter_traces = [], []
        return futures

    async def _finish(
        self,
        event: Any,
        futures: list[asyncio.Future[Any]],
        made: Judged,
        kept: asyncio.Future[None] | None,
    ) -> None:
        refused = await delivered(futures)
        if refused:
            await self._bury(event.value, made, refused)
        await acknowledged(await self._sender.send(self._dead, made.cleared))
        if kept:
            await kept
        self._done(event, made.entries)
        self.ledger.add(made.count)

    async def _bury(self, slab: Slab, made: Judged, refused: Sequence[Oversized]) -> None:
        for error in refused:
            if error.topic != self._mentions:
                raise error  # what can't be buried is not committed
            bury_oversized(made, slab.records, error, utc_now())
        sent = await self._sender.send(self._dead, made.letters, (), made.letter_traces)
        await acknowledged(sent)


class IndexAgent(_Agent):
    """`veille.mentions` to the store: one write for all slabs that wait, two writes at a time."""

    def __init__(
        self,
        *,
        store: Store,
        sender: BatchSender,
        dead: str,
        ledger: Ledger,
        crash: Crash,
        books: Books | None = None,
        touched: Touched | None = None,
        copy: AvroCopy | None = None,
    ) -> None:
        super().__init__(ledger, crash, books)
        self._store = store
        self._sender = sender
        self._dead = dead
        self._touched = touched or Touched()
        self._copy = copy
        self._waiting: list[Any] = []
        self._writing = 0

    async def _take(self, event: Any) -> None:
        self._waiting.append(event)
        if self._writing < WRITES:
            self._writing += 1
            self._later(self._write_all())

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await self._write(self._next_events())
        finally:
            self._writing -= 1

    def _next_events(self) -> list[Any]:
        """Slabs that wait, in order, up to about `WRITE_RECORDS`; at least one."""
        taken: list[Any] = []
        count = 0
        while self._waiting and (not taken or count < WRITE_RECORDS):
            taken.append(self._waiting.pop(0))
            count += len(taken[-1].value.records)
        return taken

    async def _write(self, events: Sequence[Any]) -> None:
        rows = [row for event in events for row in event.value.records]
        good, bad = read_records(rows, utc_now())
        unread = {letter.place for letter in bad}
        copied: Sequence[asyncio.Future[Any]] = ()
        if self._copy:
            copied = await self._copy.send(read_rows(rows, bad), good)
        report = await self._store.write(good)
        self._touched.note(good)
        refused: dict[str, ConsumerRecord] = {}
        rows_of = origins(rows, good, bad) if report.rejected else {}
        for one in report.rejected:
            row = rows_of[id(one.record)]
            letter = as_again(letter_of_record(one.record, one.reason, utc_now()), row)
            refused[letter.id] = row
            bad.append(letter)
        items = settled(rows, bad)
        if items:
            traces = letter_traces(items, rows, bad, refused)
            await acknowledged(await self._sender.send(self._dead, items, (), traces))
        await acknowledged(copied)
        told = index_entries(rows, good, unread, report) if self._books else iter(())
        for event in events:
            self._done(event, list(islice(told, len(event.value.records))))
        self.ledger.stored += report.stored
        self.ledger.stale += report.stale
        self.ledger.retracted += report.retracted
        self.ledger.dead += len(bad)


class LetterAgent(_Agent):
    """`veille.dead-letters` to the store, where commands and pages list them. An empty value takes
    the letter of its key away: it was sent again, and what became of it is acknowledged."""

    def __init__(self, *, store: Store, ledger: Ledger, crash: Crash) -> None:
        super().__init__(ledger, crash)
        self._store = store

    async def _take(self, event: Any) -> None:
        self._later(self._write(event))

    async def _write(self, event: Any) -> None:
        slab: Slab = event.value
        count = 0
        for gone, rows in groupby(slab.records, key=lambda row: not row.value):
            if gone:
                await self._store.drop_dead_letters([_text(row.key) for row in rows])
            else:
                found = [read_letter(row) for row in rows]
                await self._store.add_dead_letters(found)
                count += len(found)
        self._done(event)
        self.ledger.letters += count


def _text(key: bytes | None) -> str:
    return (key or b"").decode("utf-8", "replace")


class LabelAgent(_Agent):
    """`veille.labels` to the store's ledger and to the mentions they are about."""

    def __init__(
        self,
        *,
        store: Store,
        sender: BatchSender,
        dead: str,
        ledger: Ledger,
        crash: Crash,
        touched: Touched | None = None,
    ) -> None:
        super().__init__(ledger, crash)
        self._store = store
        self._sender = sender
        self._dead = dead
        self._touched = touched
        self._turn = asyncio.Lock()

    async def _take(self, event: Any) -> None:
        self._later(self._write(event))

    async def _write(self, event: Any) -> None:
        rows, now = event.value.records, utc_now()
        async with self._turn:  # one writer a label
            good, bad = read_labels(rows, now)
            rows_of = origins(rows, good, bad)
            refused: dict[str, ConsumerRecord] = {}
            for one in await self._store.add_labels(good):
                row = rows_of[id(one.label)]
                letter = as_again(letter_of_label(one.label, one.reason, now), row)
                refused[letter.id] = row
                bad.append(letter)
        await self._note(good)
        items = settled(rows, bad)
        traces = letter_traces(items, rows, bad, refused)
        await acknowledged(await self._sender.send(self._dead, items, (), traces))
        self._done(event)
        self.ledger.labels += len(rows) - len(bad)
        self.ledger.dead += len(bad)

    async def _note(self, labels: Sequence[Label]) -> None:
        """What they change is counted anew; a mention that can't be read now is so in time."""
        if self._touched is None:
            return
        with contextlib.suppress(StoreError):
            found = [await self._store.get(one.mention_id) for one in labels]
            self._touched.note([one for one in found if one])
