import json
from datetime import timedelta
from typing import Any

import pytest

from connectors.errors import BadSettings, Fatal, WaitUntil
from connectors.post import Post
from connectors.receiving import Request as HookRequest
from connectors.searches import Search
from connectors.threads import Threads
from tests.contract.connectors.fixtures.facebook import graph_page, graph_time
from tests.contract.connectors.fixtures.shared import encoded, moment
from tests.contract.connectors.fixtures.threads import FIXTURE
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, Pass, collect, context
from tests.unit.test_graph import refusal

AT = "2026-06-01T11:00:00+0000"
BASE: dict[str, Any] = {"/me": {"id": "17", "username": "tea.house"}}


async def passed(
    served: dict[str, Any], cursor: Any = None, at: Any = NOW, **options: Any
) -> tuple[Pass, list[Request], list[str]]:
    """A pass over these lists, by the end of their path; the others are empty."""
    notes: list[str] = []
    searches = options.pop("searches", tuple)

    def answer(request: Request) -> Answer:
        for path, given in {**BASE, **served}.items():
            if request.path.endswith(path):
                found = given(request) if callable(given) else given
                if isinstance(found, Answer):
                    return found
                return encoded(graph_page(request, found) if isinstance(found, list) else found)
        return encoded({"data": []})

    async with running(answer) as server:
        settings = {**FIXTURE.options(server.url), **options}
        world = context(settings, on_note=notes.append, clock=at.timestamp, searches=searches)
        return await collect(Threads(world), cursor), server.requests, notes


def posts(result: Pass) -> list[Post]:
    return [step.post for step in result.steps if step.post is not None]


def asked(requests: list[Request], end: str) -> list[Request]:
    return [request for request in requests if request.path.endswith(end)]


async def test_fields() -> None:
    entry = {
        "id": "5",
        "text": "A cup? #tea",
        "timestamp": AT,
        "username": "ada",
        "permalink": "https://www.threads.net/@ada/post/P5",
        "media_url": "https://cdn.example/5.jpg",
        "children": {"data": [{"media_url": "https://cdn.example/6.jpg"}]},
        "topic_tag": "Drinks",
        "has_replies": False,
        "is_verified": True,
        "replied_to": {"id": "3"},
        "root_post": {"id": "1"},
        "quoted_post": {"id": "2"},
    }
    facade = {"id": "6", "media_type": "REPOST_FACADE", "timestamp": AT, "reposted_post": {"id": 4}}
    result, _, _ = await passed({"/keyword_search": [facade, entry]})
    found = {post.id: post for post in posts(result)}
    post = found["threads:5"]
    assert (post.kind, post.parent_id, post.thread_id, post.repost_of) == (
        "comment",
        "threads:3",
        "threads:1",
        "threads:2",
    )
    assert post.hashtags == ["Drinks", "tea"]
    assert post.media == ["https://cdn.example/5.jpg", "https://cdn.example/6.jpg"]
    assert (post.author.handle, post.author.verified) == ("ada", True)
    assert (post.engagement.replies, post.engagement.likes) == (0, None)
    assert found["threads:6"].repost_of == "threads:4"


async def test_searches_overlap_an_hour_for_posts_that_are_found_late() -> None:
    first, requests, _ = await passed({"/keyword_search": [FIXTURE.item(1), FIXTURE.item(30)]})
    (search,) = asked(requests, "/keyword_search")
    assert (search.query["q"], search.query["search_type"]) == ("tea", "RECENT")
    assert "since" not in search.query
    late = [FIXTURE.item(1), FIXTURE.item(20), FIXTURE.item(30)]
    later, requests, _ = await passed({"/keyword_search": late}, first.cursor)
    assert later.ids == [f"threads:{FIXTURE.item(20)['id']}"]
    since = asked(requests, "/keyword_search")[0].query["since"]
    assert int(since) == int(moment(30).timestamp()) - 3600


async def test_topics_words_are_searched_for() -> None:
    searches = (Search(("green tea", "cup"), ("t1",)), Search(("coffee",), ("t2",)))
    result, requests, _ = await passed({}, queries="", searches=lambda: searches)
    assert result.error is None
    queries = [request.query["q"] for request in asked(requests, "/keyword_search")]
    assert sorted(queries) == ["coffee", "green tea cup"]
    result, _, _ = await passed({}, queries="")
    assert isinstance(result.error, BadSettings)
    result, _, _ = await passed({}, queries="", search="no")
    assert result.error is None


async def test_the_budget_is_kept_and_the_next_pass_goes_on() -> None:
    names = [f"tea{number}" for number in range(5)]
    first, requests, _ = await passed({}, queries=names, searches_a_day=75)
    assert isinstance(first.error, WaitUntil)
    assert first.error.moment == NOW + timedelta(hours=1)
    assert len(asked(requests, "/keyword_search")) == 3
    assert asked(requests, "/17/mentions")
    soon, requests, _ = await passed({}, first.cursor, queries=names, searches_a_day=75)
    assert isinstance(soon.error, WaitUntil)
    assert not asked(requests, "/keyword_search")
    _, requests, _ = await passed(
        {}, soon.cursor or first.cursor, NOW + timedelta(hours=1), queries=names, searches_a_day=75
    )
    asked_then = [request.query["q"] for request in asked(requests, "/keyword_search")]
    assert asked_then == ["tea3", "tea4", "tea0"]


