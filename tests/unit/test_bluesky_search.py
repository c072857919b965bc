import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.bluesky import Bluesky
from connectors.errors import BadSettings, Fatal, Retriable
from connectors.post import Post
from connectors.searches import Search
from tests.contract.connectors.server import Answer, Request, Server, running
from tests.contract.connectors.world import NOW, Pass, collect, context

PASSWORD = "abcd-efgh-ijkl"


def view(number: int, text: str = "", *, at: datetime | None = None, **more: Any) -> dict[str, Any]:
    made = (at or NOW - timedelta(minutes=30) + timedelta(seconds=number)).isoformat()
    return {
        "uri": f"at://did:plc:ann/app.bsky.feed.post/key{number}",
        "cid": f"cid{number}",
        "author": {"did": "did:plc:ann", "handle": "ann.example", "displayName": "Ann"},
        "record": {"text": text or f"tea {number}", "createdAt": made, "langs": ["en"]},
        "indexedAt": made,
        "likeCount": 3,
        "replyCount": 0,
        **more,
    }


class Network:
    """`createSession`, `refreshSession` and `searchPosts`, which reaches `reach` results."""

    def __init__(self, *views: dict[str, Any]) -> None:
        self.views, self.reach, self.valid = list(views), 10_000, {"access-1"}
        self.sessions = 0
        self.total = True

    def __call__(self, request: Request) -> Answer:
        method = request.path.rsplit("/", 1)[-1]
        if method == "com.atproto.server.createSession":
            if json.loads(request.body)["password"] != PASSWORD:
                body = {"error": "AuthenticationRequired", "message": "Invalid password"}
                return Answer(401, json.dumps(body).encode())
            return self._session()
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if method == "com.atproto.server.refreshSession":
            return self._session() if token.startswith("refresh") else Answer(400, b"{}")
        if token not in self.valid:
            return Answer(400, b'{"error": "ExpiredToken", "message": "Token has expired"}')
        return self._search(request.query)

    def _session(self) -> Answer:
        self.sessions += 1
        name = f"access-{self.sessions}"
        self.valid.add(name)
        session = {"accessJwt": name, "refreshJwt": f"refresh-{self.sessions}", "did": "did:plc:me"}
        return Answer(body=json.dumps(session).encode())

    def _search(self, query: dict[str, str]) -> Answer:
        since, until = (datetime.fromisoformat(query[name]) for name in ("since", "until"))
        found = [
            one
            for one in self.views
            if query["q"] in one["record"]["text"]
            and since <= datetime.fromisoformat(one["indexedAt"]) < until
        ][::-1]
        start = int(query.get("cursor", "0"))
        page = found[start : min(start + int(query["limit"]), self.reach)]
        answer: dict[str, Any] = {"posts": page}
        if start + len(page) < len(found):
            answer["cursor"] = str(start + len(page))
        if self.total:
            answer["hitsTotal"] = len(found)
        return Answer(body=json.dumps(answer).encode())


def source(server: Server, **more: Any) -> Bluesky:
    login = {"mode": "search", "identifier": "ann.example", "app_password": PASSWORD}
    options = {"base_url": server.url, "queries": "tea", **login, **more}
    return Bluesky(context({name: value for name, value in options.items() if value is not None}))


def posts(result: Pass) -> list[Post]:
    return [step.post for step in result.steps if step.post is not None]


async def test_posts_have_names_and_counts_and_come_once() -> None:
    network = Network(view(1), view(2), view(3, "coffee"))
    async with running(network) as server:
        bluesky = source(server)
        first = await collect(bluesky)
        network.views.append(view(4, at=NOW - timedelta(minutes=1)))
        second = await collect(bluesky, json.loads(json.dumps(first.cursor)))
    assert first.error is None
    one, two = posts(first)
    assert (one.id, one.text) == ("bluesky:at://did:plc:ann/app.bsky.feed.post/key1", "tea 1")
    assert (one.author.handle, one.author.name) == ("ann.example", "Ann")
    assert (one.engagement.likes, one.engagement.replies, one.engagement.reposts) == (3, 0, None)
    assert one.created_at < two.created_at
    assert [post.text for post in posts(second)] == ["tea 4"]
    assert bluesky.spec.poll_seconds == 60
    assert network.sessions == 1


async def test_pages_and_what_is_out_of_reach() -> None:
    network = Network(*(view(number) for number in range(250)))
    async with running(network) as server:
        assert len(posts(await collect(source(server)))) == 250
        network.views = [
            view(n // 60, cid=str(n), uri=f"at://did:plc:a/app.bsky.feed.post/{n}")
            for n in range(12_000)
        ]
        whole = await collect(source(server))
    assert len(posts(whole)) == 12_000
    assert all(step.gap is None for step in whole.steps)


async def test_the_session_is_renewed_before_another_login() -> None:
    network = Network(view(1))
    async with running(network) as server:
        bluesky = source(server)
        await collect(bluesky)
        network.valid.clear()
        ended = await collect(bluesky)
        again = await collect(bluesky)
        paths = [request.path.rsplit(".", 1)[-1] for request in server.requests]
    assert isinstance(ended.error, Retriable)
    assert len(posts(again)) == 1
    assert paths == [
        "createSession", "searchPosts", "searchPosts", "refreshSession", "searchPosts",
    ]  # fmt: skip


async def test_a_refused_login_is_fatal_and_keeps_the_password() -> None:
    async with running(Network()) as server:
        error = (await collect(source(server, app_password="s3cret-pass"))).error
    assert isinstance(error, Fatal)
    assert "Invalid password" in str(error)
    assert "App passwords" in str(error)
    assert "s3cret-pass" not in str(error)


async def test_topics_are_searched_for_and_reticent_authors_left_out() -> None:
    shy = view(
        2, "green tea", author={"did": "did:plc:b", "labels": [{"val": "!no-unauthenticated"}]}
    )
    network = Network(view(1, "green tea"), shy, view(3, "green tea", record={"text": 5}))
    network.views.pop()
    async with running(network) as server:
        bluesky = source(server, queries=None)
        bluesky._search._context.searches = lambda: [Search(("green", "tea"), ("t",))]  # type: ignore[union-attr]
        result = await collect(bluesky)
        assert server.requests[-1].query["q"] == "green tea"
    assert [post.text for post in posts(result)] == ["green tea"]


async def test_one_bad_post_harms_no_other() -> None:
    network = Network(view(1), view(2, uri="at://nobody/x"), view(3))
    async with running(network) as server:
        result = await collect(source(server))
    assert [post.text for post in posts(result)] == ["tea 1", "tea 3"]
    assert [step.dead.place for step in result.steps if step.dead] == [
        "bluesky search: at://nobody/x"
    ]


def test_a_search_needs_a_login() -> None:
    with pytest.raises(BadSettings, match="set 'identifier'"):
        Bluesky(context({"mode": "search"}))


async def test_a_cursor_of_the_other_mode_is_no_fault() -> None:
    network = Network(view(1))
    async with running(network) as server:
        result = await collect(source(server), {"time_us": 5, "host": "x"})
    assert len(posts(result)) == 1
