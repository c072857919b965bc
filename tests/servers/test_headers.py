"""Headers of what a worker writes to a real Kafka: what each record is, and whose trace it is."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from connectors import post
from connectors.tracing import PARENT, STATE
from streams.broker import Topics, aiokafka_config, ensure_topics, running_producer
from streams.headers import new_sender
from streams.settings import Kafka as KafkaSettings
from tests.support.posts import post as make_post
from tests.support.replays import installation_in
from tests.support.servers import Kafka
from tests.support.veille import Process

pytestmark = [pytest.mark.kafka]

ONE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TWO = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

Headers = Mapping[str, bytes]


async def send(kafka: KafkaSettings) -> None:
    """Two posts, of which one has a trace, and one record that is no post and has another."""
    traced, plain = (
        (f"test:{name}".encode(), post.encode(make_post("acmeron", id=f"test:{name}")))
        for name in ("traced", "plain")
    )
    topic = Topics.of(kafka.prefix).posts
    state = (STATE, b"vendor=1")
    async with running_producer(kafka) as producer:
        for future in await new_sender(producer, kafka).send(
            topic,
            [traced, plain, (b"odd", b"no post")],
            (),
            [((PARENT, ONE), state), (), ((PARENT, TWO),)],
        ):
            await future


async def read(kafka: KafkaSettings, topic: str, count: int) -> dict[bytes, Headers]:
    """The headers of the first records of a topic, by key."""
    found: dict[bytes, Headers] = {}
    consumer = AIOKafkaConsumer(topic, **aiokafka_config(kafka), auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(30):
            while len(found) < count:
                row = await consumer.getone()
                assert len(row.headers) == len(dict(row.headers))
                found[row.key] = dict(row.headers)
    finally:
        await consumer.stop()
    return found


def test_headers_of_what_a_worker_writes(kafka: Kafka, tmp_path: Path) -> None:
    env = installation_in(tmp_path, kafka=kafka.address)
    settings = KafkaSettings(bootstrap_servers=kafka.address, prefix=env["VEILLE_KAFKA__PREFIX"])
    topics = Topics.of(settings.prefix)
    asyncio.run(ensure_topics(settings))
    with Process("worker", "--instance", "w", env=env, log=tmp_path / "worker.log"):
        asyncio.run(send(settings))
        mentions = asyncio.run(read(settings, topics.mentions, 2))
        letters = asyncio.run(read(settings, topics.dead, 1))
    described = {"content-type": b"application/json", "schema-version": b"mention/1"}
    headers = mentions[b"test:plain"]
    assert headers == {"veille": headers["veille"], **described}
    headers = mentions[b"test:traced"]
    trace = {"traceparent": ONE, "tracestate": b"vendor=1"}
    assert headers == {"veille": headers["veille"], **described, **trace}
    (headers,) = letters.values()
    assert headers == {**described, "schema-version": b"dead-letter/1", "traceparent": TWO}
