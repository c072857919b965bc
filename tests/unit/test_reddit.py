"""Reddit: anchors, searches, comments, what is deleted, odd shapes."""

import base64
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from connectors.errors import BadSettings, Fatal, WaitUntil
from connectors.post import Post
from connectors.reddit import AGES, Reddit
from connectors.searches import Search
from tests.contract.connectors.fixtures.reddit import TOKEN, RedditFixture, listing, page
from tests.contract.connectors.fixtures.shared import encoded, moment
from tests.contract.connectors.server import Answer, Handler, Request, running
from tests.contract.connectors.world import NOW, Pass, World, collect, context

FIXTURE = RedditFixture()


def serving(lists: dict[str, Any]) -> Handler:
    """Answers by the end of the path; the token is given always."""

    def answer(request: Request) -> Answer:
        if request.path.endswith("/api/v1/access_token"):
            return encoded(TOKEN)
        found = lists[request.path]
        return found if isinstance(found, Answer) else encoded(page(found, request.query))

    return answer


async def passed(lists: dict[str, Any], cursor: Any = None, **more: Any) -> Pass:
    async with running(serving(lists)) as server:
        options = {**FIXTURE.options(server.url), **more}
        return await collect(Reddit(context(options)), cursor)


async def post(item: Any) -> Post:
    result = await passed({"/r/tea/new": [item]})
    assert result.error is None
    [found] = [step.post for step in result.steps if step.post]
    return found


def comment(number: int, **fields: Any) -> Any:
    data = {
        "name": f"t1_c{number}",
        "id": f"c{number}",
        "subreddit": "tea",
        "body": f"answer {number}",
        "body_html": f"&lt;div&gt;answer {number} &amp;amp; more&lt;/div&gt;",
        "author": "other",
        "link_id": "t3_1ab001",
        "parent_id": "t1_c0",
        "created_utc": moment(number).timestamp(),
        "edited": False,
        "ups": 4,
        "replies": "",
        **fields,
    }
    return {"kind": "t1", "data": data}


async def test_fields() -> None:
    item = FIXTURE.item(1)
    item["data"] |= {
        "selftext_html": "<!-- SC_OFF --><div><p>A <em>fine</em> cup &amp; pot</p></div>",
        "edited": moment(3).timestamp(),
        "crosspost_parent": "t3_0zz",
        "preview": {"images": [{"source": {"url": "https://p.example/a.jpg?a=1&amp;b=2"}}]},
        "media_metadata": {"x": {"s": {"u": "https://p.example/b.jpg"}}, "y": None},
    }
    found = await post(item)
    assert (found.text, found.title, found.kind) == ("A fine cup & pot", "Title 1", "post")
    assert (found.state, found.updated_at) == ("edited", moment(3))
    assert found.created_at == moment(1)
    assert found.repost_of == "reddit:t3_0zz"
    assert found.media == ["https://p.example/a.jpg?a=1&b=2", "https://p.example/b.jpg"]
    assert (found.engagement.likes, found.engagement.replies) == (3, 0)
    assert (found.author.id, found.author.url) == ("t2_9z", "https://www.reddit.com/user/reader")
    assert found.url == "https://www.reddit.com/r/tea/comments/1ab001/title/"


async def test_a_link_alone_has_its_address_as_text() -> None:
    item = FIXTURE.item(1)
    item["data"] |= {"selftext": "", "selftext_html": None, "is_self": False}
    item["data"] |= {"url": "https://e.example/kettle", "author": "[deleted]"}
    del item["data"]["author_fullname"]
    found = await post(item)
    assert (found.text, found.author.id, found.state) == ("https://e.example/kettle", "", "live")


async def test_comments_of_old_payloads() -> None:
    lists = {"/r/tea/new": [], "/r/tea/comments": [comment(1), {"kind": "more", "data": {}}]}
    result = await passed(lists, comments="yes")
    [found] = [step.post for step in result.steps if step.post]
    assert (found.kind, found.text) == ("comment", "answer 1 & more")
    assert (found.parent_id, found.thread_id) == ("reddit:t1_c0", "reddit:t3_1ab001")
    assert found.url == "https://www.reddit.com/r/tea/comments/1ab001/_/c1/"
    assert found.engagement.likes == 4
    assert not [step for step in result.steps if step.dead]


async def test_a_deleted_anchor_loses_nothing() -> None:
    items = [FIXTURE.item(number) for number in range(5)][::-1]
    first = await passed({"/r/tea/new": items})
    fresh = [FIXTURE.item(number) for number in range(10, 260)][::-1]
    second = await passed({"/r/tea/new": fresh + items[2:]}, first.cursor, recheck="no")
    assert set(second.ids) == {f"reddit:{item['data']['name']}" for item in fresh}
    assert second.ids[0] == "reddit:t3_1ab010"
    third = await passed({"/r/tea/new": fresh + items[2:]}, second.cursor, recheck="no")
    assert third.ids == []


async def test_the_first_start_reads_the_pages_that_it_is_told_to() -> None:
    items = [FIXTURE.item(number) for number in range(250)][::-1]
    whole = await passed({"/r/tea/new": items}, recheck="no")
    assert len(set(whole.ids)) == 250
    assert not [step for step in whole.steps if step.gap]
    assert len((await passed({"/r/tea/new": items}, backfill_pages=1)).ids) == 100


async def test_when_all_anchors_are_gone_time_tells_where_to_stop() -> None:
    first = await passed({"/r/tea/new": [FIXTURE.item(30)]})
    later = [FIXTURE.item(number) for number in (32, 31)] + [FIXTURE.item(5)]
    second = await passed({"/r/tea/new": later}, first.cursor, recheck="no")
    assert second.ids == ["reddit:t3_1ab031", "reddit:t3_1ab032"]
    assert not [step for step in second.steps if step.gap]


