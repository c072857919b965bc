"""Sending many records to Kafka at once: batches built per partition, one future a batch.

A record's partition is the CRC-32 of its key modulo the number of partitions, so that all
versions of one post stay in order. Every producer of Veille uses this rule.
"""

import asyncio
import ssl
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.helpers import create_ssl_context

from connectors.account import HEADER
from connectors.errors import Retriable

BATCH_BYTES: Final = 256 * 1024
PIECE_BYTES: Final = 500_000
"""Sent to one partition in one go."""
MAX_RECORD_BYTES: Final = 900_000
"""Kafka's default limit is 1 MiB a batch; what is larger belongs to the dead letters."""

Item = tuple[bytes, bytes]
"""Key and value of a record."""

Marked = tuple[bytes, bytes, bytes]
"""Key, value and mark: what the header `connectors.account.HEADER` says; empty for none."""

_Cut = TypeVar("_Cut", Item, Marked)

Futures = list[asyncio.Future[Any]]
"""One a batch; each resolves to aiokafka's `RecordMetadata` of the batch's first record."""


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
    """A producer of prepared batches over one aiokafka producer. `gates` are by topic."""

    def __init__(self, producer: AIOKafkaProducer, gates: Mapping[str, Gate] | None = None) -> None:
        self._producer = producer
        self._gates = gates or {}

    async def send(self, topic: str, items: Sequence[Item], marks: Sequence[bytes] = ()) -> Futures:
        """Send records by key. The futures resolve when the broker acknowledged each batch.
        `marks`, where given, are one for each item.

        Waits while too much is under way. Raises `Retriable` when the broker is not there.
        """
        if not items:
            return []
        futures: Futures = []
        try:
            by_partition = await self._split(topic, _marked(items, marks))
            for partition, mine in by_partition.items():
                for piece, size in pieces(mine):
                    futures += await self._send_piece(topic, partition, piece, size)
        except KafkaError as error:
            _retrieve(futures)
            raise Retriable(f"{topic}: the broker does not take records: {error}") from error
        return futures

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
            for batch in self._batches(piece):
                sent = await self._producer.send_batch(batch, topic, partition=partition)
                futures.append(sent)
        finally:  # what was admitted is given back also when the broker did not take it
            if gate:
                gate.note(futures, partition, size)
        return futures

    def _batches(self, items: Sequence[Marked]) -> list[Any]:
        batch = self._producer.create_batch()
        batches = [batch]
        for key, value, mark in items:
            headers = [(HEADER, mark)] if mark else []
            if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                batch.close()
                batch = self._producer.create_batch()
                batches.append(batch)
                if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                    raise ValueError(f"a record of {len(value)} bytes does not fit a batch")
        batch.close()
        return batches


def _marked(items: Sequence[Item], marks: Sequence[bytes]) -> Iterable[Marked]:
    if not marks:
        return ((key, value, b"") for key, value in items)
    return ((key, value, mark) for (key, value), mark in zip(items, marks, strict=True))


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
    results = await asyncio.gather(*futures, return_exceptions=True)
    for result in results:
        if isinstance(result, KafkaError):
            raise Retriable(f"the broker did not acknowledge: {result}") from result
        if isinstance(result, BaseException):
            raise result


def _retrieve(futures: Futures) -> None:
    """Mark errors as seen: the caller raises one of its own for the whole."""
    for future in futures:
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
