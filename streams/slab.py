"""A Faust transport that hands agents one event per fetch and partition: a *slab* of records.

Stock Faust spends 100-200 µs a message on tasks, sensors and bookkeeping, whatever one sets.
Here that cost is paid once per run of records. An agent iterates `stream.noack().events()`, works
on `event.value.records`, and calls `event.ack()` when what it made of them is acknowledged by the
next hop; slabs may be acknowledged in any order, and only the acknowledged prefix is committed.

It leans on private parts of Faust 0.15 (`Consumer.getmany`, `_new_offset`, `ack`,
`_filter_tps_with_pending_acks`) and of aiokafka 0.14 (the group's coordinator);
`tests/contract/test_slab.py` and `tests/faults/test_broker.py` hold the contract with them.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, ClassVar, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

log = logging.getLogger(__name__)

FETCH_WAIT_MS: Final = 50
LEAVE_SECONDS: Final = 5.0
WAIT_SECONDS: Final = 0.1
"""A partition whose agent was busy is asked for again only when the wait for the others ends."""


class Slab:
    """A run of records of one partition, in offset order.

    `missed` counts the offsets between the record before, or what the group had committed, and the
    first one here: zero unless the broker dropped data that was never read (retention, a full
    in-memory partition).
    """

    __slots__ = ("acked", "first", "missed", "next", "records")

    def __init__(self, records: list[ConsumerRecord], missed: int) -> None:
        self.records = records
        self.first: int = records[0].offset
        self.next: int = records[-1].offset + 1
        self.missed = missed
        self.acked = False


class InFlight:
    """The slabs of each partition that were handed out and are not committed yet."""

    def __init__(self) -> None:
        self._slabs: dict[TP, deque[Slab]] = {}
        self._expected: dict[TP, int] = {}

    def track(self, tp: TP, records: list[ConsumerRecord]) -> Slab:
        expected = self._expected.get(tp, records[0].offset)
        slab = Slab(records, max(0, records[0].offset - expected))
        self._expected[tp] = slab.next
        self._slabs.setdefault(tp, deque()).append(slab)
        return slab

    def expect(self, tp: TP, offset: int) -> None:
        """The next record of a partition should have this offset: what lies between was lost."""
        self._expected.setdefault(tp, offset)

    def forget(self, tp: TP) -> None:
        """Drop what is in flight: the partition was revoked or moved to another offset."""
        self._slabs.pop(tp, None)
        self._expected.pop(tp, None)

    def partitions(self) -> list[TP]:
        return list(self._slabs)

    def take_prefix(self, tp: TP) -> int | None:
        """The offset up to which every slab is acknowledged, or `None` when none is new."""
        offset = None
        slabs = self._slabs.get(tp)
        while slabs and slabs[0].acked:
            offset = slabs.popleft().next
        return offset


class _Thread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust is untyped here
    """Faust lets a fetch wait 1.5 s for data, and there is one fetch at a time: while it waits on
    idle topics, a partition that has been read to its end gets nothing more."""

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def leave(self) -> None:
        """As `Consumer.leave`, in the consumer's thread."""
        coordinator = self._consumer._coordinator if self._consumer else None
        if coordinator is None:
            return
        coordinator._group_instance_id = None  # with it aiokafka keeps the place, always
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await coordinator.close()
        except TimeoutError:
            log.warning("the group was not left in %.0f s", LEAVE_SECONDS)


class Consumer(driver.Consumer):  # type: ignore[misc]  # Faust is untyped here
    """Yields one message per partition and fetch; its value is a `Slab`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.in_flight = InFlight()
        self._seen: set[str] = set()
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109  # Faust's signature
        records, active = await self._wait_next_records(min(timeout, WAIT_SECONDS))
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            await self._seek_back()
            return
        generation = self.app.consumer_generation_id
        for tp, run in records.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return  # revoked meanwhile: the assignment seeks back to what is committed
            if run and (active is None or tp in active or tp in self._buffered_partitions):
                self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                yield tp, self._to_message(tp, run)

    def gone(self) -> set[str]:
        """Topics that the broker had and has no more: their partitions are never assigned again,
        also not when they are back, so that this consumer has to be started anew."""
        consumer = self._thread._consumer
        if consumer is None:
            return set()
        ask = consumer._client.cluster.partitions_for_topic
        there = {topic for topic in consumer.subscription() if ask(topic)}
        self._seen |= there
        return self._seen - there

    async def leave(self) -> None:
        """Give up the place in the group, for a worker that is about to end. One that is back
        under its name within its session would get the very partitions it had, without those of a
        topic made anew, and nobody would ever be given these."""
        await self._thread.call_thread(self._thread.leave)

    async def _seek_back(self) -> None:
        try:
            await self.perform_seek()
        except Exception as error:  # noqa: BLE001  # as Faust does: the next assignment seeks again
            log.warning("seek to the committed offsets failed: %s", error)

    def _to_message(self, tp: TP, records: list[ConsumerRecord]) -> ConsumerMessage:
        first = records[0]
        slab = self.in_flight.track(tp, records)
        if slab.missed:
            log.error("%d records of %s were gone before they were read", slab.missed, tp)
        return ConsumerMessage(
            first.topic,
            first.partition,
            first.offset,
            first.timestamp / 1000.0,
            first.timestamp_type,
            (),
            None,
            slab,
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    def ack(self, message: ConsumerMessage) -> bool:
        """Mark a slab as done. One of a revoked partition is no longer tracked: no effect."""
        message.value.acked = True
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        for tp in self.in_flight.partitions():
            if topics is None or tp in topics or tp.topic in topics:
                yield tp

    def _new_offset(self, tp: TP) -> int | None:
        return self.in_flight.take_prefix(tp)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Faust notes skipped offsets one by one; slabs carry their own end."""

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        for tp in revoked:
            self.in_flight.forget(tp)
        await super().on_partitions_revoked(revoked)

    async def perform_seek(self) -> None:
        for tp in self.in_flight.partitions():
            self.in_flight.forget(tp)
        await super().perform_seek()
        for tp, offset in self._read_offset.items():
            if offset is not None:
                self.in_flight.expect(tp, offset)
            elif getattr(self.app, "broker_starts_empty", False):
                self.in_flight.expect(tp, 0)
            # Else the group is new on an old topic: it misses nothing.

    async def _seek(self, partition: TP, offset: int) -> None:
        self.in_flight.forget(partition)
        await super()._seek(partition, offset)

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        for tp in partitions:
            self.in_flight.forget(tp)
        await super().seek_wait(partitions)


class Transport(driver.Transport):  # type: ignore[misc]  # Faust is untyped here
    """`slab://host:port`: Faust's aiokafka transport with slabs instead of messages."""

    Consumer: ClassVar[Any] = Consumer
    driver_version = f"slab/{driver.Transport.driver_version}"


def register() -> None:
    """Teach Faust the scheme `slab://`."""
    TRANSPORTS.aliases["slab"] = "streams.slab:Transport"
