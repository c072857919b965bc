"""What our transport leans on in Faust, against the embedded broker and a real Kafka.

An upgrade of Faust that moves a private part fails here first.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import faust
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from connectors.kafka import BatchSender, acknowledged
from streams import slab
from streams.broker import ensure_topics, librdkafka_config, started_producer
from streams.offsets import Progress
from streams.settings import Kafka
from streams.slab import InFlight, Slab

PARTITION = TopicPartition("posts", 0)


def record(offset: int) -> ConsumerRecord:
    return ConsumerRecord(
        topic="posts",
        partition=0,
        offset=offset,
        timestamp=0,
        timestamp_type=0,
        key=b"k",
        value=b"v",
        checksum=None,
        serialized_key_size=1,
        serialized_value_size=1,
        headers=(),
    )


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=12),
    order=st.randoms(use_true_random=False),
)
def test_only_the_acknowledged_prefix_is_committed(sizes: list[int], order: Any) -> None:
    flight, slabs, offset = InFlight(), [], 0
    for size in sizes:
        slabs.append(flight.track(PARTITION, [record(offset + n) for n in range(size)]))
        offset += size
    committed = 0
    for one in order.sample(slabs, len(slabs)):
        one.acked = True
        committed = flight.take_prefix(PARTITION) or committed
        pending = [other.first for other in slabs if not other.acked]
        assert committed == (min(pending) if pending else offset)


def test_a_jump_in_offsets_is_counted_as_missed() -> None:
    flight = InFlight()
    assert flight.track(PARTITION, [record(5), record(6)]).missed == 0
    assert flight.track(PARTITION, [record(10)]).missed == 3
    flight.forget(PARTITION)
    assert flight.track(PARTITION, [record(2)]).missed == 0, "a seek back is no loss"


def test_what_is_gone_since_the_last_commit_is_missed() -> None:
    flight = InFlight()
    flight.expect(PARTITION, 5)
    assert flight.track(PARTITION, [record(9)]).missed == 4
    flight.expect(PARTITION, 5)
    assert flight.track(PARTITION, [record(10)]).missed == 0, "what is in flight counts"


class Running:
    """A Faust application on slabs that notes what its agent is handed."""

    def __init__(self, kafka: Kafka, folder: Path) -> None:
        slab.register()
        self.kafka = kafka
        self.slabs: list[Slab] = []
        self.acknowledge: Callable[[Slab], bool] = lambda _: True
        self.app = faust.App(
            kafka.group,
            broker=f"slab://{kafka.bootstrap_servers}",
            store="memory://",
            datadir=str(folder),
            autodiscover=False,
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            table_standby_replicas=0,
            stream_wait_empty=False,
            broker_commit_interval=0.1,
            # A broker in memory keeps the next member waiting that long; Kafka takes no less.
            broker_session_timeout=6.0,
            broker_heartbeat_interval=1.0,
            consumer_auto_offset_reset="earliest",
        )
        topic = self.app.topic(
            f"{kafka.prefix}.posts", key_serializer="raw", value_serializer="raw", internal=False
        )
        self.app.agent(topic)(self._agent)

    async def _agent(self, stream: Any) -> None:
        async for event in stream.noack().events():
            self.slabs.append(event.value)
            if self.acknowledge(event.value):
                event.ack()

    @property
    def values(self) -> list[bytes]:
        return [row.value for one in self.slabs for row in one.records]

    async def has(self, count: int) -> None:
        async with asyncio.timeout(40):
            while len(self.values) < count:  # the agent fills it
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def running(kafka: Kafka, folder: Path) -> AsyncIterator[Running]:
    one = Running(kafka, folder)
    await one.app.start()
    try:
        yield one
    finally:
        await one.app.stop()


@pytest.fixture
async def kafka_settings(broker_address: str, request: pytest.FixtureRequest) -> Kafka:
    name = f"s{uuid.uuid4().hex[:8]}"
    settings = Kafka(bootstrap_servers=broker_address, prefix=name, group=name)
    if "kafka" in request.node.callspec.id:
        await ensure_topics(settings)
    return settings


async def send(kafka: Kafka, start: int, count: int) -> None:
    producer = await started_producer(kafka)
    try:
        items = [(f"{n}".encode(), f"{n}".encode()) for n in range(start, start + count)]
        await acknowledged(await BatchSender(producer).send(f"{kafka.prefix}.posts", items))
    finally:
        await producer.stop()


async def committed(kafka: Kafka) -> int:
    progress = Progress(librdkafka_config(kafka), kafka.group)
    try:
        return sum((await progress.committed(f"{kafka.prefix}.posts")).values())
    finally:
        await progress.close()


async def test_an_agent_gets_runs_of_records_and_commits_them(
    kafka_settings: Kafka, tmp_path: Path
) -> None:
    await send(kafka_settings, 0, 1000)
    async with running(kafka_settings, tmp_path / "faust") as one:
        await one.has(1000)
        assert sorted(map(int, one.values)) == list(range(1000))
        assert len(one.slabs) < 200, "records come in runs"
        assert all(slab.missed == 0 for slab in one.slabs)
        async with asyncio.timeout(15):
            while await committed(kafka_settings) < 1000:
                await asyncio.sleep(0.1)


async def test_what_is_not_acknowledged_comes_again(kafka_settings: Kafka, tmp_path: Path) -> None:
    await send(kafka_settings, 0, 500)
    async with running(kafka_settings, tmp_path / "faust") as first:
        first.acknowledge = lambda _: False
        await first.has(500)
        await asyncio.sleep(0.5)  # several commit intervals
        assert await committed(kafka_settings) == 0
    async with running(kafka_settings, tmp_path / "faust") as second:
        await second.has(500)
        assert sorted(map(int, second.values)) == list(range(500))


async def test_a_slab_that_waits_holds_the_commit_of_its_partition(
    kafka_settings: Kafka, tmp_path: Path
) -> None:
    await send(kafka_settings, 0, 400)
    async with running(kafka_settings, tmp_path / "faust") as one:
        held: list[Slab] = []

        def hold_first(slab: Slab) -> bool:
            if not held:
                held.append(slab)
                return False
            return True

        one.acknowledge = hold_first
        await one.has(400)
        await send(kafka_settings, 400, 400)
        await one.has(800)
        await asyncio.sleep(0.5)  # several commit intervals
        partition = held[0].records[0].partition
        mine = [s for s in one.slabs if s.records[0].partition == partition]
        others = sum(len(s.records) for s in one.slabs) - sum(len(s.records) for s in mine)
        assert await committed(kafka_settings) == others
