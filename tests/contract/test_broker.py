"""The broker, embedded and real: the same assertions for what Veille asks of either."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer

from connectors.account import Account, Row
from connectors.kafka import BatchSender, Item, acknowledged, partition_of
from connectors.kafka_sink import KafkaCursors
from streams.broker import (
    Topics,
    aiokafka_config,
    ensure_topics,
    librdkafka_config,
    started_producer,
)
from streams.errors import BrokerUnavailable
from streams.memory_broker import _BySetting
from streams.offsets import LagGate, Progress
from streams.settings import Kafka

ITEMS: list[Item] = [(f"k{number}".encode(), b"v" * 300) for number in range(2000)]


@pytest.fixture
async def broker(broker_address: str, request: pytest.FixtureRequest) -> Kafka:
    name = f"t{uuid.uuid4().hex[:8]}"
    kafka = Kafka(bootstrap_servers=broker_address, prefix=name, group=name)
    if "kafka" in request.node.callspec.id:
        await ensure_topics(kafka)
    return kafka


@pytest.fixture
async def progress(broker: Kafka) -> AsyncIterator[Progress]:
    progress = Progress(librdkafka_config(broker), broker.group)
    yield progress
    await progress.close()


async def send(broker: Kafka, topic: str, items: list[Item]) -> None:
    producer = await started_producer(broker)
    try:
        await acknowledged(await BatchSender(producer).send(topic, items))
    finally:
        await producer.stop()


async def read(broker: Kafka, topic: str, count: int, *, commit: bool = True) -> list[Item]:
    consumer = AIOKafkaConsumer(
        topic,
        **aiokafka_config(broker),
        group_id=broker.group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    found: list[Item] = []
    try:
        async with asyncio.timeout(30):
            while len(found) < count:
                for rows in (await consumer.getmany(timeout_ms=200)).values():
                    found += [(row.key, row.value) for row in rows]
                    count_of = len(await _partitions(consumer, topic))
                    assert all(partition_of(row.key, count_of) == row.partition for row in rows)
        if commit:
            await consumer.commit()
    finally:
        await consumer.stop()
    return found


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    return set(consumer.partitions_for_topic(topic) or ())


async def test_batches_arrive_whole_and_by_key(broker: Kafka) -> None:
    topic = Topics.of(broker.prefix).posts
    await send(broker, topic, ITEMS)
    assert sorted(await read(broker, topic, len(ITEMS))) == sorted(ITEMS)


async def test_progress_tells_ends_and_what_a_group_finished(
    broker: Kafka, progress: Progress
) -> None:
    topic = Topics.of(broker.prefix).posts
    await send(broker, topic, ITEMS)
    ends = await progress.ends(topic)
    assert sum(ends.values()) == len(ITEMS)
    assert sum((await progress.committed(topic)).values()) == 0
    await read(broker, topic, len(ITEMS))
    async with asyncio.timeout(10):
        await progress.reached(topic, ends)
    assert await progress.committed(topic) == ends


async def test_a_gate_holds_back_until_the_group_has_read(
    broker: Kafka, progress: Progress
) -> None:
    topic = Topics.of(broker.prefix).posts
    gate = LagGate(progress, topic, limit=100_000)
    producer = await started_producer(broker)
    try:
        sender = BatchSender(producer, {topic: gate})
        await acknowledged(await sender.send(topic, ITEMS[:1000]))
        blocked = asyncio.create_task(sender.send(topic, ITEMS[1000:]))
        done, _ = await asyncio.wait({blocked}, timeout=0.5)
        assert not done, "300 kB more than the limit went through"
        assert len(await read(broker, topic, 1000)) == 1000
        async with asyncio.timeout(10):
            await acknowledged(await blocked)
    finally:
        await producer.stop()


async def test_a_piece_over_the_limit_passes_alone(broker: Kafka, progress: Progress) -> None:
    topic = Topics.of(broker.prefix).posts
    gate = LagGate(progress, topic, limit=1000)
    async with asyncio.timeout(5):
        await gate.admit(0, 50_000)
    assert not (await asyncio.wait({asyncio.create_task(gate.admit(0, 1))}, timeout=0.3))[0]


async def test_what_was_admitted_but_never_sent_is_given_back(
    broker: Kafka, progress: Progress
) -> None:
    gate = LagGate(progress, Topics.of(broker.prefix).posts, limit=1000)
    await gate.admit(0, 900)
    gate.note([], 0, 900)
    async with asyncio.timeout(10):
        await gate.admit(0, 900)


async def test_cursors_come_back_after_a_restart(broker: Kafka) -> None:
    topic = Topics.of(broker.prefix).cursors
    producer = await started_producer(broker)
    consumer = AIOKafkaConsumer(**aiokafka_config(broker), enable_auto_commit=False)
    try:
        first = KafkaCursors(BatchSender(producer), topic)
        await first.save("news", {"etag": "a"})
        await first.save("news", {"etag": "b"})
        await consumer.start()
        second = KafkaCursors(BatchSender(producer), topic)
        await second.read(consumer)
        assert await second.load("news") == {"etag": "b"}
        assert await second.load("unknown") is None
        assert await second.load_account("news") == Account()
        account = Account(batch=7, voids=[(1, 2)], hours={"2026-05-01T00": Row(read=1, dead=1)})
        await first.save_account("news", {"etag": "c"}, account)
        third = KafkaCursors(BatchSender(producer), topic)
        await third.read(consumer)
        assert await third.load("news") == {"etag": "c"}
        assert await third.load_account("news") == account
    finally:
        await consumer.stop()
        await producer.stop()


async def test_no_broker_is_a_clear_error() -> None:
    kafka = Kafka(bootstrap_servers="127.0.0.1:1")
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1.*Remedy"):
        await started_producer(kafka)
    with pytest.raises(BrokerUnavailable, match="Remedy"):
        await ensure_topics(kafka)


async def test_the_fallback_broker_takes_records_too() -> None:
    broker = _BySetting()
    try:
        kafka = Kafka(bootstrap_servers=broker.address, prefix="x", group="x")
        await send(kafka, "x.posts", ITEMS[:10])
        assert len(await read(kafka, "x.posts", 10)) == 10
    finally:
        broker.close()
