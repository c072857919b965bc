"""The agents: thin shells that read slabs, call pure functions, send, and acknowledge.

A slab is acknowledged only after everything made of it was acknowledged by the next hop. Records
that can't be processed become dead letters; whatever else goes wrong stops the worker, which then
starts again from what is committed.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

import msgspec
from aiokafka import ConsumerRecord

from connectors import letters, post
from connectors.account import hour_of
from connectors.kafka import (
    MAX_RECORD_BYTES,
    PIECE_BYTES,
    BatchSender,
    Item,
    Oversized,
    acknowledged,
    delivered,
    mark_of,
)
from connectors.letters import DeadLetter, Stage, letter_id
from connectors.post import utc_now
from streams import records
from streams.books import Books
from streams.clocks import held_label, held_post, held_record
from streams.ledger import Ledger
from streams.pipeline import Judge
from streams.records import Label, Mention, Record
from streams.slab import Slab
from streams.store.port import Store, WriteReport
from streams.tally import Entry, mention_mark, post_offset, read_mark

CHUNK: Final = 200
"""Posts judged in one go before other tasks of the loop have their turn (about 10 ms); fewer where
the engine takes its time."""
TURN_SECONDS: Final = 0.1
"""How long such a go should take at most."""
UNDER_WAY: Final = 8
"""Slabs of one agent that may wait for their acknowledgement at once."""
WRITE_RECORDS: Final = 2000
"""Mentions written to the store at once, give or take a slab."""

MAX_ID_BYTES: Final = 512
"""Of a dead letter's id in a header: what every store can keep."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

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
    cleared: list[Item] = []
    """Dead letters sent again that went well this time: their ids, for `veille.dead-letters`."""
    marks: list[bytes] = []
    """Of the mentions, one each."""
    entries: list[Entry] = []
    """What became of each post."""

    def add(self, other: "Judged") -> None:
        self.mentions += other.mentions
        self.letters += other.letters
        self.count.add(other.count)
        self.size += other.size
        self.cleared += other.cleared
        self.marks += other.marks
        self.entries += other.entries


def judge(rows: Sequence[ConsumerRecord], pipeline: Judge, now: datetime, life: str = "") -> Judged:
    """Pure: decode each post, apply the pipeline, encode what comes out. `life` is the topic's."""
    out = Judged([], [], Ledger(posts=len(rows)))
    for row in rows:
        one: post.Post | None = None
        try:
            one = held_post(post.decode(row.value or b""), row.timestamp)
            made = pipeline.process(one, now)
            items = [(row.key or b"", records.encode(record)) for record in made]
            _refuse_oversized(items)
        except msgspec.DecodeError as error:
            said = f"not a post: {error}{post.newer(row.value or b'')}"
            _bury(out, row, said, now)
        except Exception as error:  # noqa: BLE001  # one bad post must not stop a million good ones
            _bury(out, row, f"{type(error).__name__}: {error}", now, one)
        else:
            out.mentions += items
            out.size += sum(len(value) for _, value in items)
            if row.headers:
                out.cleared += cleared([row])
            _tally(out.count, made)
            _note(out, row, one, made, life)
    return out


def _note(
    out: Judged, row: ConsumerRecord, one: post.Post, made: Sequence[Record], life: str
) -> None:
    mark, line = read_mark(mark_of(row.headers)), f"{row.partition}@{life}"
    out.marks += [
        mention_mark(mark, one.source, line, row.offset, number) for number in range(len(made))
    ]
    mentions = sum(isinstance(record, Mention) for record in made)
    counts = {"matched": 1, "mentions": mentions} if mentions else {"unmatched": 1}
    out.entries.append(Entry(row.offset, mark, one.source, hour_of(one.collected_at), counts))


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


def _bury(
    out: Judged, row: ConsumerRecord, reason: str, now: datetime, one: post.Post | None = None
) -> None:
    letter = letter_of(row, "filter", reason, now)
    out.letters.append((letter.id.encode(), letters.encode(letter)))
    out.count.dead += 1
    entry = refusal(row, "refused")
    if one:
        entry = entry._replace(source=one.source, hour=hour_of(one.collected_at))
    out.entries.append(entry)


def bury_oversized(
    made: Judged, rows: Sequence[ConsumerRecord], error: Oversized, now: datetime
) -> None:
    """Posts with a mention that is too large for the broker become dead letters: what was said of
    them is taken back as far as it was not sent."""
    lost: Counter[int] = Counter()
    sizes: dict[int, int] = {}
    for _, value, mark in error.rows:
        offset = post_offset(mark)
        lost[offset] += isinstance(records.decode_record(value), Mention)
        sizes[offset] = max(len(value), sizes.get(offset, 0))
    for row in rows:
        if row.offset in sizes:
            why = f"a mention of {sizes[row.offset]} bytes is over the broker's limit: {error.why}"
            letter = letter_of(row, "filter", why, now)
            made.letters.append((letter.id.encode(), letters.encode(letter)))
            made.cleared = [one for one in made.cleared if one[0] != letter.id.encode()]
    made.entries = [_less(entry, lost) for entry in made.entries]
    made.count.dead += len(lost)
    made.count.mentions -= lost.total()
    made.count.retractions -= len(error.rows) - lost.total()


