"""Odnoklassniki: signatures, errors in a 200, streams to the known topic, joins, comments."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from connectors.base import Context
from connectors.errors import BadSettings, Fatal, Refused, Retriable, WaitUntil
from connectors.ok import Ok
from connectors.ok_api import session_secret, signature
from connectors.post import Post
from connectors.receiving import Request as Delivery
from tests.contract.connectors.fixtures.ok import OkFixture
from tests.contract.connectors.fixtures.shared import encoded
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import LOCAL, NOW, Pass, World, collect, context

FIXTURE = OkFixture()
Handler = Callable[[Request], Any]
SIGNED = {
    "application_key": "ABCDEFGHIGKLMNOPK",
    "format": "json",
    "method": "events.get",
    "access_token": "-s-84W-s3egarWUsbkq-IWTucuedzTKT8VUXIA.s4Xx8IW7",
}


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now.timestamp()


def test_calls_are_signed_as_the_documentation_does() -> None:
    secret = session_secret(SIGNED["access_token"], "ABC123DEF456GHI789JKL123")
    assert secret == "b1a2b89707a94624c43afae67d59274c"  # the documentation's example
    assert signature(SIGNED, secret) == "232c8eb921951c4dba9b72606f9ddb4c"
    given = "ae5362b5b588cc7294c2414d71b74d5d"
    assert signature(SIGNED, given) == "03a41413523ea8092507949d6e711963"
    assert signature({**SIGNED, "sig": "x", "session_key": "y"}, given) == signature(SIGNED, given)


def posts_of(result: Pass) -> list[Post]:
    return [step.post for step in result.steps if step.post is not None]


async def passed(handler: Handler, cursor: Any = None, **options: Any) -> Pass:
    """One pass against a server whose `handler` gives whole bodies."""
    async with running(lambda request: encoded(handler(request))) as server:
        given = {**FIXTURE.options(server.url), "discussions": "no", **options}
        return await collect(Ok(context(given)), cursor)


def streaming(body: dict[str, Any], others: Handler = lambda _: {"comments": []}) -> Handler:
    return lambda request: body if request.query["method"] == "stream.get" else others(request)


async def test_a_topic_is_joined_with_what_came_beside_it() -> None:
    topic = {
        "id": "64000000000000000001",
        "created_ms": 1_780_311_600_000,
        "owner_ref": "group:470",
        "author_ref": "user:7",
        "has_more": False,
        "media": [
            {"type": "text", "text": "Tea in {group:470}The club{group} #tea"},
            {"type": "link", "title": "Offer", "description": "Now", "url": "https://tea.example/"},
            {"type": "photo", "photo_refs": ["group_photo:5", "group_photo:404"]},
            {"type": "movie", "movie_refs": ["movie:9"]},
            {"type": "poll", "poll_refs": ["poll:3"]},
            {"type": "unheard_of"},
        ],
        "like_summary": {"count": "12"},
        "discussion_summary": {"comments_count": 0},
        "reshare_summary": {"count": 2},
        "views_count": 70,
    }
    body = {
        "feeds": [{"pattern": "CONTENT", "target_refs": ["media_topic:64000000000000000001"]}],
        "anchor": "a",
        "entities": {
            "media_topics": [topic],
            "users": [{"uid": "7", "first_name": "A", "last_name": "B",
                       "location": {"city": "Tula", "country": "RUSSIA"}}],
            "groups": [{"uid": "470", "name": "The club"}],
            "group_photos": [{"id": "5", "ref": "group_photo:5", "pic_max": "https://i.example/5",
                              "pic128x128": "https://i.example/s"}],
            "polls": [{"id": "3", "question": "Green?", "answers": [{"text": "Yes"}, None]}],
        },
    }  # fmt: skip
    result = await passed(streaming(body), groups="https://ok.ru/group/470")
    (post,) = posts_of(result)
    assert result.error is None
    assert post.id == "ok:64000000000000000001"
    assert post.url == "https://ok.ru/group/470/topic/64000000000000000001"
    assert post.text == "Tea in The club #tea\n\nOffer\nNow\n\nGreen?\nYes"
    assert (post.author.id, post.author.name, post.author.location) == ("7", "A B", "Tula")
    assert post.author.url == "https://ok.ru/profile/7"
    told = post.engagement
    assert (told.likes, told.replies, told.reposts, told.views) == (12, 0, 2, 70)
    assert post.media == [
        "https://tea.example/",
        "https://i.example/5",
        "https://ok.ru/video/9",
    ]
    assert post.hashtags == ["tea"]


async def test_entries_of_older_streams_name_their_topic_in_the_message() -> None:
    feed = {"pattern": "POST", "date": "2014-04-11 12:53:02",
            "message": "{media_topic:625}An old one{media_topic}"}  # fmt: skip

    def asked(request: Request) -> Any:
        assert request.query["method"] == "mediatopic.getByIds"
        assert request.query["topic_ids"] == "625"
        return {"media_topics": [{"id": 625, "owner_ref": "group:470"}], "entities": {}}

    body = {"feeds": [feed], "anchor": "x"}
    (post,) = posts_of(await passed(streaming(body, asked), comments="no", refresh="no"))
    assert (post.id, post.text) == ("ok:625", "An old one")
    assert post.created_at == datetime(2014, 4, 11, 8, 53, 2, tzinfo=UTC)  # Moscow was at +4
    assert post.author.url == "https://ok.ru/group/470"


async def test_an_entry_whose_topic_can_not_be_had_tells_itself() -> None:
    feed = {"pattern": "POST", "date": "2014-04-11 12:53:02",
            "message": "{media_topic:625}An old one{media_topic}"}  # fmt: skip
    handler = streaming({"feeds": [feed]}, lambda _: FIXTURE.error(3, "METHOD : unknown"))
    (post,) = posts_of(await passed(handler, comments="no", refresh="no"))
    assert (post.id, post.text) == ("ok:625", "An old one")


async def test_what_is_passed_on_keeps_its_text_and_origin() -> None:
    shared = {"id": "11", "owner_ref": "group:9", "media": [{"type": "text", "text": "first"}]}
    item = {**FIXTURE.item(1), "media": [
        {"type": "text", "text": "look"},
        {"type": "topic", "media_topic_refs": ["media_topic:11"]},
    ]}  # fmt: skip
    body = {"feeds": [{"target_refs": ["media_topic:621"]}], "anchor": "",
            "entities": {"media_topics": [item, shared]}}  # fmt: skip
    (post,) = posts_of(await passed(streaming(body)))
    assert (post.text, post.repost_of) == ("look\n\nfirst", "ok:11")


async def test_a_group_without_topics_is_no_error() -> None:
    result = await passed(streaming({"anchor": "x"}))
    assert (result.error, result.ids) == (None, [])


async def test_streams_are_paged_to_what_is_known() -> None:
    world = World([FIXTURE.item(number) for number in range(3)])
    async with FIXTURE.serve(world) as server:
        options = {**FIXTURE.options(server.url), "discussions": "no", "refresh": "no"}
        source = Ok(context(options))
        first = await collect(source)
        world.items += [FIXTURE.item(number) for number in range(3, 353)]
        second = await collect(source, first.cursor)
        assert second.ids == [f"ok:{620 + number}" for number in range(3, 353)]
        server.requests.clear()
        third = await collect(source, second.cursor)
        assert (third.ids, len(server.requests)) == ([], 1)


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (2, Retriable, "error 2"),
        (8, Retriable, "error 8"),
        (11, WaitUntil, "13:00"),
        (7, Fatal, "api-support"),
        (100, Refused, "error 100"),
        (101, Fatal, "application_key"),
        (102, Fatal, "new 'access_token'"),
        (104, Fatal, "application_secret"),
        (160, Fatal, "error 160"),
        ("999", Refused, "error 999"),
    ],
)
async def test_errors_come_with_status_200(code: Any, kind: type[Exception], said: str) -> None:
    result = await passed(lambda _: FIXTURE.error(code, "WHY : because"))
    assert isinstance(result.error, kind)
    assert said in str(result.error)
    assert "because" in str(result.error)


async def test_a_closed_group_stops_no_other() -> None:
    notes: list[str] = []

    def answer(request: Request) -> Answer:
        if request.query.get("gid") == "471":
            return encoded(FIXTURE.error(455, "GROUP_RESTRICTION"))
        return encoded(FIXTURE.said([FIXTURE.item(0)], request))

    async with running(answer) as server:
        options = {**FIXTURE.options(server.url), "groups": "471,470", "refresh": "no"}
        result = await collect(Ok(context(options, on_note=notes.append)))
        alone = await collect(Ok(context({**options, "groups": "471"})))
    assert (result.ids, result.error) == (["ok:620"], None)
    assert "GROUP_RESTRICTION" in notes[0]
    assert isinstance(alone.error, Fatal)


async def test_a_page_of_html_is_tried_again() -> None:
    async with running(lambda _: Answer(200, b"<html>Apache Tomcat", {})) as server:
        result = await collect(Ok(context(FIXTURE.options(server.url))))
    assert type(result.error) is Retriable


async def test_an_ended_token_is_renewed() -> None:
    asked: list[str] = []

    def answer(request: Request) -> Answer:
        if request.path.endswith("/oauth/token.do"):
            asked.append(request.form["grant_type"])
            return encoded({"access_token": f"fresh-{len(asked)}", "expires_in": "1800"})
        if request.query["access_token"] != "fresh-2":
            return encoded(FIXTURE.error(102, "PARAM_SESSION_EXPIRED : Session expired"))
        return encoded(FIXTURE.said([FIXTURE.item(0)], request))

    async with running(answer) as server:
        options = {**FIXTURE.options(server.url), "access_token": "", "refresh_token": "r3fresh",
                   "application_id": "5"}  # fmt: skip
        result = await collect(Ok(context(options)))
    assert (result.ids, asked) == (["ok:620"], ["refresh_token"] * 2)


async def test_a_refused_refresh_token_names_the_step() -> None:
    html = {"content-type": "text/html"}
    async with running(lambda _: Answer(400, b"<html>Apache Tomcat</html>", html)) as server:
        options = {**FIXTURE.options(server.url), "access_token": "", "refresh_token": "r3fresh"}
        result = await collect(Ok(context(options)))
    assert isinstance(result.error, Fatal)
    assert "connect.ok.ru/oauth/authorize" in str(result.error)
    assert "r3fresh" not in str(result.error)


def said(number: int, **more: Any) -> dict[str, Any]:
    at = int(NOW.timestamp() * 1000) - 600_000 + number * 1000
    name = base64.b64encode(f"{at}:-1:{at}:620:1".encode()).decode()
    return {"id": name, "author_id": "7", "date_ms": at, "text": f"say {number}",
            "type": "ACTIVE_MESSAGE", "like_count": 1, **more}  # fmt: skip


async def test_comments_are_read_from_the_anchor_on() -> None:
    talk = [said(number) for number in range(250)]
    talk[1] = {**talk[1], "reply_to_comment_id": talk[0]["id"], "text": "{user:7}A{user}, yes"}
    talk[2] = {**talk[2], "type": "REMOVED", "text": ""}
    talk[3] = {**talk[3], "author_id": "470"}
    clock, anchors = Clock(), list[str]()
    topic = {**FIXTURE.item(0), "discussion_summary": {"comments_count": 250}}

    def answer(request: Request) -> Any:
        if request.query["method"] != "discussions.getComments":
            return FIXTURE.said([topic], request)
        anchors.append(request.query["anchor"])
        start = 0 if anchors[-1] == "FIRST" else int(anchors[-1])
        page = talk[start : start + 100]
        end = start + len(page)
        users = {"users": [{"uid": "7", "name": "A"}], "groups": [{"uid": "470", "name": "Tea"}]}
        return {"comments": page, "anchor": str(max(0, end - 1)), "has_more": end < len(talk),
                "discussionId": "620", "entities": users}  # fmt: skip

    async with running(lambda request: encoded(answer(request))) as server:
        options = {**FIXTURE.options(server.url), "discussions": "no", "refresh": "no"}
        source = Ok(context(options, clock=clock))
        first = await collect(source)
        assert first.error is None
        found = posts_of(first)
        assert [post.id for post in found] == ["ok:620", *(f"ok:{one['id']}" for one in talk)]
        assert (found[2].parent_id, found[2].thread_id) == (f"ok:{talk[0]['id']}", "ok:620")
        assert (found[1].parent_id, found[1].kind, found[2].text) == ("ok:620", "comment", "A, yes")
        assert (found[3].state, found[3].author.id) == ("deleted", "")
        assert (found[4].author.name, found[4].author.url) == ("Tea", "https://ok.ru/group/470")
        assert found[1].author.name == "A"
        assert found[1].engagement.likes == 1
        assert anchors[0] == "FIRST"
        talk.append(said(250))
        anchors.clear()
        clock.now += timedelta(minutes=10)
        second = await collect(source, msgspec.json.decode(msgspec.json.encode(first.cursor)))
    assert second.ids == [f"ok:{talk[250]['id']}"]
    assert anchors == ["249"]


async def test_counts_are_asked_again_and_what_is_not_found_is_deleted() -> None:
    clock = Clock()
    late = int(NOW.timestamp() * 1000) - 60_000
    items = [{**FIXTURE.item(number), "created_ms": late} for number in range(3)]

    def answer(request: Request) -> Any:
        method = request.query["method"]
        if method == "mediatopic.getByIds":
            return {"media_topics": [{**items[0], "like_summary": {"count": 50}}]}
        if method == "discussions.get" and request.query["discussionId"] == "621":
            return FIXTURE.error(300, "NOT_FOUND")
        if method == "discussions.get":
            return FIXTURE.error(10, "PERMISSION_DENIED")
        return FIXTURE.said(items, request)

    async with running(lambda request: encoded(answer(request))) as server:
        options = {**FIXTURE.options(server.url), "discussions": "no", "comments": "no"}
        source = Ok(context(options, clock=clock))
        first = await collect(source)
        clock.now += timedelta(hours=1)
        second = await collect(source, first.cursor)
    by_id = {post.id: post for post in posts_of(second)}
    assert set(by_id) == {"ok:620", "ok:621"}
    assert by_id["ok:620"].engagement.likes == 50
    assert (by_id["ok:621"].state, by_id["ok:621"].text) == ("deleted", "")
    assert by_id["ok:621"].created_at.timestamp() * 1000 == late


async def test_discussions_of_the_groups_named_are_read_and_no_others() -> None:
    ours = {
        "object_id": "62", "object_type": "GROUP_TOPIC", "owner_uid": "7", "like_count": 1,
        "creation_date": "2013-10-12 14:29:26", "total_comments_count": 13, "title": "Which tea?",
        "message": "Topic in the {group:470}The club{group} group",
        "ref_objects": [{"id": "470", "type": "GROUP"}],
    }  # fmt: skip
    private = {**ours, "object_id": "63", "object_type": "USER_STATUS", "ref_objects": []}

    def others(request: Request) -> Any:
        if request.query["method"] != "discussions.getList":
            return {"comments": []}
        return {"discussions": [ours, private], "entities": {
            "users": [{"uid": "7", "first_name": "A", "last_name": "B"}],
            "groups": [{"uid": "470", "name": "The club"}], "themes": [{"id": "62"}]}}  # fmt: skip

    handler = streaming({"feeds": []}, others)
    first = await passed(handler, discussions="yes")
    (post,) = posts_of(first)
    assert (post.id, post.text, post.author.name) == ("ok:62", "Which tea?", "A B")
    assert post.created_at == datetime(2013, 10, 12, 10, 29, 26, tzinfo=UTC)
    assert (post.engagement.likes, post.engagement.replies) == (1, 13)
    assert (await passed(handler, first.cursor, discussions="yes")).ids == []


async def test_single_topics_are_read_once_and_their_comments_followed() -> None:
    asked: list[str] = []
    found = {
        "discussion": {"object_id": "62", "object_type": "GROUP_TOPIC", "title": "Which tea?",
                       "creation_date": "2013-10-12 14:29:26", "total_comments_count": 1,
                       "ref_objects": [{"id": "470", "type": "GROUP"}]},
        "entities": {"groups": [{"uid": "470", "name": "The club"}], "themes": [{"id": "62"}]},
    }  # fmt: skip

    def answer(request: Request) -> Any:
        asked.append(request.query["method"])
        if request.query["method"] == "discussions.get":
            gone = request.query["discussionId"] == "63"
            return FIXTURE.error(300, "NOT_FOUND") if gone else found
        return {"comments": [said(1)], "has_more": False}

    named = "https://ok.ru/group/470/topic/62,63"
    first = await passed(answer, groups="", topics=named)
    topic, remark = posts_of(first)
    assert first.error is None
    missing = await passed(answer, groups="", topics="63")
    assert isinstance(missing.error, Fatal)
    assert (topic.id, topic.author.name, remark.thread_id) == ("ok:62", "The club", "ok:62")
    assert topic.url == remark.url == "https://ok.ru/group/470/topic/62"
    asked.clear()
    again = await passed(answer, first.cursor, groups="", topics="62")
    assert (again.ids, again.error, asked) == ([], None, [])


async def test_a_dead_letter_is_read_again() -> None:
    world = World([FIXTURE.item(0), {**FIXTURE.item(1), "id": None}])
    async with FIXTURE.serve(world) as server:
        result = await collect(Ok(context(FIXTURE.options(server.url))))
    (dead,) = [step.dead for step in result.steps if step.dead]
    source = Ok(Context(options=FIXTURE.options("http://127.0.0.1:1"), allow_hosts=LOCAL))
    with pytest.raises(ValueError, match="has the id None"):
        source.reread(dead.raw)
    assert source.reread(msgspec.json.encode(FIXTURE.item(3))).id == "ok:623"
    assert source.reread(msgspec.json.encode(said(1))).kind == "comment"


@pytest.mark.parametrize("left_out", ["application_key", "access_token", "application_secret"])
async def test_keys_are_asked_for(left_out: str) -> None:
    options = {**FIXTURE.options("http://127.0.0.1:1"), left_out: ""}
    result = await collect(Ok(context(options)))
    assert isinstance(result.error, BadSettings)
    assert f"'{left_out}'" in str(result.error)


async def test_messages_come_over_the_webhook_and_nothing_else_does() -> None:
    options = {"groups": "470", "mode": "webhook", "secret": "k3y", "confirmation": "c0de"}
    source = Ok(context(options))
    said = {"mid": "mid:1", "text": "Is it {group:470}open{group}?", "attachments": [
        {"type": "IMAGE", "payload": {"url": "https://i.example/1"}}]}  # fmt: skip
    event = {
        "webhookType": "MESSAGE_CREATED",
        "sender": {"user_id": "user:7", "name": "A"},
        "recipient": {"chat_id": "chat:C1"},
        "message": said,
        "timestamp": 1_780_311_600_000,
    }

    def sent(body: Any, **query: str) -> Delivery:
        return Delivery(path="/hooks/ok", query=query, body=msgspec.json.encode(body))

    received = source.receive(sent(event, secret="k3y"))
    (step,) = received.steps
    assert step.post is not None
    assert (received.answer.status, step.post.id) == (200, "ok:message/mid:1")
    assert (step.post.kind, step.post.text) == ("message", "Is it open?")
    assert (step.post.author.id, step.post.author.name) == ("7", "A")
    assert step.post.media == ["https://i.example/1"]
    assert source.receive(sent(event)).answer.status == 401
    assert source.receive(sent({"webhookType": "CONFIRMATION"})).answer.body == b"c0de"
    other = source.receive(sent({"webhookType": "CHAT_SYSTEM"}, secret="k3y"))
    assert (other.answer.status, list(other.steps)) == (200, [])
    broken = source.receive(sent({**event, "message": {"text": "?"}}, secret="k3y"))
    assert broken.answer.status == 400
    assert source.reread(msgspec.json.encode(event)).id == "ok:message/mid:1"
    unsafe = await collect(Ok(context({"groups": "470", "mode": "webhook"})))
    assert isinstance(unsafe.error, BadSettings)
