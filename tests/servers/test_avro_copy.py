"""Mentions once more as Avro, by a worker on a real Kafka: read as another program would."""

import asyncio
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from streams import records
from streams.avro import datum
from streams.broker import Topics, aiokafka_config
from streams.settings import Kafka as KafkaSettings
from tests.support.registry_server import RegistryServer, registry_server
from tests.support.replays import installation_in, make_posts, write_jsonl
from tests.support.servers import Kafka
from tests.support.veille import Process, veille_json

pytestmark = [pytest.mark.kafka]


async def read(kafka: KafkaSettings, topic: str, count: int) -> list[ConsumerRecord]:
    consumer = AIOKafkaConsumer(topic, **aiokafka_config(kafka), auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(30):
            return [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()


def decoded(registry: RegistryServer, row: ConsumerRecord) -> Any:
    schema = fastavro.parse_schema(registry.schema(row.value))
    return fastavro.schemaless_reader(BytesIO(row.value[5:]), schema, None)


def test_the_copy_holds_the_same_records_in_the_same_order(kafka: Kafka, tmp_path: Path) -> None:
    env = installation_in(tmp_path, kafka=kafka.address)
    settings = KafkaSettings(bootstrap_servers=kafka.address, prefix=env["VEILLE_KAFKA__PREFIX"])
    topics = Topics.of(settings.prefix)
    path = write_jsonl(make_posts(200), tmp_path / "posts.jsonl")
    with registry_server() as registry:
        env["VEILLE_KAFKA__SCHEMA_REGISTRY_URL"] = registry.url
        with Process("worker", "--instance", "w", env=env, log=tmp_path / "worker.log") as worker:
            veille_json("replay", str(path), "--json", env=env)
            assert worker.stop() == 0, worker.log.read_text()
        total = sum(asyncio.run(_ends(settings, topics.mentions)).values())
        rows = asyncio.run(read(settings, topics.mentions, total))
        copies = asyncio.run(read(settings, topics.avro, total))
    assert total > 150
    assert by_key(copies, lambda row: decoded(registry, row)) == by_key(
        rows, lambda row: datum(records.decode_record(row.value))
    )
    assert {row.headers for row in copies} == {(("content-type", b"application/avro"),)}
    assert sum(len(row.value) for row in copies) < 0.7 * sum(len(row.value) for row in rows)
    assert {row.partition for row in copies} == {row.partition for row in rows}


def by_key(rows: list[ConsumerRecord], value: Any) -> dict[bytes, list[Any]]:
    """What each key's records say, in their order."""
    found: dict[bytes, list[Any]] = {}
    for row in sorted(rows, key=lambda row: (row.partition, row.offset)):
        found.setdefault(row.key, []).append(value(row))
    return found


async def _ends(kafka: KafkaSettings, topic: str) -> dict[Any, int]:
    consumer = AIOKafkaConsumer(topic, **aiokafka_config(kafka), auto_offset_reset="earliest")
    await consumer.start()
    try:
        return dict(await consumer.end_offsets(list(consumer.assignment())))
    finally:
        await consumer.stop()