async def test_what_is_restricted_in_silence_is_noted() -> None:
    own = {**FIXTURE.item(1), "username": "tea.house"}
    _, _, notes = await passed({"/keyword_search": [own]})
    assert any("threads_keyword_search" in note for note in notes)
    _, _, notes = await passed({"/keyword_search": [own, FIXTURE.item(2)]})
    assert notes == []
    _, _, notes = await passed({})
    assert any("sensitive" in note for note in notes)


async def test_mentions_are_paged_without_an_address() -> None:
    def mentions(request: Request) -> Answer:
        after = int(request.query.get("after", "0"))
        entry = {"id": str(after), "text": "@tea.house", "timestamp": graph_time(moment(9 - after))}
        paging = {"cursors": {"before": "x", "after": str(after + 1)}}
        return encoded({"data": [entry] if after < 3 else [], "paging": paging})

    result, requests, _ = await passed({"/17/mentions": mentions})
    assert result.ids == ["threads:2", "threads:1", "threads:0"]
    assert [request.query.get("after") for request in asked(requests, "/mentions")] == [
        None,
        "1",
        "2",
        "3",
    ]


async def test_replies_to_own_posts_are_followed() -> None:
    own = {"id": "50", "text": "open", "timestamp": AT, "has_replies": True}
    replies = [
        {
            "id": "51",
            "text": "nice",
            "timestamp": "2026-06-01T11:05:00+0000",
            "is_reply": True,
            "root_post": {"id": "50"},
            "replied_to": {"id": "50"},
        }
    ]
    served: dict[str, Any] = {"/17/threads": [own], "/50/conversation": replies}
    result, _, _ = await passed(served)
    assert [(post.id, post.parent_id) for post in posts(result)] == [
        ("threads:50", ""),
        ("threads:51", "threads:50"),
    ]
    result.cursor["threads"]["50"][0] = 0
    replies.append({**replies[0], "id": "52", "timestamp": "2026-06-01T11:06:00+0000"})
    later, _, _ = await passed(served, result.cursor)
    assert later.ids == ["threads:52"]


async def test_a_mention_that_is_found_as_well_comes_once() -> None:
    item = FIXTURE.item(1)
    result, _, _ = await passed({"/keyword_search": [item], "/17/mentions": [item]})
    assert result.ids == [f"threads:{item['id']}"]


async def test_public_accounts() -> None:
    def listed(request: Request) -> Answer:
        return encoded({"data": [{**FIXTURE.item(1), "username": request.query["username"]}]})

    result, _, _ = await passed({"/profile_posts": listed}, accounts="@rival")
    assert posts(result)[0].author.handle == "rival"


async def test_a_part_that_is_closed_is_noted() -> None:
    served = {"/keyword_search": [FIXTURE.item(1)], "/17/mentions": refusal(10, 403)}
    result, _, notes = await passed(served)
    assert (result.error, len(result.ids)) == (None, 1)
    assert any("/17/mentions" in note for note in notes)
    closed = refusal(10, 403)
    result, _, _ = await passed(dict.fromkeys(("_search", "/mentions", "17/threads"), closed))
    assert isinstance(result.error, Fatal)


def delivery(value: Any, field: str) -> HookRequest:
    values = {"value": value, "field": field}
    body = {"app_id": "1", "topic": "moderate", "time": 1_780_311_600, "values": values}
    return HookRequest(body=json.dumps(body).encode())


def test_deliveries() -> None:
    source = Threads(context({}))
    mention = {"id": "7", "text": "@tea.house", "timestamp": AT, "username": "ada"}
    for field in ("mentions", "publish"):
        (step,) = source.read(delivery(mention, field))
        assert step.post is not None
        assert (step.post.id, step.post.kind) == ("threads:7", "post")
    deleted = {"id": "7", "deleted_at": "2026-06-01T11:30:00+0000", "timestamp": AT}
    (step,) = source.read(delivery(deleted, "delete"))
    assert step.post is not None
    assert (step.post.state, step.post.text) == ("deleted", "")
    assert step.post.updated_at is not None
    assert step.post.updated_at > step.post.created_at
    (step,) = source.read(delivery({"text": "nameless"}, "replies"))
    assert step.dead is not None
    assert source.read(delivery(mention, "other")) == []
    with pytest.raises(ValueError, match="no id"):
        source.reread(step.dead.raw)


async def test_own_posts_that_are_gone_are_deleted() -> None:
    own = {"id": "50", "text": "open", "timestamp": AT, "has_replies": False}
    first, _, _ = await passed({"/17/threads": [own]})
    first.cursor["rechecks"]["50"][0] = 0
    later, _, _ = await passed({"/50": refusal(100, 400, 33)}, first.cursor)
    assert [(post.id, post.state) for post in posts(later)] == [("threads:50", "deleted")]


async def test_what_the_budget_paid_for_is_not_lost() -> None:
    items = [FIXTURE.item(number) for number in range(59)]
    first, _, _ = await passed({"/keyword_search": items[:1]})
    later, _, _ = await passed(
        {"/keyword_search": items}, first.cursor, NOW + timedelta(hours=1), searches_a_day=50
    )
    assert isinstance(later.error, WaitUntil)
    assert len(later.ids) == 40
    (gap,) = [step.gap for step in later.steps if step.gap is not None]
    assert gap.until == moment(19).isoformat()


async def test_a_tag_that_is_named_is_searched_for_as_one() -> None:
    _, requests, _ = await passed({}, queries="#tea")
    (search,) = asked(requests, "/keyword_search")
    assert (search.query["q"], search.query["search_mode"]) == ("tea", "TAG")
    searches = (Search(("#tea",), ("t1",)),)
    _, requests, _ = await passed({}, queries="", searches=lambda: searches)
    assert "search_mode" not in asked(requests, "/keyword_search")[0].query
