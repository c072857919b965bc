import asyncio
import contextlib
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from connectors.base import Step
from connectors.errors import BadSettings
from connectors.instagram import Instagram
from connectors.instagram_hashtags import Hashtags
from connectors.post import Post
from connectors.receiving import Request as HookRequest
from tests.contract.connectors.fixtures.facebook import graph_page
from tests.contract.connectors.fixtures.instagram import FIXTURE
from tests.contract.connectors.fixtures.shared import encoded
from tests.contract.connectors.hooks import HOOKS
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, Pass, collect, context
from tests.unit.test_graph import refusal

AT = "2026-06-01T11:00:00+0000"


async def passed(
    served: dict[str, Any], cursor: Any = None, at: Any = NOW, **options: Any
) -> tuple[Pass, list[Request], list[str]]:
    """A pass over these lists, by the end of their path; the others are empty."""
    notes: list[str] = []

    def answer(request: Request) -> Answer:
        for path, given in served.items():
            if request.path.endswith(path):
                found = given(request) if callable(given) else given
                if isinstance(found, Answer):
                    return found
                return encoded(graph_page(request, found) if isinstance(found, list) else found)
        return encoded({"data": []})

    async with running(answer) as server:
        settings = {**FIXTURE.options(server.url), **options}
        clock = at.timestamp
        source = Instagram(context(settings, on_note=notes.append, clock=clock))
        return await collect(source, cursor), server.requests, notes


def posts(result: Pass) -> list[Post]:
    return [step.post for step in result.steps if step.post is not None]


def asked(requests: list[Request], end: str) -> list[Request]:
    return [request for request in requests if request.path.endswith(end)]


async def test_fields_of_media() -> None:
    album = {
        **FIXTURE.item(1, text="Tea for two #Tea #café"),
        "media_type": "CAROUSEL_ALBUM",
        "children": {"data": [{"media_url": "https://cdn.example/1.jpg"}, {"id": "2"}]},
    }
    hidden = {"id": "7", "timestamp": AT, "media_type": "VIDEO", "comments_count": 0}
    result, _, _ = await passed({"/178/media": [hidden, album]})
    bare, post = posts(result)
    assert (post.id, post.hashtags) == ("instagram:17900000000000001", ["Tea", "café"])
    assert post.media == ["https://cdn.example/1.jpg"]
    assert (post.author.handle, post.author.url) == (
        "tea.house",
        "https://www.instagram.com/tea.house/",
    )
    assert (post.engagement.likes, post.engagement.replies) == (2, 0)
    assert (bare.text, bare.media, bare.engagement.likes) == ("", [], None)


async def test_comments_and_replies_of_own_media() -> None:
    media = {**FIXTURE.item(1), "comments_count": 2}
    reply = {"id": "91", "text": "@ada yes", "timestamp": "2026-06-01T11:30:00+0000"}
    comment = {
        "id": "90",
        "text": "good?",
        "timestamp": "2026-06-01T11:20:00+0000",
        "username": "ada",
        "replies": {"data": [reply]},
    }
    served: dict[str, Any] = {"/178/media": [media], f"{media['id']}/comments": [comment]}
    result, _, _ = await passed(served)
    _, first, second = posts(result)
    name = f"instagram:{media['id']}"
    assert (first.id, first.kind, first.parent_id, first.thread_id) == (
        "instagram:90",
        "comment",
        name,
        name,
    )
    assert (first.author.handle, first.engagement.replies) == ("ada", 1)
    assert (second.id, second.parent_id, second.thread_id) == ("instagram:91", "instagram:90", name)

    result.cursor["threads"][media["id"]][0] = 0
    comment["replies"]["data"].append(  # type: ignore[index]
        {"id": "92", "text": "later", "timestamp": "2026-06-01T11:40:00+0000"}
    )
    later, _, _ = await passed(served, result.cursor)
    assert [post.id for post in posts(later)] == ["instagram:92"]


async def test_what_tags_the_account_has_no_order() -> None:
    new, old = {"id": "5", "timestamp": AT}, {"id": "4", "timestamp": "2018-10-09T09:35:07+0000"}
    first, _, _ = await passed({"/178/tags": [new]})
    assert [post.id for post in posts(first)] == ["instagram:5"]
    later, _, _ = await passed({"/178/tags": [old, new]}, first.cursor)
    assert [post.id for post in posts(later)] == ["instagram:4"]


