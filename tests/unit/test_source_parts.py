"""Shared parts of connectors: budgets, slices of time, what is looked at again, tokens, streams."""

import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from connectors import http
from connectors.base import Context, Usage
from connectors.errors import Fatal, Retriable, WaitUntil
from connectors.follow import Follow, Recheck
from connectors.quota import Quota
from connectors.slices import Found, sliced
from connectors.sse import Event, events
from connectors.throttle import Throttle
from connectors.tokens import Grant, Tokens
from tests.contract.connectors.server import Answer, Request, running

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now.timestamp()


def context(clock: Clock, **more: Any) -> Context:
    return Context(clock=clock, allow_hosts=frozenset({"127.0.0.1"}), **more)


def test_a_budget_is_never_passed_and_begins_anew_at_the_sources_midnight() -> None:
    clock, told = Clock(), list[Usage]()
    here = context(clock, on_usage=told.append)
    quota = Quota(here, None, what="searches", limit=2, period="day", zone="America/Los_Angeles")
    quota.spend()
    quota.spend()
    with pytest.raises(WaitUntil) as error:
        quota.spend()
    assert error.value.moment == datetime(2026, 6, 2, 7, 0, tzinfo=UTC)
    assert (told[-1].used, told[-1].limit, told[-1].what) == (2, 2, "searches")
    again = Quota(
        here,
        json.loads(json.dumps(quota.state)),
        what="searches",
        limit=2,
        period="day",
        zone="America/Los_Angeles",
    )
    assert again.left == 0
    clock.now = error.value.moment
    assert again.left == 2
    again.spend()


@pytest.mark.parametrize(
    ("period", "ends"),
    [
        ("minute", datetime(2026, 6, 1, 12, 1, tzinfo=UTC)),
        ("hour", datetime(2026, 6, 1, 13, 0, tzinfo=UTC)),
        ("day", datetime(2026, 6, 2, 0, 0, tzinfo=UTC)),
        ("month", datetime(2026, 7, 1, 0, 0, tzinfo=UTC)),
    ],
)
def test_periods_end(period: Any, ends: datetime) -> None:
    quota = Quota(context(Clock()), {"began": 5, "used": "x"}, what="calls", limit=1, period=period)
    assert quota.used_up() == ends
    assert quota.left == 0


def test_a_day_of_25_hours_ends_at_midnight() -> None:
    clock = Clock(datetime(2026, 11, 1, 12, 0, tzinfo=UTC))
    zone = "America/Los_Angeles"
    quota = Quota(context(clock), None, what="calls", limit=1, period="day", zone=zone)
    assert quota.ends == datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


async def test_a_search_is_cut_until_all_is_reached_once() -> None:
    times = [NOON + timedelta(seconds=number) for number in range(0, 4000, 7)]
    calls = 0

    async def find(since: datetime, until: datetime) -> Found[datetime]:
        nonlocal calls
        calls += 1
        inside = [one for one in times if since <= one < until]
        return Found(inside[:100], whole=len(inside) <= 100)

    parts = [one async for one in sliced(NOON, NOON + timedelta(seconds=4000), find)]
    assert [item for part in parts for item in part.items] == times
    assert all(a.until == b.since for a, b in pairwise(parts))
    assert not any(part.lost for part in parts)
    assert calls < 2 * len(parts) + 1


async def test_what_no_slice_can_reach_is_said() -> None:
    async def find(since: datetime, until: datetime) -> Found[int]:
        return Found([1], whole=False)

    parts = [one async for one in sliced(NOON, NOON + timedelta(seconds=3), find)]
    assert len(parts) == 3
    assert all(part.lost for part in parts)


def test_a_lively_thread_is_looked_at_often_and_a_silent_one_ever_less() -> None:
    now, follow = NOON, Follow(None)
    follow.add("post", now)
    assert follow.due(now) == []
    rests = []
    for fresh in (20, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0):
        due = datetime.fromtimestamp(follow.state["post"][0], UTC)
        rests.append((due - now).total_seconds())
        now = due
        assert follow.due(now) == ["post"]
        follow.looked("post", now, fresh, mark="newest" if fresh else "")
    assert rests[0] == 300
    assert rests[2] == 120
    assert rests[3:] == sorted(rests[3:])
    assert rests[-1] <= 7 * 86_400
    assert follow.mark("post") == "newest"
    follow.looked("post", now, 50)  # it woke up
    assert follow.state["post"][0] - now.timestamp() < rests[-1]
    assert Follow(json.loads(json.dumps(follow.state))).state == follow.state


def test_what_is_followed_is_bounded_and_let_go() -> None:
    follow = Follow({"bad": [1], 5: [], "good": [0.0, 300.0, 0.0, ""]}, most=3)
    assert list(follow.state) == ["good"]
    for number in range(5):
        follow.add(f"p{number}", NOON + timedelta(minutes=number))
    assert sorted(follow.state) == ["p2", "p3", "p4"]
    follow.looked("p2", NOON + timedelta(days=61), 0)
    follow.drop("p3")
    assert list(follow.state) == ["p4"]


