"""Mentions and retractions once more, as Avro: `<prefix>.mentions-avro`, for programs that read by
a schema registry.

It holds what `<prefix>.mentions` holds and could be read, under the same keys, in the same order.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from aiokafka import ConsumerRecord

from connectors.kafka import BatchSender, Futures
from connectors.tracing import trace_of
from streams.avro import Write, avro_schema, writer
from streams.broker import Topics
from streams.records import Mention, Record, Retraction
from streams.schema_registry import register
from streams.settings import Kafka

RECORDS: Final[tuple[type[msgspec.Struct], ...]] = (Mention, Retraction)


Writers = Mapping[type[msgspec.Struct], Write]
"""What writes each type of record."""


class AvroCopy:
    """Writes the copy of what an agent has read."""

    def __init__(self, sender: BatchSender, topic: str, writers: Writers) -> None:
        self._sender = sender
        self._topic = topic
        self._writers = writers

    async def send(self, rows: Sequence[ConsumerRecord], records: Sequence[Record]) -> Futures:
        """The records read from these messages, one each. The futures resolve when the broker has
        them. Raises `Retriable`."""
        items = [
            (row.key or b"", self._writers[type(one)](one))
            for row, one in zip(rows, records, strict=True)
        ]
        traces = [trace_of(row.headers or ()) for row in rows]
        return await self._sender.send(self._topic, items, (), traces)


async def open_writers(kafka: Kafka) -> Writers:
    """What writes each record, once the registry has its schema, under the subject
    `<topic>-veille.<record>`; nothing without a registry.

    Raises `ConfigError` where the registry refuses or the library is missing, `VeilleError` where
    it does not answer.
    """
    if not kafka.schema_registry_url:
        return {}
    subjects = {subject(kafka, record): record for record in RECORDS}
    schemas = {name: avro_schema(record) for name, record in subjects.items()}
    ids = await register(kafka, schemas)
    return {record: writer(record, ids[name]) for name, record in subjects.items()}


def subject(kafka: Kafka, record: type[msgspec.Struct]) -> str:
    """By topic and record, for a topic has two kinds (`TopicRecordNameStrategy`)."""
    return f"{Topics.of(kafka.prefix).avro}-{avro_schema(record)['namespace']}.{record.__name__}"
