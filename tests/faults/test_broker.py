"""The broker: killed, frozen, without topics, too narrow, forgetful."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from connectors.post import Post
from streams.broker import Topics, ensure_topics, librdkafka_config
from streams.offsets import Progress
from streams.settings import Kafka as KafkaSettings
from tests.faults.arena import Arena, Broker, Kept, pass_by, record, until
from tests.support.replays import expected, make_posts
from tests.support.servers import Kafka
from tests.support.veille import veille, veille_json

pytestmark = pytest.mark.kafka


@pytest.fixture
def broker(kafka_arena: Arena) -> Iterator[Broker]:
    with kafka_arena.broker() as broker:
        yield broker


def _set_limit(broker: Broker, topic: str, size: int | None) -> None:
    """The largest batch that the topic takes; the broker's own limit with `None`."""
    _configure(broker, topic, "max.message.bytes", size)


def _configure(broker: Broker, topic: str, name: str, size: int | None) -> None:
    how = AlterConfigOpType.DELETE if size is None else AlterConfigOpType.SET
    value = None if size is None else str(size)
    entry = ConfigEntry(name, value, incremental_operation=how)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    for done in broker.admin.incremental_alter_configs([resource]).values():
        done.result(10)


def _through(arena: Arena, posts: Sequence[Post], injure: Callable[[], None]) -> tuple[str, int]:
    """A growing source, a worker that is started again when it ends, and an injury in between:
    the account, and how often the worker was started again."""
    with Kept(arena.worker()) as kept, arena.collect(posts, seconds=6) as feed:
        with arena.broker() as broker:
            until(lambda: (broker.committed(broker.topics.mentions) or 0) > 100, "it works")
        injure()
        feed.wait()
        return str(arena.settled(posts)), kept.restarts


def test_kill_9_of_the_broker(kafka_arena: Arena, kafka: Kafka, seed: int) -> None:
    rng = random.Random(seed)
    posts = make_posts(6000, seed=seed)

    def injure() -> None:
        pass_by(rng.uniform(0, 1))
        kafka.kill()
        pass_by(rng.uniform(0, 2))
        kafka.restart()

    account, restarts = _through(kafka_arena, posts, injure)
    record(
        fault="broker killed with kill -9 and started again",
        behaviour="sources and worker wait for it; a worker that ends is started again and goes "
        "on from what is committed",
        figure=f"{account}; worker restarts {restarts}",
    )


def test_a_replay_waits_for_a_broker_that_restarts(kafka_arena: Arena, kafka: Kafka) -> None:
    posts = make_posts(4000)
    with Kept(kafka_arena.worker()), kafka_arena.replay(posts, speed="800") as replay:
        with kafka_arena.broker() as broker:
            until(lambda: (broker.committed(broker.topics.posts) or 0) > 100, "it works")
        kafka.kill()
        kafka.restart()
        replay.summary()
        account = kafka_arena.account(posts)
    record(
        fault="broker restarts, or moves its coordinator, during a replay",
        behaviour="the replay asks again for two minutes before it gives up",
        figure=account,
    )


@pytest.mark.long
async def test_offsets_are_asked_for_until_they_are_told(own_kafka: Kafka) -> None:
    """The broker says nothing for longer than a question lasts (10 s)."""
    settings = KafkaSettings(bootstrap_servers=own_kafka.address)
    await ensure_topics(settings)
    posts = Topics.of(settings.prefix).posts
    progress = Progress(librdkafka_config(settings), settings.group)
    assert set((await progress.ends(posts)).values()) == {0}
    own_kafka.kill()
    asked = asyncio.create_task(progress.ends(posts))
    await asyncio.sleep(12)
    assert not asked.done()
    await asyncio.to_thread(own_kafka.restart)
    began = time.monotonic()
    assert set((await asyncio.wait_for(asked, 60)).values()) == {0}
    record(
        fault="broker is away while a replay asks how far the workers are",
        behaviour="it asks again, for two minutes, before it gives up",
        figure=f"away for over 12 s, answered {time.monotonic() - began:.1f} s after its return",
    )


