"""How far a consumer group has come, and holding producers back by it.

Embedded, the broker keeps 5 MB a partition and drops the oldest unread data beyond that: whoever
produces waits until what it sent before has been read (`LagGate`).
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from connectors.kafka import Futures
from streams.errors import BrokerUnavailable

Offsets = dict[int, int]
"""By partition: the offset of the next record to read, or to be written."""


PATIENCE_SECONDS: Final = 120.0
"""How long a broker that restarts, or moves its coordinator, is asked again."""


class Progress:
    """Reads committed and end offsets of topics, off the event loop.

    Raises `BrokerUnavailable` when the broker has told nothing for `PATIENCE_SECONDS`.
    """

    def __init__(self, config: Mapping[str, str], group: str) -> None:
        self._consumer = Consumer(
            {**config, "group.id": group, "enable.auto.commit": False, "log_level": 0}
        )
        self._lock = asyncio.Lock()
        self._known: dict[str, list[TopicPartition]] = {}

    async def committed(self, topic: str) -> Offsets:
        """What the group has finished with, by partition; 0 where nothing yet."""
        return await self._patiently(self._committed, topic)

    async def ends(self, topic: str) -> Offsets:
        """Where the next record of each partition will be written."""
        return await self._patiently(self._ends, topic)

    async def reached(self, topic: str, offsets: Offsets, *, every: float = 0.1) -> None:
        """Wait until the group has finished with everything below `offsets`."""
        while offsets:
            done = await self.committed(topic)
            if all(done.get(partition, 0) >= offset for partition, offset in offsets.items()):
                return
            await asyncio.sleep(every)

    async def close(self) -> None:
        async with self._lock:
            await asyncio.to_thread(self._consumer.close)

    async def _patiently(self, ask: Callable[[str], Offsets], topic: str) -> Offsets:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                async with self._lock:
                    return await asyncio.to_thread(ask, topic)
            except BrokerUnavailable:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.2)

    def _partitions(self, topic: str) -> list[TopicPartition]:
        if topic not in self._known:
            found = self._consumer.list_topics(topic, timeout=10).topics[topic]
            rows = [TopicPartition(topic, number) for number in found.partitions]
            if not rows:
                return []
            self._known[topic] = rows
        return self._known[topic]

    def _committed(self, topic: str) -> Offsets:
        try:
            rows = self._consumer.committed(self._partitions(topic), timeout=10)
        except KafkaException as error:
            raise BrokerUnavailable(
                f"the broker does not tell offsets of {topic}: {error}"
            ) from error
        return {row.partition: max(0, row.offset) for row in rows}

    def _ends(self, topic: str) -> Offsets:
        try:
            return {
                row.partition: self._consumer.get_watermark_offsets(row, timeout=10)[1]
                for row in self._partitions(topic)
            }
        except KafkaException as error:
            raise BrokerUnavailable(
                f"the broker does not tell offsets of {topic}: {error}"
            ) from error


class LagGate:
    """Admits bytes to a topic's partitions while those unread stay below a limit."""

    def __init__(self, progress: Progress, topic: str, limit: int) -> None:
        self._progress = progress
        self._topic = topic
        self._limit = limit
        self._unread: dict[int, int] = {}
        self._sent: dict[int, deque[tuple[Futures, int]]] = {}
        self._refreshing = asyncio.Lock()

    async def admit(self, partition: int, size: int) -> None:
        """Wait until `size` more bytes fit; a single piece larger than the limit passes alone."""
        while self._unread.get(partition, 0) + size > self._limit and self._unread.get(partition):
            await self._refresh()
            if self._unread.get(partition, 0) + size > self._limit:
                await asyncio.sleep(0.05)
        self._unread[partition] = self._unread.get(partition, 0) + size

    def note(self, futures: Futures, partition: int, size: int) -> None:
        """`size` bytes, admitted before, are being sent: count them as unread until the group
        has finished with the last of them."""
        rows = self._sent.setdefault(partition, deque())
        rows.append((list(futures), size))

    async def _refresh(self) -> None:
        async with self._refreshing:
            done = await self._progress.committed(self._topic)
        for partition, rows in self._sent.items():
            while rows and _finished(rows[0][0], done.get(partition, 0)):
                self._unread[partition] -= rows.popleft()[1]


def _finished(futures: Futures, done: int) -> bool:
    """Whether a piece was never sent, or was written and read up to its last batch.

    The batches of a piece are in order, and the first offset of each is known: when the group is
    past the first record of the last batch it may still be inside it, which errs by one batch.
    """
    if not futures:
        return True
    last = futures[-1]
    if not last.done():
        return False
    if last.cancelled() or last.exception() is not None:
        return True
    return int(last.result().offset) < done
