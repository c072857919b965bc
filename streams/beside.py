"""Mentions that no post just came in for, sent to `<prefix>.mentions` beside those of the workers:
of the past, and put into topics by hand.

They have the ids and versions that workers would give them, so that whoever reads the topic has
them once, and a store that is filled from Kafka has them too. The header `veille-origin` tells them
from what is new. They wait for what is live, and are in no sum of the ledger.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import msgspec
from aiokafka import AIOKafkaProducer

from connectors import letters
from connectors.errors import Retriable
from connectors.kafka import MAX_RECORD_BYTES, Futures, Item, acknowledged
from connectors.post import utc_now
from streams import records
from streams.broker import Topics, ensure_topics, librdkafka_config, started_producer
from streams.burying import letter_of_record
from streams.dead_letters import broker_of
from streams.errors import BrokerUnavailable, VeilleError
from streams.headers import Origin, new_sender
from streams.holding import Hold
from streams.offsets import LagGate, Progress
from streams.records import Label, Mention
from streams.settings import Settings
from streams.store.port import Store
from streams.store.rules import content_version, tombstone
from streams.tally import beside_mark

MOST_UNREAD: Final = 500
"""Records that workers may be behind before more mentions are sent."""
PIECE: Final = 250
"""Mentions sent at once: with those unread, what a live one waits for."""


class Beside:
    """Sends mentions, and labels to a broker that `remembers` them; one that forgets has none."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        settings: Settings,
        origin: Origin,
        *,
        hold: Hold | None = None,
        gate: LagGate | None = None,
    ) -> None:
        self._topics = Topics.of(settings.kafka.prefix)
        gates = {self._topics.mentions: gate} if gate else {}
        self._sender = new_sender(producer, settings.kafka, gates, origin=origin)
        self._hold = hold
        self.remembers = not settings.embedded_broker
        """Whether what was sent is safe with the broker."""

    async def send(self, mentions: Sequence[Mention]) -> None:
        """Returns once the broker has them, without their labels, and those that are too large as
        dead letters. A deleted one is a tombstone. Raises `BrokerUnavailable`."""
        for start in range(0, len(mentions), PIECE):
            if self._hold:
                await self._hold.wait()
            await self._piece([_bare(one) for one in mentions[start : start + PIECE]])

    async def label(self, labels: Sequence[Label]) -> None:
        """Raises `BrokerUnavailable`."""
        items = [(one.mention_id.encode(), records.encode(one)) for one in labels]
        if self.remembers:
            await self._acknowledged(self._topics.labels, items)

    async def _piece(self, mentions: Sequence[Mention]) -> None:
        items, marks, large = list[Item](), list[bytes](), list[Item]()
        for one in mentions:
            value = records.encode(one)
            if len(value) > MAX_RECORD_BYTES:
                why = f"a mention of {len(value)} bytes is over {MAX_RECORD_BYTES}"
                letter = letter_of_record(one, why, utc_now())
                large.append((letter.id.encode(), letters.encode(letter)))
            else:
                items.append((one.post.id.encode(), value))
                marks.append(beside_mark(one.post.source))
        await self._acknowledged(self._topics.mentions, items, marks)
        await self._acknowledged(self._topics.dead, large)

    async def _acknowledged(
        self, topic: str, items: Sequence[Item], marks: Sequence[bytes] = ()
    ) -> None:
        try:
            sent: Futures = await self._sender.send(topic, items, marks)
            await acknowledged(sent)
        except Retriable as error:
            raise BrokerUnavailable(
                f"{error}. Remedy: see to the broker, and say it again: it goes on where it was"
            ) from error


def _bare(mention: Mention) -> Mention:
    """As a worker makes it: what people say of it has a topic of its own."""
    kept = msgspec.structs.replace(mention, label=None, version=content_version(mention))
    return tombstone(kept, kept.version) if kept.deleted else kept


@contextlib.asynccontextmanager
async def opened(
    settings: Settings,
    store: Store,
    origin: Origin,
    note: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Beside | None]:
    """A way to the broker; `None` where `veille up` does not run here. `note` hears of workers that
    read nothing. Raises `VeilleError`."""
    found = await reached(settings, store)
    if found is None:
        yield None
        return
    settings, producer = found
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(producer.stop)
        progress = Progress(librdkafka_config(settings.kafka), settings.kafka.group)
        stack.push_async_callback(progress.close)
        yield held(settings, producer, progress, origin, note)


def held(
    settings: Settings,
    producer: AIOKafkaProducer,
    progress: Progress,
    origin: Origin,
    note: Callable[[str], None],
) -> Beside:
    """Behind what is live, and no more than a broker that forgets can hold."""
    topics = Topics.of(settings.kafka.prefix)
    hold = Hold(progress, (topics.posts, topics.mentions), note, most=MOST_UNREAD)
    most = settings.pipeline.max_lag_bytes
    gate = LagGate(progress, topics.mentions, most) if settings.embedded_broker else None
    return Beside(producer, settings, origin, hold=hold, gate=gate)


async def reached(settings: Settings, store: Store) -> tuple[Settings, AIOKafkaProducer] | None:
    """The broker's settings and a started producer; `None` where `veille up` does not run here.
    Raises `VeilleError`."""
    embedded = settings.embedded_broker
    try:
        settings = await broker_of(settings, store)
        producer = await started_producer(settings.kafka)
    except VeilleError:
        if embedded:
            return None
        raise
    if not embedded:
        await ensure_topics(settings.kafka)
    return settings, producer