async def test_hashtags_are_searched_once_and_then_read() -> None:
    served: dict[str, Any] = {
        "/ig_hashtag_search": {"data": [{"id": "1784"}]},
        "/1784/recent_media": [{"id": str(n), "media_type": "IMAGE"} for n in range(30)],
        "/recently_searched_hashtags": [{"id": "1"}, {"id": "2"}],
    }
    result, requests, _ = await passed(served, hashtags="#Tea")
    assert result.error is None
    assert len(posts(result)) == 30
    assert posts(result)[0].author.handle == ""
    (search,) = asked(requests, "/ig_hashtag_search")
    assert (search.query["q"], search.query["user_id"]) == ("tea", "178")
    assert len(asked(requests, "/recent_media")) == 2
    assert asked(requests, "/recent_media")[0].query["user_id"] == "178"
    assert set(result.cursor["hashtags"]) == {"tea", "#1", "#2"}

    served["/1784/recent_media"] = [*served["/1784/recent_media"], {"id": "99"}]
    later, requests, _ = await passed(served, result.cursor, hashtags="tea")
    assert [post.id for post in posts(later)] == ["instagram:99"]
    assert not asked(requests, "/ig_hashtag_search")

    day = NOW + timedelta(days=2)
    after, _, _ = await passed(served, later.cursor, day, hashtags="tea")
    (gap,) = [step.gap for step in after.steps if step.gap is not None]
    assert gap.since == NOW.isoformat()
    assert gap.until == (day - timedelta(hours=24)).isoformat()


async def test_hashtags_of_one_cursor_for_all_pages() -> None:
    """Instagram repeats the same `after` on each page."""
    pages = iter([[{"id": "1"}], [{"id": "2"}], [{"id": "3"}]])

    def media(_: Request) -> Answer:
        page = next(pages, [])
        paging = {"cursors": {"after": "same"}, "next": "https://graph.facebook.com/x?after=same"}
        return encoded({"data": page, "paging": paging} if page else {"data": []})

    served: dict[str, Any] = {"_search": {"data": [{"id": "1"}]}, "/recent_media": media}
    result, _, _ = await passed(served, hashtags="tea")
    assert sorted(result.ids) == ["instagram:1", "instagram:2", "instagram:3"]


async def test_no_more_than_thirty_hashtags_in_seven_days() -> None:
    names = [f"tea{number}" for number in range(32)]

    def search(request: Request) -> Answer:
        return encoded({"data": [{"id": f"9{request.query['q'].removeprefix('tea')}"}]})

    served: dict[str, Any] = {"/ig_hashtag_search": search}
    result, requests, notes = await passed(served, hashtags=names)
    assert len(asked(requests, "/ig_hashtag_search")) == 30
    assert len([note for note in notes if "waits: 30 hashtags" in note]) == 2
    later, requests, _ = await passed(served, result.cursor, hashtags=names)
    assert not asked(requests, "/ig_hashtag_search")
    week = NOW + timedelta(days=7, minutes=1)
    _, requests, notes = await passed(served, later.cursor, week, hashtags=names[::-1])
    assert [request.query["q"] for request in asked(requests, "_search")] == ["tea31", "tea30"]
    assert len([note for note in notes if "waits" in note]) == 2


def test_a_hashtag_counts_once_in_seven_days() -> None:
    tags = Hashtags({"tea": {"id": "1", "asked": NOW.timestamp()}}, lambda _: None)
    tags.others([str(number) for number in range(1, 31)], NOW)
    assert len(tags.state) == 30
    assert tags.allowed("tea", NOW)
    assert not tags.allowed("coffee", NOW)
    assert tags.allowed("coffee", NOW + timedelta(days=8))


async def test_a_hashtag_that_does_not_exist_is_noted() -> None:
    served: dict[str, Any] = {
        "/ig_hashtag_search": refusal(24, 400, 2207024, "no such resource"),
        "/178/media": [FIXTURE.item(1)],
    }
    result, _, notes = await passed(served, hashtags="teeea")
    assert (result.error, len(result.ids)) == (None, 1)
    assert any("no such resource" in note for note in notes)


async def test_public_accounts() -> None:
    def account(request: Request) -> Answer:
        after = ".after(next)" in request.query["fields"]
        number = 1 if after else 2
        media = {
            "data": [{"id": str(number), "timestamp": AT, "caption": f"cup {number}"}],
            "paging": {"cursors": {} if after else {"after": "next"}},
        }
        found = {"id": "44", "username": "rival", "name": "Rival", "followers_count": 9}
        return encoded({"business_discovery": {**found, "media": media}, "id": "178"})

    result, requests, _ = await passed({"/178": account}, accounts="@rival")
    assert {post.text for post in posts(result)} == {"cup 1", "cup 2"}
    author = posts(result)[0].author
    assert (author.id, author.handle, author.followers) == ("44", "rival", 9)
    assert "business_discovery.username(rival){" in asked(requests, "/178")[0].query["fields"]


