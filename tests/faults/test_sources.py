"""Sources that break: nothing is lost or doubled, time and memory stay bounded, one is told."""

import asyncio
import json
import random
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.contract.connectors.fixtures import FIXTURES
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, World
from tests.faults.arena import record
from tests.faults.hostile import Hostile, faults, items, names, post_id, text_of, truth
from tests.faults.way import Way, account, way

POLLED = ("rss", "mastodon", "hackernews")


def pairs() -> list[Any]:
    """Every fault at every source; in turn, one of the sources is among the quick tests."""
    marks: tuple[Any, ...] = (pytest.mark.long,)
    return [
        pytest.param(fault, name, marks=() if turn % len(POLLED) == place else marks)
        for turn, fault in enumerate(names())
        for place, name in enumerate(POLLED)
    ]


@pytest.mark.parametrize(("fault", "name"), pairs())
async def test_answers_that_break(fault: str, name: str, seed: int, tmp_path: Path) -> None:
    fixture, kind = FIXTURES[name], faults(name)[fault]
    world = Hostile(items(fixture), kind, random.Random(f"{seed} {name} {fault}"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    async with way(tmp_path) as one, fixture.serve(world) as server:
        calm: list[int] = []

        def over() -> bool:
            if world.done and not calm:
                calm.append(one.passes)
            return world.done and one.passes >= calm[0] + 3

        await one.run(name, {**fixture.options(server.url), "timeout": 0.3}, over)
        result = await account(one, truth(fixture))
        assert any(kind.told in said for said in one.told), one.told
        rests = one.clock.rests
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) // 1024
    assert time.monotonic() - began < 30
    assert grown < 150
    if "with Retry-After" in fault:
        assert max(rests) >= float(kind.answer.headers["retry-after"])
    record(
        fault=f"source: {fault}",
        behaviour="the source rests as its class of error says and reads on from its saved cursor",
        figure=result,
    )


def settled(one: Way, passes: int = 3) -> Callable[[], bool]:
    """So many passes that ended well."""
    return lambda: one.passes >= passes


async def test_the_same_post_twice(seed: int, tmp_path: Path) -> None:
    """In one page, in the next page, and after a restart from an older cursor."""
    figures = []
    for name in POLLED:
        fixture = FIXTURES[name]
        twice = [item for item in items(fixture, 20) for _ in range(2)]
        listed = items(fixture, 20) if name == "hackernews" else twice
        (folder := tmp_path / name).mkdir()
        async with way(folder) as one, fixture.serve(World(listed)) as server:
            await one.run(name, fixture.options(server.url), settled(one))
            one.cursors.cursors.clear()
            await one.run(name, fixture.options(server.url), settled(one))
            figures.append(await account(one, truth(fixture, 20)))
    record(
        fault="source: the same ids again, in a page and after a lost cursor",
        behaviour="ids are deterministic and the store keeps one of each",
        figure=f"{sum(figure.total for figure in figures)} mentions: lost 0, extra 0, wrong 0",
    )


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("name", ["rss", "hackernews"])
async def test_posts_that_come_back_edited(name: str, restart: bool, tmp_path: Path) -> None:
    """One edit stays in its topic, one leaves it, one enters it; also over a restart."""
    fixture = FIXTURES[name]
    world, wanted = World(items(fixture, 12)), truth(fixture, 12)
    async with way(tmp_path) as one, fixture.serve(world) as server:
        options = fixture.options(server.url)

        def edited() -> bool:
            return one.passes >= 5

        if restart:
            await one.run(name, options, settled(one))
        changes = {1: "Acmeron, as corrected", 2: "not about them", 3: "about Acmeron now"}
        for number, text in changes.items():
            one.clock.now += timedelta(minutes=5)
            if not restart:
                await one.run(name, options, settled(one))
            fixture.edit(world, number, text)
            wanted[post_id(fixture, number)] = text
            if name == "hackernews":  # each is listed for a while
                await one.run(name, options, settled(one))
        await one.run(name, options, edited)
        figure = await account(one, wanted)
    record(
        fault=f"source: ids that come back edited{' after a restart' if restart else ''} ({name})",
        behaviour="the edit replaces; one that leaves the topic removes the mention",
        figure=figure,
    )


@pytest.mark.parametrize("days", [-3.0, 2.0, 26_000.0])
async def test_a_sources_clock_that_is_days_off(days: float, tmp_path: Path) -> None:
    """The first version's date is off; the edit that follows is dated rightly, and wins."""
    fixture = FIXTURES["rss"]
    off = timedelta(days=days)
    dated = [fixture.item(n, text=text_of(n), at=NOW + off) for n in range(9)]
    world, wanted = World(dated), truth(fixture, 9)
    async with way(tmp_path) as one, fixture.serve(world) as server:
        await one.run("rss", fixture.options(server.url), settled(one))
        one.clock.now += timedelta(minutes=1)
        fixture.edit(world, 1, "Acmeron, put right")
        wanted[post_id(fixture, 1)] = "Acmeron, put right"
        await one.run("rss", fixture.options(server.url), settled(one))
        figure = await account(one, wanted)
        stored = (await one.stored()).values()
    assert all(mention.post.created_at <= one.clock.now for mention in stored)
    record(
        fault="source: its clock is days off, or a post is dated 2097",
        behaviour="times are held to the moment of collection, so that a later edit wins",
        figure=figure,
    )


async def test_a_deletion_before_its_post(tmp_path: Path) -> None:
    """Bluesky's stream tells of a deletion, then of the post itself, and repeats the latter."""
    fixture = FIXTURES["bluesky"]
    events = items(fixture, 9)
    world = World([])
    fixture.delete(world, 1)
    gone = {**world.items[0], "time_us": events[0]["time_us"]}
    world.items = [gone, *events, events[1]]
    wanted = truth(fixture, 9)
    async with way(tmp_path) as one, fixture.serve(world) as server:
        # A deletion is as new as its event: one that was told too early is told again.
        world.items.append({**gone, "time_us": events[8]["time_us"] + 1})
        await one.run("bluesky", fixture.options(server.url), settled(one))
        del wanted[post_id(fixture, 1)]
        figure = await account(one, wanted)
    record(
        fault="source: a deletion before its post, and the post again after it",
        behaviour="the tombstone keeps the post away",
        figure=figure,
    )


async def test_a_cursor_that_is_refused(tmp_path: Path) -> None:
    """The server says "too old": it is read from its present, and the gap is on record."""
    fixture = FIXTURES["mastodon"]
    world = Forgetful(items(fixture, 30))
    async with way(tmp_path) as one, running(world.answer) as server:
        one.cursors.cursors["mastodon"] = {"public": "42"}
        await one.run("mastodon", fixture.options(server.url), settled(one))
        figure = await account(one, truth(fixture, 30))
        assert any("no longer knows" in gap.reason for gap in one.state.gaps)
        assert one.state.state in ("waiting", "stopped")
    record(
        fault="source: the saved cursor is refused (too old)",
        behaviour="read from what the server still has; the gap is shown with its reason",
        figure=figure,
        remedy="posts of the gap can be had from the source's own search only",
    )


class Forgetful:
    """A Mastodon that refuses what is older than its posts, and whose pages overlap and shift."""

    def __init__(self, listed: list[Any], hidden: list[Any] | None = None) -> None:
        self.listed, self.hidden = listed, hidden or []

    def answer(self, request: Request) -> Answer:
        after = int(request.query.get("min_id", "0"))
        if 0 < after < 110_000:
            return Answer(410, b'{"error": "min_id is too old"}')
        self.listed += self.hidden[:7]  # between two pages others have written
        del self.hidden[:7]
        first = after - 15 if after else 0  # the page overlaps the one before
        later = [item for item in self.listed if int(item["id"]) > first]
        page = later[:40] if after else later[-40:]
        return Answer(body=json.dumps(page[::-1]).encode())


async def test_pages_that_overlap_and_shift(tmp_path: Path) -> None:
    fixture = FIXTURES["mastodon"]
    listed = items(fixture, 200)
    world = Forgetful(listed[:33], listed[33:])
    async with way(tmp_path) as one, running(world.answer) as server:
        await one.run(
            "mastodon",
            fixture.options(server.url),
            lambda: not world.hidden and one.passes >= 4,
        )
        figure = await account(one, truth(fixture, 200))
    record(
        fault="source: pages that overlap, and shift while they are read",
        behaviour="pages are asked for by id, not by number; what comes twice is stored once",
        figure=figure,
    )


CUTS = ("mid-frame", "reset", "too large", "garbage", "closed", "silent")


@pytest.mark.parametrize("cut", CUTS)
async def test_a_stream_that_is_cut(cut: str, seed: int, tmp_path: Path) -> None:
    """Every connection is cut at a random event; each next one resumes from the cursor."""
    fixture = FIXTURES["bluesky"]
    stream = Cutting(items(fixture), cut, random.Random(f"{seed} {cut}"))
    async with way(tmp_path) as one, serve(stream.talk, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        options = {"base_url": f"http://127.0.0.1:{port}", "silence": 0.3, "timeout": 2}
        await one.run("bluesky", options, lambda: stream.whole >= 2)
        figure = await account(one, truth(fixture))
        assert not CUT_TOLD[cut] or any(CUT_TOLD[cut] in said for said in one.told), one.told
        assert cut != "garbage" or await one.dead()
    record(
        fault=f"source: a WebSocket that is cut ({cut})",
        behaviour="connects anew from the cursor of the last event that is safe",
        figure=figure,
    )


CUT_TOLD = {
    "mid-frame": "cut the stream",
    "reset": "cut the stream",
    "too large": "cut the stream",
    "garbage": "",
    "closed": "",
    "silent": "has been silent",
}


class Cutting:
    """A Jetstream whose first connections break somewhere; the others send all that there is."""

    def __init__(self, events: list[Any], cut: str, rng: random.Random) -> None:
        self._events, self._cut, self._rng = events, cut, rng
        self._cuts = 5
        self.whole = 0

    async def talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        asked = parse_qs(urlsplit(connection.request.path).query).get("cursor", ["0"])
        events = [event for event in self._events if event["time_us"] >= int(asked[0])]
        with suppress(ConnectionClosed):
            if self._cuts:
                self._cuts -= 1
                await self._break(connection, events)
                return
            for event in events:
                await connection.send(json.dumps(event))
            self.whole += 1

    async def _break(self, connection: ServerConnection, events: list[Any]) -> None:
        for event in events[: self._rng.randint(1, 25)]:
            await connection.send(json.dumps(event))
        if self._cut == "mid-frame":
            connection.transport.write(b"\x81\x7e\x10\x00" + b'{"did": "did:plc:auth')
            await asyncio.sleep(0)
            connection.transport.close()
        elif self._cut == "reset":
            connection.transport.abort()
        elif self._cut == "too large":
            await connection.send("x" * (3 * 1024 * 1024))
            await connection.wait_closed()
        elif self._cut == "garbage":
            await connection.send(b"\xff\x00{[" * 9)
        elif self._cut == "silent":
            await connection.wait_closed()
