"""Discourse: numbers with holes, places in a topic, quotes, searches, waits in a body."""

import json
from datetime import timedelta
from typing import Any

import pytest

from connectors.discourse import Discourse
from connectors.errors import Fatal, Retriable, WaitUntil
from connectors.searches import Search
from tests.contract.connectors.fixtures.discourse import DiscourseFixture
from tests.contract.connectors.fixtures.shared import encoded
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, World, collect, context

FIXTURE = DiscourseFixture()


async def one_post(**change: Any) -> Any:
    async with FIXTURE.serve(World([{**FIXTURE.item(1), **change}])) as server:
        result = await collect(Discourse(context(FIXTURE.options(server.url))))
    assert result.error is None
    return result.steps[0].post


async def test_fields() -> None:
    post = await one_post(tags=["tea", {"id": 1, "name": "pots"}])
    assert (post.id, post.kind, post.title) == (
        "discourse:forum.example/701",
        "comment",
        "About tea",
    )
    assert post.url == "https://forum.example/t/about-tea/9/2"
    assert (post.author.id, post.author.handle, post.author.name) == (
        "forum.example/3",
        "anna",
        "anna",
    )
    assert (post.engagement.likes, post.engagement.replies, post.engagement.views) == (5, 0, 8)
    assert (post.thread_id, post.hashtags) == ("discourse:forum.example/t/9", ["tea", "pots"])


async def test_what_is_quoted_is_not_said() -> None:
    quoted = '<aside class="quote no-group" data-post="1"><p>their words</p></aside><p>mine</p>'
    assert (await one_post(cooked=quoted)).text == "mine"
    assert (await one_post(cooked=None, raw="*mine*")).text == "*mine*"


async def test_notices_are_left_out() -> None:
    for kind in (3, 4):
        post = await one_post(post_type=kind)
        assert post is None


async def test_a_reply_finds_its_parent_by_its_place() -> None:
    items = [FIXTURE.item(0), FIXTURE.item(1), {**FIXTURE.item(2), "reply_to_post_number": 2}]
    far = {**FIXTURE.item(3), "reply_to_post_number": 90}
    async with FIXTURE.serve(World([*items, far])) as server:
        result = await collect(Discourse(context(FIXTURE.options(server.url))))
    parents = [step.post.parent_id for step in result.steps if step.post]
    prefix = "discourse:forum.example/"
    assert parents == ["", f"{prefix}700", f"{prefix}701", f"{prefix}t/9/90"]


async def test_numbers_without_posts_are_walked_over() -> None:
    items = [FIXTURE.item(n) for n in (1, 2, 400, 401)]

    def answer(request: Request) -> Answer:
        top = int(request.query.get("before", "1101"))
        window = [one for one in items if top - 50 < int(one["id"]) <= top]
        return encoded({"latest_posts": window[::-1]})

    async with running(answer) as server:
        result = await collect(Discourse(context(FIXTURE.options(server.url))))
    assert [each.rpartition("/")[2] for each in result.ids] == ["701", "702", "1100", "1101"]


def search(asked: list[str]) -> Any:
    hits = [
        {"id": 700 + n, "topic_id": 9, "post_number": n + 1, "username": "anna", "blurb": f"…{n}…"}
        | {"created_at": (NOW - timedelta(hours=n)).isoformat(), "like_count": n}
        for n in (1, 2)
    ]

    def answer(request: Request) -> Answer:
        asked.append(request.path + "?" + request.query.get("q", ""))
        if request.path == "/search.json":
            number = int(request.query["page"])
            return encoded(
                {
                    "posts": hits[number - 1 : number],
                    "topics": [{"id": 9, "title": "About tea", "slug": "about-tea"}],
                    "grouped_search_result": {"more_full_page_results": number < 2 or None},
                }
            )
        if request.path == "/posts/701.json":
            return encoded(FIXTURE.item(1, text="the whole") | {"topic_title": None})
        return Answer(403, b'{"errors": ["no"], "error_type": "invalid_access"}')

    return answer


async def test_a_search_gives_whole_posts_and_asks_for_each_once() -> None:
    asked: list[str] = []
    async with running(search(asked)) as server:
        options = {**FIXTURE.options(server.url), "mode": "search"}
        searches = lambda: [Search(("red tea",), ("t",))]  # noqa: E731
        source = Discourse(context(options, searches=searches))
        first = await collect(source)
        again = await collect(source, first.cursor)
    cut, whole = (step.post for step in first.steps if step.post)
    assert cut is not None
    assert whole is not None
    assert (cut.text, cut.truncated, cut.title) == ("…2…", True, "About tea")
    assert (whole.text, whole.truncated, whole.engagement.likes) == ("the whole", False, 1)
    assert asked[0] == "/search.json?red tea order:latest"
    assert again.ids == []
    assert asked[4] == "/search.json?red tea order:latest after:2026-05-31"
    assert not [one for one in asked[4:] if "/posts/" in one]


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (
            Answer(429, json.dumps({"errors": ["slow"], "extras": {"wait_seconds": 20}}).encode()),
            WaitUntil,
            "slow",
        ),
        (
            Answer(403, b'{"errors": ["You need to log in"], "error_type": "invalid_access"}'),
            Fatal,
            "You need to log in",
        ),
        (Answer(200, b"<html>Log in", {"content-type": "text/html"}), Retriable, "login"),
    ],
)
async def test_errors(answer: Answer, kind: type[Exception], says: str) -> None:
    async with running(lambda _: answer) as server:
        error = (await collect(Discourse(context(FIXTURE.options(server.url))))).error
    assert type(error) is kind
    assert says in str(error)
    if isinstance(error, WaitUntil):
        assert error.moment == NOW + timedelta(seconds=20)


async def test_keys_go_in_headers() -> None:
    async with FIXTURE.serve(World()) as server:
        await collect(Discourse(context(FIXTURE.secretive(server.url, "s3cret-key"))))
        user = {**FIXTURE.options(server.url), "user_key": "u5er-key"}
        await collect(Discourse(context(user)))
        first, second = (request.headers for request in server.requests)
    assert (first["api-key"], first["api-username"]) == ("s3cret-key", "reader")
    assert second["user-api-key"] == "u5er-key"
