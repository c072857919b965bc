"""Records that are too large for the broker, over a producer that refuses them as Kafka does:
batches are split, single records buried, and what can't be buried is not acknowledged."""

import asyncio
from typing import Any

import msgspec
import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import MessageSizeTooLargeError, NotEnoughReplicasError
from aiokafka.producer.message_accumulator import BatchBuilder

from connectors import letters
from connectors import post as posts
from connectors.account import HEADER, stamp
from connectors.errors import Retriable
from connectors.kafka import (
    BATCH_BYTES,
    MAX_RECORD_BYTES,
    BatchSender,
    Item,
    Oversized,
    acknowledged,
    delivered,
)
from connectors.kafka_sink import KafkaSink
from connectors.letters import DeadLetter
from connectors.post import Post
from streams.agents import FilterAgent
from streams.app import new_pipeline
from streams.criteria.topics import Topic
from streams.ledger import Ledger
from streams.slab import Slab
from streams.tally import mention_mark, post_offset
from tests.support.posts import NOW, post


class Batch(BatchBuilder):  # type: ignore[misc]  # aiokafka is untyped here
    """One that remembers what is in it."""

    def __init__(self) -> None:
        super().__init__(BATCH_BYTES, 0)
        self.items: list[Item] = []
        self.bytes = 0

    def append(self, *, key: bytes, value: bytes, **more: Any) -> Any:
        done = super().append(key=key, value=value, **more)
        if done is not None:
            self.items.append((key, value))
            self.bytes += len(value) + 100
        return done


class Narrow:
    """What `BatchSender` asks of a producer whose broker has a limit for each topic."""

    def __init__(self, **limits: int) -> None:
        self.limits = limits
        self.taken: dict[str, list[Item]] = {"p": [], "m": [], "d": []}
        self.tries = 0
        self.broken = ""

    async def partitions_for(self, topic: str) -> set[int]:
        return {0}

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> asyncio.Future[Any]:
        answer = asyncio.get_running_loop().create_future()
        self.tries += 1
        if topic == self.broken:
            answer.set_exception(NotEnoughReplicasError())
        elif batch.bytes > self.limits.get(topic, 10**9):
            answer.set_exception(MessageSizeTooLargeError())
        else:
            self.taken[topic] += batch.items
            answer.set_result(len(self.taken[topic]))
        return answer


def sender(producer: Narrow) -> BatchSender:
    return BatchSender(producer, shorten={"d": letters.shortened})


def items(*sizes: int) -> list[Item]:
    return [(f"{number}".encode(), bytes(size)) for number, size in enumerate(sizes)]


async def test_a_batch_that_is_too_large_is_split_in_order() -> None:
    producer = Narrow(m=1000)
    sent = items(*[300] * 50, 850, *[10] * 50)
    await acknowledged(await sender(producer).send("m", sent))
    assert producer.taken["m"] == sent
    assert producer.tries < 4 * len(sent)


async def test_later_batches_wait_for_one_that_is_split() -> None:
    """Counting takes what comes behind a later record for a repeat."""
    producer = Narrow(m=1000)
    narrow = sender(producer)
    sent = items(*[300] * 20, *[10] * 5)
    futures = [*await narrow.send("m", sent[:20]), *await narrow.send("m", sent[20:])]
    await acknowledged(futures)
    assert producer.taken["m"] == sent


async def test_single_records_are_refused_and_all_others_acknowledged() -> None:
    producer = Narrow(m=1000)
    sent = items(300, 2000, 300, 5000, 10)
    (refused,) = await delivered(await sender(producer).send("m", sent))
    assert [(key, len(value)) for key, value, *_ in refused.rows] == [(b"1", 2000), (b"3", 5000)]
    assert producer.taken["m"] == [sent[0], sent[2], sent[4]]
    with pytest.raises(Oversized, match=r"m: 2 records .* raise max\.message\.bytes of m"):
        await acknowledged(await sender(producer).send("m", sent))


async def test_another_error_while_a_batch_is_split_is_no_delivery() -> None:
    class Breaks(Narrow):
        async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Any:
            self.broken = topic if self.tries == 2 else ""
            return await super().send_batch(batch, topic, partition=partition)

    with pytest.raises(Retriable, match=r"did not acknowledge: .*NotEnoughReplicas"):
        await delivered(await sender(Breaks(m=1000)).send("m", items(*[300] * 8)))


def letter(raw: bytes, **more: Any) -> DeadLetter:
    basis = {"id": "l", "stage": "filter", "reason": "odd", "place": "p/0@1", "raw": raw, "at": NOW}
    return msgspec.convert({**basis, **more}, DeadLetter)


