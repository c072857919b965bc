"""One source's way into a store within one process: runner, outbox, Kafka sink, the broker in
memory, the agents' own functions and SQLite. Rests take no time: the clock jumps over them."""

import asyncio
import dataclasses
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from connectors import letters
from connectors.base import Context
from connectors.kafka import BatchSender
from connectors.kafka_sink import KafkaSink
from connectors.letters import DeadLetter
from connectors.post import Post
from connectors.publish import MemoryCursors
from connectors.runner import Outside, Runner
from connectors.state import SourceState
from streams.broker import Topics, aiokafka_config, running_producer
from streams.criteria.loading import load_topics
from streams.criteria.matcher import compile as compile_topics
from streams.judging import judge
from streams.memory_broker import MemoryBroker
from streams.pipeline import Pipeline
from streams.reading import read_records
from streams.records import Mention, mention_id
from streams.sentiment.scorer import build_scorer
from streams.settings import Kafka
from streams.store.port import Filter
from streams.store.sqlite import SqliteStore
from tests.contract.connectors.world import LOCAL, NOW

TOPICS = """
topics:
  - {id: acme, query: "acmeron"}
"""


@dataclasses.dataclass(frozen=True)
class Source:
    id: str
    connector: str
    options: Mapping[str, Any]
    enabled: bool = True


class Clock:
    """Time that passes by resting alone; the rests are noted."""

    def __init__(self) -> None:
        self.now = NOW
        self.rests: list[float] = []

    def seconds(self) -> float:
        return self.now.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0.002)


class Way:
    """Runs sources one after the other into one installation; cursors outlive each run."""

    def __init__(self, kafka: Kafka, folder: Path) -> None:
        self.clock = Clock()
        self.cursors = MemoryCursors()
        self.told: list[str] = []
        self.state = SourceState(id="", connector="", state="waiting")
        self.passes = 0
        self.read: dict[str, int] = {}
        """Records of each topic when it was read last."""
        self._kafka, self._folder = kafka, folder
        self._topics = Topics.of(kafka.prefix)

    async def run(
        self,
        name: str,
        options: Mapping[str, Any],
        until: Callable[[], bool],
        *,
        seconds: float = 30,
    ) -> None:
        """Run the source until the condition holds; the test fails after so many seconds."""
        stop, self.passes = asyncio.Event(), 0
        async with running_producer(self._kafka) as producer:
            names = self._topics
            sink = KafkaSink(BatchSender(producer), posts=names.posts, dead=names.dead)
            running = asyncio.create_task(self._runner(name, options, sink).run(stop))
            async with asyncio.timeout(seconds):
                while not until() and not running.done():
                    await asyncio.sleep(0.005)
            stop.set()
            await running
        assert until(), self.state

    def _runner(self, name: str, options: Mapping[str, Any], sink: KafkaSink) -> Runner:
        return Runner(
            [Source(name, name, options)],
            sink,
            self.cursors,
            context=Context(allow_hosts=LOCAL, clock=self.clock.seconds),
            on_state=self._note,
            outside=Outside(
                clock=lambda: self.clock.now,
                sleep=self.clock.sleep,
                random=lambda: 0.5,
                flush_seconds=0.01,
                grace_seconds=2.0,
            ),
        )

    def _note(self, state: SourceState) -> None:
        ended = state.state == "waiting" and not state.reason and self.state.state == "running"
        self.passes += ended
        self.state = state
        said = [state.reason] if state.reason else []
        self.told += [*said, *(gap.reason for gap in state.gaps if gap.reason not in self.told)]

    async def stored(self) -> dict[str, Mention]:
        """What the agents make of all that was sent, as the store then has it."""
        matcher = compile_topics(load_topics(self._folder / "topics.yaml"))
        pipeline = Pipeline(matcher, build_scorer())
        made = judge(await self._records(self._topics.posts), pipeline, self.clock.now)
        rows = [_row(self._topics.mentions, n, *item) for n, item in enumerate(made.mentions)]
        good, bad = read_records(rows, self.clock.now)
        assert not bad
        assert not made.letters
        store = SqliteStore(self._folder / f"{uuid.uuid4().hex}.sqlite3")
        await store.open()
        try:
            report = await store.write(good)
            assert not report.rejected
            page = await store.search(Filter(), limit=1000)
            return {mention.id: mention for mention in page.mentions}
        finally:
            await store.close()

    async def dead(self) -> list[DeadLetter]:
        """The dead letters that were sent, each once."""
        rows = await self._records(self._topics.dead)
        return list({row.key: letters.decode(row.value) for row in rows}.values())

    async def _records(self, topic: str) -> list[ConsumerRecord]:
        # Not its own "latest": an answer to that, come late, would outdo `seek_to_beginning`.
        consumer = AIOKafkaConsumer(
            **aiokafka_config(self._kafka), enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            async with asyncio.timeout(30):
                while not (numbers := consumer.partitions_for_topic(topic)):
                    await consumer._client.add_topic(topic)
                    await asyncio.sleep(0.05)
            rows = await _all(consumer, [TopicPartition(topic, n) for n in numbers])
            self.read[topic] = len(rows)
            return rows
        finally:
            await consumer.stop()


async def _all(
    consumer: AIOKafkaConsumer, partitions: list[TopicPartition]
) -> list[ConsumerRecord]:
    consumer.assign(partitions)
    ends = await consumer.end_offsets(partitions)
    await consumer.seek_to_beginning(*partitions)
    rows: list[ConsumerRecord] = []
    while any([await consumer.position(one) < end for one, end in ends.items()]):
        for some in (await consumer.getmany(timeout_ms=200)).values():
            rows += some
    return rows


def _row(topic: str, offset: int, key: bytes, value: bytes) -> ConsumerRecord:
    return ConsumerRecord(topic, 0, offset, 0, 0, key, value, None, len(key), len(value), ())


@asynccontextmanager
async def way(folder: Path) -> AsyncIterator[Way]:
    """A way of its own, over a broker of its own."""
    (folder / "topics.yaml").write_text(TOPICS, encoding="utf-8")
    with MemoryBroker() as broker:
        yield Way(Kafka(bootstrap_servers=broker.address), folder)


@dataclasses.dataclass(frozen=True)
class Account:
    """The store against the truth: ids of mentions lost, extra, or with another text."""

    total: int
    lost: list[str]
    extra: list[str]
    wrong: list[str]

    def __str__(self) -> str:
        return (
            f"{self.total} mentions: lost {len(self.lost)}, extra {len(self.extra)}, "
            f"wrong {len(self.wrong)}"
        )


async def account(one: Way, truth: Mapping[str, str]) -> Account:
    """Compare by id with what the criteria say of the truth: the last text of each post that is
    still there, by post id. Fails unless lost, extra and wrong are 0."""
    found = await one.stored()
    wanted = {mention_id("acme", post): text for post, text in truth.items() if _meets(text)}
    seen = {name: mention.post.text for name, mention in found.items()}
    result = Account(
        total=len(wanted),
        lost=sorted(wanted.keys() - seen.keys()),
        extra=sorted(seen.keys() - wanted.keys()),
        wrong=sorted(name for name in wanted.keys() & seen.keys() if wanted[name] != seen[name]),
    )
    assert not [*result.lost, *result.extra, *result.wrong], (
        one.read,
        result,
        one.state,
        one.told[-5:],
    )
    return result


def _meets(text: str) -> bool:
    return "acmeron" in text.casefold()


def versions(posts: Iterable[Post]) -> list[int]:
    """The versions of posts, in their order."""
    return [post.version for post in posts]