async def test_more_than_a_listing_shows_is_a_gap() -> None:
    first = await passed({"/r/tea/new": [FIXTURE.item(0)]})
    at = moment(1).timestamp()
    many = [FIXTURE.item(number) for number in range(1, 1101)]
    for item in many:
        item["data"]["created_utc"] = at
    second = await passed({"/r/tea/new": many[::-1]}, first.cursor, recheck="no")
    [gap] = [step.gap for step in second.steps if step.gap]
    assert (gap.since, gap.until) == (moment(0).isoformat(), moment(1).isoformat())
    assert len(second.ids) == 1000


async def test_what_is_not_there_any_more_is_deleted() -> None:
    world = World([FIXTURE.item(number) for number in range(3)])
    clock = [NOW.timestamp()]
    async with FIXTURE.serve(world) as server:
        options = FIXTURE.options(server.url)
        source = Reddit(context(options, clock=lambda: clock[0]))
        first = await collect(source)
        clock[0] += 86_400
        world.items[0]["data"]["score"] = 99
        del world.items[1]
        second = await collect(source, first.cursor)
        asked = [r.query["id"] for r in server.requests if r.path.endswith("/api/info")]
        third = await collect(source, second.cursor)
    assert asked == ["t3_1ab000,t3_1ab001,t3_1ab002"]
    posts = {step.post.id: step.post for step in second.steps if step.post}
    assert posts["reddit:t3_1ab001"].state == "deleted"
    assert posts["reddit:t3_1ab001"].created_at == moment(1)
    assert posts["reddit:t3_1ab000"].engagement.likes == 99
    assert third.ids == []


def test_deletions_are_noticed_within_48_hours() -> None:
    assert max(late - soon for soon, late in pairwise((0.0, *AGES))) <= 48 * 3600


async def test_topics_are_searched_for() -> None:
    async with running(serving({"/search": [FIXTURE.item(1)]})) as server:
        options = {**FIXTURE.options(server.url), "subreddits": "", "user": "me"}
        asked = (Search(("green tea",), ("t",)), Search(("oolong",), ("u",)))
        result = await collect(Reddit(context(options, searches=lambda: asked)))
        token, search = server.requests
    assert len(result.ids) == 1
    assert search.query["q"] == '"green tea" OR oolong'
    assert (search.query["sort"], search.query["raw_json"]) == ("new", "1")
    assert search.headers["authorization"] == "Bearer t0ken-of-an-hour"
    assert search.headers["user-agent"].endswith(" (by /u/me)")
    basic = base64.b64encode(b"an-app:s3cret-of-the-app").decode()
    assert token.headers["authorization"] == f"Basic {basic}"
    assert token.form == {"grant_type": "client_credentials"}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, b'{"message": "Forbidden", "error": 403, "reason": "private"}'),
        (404, b'{"message": "Not Found", "error": 404, "reason": "banned"}'),
        (404, b'{"message": "Not Found", "error": 404}'),
    ],
)
async def test_a_closed_subreddit_stops_no_other(status: int, body: bytes) -> None:
    notes: list[str] = []
    lists = {"/r/tea/new": Answer(status, body), "/r/pots/new": [FIXTURE.item(1)]}
    async with running(serving(lists)) as server:
        options = {**FIXTURE.options(server.url), "subreddits": "tea, r/pots"}
        result = await collect(Reddit(context(options, on_note=notes.append)))
    assert result.error is None
    assert len(result.ids) == 1
    assert "/r/tea/new is closed" in notes[0]


async def test_a_token_that_ended_is_asked_for_anew() -> None:
    tokens = iter(["old", "new"])

    def answer(request: Request) -> Answer:
        if request.path.endswith("/access_token"):
            return encoded({**TOKEN, "access_token": next(tokens)})
        if request.headers["authorization"] != "Bearer new":
            return Answer(401, b'{"message": "Unauthorized", "error": 401}')
        return encoded(listing([FIXTURE.item(1)]))

    async with running(answer) as server:
        result = await collect(Reddit(context(FIXTURE.options(server.url))))
    assert (result.error, len(result.ids)) == (None, 1)


async def test_a_refused_client_is_named() -> None:
    def answer(_: Request) -> Answer:
        return Answer(200, b'{"error": "invalid_grant"}')

    async with running(answer) as server:
        error = (await collect(Reddit(context(FIXTURE.options(server.url))))).error
    assert isinstance(error, Fatal)
    assert "client_id" in str(error)


async def test_the_limit_is_kept_before_it_is_hit() -> None:
    headers = {"x-ratelimit-remaining": "0.0", "x-ratelimit-reset": "42"}
    body = encoded(listing([FIXTURE.item(1)])).body
    lists = {"/r/tea/new": Answer(200, body, headers), "/r/tea/comments": []}
    result = await passed(lists, comments="yes")
    assert len(result.ids) == 1
    assert isinstance(result.error, WaitUntil)
    assert result.error.moment == datetime.fromtimestamp(NOW.timestamp() + 42, UTC)


async def test_an_unreadable_item_is_told_once() -> None:
    lists = {"/r/tea/new": [FIXTURE.item(2), {"kind": "t3", "data": "?"}]}
    first = await passed(lists)
    second = await passed(lists, first.cursor)
    assert len([step for step in first.steps if step.dead]) == 1
    assert not [step for step in second.steps if step.dead]


def test_settings() -> None:
    given = {"client_id": "a", "client_secret": "b"}
    for wrong in ({"subreddits": "no name"}, {"comments": "perhaps"}, {"client_secret": ""}):
        with pytest.raises(BadSettings, match=next(iter(wrong))):
            Reddit(context({**given, **wrong}))
