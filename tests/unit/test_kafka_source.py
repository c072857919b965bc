import json
import logging
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from connectors.errors import BadSettings, Fatal, NotAllowed, Retriable
from connectors.post import Post, decode, encode
from connectors.registry import build
from streams.memory_broker import MemoryBroker
from tests.contract.connectors.world import LOCAL, NOW, Pass, collect, context

AT = int(NOW.timestamp() * 1000) - 60_000


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with MemoryBroker() as found:
        yield found.address


@pytest.fixture
def topic() -> str:
    return f"t{uuid.uuid4().hex[:8]}"


async def send(broker: str, topic: str, values: Sequence[Any]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker)
    await producer.start()
    try:
        for number, value in enumerate(values):
            raw = value if isinstance(value, bytes | None) else json.dumps(value).encode()
            key = str(number).encode()
            await producer.send_and_wait(topic, raw, key=key, partition=0, timestamp_ms=AT)
    finally:
        await producer.stop()


def source(broker: str, topic: str, **more: Any) -> Any:
    given = {"bootstrap_servers": broker, "topics": topic, "timeout": 10, **more}
    return build("kafka", context(given, allow_hosts=LOCAL | {broker.rpartition(":")[0]}))


def posts(result: Pass) -> list[Post]:
    return [step.post for step in result.steps if step.post is not None]


async def test_records_become_posts_as_their_fields_are_named(broker: str, topic: str) -> None:
    rows = [
        {"nr": "b", "data": {"body": "<b>nested</b>"}, "by": {"name": "Ann"}},
        b"\x00\x00\x00\x00\x07" + json.dumps({"nr": "c", "data": {"body": "framed"}}).encode(),
        None,
    ]
    common = {"id": 1, "text": "common names", "created_at": "2026-06-01T10:00:00Z", "likes": 3}
    await send(broker, topic + "-common", [common])
    await send(broker, topic, rows)
    (first,) = posts(await collect(source(broker, topic + "-common")))
    columns = "id=nr,text=data.body,author.name=by.name"
    second, third = posts(await collect(source(broker, topic, columns=columns, html="yes")))
    assert (first.id, first.text, first.engagement.likes) == ("kafka:1", "common names", 3)
    assert (second.id, second.text, second.author.name) == ("kafka:b", "nested", "Ann")
    assert second.created_at.timestamp() * 1000 == AT
    assert third.text == "framed"
    assert decode(encode(second)) == second


async def test_every_cursor_resumes_without_loss(broker: str, topic: str) -> None:
    await send(broker, topic, [{"id": str(n), "text": f"note {n}"} for n in range(7)])
    whole = await collect(source(broker, topic))
    assert whole.ids == [f"kafka:{n}" for n in range(7)]
    for position, step in enumerate(whole.steps):
        if step.cursor is None:
            continue
        before = {s.post.id for s in whole.steps[: position + 1] if s.post is not None}
        rest = await collect(source(broker, topic), json.loads(json.dumps(step.cursor)))
        assert before | set(rest.ids) == set(whole.ids)
    assert (await collect(source(broker, topic), whole.cursor)).ids == []


async def test_one_bad_record_harms_no_other(broker: str, topic: str) -> None:
    bad = [b"{", b"[1]", b"\xff\xfe", b'{"id": "x"}', b"[" * 100_000]
    await send(broker, topic, [{"id": "a", "text": "a"}, *bad, {"id": "b", "text": "b"}])
    result = await collect(source(broker, topic))
    dead = [step.dead for step in result.steps if step.dead is not None]
    assert result.error is None
    assert result.ids == ["kafka:a", "kafka:b"]
    assert len(dead) == len(bad)
    assert dead[0].place == f"{topic}[0] offset 1"
    assert all(one.raw for one in dead)


async def test_the_first_start_may_begin_at_the_end(broker: str, topic: str) -> None:
    await send(broker, topic, [{"id": "old", "text": "old"}])
    first = await collect(source(broker, topic, start="latest"))
    await send(broker, topic, [{"id": "new", "text": "new"}])
    second = await collect(source(broker, topic, start="latest"), first.cursor)
    assert (first.ids, second.ids) == ([], ["kafka:new"])


async def test_it_opens_nothing_before_it_is_iterated_and_holds_clocks_back(
    broker: str, topic: str
) -> None:
    stream = source("127.0.0.1:9", topic).posts(None)
    del stream
    await send(broker, topic, [{"id": "a", "text": "a\u202e\u0007", "date": "2026-06-05"}])
    (post,) = posts(await collect(source(broker, topic)))
    assert post.created_at == post.collected_at == NOW
    assert post.text == "a"


async def test_offsets_that_are_gone_are_a_gap(broker: str, topic: str) -> None:
    await send(broker, topic, [{"id": "a", "text": "a"}])
    result = await collect(source(broker, topic), {topic: {"0": 99}})
    assert "no longer holds offset 99" in str(result.steps[0].gap)
    assert result.ids == ["kafka:a"]


async def test_what_is_wrong_is_named(broker: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    gone = (await collect(source("127.0.0.1:9", "t", timeout=3))).error
    assert type(gone) is Retriable
    given = {"bootstrap_servers": "127.0.0.1:9", "topics": "t"}
    refused = (await collect(build("kafka", context(given, allow_hosts=frozenset())))).error
    assert isinstance(refused, NotAllowed)
    login = {"sasl": "PLAIN", "user": "u", "password": "s3cret-pass"}
    closed = (await collect(source("127.0.0.1:9", "t", timeout=3, **login))).error
    assert isinstance(closed, Retriable | Fatal)
    assert "s3cret-pass" not in str(closed) + caplog.text


@pytest.mark.parametrize(
    "bad",
    [{"bootstrap_servers": "kafka"}, {"start": "now"}, {"sasl": "PLAIN"}, {"ca_file": "/no/file"}],
)
def test_bad_settings(bad: dict[str, Any]) -> None:
    given = {"bootstrap_servers": "k.example:9092", "topics": "t", "tls": "yes", **bad}
    with pytest.raises(BadSettings, match=f"'{next(iter(bad))}'"):
        build("kafka", context(given))


def test_fields_are_pairs() -> None:
    given = {"bootstrap_servers": "k.example:9092", "topics": "t", "columns": "x"}
    with pytest.raises(BadSettings, match="kafka: columns"):
        build("kafka", context(given))
