import json
from typing import Any

import pytest

from connectors.errors import BadSettings, Fatal
from connectors.facebook import Facebook
from connectors.post import Post, Rating
from connectors.receiving import Request as HookRequest
from tests.contract.connectors.fixtures.facebook import FIXTURE, graph_page
from tests.contract.connectors.fixtures.shared import encoded
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, Pass, collect, context
from tests.unit.test_graph import refusal

AT = "2026-06-01T11:00:00+0000"


async def passed(
    served: dict[str, Any], cursor: Any = None, **options: Any
) -> tuple[Pass, list[Request], list[str]]:
    """A pass over these lists, by the end of their path; the others are empty."""
    notes: list[str] = []

    def answer(request: Request) -> Answer:
        for path, given in served.items():
            if request.path.endswith(path):
                if isinstance(given, Answer):
                    return given
                return encoded(graph_page(request, given) if isinstance(given, list) else given)
        return encoded({"data": []})

    async with running(answer) as server:
        settings = {**FIXTURE.options(server.url), **options}
        result = await collect(Facebook(context(settings, on_note=notes.append)), cursor)
        return result, server.requests, notes


def posts(result: Pass) -> list[Post]:
    return [step.post for step in result.steps if step.post is not None]


async def test_fields_of_a_post() -> None:
    album = {"media_type": "photo", "media": {"image": {"src": "https://cdn.example/2.jpg"}}}
    attachment = {
        "media_type": "album",
        "title": "Two cups",
        "media": {"image": {"src": "https://cdn.example/1.jpg"}},
        "subattachments": {"data": [album]},
    }
    entry = {
        "id": "100_7",
        "message": "Tea at noon #tea",
        "created_time": AT,
        "permalink_url": "https://www.facebook.com/100/posts/7",
        "from": {"id": "55", "name": "Ada"},
        "attachments": {"data": [attachment]},
        "shares": {"count": 3},
        "reactions": {"data": [], "summary": {"total_count": 4}},
        "comments": {"data": [], "summary": {"total_count": 0}},
        "place": {"name": "Bar", "location": {"city": "Rome", "latitude": 41.9, "longitude": 12.5}},
    }
    bare = {"id": "100_6", "created_time": AT, "story": "A page updated its photo.", "from": None}
    result, _, _ = await passed({"me/feed": [bare, entry]})
    story, post = posts(result)
    assert (post.id, post.text, post.title) == ("facebook:100_7", "Tea at noon #tea", "Two cups")
    assert post.media == ["https://cdn.example/1.jpg", "https://cdn.example/2.jpg"]
    assert (post.author.id, post.author.name) == ("55", "Ada")
    assert (post.engagement.likes, post.engagement.reposts, post.engagement.replies) == (4, 3, 0)
    assert post.hashtags == ["tea"]
    assert post.place is not None
    assert (post.place.name, post.place.country, post.place.lat) == ("Bar, Rome", "", 41.9)
    assert (story.text, story.author.id) == ("A page updated its photo.", "")
    assert story.engagement.likes is None


async def test_fields_of_older_versions() -> None:
    old = {
        "id": "100_5",
        "created_time": "2014-01-01T10:00:00+0000",
        "name": "A shared page",
        "description": "about tea",
        "picture": "https://cdn.example/old.jpg",
        "likes": {"data": [{"id": "5"}], "summary": {"total_count": 8}},
        "message_tags": {"0": [{"id": "100"}]},
        "attachments": None,
        "place": "somewhere",
    }
    result, _, _ = await passed({"me/feed": [old]})
    (post,) = posts(result)
    assert (post.title, post.text) == ("A shared page", "about tea")
    assert (post.media, post.engagement.likes) == (["https://cdn.example/old.jpg"], 8)


