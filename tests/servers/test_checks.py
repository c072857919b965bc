"""Topics made wrong on purpose on a real Kafka: the start is refused with reason and remedy."""

import asyncio
import dataclasses
import logging
import uuid
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from streams.app import refuse_weak_acks
from streams.broker import Topics, ensure_topics
from streams.checks import Topic, check_topics, doubts, objections
from streams.errors import ConfigError
from streams.settings import Kafka as KafkaSettings
from tests.support.servers import Kafka
from tests.support.veille import veille

KEPT = {"retention.ms": "-1"}
WRONG = [
    ("posts", {"retention.ms": "3600000"}, "dropped after 1 h", "retention.ms=86400000"),
    ("mentions", {"retention.ms": "60000"}, "dropped after 0.0167 h", "retention.ms=86400000"),
    ("posts", {"retention.bytes": "1000000"}, "beyond 1,000,000 bytes", "retention.bytes=-1"),
    ("posts", {"cleanup.policy": "compact"}, "the version before it", "cleanup.policy=delete"),
    ("mentions", {"cleanup.policy": "compact,delete"}, "before it", "cleanup.policy=delete"),
    ("posts", {"min.insync.replicas": "2"}, "could ever be acknowledged", "min.insync.replicas=1"),
    ("dead-letters", {"max.message.bytes": "500000"}, "920,000 bytes", "max.message.bytes=1048588"),
    ("cursors", {"cleanup.policy": "delete"}, "be forgotten", "cleanup.policy=compact"),
    ("cursors", {"cleanup.policy": "compact,delete"}, "be forgotten", "cleanup.policy=compact"),
    ("labels", {"retention.ms": "31536000000"}, "from a store that is", "retention.ms=-1"),
    ("labels", {**KEPT, "retention.bytes": "9000000000"}, "a store that is", "retention.bytes=-1"),
    ("labels", {**KEPT, "cleanup.policy": "compact"}, "its key", "cleanup.policy=delete"),
    ("labels", {**KEPT, "max.message.bytes": "5000"}, "refused", "max.message.bytes=1048588"),
]


def settings(kafka: Kafka, **more: int) -> KafkaSettings:
    name = f"c{uuid.uuid4().hex[:8]}"
    return KafkaSettings(bootstrap_servers=kafka.address, prefix=name, group=name).model_copy(
        update=more
    )


def make(kafka: KafkaSettings, name: str, config: dict[str, str]) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    topic = NewTopic(f"{kafka.prefix}.{name}", 1, 1, config=config)
    admin.create_topics([topic])[topic.topic].result(30)


@pytest.mark.parametrize(("name", "config", "reason", "remedy"), WRONG)
async def test_a_topic_that_would_lose_data_is_refused(
    kafka: Kafka, name: str, config: dict[str, str], reason: str, remedy: str
) -> None:
    ours = settings(kafka)
    await asyncio.to_thread(make, ours, name, config)
    await ensure_topics(ours)
    with pytest.raises(ConfigError) as caught:
        await check_topics(ours)
    key = list(config)[-1]
    assert f"topic {ours.prefix}.{name}: {key}={config[key]}: " in str(caught.value)
    assert reason in str(caught.value)
    assert f"--topic {ours.prefix}.{name} --add-config {remedy}" in str(caught.value)
    assert str(caught.value).count("Remedy") == 1, "the topics made well have nothing wrong"


async def test_topics_as_we_make_them_are_taken_and_a_topic_made_anew_has_another_life(
    kafka: Kafka,
) -> None:
    ours = settings(kafka)
    await ensure_topics(ours)
    names = Topics.of(ours.prefix)
    lives = await check_topics(ours)
    assert set(lives) == {*dataclasses.astuple(names)} - {names.avro}
    assert len(set(lives.values())) == 6
    copied = ours.model_copy(update={"schema_registry_url": "https://registry.example.org"})
    await ensure_topics(copied)
    assert set(await check_topics(copied)) == {*dataclasses.astuple(names)}
    posts = Topics.of(ours.prefix).posts
    admin = AdminClient({"bootstrap.servers": ours.bootstrap_servers})
    await asyncio.to_thread(admin.delete_topics([posts])[posts].result, 30)
    async with asyncio.timeout(30):
        while posts in (await asyncio.to_thread(admin.list_topics)).topics:
            await asyncio.sleep(0.1)
    await ensure_topics(ours)
    again = await check_topics(ours)
    assert again[posts] != lives[posts]
    assert {**again, posts: ""} == {**lives, posts: ""}


async def test_a_labels_topic_of_the_broker_s_defaults_is_refused(kafka: Kafka) -> None:
    """Kafka keeps records for a week by default: as a topic that was made by hand."""
    ours = settings(kafka)
    await asyncio.to_thread(make, ours, "labels", {})
    await ensure_topics(ours)
    with pytest.raises(ConfigError, match=r"labels: retention\.ms=604800000: "):
        await check_topics(ours)


async def test_how_long_is_long_enough_can_be_set(kafka: Kafka) -> None:
    ours = settings(kafka, retention_hours=2, least_retention_hours=1)
    await ensure_topics(ours)
    assert await check_topics(ours)


@pytest.mark.parametrize("part", ["worker", "connect"])
def test_worker_and_sources_do_not_start_on_such_a_topic(
    kafka: Kafka, tmp_path: Path, part: str
) -> None:
    ours = settings(kafka)
    make(ours, "posts", {"retention.ms": "3600000"})
    (tmp_path / "topics.yaml").write_text("topics: [{id: a, query: acme}]\n", encoding="utf-8")
    env = {
        "VEILLE_CONFIG": str(tmp_path),
        "VEILLE_DATA_DIR": str(tmp_path / "data"),
        "VEILLE_KAFKA__BOOTSTRAP_SERVERS": ours.bootstrap_servers,
        "VEILLE_KAFKA__PREFIX": ours.prefix,
    }
    done = veille(part, env=env)
    assert done.returncode == 2, done.stderr
    assert "retention.ms=3600000" in done.stderr.decode().replace("\n", "")


def test_what_may_lose_data_where_there_are_copies_is_a_warning() -> None:
    config = {"unclean.leader.election.enable": "true", "min.insync.replicas": "1"}
    alone, copied = Topic("t", "", 1, config), Topic("t", "", 3, config)
    assert doubts(alone) == []
    assert [line.split(": ")[1] for line in doubts(copied)] == [
        "unclean.leader.election.enable=true",
        "min.insync.replicas=1",
    ]
    assert objections(copied, KafkaSettings()) == []


async def test_a_broker_that_does_not_tell_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    away = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    with caplog.at_level(logging.WARNING):
        assert await check_topics(away) == {}
    assert "can't be checked" in caplog.text


@pytest.mark.parametrize("acks", [0, 1, "0"])
def test_weak_acknowledgements_are_refused(acks: object) -> None:
    refuse_weak_acks(-1)
    with pytest.raises(ConfigError, match="PRODUCER_ACKS"):
        refuse_weak_acks(acks)
