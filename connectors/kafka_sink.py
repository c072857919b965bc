"""Posts and cursors to Kafka: what `veille connect` uses."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors import account as accounts
from connectors import letters, post
from connectors.account import Account
from connectors.base import Cursor
from connectors.kafka import (
    MAX_RECORD_BYTES,
    BatchSender,
    Futures,
    Item,
    acknowledged,
    mark_of,
)
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
        return asyncio.ensure_future(self._receipt(await self._send(good, (), [*bad, *dead])))

    async def put_stamped(
        self, posts: Sequence[Post], dead: Sequence[DeadLetter], stamps: Sequence[bytes]
    ) -> Awaitable[Sequence[Post]]:
        """See `connectors.publish.StampingSink`."""
        values = [post.encode(one) for one in posts]
        fits = [len(value) <= MAX_RECORD_BYTES for value in values]
        rows = list(zip(posts, values, stamps, fits, strict=True))
        good = [(one.id.encode(), value) for one, value, _, fit in rows if fit]
        bad = [_oversized(one, value) for one, value, _, fit in rows if not fit]
        marks = [mark for _, _, mark, fit in rows if fit]
        futures = await self._send(good, marks, [*bad, *dead])
        refused = [one for one, _, _, fit in rows if not fit]
        return asyncio.ensure_future(_after(self._receipt(futures), refused))

    async def _send(
        self, posts: Sequence[Item], marks: Sequence[bytes], dead: Sequence[DeadLetter]
    ) -> Futures:
        burials = [(letter.id.encode(), letters.encode(letter)) for letter in dead]
        futures = await self._sender.send(self._posts, posts, marks)
        return futures + await self._sender.send(self._dead, burials)

    async def _receipt(self, futures: Futures) -> None:
        await acknowledged(futures)
        if self._safe:
            await self._safe()


async def _after(receipt: Awaitable[None], refused: Sequence[Post]) -> Sequence[Post]:
    await receipt
    return refused


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
        size=0 if len(raw) == len(value) else len(value),
    )


class KafkaCursors:
    """Cursors in a compacted topic of one partition: the last one of each source counts."""

    def __init__(self, sender: BatchSender, topic: str) -> None:
        self._sender = sender
        self._topic = topic
        self._known: dict[str, Cursor] = {}
        self._accounts: dict[str, Account] = {}

    async def read(self, consumer: AIOKafkaConsumer) -> None:
        """Read the whole topic, with a started consumer that has no group."""
        partition = TopicPartition(self._topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        while await consumer.position(partition) < end:
            for rows in (await consumer.getmany(partition, timeout_ms=1000)).values():
                for row in rows:
                    source = row.key.decode()
                    self._known[source] = msgspec.json.decode(row.value)
                    self._accounts[source] = accounts.decode(mark_of(row.headers))

    async def load(self, source: str) -> Cursor:
        return self._known.get(source)

    async def save(self, source: str, cursor: Cursor) -> None:
        """Returns when Kafka acknowledged it. Raises `Retriable`."""
        await self._save(source, cursor, ())

    async def load_account(self, source: str) -> Account:
        return self._accounts.get(source) or Account()

    async def save_account(self, source: str, cursor: Cursor, account: Account) -> None:
        """The account travels in a header of the cursor's record: both are kept, or neither."""
        await self._save(source, cursor, [accounts.encode(account)])

    async def _save(self, source: str, cursor: Cursor, marks: Sequence[bytes]) -> None:
        item = (source.encode(), msgspec.json.encode(cursor))
        await acknowledged(await self._sender.send(self._topic, [item], marks))
        self._known[source] = cursor
