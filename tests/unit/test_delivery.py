"""When the filter agent acknowledges: over a producer whose answers the test gives."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import NotEnoughReplicasError
from aiokafka.producer.message_accumulator import BatchBuilder

from connectors import post as posts
from connectors.errors import Retriable
from connectors.kafka import BATCH_BYTES, BatchSender
from streams.agents import FilterAgent
from streams.app import new_pipeline
from streams.criteria.topics import Topic
from streams.ledger import Ledger
from streams.slab import Slab
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
    """One slab with one post, and whether it was acknowledged."""

    def __init__(self) -> None:
        value = posts.encode(post("acmeron"))
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

    def __init__(self) -> None:
        self.producer, self.event = HeldProducer(), Event()
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
    case = Case()
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
