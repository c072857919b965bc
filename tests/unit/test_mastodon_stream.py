import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from connectors.base import Step
from connectors.errors import BadSettings, Fatal
from connectors.mastodon import Mastodon
from connectors.mastodon_stream import merged
from connectors.post import Post
from connectors.searches import Search
from tests.contract.connectors.fixtures.mastodon import MastodonFixture
from tests.contract.connectors.fixtures.shared import encoded
from tests.contract.connectors.server import Answer, Request, Server, running
from tests.contract.connectors.world import collect, context

FIXTURE = MastodonFixture()


class Instance:
    """Timelines of `statuses`; a stream that says `events` and then ends."""

    def __init__(self, *numbers: int) -> None:
        self.statuses = [FIXTURE.item(number) for number in numbers]
        self.events: list[tuple[str, Any]] = []
        self.told = ""

    def __call__(self, request: Request) -> Answer:
        if request.path == "/api/v2/instance":
            return encoded({"configuration": {"urls": {"streaming": self.told}}})
        if "/streaming/" in request.path:
            said = "".join(
                f"event: {name}\ndata: {data if isinstance(data, str) else json.dumps(data)}\n\n"
                for name, data in self.events
            )
            return Answer(
                body=f":)\n\n{said}".encode(), headers={"content-type": "text/event-stream"}
            )
        after = int(request.query.get("min_id", "0"))
        later = [one for one in self.statuses if int(one["id"]) > after]
        page = later[:40] if after else later[-40:]
        return encoded(page[::-1])


def source(server: Server, **more: Any) -> Mastodon:
    given = {"instance": server.url, "token": "t0ken", "stream": "yes", **more}
    return Mastodon(context(given))


def posts(steps: list[Step]) -> list[Post]:
    return [step.post for step in steps if step.post is not None]


async def test_the_stream_is_opened_before_the_timeline_is_read() -> None:
    instance = Instance(1, 2)
    instance.events = [
        ("update", FIXTURE.item(3)),
        ("notification", {"id": "1"}),
        ("update", json.dumps(json.dumps(FIXTURE.item(4)))),
        ("filters_changed", "undefined"),
    ]
    async with running(instance) as server:
        mastodon = source(server)
        result = await collect(mastodon)
        paths = [request.path for request in server.requests]
        assert all(r.headers["authorization"] == "Bearer t0ken" for r in server.requests)
    assert paths == [
        "/api/v2/instance", "/api/v1/streaming/public", "/api/v1/timelines/public",
    ]  # fmt: skip
    assert result.error is None
    assert [post.text for post in posts(result.steps)] == ["note 1", "note 2", "note 3", "note 4"]
    assert result.cursor == {"public": "110004"}
    assert mastodon.spec.poll_seconds == 1


async def test_edits_and_deletions_as_the_stream_tells_them() -> None:
    instance = Instance(1, 2)
    edited = FIXTURE.item(1, text="changed") | {"edited_at": "2026-06-01T11:30:00Z"}
    instance.events = [
        ("status.update", edited),
        ("delete", "110002"),
        ("delete", "99"),
        ("update", "{"),
    ]
    async with running(instance) as server:
        result = await collect(source(server))
    first, second, change, gone = posts(result.steps)
    assert (change.id, change.state, change.text) == (first.id, "edited", "changed")
    assert (gone.id, gone.state, gone.text) == (second.id, "deleted", "")
    assert gone.created_at == second.created_at
    assert gone.version >= second.version
    assert [step.dead.place for step in result.steps if step.dead] == ["127.0.0.1 stream"]
    assert result.cursor == {"public": "110002"}


async def test_what_came_while_no_stream_was_open_is_read() -> None:
    instance = Instance(1)
    async with running(instance) as server:
        mastodon = source(server)
        first = await collect(mastodon)
        instance.statuses += [FIXTURE.item(number) for number in range(2, 150)]
        second = await collect(mastodon, first.cursor)
    assert [post.text for post in posts(second.steps)] == [f"note {n}" for n in range(2, 150)]


async def test_hashtags_stream_side_by_side_from_the_host_that_is_told() -> None:
    instance, other = Instance(), Instance()
    other.events = [("update", FIXTURE.item(7))]
    async with running(instance) as server, running(other) as streams:
        instance.told = streams.url.replace("http", "ws")
        result = await collect(source(server, timeline="hashtag", hashtags="tea,чай"))
        asked = {(request.path, request.query["tag"]) for request in streams.requests}
    assert {post.text for post in posts(result.steps)} == {"note 7"}
    assert asked == {("/api/v1/streaming/hashtag", "tea"), ("/api/v1/streaming/hashtag", "чай")}


async def test_a_closed_stream_is_fatal() -> None:
    def answer(request: Request) -> Answer:
        if "/streaming/" in request.path:
            return Answer(401, b'{"error": "Invalid access token"}')
        return encoded([]) if "timelines" in request.path else Answer(404)

    async with running(answer) as server:
        error = (await collect(source(server))).error
    assert isinstance(error, Fatal)
    assert "Invalid access token" in str(error)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"token": ""}, "set 'token'"),
        ({"timeline": "search", "queries": "tea"}, "a search can't be streamed"),
        ({"timeline": "hashtag", "hashtags": ",".join("abcdefghi")}, "at most 8"),
    ],
)
def test_what_can_not_be_streamed(given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadSettings, match=said):
        Mastodon(context({"stream": "yes", "token": "t", **given}))
    with pytest.raises(BadSettings, match="'timeline' is 'search'; set 'token'"):
        Mastodon(context({"timeline": "search"}))


async def test_searches_are_asked_and_paged() -> None:
    found = [FIXTURE.item(number) for number in range(60)]
    asked: list[dict[str, str]] = []

    def answer(request: Request) -> Answer:
        assert request.path == "/api/v2/search"
        asked.append(request.query)
        after, start = int(request.query.get("min_id", "0")), int(request.query["offset"])
        later = [one for one in found if int(one["id"]) > after]
        return encoded({"accounts": [], "hashtags": [], "statuses": later[start : start + 40]})

    async with running(answer) as server:
        options = {"instance": server.url, "timeline": "search", "token": "t"}
        wanted = [Search(("green", "tea"), ("t",))]
        mastodon = Mastodon(context(options, searches=lambda: wanted))
        first = await collect(mastodon)
        assert len(first.ids) == 40
        found += [FIXTURE.item(number) for number in range(100, 190)]
        second = await collect(mastodon, first.cursor)
    assert asked[0]["q"] == "green tea"
    assert len(second.ids) == 110
    assert second.cursor == {"search:green tea": "110189"}


async def test_streams_end_together_and_nothing_read_is_lost() -> None:
    closed: list[str] = []

    async def short() -> AsyncGenerator[str, None]:
        yield "a"
        yield "b"
        raise ValueError("ended")

    async def endless() -> AsyncGenerator[str, None]:
        try:
            yield "c"
            await asyncio.Event().wait()
        finally:
            closed.append("endless")

    found: list[str] = []

    async def read() -> None:
        async with aclosing(merged([short(), endless()])) as items:
            async for item in items:
                found.append(item)  # noqa: PERF401 - what came before the error is asked for

    with pytest.raises(ValueError, match="ended"):
        await read()
    assert sorted(found) == ["a", "b", "c"]
    assert closed == ["endless"]
