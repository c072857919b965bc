"""Where imported posts go: to the workers that run, else straight through the pipeline."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, NamedTuple, Protocol

from connectors.kafka_sink import KafkaSink
from connectors.letters import DeadLetter
from connectors.post import Post, encode, utc_now
from streams.archive import open_archive
from streams.archive.keeper import Keeper
from streams.belonging import put_by_hand
from streams.beside import Beside, held, reached
from streams.broker import Topics, librdkafka_config
from streams.burying import letter_of_post, letter_of_record
from streams.connect import open_sink
from streams.holding import Hold
from streams.offsets import Progress
from streams.pipeline import Pipeline
from streams.records import Mention, Record
from streams.settings import Settings
from streams.store.port import Store

BY: Final = "veille import"
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
        made = await asyncio.to_thread(_judged, self._pipeline, posts, self._topic)
        if self._keeper:
            await self._keeper.keep([encode(post) for post in posts])
        letters = made.letters
        if made.records or made.forced:
            await self._store.add_labels([put_by_hand(one, BY) for one in made.forced])
            report = await self._store.write([*made.records, *made.forced])
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
    """The mentions that a topic has of posts that do not meet it: marked as put there by hand, and
    sent beside those of the workers. A broker that forgets has them from the store."""

    def __init__(self, store: Store, beside: Beside, pipeline: Pipeline, topic: str) -> None:
        self._store, self._beside = store, beside
        self._pipeline, self._topic = pipeline, topic

    async def send(self, posts: Sequence[Post]) -> None:
        made = await asyncio.to_thread(_judged, self._pipeline, posts, self._topic)
        labels = [put_by_hand(one, BY) for one in made.forced]
        if self._beside.remembers:
            await self._beside.label(labels)
        else:
            await self._store.add_labels(labels)
            await self._store.write(made.forced)
        await self._beside.send(made.forced)


class _Judged(NamedTuple):
    """What becomes of posts: `forced` are a topic's mentions of those that do not meet it."""

    records: list[Record]
    forced: list[Mention]
    letters: list[DeadLetter]


def _judged(pipeline: Pipeline, posts: Sequence[Post], topic: str) -> _Judged:
    """Each a mention of `topic` in any case where one is given; a post that the pipeline fails
    with is a dead letter."""
    now = utc_now()
    made = _Judged([], [], [])
    for post in posts:
        try:
            mine = pipeline.process(post, now)
            if topic and not any(isinstance(one, Mention) and one.topic == topic for one in mine):
                made.forced.append(pipeline.chosen(post, topic, now))
        except Exception as error:  # noqa: BLE001 # one bad post must not stop a million good ones
            made.letters.append(letter_of_post(post, f"{type(error).__name__}: {error}", now))
        else:
            made.records.extend(mine)
    return made


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
        found = await reached(settings, store)
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
            beside = held(settings, producer, progress, "import", note)
            forced = Forced(store, beside, await asyncio.to_thread(pipeline), topic)
        yield ToWorkers(sink, Hold(progress, (topics.posts, topics.mentions), note), forced)
