"""Posts and cursors to Kafka: what `veille connect` uses."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors import letters, post
from connectors.base import Cursor
from connectors.kafka import MAX_RECORD_BYTES, BatchSender, Futures, Item, acknowledged
from connectors.letters import DeadLetter, letter_id
from connectors.post import Post, utc_now

Safe = Callable[[], Awaitable[None]]
"""Waits until everything acknowledged so far is durable; for brokers that forget."""


class KafkaSink:
    """Sends posts keyed by id, dead letters keyed by theirs."""

    def __init__(
        self, sender: BatchSender, *, posts: str, dead: str, safe: Safe | None = None
    ) -> None:
        self._sender = sender
        self._posts = posts
        self._dead = dead
        self._safe = safe

    async def put(self, posts: Sequence[Post], dead: Sequence[DeadLetter]) -> Awaitable[None]:
        """See `connectors.publish.Sink`. A post over Kafka's size limit becomes a dead letter."""
        good, bad = encode_posts(posts)
        burials = [(letter.id.encode(), letters.encode(letter)) for letter in [*bad, *dead]]
        futures = await self._sender.send(self._posts, good)
        futures += await self._sender.send(self._dead, burials)
        return asyncio.ensure_future(self._receipt(futures))

    async def _receipt(self, futures: Futures) -> None:
        await acknowledged(futures)
        if self._safe:
            await self._safe()


def encode_posts(posts: Sequence[Post]) -> tuple[list[Item], list[DeadLetter]]:
    """Keys and values of posts; those over Kafka's size limit as dead letters."""
    good: list[Item] = []
    bad: list[DeadLetter] = []
    for one in posts:
        value = post.encode(one)
        if len(value) <= MAX_RECORD_BYTES:
            good.append((one.id.encode(), value))
        else:
            bad.append(_oversized(one, value))
    return good, bad


def _oversized(one: Post, value: bytes) -> DeadLetter:
    raw = value[: post.MAX_TEXT_BYTES]
    return DeadLetter(
        id=letter_id("collect", one.id, raw),
        stage="collect",
        reason=f"a post of {len(value)} bytes is over the limit of {MAX_RECORD_BYTES}",
        place=one.id,
        raw=raw,
        at=utc_now(),
        source=one.source,
    )


class KafkaCursors:
    """Cursors in a compacted topic of one partition: the last one of each source counts."""

    def __init__(self, sender: BatchSender, topic: str) -> None:
        self._sender = sender
        self._topic = topic
        self._known: dict[str, Cursor] = {}

    async def read(self, consumer: AIOKafkaConsumer) -> None:
        """Read the whole topic, with a started consumer that has no group."""
        partition = TopicPartition(self._topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        while await consumer.position(partition) < end:
            for rows in (await consumer.getmany(partition, timeout_ms=1000)).values():
                for row in rows:
                    self._known[row.key.decode()] = msgspec.json.decode(row.value)

    async def load(self, source: str) -> Cursor:
        return self._known.get(source)

    async def save(self, source: str, cursor: Cursor) -> None:
        """Returns when Kafka acknowledged it. Raises `Retriable`."""
        value = msgspec.json.encode(cursor)
        await acknowledged(await self._sender.send(self._topic, [(source.encode(), value)]))
        self._known[source] = cursor
