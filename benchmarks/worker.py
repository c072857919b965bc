"""The Faust worker against the same work by other clients, on a real Kafka, in one run.

    python -m benchmarks.worker [--posts 100000] [--rounds 3] [--work light|full]

`light` decodes each post and sends one in five on: what the clients themselves cost. `full` is
the whole pipeline with 100 topics: language, criteria, sentiment, the same for all four.

Each worker is a process of its own that reads the same posts, applies the same pipeline, sends
the mentions (acks=all, zstd) and commits. Rates are from the first record read to the last
acknowledgement. Quote the ratios: they are taken round by round.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec

from connectors import post
from connectors.kafka import acknowledged
from connectors.post import Author, Post, utc_now
from streams.broker import Topics, ensure_topics, started_producer
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic
from streams.headers import new_sender
from streams.judging import judge
from streams.pipeline import Pipeline
from streams.records import Mention, Record, Sentiment, mention_id
from streams.sentiment.scorer import build_scorer
from streams.settings import Kafka, Settings
from streams.store.port import Store

WORKERS = ("confluent", "aiokafka", "slab", "naive")
NAIVE_SHARE = 10
"""The naive worker reads one post in so many, or the benchmark would take an hour."""

SENTENCES = (
    "the service was slow again and nobody at the desk could tell us why the flight left early",
    "but the crew were kind and the seats were fine for the price we paid this morning",
    "really love how quickly they answered my message after such an awful week of delays",
)
WORDS = " ".join(SENTENCES).split()


def make_posts(count: int, seed: int = 7) -> list[Post]:
    """Posts of about 550 bytes; one in five names a brand that a topic watches."""
    rng = random.Random(seed)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    posts = []
    for number in range(count):
        words = [rng.choice(WORDS) for _ in range(40)]
        if number % 5 == 0:
            words[3] = f"brand{rng.randrange(100)}"
        posts.append(
            Post(
                id=f"bench:{number}",
                source="bench",
                created_at=start + timedelta(seconds=number),
                collected_at=start + timedelta(seconds=number),
                text=" ".join(words),
                lang="en",
                author=Author(id=str(number % 9973), handle=f"user{number % 9973}"),
                url=f"https://bench.invalid/{number}",
            )
        )
    return posts


class Light:
    """In the pipeline's place: no criteria, no sentiment, every fifth post a mention."""

    def process(self, one: Post, now: datetime) -> list[Record]:
        if int(one.id[6:]) % 5:
            return []
        return [
            Mention(
                id=mention_id("t", one.id),
                topic="t",
                post=one,
                lang="en",
                sentiment=Sentiment(label="neu"),
                processed_at=now,
                version=one.version,
            )
        ]


def make_pipeline(work: str) -> Pipeline | Light:
    if work == "light":
        return Light()
    topics = [Topic(id=f"t{number}", query=f"brand{number}") for number in range(100)]
    return Pipeline(compile_topics(topics), build_scorer("vader"))


def run_confluent(address: str, posts: int, group: str, work: str) -> float:
    """A bare loop: consume, judge, produce, flush, commit."""
    from confluent_kafka import Consumer, Producer

    pipeline, names = make_pipeline(work), Topics.of("veille")
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    producer = Producer(
        {"bootstrap.servers": address, "acks": "all", "compression.type": "zstd", "linger.ms": 5,
         "queue.buffering.max.messages": 1_000_000}
    )  # fmt: skip
    consumer.subscribe([names.posts])
    done, started = 0, 0.0
    while done < posts:
        rows = [_Row(row) for row in consumer.consume(5000, timeout=1.0) if not row.error()]
        if rows:
            started = started or time.perf_counter()
            for key, value in judge(rows, pipeline, utc_now()).mentions:
                producer.produce(names.mentions, value, key)
            producer.poll(0)
            done += len(rows)
            producer.flush()
            consumer.commit(asynchronous=True)
    elapsed = time.perf_counter() - started
    consumer.close()
    return elapsed


class _Row:
    """A confluent message with aiokafka's attribute names."""

    __slots__ = ("headers", "key", "offset", "partition", "timestamp", "topic", "value")

    def __init__(self, row: Any) -> None:
        self.key, self.value = row.key(), row.value()
        self.topic, self.partition, self.offset = row.topic(), row.partition(), row.offset()
        self.headers, self.timestamp = row.headers() or (), row.timestamp()[1]


async def run_aiokafka(address: str, posts: int, group: str, work: str) -> float:
    """A bare loop: getmany, judge, send_batch, wait, commit."""
    from aiokafka import AIOKafkaConsumer

    pipeline, names = make_pipeline(work), Topics.of("veille")
    kafka = Kafka(bootstrap_servers=address)
    producer = await started_producer(kafka)
    sender = new_sender(producer, kafka)
    consumer = AIOKafkaConsumer(
        names.posts,
        bootstrap_servers=address,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=5000,
    )
    await consumer.start()
    done, started = 0, 0.0
    while done < posts:
        runs = await consumer.getmany(timeout_ms=1000)
        started = started or (time.perf_counter() if runs else 0.0)
        for rows in runs.values():
            made = judge(rows, pipeline, utc_now())
            await acknowledged(await sender.send(names.mentions, made.mentions))
            done += len(rows)
        await consumer.commit()
    elapsed = time.perf_counter() - started
    await consumer.stop()
    await producer.stop()
    return elapsed


