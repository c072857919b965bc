"""`veille connect`: runs the sources, sends what they find to Kafka, keeps their cursors."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from connectors.account import Account
from connectors.base import Context, Cursor, Gap
from connectors.kafka_sink import KafkaCursors, KafkaSink
from connectors.post import utc_now
from connectors.runner import Runner
from connectors.state import SourceState
from streams import source_gaps
from streams.broker import (
    Topics,
    aiokafka_config,
    ensure_topics,
    librdkafka_config,
    running_producer,
)
from streams.checks import check_topics
from streams.durable import StoreCursors, Stored
from streams.errors import StoreError
from streams.headers import new_sender
from streams.offsets import LagGate, Progress
from streams.searching import TopicSearches
from streams.settings import Settings
from streams.stopping import stop_on_signals
from streams.store import opened_store
from streams.store.port import Store
from streams.tally import ACCOUNT
from streams.watch import TopicsFile

STATE_SECONDS: Final = 1.0


async def run_connect(
    settings: Settings, topics_file: TopicsFile, stop: asyncio.Event | None = None
) -> None:
    """Run all sources until `stop` (or SIGTERM, Ctrl-C). Raises `VeilleError` at the start.

    Sources that search are told what the topics of `topics_file` ask for, edits included.
    """
    stop = stop or stop_on_signals()
    searches = TopicSearches(topics_file)
    async with opened_store(settings) as store:
        if not settings.embedded_broker:
            await ensure_topics(settings.kafka)
            await check_topics(settings.kafka)
        async with (
            running_producer(settings.kafka) as producer,
            open_sink(settings, producer, store) as sink,
        ):
            states = States(store)
            cursors = Told(await _cursors(settings, store, producer), states)
            runner = Runner(
                settings.sources,
                sink,
                cursors,
                context=Context(allow_hosts=settings.allowed_hosts, searches=searches),
                on_state=states.note,
            )
            beside = asyncio.gather(states.keep(), searches.keep())
            try:
                await runner.run(stop)
                await stop.wait()
            finally:
                beside.cancel()
                await asyncio.gather(beside, return_exceptions=True)
                await states.flush()


@contextlib.asynccontextmanager
async def open_sink(
    settings: Settings, producer: AIOKafkaProducer, store: Store
) -> AsyncIterator[KafkaSink]:
    """A sink over a started producer. Where the broker forgets it is held back by lag, and its
    receipts resolve when the store has the posts."""
    topics = Topics.of(settings.kafka.prefix)
    if not settings.embedded_broker:
        sender = new_sender(producer, settings.kafka)
        yield KafkaSink(sender, posts=topics.posts, dead=topics.dead)
        return
    progress = Progress(librdkafka_config(settings.kafka), settings.kafka.group)
    safe = Stored(progress, topics, store)
    await safe.start()
    gate = LagGate(progress, topics.posts, settings.pipeline.max_lag_bytes)
    try:
        yield KafkaSink(
            new_sender(producer, settings.kafka, {topics.posts: gate}),
            posts=topics.posts,
            dead=topics.dead,
            safe=safe,
        )
    finally:
        await progress.close()


async def _cursors(
    settings: Settings, store: Store, producer: AIOKafkaProducer
) -> KafkaCursors | StoreCursors:
    """Where cursors are kept: in Kafka, or in the store where the broker forgets."""
    if settings.embedded_broker:
        return StoreCursors(store)
    cursors = KafkaCursors(
        new_sender(producer, settings.kafka), Topics.of(settings.kafka.prefix).cursors
    )
    await _read_cursors(settings, cursors)
    return cursors


async def _read_cursors(settings: Settings, cursors: KafkaCursors) -> None:
    consumer = AIOKafkaConsumer(**aiokafka_config(settings.kafka), enable_auto_commit=False)
    await consumer.start()
    try:
        await cursors.read(consumer)
    finally:
        await consumer.stop()


class Told:
    """Keeps cursors and accounts, and tells the store of each account that was saved."""

    def __init__(self, keeper: KafkaCursors | StoreCursors, states: "States") -> None:
        self._keeper = keeper
        self._states = states

    async def load(self, source: str) -> Cursor:
        return await self._keeper.load(source)

    async def save(self, source: str, cursor: Cursor) -> None:
        await self._keeper.save(source, cursor)

    async def load_account(self, source: str) -> Account:
        """Told again: whoever saved it last may have been cut off before it told."""
        account = await self._keeper.load_account(source)
        if account != Account():
            self._states.account(source, account)
        return account

    async def save_account(self, source: str, cursor: Cursor, account: Account) -> None:
        await self._keeper.save_account(source, cursor, account)
        self._states.account(source, account)


class States:
    """Keeps the latest state and account of each source in the store, at most once a second, and
    all its gaps."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed: dict[str, SourceState] = {}
        self._accounts: dict[str, dict[str, Any]] = {}
        self._gaps: dict[str, list[Gap]] = {}

    def note(self, state: SourceState) -> None:
        self._changed[state.id] = state

    def account(self, source: str, account: Account) -> None:
        self._accounts[source] = msgspec.to_builtins(account)

    async def keep(self) -> None:
        while True:
            await self.flush()
            await asyncio.sleep(STATE_SECONDS)

    async def flush(self) -> None:
        changed, self._changed = self._changed, {}
        for name, state in changed.items():
            try:
                if state.gaps and self._gaps.get(name) != state.gaps:
                    await source_gaps.note(self._store, name, state.gaps, utc_now())
                    self._gaps[name] = state.gaps
                await self._store.put_state("source", name, msgspec.to_builtins(state))
            except StoreError:
                self._changed.setdefault(name, state)  # shown when the store is back
        told, self._accounts = self._accounts, {}
        for name, account in told.items():
            try:
                await self._store.put_state(ACCOUNT, name, account)
            except StoreError:
                self._accounts.setdefault(name, account)
