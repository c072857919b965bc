"""Alerts on the real servers: two workers, one incident, published once it is stored."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer

from streams.alerts.records import Incident
from tests.support.crisis import counts, posts
from tests.support.replays import installation_in, write_jsonl
from tests.support.servers import Elasticsearch, Kafka
from tests.support.veille import Process, veille, veille_json

pytestmark = [pytest.mark.kafka, pytest.mark.elasticsearch]


def test_two_workers_tell_one_incident(
    kafka: Kafka, elasticsearch: Elasticsearch, tmp_path: Path
) -> None:
    env = installation_in(tmp_path, kafka=kafka.address, elasticsearch=elasticsearch.url)
    path = write_jsonl(
        posts(counts(days=5.5, rate=2, crisis=(4.5, 1.0, 12.0))), tmp_path / "posts.jsonl"
    )
    with (
        Process("worker", "--instance", "a", env=env, log=tmp_path / "a.log"),
        Process("worker", "--instance", "b", env=env, log=tmp_path / "b.log"),
    ):
        veille_json("replay", str(path), "--json", env=env)
    done = veille("alerts", "list", "--json", env=env)
    (found,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (found["topic"], found["kind"]) == ("acme", "negative-spike")
    published = asyncio.run(_read(kafka.address, f"{env['VEILLE_KAFKA__PREFIX']}.alerts"))
    assert {one.id for one in published} == {found["id"]}
    versions = [one.version for one in published]
    assert versions == sorted(set(versions)), "none twice, none behind another"


async def _read(address: str, topic: str) -> list[Incident]:
    """All that was published."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=address, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    found = []
    try:
        while batches := await consumer.getmany(timeout_ms=3000):
            for rows in batches.values():
                assert all(row.key.decode() in row.value.decode() for row in rows)
                found += [msgspec.json.decode(row.value, type=Incident) for row in rows]
    finally:
        await consumer.stop()
    return found
