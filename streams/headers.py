"""What each record of our topics says of itself in its headers, and the sender that writes them.

`content-type` and `schema-version` are constants of the record's type. `traceparent` is that of
the record it was made of (`connectors.tracing`), or a new one where `kafka.trace` says so.
`veille-origin` tells a mention that no post just came in for.
"""

from collections.abc import Mapping
from typing import Final, Literal

from aiokafka import AIOKafkaProducer

from connectors import letters
from connectors.kafka import BatchSender, Describe, Gate
from connectors.post import SCHEMA, SCHEMA_HEADER
from connectors.tracing import new_trace
from streams.broker import Topics
from streams.settings import Kafka

CONTENT_TYPE: Final = "content-type"
AVRO: Final = "application/avro"

ORIGIN: Final = "veille-origin"
Origin = Literal["backfill", "reprocess", "import", "hand"]
"""What brought in a mention that a worker did not make of a post as it came: kept posts through a
new topic, kept posts judged anew, a file whose posts all belong to a topic, a person."""

Headers = list[tuple[str, bytes]]

_RETRACTION_BEGINS: Final = b'{"type":"retraction"'


def headers_of(name: str) -> Headers:
    """Of a record by its name in lower case, such as `mention` or `dead-letter`."""
    return [(CONTENT_TYPE, b"application/json"), (SCHEMA_HEADER, f"{name}/{SCHEMA}".encode())]


def descriptions(topics: Topics) -> dict[str, Describe]:
    """What tells the headers of a value, by topic."""
    return {
        topics.posts: _always("post"),
        topics.mentions: _mention,
        topics.dead: _letter,
        topics.cursors: _always("cursor"),
        topics.labels: _always("label"),
        topics.alerts: _always("incident"),
        topics.avro: lambda _value: _OF_AVRO,
    }


def new_sender(
    producer: AIOKafkaProducer,
    kafka: Kafka,
    gates: Mapping[str, Gate] | None = None,
    *,
    origin: Origin | None = None,
) -> BatchSender:
    """A sender whose records say what they are; mentions also their `origin`, where there is one.
    A dead letter that is too large for the broker loses some of its bytes."""
    topics = Topics.of(kafka.prefix)
    described = descriptions(topics)
    if origin:
        described[topics.mentions] = _from(origin)
    return BatchSender(
        producer,
        gates,
        shorten={topics.dead: letters.shortened},
        describe=described,
        begin=new_trace if kafka.trace else None,
    )


def _always(name: str) -> Describe:
    headers = headers_of(name)
    return lambda _value: headers


_OF_MENTION: Final = headers_of("mention")
_OF_RETRACTION: Final = headers_of("retraction")
_OF_LETTER: Final = headers_of("dead-letter")
_OF_AVRO: Final = [(CONTENT_TYPE, AVRO.encode())]
"""The schema's number stands in the value."""


def _mention(value: bytes) -> Headers:
    return _OF_RETRACTION if value.startswith(_RETRACTION_BEGINS) else _OF_MENTION


def _from(origin: Origin) -> Describe:
    headers = [*_OF_MENTION, (ORIGIN, origin.encode())]
    return lambda _value: headers


def _letter(value: bytes) -> Headers:
    """An empty value takes a letter back: it is no JSON."""
    return _OF_LETTER if value else []
