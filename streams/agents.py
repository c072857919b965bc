"""The agents: thin shells that read slabs, call pure functions, send, and acknowledge.

A slab is acknowledged only after everything made of it was acknowledged by the next hop. Records
that can't be processed become dead letters; whatever else goes wrong stops the worker, which then
starts again from what is committed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from aiokafka import ConsumerRecord

from connectors import letters, post
from connectors.kafka import MAX_RECORD_BYTES, PIECE_BYTES, BatchSender, Item, acknowledged
from connectors.letters import DeadLetter, Stage, letter_id
from connectors.post import utc_now
from streams import records
from streams.clocks import held_post, held_record
from streams.ledger import Ledger
from streams.pipeline import Judge
from streams.records import Mention, Record
from streams.slab import Slab
from streams.store.port import Store

CHUNK: Final = 200
"""Posts judged in one go before other tasks of the loop have their turn (about 10 ms); fewer where
the engine takes its time."""
TURN_SECONDS: Final = 0.1
"""How long such a go should take at most."""
UNDER_WAY: Final = 8
"""Slabs of one agent that may wait for their acknowledgement at once."""
WRITE_RECORDS: Final = 2000
"""Mentions written to the store at once, give or take a slab."""

Crash = Callable[[BaseException], Awaitable[None]]
Gaps = Callable[[str, int, int], Awaitable[None]]
"""Told of records that the broker dropped unread: `topic/partition`, up to which offset, how
many."""


async def _unnoted(_place: str, _before: int, _missed: int) -> None:
    """For agents that nobody asks of gaps."""


class Judged(msgspec.Struct):
    """What became of some posts, ready to send. Keys are post ids, so that a post's mentions
    keep the order of its versions."""

    mentions: list[Item]
    letters: list[Item]
    count: Ledger
    size: int = 0
    """Bytes of the mentions."""

    def add(self, other: "Judged") -> None:
        self.mentions += other.mentions
        self.letters += other.letters
        self.count.add(other.count)
        self.size += other.size


def judge(rows: Sequence[ConsumerRecord], pipeline: Judge, now: datetime) -> Judged:
    """Pure: decode each post, apply the pipeline, encode what comes out."""
    out = Judged([], [], Ledger(posts=len(rows)))
    for row in rows:
        try:
            one = held_post(post.decode(row.value or b""), row.timestamp)
            made = pipeline.process(one, now)
            items = [(row.key or b"", records.encode(record)) for record in made]
            _refuse_oversized(items)
        except msgspec.DecodeError as error:
            said = f"not a post: {error}{post.newer(row.value or b'')}"
            _bury(out, row, "filter", said, now)
        except Exception as error:  # noqa: BLE001  # one bad post must not stop a million good ones
            _bury(out, row, "filter", f"{type(error).__name__}: {error}", now)
        else:
            out.mentions += items
            out.size += sum(len(value) for _, value in items)
            _tally(out.count, made)
    return out


def _refuse_oversized(items: Iterable[Item]) -> None:
    for _, value in items:
        if len(value) > MAX_RECORD_BYTES:
            raise ValueError(f"a mention of {len(value)} bytes is over {MAX_RECORD_BYTES}")


def _tally(count: Ledger, made: Sequence[Record]) -> None:
    if not made:
        return
    mentions = sum(isinstance(record, Mention) for record in made)
    count.mentions += mentions
    count.retractions += len(made) - mentions
    count.matched += mentions > 0


def _bury(out: Judged, row: ConsumerRecord, stage: Stage, reason: str, now: datetime) -> None:
    letter = letter_of(row, stage, reason, now)
    out.letters.append((letter.id.encode(), letters.encode(letter)))
    out.count.dead += 1


def letter_of(row: ConsumerRecord, stage: Stage, reason: str, now: datetime) -> DeadLetter:
    """A dead letter with the record's own bytes (at most 64 KiB of them) and place."""
    raw = (row.value or b"")[: post.MAX_TEXT_BYTES]
    place = f"{row.topic}/{row.partition}@{row.offset}"
    return DeadLetter(
        id=letter_id(stage, place, raw), stage=stage, reason=reason, place=place, raw=raw, at=now
    )


def next_chunk(chunk: int, judged: int, seconds: float) -> int:
    """Posts of the next go, at most `CHUNK`, after one in which so many took so long."""
    if seconds > TURN_SECONDS:
        return max(1, int(judged * TURN_SECONDS / seconds))
    return min(CHUNK, chunk * 2) if seconds < TURN_SECONDS / 2 else chunk