async def test_a_letter_that_is_too_large_loses_bytes_of_the_original_and_says_so() -> None:
    producer = Narrow(d=1000)
    long = letter(b"x" * 60_000, key=b"s:1")
    await acknowledged(await sender(producer).send("d", [(b"l", letters.encode(long))]))
    ((_, value),) = producer.taken["d"]
    kept = letters.decode(value)
    assert (kept.id, kept.reason, kept.place, kept.key) == ("l", "odd", "p/0@1", b"s:1")
    assert kept.cut
    assert (kept.size, kept.raw) == (60_000, b"x" * (60_000 // 4**4))


def test_shortening_ends() -> None:
    one: bytes | None = letters.encode(letter(b"x" * 65_536, key=b"k" * 65_536, reason="r" * 999))
    seen = []
    while one is not None:
        seen.append(len(one))
        one = letters.shortened(one)
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) < 12
    assert seen[-1] < 700
    assert letters.shortened(b"") is None
    again = letters.shortened(letters.encode(letter(b"x" * 400, size=9_000)))
    assert again
    assert letters.decode(again).size == 9_000


async def test_a_letter_that_can_not_be_written_at_all_is_an_error() -> None:
    with pytest.raises(Retriable, match="MessageSizeTooLarge"):
        await acknowledged(
            await sender(Narrow(d=50)).send("d", [(b"l", letters.encode(letter(b"x" * 600)))])
        )


class Event:
    def __init__(self, *texts: str) -> None:
        rows = [
            ConsumerRecord("p", 0, offset, 0, 0, b"k", encoded(offset, text), None, 1, 1, ())
            for offset, text in enumerate(texts)
        ]
        self.value, self.acked = Slab(rows, 0), False

    def noack(self) -> "Event":
        return self

    async def events(self) -> Any:
        yield self

    def ack(self) -> None:
        self.acked = True


def encoded(number: int, text: str) -> bytes:
    return posts.encode(post(text, id=f"test:{number}"))


async def worked(producer: Narrow, event: Event, ledger: Ledger) -> list[BaseException]:
    """Run the agent over one slab; what it crashed of."""
    crashes: list[BaseException] = []

    async def crash(error: BaseException) -> None:
        crashes.append(error)

    agent = FilterAgent(
        pipeline=new_pipeline([Topic(id="acme", query="acmeron")]),
        sender=sender(producer),
        mentions="m",
        dead="d",
        ledger=ledger,
        crash=crash,
    )
    await agent.run(event)
    async with asyncio.timeout(10):
        while not (event.acked or crashes):
            await asyncio.sleep(0)
    return crashes


async def test_a_mention_that_is_too_large_makes_its_post_a_dead_letter() -> None:
    producer, ledger = Narrow(m=3000, d=3000), Ledger()
    event = Event("acmeron", "acmeron " + "x" * 9000, "acmeron again", "other")
    assert await worked(producer, event, ledger) == []
    assert event.acked
    assert [key for key, _ in producer.taken["m"]] == [b"k", b"k"]
    ((key, value),) = producer.taken["d"]
    buried = letters.decode(value)
    assert key == buried.id.encode()
    assert (buried.stage, buried.place) == ("filter", "p/0@1")
    assert "over the broker's limit: [Error 10] MessageSizeTooLargeError" in buried.reason
    assert buried.size == len(event.value.records[1].value)
    assert (ledger.posts, ledger.mentions, ledger.dead) == (4, 2, 1)


async def test_what_can_not_be_buried_is_not_acknowledged() -> None:
    producer = Narrow(m=3000, d=100)
    event = Event("acmeron", "acmeron " + "x" * 9000)
    (error,) = await worked(producer, event, Ledger())
    assert isinstance(error, Retriable)
    assert "d: 1 records are over the broker's limit" in str(error)
    assert not event.acked


def test_the_offset_of_a_post_is_in_its_mention_s_mark() -> None:
    assert post_offset(mention_mark(None, "a/b", "3@life", 77, 2)) == 77


async def test_a_post_that_is_too_large_is_refused_and_buried() -> None:
    producer = Narrow(p=2000, d=2000)
    sink = KafkaSink(sender(producer), posts="p", dead="d")
    fine, broad = post("fine"), post("x" * 5000, id="test:2")
    huge = post("x", id="test:3", media=["m" * 1000] * 1000)
    sent = [fine, broad, huge]
    refused = await _put(sink, sent)
    assert [one.id for one in refused] == ["test:3", "test:2"]
    assert [key for key, _ in producer.taken["p"]] == [b"test:1"]
    buried = {one.place: one for one in (letters.decode(v) for _, v in producer.taken["d"])}
    assert buried["test:2"].stage == "filter"
    assert "max.message.bytes" in buried["test:2"].reason
    assert str(MAX_RECORD_BYTES) in buried["test:3"].reason
    assert all(one.cut for one in buried.values())
    await (await sink.put([fine, broad], []))
    assert len(producer.taken["p"]) == 2


async def _put(sink: KafkaSink, sent: list[Post]) -> list[Post]:
    stamps = [stamp("s", 1, number) for number in range(len(sent))]
    return list(await (await sink.put_stamped(sent, [], stamps)))


async def test_letters_that_can_not_be_written_keep_the_cursor_back() -> None:
    sink = KafkaSink(sender(Narrow(p=2000, d=100)), posts="p", dead="d")
    with pytest.raises(Retriable):
        await _put(sink, [post("x" * 5000)])


async def test_a_mark_stays_with_its_record_when_a_batch_is_split() -> None:
    seen: list[Any] = []

    class Marks(Narrow):
        def create_batch(self) -> Batch:
            class Marked(Batch):
                def append(self, **all_: Any) -> Any:
                    seen.append((all_["key"], all_["headers"]))
                    return super().append(**all_)

            return Marked()

    sent = items(300, 300)
    await acknowledged(await sender(Marks(m=500)).send("m", sent, [b"one", b"two"]))
    assert seen[2:] == [(b"0", [(HEADER, b"one")]), (b"1", [(HEADER, b"two")])]
