"""VKontakte: errors in a 200, searches in slices, walls, comments in threads, edits, deletions."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from connectors.base import Context
from connectors.errors import BadSettings, Fatal, Retriable, WaitUntil
from connectors.post import Post
from connectors.receiving import Answer as Answered
from connectors.receiving import Request as Delivery
from connectors.searches import Search
from connectors.vk import Vk
from connectors.vk_walls import wall
from tests.contract.connectors.fixtures.shared import encoded
from tests.contract.connectors.fixtures.vk import VkFixture
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import LOCAL, NOW, Pass, World, collect, context

FIXTURE = VkFixture()
Handler = Callable[[Request], Any]


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now.timestamp()


def posts_of(result: Pass) -> list[Post]:
    return [step.post for step in result.steps if step.post is not None]


def method(request: Request) -> str:
    return request.path.rsplit("/", 1)[-1]


async def passed(handler: Handler, cursor: Any = None, **options: Any) -> Pass:
    """One pass against a server whose `handler` gives whole bodies."""
    async with running(lambda request: encoded(handler(request))) as server:
        given = {**FIXTURE.options(server.url), "queries": "", **options}
        return await collect(Vk(context(given)), cursor)


def on_walls(*items: Any, **more: Any) -> Handler:
    def answer(request: Request) -> Any:
        if method(request) != "wall.get":
            return {"response": {"count": 0, "items": []}}
        return {"response": {"count": len(items), "items": list(items), **more}}

    return answer


def refusing(code: int, message: str = "no") -> Handler:
    return lambda request: {"error": {"error_code": code, "error_msg": message}}


def entry(number: int, **more: Any) -> dict[str, Any]:
    item: dict[str, Any] = FIXTURE.item(number)
    return {**item, **more}


async def test_a_post_whole() -> None:
    item = entry(
        0,
        text="Go to [club1|Tea &amp; co] &#10071; [https://tea.example/a|here]<br>#tea@club & AT&T",
        edited=int(NOW.timestamp()) - 60,
        likes={"count": 3},
        reposts={"count": 0},
        views={"count": 70},
        geo={"coordinates": "55.75 37.62", "place": {"title": "Moscow"}},
        attachments=[
            {"type": "photo", "photo": {"sizes": [
                {"width": 75, "url": "https://i.example/s.jpg"},
                {"width": 807, "url": "https://i.example/x.jpg"},
            ]}},
            {"type": "video", "video": {"owner_id": -1, "id": 9}},
            {"type": "link", "link": {"url": "https://tea.example/whole/address"}},
            {"type": "unheard_of"},
            "odd",
        ],
    )  # fmt: skip
    people = [{"id": 5, "first_name": "A", "last_name": "B", "screen_name": "ab", "verified": 1,
               "followers_count": 12, "city": {"title": "Tula"}}]  # fmt: skip
    result = await passed(on_walls(item, profiles=people, groups=None), walls="club1")
    (post,) = posts_of(result)
    assert result.error is None
    assert post.id == "vk:-1_1"
    assert post.url == "https://vk.com/wall-1_1"
    assert post.text == "Go to Tea & co ❗ here (https://tea.example/a)\n#tea@club & AT&T"
    assert (post.state, post.updated_at) == ("edited", NOW - timedelta(minutes=1))
    assert (post.author.id, post.author.name, post.author.handle) == ("5", "A B", "ab")
    assert (post.author.followers, post.author.location, post.author.verified) == (12, "Tula", True)
    told = post.engagement
    assert (told.likes, told.reposts, told.replies, told.views) == (3, 0, 0, 70)
    assert post.hashtags == ["tea"]
    assert post.media == [
        "https://i.example/x.jpg",
        "https://vk.com/video-1_9",
        "https://tea.example/whole/address",
    ]
    assert post.place is not None
    assert (post.place.name, post.place.lat, post.place.lon) == ("Moscow", 55.75, 37.62)


async def test_reposts_communities_deletions_and_odd_shapes() -> None:
    repost = entry(1, text="", copy_history=[{"id": 7, "owner_id": 20, "text": "the first"}])
    group = entry(2, from_id=-1, likes=None, views=None)
    stub = {"id": 4, "owner_id": -1, "is_deleted": True, "date": int(NOW.timestamp()) - 5}
    stranger = entry(4, from_id=77, comments=None, attachments=None, geo={"coordinates": {
        "latitude": 1.5, "longitude": "2"}})  # fmt: skip
    photo = {"type": "photo", "photo": {"src_big": "https://i.example/b.jpg"}}
    old: dict[str, Any] = {
        "id": "6",
        "to_id": "-1",
        "from_id": -1,
        "date": "1780311600",
        "text": "a<br>b",
    }
    old["attachment"] = photo
    groups = [{"id": 1, "name": "Tea &amp; co", "screen_name": "tea", "members_count": 9}]
    result = await passed(on_walls(repost, group, stub, stranger, old, groups=groups), walls="tea")
    by_id = {post.id: post for post in posts_of(result)}
    assert (by_id["vk:-1_2"].text, by_id["vk:-1_2"].repost_of) == ("the first", "vk:20_7")
    assert (by_id["vk:-1_3"].author.name, by_id["vk:-1_3"].author.followers) == ("Tea & co", 9)
    assert by_id["vk:-1_3"].engagement.likes is None
    assert by_id["vk:-1_3"].engagement.views is None
    assert (by_id["vk:-1_4"].state, by_id["vk:-1_4"].text) == ("deleted", "")
    assert by_id["vk:-1_5"].author.url == "https://vk.com/id77"
    assert by_id["vk:-1_5"].place is not None
    assert (by_id["vk:-1_6"].text, by_id["vk:-1_6"].media) == ("a\nb", ["https://i.example/b.jpg"])


async def test_versions_before_five_begin_a_list_with_a_number() -> None:
    result = await passed(lambda _: {"response": [2, entry(0), entry(1)]}, walls="1", comments="no",
                          refresh="no")  # fmt: skip
    assert result.ids == ["vk:-1_1", "vk:-1_2"]


async def test_a_search_finds_comments_too() -> None:
    item = entry(8, post_type="reply", post_id=3, parents_stack=[5], text="[id7|A], so it is")

    def answer(request: Request) -> Any:
        found = [item] if method(request) == "newsfeed.search" else []
        return {"response": {"items": found, "count": 1, "total_count": 1}}

    (post,) = posts_of(await passed(answer, queries="tea"))
    assert (post.kind, post.id, post.thread_id) == ("comment", "vk:-1_9", "vk:-1_3")
    assert (post.parent_id, post.text) == ("vk:-1_5", "A, so it is")
    assert post.url == "https://vk.com/wall-1_3?reply=9&thread=5"


async def test_a_search_with_too_much_is_cut_in_time_and_all_is_found() -> None:
    start = int(NOW.timestamp()) - 3000
    items = [{**entry(number), "date": start + number} for number in range(2500)]
    async with FIXTURE.serve(World(items)) as server:
        result = await collect(Vk(context({**FIXTURE.options(server.url), "hours": 1})))
        assert result.error is None
        assert result.ids == [f"vk:-1_{1 + number}" for number in range(2500)]
        again = await collect(Vk(context(FIXTURE.options(server.url))), result.cursor)
    assert 1 <= len(again.ids) <= 121  # the overlap alone
    assert not [step.gap for step in result.steps if step.gap]


async def test_what_a_second_holds_beyond_reach_is_a_gap() -> None:
    items = [{**entry(number), "date": int(NOW.timestamp()) - 30} for number in range(1200)]
    async with FIXTURE.serve(World(items)) as server:
        result = await collect(Vk(context({**FIXTURE.options(server.url), "hours": 1})))
    assert len(result.ids) == 1000
    (gap,) = [step.gap for step in result.steps if step.gap]
    assert "out of reach" in gap.reason


async def test_a_server_that_heeds_no_times_is_not_asked_without_end() -> None:
    old = {**entry(1), "date": 1_500_000_000}
    asked: list[Request] = []

    def answer(request: Request) -> Any:
        asked.append(request)
        found = [old] if method(request) == "newsfeed.search" else []
        return {"response": {"items": found, "count": 1000, "total_count": 150_428,
                             "next_from": "3/-1_2"}}  # fmt: skip

    result = await passed(answer, queries="tea")
    assert (result.error, result.ids) == (None, ["vk:-1_2"])
    assert len(asked) < 6


async def test_topics_are_searched_for() -> None:
    asked: list[str] = []

    def answer(request: Request) -> Answer:
        asked.append(request.query["q"])
        return encoded({"response": {"items": [], "count": 0, "total_count": 0}})

    searches = [Search(("green tea",), ("t",)), Search(("oolong", "cup"), ("t",))]
    async with running(answer) as server:
        options = {**FIXTURE.options(server.url), "queries": ""}
        here = context(options, searches=lambda: searches)
        result = await collect(Vk(here))
        assert result.error is None
        second = await collect(Vk(here), result.cursor)
    assert sorted(asked) == ["green tea", "oolong cup"]
    assert second.error is None  # two queries of 1000 calls a day rest for 172 seconds
    for options in ({"token": "t"}, {"queries": "tea"}, {"mode": "callback"}):
        nothing = await collect(Vk(context(options)))
        assert isinstance(nothing.error, BadSettings)


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (5, Fatal, "Remedy: set a valid 'token'"),
        (1117, Fatal, "Remedy: set a valid 'token'"),
        (3609, Fatal, "Remedy: set a valid 'token'"),
        (14, Fatal, "captcha"),
        (23, Fatal, "newsfeed.search"),
        (6, Retriable, "error 6"),
        (9, Retriable, "error 9"),
        (10, Retriable, "error 10"),
        (15, Fatal, "error 15"),
    ],
)
async def test_errors_come_with_status_200(code: int, kind: type[Exception], said: str) -> None:
    result = await passed(refusing(code, "user t0ken t0ken"), queries="tea")
    assert type(result.error) is kind or (kind is Fatal and isinstance(result.error, Fatal))
    assert said in str(result.error)
    assert "t0ken" not in str(result.error)


async def test_a_call_too_fast_is_tried_again() -> None:
    calls: list[str] = []

    def answer(request: Request) -> Any:
        calls.append(method(request))
        if len(calls) < 3:
            return refusing(6, "Too many requests per second")(request)
        return {"response": {"items": [entry(0)], "count": 1}}

    assert (await passed(answer, walls="1", comments="no", refresh="no")).ids == ["vk:-1_1"]


async def test_a_day_used_up_waits_and_lets_the_rest_go_on() -> None:
    def answer(request: Request) -> Any:
        if method(request) == "newsfeed.search":
            return refusing(29, "Rate limit reached")(request)
        return on_walls(entry(0))(request)

    result = await passed(answer, queries="tea", walls="1")
    assert (result.ids, result.error) == (["vk:-1_1"], None)
    alone = await passed(answer, queries="tea")
    assert isinstance(alone.error, WaitUntil)
    assert alone.error.moment == datetime(2026, 6, 1, 21, 0, tzinfo=UTC)  # Moscow's midnight
    later = await passed(lambda _: pytest.fail("asked"), alone.cursor, queries="tea")
    assert isinstance(later.error, WaitUntil)


async def test_the_days_budget_is_kept_before_the_source_says_so() -> None:
    items = [
        {**entry(number), "date": int(NOW.timestamp()) - 1000 + number} for number in range(900)
    ]
    async with FIXTURE.serve(World(items)) as server:
        options = {**FIXTURE.options(server.url), "searches_a_day": 3}
        result = await collect(Vk(context(options)))
        assert isinstance(result.error, WaitUntil)
        assert len(server.requests) == 3


async def test_a_token_that_may_not_search_reads_walls() -> None:
    asked: list[str] = []

    def answer(request: Request) -> Any:
        asked.append(method(request))
        if method(request) == "newsfeed.search":
            return refusing(15, "Access denied")(request)
        return on_walls(entry(0))(request)

    result = await passed(answer, queries="tea", walls="1")
    assert (result.ids, result.error) == (["vk:-1_1"], None)
    asked.clear()
    assert (await passed(answer, walls="1")).ids == ["vk:-1_1"]
    assert asked == ["wall.get"]
    assert isinstance((await passed(answer, walls="1", mode="all")).error, BadSettings)


async def test_a_closed_wall_stops_no_other() -> None:
    notes: list[str] = []

    def answer(request: Request) -> Answer:
        if request.query.get("owner_id") == "-2":
            return encoded(refusing(15, "Access denied: group is blocked")(request))
        return encoded(on_walls(entry(0))(request))

    async with running(answer) as server:
        options = {**FIXTURE.options(server.url), "queries": "", "walls": "club1,club2"}
        here = context(options, on_note=notes.append)
        result = await collect(Vk(here))
        alone = await collect(Vk(context({**options, "walls": "club2"})))
    assert (result.ids, result.error) == (["vk:-1_1"], None)
    assert "group is blocked" in notes[0]
    assert isinstance(alone.error, Fatal)


async def test_a_wall_is_read_to_the_post_known_past_the_pinned_one() -> None:
    pinned = entry(0, is_pinned=1)
    items = [pinned, *(entry(number) for number in range(349, 0, -1))]

    def answer(request: Request) -> Any:
        if method(request) != "wall.get":
            return {"response": []}
        start = int(request.query["offset"])
        assert request.query["owner_id"] == "-1"
        return {"response": {"count": len(items), "items": items[start : start + 100]}}

    cursor = {"walls": {"club1": {"last": 100, "edited": 0}}}
    result = await passed(answer, cursor, walls="club1")
    assert result.ids == [f"vk:-1_{number}" for number in range(101, 351)]
    items[300] = {**items[300], "text": "anew", "edited": int(NOW.timestamp()) - 9}
    items[3] = {**items[3], "text": "anew", "edited": int(NOW.timestamp()) - 9}
    second = await passed(answer, result.cursor, walls="club1")
    (edited,) = posts_of(second)
    assert (edited.id, edited.state, edited.text) == ("vk:-1_348", "edited", "anew")
    assert (await passed(answer, second.cursor, walls="club1")).ids == []


async def test_more_on_a_wall_than_is_paged_through_is_a_gap() -> None:
    def answer(request: Request) -> Any:
        start = int(request.query.get("offset", 0))
        items = [entry(9000 - start - number) for number in range(100)]
        return {"response": {"count": 9000, "items": items}}

    cursor = {"walls": {"1": {"last": 5, "edited": 0}}}
    result = await passed(answer, cursor, walls="1", comments="no", refresh="no")
    assert len(result.ids) == 2000
    assert [step.gap.since for step in result.steps if step.gap] == ["wall 1 post 5"]


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("-1", {"owner_id": "-1"}),
        ("club12", {"owner_id": "-12"}),
        ("id12", {"owner_id": "12"}),
        ("https://vk.com/public12?w=1", {"owner_id": "-12"}),
        ("@tea_shop", {"domain": "tea_shop"}),
        ("vk.com/tea.shop/", {"domain": "tea.shop"}),
    ],
)
def test_walls_are_named_in_many_ways(name: str, asked: dict[str, str]) -> None:
    assert wall(name) == asked


def comment(number: int, *, under: list[int] | None = None, **more: Any) -> dict[str, Any]:
    date = int(NOW.timestamp()) - 500
    stack = {"parents_stack": under or [], "thread": {"count": 0, "items": []}}
    return {"id": number, "from_id": 5, "date": date, "text": f"say {number}", **stack, **more}


async def test_comments_are_read_with_their_threads_and_then_followed() -> None:
    inner = [comment(20 + number, under=[11]) for number in range(40)]
    tops = [comment(12, deleted=True, text="", from_id=0), comment(11, reply_to_comment=10),
            comment(10)]  # fmt: skip
    clock, asked = Clock(), list[dict[str, str]]()

    def answer(request: Request) -> Any:
        if method(request) == "wall.get":
            return {"response": {"count": 1, "items": [entry(0, comments={"count": 43})]}}
        if method(request) != "wall.getComments":
            return {"response": {"items": []}}
        asked.append(request.query)
        if request.query.get("comment_id"):
            return {"response": {"count": len(inner), "items": inner[::-1]}}
        shown = [{**top, "thread": {"count": len(inner), "items": inner[:10]}}
                 if top["id"] == 11 else top for top in tops]  # fmt: skip
        return {"response": {"count": len(tops) + len(inner), "current_level_count": len(tops),
                             "items": shown}}  # fmt: skip

    async with running(lambda request: encoded(answer(request))) as server:
        options = {**FIXTURE.options(server.url), "queries": "", "walls": "1", "refresh": "no"}
        source = Vk(context(options, clock=clock))
        first = await collect(source)
        assert first.error is None
        by_id = {post.id: post for post in posts_of(first)}
        assert len(by_id) == 1 + 43
        assert by_id["vk:-1_59"].parent_id == "vk:-1_11"
        assert by_id["vk:-1_59"].thread_id == "vk:-1_1"
        assert by_id["vk:-1_11"].parent_id == "vk:-1_10"
        assert by_id["vk:-1_10"].parent_id == "vk:-1_1"
        assert by_id["vk:-1_12"].state == "deleted"
        assert asked[0]["preview_length"] == "0"
        assert asked[0]["owner_id"] == "-1"
        inner.append(comment(70, under=[11]))
        asked.clear()
        clock.now += timedelta(minutes=1)
        assert (await collect(source, first.cursor)).ids == []
        assert asked == []  # not due yet
        clock.now += timedelta(minutes=9)
        second = await collect(source, first.cursor)
        assert second.ids == ["vk:-1_70"]
        clock.now += timedelta(hours=1)
        asked.clear()
        assert (await collect(source, second.cursor)).ids == []
    assert len(asked) == 1  # the count says that nothing was added


async def test_closed_comments_are_let_go() -> None:
    def answer(request: Request) -> Any:
        if method(request) == "wall.getComments":
            return refusing(212, "Access to post comments denied")(request)
        return on_walls(entry(0, comments={"count": 3}))(request)

    result = await passed(answer, walls="1")
    assert (result.ids, result.error) == (["vk:-1_1"], None)
    assert result.cursor["follow"] == {}


@pytest.mark.parametrize("status", [200, 404])
async def test_a_server_without_comments_or_counts_gives_its_posts(status: int) -> None:
    recheck = {"recheck": {"-1_7": [NOW.timestamp() - 1, NOW.timestamp() - 3601]}}
    notes: list[str] = []

    def answer(request: Request) -> Answer:
        if method(request) == "wall.get":
            return encoded(on_walls(entry(0, comments={"count": 3}))(request))
        body = msgspec.json.encode(refusing(3, "Unknown method passed")(request))
        return Answer(status, body)

    async with running(answer) as server:
        options = {**FIXTURE.options(server.url), "queries": "", "walls": "1"}
        result = await collect(Vk(context(options, on_note=notes.append)), recheck)
    assert (result.ids, result.error) == (["vk:-1_1"], None)
    assert [note.split(":")[0] for note in notes] == [
        "comments can't be read",
        "counts can't be asked for again",
    ]


async def test_counts_are_asked_again_and_the_missing_are_deleted() -> None:
    clock, asked = Clock(), list[str]()
    hour_ago = int(NOW.timestamp()) - 60
    items = [entry(number, date=hour_ago) for number in range(3)]

    def answer(request: Request) -> Any:
        if method(request) == "wall.get":
            return {"response": {"count": 3, "items": items}}
        asked.append(request.query["posts"])
        changed = entry(1, date=hour_ago, likes={"count": 50})
        edited = entry(2, date=hour_ago, text="anew", edited=hour_ago + 600)
        return {"response": {"items": [changed, edited], "profiles": []}}

    async with running(lambda request: encoded(answer(request))) as server:
        options = {**FIXTURE.options(server.url), "queries": "", "walls": "1", "comments": "no"}
        source = Vk(context(options, clock=clock))
        first = await collect(source)
        clock.now += timedelta(hours=1)
        second = await collect(source, msgspec.json.decode(msgspec.json.encode(first.cursor)))
        third = await collect(source, second.cursor)
    assert asked == ["-1_1,-1_2,-1_3"]
    by_id = {post.id: post for post in posts_of(second)}
    assert by_id["vk:-1_2"].engagement.likes == 50
    assert (by_id["vk:-1_3"].state, by_id["vk:-1_3"].text) == ("edited", "anew")
    assert by_id["vk:-1_1"].state == "deleted"
    assert by_id["vk:-1_1"].created_at.timestamp() == hour_ago
    assert third.ids == []


async def test_an_answer_without_items_deletes_nothing() -> None:
    cursor = {"recheck": {"-1_1": [NOW.timestamp() - 1, NOW.timestamp() - 3601]}}

    def answer(request: Request) -> Any:
        return {"response": {"count": 0}} if method(request) == "wall.getById" else {
            "response": {"items": []}}  # fmt: skip

    result = await passed(answer, cursor, queries="tea")
    assert isinstance(result.error, Retriable)
    assert result.ids == []


async def test_a_dead_letter_is_read_again() -> None:
    result = await passed(on_walls(FIXTURE.broken(0), {"text": "no id"}), walls="1")
    places = [step.dead.place for step in result.steps if step.dead]
    assert places == ["vk _(without id)", "vk -1_1"]
    source = Vk(Context(options={"token": "t"}, allow_hosts=LOCAL))
    assert source.reread(msgspec.json.encode(entry(3))).id == "vk:-1_4"
    inner = comment(9, under=[], post_id=4, owner_id=-1)
    assert source.reread(msgspec.json.encode(inner)).parent_id == "vk:-1_4"


def event(kind: str, **fields: Any) -> Delivery:
    body = {"type": kind, "object": fields, "group_id": 1, "event_id": "e", "secret": "k3y"}
    return Delivery(path="/hooks/vk", body=msgspec.json.encode(body))


SOON = int(NOW.timestamp()) - 60


def received(kind: str, **fields: Any) -> Post:
    source = Vk(context({"mode": "callback", "secret": "k3y"}))
    given = source.receive(event(kind, **fields))
    assert given.answer == Answered(200, b"ok")
    (step,) = given.steps
    assert step.post is not None
    return step.post


def test_events_of_comments_tell_of_edits_deletions_and_returns() -> None:
    reply = {"id": 9, "from_id": 5, "post_id": 3, "post_owner_id": -1, "date": SOON, "text": "a"}
    new = received("wall_reply_new", **reply)
    edited = received("wall_reply_edit", **{**reply, "text": "b"})
    deleted = received("wall_reply_delete", id=9, owner_id=-1, post_id=3, deleter_id=5)
    back = received("wall_reply_restore", **reply)
    assert {new.id, edited.id, deleted.id, back.id} == {"vk:-1_9"}
    assert (new.kind, new.thread_id, new.state) == ("comment", "vk:-1_3", "live")
    assert (edited.state, edited.text, edited.version > new.version) == ("edited", "b", True)
    assert (deleted.state, deleted.text) == ("deleted", "")
    assert (back.state, back.version >= deleted.version) == ("live", True)


def test_events_of_topics_photos_and_goods_have_names_of_their_own() -> None:
    said = {"id": 9, "from_id": -1, "date": SOON, "text": "[post7|A], yes &amp; no"}
    topic = received("board_post_new", topic_id=4, topic_owner_id=-1, **said)
    assert (topic.id, topic.thread_id, topic.text) == (
        "vk:topic-1_4_9",
        "vk:topic-1_4",
        "A, yes & no",
    )
    assert topic.url == "https://vk.com/topic-1_4?post=9"
    assert received("photo_comment_new", photo_id=4, photo_owner_id=-1, **said).id == (
        "vk:photo-1_4_9"
    )
    assert received("market_comment_delete", item_id=4, market_owner_id=-1, id=9).state == "deleted"


def test_events_that_hold_no_post_are_answered_and_left() -> None:
    source = Vk(context({"mode": "callback", "secret": "k3y"}))
    for kind, fields in (
        ("message_new", {"message": {"text": "private"}}),
        ("wall_post_new", entry(1, post_type="suggest")),
        ("like_add", {}),
        ("unheard_of", {}),
    ):
        given = source.receive(event(kind, **fields))
        assert (given.answer, list(given.steps)) == (Answered(200, b"ok"), [])
    (broken,) = source.receive(event("wall_reply_new", id=1, text="k3y")).steps
    assert broken.dead is not None
    with pytest.raises(ValueError, match="to which post"):
        source.reread(broken.dead.raw)
    assert source.receive(Delivery(body=b'{"type": "confirmation"}')).answer.status == 401


def test_settings_are_checked() -> None:
    with pytest.raises(BadSettings, match="'walls'"):
        Vk(Context(options={"token": "t", "mode": "walls"}))
    with pytest.raises(BadSettings, match="'mode'"):
        Vk(Context(options={"token": "t", "mode": "everything"}))
