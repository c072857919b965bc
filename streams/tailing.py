"""Mentions as they come: the records of Kafka's topic of mentions, or what the store takes in."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from streams.broker import Topics, aiokafka_config, librdkafka_config
from streams.errors import BrokerUnavailable, StoreUnavailable
from streams.offsets import Progress
from streams.records import Mention, Record, Retraction, decode_record
from streams.settings import Kafka
from streams.store.port import Filter, Store

_AT_ONCE: Final = 500
_EVERY_SECONDS: Final = 1.0
"""How often the store is asked."""

log = logging.getLogger(__name__)


class Stream(Protocol):
    """What comes after it was begun. Mentions of other topics are left out."""

    async def begin(self, since: datetime | None) -> None:
        """From here on; from Kafka with `since` from what came then. Raises `BrokerUnavailable`,
        `StoreError`."""
        ...

    async def next(self) -> Sequence[Record]:
        """What came meanwhile, after a second at most; a record that comes again is told again."""
        ...

    async def caught_up(self) -> bool:
        """Whether all was told that was there when it was begun."""
        ...

    async def close(self) -> None: ...


class FromStore:
    """Mentions as they are stored. One that is deleted or hidden is not told."""

    def __init__(self, store: Store, topics: Sequence[str]) -> None:
        self._store = store
        self._where = Filter(topics=tuple(topics))
        self._cursor = ""
        self._away = False

    async def begin(self, since: datetime | None) -> None:
        del since  # the store knows only when a post was written
        self._cursor = (await self._store.arrivals("", where=self._where)).cursor

    async def next(self) -> Sequence[Record]:
        try:
            page = await self._store.arrivals(self._cursor, where=self._where, limit=_AT_ONCE)
        except StoreUnavailable as error:
            if not self._away:
                log.warning("%s; asking again until it does", error)
            self._away = True
            await asyncio.sleep(_EVERY_SECONDS)
            return []
        self._away, self._cursor = False, page.cursor
        if not page.mentions:
            await asyncio.sleep(_EVERY_SECONDS)
        return page.mentions

    async def caught_up(self) -> bool:
        return True

    async def close(self) -> None:
        """The store is the caller's."""


class FromKafka:
    """Records of the topic of mentions, retractions and deletions too, without a consumer group:
    workers are not disturbed. What can't be read is passed over with a word in the log."""

    def __init__(self, kafka: Kafka, topics: Sequence[str]) -> None:
        self._kafka = kafka
        self._topics = frozenset(topics)
        self._consumer: AIOKafkaConsumer | None = None
        self._ends: dict[TopicPartition, int] = {}

    async def begin(self, since: datetime | None) -> None:
        topic = Topics.of(self._kafka.prefix).mentions
        consumer = self._consumer = AIOKafkaConsumer(
            **aiokafka_config(self._kafka), enable_auto_commit=False, auto_offset_reset="earliest"
        )
        try:
            await consumer.start()
            self._ends = await self._now(topic)
            consumer.assign(list(self._ends))
            await self._seek(consumer, since)
        except KafkaError as error:
            raise self._unavailable(error) from error

    async def _now(self, topic: str) -> dict[TopicPartition, int]:
        progress = Progress(librdkafka_config(self._kafka), f"{self._kafka.group}-tail")
        try:
            ends = await progress.ends(topic)
        finally:
            await progress.close()
        if not ends:
            raise BrokerUnavailable(
                f"{self._kafka.bootstrap_servers} has no topic {topic}. "
                "Remedy: start a worker, or correct VEILLE_KAFKA__PREFIX"
            )
        return {TopicPartition(topic, number): end for number, end in ends.items()}

    async def _seek(self, consumer: AIOKafkaConsumer, since: datetime | None) -> None:
        starts = dict(self._ends)
        if since is not None:
            asked = dict.fromkeys(self._ends, int(since.timestamp() * 1000))
            found = await consumer.offsets_for_times(asked)
            starts |= {place: at.offset for place, at in found.items() if at is not None}
        for place, offset in starts.items():
            consumer.seek(place, offset)

    async def next(self) -> Sequence[Record]:
        wait = int(_EVERY_SECONDS * 1000)
        try:
            got = await self._opened.getmany(timeout_ms=wait, max_records=_AT_ONCE)
        except KafkaError as error:
            raise self._unavailable(error) from error
        rows = sorted((r for some in got.values() for r in some), key=lambda row: row.timestamp)
        read = (_read(row) for row in rows)
        return [record for record in read if record is not None and self._wanted(record)]

    async def caught_up(self) -> bool:
        reached = [await self._opened.position(place) >= end for place, end in self._ends.items()]
        return all(reached)

    async def close(self) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    def _wanted(self, record: Record) -> bool:
        """A retraction speaks of every topic but those it names."""
        if not self._topics:
            return True
        if isinstance(record, Retraction):
            return bool(self._topics - set(record.topics))
        return record.topic in self._topics

    def _unavailable(self, error: KafkaError) -> BrokerUnavailable:
        return BrokerUnavailable(
            f"{self._kafka.bootstrap_servers}: {error}. Remedy: start the broker, or --from store"
        )

    @property
    def _opened(self) -> AIOKafkaConsumer:
        assert self._consumer is not None, "begun first"  # noqa: S101  # for the type checker
        return self._consumer


def _read(row: ConsumerRecord) -> Record | None:
    try:
        return decode_record(row.value or b"")
    except msgspec.DecodeError as error:
        log.warning("%s:%d@%d is no mention: %s", row.topic, row.partition, row.offset, error)
        return None


class Once:
    """Leaves out what was told as history before it came by the stream."""

    def __init__(self, told: Sequence[Mention]) -> None:
        self._told = {one.id: one.version for one in told}

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        return [record for record in records if not self._again(record)]

    def _again(self, record: Record) -> bool:
        return isinstance(record, Mention) and self._told.get(record.id, -1) >= record.version
