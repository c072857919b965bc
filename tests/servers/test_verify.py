"""`veille store verify` by the real broker: what a store lacks, has too much of, or has too old."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors.post import Author, utc_now
from streams.broker import Topics, aiokafka_config, ensure_topics, running_producer
from streams.records import Label, Record, Retraction, encode
from streams.settings import Kafka as KafkaSettings
from streams.settings import Settings
from streams.store import erasures, sqlite_path
from streams.store.port import Filter, Store
from streams.store.sqlite import SqliteStore
from streams.topic_reader import ends
from streams.verifying import Verify
from tests.support.mentions import at, elasticsearch_case, mention
from tests.support.servers import Elasticsearch, Kafka
from tests.support.veille import veille

pytestmark = pytest.mark.kafka


@pytest.fixture
async def settings(kafka: Kafka, tmp_path: Path) -> Settings:
    name = f"t{uuid.uuid4().hex[:8]}"
    broker = KafkaSettings(bootstrap_servers=kafka.address, prefix=name, group=name, partitions=2)
    await ensure_topics(broker)
    return Settings(kafka=broker, data_dir=tmp_path)


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    made = SqliteStore(sqlite_path(settings))
    await made.open()
    yield made
    await made.close()


async def send(kafka: KafkaSettings, given: Sequence[Record | bytes]) -> None:
    async with running_producer(kafka) as producer:
        for one in given:
            value = one if isinstance(one, bytes) else encode(one)
            await producer.send_and_wait(Topics.of(kafka.prefix).mentions, value, key=b"a post")


async def commit(kafka: KafkaSettings) -> None:
    """As the workers do when they have stored everything."""
    topic = Topics.of(kafka.prefix).mentions
    goal = await ends(kafka, topic)
    consumer = AIOKafkaConsumer(
        **aiokafka_config(kafka), group_id=kafka.group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, number) for number in goal])
        await consumer.commit({TopicPartition(topic, n): offset for n, offset in goal.items()})
    finally:
        await consumer.stop()


async def stored(settings: Settings, store: Store, given: Sequence[Record]) -> None:
    await send(settings.kafka, given)
    await store.write(given)
    await commit(settings.kafka)


async def test_what_workers_stored_is_the_same_whatever_happened_to_it(
    settings: Settings, store: Store
) -> None:
    ada = Author(id="7", handle="ada")
    given: list[Record] = [mention(n, author=ada if n == 9 else None) for n in range(1, 41)]
    given += [mention(1, version=5), mention(1, version=3), mention(7, version=4, deleted=True)]
    given += [Retraction(post_id="test:3", version=9), mention(3, version=2)]
    given += [Retraction(post_id="test:4", version=9, topics=["brand"])]
    given += [Retraction(post_id="test:5", version=2), mention(5, version=3)]
    given += [mention(50, id="an odd id"), mention(60, topic="other")]
    await stored(settings, store, given)
    await send(settings.kafka, [b"rubbish"])
    await commit(settings.kafka)
    label = Label(mention_id=mention(2).id, labeled_at=at(3), sentiment="neg", spam=True)
    await store.add_labels([label])
    (key,) = erasures.author_keys("test", "7")
    await store.add_erasures([erasures.erasure(key, erasures.new_salt(), at(5))])
    await store.write([mention(9, author=ada)])
    found = await Verify(settings, store, Filter()).run()
    assert found.sound, found
    assert (found.read, found.unreadable) == (len(given) + 1, 1)
    assert found.stored == 39
    assert (found.waiting, found.keeps_since) == (0, None)


async def test_each_difference_is_counted_and_named(settings: Settings, store: Store) -> None:
    await stored(settings, store, [mention(n) for n in range(1, 21)])
    lost, newer, gone = mention(30), mention(1, version=7), mention(2)
    await send(settings.kafka, [lost, newer, Retraction(post_id=gone.post.id, version=9)])
    extra, later = mention(40), mention(41, processed_at=utc_now() + timedelta(hours=1))
    await store.write([extra, later])
    await commit(settings.kafka)
    found = await Verify(settings, store, Filter()).run()
    assert not found.sound
    assert found.ids == {
        "missing": [lost.id], "older": [newer.id], "standing": [gone.id], "extra": [extra.id],
    }  # fmt: skip
    assert (found.missing, found.older, found.standing, found.extra) == (1, 1, 1, 1)
    since = mention(5).post.created_at
    some = await Verify(settings, store, Filter(topics=("brand",), since=since)).run()
    assert (some.older, some.standing, some.missing) == (0, 0, 1)
    assert (await Verify(settings, store, Filter(topics=("other",))).run()).sound


async def test_records_that_no_worker_has_stored_yet_are_waited_for(
    settings: Settings, store: Store
) -> None:
    await stored(settings, store, [mention(1)])
    await send(settings.kafka, [mention(2)])
    verifying = asyncio.create_task(Verify(settings, store, Filter()).run())
    await asyncio.sleep(0.5)
    assert not verifying.done()
    await store.write([mention(2)])
    await commit(settings.kafka)
    assert (await asyncio.wait_for(verifying, 30)).sound


@pytest.mark.elasticsearch
async def test_documents_taken_from_a_real_elasticsearch_behind_its_back_are_named(
    settings: Settings, elasticsearch: Elasticsearch
) -> None:
    async with elasticsearch_case(elasticsearch.url) as case:
        given: list[Record] = [mention(n) for n in range(1, 31)]
        given += [mention(1, version=5), Retraction(post_id="test:3", version=9)]
        given += [mention(n, topic="other") for n in (1, 2)]
        await stored(settings, case.store, given)
        await case.seen()
        found = await Verify(settings, case.store, Filter()).run()
        assert found.sound, found
        assert (found.read, found.expected, found.stored) == (34, 32, 31), "one was taken back"
        lost = mention(7).id
        assert case.client is not None
        answer = await case.client.search(
            index=f"{case.prefix}-mentions-*", query={"term": {"id": lost}}, version=True
        )
        (hit,) = answer["hits"]["hits"]
        await case.client.delete(
            index=hit["_index"],
            id=hit["_id"],
            version=hit["_version"],
            version_type="external_gte",
            refresh=True,
        )
        found = await Verify(settings, case.store, Filter()).run()
        assert (found.sound, found.missing, found.ids) == (False, 1, {"missing": [lost]})
        await case.store.write(given)
        await case.seen()
        assert (await Verify(settings, case.store, Filter()).run()).sound


async def test_the_command_ends_with_1_and_a_remedy(settings: Settings, store: Store) -> None:
    await stored(settings, store, [mention(1)])
    await send(settings.kafka, [mention(2)])
    await commit(settings.kafka)
    env = {
        "VEILLE_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "VEILLE_KAFKA__PREFIX": settings.kafka.prefix,
        "VEILLE_KAFKA__GROUP": settings.kafka.group,
        "VEILLE_DATA_DIR": str(settings.data_dir),
    }
    done = await asyncio.to_thread(veille, "store", "verify", env=env)
    assert done.returncode == 1, done.stderr
    assert f"1 missing in the store: {mention(2).id}" in done.stdout.decode()
    assert "veille store rebuild" in done.stdout.decode()
    await store.write([mention(2)])
    done = await asyncio.to_thread(veille, "store", "verify", "--json", env=env)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["stored"] == 2