async def test_comments_of_new_posts_come_at_once_and_then_when_due() -> None:
    post = {**FIXTURE.item(1), "comments": {"summary": {"total_count": 2}}}
    comments = [
        {"id": "2001_1", "message": "first", "created_time": "2026-06-01T11:10:00+0000"},
        {
            "id": "2001_2",
            "message": "second",
            "created_time": "2026-06-01T11:20:00+0000",
            "parent": {"id": "2001_1", "created_time": AT},
            "like_count": 1,
        },
    ]
    lists: dict[str, Any] = {"me/feed": [post], "100_2001/comments": comments}
    result, requests, _ = await passed(lists)
    _, first, second = posts(result)
    assert (first.id, first.kind, first.text) == ("facebook:2001_1", "comment", "first")
    assert (first.parent_id, first.thread_id) == ("facebook:100_2001", "facebook:100_2001")
    assert (second.parent_id, second.engagement.likes) == ("facebook:2001_1", 1)
    assert requests[-1].query["order"] == "reverse_chronological"

    again, requests, _ = await passed(lists, result.cursor)
    assert posts(again) == []
    assert not [request for request in requests if request.path.endswith("/comments")]

    result.cursor["threads"]["100_2001"][0] = NOW.timestamp() - 1
    comments.append(
        {"id": "2001_3", "message": "third", "created_time": "2026-06-01T11:30:00+0000"}
    )
    later, _, _ = await passed(lists, result.cursor)
    assert [one.id for one in posts(later)] == ["facebook:2001_3"]


async def test_a_comment_without_an_id_is_named_by_its_address() -> None:
    post = {**FIXTURE.item(1), "comments": {}}
    at = "https://www.facebook.com/100/posts/2001/?comment_id=5&reply_comment_id=6"
    comments = [{"message": "hm", "created_time": AT, "permalink_url": at}, {"message": "nameless"}]
    result, _, _ = await passed({"me/feed": [post], "/comments": comments})
    assert [one.id for one in posts(result)] == ["facebook:100_2001", "facebook:2001_6"]
    assert len([step for step in result.steps if step.dead]) == 1


async def test_recommendations() -> None:
    ratings = [
        {
            "created_time": AT,
            "rating": 4,
            "review_text": "ok",
            "reviewer": {"id": "8", "name": "B"},
        },
        {
            "created_time": "2026-06-01T11:01:00+0000",
            "recommendation_type": "negative",
            "review_text": "cold tea",
            "open_graph_story": {"id": "99"},
        },
        {"created_time": "2026-06-01T11:02:00+0000", "recommendation_type": "POSITIVE"},
    ]
    result, _, _ = await passed({"me/ratings": ratings, "/me": {"id": "100"}})
    stars, story, bare = posts(result)
    assert (stars.id, stars.rating, stars.author.name) == (
        "facebook:100/ratings/8",
        Rating(4.0, 5.0),
        "B",
    )
    assert (story.id, story.rating, story.kind) == ("facebook:99", Rating(0.0, 1.0), "review")
    assert (bare.rating, bare.text) == (Rating(1.0, 1.0), "")


async def test_tagged_posts_go_by_the_time_of_the_tag() -> None:
    old = {**FIXTURE.item(1), "created_time": "2026-01-01T00:00:00+0000", "tagged_time": AT}
    first, _, _ = await passed({"me/tagged": [{**FIXTURE.item(2), "tagged_time": AT}]})
    listed = [{**FIXTURE.item(2), "tagged_time": AT}, {**old, "tagged_time": AT}]
    later, requests, _ = await passed({"me/tagged": listed}, first.cursor)
    assert [one.id for one in posts(later)] == ["facebook:100_2001"]
    tagged = [request for request in requests if request.path.endswith("/tagged")]
    assert "tagged_time" in tagged[0].query["fields"]


async def test_a_post_in_two_lists_comes_once() -> None:
    result, _, _ = await passed({"me/feed": [FIXTURE.item(1)], "me/tagged": [FIXTURE.item(1)]})
    assert result.ids == ["facebook:100_2001"]
    assert set(result.cursor["lists"]) == {"me/feed", "me/tagged"}


