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
    acknowledged,
    delivered,
    mark_of,
)
from connectors.letters import DeadLetter, Stage, letter_id
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
        receipt = await self._put(posts, dead, ())
        return asyncio.ensure_future(_done(receipt))

    async def put_stamped(
        self, posts: Sequence[Post], dead: Sequence[DeadLetter], stamps: Sequence[bytes]
    ) -> Awaitable[Sequence[Post]]:
        return await self._put(posts, dead, stamps)

    async def _put(
        self, posts: Sequence[Post], dead: Sequence[DeadLetter], stamps: Sequence[bytes]
    ) -> asyncio.Future[Sequence[Post]]:
        values = [post.encode(one) for one in posts]
        fits = [len(value) <= MAX_RECORD_BYTES for value in values]
        rows = list(zip(posts, values, fits, strict=True))
        good = [(one.id.encode(), value) for one, value, fit in rows if fit]
        bad = [oversized(one, value, MAX_RECORD_BYTES) for one, value, fit in rows if not fit]
        marks = [mark for mark, fit in zip(stamps, fits, strict=True) if fit] if stamps else []
        futures = await self._sender.send(self._posts, good, marks)
        futures += await self._bury([*bad, *dead])
        sent = [(one, value) for one, value, fit in rows if fit]
        refused = [one for one, _, fit in rows if not fit]
        return asyncio.ensure_future(self._receipt(futures, sent, refused))

    async def _bury(self, dead: Sequence[DeadLetter]) -> Futures:
        items = [(letter.id.encode(), letters.encode(letter)) for letter in dead]
        return await self._sender.send(self._dead, items)

    async def _receipt(
        self, futures: Futures, sent: Sequence[tuple[Post, bytes]], refused: Sequence[Post]
    ) -> Sequence[Post]:
        """The posts refused, by us or by the broker, once all is safe."""
        over: set[bytes] = set()
        for error in await delivered(futures):
            if error.topic != self._posts:
                raise error
            over |= {value for _, value, *_ in error.rows}
        late = [(one, value) for one, value in sent if value in over]
        await acknowledged(await self._bury([oversized(one, value) for one, value in late]))
        if self._safe:
            await self._safe()
        return [*refused, *(one for one, _ in late)]


async def _done(receipt: Awaitable[object]) -> None:
    await receipt


def oversized(one: Post, value: bytes, limit: int = 0) -> DeadLetter:
    """The letter of a post that is over our limit; without one, over the broker's: once that is
    raised it can be sent as it is."""
    raw = value[: post.MAX_TEXT_BYTES]
    stage: Stage = "collect" if limit else "filter"
    told = f"the limit of {limit}" if limit else "the broker's limit (max.message.bytes)"
    return DeadLetter(
        id=letter_id(stage, one.id, raw),
        stage=stage,
        reason=f"a post of {len(value)} bytes is over {told}",
        place=one.id,
        raw=raw,
        at=utc_now(),
        source=one.source,
        key=one.id.encode()[: post.MAX_TEXT_BYTES],
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
