"""Counts the mentions of a Veille topic by tone, each in its latest version.

    pip install confluent-kafka
    python tones.py localhost:9092 veille.mentions

Reads from the beginning to the end as it is now, commits nothing, and prints one line of JSON.
"""

import json
import sys
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

TONES = ("neg", "neu", "pos", "unscored")


class Mentions:
    """What the records read so far say. The order in which they come does not matter."""

    def __init__(self) -> None:
        self._latest: dict[str, dict[str, Any]] = {}
        self._retractions: dict[str, list[tuple[int, list[str]]]] = {}

    def add(self, record: dict[str, Any]) -> None:
        """Take a record in. Raises `LookupError` or `TypeError` for one of another form."""
        version = record["version"] + 0
        if record["type"] == "retraction":
            taken_back = (version, record.get("topics", []))
            self._retractions.setdefault(record["post_id"], []).append(taken_back)
        elif record["type"] == "mention":
            mention = {
                "version": version,
                "topic": record["topic"],
                "post": record["post"]["id"],
                "tone": record["sentiment"]["label"],
                "deleted": record.get("deleted", False),
            }
            known = self._latest.get(record["id"])
            if known is None or known["version"] <= version:
                self._latest[record["id"]] = mention

    def counts(self) -> dict[str, int]:
        """How many there are of each tone."""
        found = dict.fromkeys(TONES, 0)
        for mention in self._latest.values():
            if not mention["deleted"] and not self._taken_back(mention):
                found[mention["tone"]] = found.get(mention["tone"], 0) + 1
        return found

    def _taken_back(self, mention: dict[str, Any]) -> bool:
        return any(
            mention["version"] < version and mention["topic"] not in topics
            for version, topics in self._retractions.get(mention["post"], ())
        )


def read(servers: str, topic: str) -> Mentions:
    """Read a topic to its end. Raises `KafkaException`."""
    mentions = Mentions()
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "tones",  # librdkafka wants one; nothing is committed
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    try:
        told = consumer.list_topics(topic, timeout=10).topics[topic]
        if told.error:
            raise KafkaException(told.error)
        reading = set(told.partitions)
        consumer.assign([TopicPartition(topic, number, 0) for number in reading])
        while reading:
            message = consumer.poll(1.0)
            if message is None:
                continue
            if error := message.error():
                if error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                reading.discard(message.partition())
                continue
            try:
                mentions.add(json.loads(message.value() or b""))
            except (ValueError, LookupError, TypeError) as error:
                place = f"{topic}/{message.partition()}@{message.offset()}"
                print(f"{place}: not a record of Veille's: {error!r}", file=sys.stderr)
    finally:
        consumer.close()
    return mentions


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: tones.py HOST:PORT TOPIC")
    try:
        print(json.dumps(read(*sys.argv[1:]).counts()))
    except KafkaException as problem:
        sys.exit(f"{sys.argv[1]}: {problem}")