def _less(entry: Entry, lost: Mapping[int, int]) -> Entry:
    if entry.offset not in lost:
        return entry
    left = entry.counts.get("mentions", 0) - lost[entry.offset]
    return entry._replace(counts={"matched": 1, "mentions": left} if left else {"refused": 1})


def refusal(row: ConsumerRecord, column: str) -> Entry:
    """The entry of a record that can't be read: its hour is that of its writing."""
    hour = hour_of(datetime.fromtimestamp(max(0, row.timestamp) / 1000, UTC))
    return Entry(row.offset, read_mark(mark_of(row.headers)), "", hour, {column: 1})


def letter_of(row: ConsumerRecord, stage: Stage, reason: str, now: datetime) -> DeadLetter:
    """A dead letter with the record's own bytes (at most 64 KiB of them) and place.

    A letter that was sent again and failed again is the same letter, once more tried.
    """
    value, key = row.value or b"", row.key or b""
    raw, size = _kept(value)
    place = place_of(row)
    return DeadLetter(
        id=letter_again(row) or letter_id(stage, place, raw),
        stage=stage,
        reason=reason,
        place=place,
        raw=raw,
        at=now,
        source=source_of(key),
        key=key[: post.MAX_TEXT_BYTES],
        size=size,
    )


def _kept(value: bytes) -> tuple[bytes, int]:
    """The bytes a letter keeps, and how many there were where that is not all."""
    whole = len(value) <= post.MAX_TEXT_BYTES
    return value[: post.MAX_TEXT_BYTES], 0 if whole else len(value)


def letter_again(row: ConsumerRecord) -> str:
    """The id of the dead letter that this record is, sent again; empty for any other."""
    for name, value in row.headers or ():
        if name == letters.HEADER:
            return (value or b"").decode("utf-8", "replace")[:MAX_ID_BYTES]
    return ""


def cleared(rows: Iterable[ConsumerRecord]) -> list[Item]:
    """What tells that dead letters sent again went well: an empty value takes a letter back."""
    return [(id_.encode(), b"") for row in rows if (id_ := letter_again(row))]


def source_of(key: bytes) -> str:
    """The source in the id of a post, which is the key of its records."""
    source, colon, _ = key[:200].partition(b":")
    return source.decode("utf-8", "replace") if colon else ""


def place_of(row: ConsumerRecord) -> str:
    """`topic/partition@offset`."""
    return f"{row.topic}/{row.partition}@{row.offset}"


def next_chunk(chunk: int, judged: int, seconds: float) -> int:
    """Posts of the next go, at most `CHUNK`, after one in which so many took so long."""
    if seconds > TURN_SECONDS:
        return max(1, int(judged * TURN_SECONDS / seconds))
    return min(CHUNK, chunk * 2) if seconds < TURN_SECONDS / 2 else chunk


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
    ) -> None:
        super().__init__(ledger, crash, books)
        self._pipeline = pipeline
        self._sender = sender
        self._mentions = mentions
        self._dead = dead
        self._chunk = CHUNK

    async def _take(self, event: Any) -> None:
        slab: Slab = event.value
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
        self._later(self._finish(event, futures, made))

    async def _send(self, made: Judged) -> list[asyncio.Future[Any]]:
        futures = await self._sender.send(self._mentions, made.mentions, made.marks)
        futures += await self._sender.send(self._dead, made.letters)
        made.mentions, made.marks, made.letters, made.size = [], [], [], 0
        return futures

    async def _finish(self, event: Any, futures: list[asyncio.Future[Any]], made: Judged) -> None:
        refused = await delivered(futures)
        if refused:
            await self._bury(event.value, made, refused)
        await acknowledged(await self._sender.send(self._dead, made.cleared))
        self._done(event, made.entries)
        self.ledger.add(made.count)

    async def _bury(self, slab: Slab, made: Judged, refused: Sequence[Oversized]) -> None:
        for error in refused:
            if error.topic != self._mentions:
                raise error  # what can't be buried is not committed
            bury_oversized(made, slab.records, error, utc_now())
        await acknowledged(await self._sender.send(self._dead, made.letters))


class IndexAgent(_Agent):
    """`veille.mentions` to the store: one write for all slabs that wait, one write at a time."""

    def __init__(
        self,
        *,
        store: Store,
        sender: BatchSender,
        dead: str,
        ledger: Ledger,
        crash: Crash,
        books: Books | None = None,
    ) -> None:
        super().__init__(ledger, crash, books)
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
        unread = {letter.place for letter in bad}
        report = await self._store.write(good)
        bad += [letter_of_record(item.record, item.reason, utc_now()) for item in report.rejected]
        items = settled(rows, bad)
        if items:
            await acknowledged(await self._sender.send(self._dead, items))
        told = index_entries(rows, good, unread, report)
        for event in events:
            self._done(event, [next(told) for _ in event.value.records])
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


