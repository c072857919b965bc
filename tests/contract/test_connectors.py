"""The connector contract: one test for each MUST of docs/connectors.md, for every source."""

import contextlib
import gzip
import json
import logging
import re
import time
import unicodedata
from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Connector
from connectors.errors import (
    BadSettings,
    ConnectorError,
    Fatal,
    NotAllowed,
    Retriable,
    WaitUntil,
)
from connectors.post import decode, encode
from connectors.registry import CONNECTORS, build
from tests.contract.connectors import table
from tests.contract.connectors.fixtures import FIXTURES
from tests.contract.connectors.hooks import HOOKS
from tests.contract.connectors.server import Answer, Manner, Server
from tests.contract.connectors.world import (
    NOW,
    Fixture,
    World,
    collect,
    connector,
    context,
)

DOC = Path(__file__).parents[2] / "docs" / "connectors.md"
# These open no connection: MUSTs 4 to 12, 15, 16 and 18 can't apply; 2, 8, 14 and 20 are held to
# by their own tests. The tests named `offline` here are the rest.
OFFLINE = ("file", "sample")
# These reach for nothing, they are sent their posts: tests/contract/test_receivers.py is theirs.
PUSHED = ("webhook", "websub")
NETWORK = [name for name in CONNECTORS if name not in (*OFFLINE, *PUSHED, *table.OTHERWISE)]
STREAMS = ("bluesky", "nostr", "twitch")  # over WebSockets
SECRET = "s3cret-0f-the-source"
# Google leaves out lists that are empty: an empty object is how it says that there is no review.
EMPTY_OBJECT_IS_AN_ANSWER = ("googlebusiness", "googleplay", "gdelt")
# Neither a stream nor a POST follows a redirect at all.
NOT_REDIRECTED = (*STREAMS, "yandexmarket", "wikipedia")


@pytest.fixture(params=NETWORK)
def fixture(request: pytest.FixtureRequest) -> Fixture:
    return FIXTURES[request.param]


@pytest.fixture(params=OFFLINE)
def offline(request: pytest.FixtureRequest, tmp_path: Path) -> Connector:
    lines = [{"id": f"p{number}", "text": f"note {number}"} for number in range(6)]
    path = tmp_path / "posts.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    options: dict[str, dict[str, Any]] = {
        "file": {"path": str(path)},
        "sample": {"live": "no", "history_hours": 2},
    }
    return build(request.param, context(options[request.param]))


@pytest.fixture
def world(fixture: Fixture) -> World:
    return World([fixture.item(number) for number in range(6)])


@pytest.fixture
async def server(fixture: Fixture, world: World) -> AsyncIterator[Server]:
    async with fixture.serve(world) as running:
        yield running


def test_every_source_takes_part() -> None:
    assert set(NETWORK) == set(FIXTURES)
    assert set(PUSHED) <= set(HOOKS)


def test_every_must_has_its_test() -> None:
    musts = re.findall(r"^(\d+)\. \*\*", DOC.read_text(encoding="utf-8"), re.MULTILINE)
    tests = {found.group(1) for name in globals() if (found := re.match(r"test_must_(\d+)_", name))}
    assert {f"{int(number):02}" for number in musts} == tests


def test_the_table_of_sources_is_current() -> None:
    remedy = "python -m tests.contract.connectors.table --write"
    assert table.PAGE.read_text(encoding="utf-8") == table.page(), remedy


def test_every_source_has_its_page() -> None:
    for name, kind in CONNECTORS.items():
        if name in OFFLINE:
            continue
        page = (DOC.parent / "connectors" / f"{name}.md").read_text(encoding="utf-8")
        for option in kind.spec.options:
            assert f"`{option.name}`" in page, f"{name}.md does not explain {option.name}"


async def test_must_01_valid_posts(fixture: Fixture, server: Server) -> None:
    result = await collect(connector(fixture, server.url))
    assert result.error is None
    assert len(result.ids) == 6
    for step in result.steps:
        if step.post is not None:
            assert decode(encode(step.post)) == step.post
            assert step.post.id.startswith(f"{fixture.name}:")
            assert step.post.source == fixture.name


