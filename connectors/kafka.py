"""Sending many records to Kafka at once: batches built per partition, one future a batch.

A record's partition is the CRC-32 of its key modulo the number of partitions, so that all
versions of one post stay in order. Every producer of Veille uses this rule.
"""

import asyncio
import ssl
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any, Final, Protocol, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.helpers import create_ssl_context

from connectors.account import HEADER
from connectors.errors import Retriable
from connectors.tracing import Trace

BATCH_BYTES: Final = 256 * 1024
PIECE_BYTES: Final = 500_000
"""Sent to one partition in one go."""
MAX_RECORD_BYTES: Final = 900_000
"""Kafka's default limit is 1 MiB a batch; what is larger belongs to the dead letters."""

Item = tuple[bytes, bytes]
"""Key and value of a record."""

Marked = tuple[bytes, bytes, bytes, Trace]
"""Key, value, mark (what the header `connectors.account.HEADER` says; empty for none) and trace."""

Describe = Callable[[bytes], list[tuple[str, bytes]]]
"""The headers that tell what a value is. Called for each record: it should give constants."""

_Cut = TypeVar("_Cut", Item, Marked)

Futures = list[asyncio.Future[Any]]
"""One a batch; each resolves to aiokafka's `RecordMetadata` of the first record of the batch, or of
the last part where it had to be split."""

Shorten = Callable[[bytes], bytes | None]
"""A value with less in it that still says what it was; `None`: there is nothing to leave out."""

_TOO_LARGE: Final = (MessageSizeTooLargeError, RecordListTooLargeError)


class Oversized(Retriable):
    """Records that the broker refuses, each alone; it has acknowledged the others."""

    def __init__(self, topic: str, rows: Sequence[Marked], why: object) -> None:
        super().__init__(
            f"{topic}: {len(rows):,} records are over the broker's limit: {why}. Remedy: raise "
            f"max.message.bytes of {topic} to 1 MiB or more"
        )
        self.topic, self.rows, self.why = topic, rows, why


class Gate(Protocol):
    """Holds a producer back while too much of what it sent is unread."""

    async def admit(self, partition: int, size: int) -> None: ...

    def note(self, futures: Futures, partition: int, size: int) -> None: ...


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key: CRC-32 modulo, as librdkafka's `consistent` partitioner."""
    return zlib.crc32(key) % partitions


def ssl_context(ca_file: str | None) -> ssl.SSLContext:
    """A verifying TLS context, with the given authority or the system's."""
    return create_ssl_context(cafile=ca_file) if ca_file else ssl.create_default_context()


