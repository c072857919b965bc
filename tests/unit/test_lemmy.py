"""Lemmy: two versions of its API, names that hold everywhere, paths, flags, limits in a body."""

import json
from typing import Any

import pytest

from connectors.errors import Fatal, Refused, WaitUntil
from connectors.lemmy import Lemmy
from tests.contract.connectors.fixtures.lemmy import SITE, LemmyFixture
from tests.contract.connectors.fixtures.shared import encoded, moment
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import World, collect, context

FIXTURE = LemmyFixture()


def comment(number: int, path: str, **change: Any) -> dict[str, Any]:
    whole = FIXTURE.item(1)
    said = {
        "id": number,
        "content": f"said {number}",
        "ap_id": f"https://far.example/comment/{number * 10}",
        "published": moment(number).isoformat().replace("+00:00", "Z"),
        "path": path,
        "language_id": 0,
        **change,
    }
    return {**whole, "comment": said, "counts": {"score": 1, "upvotes": 2, "child_count": 3}}


async def read(*items: dict[str, Any]) -> list[Any]:
    async with FIXTURE.serve(World(list(items))) as server:
        result = await collect(Lemmy(context(FIXTURE.options(server.url))))
    assert result.error is None
    return [step.post for step in result.steps if step.post]


async def test_a_post() -> None:
    (post,) = await read(FIXTURE.item(1))
    assert (post.id, post.kind, post.title, post.text, post.lang) == (
        "lemmy:https://lemmy.example/post/1",
        "post",
        "title 1",
        "note 1",
        "en",
    )
    assert post.created_at == moment(1)
    assert (post.author.handle, post.author.id) == (
        "anna@far.example",
        "https://far.example/u/anna",
    )
    assert (post.engagement.likes, post.engagement.replies) == (5, 2)


async def test_a_post_that_links() -> None:
    item = FIXTURE.item(1)
    item["post"] |= {"body": None, "url": "https://m.example/tea.JPG?x=1"}
    (post,) = await read(item)
    assert post.text == "https://m.example/tea.JPG?x=1"
    assert post.media == ["https://m.example/tea.JPG?x=1"]


async def test_comments_find_their_parents() -> None:
    found = await read(
        FIXTURE.item(1), comment(11, "0.11"), comment(25, "0.11.25"), comment(30, "0.7.30")
    )
    post, first, second, third = found
    assert first.kind == "comment"
    assert first.parent_id == first.thread_id == post.id
    assert (second.parent_id, second.thread_id) == (first.id, post.id)
    assert third.parent_id == "lemmy:lemmy.example/comment/7"
    assert (first.engagement.likes, first.engagement.replies, first.lang) == (2, 3, "")


async def test_what_is_gone_and_was_never_seen_is_not_told() -> None:
    assert await read(comment(11, "0.11", removed=True, content="")) == []


V4_POST = {
    "post": {
        "id": 4,
        "name": "New shape",
        "ap_id": "https://lemmy.example/post/4",
        "published_at": "2026-06-01T11:30:00.123456Z",
        "score": 3,
        "upvotes": 4,
        "comments": 5,
    },
    "creator": {"name": "ben", "ap_id": "https://lemmy.example/u/ben", "display_name": None},
    "community": {"name": "tea"},
}


@pytest.mark.parametrize("names", ["items", "results", "search"])
@pytest.mark.parametrize("nested", [False, True])
async def test_version_4(names: str, nested: bool) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        if request.path == "/api/v3/site":
            return Answer(404, b"{}")
        if request.path == "/api/v4/site":
            return encoded({**SITE, "version": "1.0.0"})
        view = {"type_": "Post", "post": V4_POST} if nested else {"type_": "Post", **V4_POST}
        other = {"type_": "Community", "community": {"name": "tea"}}
        if "page_cursor" in request.query:
            return encoded({names: []})
        return encoded({names: [view, other], "next_page": "P1"})

    async with running(answer) as server:
        options = {**FIXTURE.options(server.url), "mode": "search", "queries": "tea"}
        result = await collect(Lemmy(context(options)))
    assert result.error is None
    (post,) = [step.post for step in result.steps if step.post]
    assert not [step for step in result.steps if step.dead]
    assert (post.id, post.title) == ("lemmy:https://lemmy.example/post/4", "New shape")
    assert (post.engagement.likes, post.engagement.replies) == (4, 5)
    assert (post.author.handle, post.author.name) == ("ben@lemmy.example", "ben")
    assert asked[2].path == "/api/v4/search"
    assert asked[2].query["search_term"] == "tea"
    assert asked[3].query["page_cursor"] == "P1"


async def test_a_search_of_version_3_reads_on_while_either_list_is_new() -> None:
    posts = [FIXTURE.item(n) for n in range(59, -1, -1)]

    def answer(request: Request) -> Answer:
        if request.path == "/api/v3/site":
            return encoded(SITE)
        start = (int(request.query["page"]) - 1) * 50
        old = [comment(1, "0.1", published="2020-01-01T00:00:00Z")] if not start else []
        return encoded({"comments": old, "posts": posts[start : start + 50]})

    async with running(answer) as server:
        options = {**FIXTURE.options(server.url), "mode": "search", "queries": "tea"}
        first = {"tea": {"newest": moment(0).timestamp(), "known": {}}}
        result = await collect(Lemmy(context(options)), first)
    assert len(set(result.ids)) == 60


async def test_communities_are_read_one_by_one() -> None:
    async with FIXTURE.serve(World()) as server:
        options = {**FIXTURE.options(server.url), "communities": "tea@lemmy.example, pots"}
        await collect(Lemmy(context(options)))
        asked = [(one.path, one.query.get("community_name")) for one in server.requests[1:]]
    assert asked == [
        ("/api/v3/post/list", "tea@lemmy.example"),
        ("/api/v3/post/list", "pots"),
        ("/api/v3/comment/list", "tea@lemmy.example"),
        ("/api/v3/comment/list", "pots"),
    ]


@pytest.mark.parametrize(
    ("why", "kind"),
    [
        ("rate_limit_error", WaitUntil),
        ("instance_is_private", Fatal),
        ("couldnt_find_community", Refused),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
async def test_errors_by_their_name(why: str, kind: type[Exception], status: int) -> None:
    body = json.dumps({"error": why}).encode()

    def answer(request: Request) -> Answer:
        return encoded(SITE) if request.path.endswith("/site") else Answer(status, body)

    async with running(answer) as server:
        error = (await collect(Lemmy(context(FIXTURE.options(server.url))))).error
    assert type(error) is kind
    assert why in str(error)


async def test_a_community_that_went_holds_no_other_back() -> None:
    notes: list[str] = []

    def answer(request: Request) -> Answer:
        if request.path.endswith("/site"):
            return encoded(SITE)
        if request.query["community_name"] == "gone":
            return Answer(404, b'{"error": "couldnt_find_community"}')
        found = {"posts": [FIXTURE.item(1)]} if "/post/" in request.path else {"comments": []}
        return encoded(found)

    async with running(answer) as server:
        options = {**FIXTURE.options(server.url), "communities": "gone, tea"}
        result = await collect(Lemmy(context(options, on_note=notes.append)))
    assert result.error is None
    assert result.ids == ["lemmy:https://lemmy.example/post/1"]
    assert [note.split(" can't")[0] for note in notes] == ["posts gone", "comments gone"]