class _Agent:
    """Work on slabs in order, at most `UNDER_WAY` of them unacknowledged."""

    def __init__(self, ledger: Ledger, crash: Crash) -> None:
        self.ledger = ledger
        self.on_gap: Gaps = _unnoted
        self._crash = crash
        self._room = asyncio.Semaphore(UNDER_WAY)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, stream: Any) -> None:
        """The body of a Faust agent. Ends the worker on any error."""
        try:
            async for event in stream.noack().events():
                if event.value.missed:
                    await self._note_gap(event.value)
                await self._room.acquire()
                await self._take(event)
        except Exception as error:  # noqa: BLE001  # the worker dies of it, and starts again
            await self._crash(error)

    async def _note_gap(self, slab: Slab) -> None:
        """Before anything is committed past it: a receipt that waits must see it."""
        row = slab.records[0]
        await self.on_gap(f"{row.topic}/{row.partition}", slab.first, slab.missed)
        self.ledger.missed += slab.missed

    async def _take(self, event: Any) -> None:
        raise NotImplementedError

    def _done(self, event: Any) -> None:
        """Everything made of the slab is acknowledged by the next hop."""
        event.ack()
        self._room.release()

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
    ) -> None:
        super().__init__(ledger, crash)
        self._pipeline = pipeline
        self._sender = sender
        self._mentions = mentions
        self._dead = dead
        self._chunk = CHUNK

    async def _take(self, event: Any) -> None:
        slab: Slab = event.value
        futures: list[asyncio.Future[Any]] = []
        made = Judged([], [], Ledger())
        start = 0
        while start < len(slab.records):
            rows = slab.records[start : start + self._chunk]
            start += len(rows)
            began = time.perf_counter()
            made.add(judge(rows, self._pipeline, utc_now()))
            self._chunk = next_chunk(self._chunk, len(rows), time.perf_counter() - began)
            if made.size > PIECE_BYTES:
                futures += await self._send(made)
            await asyncio.sleep(0)
        futures += await self._send(made)
        self._later(self._finish(event, futures, made.count))

    async def _send(self, made: Judged) -> list[asyncio.Future[Any]]:
        futures = await self._sender.send(self._mentions, made.mentions)
        futures += await self._sender.send(self._dead, made.letters)
        made.mentions, made.letters, made.size = [], [], 0
        return futures

    async def _finish(self, event: Any, futures: list[asyncio.Future[Any]], count: Ledger) -> None:
        await acknowledged(futures)
        self._done(event)
        self.ledger.add(count)


class IndexAgent(_Agent):
    """`veille.mentions` to the store: one write for all slabs that wait, one write at a time."""

    def __init__(
        self, *, store: Store, sender: BatchSender, dead: str, ledger: Ledger, crash: Crash
    ) -> None:
        super().__init__(ledger, crash)
        self._store = store
        self._sender = sender
        self._dead = dead
        self._waiting: list[Any] = []
        self._writing = False

    async def _take(self, event: Any) -> None:
        self._waiting.append(event)
        if not self._writing:
            self._writing = True
            self._later(self._write_all())

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await self._write(self._next_events())
        finally:
            self._writing = False

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
        report = await self._store.write(good)
        bad += [letter_of_record(item.record, item.reason, utc_now()) for item in report.rejected]
        if bad:
            items = [(letter.id.encode(), letters.encode(letter)) for letter in bad]
            await acknowledged(await self._sender.send(self._dead, items))
        for event in events:
            self._done(event)
        self.ledger.stored += report.stored
        self.ledger.stale += report.stale
        self.ledger.retracted += report.retracted
        self.ledger.dead += len(bad)


def read_records(
    rows: Sequence[ConsumerRecord], now: datetime
) -> tuple[list[Record], list[DeadLetter]]:
    """Decode messages of `veille.mentions`; what can't be read becomes dead letters."""
    good: list[Record] = []
    bad: list[DeadLetter] = []
    for row in rows:
        try:
            good.append(held_record(records.decode_record(row.value or b""), row.timestamp))
        except msgspec.DecodeError as error:
            said = f"not a mention: {error}{post.newer(row.value or b'')}"
            bad.append(letter_of(row, "index", said, now))
    return good, bad


def letter_of_record(record: Record, reason: str, now: datetime) -> DeadLetter:
    """The dead letter of a record that the store refuses."""
    raw = records.encode(record)[: post.MAX_TEXT_BYTES]
    place = f"mention {record.id}" if isinstance(record, Mention) else f"post {record.post_id}"
    return DeadLetter(
        id=letter_id("index", place, raw),
        stage="index",
        reason=reason,
        place=place,
        raw=raw,
        at=now,
    )


class LetterAgent(_Agent):
    """`veille.dead-letters` to the store, where commands and pages list them."""

    def __init__(self, *, store: Store, ledger: Ledger, crash: Crash) -> None:
        super().__init__(ledger, crash)
        self._store = store

    async def _take(self, event: Any) -> None:
        self._later(self._write(event))

    async def _write(self, event: Any) -> None:
        slab: Slab = event.value
        found = [read_letter(row) for row in slab.records]
        await self._store.add_dead_letters(found)
        self._done(event)
        self.ledger.letters += len(found)


def read_letter(row: ConsumerRecord) -> DeadLetter:
    """A message of `veille.dead-letters`; one that is itself unreadable is kept as its bytes."""
    try:
        return letters.decode(row.value or b"")
    except msgspec.DecodeError as error:
        return letter_of(row, "index", f"not a dead letter: {error}", utc_now())