async def test_a_closed_list_is_noted_and_the_others_are_read() -> None:
    lists = {
        "me/feed": [FIXTURE.item(1)],
        "me/ratings": refusal(200, 403),
        "me/tagged": refusal(100),
    }
    result, _, notes = await passed(lists)
    assert result.error is None
    assert result.ids == ["facebook:100_2001"]
    assert any("me/ratings is left out" in note for note in notes)
    result, _, _ = await passed({"me/feed": refusal(10, 403)}, lists="feed")
    assert isinstance(result.error, Fatal)


async def test_more_than_can_be_read_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.facebook.MOST", 20)
    first, _, _ = await passed({"me/feed": [FIXTURE.item(0)]})
    later, requests, _ = await passed(
        {"me/feed": [FIXTURE.item(number) for number in range(59)]}, first.cursor
    )
    assert [step.gap for step in later.steps if step.gap is not None]
    assert "since" in requests[0].query


async def test_a_letter_is_read_again() -> None:
    broken = {**FIXTURE.item(1), "created_time": None}
    result, _, _ = await passed({"me/feed": [broken]})
    dead = result.steps[0].dead
    assert dead is not None
    source = Facebook(context({"token": "t"}))
    with pytest.raises(ValueError, match="not a time"):
        source.reread(dead.raw)
    mended = dead.raw.replace(b"null", b'"2026-06-01T11:00:00+0000"')
    assert source.reread(mended).id == "facebook:100_2001"


async def test_a_token_is_needed() -> None:
    result = await collect(Facebook(context({})))
    assert isinstance(result.error, BadSettings)
    assert "'token'" in str(result.error)


def change(value: dict[str, Any], field: str = "feed", time: Any = 1_780_311_600) -> bytes:
    entry = {"id": "100", "time": time, "changes": [{"field": field, "value": value}]}
    return json.dumps({"object": "page", "entry": [entry]}).encode()


def told(body: bytes) -> list[Any]:
    source = Facebook(context({"app_secret": "s"}))
    return [step.post or step.dead for step in source.read(HookRequest(body=body))]


def test_edits_and_removals_are_told() -> None:
    comment = {"item": "comment", "comment_id": "2000_1", "post_id": "100_2000", "message": "hm"}
    created = {"created_time": 1_780_300_000}
    (edited,) = told(change({**comment, **created, "verb": "edited"}))
    assert (edited.state, edited.text) == ("edited", "hm")
    assert edited.created_at.timestamp() == 1_780_300_000
    assert edited.updated_at.timestamp() == 1_780_311_600
    for verb in ("remove", "hide"):
        (gone,) = told(change({**comment, **created, "verb": verb}))
        assert (gone.id, gone.state, gone.text, gone.kind) == (
            "facebook:2000_1",
            "deleted",
            "",
            "comment",
        )
    (shown,) = told(change({**comment, **created, "verb": "unhide"}))
    assert (shown.state, shown.thread_id) == ("edited", "facebook:100_2000")
    assert shown.version >= gone.version


def test_shapes_of_deliveries() -> None:
    (old,) = told(change({"item": "post", "verb": "add", "post_id": 502}, time=1_780_311_600_000))
    assert (old.id, old.created_at.timestamp()) == ("facebook:100_502", 1_780_311_600)
    (photo,) = told(
        change(
            {
                "item": "photo",
                "verb": "add",
                "post_id": "100_3",
                "link": "https://cdn.example/3.jpg",
                "sender_id": 55,
                "sender_name": "Ada",
                "published": 1,
                "created_time": "2026-06-01T11:00:00+0000",
            }
        )
    )
    assert (photo.media, photo.author.id) == (["https://cdn.example/3.jpg"], "55")
    mention = {"item": "comment", "verb": "add", "comment_id": "7_8", "post_id": "7_7"}
    (found,) = told(change({**mention, "message": "ask @us"}, "mention"))
    assert (found.text, found.author.id) == ("ask @us", "")
    review = {
        "item": "rating",
        "verb": "add",
        "reviewer_id": "8",
        "reviewer_name": "B",
        "review_text": "cold",
        "recommendation_type": "negative",
        "open_graph_story_id": 99,
    }
    (rated,) = told(change(review, "ratings"))
    assert (rated.id, rated.rating, rated.author.name) == ("facebook:99", Rating(0.0, 1.0), "B")
    for value in (
        {"item": "reaction", "verb": "add"},
        {"item": "like"},
        {"item": "status", "published": 0},
    ):
        assert told(change(value)) == []
    assert told(change({"anything": 1}, "leadgen")) == []