def mention(**value: Any) -> bytes:
    change = {"field": "mentions", "value": value}
    entry = {"id": "178", "time": 1_780_311_600, "changes": [change]}
    return json.dumps({"object": "instagram", "entry": [entry]}).encode()


async def test_mentions_are_fetched() -> None:
    def account(request: Request) -> Answer:
        fields = request.query["fields"]
        if fields.startswith("mentioned_comment.comment_id(90){"):
            comment = {"id": "90", "text": "ask @tea.house", "timestamp": AT, "username": "ada"}
            return encoded({"mentioned_comment": comment, "id": "178"})
        if fields.startswith("mentioned_media.media_id(70){"):
            media = {"id": "70", "caption": "with @tea.house", "timestamp": AT, "username": "bo"}
            return encoded({"mentioned_media": media, "id": "178"})
        return refusal(100, 400, 33, "not shown to you")

    hook = HOOKS["instagram"]
    async with running(account) as server:
        settings = {**FIXTURE.options(server.url), **hook.options()}
        notes: list[str] = []
        settings |= {"webhook": "yes", "listen": "127.0.0.1:0"}
        source = Instagram(context(settings, on_note=notes.append))
        steps: list[Step] = []
        passing: Any = source.posts(None)
        async with contextlib.aclosing(passing) as stream:
            waiting = asyncio.ensure_future(anext(stream))
            while not notes:
                await asyncio.sleep(0)
            url = notes[0].removeprefix("listening at ")
            async with httpx.AsyncClient() as client:
                comment = mention(media_id="1", comment_id="90")
                for body in (mention(media_id="70"), comment, mention(media_id=5)):
                    sent = asyncio.create_task(
                        client.post(url, content=body, headers=hook.signed(body))
                    )
                    while not steps or steps[-1].on_safe is None:
                        steps.append(await waiting)
                        waiting = asyncio.ensure_future(anext(stream))
                    on_safe = steps[-1].on_safe
                    assert on_safe is not None
                    on_safe()
                    assert (await sent).status_code == 200
                    steps.append(Step())
            waiting.cancel()
            await asyncio.wait({waiting})
    found = [step.post for step in steps if step.post is not None]
    assert [(post.id, post.text) for post in found] == [
        ("instagram:70", "with @tea.house"),
        ("instagram:90", "ask @tea.house"),
    ]
    assert (found[1].kind, found[1].parent_id) == ("comment", "instagram:1")
    (dead,) = [step.dead for step in steps if step.dead is not None]
    assert "not shown to you" in str(dead)


def test_deliveries() -> None:
    source = Instagram(context({}))
    (step,) = source.read(HookRequest(body=mention(media_id="x")))
    assert step.dead is not None
    assert "names no media" in str(step.dead)
    value = {"id": "90", "text": "hm", "parent_id": "80", "media": {"id": "70"}}
    other = {"field": "story_insights", "value": {"media_id": "1"}}
    changes = [{"field": "comments", "value": value}, other]
    entry = {"id": "178", "time": 1_780_311_600, "changes": changes}
    (step,) = source.read(HookRequest(body=json.dumps({"entry": [entry]}).encode()))
    assert step.post is not None
    assert (step.post.parent_id, step.post.thread_id) == ("instagram:80", "instagram:70")


@pytest.mark.parametrize("options", [{}, {"webhook": "yes", "token": "t"}])
async def test_secrets_are_needed(options: dict[str, Any]) -> None:
    result = await collect(Instagram(context(options)))
    assert isinstance(result.error, BadSettings)


async def test_own_media_are_asked_for_again() -> None:
    first, _, _ = await passed({"/178/media": [FIXTURE.item(1), FIXTURE.item(2)]})
    one, two = (FIXTURE.item(number)["id"] for number in (1, 2))
    for row in first.cursor["rechecks"].values():
        row[0] = 0
    served = {f"/{one}": {**FIXTURE.item(1), "like_count": 40}, f"/{two}": refusal(100, 400, 33)}
    later, _, _ = await passed(served, first.cursor)
    liked, gone = posts(later)
    assert (liked.engagement.likes, gone.state) == (40, "deleted")
    closed, _, _ = await passed({**served, "/178/media": refusal(10, 403)}, first.cursor)
    assert posts(closed) == []
