"""A label made on a page, in a cluster: to the topic for all who read it, and seen at once."""

import uuid
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from streams.broker import Topics, aiokafka_config
from streams.errors import BrokerUnavailable
from streams.labelling import Change, Labelling, Undo
from streams.records import decode_label
from streams.settings import Kafka as KafkaSettings
from streams.settings import Settings
from streams.store.port import Filter
from tests.support.mentions import mention, sqlite_case
from tests.support.servers import Kafka

ONE = mention(1)


def settings(address: str) -> Settings:
    prefix = f"l{uuid.uuid4().hex[:8]}"
    return Settings(kafka=KafkaSettings(bootstrap_servers=address, prefix=prefix, partitions=2))


@pytest.mark.kafka
async def test_labels_go_to_the_topic_and_count_at_once(kafka: Kafka, tmp_path: Path) -> None:
    known = settings(kafka.address)
    async with sqlite_case(tmp_path) as case, Labelling(case.store, known) as labelling:
        await case.store.write([ONE])
        change = Change(mention_id=ONE.id, relevant=False, tags=["x"], done=True)
        (made,) = await labelling.change([change], by="ada")
        assert (await case.store.count(Filter())).total == 0
        (back,) = await labelling.undo([Undo(mention_id=ONE.id, seen=made.seen)], by="ada")
        assert (await case.store.count(Filter())).total == 1
    topic = Topics.of(known.kafka.prefix).labels
    consumer = AIOKafkaConsumer(
        topic, **aiokafka_config(known.kafka), auto_offset_reset="earliest", group_id=None
    )
    await consumer.start()
    try:
        first, second = [await consumer.getone() for _ in range(2)]
    finally:
        await consumer.stop()
    assert first.key == ONE.id.encode()
    assert dict(first.headers)["schema-version"] == b"label/1"
    assert [decode_label(row.value) for row in (first, second)] == [made.label, back.label]


async def test_without_a_broker_nothing_is_kept(tmp_path: Path) -> None:
    async with sqlite_case(tmp_path) as case:
        await case.store.write([ONE])
        labelling = Labelling(case.store, settings("127.0.0.1:9"))
        with pytest.raises(BrokerUnavailable, match="Remedy"):
            await labelling.change([Change(mention_id=ONE.id, done=True)], by="ada")
        await labelling.aclose()
        assert await case.store.labels([ONE.id]) == {}