def test_one_bad_change_harms_no_other() -> None:
    good = {"item": "comment", "verb": "add", "comment_id": "2_1", "post_id": "1_2"}
    entry = {"id": "1", "changes": [{"field": "feed", "value": {**good, "comment_id": None}}]}
    more = {"id": "1", "changes": [{"field": "feed", "value": good}, 5, None]}
    body = json.dumps({"object": "page", "entry": [entry, more, {"id": "1", "messaging": []}]})
    dead, post = told(body.encode())
    assert "comment_id" in str(dead)
    assert post.id == "facebook:2_1"
    source = Facebook(context({}))
    assert source.reread(dead.raw.replace(b'"comment_id":null', b'"comment_id":"2_9"')).id == (
        "facebook:2_9"
    )


def test_a_handshake_with_another_token_is_refused() -> None:
    source = Facebook(context({"app_secret": "s", "verify_token": "meet-me"}))
    query = {"hub.mode": "subscribe", "hub.challenge": "1", "hub.verify_token": "other"}
    assert source.receive(HookRequest("GET", query=query)).answer.status == 403
    unset = Facebook(context({"app_secret": "s"}))
    query["hub.verify_token"] = ""
    assert unset.receive(HookRequest("GET", query=query)).answer.status == 403


async def test_deliveries_need_the_secret() -> None:
    result = await collect(Facebook(context({"webhook": "yes"})))
    assert isinstance(result.error, BadSettings)
    assert "'app_secret'" in str(result.error)


async def test_posts_are_asked_for_again_and_what_is_gone_is_deleted() -> None:
    post = {**FIXTURE.item(1), "from": {"id": "5"}}
    first, _, _ = await passed({"me/feed": [post, FIXTURE.item(2)]})
    for row in first.cursor["rechecks"].values():
        row[0] = 0
    served = {
        "/100_2001": {**post, "shares": {"count": 7}},
        "/100_2002": refusal(100, 400, 33, "does not exist"),
    }
    later, _, _ = await passed(served, first.cursor)
    refreshed, gone = posts(later)
    assert (refreshed.id, refreshed.engagement.reposts) == ("facebook:100_2001", 7)
    assert (gone.id, gone.state, gone.text) == ("facebook:100_2002", "deleted", "")
    assert gone.created_at == posts(first)[1].created_at
    again, _, _ = await passed(served, later.cursor)
    assert posts(again) == []


async def test_a_page_that_is_closed_deletes_nothing() -> None:
    first, _, _ = await passed({"me/feed": [FIXTURE.item(1)]})
    first.cursor["rechecks"]["100_2001"][0] = 0
    served = {"me/feed": refusal(10, 403), "/100_2001": refusal(100, 400, 33)}
    for pages in ("me", "me,200"):
        later, _, _ = await passed(served, first.cursor, pages=pages)
        assert posts(later) == []


async def test_comments_without_authors_are_noted_once() -> None:
    listed = [{**FIXTURE.item(1), "comments": {}}]
    comments = [{"id": f"2001_{n}", "message": "hm", "created_time": AT} for n in (1, 2)]
    _, _, notes = await passed({"me/feed": listed, "/comments": comments})
    assert len([note for note in notes if "pages_read_user_content" in note]) == 1