async def test_must_01_valid_posts_offline(offline: Connector) -> None:
    first, second = await collect(offline), await collect(offline)
    posts = [step.post for step in first.steps if step.post is not None]
    assert posts
    assert first.ids == second.ids  # MUST 3
    for post in posts:
        assert decode(encode(post)) == post
        assert post.id.startswith(f"{post.source}:")
        assert post.created_at.tzinfo is UTC  # MUST 13
        assert post.created_at <= post.collected_at
    for step in first.steps:
        assert json.loads(json.dumps(step.cursor)) == step.cursor  # MUST 19


async def test_must_02_resume_loses_nothing(fixture: Fixture, server: Server) -> None:
    whole = await collect(connector(fixture, server.url))
    for position, step in enumerate(whole.steps):
        if step.cursor is None:
            continue
        before = {s.post.id for s in whole.steps[: position + 1] if s.post is not None}
        rest = await collect(connector(fixture, server.url), step.cursor)
        assert before | set(rest.ids) == set(whole.ids)


async def test_must_02_new_posts_after_a_rest(
    fixture: Fixture, server: Server, world: World
) -> None:
    first = await collect(connector(fixture, server.url))
    world.items += [fixture.item(number) for number in range(6, 60)]
    second = await collect(connector(fixture, server.url), first.cursor)
    assert second.error is None
    assert len(set(first.ids) | set(second.ids)) == 60


async def test_must_03_repeats_have_the_same_ids(fixture: Fixture, server: Server) -> None:
    first = await collect(connector(fixture, server.url))
    second = await collect(connector(fixture, server.url))
    assert first.ids == second.ids
    assert len(set(first.ids)) == len(first.ids)


@pytest.mark.parametrize("written", ["seconds", "date"])
async def test_must_04_waits_as_told(
    fixture: Fixture, server: Server, world: World, written: str
) -> None:
    until = NOW + timedelta(seconds=90)
    value = "90" if written == "seconds" else format_datetime(until, usegmt=True)
    world.fault = Answer(429, b'{"error": "slow down"}', {"retry-after": value})
    error = (await collect(connector(fixture, server.url))).error
    assert isinstance(error, WaitUntil)
    assert error.moment == until


async def test_must_04_waits_for_the_reset(fixture: Fixture, server: Server, world: World) -> None:
    for value in ("2026-06-01T12:05:00.000Z", "300", str(int(NOW.timestamp()) + 300)):
        headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": value}
        world.fault = Answer(429, b"{}", headers)
        error = (await collect(connector(fixture, server.url))).error
        assert isinstance(error, WaitUntil)
        assert error.moment == NOW + timedelta(minutes=5)


async def test_must_05_429_without_a_time(fixture: Fixture, server: Server, world: World) -> None:
    world.fault = Answer(429, b"")
    error = (await collect(connector(fixture, server.url))).error
    assert isinstance(error, Retriable)
    assert "429" in str(error)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_must_06_server_errors_pass(
    fixture: Fixture, server: Server, world: World, status: int
) -> None:
    world.fault = Answer(status, b"<html>sorry</html>", {"content-type": "text/html"})
    error = (await collect(connector(fixture, server.url))).error
    assert type(error) is Retriable
    assert str(status) in str(error)


@pytest.mark.parametrize("status", [401, 403])
async def test_must_06_a_closed_door_is_fatal(
    fixture: Fixture, server: Server, world: World, status: int
) -> None:
    world.fault = Answer(status, b'{"error": "members only"}')
    error = (await collect(connector(fixture, server.url))).error
    assert isinstance(error, Fatal)
    assert "members only" in str(error)


@pytest.mark.parametrize("manner", ["hang", "drip", "cut"])
async def test_must_07_slow_and_broken_answers_pass(
    fixture: Fixture, server: Server, world: World, manner: Manner
) -> None:
    world.fault = Answer(200, b'{"a": 1}' * 100, manner=manner)
    started = time.monotonic()
    error = (await collect(connector(fixture, server.url, timeout=0.5))).error
    assert isinstance(error, Retriable)
    assert time.monotonic() - started < 5


