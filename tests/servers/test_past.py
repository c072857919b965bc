"""Mentions of the past and by hand in a real Kafka: a store that is filled from it has them all."""

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.post import Post
from streams import beside
from streams.adding import Given, add, post_of, take_back
from streams.archive.sqlite import SqliteArchive
from streams.belonging import BY_HAND
from streams.broker import Topics, ensure_topics
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic
from streams.errors import BrokerUnavailable
from streams.headers import ORIGIN
from streams.importing.delivering import Forced
from streams.pipeline import Pipeline
from streams.rebuild import Rebuild
from streams.records import Label, Mention, decode_record, mention_id
from streams.reprocessing.applying import apply
from streams.reprocessing.difference import Difference
from streams.reprocessing.run import find
from streams.reprocessing.stage import Stage
from streams.sentiment.scorer import Scorer, build_scorer
from streams.settings import Kafka as KafkaSettings
from streams.settings import Settings
from streams.store.port import Filter
from streams.store.sqlite import SqliteStore
from streams.topic_reader import reading
from streams.topics.backfill import Backfill, Filler
from streams.verifying import Verify
from tests.servers.test_verify import commit
from tests.support.archives import archived
from tests.support.mentions import opened
from tests.support.servers import Kafka

pytestmark = pytest.mark.kafka

NOW = datetime.now(UTC).replace(microsecond=0)
SINCE = NOW - timedelta(days=90)
BEFORE = Topic(id="acme", query="acme OR kettle", languages=["en"])
AFTER = Topic(id="acme", query="acme OR teapot", languages=["en"])
OTHER = Topic(id="other", query="zebra")
KINDS = ("acme is wonderful, thank you", "this kettle is terrible", "a lovely teapot", "a bicycle")


def post(number: int) -> Post:
    at = NOW - timedelta(hours=number + 1)
    text = f"{KINDS[number % 4]} {number}"
    return Post(id=f"s:{number}", source="s", created_at=at, collected_at=at, text=text)


POSTS = [post(number) for number in range(400)]


def ids(topic: str, *kinds: int) -> set[str]:
    return {mention_id(topic, one.id) for n, one in enumerate(POSTS) if n % 4 in kinds}


@pytest.fixture
async def settings(kafka: Kafka, tmp_path: Path) -> Settings:
    name = f"t{uuid.uuid4().hex[:8]}"
    broker = KafkaSettings(bootstrap_servers=kafka.address, prefix=name, group=name, partitions=2)
    await ensure_topics(broker)
    return Settings(kafka=broker, data_dir=tmp_path)


async def kept(store: SqliteStore) -> dict[str, Mention]:
    page = await store.search(Filter(hidden="any"), limit=1000)
    return {one.id: one for one in page.mentions}


async def work(settings: Settings, store: SqliteStore) -> None:
    """What workers do: all that Kafka has, into the store, and committed."""
    await Rebuild(settings.kafka, store).run()
    await commit(settings.kafka)


async def quiet(_: object) -> None:
    """Nobody listens."""


async def backfill(
    settings: Settings, store: SqliteStore, archive: SqliteArchive, scorer: Scorer
) -> Backfill:
    job = Backfill(id="j", topic="acme", since=SINCE, began=NOW, store=True)
    async with beside.opened(settings, store, "backfill") as way:
        await Filler(archive, store, lambda: scorer, way).run(job, BEFORE, quiet)
    return job


async def reprocess(
    settings: Settings, store: SqliteStore, archive: SqliteArchive, scorer: Scorer
) -> int:
    one, stage = Difference(topic="acme", since=SINCE, began=NOW), Stage(settings.data_dir, "a", "")
    await find(one, AFTER, archive=archive, store=store, scorer=scorer, stage=stage, tell=quiet)
    async with beside.opened(settings, store, "reprocess") as way:
        applied = await apply(store, one, stage, lambda *_: None, way)
    stage.close()
    assert (one.state, applied.stored, applied.retracted) == ("applied", 100, 100)
    return applied.sent


async def origins(settings: Settings) -> Counter[str]:
    """How many records of each origin, `gone` those of what is deleted: of it nothing is told."""
    found = Counter[str]()
    async with reading(settings.kafka, Topics.of(settings.kafka.prefix).mentions, {}) as reader:
        while rows := await reader.next():
            for row in rows:
                record = decode_record(row.value or b"")
                assert isinstance(record, Mention)
                assert record.label is None
                assert row.key == record.post.id.encode()
                assert not (record.deleted and record.post.text)
                origin = dict(row.headers)[ORIGIN].decode()
                found[f"{origin} gone" if record.deleted else origin] += 1
    return found


async def test_a_store_filled_from_kafka_is_the_one_before(
    settings: Settings, tmp_path: Path
) -> None:
    scorer = build_scorer("vader")
    async with (
        archived(tmp_path / "posts.db", POSTS) as archive,
        opened(tmp_path / "a.db") as store,
    ):
        job = await backfill(settings, store, archive, scorer)
        assert (job.hits, job.sent, job.stored) == (200, 200, 0)
        assert await kept(store) == {}, "the workers write it"
        await work(settings, store)
        assert set(await kept(store)) == ids("acme", 0, 1)
        praised = mention_id("acme", "s:1")
        await store.add_labels([Label(mention_id=praised, labeled_at=NOW, sentiment="neg")])
        assert await reprocess(settings, store, archive, scorer) == 200

        async with beside.opened(settings, store, "import") as way:
            assert way is not None
            pipeline = Pipeline(compile_topics([AFTER, OTHER]), scorer)
            await Forced(store, way, pipeline, "other").send(POSTS[:3])
        topics = [AFTER, OTHER]
        by_hand = [post_of(Given(text=text), NOW) for text in ("a letter", "a rumour")]
        for one in by_hand:
            await add(store, settings, topics, one, by="ann", chosen=["other"])
        await take_back(store, settings, by_hand[1].id, by="ann")
        await work(settings, store)

        found = await kept(store)
        hand = {mention_id("other", one.id) for one in [*POSTS[:3], by_hand[0]]}
        assert set(found) == ids("acme", 0, 2) | hand
        assert all(one.label for one in found.values() if one.topic == "other")
        imported = found[mention_id("other", "s:2")].label
        assert imported is not None
        assert (imported.tags, imported.relevant) == ([BY_HAND], None)
        async with opened(tmp_path / "b.db") as empty:
            await Rebuild(settings.kafka, empty).run()
            assert await kept(empty) == found
        assert (await Verify(settings, store, Filter()).run()).sound
        assert await origins(settings) == {
            "backfill": 200, "reprocess": 100, "reprocess gone": 100,
            "import": 3, "hand": 2, "hand gone": 1,
        }  # fmt: skip


async def test_without_the_broker_nothing_is_applied(settings: Settings, tmp_path: Path) -> None:
    away = settings.kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})
    gone = settings.model_copy(update={"kafka": away})
    async with opened(tmp_path / "a.db") as store:
        with pytest.raises(BrokerUnavailable, match="Remedy"):
            async with beside.opened(gone, store, "reprocess"):
                pytest.fail("there is no broker")
