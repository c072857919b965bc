"""What a record says of itself in its headers, and traces that are passed on."""

import re

import pytest

from connectors import letters
from connectors.kafka import BatchSender, mark_of
from connectors.letters import DeadLetter
from connectors.post import newer, utc_now
from connectors.tracing import MAX_STATE_BYTES, Trace, new_trace, trace_of
from streams import records
from streams.broker import Topics
from streams.headers import descriptions
from streams.records import Retraction
from tests.support.mentions import mention

NEWER = "; it is of schema 2 and this Veille reads 1: update it, then replay"
PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NAMES = Topics.of("v")


def version(topic: str, value: bytes = b"{}") -> str:
    told = dict(descriptions(NAMES)[topic](value))
    assert told["content-type"] == b"application/json"
    return told["schema-version"].decode()


def test_every_topic_tells_the_record_and_its_schema() -> None:
    assert [version(topic) for topic in (NAMES.posts, NAMES.labels, NAMES.alerts)] == [
        "post/1",
        "label/1",
        "incident/1",
    ]
    assert version(NAMES.cursors, b"null") == "cursor/1"
    assert version(NAMES.mentions, records.encode(mention())) == "mention/1"
    assert version(NAMES.mentions, records.encode(Retraction(post_id="a:1", version=1))) == (
        "retraction/1"
    )


def test_a_letter_taken_back_is_no_json() -> None:
    letter = DeadLetter(id="l", stage="filter", reason="r", place="p", raw=b"", at=utc_now())
    assert version(NAMES.dead, letters.encode(letter)) == "dead-letter/1"
    assert descriptions(NAMES)[NAMES.dead](b"") == []


def test_a_trace_is_passed_on_as_it_came() -> None:
    state = ("tracestate", b"vendor=1")
    rest = [("veille", b"a/1/0"), ("other", b"x")]
    assert trace_of([*rest, state, ("traceparent", PARENT)]) == (("traceparent", PARENT), state)
    assert trace_of(rest) == trace_of([state]) == ()


NO_TRACE = b"0" * 32
NO_SPAN = b"0" * 16
ODD = [
    None,
    b"",
    b"x",
    PARENT.upper(),
    PARENT + b"-",
    b"ff" + PARENT[2:],
    PARENT[:3] + NO_TRACE + PARENT[35:],
    PARENT[:36] + NO_SPAN + PARENT[52:],
]


@pytest.mark.parametrize("odd", ODD)
def test_a_trace_of_another_form_is_none(odd: bytes | None) -> None:
    assert trace_of([("traceparent", odd)]) == ()


def test_a_state_that_is_too_long_is_left_out() -> None:
    long = ("tracestate", b"a=" + b"1" * MAX_STATE_BYTES)
    assert trace_of([("traceparent", PARENT), long]) == (("traceparent", PARENT),)


def test_a_new_trace_is_of_the_specified_form() -> None:
    ((name, parent),) = trace_of(new_trace())
    assert name == "traceparent"
    assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-01", parent)
    assert new_trace() != new_trace()


def test_a_record_that_can_not_be_read_may_tell_that_it_is_newer() -> None:
    assert newer(b"no post", [("other", b"x"), ("schema-version", b"post/2")]) == NEWER
    assert newer(b'{"schema":2}', [("schema-version", b"post/1")]) == NEWER
    for told in (b"post/1", b"post/", b"", b"post/" + b"9" * 99, b"post/\xb2", None):
        assert newer(b"no post", [("schema-version", told)]) == ""


class Kept:
    """In the producer's place: headers of what is sent to its one partition."""

    def __init__(self) -> None:
        self.headers: list[list[tuple[str, bytes]]] = []

    async def partitions_for(self, _topic: str) -> set[int]:
        return {0}

    def create_batch(self) -> "Kept":
        return self

    def append(self, *, headers: list[tuple[str, bytes]], **_: object) -> bool:
        assert isinstance(headers, list), "aiokafka's builder takes nothing else"
        self.headers.append(headers)
        return True

    def close(self) -> None: ...

    async def send_batch(self, *_: object, **__: object) -> "Kept":
        return self

    def __await__(self):  # type: ignore[no-untyped-def]
        yield from ()
        return self


async def sent(marks: list[bytes], traces: list[Trace], *, begin: bool = False) -> Kept:
    kept = Kept()
    described = descriptions(NAMES)
    sender = BatchSender(kept, describe=described, begin=new_trace if begin else None)
    for future in await sender.send(NAMES.posts, [(b"a", b"{}"), (b"b", b"{}")], marks, traces):
        await future
    return kept


async def test_the_mark_comes_first_and_the_trace_last() -> None:
    kept = await sent([b"s/1/0", b""], [(), trace_of([("traceparent", PARENT)])])
    names = [[name for name, _ in headers] for headers in kept.headers]
    assert names == [
        ["veille", "content-type", "schema-version"],
        ["content-type", "schema-version", "traceparent"],
    ]
    assert [mark_of(headers) for headers in kept.headers] == [b"s/1/0", b""]


async def test_without_mark_and_trace_the_headers_are_one_constant() -> None:
    first, second = (await sent([], [])).headers
    assert first is second


async def test_traces_begin_where_asked_for_and_only_for_records_without_one() -> None:
    given = trace_of([("traceparent", PARENT)])
    kept = await sent([], [given, ()], begin=True)
    first, second = (trace_of(headers) for headers in kept.headers)
    assert first == given
    assert second not in ((), given)
