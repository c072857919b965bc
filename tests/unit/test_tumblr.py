"""Tumblr: both formats, paging by time, limits of the hour and the day."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.errors import BadSettings, Retriable, WaitUntil
from connectors.post import Post
from connectors.searches import Search
from connectors.tumblr import Tumblr
from tests.contract.connectors.fixtures.shared import encoded, moment
from tests.contract.connectors.fixtures.tumblr import TumblrFixture, tagged
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, World, collect, context

FIXTURE = TumblrFixture()


async def post(item: Any) -> Post:
    async with FIXTURE.serve(World([item])) as server:
        result = await collect(Tumblr(context(FIXTURE.options(server.url))))
    assert result.error is None
    [found] = [step.post for step in result.steps if step.post]
    return found


async def test_blocks() -> None:
    item = FIXTURE.item(1) | {
        "content": [
            {
                "type": "text",
                "text": "🍵 read here now",
                "formatting": [
                    {"start": 7, "end": 11, "type": "link", "url": "https://e.example/a"},
                    {"start": 0, "end": 99, "type": "link", "url": "https://e.example/b"},
                    {"start": 0, "end": 2, "type": "bold"},
                ],
            },
            {"type": "image", "alt_text": "a pot", "media": [{"url": "https://m.example/1.png"}]},
            {"type": "link", "title": "A shop", "url": "https://shop.example/"},
            {"type": "poll", "question": "Which?", "answers": [{"answer_text": "green"}]},
            {"type": "hologram", "text": "new kind"},
            "odd",
        ],
        "trail": [{"content": [{"type": "text", "text": "what was said before"}]}],
        "reblogged_root_id": "779",
        "parent_post_id": "7791",
        "tags": ["green tea", "#cups"],
    }
    found = await post(item)
    assert found.text.split("\n\n") == [
        "what was said before",
        "🍵 read here (https://e.example/a) now",
        "a pot",
        "A shop\nhttps://shop.example/",
        "Which?\ngreen",
        "new kind",
    ]
    assert found.id == "tumblr:780000000000000001"
    assert found.repost_of == "tumblr:779"
    assert (found.hashtags, found.media) == (["green tea", "cups"], ["https://m.example/1.png"])
    assert (found.author.id, found.author.handle, found.author.name) == (
        "t:leaves",
        "leaves",
        "Leaves",
    )
    assert found.author.url == "https://leaves.tumblr.com/"
    assert found.engagement.likes is None


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"type": "text", "title": "T &amp; C", "body": "<p>one</p><p>two &lt;3</p>"},
            "one\n\ntwo <3",
        ),
        (
            {"type": "quote", "text": "be &ldquo;brief&rdquo;", "source": "<a href='#'>S</a>"},
            "be “brief”\n\nS",
        ),
        (
            {"type": "link", "url": "https://e.example/x", "description": "<b>good</b>"},
            "good\n\nhttps://e.example/x",
        ),
        ({"type": "answer", "question": "why?", "answer": "<p>so</p>"}, "why?\n\nso"),
        (
            {
                "type": "chat",
                "body": "A: hi",
                "dialogue": [{"name": "A", "label": "A:", "phrase": "hi"}],
            },
            "A: hi",
        ),
        (
            {
                "type": "photo",
                "caption": "<p>tin</p>",
                "photos": [{"original_size": {"url": "https://m.example/2.jpg"}}],
            },
            "tin",
        ),
    ],
)
async def test_the_older_format(fields: dict[str, Any], text: str) -> None:
    item = {name: FIXTURE.item(1)[name] for name in ("id", "blog_name", "date", "tags")}
    found = await post({**item, **fields})
    assert found.text == text
    assert found.created_at == moment(1)
    assert found.media == (["https://m.example/2.jpg"] if "photos" in fields else [])
    assert found.title == ("T & C" if "title" in fields else "")
    assert found.author.id == "leaves"


async def test_pages_go_back_by_time_and_lose_nothing_within_a_second() -> None:
    world = World([FIXTURE.item(0)])
    async with FIXTURE.serve(world) as server:
        options = {**FIXTURE.options(server.url), "backfill_pages": 1}
        first = await collect(Tumblr(context(options)))
        same = moment(3)
        world.items += [FIXTURE.item(number, at=same) for number in range(1, 16)]
        world.items += [FIXTURE.item(number) for number in range(16, 31)]
        second = await collect(Tumblr(context(FIXTURE.options(server.url))), first.cursor)
        asked = [request.query.get("before") for request in server.requests[1:]]
    assert len(set(second.ids)) == 30
    assert second.ids[-1] == "tumblr:780000000000000030"
    assert asked == [None, str(int(same.timestamp()) + 1)]


async def test_a_featured_tag_is_in_its_own_order() -> None:
    items = [FIXTURE.item(number) for number in range(25)]
    for number, item in enumerate(items):
        item["timestamp"] = int(moment(0).timestamp()) + 100 - number
        item["featured_timestamp"] = int(moment(number).timestamp())

    def answer(request: Request) -> Answer:
        before = int(request.query.get("before", "99999999999"))
        found = [item for item in items if item["featured_timestamp"] < before][::-1][:20]
        return encoded({"meta": {"status": 200}, "response": found})

    async with running(answer) as server:
        known = {"names": ["1"], "newest": moment(0).timestamp() - 1}
        cursor = {"lists": {"tag:tea": known}}
        result = await collect(Tumblr(context(FIXTURE.options(server.url))), cursor)
        assert server.requests[1].query["before"] == str(items[5]["featured_timestamp"] + 1)
    assert len(set(result.ids)) == 25
    assert not [step for step in result.steps if step.gap]


async def test_more_than_fifty_pages_are_a_gap() -> None:
    world = World([FIXTURE.item(n, at=moment(0) + timedelta(seconds=n)) for n in range(1200)])
    async with FIXTURE.serve(world) as server:
        cursor = {"lists": {"tag:tea": {"names": ["1"], "newest": moment(0).timestamp() - 9}}}
        result = await collect(Tumblr(context(FIXTURE.options(server.url))), cursor)
    [gap] = [step.gap for step in result.steps if step.gap]
    assert gap.since == (moment(0) - timedelta(seconds=9)).isoformat()
    assert len(result.ids) > 900


async def test_blogs() -> None:
    notes: list[str] = []

    def answer(request: Request) -> Answer:
        if "gone" in request.path:
            return Answer(404, b'{"meta": {"status": 404, "msg": "Not Found"}, "response": []}')
        page = tagged([FIXTURE.item(1)], request.query)
        return encoded({**page, "response": {"blog": {}, "posts": page["response"]}})

    async with running(answer) as server:
        options = {"api_key": "k", "blogs": "gone, leaves.tumblr.com", "base_url": server.url}
        options["backfill_pages"] = "1"
        result = await collect(Tumblr(context(options, on_note=notes.append)))
        paths = [request.path for request in server.requests]
    assert paths == ["/v2/blog/gone/posts", "/v2/blog/leaves.tumblr.com/posts"]
    assert (result.error, len(result.ids)) == (None, 1)
    assert "no public blog 'gone'" in notes[0]


async def test_topics_words_are_looked_for_as_tags() -> None:
    asked = (Search(("Green Tea",), ("t",)), Search(("cup", "oolong"), ("u",)))
    async with FIXTURE.serve(World()) as server:
        options = {**FIXTURE.options(server.url), "tags": ""}
        await collect(Tumblr(context(options, searches=lambda: asked)))
        assert [r.query["tag"] for r in server.requests] == ["green tea", "oolong"]
        none = (await collect(Tumblr(context(options)))).error
    assert isinstance(none, BadSettings)


async def test_calls_of_the_hour_are_kept() -> None:
    hour = {"began": NOW.isoformat(), "used": 1000}
    async with FIXTURE.serve(World()) as server:
        source = Tumblr(context(FIXTURE.options(server.url)))
        error = (await collect(source, {"hour": hour})).error
        assert server.requests == []
    assert isinstance(error, WaitUntil)
    assert error.moment == datetime(2026, 6, 1, 13, tzinfo=UTC)


async def test_the_limit_of_the_day() -> None:
    body = {
        "meta": {"status": 429, "msg": "Limit Exceeded"},
        "errors": [{"title": "Limit Exceeded", "code": 0, "detail": "Request limit exceeded"}],
    }
    headers = {
        "x-ratelimit-perday-remaining": "0",
        "x-ratelimit-perday-reset": "7200",
        "x-ratelimit-perhour-remaining": "12",
        "x-ratelimit-perhour-reset": "60",
    }
    async with running(lambda _: Answer(429, json.dumps(body).encode(), headers)) as server:
        error = (await collect(Tumblr(context(FIXTURE.options(server.url))))).error
    assert isinstance(error, WaitUntil)
    assert error.moment == NOW + timedelta(hours=2)


async def test_nothing_found_is_no_error_and_a_failure_in_200_is() -> None:
    bodies: list[dict[str, Any]] = [
        {"meta": {"status": 200, "msg": "OK"}, "response": []},
        {"meta": {"status": 500, "msg": "Oh no"}},
    ]
    async with running(lambda _: encoded(bodies.pop(0))) as server:
        empty = await collect(Tumblr(context(FIXTURE.options(server.url))))
        failed = await collect(Tumblr(context(FIXTURE.options(server.url))))
    assert (empty.error, empty.ids) == (None, [])
    assert isinstance(failed.error, Retriable)
    assert "Oh no" in str(failed.error)