async def test_must_07_nobody_listens(fixture: Fixture) -> None:
    async with fixture.serve(World()) as gone:
        url = gone.url
    error = (await collect(connector(fixture, url))).error
    assert isinstance(error, Retriable)


async def test_must_08_one_bad_item_harms_no_other(
    fixture: Fixture, server: Server, world: World
) -> None:
    world.items[2] = fixture.broken(2)
    result = await collect(connector(fixture, server.url))
    dead = [step.dead for step in result.steps if step.dead is not None]
    assert result.error is None
    assert len(result.ids) == 5
    assert len(dead) == 1
    assert dead[0].place
    assert dead[0].raw
    assert str(dead[0])


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[", b"<!doctype html><title>Log in</title>", b"{}", b"[[[]]]", b"\x00\xff"],
)
async def test_must_09_malformed_bodies(
    fixture: Fixture, server: Server, world: World, body: bytes
) -> None:
    world.fault = Answer(body=body)
    result = await collect(connector(fixture, server.url))
    dead = [step.dead for step in result.steps if step.dead is not None]
    if body != b"{}" or fixture.name not in EMPTY_OBJECT_IS_AN_ANSWER:
        assert result.error is not None or dead
    assert result.ids == []


async def test_must_10_invalid_utf8(fixture: Fixture, server: Server, world: World) -> None:
    world.fault = Answer(body=b'{"kind": "\xc3\x28\xff", "items": "\xed\xa0\x80"}')
    result = await collect(connector(fixture, server.url))
    dead = [step.dead for step in result.steps if step.dead is not None]
    assert result.error is not None or dead


@pytest.mark.parametrize("packed", [False, True])
async def test_must_11_oversized_bodies(
    fixture: Fixture, server: Server, world: World, packed: bool
) -> None:
    body = b" " * (64 * 1024 * 1024 if packed else 12 * 1024 * 1024)
    headers = {"content-encoding": "gzip"} if packed else {}
    world.fault = Answer(body=gzip.compress(body, 1) if packed else body, headers=headers)
    result = await collect(connector(fixture, server.url))
    if packed and fixture.name in STREAMS:
        # A WebSocket message is never unpacked: the bomb is an unreadable event.
        assert result.steps[0].dead is not None
    else:
        assert isinstance(result.error, Retriable)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "[::1]", "0x7f000001"])
async def test_must_12_private_addresses(fixture: Fixture, server: Server, host: str) -> None:
    base = server.url.replace("127.0.0.1", host)
    source = build(fixture.name, context(fixture.options(base), allow_hosts=frozenset()))
    error = (await collect(source)).error
    assert isinstance(error, NotAllowed)
    assert "VEILLE_ALLOW_HOSTS" in str(error)
    assert server.requests == []


async def test_must_12_redirects_are_checked(
    fixture: Fixture, server: Server, world: World
) -> None:
    target = "http://169.254.169.254/latest/meta-data/"
    world.fault = Answer(302, headers={"location": target})
    error = (await collect(connector(fixture, server.url))).error
    if fixture.name in NOT_REDIRECTED:
        assert isinstance(error, ConnectorError)
    else:
        assert isinstance(error, NotAllowed)
        assert "169.254.169.254" in str(error)


async def test_must_13_times_are_utc_and_past(
    fixture: Fixture, server: Server, world: World
) -> None:
    world.items[5] = fixture.item(5, at=NOW + timedelta(days=3))
    result = await collect(connector(fixture, server.url))
    posts = [step.post for step in result.steps if step.post is not None]
    assert len(posts) == 6
    for post in posts:
        assert post.created_at.tzinfo is UTC
        assert post.created_at <= post.collected_at == NOW


async def test_must_14_text_is_plain(fixture: Fixture, server: Server, world: World) -> None:
    world.items[0] = fixture.item(0, text="cafe\u0301 \u202e\u0007tea" + " long" * 30_000)
    result = await collect(connector(fixture, server.url))
    post = result.steps[0].post
    assert post is not None
    assert post.text.startswith("café tea long")
    assert post.truncated
    assert len(post.text.encode()) <= 64 * 1024
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in post.text)