def settled(rows: Sequence[ConsumerRecord], bad: Sequence[DeadLetter]) -> list[Item]:
    """What goes to the dead letters: those that failed, and word of those sent again that did not.

    One that was sent again and is refused again keeps its id.
    """
    again = {row.value: id_ for row in rows if row.headers and (id_ := letter_again(row))}
    kept = [msgspec.structs.replace(one, id=again.get(one.raw, one.id)) for one in bad]
    failed = {one.id for one in kept}
    items = [(one.id.encode(), letters.encode(one)) for one in kept]
    return items + [(id_.encode(), b"") for id_ in again.values() if id_ not in failed]


def index_entries(
    rows: Sequence[ConsumerRecord], good: Iterable[Record], unread: set[str], report: WriteReport
) -> Iterator[Entry]:
    """What became of each message of `veille.mentions`: `good` are those read, in order, and
    `unread` the places of the others. A retraction counts in no column."""
    refused = {id(item.record) for item in report.rejected}
    records_read = iter(good)
    for row in rows:
        if place_of(row) in unread:
            yield refusal(row, "dropped")
            continue
        record = next(records_read)
        mark = read_mark(mark_of(row.headers))
        if isinstance(record, Mention):
            counts = {"dropped" if id(record) in refused else "stored": 1}
            hour = hour_of(record.post.collected_at)
            yield Entry(row.offset, mark, record.post.source, hour, counts)
        else:
            yield Entry(row.offset, mark, "", hour_of(utc_now()), {})


def letter_of_record(record: Record, reason: str, now: datetime) -> DeadLetter:
    """The dead letter of a record that the store refuses."""
    raw, size = _kept(records.encode(record))
    if isinstance(record, Mention):
        place, post_id = f"mention {record.id}", record.post.id
    else:
        place, post_id = f"post {record.post_id}", record.post_id
    return DeadLetter(
        id=letter_id("index", place, raw),
        stage="index",
        reason=reason,
        place=place,
        raw=raw,
        at=now,
        source=source_of(post_id.encode()),
        key=post_id.encode(),
        size=size,
    )


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
        self, *, store: Store, sender: BatchSender, dead: str, ledger: Ledger, crash: Crash
    ) -> None:
        super().__init__(ledger, crash)
        self._store = store
        self._sender = sender
        self._dead = dead
        self._turn = asyncio.Lock()

    async def _take(self, event: Any) -> None:
        self._later(self._write(event))

    async def _write(self, event: Any) -> None:
        rows, now = event.value.records, utc_now()
        async with self._turn:  # one writer a label
            good, bad = read_labels(rows, now)
            for refused in await self._store.add_labels(good):
                bad.append(letter_of_label(refused.label, refused.reason, now))
        await acknowledged(await self._sender.send(self._dead, settled(rows, bad)))
        self._done(event)
        self.ledger.labels += len(rows) - len(bad)
        self.ledger.dead += len(bad)


def read_labels(
    rows: Sequence[ConsumerRecord], now: datetime
) -> tuple[list[Label], list[DeadLetter]]:
    """Decode messages of `veille.labels`; what can't be read becomes dead letters.

    None is later than its record, so that a desk whose clock is a day ahead freezes nothing; the
    record's time stays the same when it is read again.
    """
    good: list[Label] = []
    bad: list[DeadLetter] = []
    for row in rows:
        try:
            label = records.decode_label(row.value or b"")
        except msgspec.DecodeError as error:
            bad.append(letter_of(row, "label", f"not a label: {error}", now))
        else:
            good.append(held_label(label, row.timestamp))
    return good, bad


def letter_of_label(label: Label, reason: str, now: datetime) -> DeadLetter:
    """The dead letter of a label that the store refuses; its bytes are read as UTF-8 was meant."""
    kept = msgspec.structs.replace(
        label,
        mention_id=_clean(label.mention_id),
        by=_clean(label.by),
        note=_clean(label.note),
    )
    raw, size = _kept(records.encode(kept))
    place = f"label of mention {kept.mention_id}"[:MAX_ID_BYTES]
    return DeadLetter(
        id=letter_id("label", place, raw),
        stage="label",
        reason=reason,
        place=place,
        raw=raw,
        at=now,
        key=kept.mention_id.encode()[: post.MAX_TEXT_BYTES],
        size=size,
    )


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def read_letter(row: ConsumerRecord) -> DeadLetter:
    """A message of `veille.dead-letters`; one that is itself unreadable is kept as its bytes."""
    try:
        return letters.decode(row.value or b"")
    except msgspec.DecodeError as error:
        return letter_of(row, "index", f"not a dead letter: {error}", utc_now())