class BatchSender:
    """A producer of prepared batches over one aiokafka producer. `gates` are by topic.

    `describe` gives a record's headers, by topic; `begin` makes a trace for a record that comes
    without one. The mark is the first header, for whoever counts asks for it alone.

    A batch that the broker finds too large is split. A single record is made shorter where
    `shorten` tells how for its topic; one that can't be is `Oversized`. Records of a partition
    stay in order also then, which counting relies on (`streams.tally`): a batch is sent when the
    one before it is answered.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        gates: Mapping[str, Gate] | None = None,
        *,
        shorten: Mapping[str, Shorten] | None = None,
        describe: Mapping[str, Describe] | None = None,
        begin: Callable[[], Trace] | None = None,
    ) -> None:
        self._producer = producer
        self._gates = gates or {}
        self._shorten = shorten or {}
        self._describe = describe or {}
        self._begin = begin
        self._last: dict[tuple[str, int], asyncio.Future[Any]] = {}

    async def send(
        self,
        topic: str,
        items: Sequence[Item],
        marks: Sequence[bytes] = (),
        traces: Sequence[Trace] = (),
    ) -> Futures:
        """Send records by key. The futures resolve when the broker acknowledged each batch.
        `marks` and `traces`, where given, are one for each item.

        Waits while too much is under way. Raises `Retriable` when the broker is not there.
        """
        if not items:
            return []
        futures: Futures = []
        try:
            by_partition = await self._split(topic, self._marked(items, marks, traces))
            for partition, mine in by_partition.items():
                for piece, size in pieces(mine):
                    futures += await self._send_piece(topic, partition, piece, size)
        except KafkaError as error:
            raise Retriable(f"{topic}: the broker does not take records: {error}") from error
        return futures

    def _marked(
        self, items: Sequence[Item], marks: Sequence[bytes], traces: Sequence[Trace]
    ) -> Iterable[Marked]:
        rows = zip(
            items, marks or repeat(b"", len(items)), self._traces(items, traces), strict=True
        )
        return ((key, value, mark, trace) for (key, value), mark, trace in rows)

    def _traces(self, items: Sequence[Item], traces: Sequence[Trace]) -> Iterable[Trace]:
        given = traces or repeat((), len(items))
        return given if self._begin is None else (trace or self._begin() for trace in given)

    async def _split(self, topic: str, items: Iterable[Marked]) -> dict[int, list[Marked]]:
        count = len(await self._producer.partitions_for(topic))
        by_partition: dict[int, list[Marked]] = {}
        for item in items:
            by_partition.setdefault(partition_of(item[0], count), []).append(item)
        return by_partition

    async def _send_piece(
        self, topic: str, partition: int, piece: Sequence[Marked], size: int
    ) -> Futures:
        gate = self._gates.get(topic)
        if gate:
            await gate.admit(partition, size)
        futures: Futures = []
        try:
            for batch, rows in self._batches(topic, piece):
                before = self._last.get((topic, partition))
                whole = asyncio.ensure_future(self._whole(batch, topic, partition, rows, before))
                whole.add_done_callback(_seen)
                self._last[topic, partition] = whole
                futures.append(whole)
                await _ended(before)  # at most one waits behind the one that is under way
        finally:  # what was admitted is given back also when the broker did not take it
            if gate:
                gate.note(futures, partition, size)
        return futures

    async def _whole(
        self,
        batch: Any,
        topic: str,
        partition: int,
        rows: Sequence[Marked],
        before: asyncio.Future[Any] | None = None,
    ) -> Any:
        """The answer to a batch. One that is too large is sent again in halves, in order. Raises
        `Oversized` when all but the records that are too large alone are acknowledged."""
        await _ended(before)
        try:
            return await (await self._producer.send_batch(batch, topic, partition=partition))
        except _TOO_LARGE as error:
            parts = self._parts(topic, rows)
            if not parts:
                raise Oversized(topic, rows, error) from error
            refused = Oversized(topic, [], error)
        answer = None
        for part in parts:
            for smaller, some in self._batches(topic, part):
                try:
                    answer = await self._whole(smaller, topic, partition, some)
                except Oversized as error:
                    refused = Oversized(topic, [*refused.rows, *error.rows], error.why)
        if refused.rows:
            raise refused
        return answer

    def _parts(self, topic: str, rows: Sequence[Marked]) -> list[Sequence[Marked]]:
        """What to send instead of rows that are too large together: halves, or a shorter one."""
        if len(rows) > 1:
            middle = len(rows) // 2
            return [rows[:middle], rows[middle:]]
        (key, value, mark, trace), shorten = rows[0], self._shorten.get(topic)
        shorter = shorten(value) if shorten else None
        return [] if shorter is None else [[(key, shorter, mark, trace)]]

    def _batches(self, topic: str, items: Sequence[Marked]) -> list[tuple[Any, list[Marked]]]:
        """Closed batches, and what is in each."""
        describe = self._describe.get(topic, _undescribed)
        batch, rows = self._producer.create_batch(), list[Marked]()
        batches = [(batch, rows)]
        for key, value, mark, trace in items:
            headers = describe(value)
            if mark or trace:
                headers = [*([(HEADER, mark)] if mark else ()), *headers, *trace]
            if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                batch.close()
                batch, rows = self._producer.create_batch(), []
                batches.append((batch, rows))
                if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                    raise ValueError(f"a record of {len(value)} bytes does not fit a batch")
            rows.append((key, value, mark, trace))
        batch.close()
        return batches


def _undescribed(_value: bytes) -> list[tuple[str, bytes]]:
    return []


def mark_of(headers: Iterable[tuple[str, bytes]]) -> bytes:
    """The mark among a record's headers, or nothing."""
    for name, value in headers:
        if name == HEADER:
            return value or b""
    return b""


def pieces(items: Iterable[_Cut]) -> Iterable[tuple[list[_Cut], int]]:
    """Cut into runs of at most `PIECE_BYTES`, each with at least one item, and their bytes."""
    run: list[_Cut] = []
    size = 0
    for item in items:
        more = len(item[0]) + len(item[1])
        if run and size + more > PIECE_BYTES:
            yield run, size
            run, size = [], 0
        run.append(item)
        size += more
    if run:
        yield run, size


async def acknowledged(futures: Sequence[asyncio.Future[Any]]) -> None:
    """Wait until the broker acknowledged all batches. Raises `Retriable` when it did not."""
    for refused in await delivered(futures):
        raise refused


async def delivered(futures: Sequence[asyncio.Future[Any]]) -> list[Oversized]:
    """As `acknowledged`, but for records that are too large for the broker: they are told, and
    all others are acknowledged."""
    refused: list[Oversized] = []
    for result in await asyncio.gather(*futures, return_exceptions=True):
        if isinstance(result, KafkaError):
            raise Retriable(f"the broker did not acknowledge: {result}") from result
        if isinstance(result, Oversized):
            refused.append(result)
        elif isinstance(result, BaseException):
            raise result
    return refused


async def _ended(future: asyncio.Future[Any] | None) -> None:
    """Wait for its end, whichever."""
    if future is not None and not future.done():
        await asyncio.wait({future})


def _seen(done: asyncio.Future[Any]) -> None:
    """Errors count as seen: whoever waits raises them, and who was cancelled can't."""
    if not done.cancelled():
        done.exception()
