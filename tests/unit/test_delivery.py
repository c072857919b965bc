"""When agents acknowledge: over a producer whose answers the test gives."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import NotEnoughReplicasError
from aiokafka.producer.message_accumulator import BatchBuilder

from connectors import post as posts
from connectors.errors import Retriable
from connectors.kafka import BATCH_BYTES, BatchSender
from streams import records
from streams.agents import FilterAgent, IndexAgent
from streams.app import new_pipeline
from streams.avro_copy import AvroCopy
from streams.criteria.topics import Topic
from streams.ledger import Ledger
from streams.records import Mention, Record
from streams.slab import Slab
from streams.store.port import Store, WriteReport
from tests.support.mentions import mention
from tests.support.posts import post


class HeldProducer:
    """What `BatchSender` asks of a producer; batches are acknowledged by `answer`."""

    def __init__(self) -> None:
        self.sent: list[asyncio.Future[Any]] = []

    async def partitions_for(self, topic: str) -> set[int]:
        return {0}

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(BATCH_BYTES, 0)

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[Any]:
        self.sent.append(asyncio.get_running_loop().create_future())
        return self.sent[-1]


class Event:
    """One slab with one record, and whether it was acknowledged."""

    def __init__(self, value: bytes) -> None:
        self.value = Slab([ConsumerRecord("p", 0, 0, 0, 0, b"k", value, None, 1, 1, ())], 0)
        self.acked = False

    def ack(self) -> None:
        self.acked = True


class Stream:
    def __init__(self, event: Event) -> None:
        self._event = event

    def noack(self) -> "Stream":
        return self

    async def events(self) -> AsyncIterator[Event]:
        yield self._event


class Case:
    """An agent that has sent what it made of one slab, and waits."""

    def __init__(self, value: bytes) -> None:
        self.producer, self.event = HeldProducer(), Event(value)
        self.crashes: list[BaseException] = []
        self.ledger = Ledger()

    async def crash(self, error: BaseException) -> None:
        self.crashes.append(error)

    async def run(self) -> None:
        agent = FilterAgent(
            pipeline=new_pipeline([Topic(id="acme", query="acmeron")]),
            sender=BatchSender(self.producer),
            mentions="m",
            dead="d",
            ledger=self.ledger,
            crash=self.crash,
        )
        await agent.run(Stream(self.event))
        await _turns()


async def _turns() -> None:
    """All that can go on without an answer has gone on."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def case() -> Case:
    case = Case(posts.encode(post("acmeron")))
    await case.run()
    assert len(case.producer.sent) == 1
    return case


async def test_a_slab_is_acknowledged_after_what_was_made_of_it(case: Case) -> None:
    assert not case.event.acked
    case.producer.sent[0].set_result(None)
    await _turns()
    assert (case.event.acked, case.ledger.mentions) == (True, 1)


async def test_a_slab_that_failed_is_not_acknowledged_and_ends_the_worker(case: Case) -> None:
    case.producer.sent[0].set_exception(NotEnoughReplicasError())
    await _turns()
    assert not case.event.acked
    assert [type(error) for error in case.crashes] == [Retriable]


class TakesAll:
    """In the store's place: it has everything at once."""

    async def write(self, batch: Sequence[Record]) -> WriteReport:
        return WriteReport(stored=len(batch))


async def test_a_mention_is_acknowledged_after_its_copy() -> None:
    case = Case(records.encode(mention()))
    sender = BatchSender(case.producer)
    agent = IndexAgent(
        store=cast("Store", TakesAll()),
        sender=sender,
        dead="d",
        ledger=case.ledger,
        crash=case.crash,
        copy=AvroCopy(sender, "a", {Mention: lambda _one: b"avro"}),
    )
    await agent.run(Stream(case.event))
    await _turns()
    assert (len(case.producer.sent), case.event.acked) == (1, False)
    case.producer.sent[0].set_result(None)
    await _turns()
    assert (case.event.acked, case.ledger.stored) == (True, 1)