async def test_must_15_secrets_stay_secret(
    fixture: Fixture, server: Server, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    notes: list[str] = []
    said: list[str] = []
    for fault in (
        Answer(401, json.dumps({"error": f"the key {SECRET} is wrong"}).encode()),
        Answer(500),
        Answer(body=b"["),
        Answer(manner="cut", body=b"12345678"),
    ):
        world.fault = fault
        with contextlib.suppress(BadSettings):
            options = fixture.secretive(server.url, SECRET)
            source = build(fixture.name, context(options, on_note=notes.append))
            result = await collect(source)
            assert result.error is not None
            dead = [str(step.dead) for step in result.steps if step.dead is not None]
            said += [repr(result.error), str(result.error), *dead]
    assert SECRET not in "".join([*said, *notes, caplog.text])


async def test_must_16_base_url_is_honoured(fixture: Fixture, server: Server) -> None:
    result = await collect(connector(fixture, server.url + "/deeper"))
    assert server.requests
    assert all(request.path.startswith("/deeper/") for request in server.requests)
    assert len(result.ids) == 6


async def test_must_17_bad_settings_are_explained(fixture: Fixture) -> None:
    for bad in fixture.bad():
        with pytest.raises(BadSettings) as caught:
            build(fixture.name, context(bad))
        for name, value in bad.items():
            assert f"'{name}'" in str(caught.value)
            assert not isinstance(value, str) or value in str(caught.value)
    good: dict[str, Any] = fixture.options("http://127.0.0.1:1")
    with pytest.raises(BadSettings, match="did you mean 'base_url'"):
        build(fixture.name, context({**good, "base_ur": "x"}))


@pytest.mark.parametrize("name", OFFLINE)
async def test_must_17_bad_settings_are_explained_offline(name: str) -> None:
    option = CONNECTORS[name].spec.options[0].name
    with pytest.raises(BadSettings, match=f"did you mean '{option}'"):
        build(name, context({option[:-1]: "x"}))


async def test_must_18_names_itself(fixture: Fixture, server: Server) -> None:
    page = "https://ops.example/veille"
    await collect(connector(fixture, server.url, contact=page))
    agents = {request.headers["user-agent"] for request in server.requests}
    assert len(agents) == 1
    assert re.fullmatch(rf"Veille/\S+ \(\+{re.escape(page)}\)", agents.pop())


async def test_must_19_cursors_are_json(fixture: Fixture, server: Server) -> None:
    result = await collect(connector(fixture, server.url))
    assert result.cursor is not None
    for step in result.steps:
        assert json.loads(json.dumps(step.cursor)) == step.cursor


async def test_must_20_edits(fixture: Fixture, server: Server, world: World) -> None:
    source = connector(fixture, server.url)
    first = await collect(source)
    told = fixture.edit(world, 1, "changed my mind")
    second = await collect(source, first.cursor)
    edited = [s.post for s in second.steps if s.post is not None and s.post.state == "edited"]
    if told != "edited":
        assert edited == []
        assert told  # why the source can't tell
        return
    assert [post.id for post in edited] == [first.ids[1]]
    assert "changed my mind" in edited[0].text
    assert edited[0].updated_at is not None
    original = next(s.post for s in first.steps if s.post and s.post.id == edited[0].id)
    assert edited[0].version > original.version
    assert edited[0].created_at == original.created_at


async def test_must_20_deletions(fixture: Fixture, server: Server, world: World) -> None:
    source = connector(fixture, server.url)
    first = await collect(source)
    told = fixture.delete(world, 1)
    second = await collect(source, first.cursor)
    gone = [s.post for s in second.steps if s.post is not None and s.post.state == "deleted"]
    if told != "deleted":
        assert gone == []
        return
    assert [post.id for post in gone] == [first.ids[1]]
    assert gone[0].text == ""
    assert gone[0].author.id == ""
    assert gone[0].version >= int(first.steps[1].post.version if first.steps[1].post else 0)


@pytest.mark.parametrize("name", list(FIXTURES))
async def test_must_21_opens_nothing_before_it_is_iterated(name: str) -> None:
    async with FIXTURES[name].serve(World()) as server:
        source = connector(FIXTURES[name], server.url)
        stream = source.posts(None)
        assert server.requests == []
        del stream
