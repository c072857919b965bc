"""Trustpilot and Yandex Market: what only they do."""

import json
from datetime import timedelta
from typing import Any

import pytest

from connectors.errors import BadSettings, Fatal, WaitUntil
from connectors.trustpilot import Trustpilot
from connectors.yandexmarket import YandexMarket
from tests.contract.connectors.fixtures.shared import moment
from tests.contract.connectors.fixtures.trustpilot import UNIT, TrustpilotFixture
from tests.contract.connectors.fixtures.yandexmarket import YandexMarketFixture
from tests.contract.connectors.server import Answer, running
from tests.contract.connectors.world import NOW, World, collect, context

TRUST, MARKET = TrustpilotFixture(), YandexMarketFixture()


async def test_a_business_is_found_by_its_domain_once() -> None:
    async with TRUST.serve(World([TRUST.item(1)])) as server:
        options = {**TRUST.options(server.url), "businesses": "Example.org", "languages": "en, fr"}
        first = await collect(Trustpilot(context(options)))
        await collect(Trustpilot(context(options)), first.cursor)
        paths = [request.path for request in server.requests]
        assert server.requests[0].query == {"name": "example.org"}
        assert server.requests[1].query["language"] == "en,fr"
        assert server.requests[1].headers["apikey"] == "k3y-of-trust"
    reviews = f"/v1/business-units/{UNIT}/reviews"
    assert paths == ["/v1/business-units/find", reviews, reviews]
    post = first.steps[0].post
    assert post is not None
    assert (post.id, post.title, post.text) == ("trustpilot:r1", "title 1", "note 1")
    assert (post.author.name, post.author.location) == ("A", "Ghent, BE")
    assert (post.engagement.likes, post.engagement.replies) == (2, 0)
    assert post.thread_id == f"trustpilot:unit/{UNIT}"


async def test_an_unknown_business_says_what_to_do() -> None:
    async with running(lambda _: Answer(404, b'{"message": "not found"}')) as server:
        options = {**TRUST.options(server.url), "businesses": "nowhere.example"}
        error = (await collect(Trustpilot(context(options)))).error
    assert isinstance(error, Fatal)
    assert "Remedy: name nowhere.example" in str(error)


async def test_reviews_are_asked_for_again() -> None:
    now = NOW

    def clock() -> float:
        return now.timestamp()

    world = World([TRUST.item(n) for n in (1, 2)])
    async with TRUST.serve(world) as server:
        one = Trustpilot(context(TRUST.options(server.url), clock=clock))
        first = await collect(one)
        now = NOW + timedelta(hours=30)
        world.items = [{**TRUST.item(2), "updatedAt": "2026-06-02T10:00:00Z", "text": "new"}]
        second = await collect(one, first.cursor)
        third = await collect(one, second.cursor)
    found = {s.post.id: s.post for s in second.steps if s.post}
    gone = found["trustpilot:r1"]
    assert (gone.state, gone.text, gone.created_at) == ("deleted", "", moment(1))
    assert (found["trustpilot:r2"].state, found["trustpilot:r2"].text) == ("edited", "new")
    assert third.ids == []


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"comment": "fine"}, "fine"),
        ({"advantages": "quick", "disadvantages": None}, "Достоинства: quick"),
        (
            {"advantages": "quick", "disadvantages": "small", "comment": "ok"},
            "Достоинства: quick\nНедостатки: small\nКомментарий: ok",
        ),
        (None, ""),
    ],
)
async def test_what_a_buyer_says(said: Any, text: str) -> None:
    item = {**MARKET.item(1), "description": said}
    async with MARKET.serve(World([item])) as server:
        result = await collect(YandexMarket(context(MARKET.options(server.url))))
        assert server.requests[0].headers["api-key"] == "k3y-of-market"
        assert json.loads(server.requests[0].body) == {}
    post = result.steps[0].post
    assert post is not None
    assert (post.id, post.text, post.author.name) == ("yandexmarket:5001", text, "A")
    assert (post.media, post.engagement.replies) == (["https://m.example/1.png"], 1)
    assert post.thread_id == "yandexmarket:77/tea-1"


async def test_pages_are_read_to_the_end_and_then_from_the_last_time() -> None:
    items = [MARKET.item(n, at=NOW - timedelta(days=100 - n)) for n in range(95)]
    async with MARKET.serve(World(items)) as server:
        one = YandexMarket(context(MARKET.options(server.url)))
        first = await collect(one)
        second = await collect(one, first.cursor)
        asked = json.loads(server.requests[-1].body)
    assert len(set(first.ids)) == 95
    assert second.ids == []
    assert asked == {"dateTimeFrom": (NOW - timedelta(days=8)).isoformat()}


async def test_a_420_is_waited_for() -> None:
    body = b'{"status": "ERROR", "errors": [{"code": "LIMIT_EXCEEDED", "message": "hourly"}]}'
    async with running(lambda _: Answer(420, body, {"retry-after": "60"})) as server:
        error = (await collect(YandexMarket(context(MARKET.options(server.url))))).error
    assert isinstance(error, WaitUntil)
    assert error.moment == NOW + timedelta(seconds=60)


def test_bad_settings_are_named() -> None:
    with pytest.raises(BadSettings, match="'businesses' is 'shop'; give numbers"):
        YandexMarket(context({"businesses": "shop", "key": "k"}))
    for kind in (Trustpilot, YandexMarket):
        with pytest.raises(BadSettings, match="set 'key'"):
            kind(context({"businesses": "1"}))
