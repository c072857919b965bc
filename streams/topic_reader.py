"""The records of one topic, from the earliest that is kept to an end, without a consumer group."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from streams.broker import aiokafka_config, librdkafka_config
from streams.offsets import Offsets, Progress
from streams.settings import Kafka

_AT_ONCE: Final = 2_000


@asynccontextmanager
async def reading(kafka: Kafka, topic: str, saved: Offsets) -> AsyncIterator["TopicReader"]:
    """A reader from `saved` (else the earliest) to the records that are there now. Raises
    `KafkaError`, at once where no broker answers, and `BrokerUnavailable`."""
    consumer = AIOKafkaConsumer(
        **aiokafka_config(kafka), enable_auto_commit=False, auto_offset_reset="none"
    )
    try:
        await consumer.start()
        reader = TopicReader(consumer, topic, await ends(kafka, topic))
        await reader.begin(saved)
        yield reader
    finally:
        await consumer.stop()


async def ends(kafka: Kafka, topic: str) -> Offsets:
    """Where the next record of each partition will be written."""
    progress = Progress(librdkafka_config(kafka), f"{kafka.group}-rebuild")
    try:
        return await progress.ends(topic)
    finally:
        await progress.close()


class TopicReader:
    """The records of a topic from the earliest (or where it was left) to the given ends."""

    def __init__(self, consumer: AIOKafkaConsumer, topic: str, ends: Offsets) -> None:
        self._consumer = consumer
        self._places = {TopicPartition(topic, number): end for number, end in ends.items()}
        self._at: dict[TopicPartition, int] = {}
        self.ends = ends
        """By partition: the record after the last to read."""
        self.first: Offsets = {}
        """By partition: the earliest record that is kept."""
        self.total = 0

    async def begin(self, saved: Offsets) -> None:
        self._consumer.assign(list(self._places))
        first = await self._consumer.beginning_offsets(list(self._places))
        self.first = {place.partition: first[place] for place in self._places}
        for place in self._places:
            self._at[place] = max(first[place], saved.get(place.partition, 0))
            self._consumer.seek(place, self._at[place])
        self.total = self._left()

    @property
    def offsets(self) -> dict[str, int]:
        """By partition: the next record to read."""
        return {str(place.partition): at for place, at in self._at.items()}

    @property
    def done(self) -> int:
        return self.total - self._left()

    def _left(self) -> int:
        return sum(max(0, end - self._at[place]) for place, end in self._places.items())

    async def next(self) -> list[ConsumerRecord]:
        """Some records, in order within a partition; none at the end."""
        while self._left():
            got = await self._consumer.getmany(timeout_ms=1000, max_records=_AT_ONCE)
            for place in self._places:  # also past what is no record: markers of transactions
                self._at[place] = await self._consumer.position(place)
            if rows := [row for some in got.values() for row in some]:
                return rows
        return []