@pytest.mark.parametrize("seconds", [4, pytest.param(45, marks=pytest.mark.long)])
def test_the_broker_is_frozen(kafka_arena: Arena, kafka: Kafka, seconds: float) -> None:
    """Shorter and longer than the request time-outs (30 and 40 s)."""
    posts = make_posts(4000)

    def injure() -> None:
        kafka.pause()
        pass_by(seconds)
        kafka.resume()

    account, restarts = _through(kafka_arena, posts, injure)
    record(
        fault=f"broker frozen for {seconds:.0f} s (requests time out after 30 s)",
        behaviour="what was sent and not acknowledged is unknown and sent again; versions make "
        "repeats harmless",
        figure=f"{account}; worker restarts {restarts}",
    )


@pytest.mark.long
def test_a_topic_is_missing(kafka_arena: Arena, broker: Broker) -> None:
    """Deleted behind our back once all it held was stored; the worker is back at once."""
    posts = make_posts(2000)
    name = broker.topics.mentions
    with Kept(kafka_arena.worker()) as kept:
        with kafka_arena.collect(posts[:1000], seconds=0):
            kafka_arena.settled(posts[:1000])
        assert broker.instances() == {"w"}
        broker.admin.delete_topics([name])[name].result(10)
        until(lambda: kept.restarts > 0, "the worker ends")
        assert f"no topic {name} any more" in kafka_arena.logs("worker-w")
        with kafka_arena.collect(posts[1000:], seconds=0):
            account = kafka_arena.settled(posts)
        assert broker.owners() == 1
        assert kept.restarts == 1
    record(
        fault="topic deleted while everything runs",
        behaviour="the worker says which, leaves its group and ends; at its next start, however "
        "soon, it makes the topic again and is given its partitions",
        figure=account,
    )


@pytest.mark.long
def test_a_worker_dies_as_its_topic_goes(kafka_arena: Arena, broker: Broker) -> None:
    """Killed before it can leave, and back within its session: it would be given what it had."""
    posts = make_posts(2000)
    name = broker.topics.mentions
    with kafka_arena.worker() as worker, kafka_arena.collect(posts[:1000], seconds=0):
        kafka_arena.settled(posts[:1000])
        broker.admin.delete_topics([name])[name].result(10)
        pass_by(0.2)
        worker.kill()
    with kafka_arena.worker(), kafka_arena.collect(posts[1000:], seconds=0):
        account = kafka_arena.settled(posts)
    assert f"made anew: {name}" in kafka_arena.logs("worker-w")
    record(
        fault="topic deleted, and the worker killed with kill -9 as it notices",
        behaviour="at its next start it sees that the topic is another one, and joins its group as "
        "a new member: partitions move when the session of 10 s of the one before has run out",
        figure=account,
    )


def test_a_crash_keeps_the_place_in_the_group(kafka_arena: Arena, broker: Broker) -> None:
    """Of any other reason: nobody else is given its partitions while it is started again."""
    posts = make_posts(200)
    with kafka_arena.worker() as worker, kafka_arena.collect(posts, seconds=0):
        kafka_arena.settled(posts)
        _set_limit(broker, broker.topics.dead, 100)
        _poison(kafka_arena.env, broker.topics.posts, 1)
        until(lambda: not worker.running, "the worker ends")
        assert "records are over the broker's limit" in kafka_arena.logs("worker-w")
        assert (broker.instances(), broker.owners()) == ({"w"}, 1)
        _set_limit(broker, broker.topics.dead, None)
        worker.start()
        until(lambda: _letters(kafka_arena) == 1, "it goes on")
        assert (broker.instances(), broker.owners()) == ({"w"}, 1)
    record(
        fault="worker ends of any other error and is started again",
        behaviour="it keeps its place in the group, and its partitions, as after a death",
        figure=kafka_arena.account(posts),
    )


