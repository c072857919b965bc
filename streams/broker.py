"""Names and connections: the topics, and how to reach the broker by each client library."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from connectors.kafka import BATCH_BYTES, ssl_context
from streams.errors import BrokerUnavailable
from streams.settings import Kafka


@dataclass(frozen=True, slots=True)
class Topics:
    """The Kafka topics of an installation."""

    posts: str
    mentions: str
    dead: str
    cursors: str
    labels: str
    alerts: str
    avro: str

    @classmethod
    def of(cls, prefix: str) -> "Topics":
        return cls(
            posts=f"{prefix}.posts",
            mentions=f"{prefix}.mentions",
            dead=f"{prefix}.dead-letters",
            cursors=f"{prefix}.cursors",
            labels=f"{prefix}.labels",
            alerts=f"{prefix}.alerts",
            avro=f"{prefix}.mentions-avro",
        )


def aiokafka_config(kafka: Kafka) -> dict[str, Any]:
    """Connection settings for aiokafka's clients."""
    config: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "security_protocol": kafka.security_protocol,
    }
    if "SSL" in kafka.security_protocol:
        config["ssl_context"] = ssl_context(str(kafka.ca_file) if kafka.ca_file else None)
    if "SASL" in kafka.security_protocol:
        config["sasl_mechanism"] = kafka.sasl_mechanism
        config["sasl_plain_username"] = kafka.username
        config["sasl_plain_password"] = kafka.password.get_secret_value()
    return config


def librdkafka_config(kafka: Kafka) -> dict[str, str]:
    """Connection settings for confluent-kafka's clients."""
    config = {
        "bootstrap.servers": kafka.bootstrap_servers,
        "security.protocol": kafka.security_protocol,
    }
    if kafka.ca_file:
        config["ssl.ca.location"] = str(kafka.ca_file)
    if "SASL" in kafka.security_protocol:
        config["sasl.mechanism"] = kafka.sasl_mechanism
        config["sasl.username"] = kafka.username
        config["sasl.password"] = kafka.password.get_secret_value()
    return config


def new_producer(kafka: Kafka) -> AIOKafkaProducer:
    """A producer that counts a record as sent when all in-sync replicas have it."""
    return AIOKafkaProducer(
        **aiokafka_config(kafka),
        acks="all",
        compression_type="zstd",  # aiokafka's lz4 is level 9: 16 µs a post against 2
        max_batch_size=BATCH_BYTES,
        request_timeout_ms=30_000,
    )


async def started_producer(kafka: Kafka) -> AIOKafkaProducer:
    """A producer that is connected. Raises `BrokerUnavailable` with the address and remedy."""
    producer = new_producer(kafka)
    try:
        await producer.start()
    except KafkaError as error:
        await producer.stop()
        raise BrokerUnavailable(
            f"no Kafka broker answers at {kafka.bootstrap_servers}: {error}. "
            "Remedy: start it, or correct VEILLE_KAFKA__BOOTSTRAP_SERVERS"
        ) from error
    return producer


@contextlib.asynccontextmanager
async def running_producer(kafka: Kafka) -> AsyncIterator[AIOKafkaProducer]:
    """A started producer that is stopped, and so flushed, at the end.

    Raises `BrokerUnavailable`.
    """
    producer = await started_producer(kafka)
    try:
        yield producer
    finally:
        await producer.stop()


async def ensure_topics(kafka: Kafka) -> None:
    """Create what is missing; leave what exists as it is. Raises `BrokerUnavailable`."""
    topics, hours = Topics.of(kafka.prefix), kafka.retention_hours
    admin = AIOKafkaAdminClient(**aiokafka_config(kafka))
    try:
        await admin.start()
        existing = set(await admin.list_topics())
        copies = [topics.avro] if kafka.schema_registry_url else []
        for name in (topics.posts, topics.mentions, topics.dead, topics.alerts, *copies):
            if name not in existing:
                kept = {"retention.ms": str(hours * 3_600_000)}
                await _create(admin, kafka, name, {**kept, **TIMED})
        if topics.cursors not in existing:
            await _create(admin, kafka, topics.cursors, {"cleanup.policy": "compact"}, partitions=1)
        if topics.labels not in existing:
            await _create(admin, kafka, topics.labels, LABELS)
    except KafkaError as error:
        raise BrokerUnavailable(
            f"no Kafka broker answers at {kafka.bootstrap_servers}: {error}. "
            "Remedy: start it, or correct VEILLE_KAFKA__BOOTSTRAP_SERVERS"
        ) from error
    finally:
        await admin.close()


TIMED: Final = {"message.timestamp.type": "LogAppendTime"}
"""By the broker's clock, which holds versions and labels to now, not by each desk's."""
LABELS: Final = {"retention.ms": "-1", **TIMED}
"""Kept for ever."""


async def _create(
    admin: AIOKafkaAdminClient,
    kafka: Kafka,
    name: str,
    configs: dict[str, str],
    *,
    partitions: int = 0,
) -> None:
    topic = NewTopic(
        name,
        num_partitions=partitions or kafka.partitions,
        replication_factor=kafka.replication,
        topic_configs=configs,
    )
    try:
        await admin.create_topics([topic])
    except TopicAlreadyExistsError:
        return
