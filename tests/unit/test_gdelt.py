import time
from datetime import timedelta
from typing import Any

import pytest

from connectors.errors import Refused, Retriable, WaitUntil
from connectors.gdelt import Gdelt, render
from connectors.post import Post
from connectors.searches import Search
from tests.contract.connectors.fixtures.gdelt import GdeltFixture, found
from tests.contract.connectors.fixtures.shared import encoded
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, Pass, World, collect, context

FIXTURE = GdeltFixture()
ITEM = FIXTURE.item


def posts(result: Pass) -> list[Post]:
    return [step.post for step in result.steps if step.post is not None]


async def read(body: bytes, **options: Any) -> Pass:
    async with running(lambda _: Answer(body=body)) as server:
        return await collect(Gdelt(context({**FIXTURE.options(server.url), **options})))


async def test_an_article_as_a_post() -> None:
    article = ITEM(1) | {"socialimage": "https://news.example/1.jpg", "title": "Thé &amp; lait"}
    async with running(lambda _: encoded({"articles": [article]})) as server:
        [post] = posts(await collect(Gdelt(context(FIXTURE.options(server.url)))))
    assert (post.id, post.kind) == ("gdelt:https://news.example/1", "article")
    assert (post.title, post.lang) == ("Thé & lait", "fr")
    assert post.place is not None
    assert (post.place.name, post.place.country) == ("France", "FR")
    assert post.author.url == "https://news.example"
    assert post.media == ["https://news.example/1.jpg"]
    assert post.created_at == NOW - timedelta(minutes=59)


async def test_errors_told_in_prose_with_status_200() -> None:
    refused = await read(b"The specified phrase is too short.\n")
    assert isinstance(refused.error, Refused)
    assert "phrase is too short" in str(refused.error)
    fast = b"Please limit requests to one every 5 seconds or contact the operators."
    waiting = (await read(fast)).error
    assert isinstance(waiting, WaitUntil)
    assert waiting.moment == NOW + timedelta(minutes=20)
    assert type((await read(b"<html><body>oops</body></html>")).error) is Retriable
    assert type((await read(b"Something unexpected")).error) is Retriable


async def test_429_without_a_time_is_a_long_rest() -> None:
    async with running(lambda _: Answer(429)) as server:
        error = (await collect(Gdelt(context(FIXTURE.options(server.url))))).error
    assert isinstance(error, WaitUntil)
    assert error.moment == NOW + timedelta(minutes=20)


async def test_no_article_is_no_error() -> None:
    for body in (b"{}", b'{"articles": []}', b"\xef\xbb\xbf{ }"):
        result = await read(body)
        assert (result.error, result.ids) == (None, [])
        assert result.cursor["until"]


async def test_escapes_and_control_characters_that_json_forbids() -> None:
    body = (
        rb'{"articles": [{"url": "https://a.example/1", "seendate": "20260601T110000Z", "title":'
        b' "a \\d \\\\d \\u00e9 \\uZZ \\"q\\" \t\x01 \xff"}]}'
    )
    [post] = posts(await read(body))
    assert post.title == '"a'[1:] + ' \\d \\d é \\uZZ "q" \ufffd'


async def test_a_full_answer_is_asked_for_in_parts() -> None:
    items = [ITEM(number % 60) | {"url": f"https://n.example/{number}"} for number in range(700)]
    async with FIXTURE.serve(World(items)) as server:
        result = await collect(Gdelt(context(FIXTURE.options(server.url))))
    assert len(result.ids) == 700
    assert not [step.gap for step in result.steps if step.gap]
    times = [post.created_at for post in posts(result)]
    assert times == sorted(times)


async def test_more_than_the_shortest_part_can_give_is_a_gap() -> None:
    items = [ITEM(0) | {"url": f"https://n.example/{number}"} for number in range(300)]
    async with FIXTURE.serve(World(items)) as server:
        result = await collect(Gdelt(context(FIXTURE.options(server.url))))
    assert len(result.ids) == 250
    [gap] = [step.gap for step in result.steps if step.gap]
    assert "more than 250" in gap.reason


async def test_resumes_an_hour_before_and_leaves_repeats_out() -> None:
    async with FIXTURE.serve(World([ITEM(59)])) as server:
        source = Gdelt(context(FIXTURE.options(server.url)))
        first = await collect(source)
        again = await collect(source, first.cursor)
        assert server.requests[-1].query["startdatetime"] == "20260601110000"
        assert server.requests[0].query["startdatetime"] == "20260531120000"
    assert (len(first.ids), again.ids) == (1, [])
    assert sum(step.duplicates for step in again.steps) == 1


async def test_a_refused_query_holds_no_other_back() -> None:
    notes: list[str] = []

    def answer(request: Request) -> Answer:
        if request.query["query"].startswith("a "):
            return Answer(body=b"Your query was too short or too long.")
        return found([ITEM(1)], request)

    async with running(answer) as server:
        options = FIXTURE.options(server.url) | {"queries": "a b,tea", "filter": "domain:n.example"}
        result = await collect(Gdelt(context(options, on_note=notes.append)))
    assert len(result.ids) == 1
    assert result.error is None
    assert "too short" in notes[0]
    assert server.requests[1].query["query"] == "tea domain:n.example"


async def test_topics_are_asked_for_with_or_in_parentheses() -> None:
    searches = [Search(("tea",), ("t",)), Search(("green leaf",), ("t",))]
    async with FIXTURE.serve(World([ITEM(1)])) as server:
        options = FIXTURE.options(server.url) | {"queries": ()}
        await collect(Gdelt(context(options, searches=lambda: searches)))
    assert server.requests[0].query["query"] == '(tea OR "green leaf")'


def test_what_can_be_asked_for() -> None:
    assert render([Search(("tea", "green leaf"), ("t",))]) == 'tea "green leaf"'
    assert render([Search(("tea", "leaf"), ("t",)), Search(("cup",), ("t",))]) is None
    assert render([Search(("tea", "to"), ("t",))]) is None


async def test_keeps_the_pause_between_requests() -> None:
    moments: list[float] = []

    def answer(request: Request) -> Answer:
        moments.append(time.monotonic())
        return Answer(body=b"{}")

    async with running(answer) as server:
        options = FIXTURE.options(server.url) | {"queries": "tea,coffee", "pause": 0.3}
        await collect(Gdelt(context(options)))
    assert moments[1] - moments[0] == pytest.approx(0.3, abs=0.1)