@pytest.mark.long
@pytest.mark.parametrize("topic", ["posts", "mentions"])
def test_a_limit_below_our_batches(kafka_arena: Arena, broker: Broker, topic: str) -> None:
    """Lowered behind our back; some posts of 4.5 KB that hardly compress are over it alone."""
    posts = with_large(make_posts(2000), every=40)
    large = [post for post in posts if post.media]
    met = {mention.post.id for mention in expected(large, kafka_arena.folder).values()}
    wanted = len(large) if topic == "posts" else len(met)
    name = getattr(broker.topics, topic)
    with Kept(kafka_arena.worker()) as kept, kafka_arena.collect(posts[:10], seconds=0) as feed:
        kafka_arena.settled(posts[:10])
        _set_limit(broker, name, 2500)
        feed.append(posts[10:])
        until(lambda: _letters(kafka_arena) >= wanted, "those over it are letters", seconds=120)
        kafka_arena.settled([post for post in posts if not post.media])
        _set_limit(broker, name, None)
        done = veille("dead-letters", "replay", "--all", "--json", env=kafka_arena.env)
        assert done.returncode == 0, done.stdout
        account = kafka_arena.settled(posts)
        until(lambda: _letters(kafka_arena) == 0, "no letter is left")
    assert kept.restarts == 0
    assert veille_json("status", "--ledger", "--json", env=kafka_arena.env)["imbalance"] == 0
    record(
        fault=f"records over the size limit of {topic} (max.message.bytes lowered to 2,500)",
        behaviour="batches are split; what is over the limit alone is a dead letter with the "
        "reason, and the rest goes on",
        remedy="raise max.message.bytes of the topic to 1 MiB or more, then `veille dead-letters "
        "replay --all`",
        figure=f"{wanted} letters sent again; {account}",
    )


def with_large(posts: Sequence[Post], *, every: int) -> list[Post]:
    """Some of those that are never edited carry 4.5 KB that hardly compress."""
    rng = random.Random(5)
    versions = Counter(post.id for post in posts)
    chosen = {post.id for post in [one for one in posts if versions[one.id] == 1][20::every]}
    return [
        msgspec.structs.replace(post, media=[rng.randbytes(1500).hex() for _ in range(2)])
        if post.id in chosen
        else post
        for post in posts
    ]


def test_a_dead_letter_over_the_limit_is_shortened(kafka_arena: Arena, broker: Broker) -> None:
    posts = make_posts(200)
    with Kept(kafka_arena.worker()) as kept, kafka_arena.collect(posts[:100], seconds=0) as feed:
        kafka_arena.settled(posts[:100])
        _set_limit(broker, broker.topics.dead, 2000)
        _poison(kafka_arena.env, broker.topics.posts, 3, random.Random(1).randbytes(20_000))
        feed.append(posts[100:])
        account = kafka_arena.settled(posts)
        until(lambda: _letters(kafka_arena) == 3, "the letters arrive")
    assert kept.restarts == 0
    listed = veille("dead-letters", "list", "--json", env=kafka_arena.env).stdout
    letters = [json.loads(line) for line in listed.splitlines()]
    assert [one["size"] for one in letters] == [20_000] * 3
    assert all("not a post" in one["reason"] for one in letters)
    record(
        fault="dead letter over the size limit of its topic (max.message.bytes lowered to 2,000)",
        behaviour="it keeps reason, place and key, and less of the original; how long that was is "
        "told",
        remedy="raise max.message.bytes of the topic to 1 MiB or more; look for the original at "
        "its place",
        figure=f"3 letters of 20 KB; {account}",
    )


@pytest.mark.long
def test_the_producer_queue_is_full(kafka_arena: Arena, kafka: Kafka) -> None:
    """Far more to read than may be under way while the broker takes nothing."""
    posts = make_posts(60_000, minutes=0.5, share=0.1)
    with Kept(kafka_arena.worker()), kafka_arena.collect(posts, seconds=0) as feed:
        with kafka_arena.broker() as broker:
            until(lambda: (broker.ends(broker.topics.posts) or 0) > 1000, "it works")
        kafka.pause()
        feed.wait()
        before = feed.process.memory
        pass_by(5)
        grown = feed.process.memory - before
        kafka.resume()
        account = kafka_arena.settled(posts)
    assert grown < 50_000_000
    record(
        fault="producer's queue full: the broker takes nothing, sources go on",
        behaviour="a source is held back with at most 8 batches under way",
        figure=f"{grown / 1e6:+.0f} MB in 5 s; {account}",
    )


def _poison(
    env: Mapping[str, str], topic: str, count: int, value: bytes = b"not a post" * 30
) -> None:
    producer = Producer({"bootstrap.servers": env["VEILLE_KAFKA__BOOTSTRAP_SERVERS"]})
    for number in range(count):
        producer.produce(topic, value=value, key=str(number))
    assert producer.flush(20) == 0