def run_slab(address: str, posts: int, group: str, work: str) -> float:
    """Veille's worker itself, with its filter agent alone."""
    from streams.app import create_app
    from streams.worker import SWITCH_SECONDS

    app = create_app(
        _settings(address, group),
        [],
        cast("Store", _NoStore()),
        roles=["filter"],
        pipeline=make_pipeline(work),
    )
    sys.setswitchinterval(SWITCH_SECONDS)
    return _run_faust(app, lambda: _ledger(app).posts >= posts, lambda: _ledger(app).posts > 0)


def run_naive(address: str, posts: int, group: str, work: str) -> float:
    """Faust as its tutorial shows it: one post at a time, `await send`."""
    import faust

    pipeline, names = make_pipeline(work), Topics.of("veille")
    settings = _settings(address, group)
    app = faust.App(
        group,
        broker=f"kafka://{address}",
        store="memory://",
        datadir=str(settings.data_dir),
        producer_acks=-1,
        producer_compression_type="zstd",
        topic_disable_leader=True,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
    )
    source = app.topic(names.posts, value_serializer="raw", value_type=bytes)
    sink = app.topic(names.mentions, value_serializer="raw", value_type=bytes)
    seen = [0]

    @app.agent(source)  # type: ignore[untyped-decorator]
    async def naive(stream: Any) -> None:
        async for value in stream:
            one = post.decode(value)
            for record in pipeline.process(one, utc_now()):
                await sink.send(key=one.id.encode(), value=msgspec.json.encode(record))
            seen[0] += 1

    return _run_faust(app, lambda: seen[0] >= posts, lambda: seen[0] > 0)


def _run_faust(app: Any, finished: Callable[[], bool], begun: Callable[[], bool]) -> float:
    import faust

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    elapsed = [0.0]

    @app.task  # type: ignore[untyped-decorator]
    async def watch() -> None:
        while not begun():  # noqa: ASYNC110  # what it waits for is counted in another task
            await asyncio.sleep(0.002)
        started = time.perf_counter()
        while not finished():  # noqa: ASYNC110  # the same
            await asyncio.sleep(0.005)
        elapsed[0] = time.perf_counter() - started
        os.kill(os.getpid(), signal.SIGTERM)

    worker = faust.Worker(app, loop=loop, loglevel="ERROR", quiet=True, redirect_stdouts=False)
    worker.spinner = None  # it would write terminal codes between the figures
    with contextlib.suppress(SystemExit):
        worker.execute_from_commandline()
    return elapsed[0]


def _ledger(app: Any) -> Any:
    return app.ledger


def _settings(address: str, group: str) -> Settings:
    return Settings(
        kafka=Kafka(bootstrap_servers=address, group=group), data_dir=Path(tempfile.mkdtemp())
    )


class _NoStore:
    """The filter agent alone writes nothing; the heartbeat's word is dropped."""

    async def put_state(self, *_: object, version: int | None = None) -> None: ...

    async def states(self, _: str) -> dict[str, Any]:
        return {}

    async def dead_letter_counts(self, _: datetime) -> dict[str, int]:
        return {}


async def feed(address: str, posts: Sequence[Post]) -> None:
    """Create the topics and fill `veille.posts`."""
    kafka = Kafka(bootstrap_servers=address)
    await ensure_topics(kafka)
    producer = await started_producer(kafka)
    sender = new_sender(producer, kafka)
    futures: list[Any] = []
    for start in range(0, len(posts), 1000):
        items = [(one.id.encode(), post.encode(one)) for one in posts[start : start + 1000]]
        futures += await sender.send("veille.posts", items)
    await acknowledged(futures)
    await producer.stop()


def measure(name: str, address: str, posts: int, group: str, work: str) -> float:
    """Posts a second of one worker, run in a process of its own."""
    wanted = posts // NAIVE_SHARE if name == "naive" else posts
    command = [sys.executable, "-m", "benchmarks.worker", "--as", name, "--address", address]
    command += ["--posts", str(wanted), "--group", group, "--work", work]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=900)
    return wanted / float(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--as", dest="name", choices=WORKERS)
    parser.add_argument("--address")
    parser.add_argument("--group")
    parser.add_argument("--work", choices=("light", "full"), default="light")
    options = parser.parse_args()
    if options.name:
        print(run_one(options))
        return
    from tests.support.servers import Kafka as KafkaServer

    with KafkaServer() as server:
        asyncio.run(feed(server.address, make_posts(options.posts)))
        compare(server.address, options.posts, options.rounds, options.work)


def run_one(options: argparse.Namespace) -> float:
    """Seconds that one worker takes, in this process."""
    arguments = options.address, options.posts, options.group, options.work
    if options.name == "aiokafka":
        return asyncio.run(run_aiokafka(*arguments))
    return {"confluent": run_confluent, "slab": run_slab, "naive": run_naive}[options.name](
        *arguments
    )


def compare(address: str, posts: int, rounds: int, work: str) -> None:
    rates: dict[str, list[float]] = {name: [] for name in WORKERS}
    for number in range(rounds):
        for name in WORKERS:
            rates[name].append(measure(name, address, posts, f"{name}-{number}", work))
            print(f"round {number + 1}: {name:<10} {rates[name][-1]:>10,.0f} posts/s", flush=True)
    print("\n| worker | posts/s (median) | of bare confluent-kafka | times naive Faust |")
    print("|---|---|---|---|")
    for name in WORKERS:
        of_bare = [mine / bare for mine, bare in zip(rates[name], rates["confluent"], strict=True)]
        of_naive = [mine / naive for mine, naive in zip(rates[name], rates["naive"], strict=True)]
        print(
            f"| {name} | {statistics.median(rates[name]):,.0f} "
            f"| {statistics.median(of_bare):.2f} | {statistics.median(of_naive):.1f} |"
        )


if __name__ == "__main__":
    main()
