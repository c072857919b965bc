"""Records that nobody should have written: each becomes a dead letter, and the rest goes on."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import pytest
from confluent_kafka import Producer

from connectors import post
from streams.broker import Topics
from tests.faults.arena import Arena, record, until
from tests.support.replays import make_posts
from tests.support.veille import veille

GOOD: Final = json.loads(post.encode(make_posts(1)[0]))
HUGE: Final = json.dumps({**GOOD, "id": "file:huge", "text": "Acmeron " * 120_000}).encode()

POSTS: Final[Mapping[str, tuple[bytes | None, str]]] = {
    "not JSON": (b"not json", "not a post"),
    "not UTF-8": (b'{"id": "\xff\xfe\xc3\x28"}', "not a post"),
    "binary": (bytes(range(256)), "not a post"),
    "a wrong type": (b'{"id": 5}', "not a post"),
    "a missing field": (b'{"id": "x", "source": "x"}', "not a post"),
    "a time without a zone": (
        json.dumps({**GOOD, "created_at": "2026-03-01T10:00:00"}).encode(),
        "not a post",
    ),
    "no value": (None, "not a post"),
    "empty": (b"", "not a post"),
    "null": (b"null", "not a post"),
    "a list": (b"[]", "not a post"),
    "nested deeply": (b'{"mood": ' + b"[" * 100_000, "not a post"),
    "1 MB": (HUGE, "a mention of"),
    "a newer schema": (json.dumps({**GOOD, "schema": 2, "id": [1]}).encode(), "schema 2"),
}
MENTIONS: Final[Mapping[str, tuple[bytes | None, str]]] = {
    "not JSON": (b"{{{", "not a mention"),
    "not UTF-8": (b'"\xed\xa0\x80"', "not a mention"),
    "no value": (None, "not a mention"),
    "null": (b"null", "not a mention"),
    "an unknown kind": (b'{"type": "sighting", "id": "x"}', "not a mention"),
    "a part of one": (b'{"type": "mention", "id": "x"}', "not a mention"),
    "nested deeply": (b'{"type": "mention", "mood": ' + b"[" * 100_000, "not a mention"),
    "1 MB": (b'{"type": "mention", "id": "' + b"x" * 1_000_000, "not a mention"),
    "a version too large": (
        b'{"type": "retraction", "post_id": "x", "version": 9223372036854775808}',
        "not a mention",
    ),
    "a newer schema": (b'{"type": "mention", "schema": 3}', "schema 3"),
}


@pytest.fixture
def installation(broker_address: str, tmp_path: Any, request: pytest.FixtureRequest) -> Arena:
    arena = Arena.make(tmp_path, kafka=broker_address)
    if "memory" in request.node.callspec.id:
        arena.env["VEILLE_KAFKA__IN_MEMORY"] = "true"
    return arena


def test_poison(installation: Arena) -> None:
    posts = make_posts(600)
    names = Topics.of(installation.env["VEILLE_KAFKA__PREFIX"])
    with installation.worker() as worker, installation.broker() as broker:
        until(lambda: broker.lag() == 0, "the worker is there")
        newer = {**json.loads(post.encode(posts[300])), "mood": {"of": ["the", "day"]}, "schema": 2}
        with sending(installation) as send:
            for one in posts[:300]:
                send(names.posts, one.id, post.encode(one))
            send(names.posts, posts[300].id, json.dumps(newer).encode())
            for topic, poison in ((names.posts, POSTS), (names.mentions, MENTIONS)):
                for name, (value, _) in poison.items():
                    send(topic, name, value)
            for one in posts[301:]:
                send(names.posts, one.id, post.encode(one))
        wanted = len(POSTS) + len(MENTIONS)
        until(lambda: len(list(letters(installation))) >= wanted, "the letters are there")
        account = installation.settled(posts)
        assert worker.running
    found = {
        (one["stage"], base64.b64decode(one.get("raw", ""))): one for one in letters(installation)
    }
    assert len(found) == wanted - 1, "no value and an empty one have the same bytes"
    for stage, topic, poison in (
        ("filter", names.posts, POSTS),
        ("index", names.mentions, MENTIONS),
    ):
        for name, (value, reason) in poison.items():
            letter = found[stage, (value or b"")[: post.MAX_TEXT_BYTES]]
            assert reason in letter["reason"], name
            assert letter["place"].startswith(f"{topic}/"), name
    record(
        fault="poison in veille.posts and veille.mentions: not JSON, not UTF-8, wrong types, "
        "null, no value, 1 MB, nested without end, of a newer schema",
        behaviour="a dead letter each, with bytes, reason and place; unknown fields are passed "
        "over; the rest goes on",
        figure=f"{wanted} poisons, {wanted} letters; {account}",
        remedy="veille dead-letters",
    )


@contextmanager
def sending(arena: Arena) -> Iterator[Callable[[str, str, bytes | None], None]]:
    """A producer of whatever one likes; all is acknowledged at the end."""
    where = arena.env["VEILLE_KAFKA__BOOTSTRAP_SERVERS"]
    largest = {"message.max.bytes": 1_048_000, "log_level": 0}
    producer = Producer({"bootstrap.servers": where, "partitioner": "consistent", **largest})
    yield lambda topic, key, value: producer.produce(topic, value, key)
    assert producer.flush(20) == 0


def letters(arena: Arena) -> Iterator[dict[str, Any]]:
    done = veille("dead-letters", "--json", "--limit", "1000", env=arena.env)
    for line in done.stdout.splitlines():
        yield json.loads(line)