def test_posts_are_asked_again_after_an_hour_a_day_and_a_week() -> None:
    recheck = Recheck(None)
    recheck.add("post", NOON, NOON)
    recheck.add("old", NOON - timedelta(days=8), NOON)
    found = []
    for minutes in range(0, 8 * 24 * 60, 30):
        now = NOON + timedelta(minutes=minutes)
        for name in recheck.due(now):
            found.append((name, minutes))
            recheck.asked(name, now)
    assert found == [("post", 60), ("post", 24 * 60), ("post", 7 * 24 * 60)]
    assert recheck.state == {}


async def _lines(text: str) -> AsyncIterator[bytes]:
    for one in text.encode().split(b"\n"):
        yield one


async def test_server_sent_events() -> None:
    text = ":thump\nevent: update\nid: 7\ndata: one\ndata:two\n\ndata: three\n\ndata: cut"
    assert [one async for one in events(_lines(text))] == [
        Event("update", "one\ntwo", "7"),
        Event("message", "three", "7"),
    ]


async def test_a_token_is_renewed_in_time_and_shown_nowhere() -> None:
    clock, asked = Clock(), list[Request]()

    def answer(request: Request) -> Answer:
        asked.append(request)
        if request.path == "/token":
            said = {"access_token": f"token-{len(asked)}", "expires_in": 600}
            return Answer(body=json.dumps(said).encode())
        return Answer(400, json.dumps({"error": request.headers["authorization"]}).encode())

    async with running(answer) as server, http.Client(context(clock)) as client:
        grant = Grant(
            f"{server.url}/token",
            {"grant_type": "client_credentials"},
            "make a new secret",
            basic=("me", "secret-of-mine"),
        )
        tokens = Tokens(context(clock), grant=grant)
        assert await tokens.get(client) == "token-1"
        assert await tokens.get(client) == "token-1"
        clock.now += timedelta(seconds=545)
        assert await tokens.bearer(client) == {"authorization": "Bearer token-2"}
        assert asked[0].method == "POST"
        assert asked[0].form == {"grant_type": "client_credentials"}
        assert asked[0].headers["authorization"] == http.basic("me", "secret-of-mine")
        with pytest.raises(Fatal) as error:
            await client.get(f"{server.url}/x", headers=await tokens.bearer(client))
        assert "token-2" not in str(error.value)


async def test_a_refused_grant_says_what_to_do() -> None:
    def answer(request: Request) -> Answer:
        return Answer(400, b'{"error": "invalid_grant"}')

    async with running(answer) as server, http.Client(context(Clock())) as client:
        grant = Grant(f"{server.url}/token", {"refresh_token": "old-one"}, "log in again")
        with pytest.raises(Fatal, match=r"invalid_grant.*Remedy: log in again"):
            await Tokens(context(Clock()), grant=grant).get(client)
    fixed = Tokens(context(Clock()), fixed="given")
    async with http.Client(context(Clock())) as client:
        assert await fixed.get(client) == "given"
        with pytest.raises(Fatal, match="Remedy"):
            await fixed.renew(client)


async def test_a_post_is_sent_whole_and_never_redirected() -> None:
    asked = list[Request]()

    def answer(request: Request) -> Answer:
        asked.append(request)
        if request.path == "/moved":
            return Answer(302, b"", {"location": "/there"})
        return Answer(body=b"[1]")

    async with running(answer) as server, http.Client(context(Clock())) as client:
        reply = await client.post(f"{server.url}/x", json={"q": "thé"})
        assert http.decode(reply) == [1]
        assert json.loads(asked[0].body) == {"q": "thé"}
        with pytest.raises(Fatal):
            await client.post(f"{server.url}/moved", form={"a": "b"})
    assert len(asked) == 2


async def test_a_stream_gives_lines_and_breaks_in_words() -> None:
    def answer(request: Request) -> Answer:
        if request.path == "/hang":
            return Answer(body=b"a\n", headers={"content-length": "100"})
        if request.path == "/closed":
            return Answer(401, b'{"error": "no"}')
        return Answer(body=b"one\r\ntwo\n\nthree\nrest")

    async with running(answer) as server, http.Client(context(Clock())) as client:
        async with client.stream(f"{server.url}/x") as lines:
            assert [one async for one in lines] == [b"one", b"two", b"", b"three"]
        with pytest.raises(Fatal, match="no"):
            async with client.stream(f"{server.url}/closed"):
                pass
        async with client.stream(f"{server.url}/hang", silence=0.1) as lines:
            assert await anext(lines) == b"a"
            with pytest.raises(Retriable, match="silent"):
                await anext(lines)


async def test_calls_are_spread_in_time() -> None:
    throttle, began = Throttle(2, seconds=0.05), time.monotonic()
    for _ in range(5):
        await throttle.turn()
    assert time.monotonic() - began >= 0.1
