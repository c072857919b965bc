"""Feeds visited each at its own rhythm, over hours of an invented clock."""

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from connectors.concurrency import by_lane
from connectors.errors import Retriable, WaitUntil
from connectors.feed_memory import Memory, Seen, entry_key, read_memory, read_plan
from connectors.rss import Rss
from tests.contract.connectors.fixtures.rss import RssFixture, feed
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, collect, context

ITEM = RssFixture().item
MINUTE = 60.0


class Clock:
    def __init__(self) -> None:
        self.at = NOW.timestamp()

    def __call__(self) -> float:
        return self.at


async def watched(answers: dict[str, Any], minutes: int, **options: Any) -> Counter[str]:
    """How often each path was asked in so many minutes."""
    clock = Clock()
    asked: Counter[str] = Counter()

    def answer(request: Request) -> Answer:
        asked[request.path] += 1
        made = answers[request.path]
        found: Answer = made(clock.at - NOW.timestamp()) if callable(made) else made
        return found

    cursor: Any = None
    async with running(answer) as server:
        urls = [server.url + path for path in answers]
        source = Rss(context({"urls": urls, **options}, clock=clock))
        for _ in range(minutes):
            result = await collect(source, cursor)
            assert result.error is None
            cursor = result.cursor or cursor
            clock.at += MINUTE
    return asked


def lively(elapsed: float) -> Answer:
    newest = int(elapsed // 120)
    return Answer(body=feed([ITEM(number) for number in range(newest, newest + 20)]))


async def test_a_lively_feed_is_asked_more_often_than_a_silent_one() -> None:
    asked = await watched({"/lively": lively, "/silent": Answer(body=feed([ITEM(1)]))}, 240)
    assert asked["/lively"] > 5 * asked["/silent"]
    assert 5 <= asked["/silent"] <= 15


async def test_ttl_and_max_age_are_kept_to() -> None:
    body = feed([ITEM(number) for number in range(20)])
    told = body.replace(b"<channel>", b"<channel><ttl>30</ttl>")
    aged = Answer(body=body, headers={"cache-control": "max-age=1200"})
    asked = await watched({"/ttl": Answer(body=told), "/aged": aged}, 60)
    assert asked["/ttl"] == 2
    assert asked["/aged"] in (2, 3)


async def test_hours_to_skip_hold_after_a_304_as_well() -> None:
    body = feed([ITEM(1)]).replace(
        b"<channel>", b"<channel><skipHours><hour>13</hour><hour>14</hour></skipHours>"
    )

    def answer(elapsed: float) -> Answer:
        return Answer(body=body) if elapsed == 0 else Answer(304)

    assert (await watched({"/f": answer}, 175, slowest=60))["/f"] < 62


async def test_a_gone_feed_stops_alone() -> None:
    asked = await watched({"/gone": Answer(410), "/good": Answer(body=feed([ITEM(1)]))}, 60)
    assert asked["/gone"] == 1
    assert asked["/good"] > 1


async def test_a_failing_feed_is_asked_ever_less() -> None:
    good = Answer(body=feed([ITEM(1)]))
    asked = await watched({"/broken": Answer(500), "/good": good}, 240)
    assert asked["/broken"] < 10


async def test_the_same_document_again_is_not_read_again() -> None:
    """Servers without ETag send it whole each time."""
    body = feed([ITEM(1)])
    async with running(lambda _: Answer(body=body)) as server:
        source = Rss(context({"urls": server.url, "fastest": 0}))
        first = await collect(source)
        second = await collect(source, first.cursor)
    assert (len(first.ids), second.ids) == (1, [])
    assert second.cursor == first.cursor


async def test_one_hosts_limit_closes_no_other() -> None:
    used = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "300"}
    async with (
        running(lambda _: Answer(body=feed([ITEM(1)]), headers=used)) as one,
        running(lambda _: Answer(body=feed([ITEM(2)]))) as other,
    ):
        result = await collect(Rss(context({"urls": [one.url, f"{other.url}/a", other.url]})))
    assert (result.error, len(result.ids)) == (None, 3)


async def test_a_moved_feed_whose_new_place_is_lost_is_asked_at_the_old() -> None:
    moved = [True]

    def answer(request: Request) -> Answer:
        if request.path == "/new":
            return Answer(404)
        if moved[0]:
            return Answer(301, headers={"location": "/elsewhere"})
        return Answer(body=feed([ITEM(1)]))

    async with running(answer) as server:
        source = Rss(context({"urls": f"{server.url}/old", "fastest": 0}))
        moved[0] = False
        cursor = {f"{server.url}/old": Memory(moved=f"{server.url}/new").stored}
        lost = await collect(source, cursor)
        result = await collect(source, lost.cursor)
    assert lost.error is not None
    assert len(result.ids) == 1


def test_what_is_kept_of_a_feed_is_small_and_comes_back() -> None:
    memory = Memory(etag='W/"1"', newest=5, gone=True)
    page = {entry_key(str(n)): Seen(bytes([n] * 4), 1_780_000_000 + n) for n in range(30)}
    memory.keep(page)
    memory.keep({entry_key("x"): Seen(b"abcd", 7)})
    assert len(memory.seen) == 21
    again = read_memory(memory.stored)
    assert again == memory
    assert len(memory.stored) < 21 * 20
    assert read_plan(memory.stored).gone
    for other in (None, {"seen": "!"}, "", "soon\t2\t3", memory.stored + "\tmore"):
        assert read_memory(other) == Memory()
    assert read_plan("soon\t1\t2\t3").due == 0


@pytest.mark.parametrize("seed", range(5))
async def test_lanes_bound_what_is_asked_at_once(seed: int) -> None:
    rng = random.Random(seed)
    items = [(rng.randrange(5), number) for number in range(200)]
    now: Counter[int] = Counter()
    most: Counter[int] = Counter()

    async def call(item: tuple[int, int]) -> int:
        now[item[0]] += 1
        most[item[0]] = max(most[item[0]], now[item[0]])
        assert sum(now.values()) <= 7
        for _ in range(rng.randrange(4)):
            await asyncio.sleep(0)
        now[item[0]] -= 1
        return item[1]

    found = [number async for _, number in by_lane(call, items, 7, lambda item: item[0], 2)]
    assert sorted(found) == list(range(200))
    assert max(most.values()) == 2


async def test_a_slow_lane_holds_no_other_back() -> None:
    never = asyncio.Event()

    async def call(item: str) -> str:
        if item.startswith("slow"):
            await never.wait()
        return item

    items = ["slow1", "slow2", "slow3", *(f"fast{n}" for n in range(20))]
    found = []
    async for item, _ in by_lane(call, items, 4, lambda item: item[:4], 2):
        found.append(item)
        if len(found) == 20:
            break
    assert all(item.startswith("fast") for item in found)


async def test_a_source_whose_feeds_all_fail_does_not_look_well_between_visits() -> None:
    async with running(lambda _: Answer(500)) as server:
        source = Rss(context({"urls": server.url}))
        first = await collect(source)
        second = await collect(source, first.cursor)
        assert len(server.requests) == 1
    assert type(first.error) is Retriable
    assert isinstance(second.error, WaitUntil)
    assert second.error.moment > NOW
