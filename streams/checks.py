"""What a worker and the sources ask of the broker before they start: topics that would lose data
are refused, with the reason and the remedy."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from connectors.kafka import MAX_RECORD_BYTES
from streams.broker import Topics, librdkafka_config
from streams.errors import ConfigError
from streams.settings import Kafka

log = logging.getLogger(__name__)

ROOM_BYTES: Final = 20_000
"""What a record's batch, key and headers take besides its value, at most."""
LEAST_MESSAGE_BYTES: Final = MAX_RECORD_BYTES + ROOM_BYTES
ASK_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as the broker has it: `config` holds what is in force, defaults included."""

    name: str
    life: str
    replicas: int
    config: Mapping[str, str]


async def check_topics(kafka: Kafka) -> dict[str, str]:
    """Refuse what would lose data, warn of what may. Gives the id of each topic: another one
    means that it was made anew. Raises `ConfigError`."""
    found = await asyncio.to_thread(_read, kafka)
    names = Topics.of(kafka.prefix)
    refusals: list[str] = []
    for topic in found:
        compacted, forever = topic.name == names.cursors, topic.name == names.labels
        refusals += objections(topic, kafka, compacted=compacted, forever=forever)
        for warning in doubts(topic):
            log.warning("%s", warning)
    if refusals:
        raise ConfigError("\n".join(refusals))
    return {topic.name: topic.life for topic in found}


def objections(
    topic: Topic, kafka: Kafka, *, compacted: bool = False, forever: bool = False
) -> list[str]:
    """Why this topic would lose data, each with its remedy; it should be `compacted`, or keep
    everything `forever`, or else as long as workers may be away."""
    found = _of_policy(topic, compacted=compacted, forever=forever)
    if forever:
        found += _of_keeping(topic)
    elif not compacted:
        found += _of_retention(topic, kafka)
    return found + _of_size(topic) + _of_replicas(topic)


def _of_policy(topic: Topic, *, compacted: bool, forever: bool) -> list[str]:
    policy = {part.strip() for part in topic.config.get("cleanup.policy", "").split(",")}
    if compacted and "delete" in policy:
        why = "where sources were left would be forgotten after its retention"
        return [_refusal(topic, "cleanup.policy", why, "compact")]
    if not compacted and "compact" in policy:
        why = "an edit would take away the version before it, read or not"
        if forever:
            why = "one label would take away another of its key, though it were the newer one"
        return [_refusal(topic, "cleanup.policy", why, "delete")]
    return []


def _of_keeping(topic: Topic) -> list[str]:
    """No source has a label a second time: this topic is all that a lost store is filled from."""
    limits = ((name, _number(topic, name)) for name in ("retention.ms", "retention.bytes"))
    why = "labels beyond it would be dropped, and be missing from a store that is filled again"
    return [_refusal(topic, name, why, "-1") for name, limit in limits if limit >= 0]


def _of_retention(topic: Topic, kafka: Kafka) -> list[str]:
    found = []
    millis, least = _number(topic, "retention.ms"), kafka.least_retention_hours * 3_600_000
    if 0 <= millis < least:
        why = (
            f"records are dropped after {millis / 3_600_000:.3g} h, and workers may be away for "
            f"{kafka.least_retention_hours} h (kafka.least_retention_hours)"
        )
        found.append(_refusal(topic, "retention.ms", why, str(least)))
    size = _number(topic, "retention.bytes")
    if 0 <= size < kafka.least_retention_bytes:
        why = (
            f"a partition drops records beyond {size:,} bytes, whether they were read or not, and "
            f"must hold {kafka.least_retention_bytes:,} (kafka.least_retention_bytes)"
        )
        found.append(_refusal(topic, "retention.bytes", why, "-1"))
    return found


def _of_size(topic: Topic) -> list[str]:
    if 0 <= _number(topic, "max.message.bytes") < LEAST_MESSAGE_BYTES:
        why = f"records of up to {LEAST_MESSAGE_BYTES:,} bytes are sent, and would be refused"
        return [_refusal(topic, "max.message.bytes", why, "1048588")]
    return []


def _of_replicas(topic: Topic) -> list[str]:
    least = _number(topic, "min.insync.replicas")
    if least > topic.replicas:
        why = f"with {topic.replicas} copies no write could ever be acknowledged"
        return [_refusal(topic, "min.insync.replicas", why, str(max(1, topic.replicas - 1)))]
    return []


def doubts(topic: Topic) -> list[str]:
    """What loses data when a broker dies at the wrong moment."""
    if topic.replicas < 2:
        return []
    found = []
    if topic.config.get("unclean.leader.election.enable") == "true":
        why = "a copy that lags may take over, and what it lacks is lost"
        found.append(_refusal(topic, "unclean.leader.election.enable", why, "false"))
    if _number(topic, "min.insync.replicas") == 1:
        why = "a record counts as safe when one broker has it, which may die with it"
        found.append(_refusal(topic, "min.insync.replicas", why, str(topic.replicas - 1)))
    return found


def _refusal(topic: Topic, name: str, why: str, better: str) -> str:
    return (
        f"topic {topic.name}: {name}={topic.config.get(name)}: {why}. Remedy: kafka-configs.sh "
        f"--alter --topic {topic.name} --add-config {name}={better}"
    )


def _number(topic: Topic, name: str) -> int:
    """-1, which stands for no limit, where it is not told."""
    try:
        return int(topic.config.get(name, "-1"))
    except ValueError:
        return -1


def _read(kafka: Kafka) -> list[Topic]:
    """The topics that exist. Where we may not look, a warning says so and nothing is checked."""
    admin = AdminClient({**librdkafka_config(kafka), "log_level": "0"})
    deadline = time.monotonic() + ASK_SECONDS
    while True:
        try:
            return _ask(admin, kafka)
        except (KafkaException, TimeoutError) as error:
            if _just_made(error) and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            log.warning(
                "topics of %s can't be checked for loss: %s. Remedy: let this user describe "
                "topics and their configurations",
                kafka.prefix,
                error,
            )
            return []


def _just_made(error: Exception) -> bool:
    """Whether the broker has not yet heard of a topic that was created a moment ago."""
    cause = error.args[0] if isinstance(error, KafkaException) else None
    return isinstance(cause, KafkaError) and cause.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def _ask(admin: AdminClient, kafka: Kafka) -> list[Topic]:
    names = Topics.of(kafka.prefix)
    wanted = [
        names.posts, names.mentions, names.dead, names.cursors, names.labels, names.alerts,
        *([names.avro] if kafka.schema_registry_url else []),
    ]  # fmt: skip
    told = {
        name: future.result(ASK_SECONDS)
        for name, future in admin.describe_topics(TopicCollection(wanted)).items()
    }
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in wanted]
    configs = {
        resource.name: future.result(ASK_SECONDS)
        for resource, future in admin.describe_configs(asked).items()
    }
    return [_topic(told[name], configs[name]) for name in wanted]


def _topic(told: Any, config: Mapping[str, Any]) -> Topic:
    replicas = min((len(part.replicas) for part in told.partitions), default=1)
    values = {name: str(entry.value) for name, entry in config.items()}
    return Topic(told.name, str(told.topic_id), replicas, values)
