"""Where imported posts go: to the workers that run, else straight through the pipeline."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, Protocol

from aiokafka import AIOKafkaProducer

from connectors.kafka import BatchSender, acknowledged
from connectors.kafka_sink import KafkaSink
from connectors.letters import DeadLetter
from connectors.post import Post, encode, utc_now
from streams import records
from streams.archive import open_archive
from streams.archive.keeper import Keeper
from streams.broker import Topics, ensure_topics, librdkafka_config, started_producer
from streams.burying import letter_of_post, letter_of_record
from streams.connect import open_sink
from streams.dead_letters import broker_of
from streams.errors import VeilleError
from streams.headers import new_sender
from streams.importing.holding import Hold
from streams.offsets import LagGate, Progress
from streams.pipeline import Pipeline
from streams.records import Mention, Record
from streams.settings import Settings
from streams.store.port import Store

UNDER_WAY: Final = 4
"""Batches that workers may have before more are read."""


class Delivery(Protocol):
    """Takes posts and dead letters. `put` returns once there is room for more; what it returns
    resolves once they are safe. Both raise `VeilleError` or `Retriable`."""

    stored: int
    stale: int
    refused: int
    waiting: bool
    """Whether workers judge them in their own time."""

    async def put(
        self, posts: Sequence[Post], dead: Sequence[DeadLetter]
    ) -> asyncio.Future[None]: ...


class Straight:
    """Pipeline, archive and store in this process: for an installation of one machine at rest."""

    waiting = False

    def __init__(self, store: Store, keeper: Keeper | None, pipeline: Pipeline, topic: str) -> None:
        self._store, self._keeper, self._pipeline, self._topic = store, keeper, pipeline, topic
        self.stored = self.stale = self.refused = 0

    async def put(self, posts: Sequence[Post], dead: Sequence[DeadLetter]) -> asyncio.Future[None]:
        made, letters = await asyncio.to_thread(_judged, self._pipeline, posts, self._topic)
        if self._keeper:
            await self._keeper.keep([encode(post) for post in posts])
        if made:
            report = await self._store.write(made)
            self.stored += report.stored
            self.stale += report.stale
            letters += [
                letter_of_record(one.record, one.reason, utc_now()) for one in report.rejected
            ]
        self.refused += len(letters)
        if dead or letters:
            await self._store.add_dead_letters([*dead, *letters])
        safe = asyncio.get_running_loop().create_future()
        safe.set_result(None)
        return safe


class ToWorkers:
    """The topic of posts, behind what is live: `hold` waits until workers have caught up. With
    `forced`, a topic's mentions of posts that do not meet it follow in theirs."""

    waiting = True

    def __init__(self, sink: KafkaSink, hold: Hold, forced: "Forced | None") -> None:
        self._sink, self._hold, self._forced = sink, hold, forced
        self.stored = self.stale = self.refused = 0

    async def put(self, posts: Sequence[Post], dead: Sequence[DeadLetter]) -> asyncio.Future[None]:
        await self._hold.wait()
        receipt = await self._sink.put(posts, dead)
        return asyncio.ensure_future(self._safe(receipt, posts))

    async def _safe(self, receipt: Awaitable[None], posts: Sequence[Post]) -> None:
        await receipt
        if self._forced:
            await self._forced.send(posts)


class Forced:
    """Sends the mentions of a topic that all posts belong to, whether they meet it or not."""

    def __init__(self, sender: BatchSender, mentions: str, pipeline: Pipeline, topic: str) -> None:
        self._sender, self._mentions = sender, mentions
        self._pipeline, self._topic = pipeline, topic

    async def send(self, posts: Sequence[Post]) -> None:
        made, _ = await asyncio.to_thread(_judged, self._pipeline, posts, self._topic)
        mine = [one for one in made if isinstance(one, Mention) and one.topic == self._topic]
        items = [(one.post.id.encode(), records.encode(one)) for one in mine]
        await acknowledged(await self._sender.send(self._mentions, items))


def _judged(
    pipeline: Pipeline, posts: Sequence[Post], topic: str
) -> tuple[list[Record], list[DeadLetter]]:
    """What becomes of posts, each a mention of `topic` in any case where one is given; one that
    the pipeline fails with is a dead letter."""
    now = utc_now()
    made: list[Record] = []
    dead: list[DeadLetter] = []
    for post in posts:
        try:
            mine = pipeline.process(post, now)
            if topic and not any(isinstance(one, Mention) and one.topic == topic for one in mine):
                mine.append(pipeline.chosen(post, topic, now))
        except Exception as error:  # noqa: BLE001 # one bad post must not stop a million good ones
            dead.append(letter_of_post(post, f"{type(error).__name__}: {error}", now))
        else:
            made += mine
    return made, dead


@contextlib.asynccontextmanager
async def delivery(
    settings: Settings,
    store: Store,
    pipeline: Callable[[], Pipeline],
    *,
    topic: str = "",
    note: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Delivery]:
    """To the workers of a cluster, or of the `veille up` that runs here; where none runs, straight.
    Raises `VeilleError`."""
    async with contextlib.AsyncExitStack() as stack:
        found = await _reached(settings, store)
        if found is None:
            made = await asyncio.to_thread(pipeline)
            archive = open_archive(settings, store)
            keeper = Keeper(archive, store) if archive else None
            if keeper:
                stack.push_async_callback(keeper.close)
            yield Straight(store, keeper, made, topic)
            return
        settings, producer = found
        stack.push_async_callback(producer.stop)
        sink = await stack.enter_async_context(open_sink(settings, producer, store))
        topics = Topics.of(settings.kafka.prefix)
        progress = Progress(librdkafka_config(settings.kafka), settings.kafka.group)
        stack.push_async_callback(progress.close)
        forced = None
        if topic:
            gate = LagGate(progress, topics.mentions, settings.pipeline.max_lag_bytes)
            gates = {topics.mentions: gate} if settings.embedded_broker else {}
            made = await asyncio.to_thread(pipeline)
            sender = new_sender(producer, settings.kafka, gates)
            forced = Forced(sender, topics.mentions, made, topic)
        yield ToWorkers(sink, Hold(progress, (topics.posts, topics.mentions), note), forced)


async def _reached(settings: Settings, store: Store) -> tuple[Settings, AIOKafkaProducer] | None:
    """The broker's settings and a started producer; `None` where `veille up` does not run here."""
    embedded = settings.embedded_broker
    try:
        settings = await broker_of(settings, store)
        producer = await started_producer(settings.kafka)
    except VeilleError:
        if embedded:
            return None
        raise
    if not embedded:
        await ensure_topics(settings.kafka)
    return settings, producer