@pytest.mark.long
def test_dead_letters_can_not_be_written(kafka_arena: Arena, broker: Broker) -> None:
    """Under a running worker, which ends; at its start it would refuse such a topic."""
    posts = make_posts(2000)
    with Kept(kafka_arena.worker()) as kept, kafka_arena.collect(posts[:1000], seconds=0) as feed:
        kafka_arena.settled(posts[:1000])
        _set_limit(broker, broker.topics.dead, 100)
        _poison(kafka_arena.env, broker.topics.posts, 3)
        feed.append(posts[1000:])
        until(lambda: kept.restarts >= 2, "the worker stops rather than lose a letter")
        assert "records are over the broker's limit" in kafka_arena.logs("worker-w")
        assert "max.message.bytes=100" in kafka_arena.logs("worker-w")
        ends = broker.ends(broker.topics.posts)
        assert ends is not None
        assert (broker.committed(broker.topics.posts) or 0) <= ends - 3
        _set_limit(broker, broker.topics.dead, None)
        account = kafka_arena.settled(posts)
        until(lambda: _letters(kafka_arena) == 3, "the letters arrive")
    record(
        fault="dead-letter topic can't be written",
        behaviour="the worker stops and does not commit past what it could not bury; it does not "
        "start on such a topic, says why, and heals itself once it can be written",
        remedy="mend the topic; nothing to replay",
        figure=f"letters 3 of 3; {account}",
    )


def _letters(arena: Arena) -> int:
    found: int = veille_json("status", "--json", env=arena.env)["dead_letters"]
    return found


@pytest.mark.long
def test_the_group_s_offsets_are_gone(kafka_arena: Arena, broker: Broker) -> None:
    posts = make_posts(3000)
    with kafka_arena.worker() as worker, kafka_arena.replay(posts) as replay:
        replay.summary()
        assert worker.stop() == 0
    until(lambda: broker.owners() == 0, "the group is empty")
    group = broker.group
    until(lambda: _deleted(broker, group), "the group can be deleted")
    with kafka_arena.worker():
        account = kafka_arena.settled(posts)
    record(
        fault="consumer group deleted: its offsets are gone",
        behaviour="everything that Kafka still holds is read again from the earliest record; "
        "nothing is stored twice",
        figure=account,
    )


def _deleted(broker: Broker, group: str) -> bool:
    return broker.admin.delete_consumer_groups([group])[group].exception(10) is None


def test_retention_dropped_unread_records(kafka_arena: Arena, broker: Broker) -> None:
    posts = make_posts(3000)
    with kafka_arena.collect(posts[:1000], seconds=0), kafka_arena.worker() as worker:
        kafka_arena.settled(posts[:1000])
        assert worker.stop() == 0
    start = broker.ends(broker.topics.posts) or 0
    with kafka_arena.collect(posts[1000:], seconds=0):
        until(lambda: (broker.ends(broker.topics.posts) or 0) >= len(posts), "all is in Kafka")
    dropped = _drop(broker, broker.topics.posts, 50)
    with kafka_arena.worker():
        kafka_arena.drained()
        until(lambda: min(_missed(kafka_arena)) >= dropped, "the loss is shown")
        missed, counted = _missed(kafka_arena)
    assert (missed, counted, start) == (dropped, dropped, 1000)
    assert "were gone before they were read" in kafka_arena.logs("worker-w")
    record(
        fault="retention dropped records that were never read",
        behaviour="the gap in offsets is found, counted and shown as missed in `veille status`",
        remedy="raise kafka.retention_hours above the longest outage; read the sources again",
        figure=f"dropped {dropped}, told {missed}",
    )


def _drop(broker: Broker, topic: str, count: int) -> int:
    """Delete the oldest `count` unread records of each partition, as retention does."""
    done = broker.offsets(topic)
    limits = [TopicPartition(topic, number, offset + count) for number, offset in done.items()]
    for future in broker.admin.delete_records(limits).values():
        future.result(10)
    return count * len(limits)


def _missed(arena: Arena) -> tuple[int, int]:
    """Records dropped unread, as the record in the store tells and as workers count."""
    status = veille_json("status", "--json", env=arena.env)
    workers = sum(int(worker.get("missed", 0)) for worker in status["workers"])
    return sum(told["records"] for told in status["missed"].values()), workers
