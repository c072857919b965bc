"""Telegram: entities, albums, confirmations, refusals, previews."""

import json
from datetime import timedelta
from typing import Any

import pytest

from connectors.base import Step
from connectors.errors import BadSettings, Fatal, Retriable, WaitUntil
from connectors.post import Post
from connectors.receiving import Request as Delivery
from connectors.telegram import Telegram
from tests.contract.connectors.fixtures.telegram import CHANNEL, TOKEN, TelegramFixture
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, Pass, World, collect, context

FIXTURE = TelegramFixture()
AT = int(NOW.timestamp())


def update(number: int, kind: str = "channel_post", **fields: Any) -> dict[str, Any]:
    message = {"message_id": number, "chat": CHANNEL, "date": AT - 600, **fields}
    return {"update_id": 900 + number, kind: message}


async def passed(updates: list[dict[str, Any]], cursor: Any = None, **changes: Any) -> Pass:
    async with FIXTURE.serve(World(updates)) as server:
        source = Telegram(context(FIXTURE.options(server.url), **changes))
        return await collect(source, cursor)


async def post(one: dict[str, Any]) -> Post:
    result = await passed([one])
    assert result.error is None
    [found] = [step.post for step in result.steps if step.post]
    return found


async def test_fields_of_a_channel() -> None:
    text = "🍵🍵 read this #Tea now"
    entities = [
        {"type": "text_link", "offset": 5, "length": 4, "url": "https://e.example/a"},
        {"type": "hashtag", "offset": 15, "length": 4},
        {"type": "bold", "offset": 0, "length": 500},
        {"type": "text_link", "offset": 400, "length": 4, "url": "https://e.example/b"},
    ]
    found = await post(
        update(
            7,
            text=text,
            entities=entities,
            edit_date=AT - 60,
            author_signature="Ed",
            forward_origin={"type": "channel", "chat": {"id": -1009}, "message_id": 3},
        )
    )
    assert found.text == "🍵🍵 read (https://e.example/a) this #Tea now"
    assert found.hashtags == ["Tea"]
    assert (found.id, found.kind) == ("telegram:-1001234567890/7", "post")
    assert (found.url, found.state) == ("https://t.me/tea_news/7", "edited")
    assert found.updated_at == NOW - timedelta(seconds=60)
    assert (found.author.id, found.author.name) == ("-1001234567890", "Tea News")
    assert found.repost_of == "telegram:-1009/3"
    assert found.engagement.likes is None


async def test_fields_of_a_group() -> None:
    chat = {"id": -100777, "title": "Friends", "type": "supergroup"}
    found = await post(
        update(
            8,
            "message",
            chat=chat,
            caption="look",
            photo=[{"file_id": "x"}],
            message_thread_id=5,
            reply_to_message={"message_id": 6, "chat": chat},
            forward_from_chat={"id": -1001},
            forward_from_message_id=2,
            location={"latitude": 1.5, "longitude": 2},
            **{"from": {"id": 42, "first_name": "Ada", "last_name": "L", "username": "ada"}},
        )
    )
    assert (found.kind, found.text, found.url) == ("comment", "look", "https://t.me/c/777/8")
    assert (found.parent_id, found.thread_id) == ("telegram:-100777/6", "telegram:-100777/5")
    assert (found.author.id, found.author.name, found.author.handle) == ("42", "Ada L", "ada")
    assert found.repost_of == "telegram:-1001/2"
    assert found.place is not None
    assert (found.place.lat, found.place.lon) == (1.5, 2.0)


async def test_a_poll_has_its_question() -> None:
    poll = {"question": "Which?", "options": [{"text": "green"}, {"text": "black"}]}
    assert (await post(update(1, poll=poll))).text == "Which?\ngreen\nblack"


async def test_an_album_is_one_post() -> None:
    parts = [
        update(1, photo=[{}], media_group_id="g"),
        update(2, photo=[{}], media_group_id="g", caption="the tin"),
        update(3, video={}, media_group_id="g"),
        update(4, text="after"),
    ]
    result = await passed(parts)
    posts = [step.post for step in result.steps if step.post]
    assert [(one.id[-2:], one.text) for one in posts] == [("/1", "the tin"), ("/4", "after")]
    assert result.cursor["offset"] == 905


async def test_an_album_that_still_arrives_is_left_for_the_next_pass() -> None:
    parts = [
        update(1, text="before"),
        update(2, photo=[{}], media_group_id="g", date=AT - 1, caption="whole"),
    ]
    result = await passed(parts)
    assert [one[-2:] for one in result.ids] == ["/1"]
    assert result.cursor["offset"] == 902
    parts.append(update(3, photo=[{}], media_group_id="g", date=AT - 1))
    later = await passed(parts, result.cursor, clock=lambda: AT + 10.0)
    assert [one[-2:] for one in later.ids] == ["/2"]
    assert later.cursor["offset"] == 904


async def test_an_album_cut_by_the_end_of_a_page_stays_whole() -> None:
    parts = [update(n, text=f"note {n}") for n in range(99)]
    parts += [update(99, photo=[{}], media_group_id="g", caption="tins")]
    parts += [update(100, photo=[{}], media_group_id="g")]
    first = await passed(parts)
    assert (len(first.ids), first.cursor["offset"]) == (99, 999)
    second = await passed(parts, first.cursor)
    assert [one[-3:] for one in second.ids] == ["/99"]


async def test_notices_give_nothing_and_moves_are_told() -> None:
    notes: list[str] = []
    updates = [
        update(1, "message", new_chat_members=[{"id": 1}]),
        update(2, "message", migrate_to_chat_id=-100888),
        {"update_id": 903, "my_chat_member": {}},
        update(4, text="words"),
    ]
    result = await passed(updates, on_note=notes.append)
    assert len(result.ids) == 1
    assert not [step for step in result.steps if step.dead]
    assert "-100888" in notes[0]
    assert result.cursor["offset"] == 905


async def test_only_what_earlier_passes_brought_home_is_confirmed() -> None:
    world = World([FIXTURE.item(number) for number in range(120)])
    async with FIXTURE.serve(world) as server:
        source = Telegram(context(FIXTURE.options(server.url)))
        first = await collect(source)
        assert len(server.requests) == 1
        assert "offset" not in server.requests[0].query
        allowed = json.loads(server.requests[0].query["allowed_updates"])
        assert {"channel_post", "edited_channel_post"} <= set(allowed)
        second = await collect(source, first.cursor)
        assert server.requests[1].query["offset"] == str(900 + 100)
        assert server.requests[0].path == f"/bot{TOKEN}/getUpdates"
    assert len(set(first.ids) | set(second.ids)) == 120


async def test_numbers_that_began_anew_after_a_week() -> None:
    cursor = {"offset": 50_000, "at": AT - 7 * 86_400, "asked": AT - 60}
    assert len((await passed([update(1, text="back")], cursor)).ids) == 1


async def test_more_than_a_day_away_is_a_gap() -> None:
    cursor = {"offset": 901, "at": AT - 90_000, "asked": AT - 90_000}
    result = await passed([update(1, text="kept")], cursor)
    [gap] = [step.gap for step in result.steps if step.gap]
    assert gap.since == (NOW - timedelta(seconds=90_000)).isoformat()
    assert gap.until == (NOW - timedelta(hours=24)).isoformat()
    assert len(result.ids) == 1


def failure(code: int, said: str, status: int | None = None, **parameters: Any) -> Answer:
    body = {"ok": False, "error_code": code, "description": said, "parameters": parameters}
    return Answer(code if status is None else status, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (
            failure(409, "Conflict: terminated by other getUpdates request"),
            Retriable,
            "one program",
        ),
        (
            failure(409, "Conflict: can't use getUpdates method while webhook is active"),
            Fatal,
            "deleteWebhook",
        ),
        (failure(401, "Unauthorized"), Fatal, "BotFather"),
        (failure(404, "Not Found"), Fatal, "BotFather"),
        (failure(403, "Forbidden: bot was kicked"), Fatal, "add the bot"),
        (failure(400, "Bad Request: upgraded", migrate_to_chat_id=-1005), Fatal, "-1005"),
        (failure(500, "Internal", status=200), Retriable, "Internal"),
        (failure(401, f"bad {TOKEN}"), Fatal, "***"),
    ],
)
async def test_refusals(answer: Answer, kind: type[Exception], says: str) -> None:
    async with running(lambda _: answer) as server:
        error = (await collect(Telegram(context(FIXTURE.options(server.url))))).error
    assert type(error) is kind
    assert says in str(error)
    assert TOKEN not in str(error)


async def test_waits_as_the_body_says() -> None:
    answer = failure(429, "Too Many Requests: retry after 5", retry_after=5)
    async with running(lambda _: answer) as server:
        error = (await collect(Telegram(context(FIXTURE.options(server.url))))).error
    assert isinstance(error, WaitUntil)
    assert error.moment == NOW + timedelta(seconds=5)


def message(number: int, words: str, extra: str = "") -> str:
    return f"""<div class="tgme_widget_message_wrap js-widget_message_wrap">
<div class="tgme_widget_message js-widget_message" data-post="Tea_News/{number}" data-view="x">
<a class="tgme_widget_message_owner_name" href="https://t.me/Tea_News">
<span>Tea &amp; News</span></a>
{extra}<div class="tgme_widget_message_text js-message_text" dir="auto">{words}</div>
<time class="message_video_duration">0:12</time>
<span class="tgme_widget_message_views">12.5K</span>
<a class="tgme_widget_message_date" href="https://t.me/Tea_News/{number}">
<time datetime="2026-06-01T11:0{number % 10}:00+00:00" class="time">11:00</time></a></div></div>"""


def preview(url: str, **more: Any) -> dict[str, Any]:
    return {"preview": "@Tea_News", "base_url": url, **more}


async def test_previews() -> None:
    reply = (
        '<a class="tgme_widget_message_reply user-color-1" href="https://t.me/Tea_News/11">'
        '<div class="tgme_widget_message_text js-message_reply_text">not mine</div></a>'
        '<a class="tgme_widget_message_photo_wrap" style="width:9px;background-image:'
        "url('https://cdn.example/a.jpg')\"></a>"
    )
    words = (
        'A<br/>B &amp; <a href="https://e.example/x" target="_blank">here</a> '
        '<a href="?q=%23Tea">#Tea</a> <tg-emoji emoji-id="1"><i><b>🍵</b></i></tg-emoji>'
    )
    pages = {"": message(12, words, reply), "12": message(13, "later"), "13": ""}

    def answer(request: Request) -> Answer:
        page = pages[request.query.get("after", "")]
        head = '<div class="tgme_channel_info">Tea</div>'
        return Answer(body=(head + page).encode(), headers={"content-type": "text/html"})

    clock = [NOW.timestamp()]
    async with running(answer) as server:
        source = Telegram(context(preview(server.url), clock=lambda: clock[0]))
        first = await collect(source)
        soon = await collect(source, first.cursor)
        clock[0] += 301
        later = await collect(source, soon.cursor or first.cursor)
        paths = [(request.path, request.query.get("after")) for request in server.requests]
    assert paths == [("/s/Tea_News", None), ("/s/Tea_News", "12"), ("/s/Tea_News", "13")]
    [found] = [step.post for step in first.steps if step.post]
    assert found.text == "A\nB & here (https://e.example/x) #Tea 🍵"
    assert (found.id, found.parent_id) == ("telegram:tea_news/12", "telegram:tea_news/11")
    assert (found.hashtags, found.media) == (["Tea"], ["https://cdn.example/a.jpg"])
    assert (found.engagement.views, found.author.name) == (12_500, "Tea & News")
    assert found.created_at.minute == 2
    assert soon.steps == []
    assert later.ids == ["telegram:tea_news/13"]


async def test_a_redirect_is_no_preview() -> None:
    notes: list[str] = []
    moved = Answer(302, headers={"location": "https://t.me/Tea_News"})
    async with running(lambda _: moved) as server:
        result = await collect(Telegram(context(preview(server.url), on_note=notes.append)))
        assert len(server.requests) == 1
    assert result.error is None
    assert result.ids == []
    assert "no web preview" in notes[0]


def test_a_delivery_bears_the_secret() -> None:
    source = Telegram(context({"mode": "webhook", "secret": "s3cret"}))
    body = json.dumps(update(1, text="sent")).encode()
    header = {"X-Telegram-Bot-Api-Secret-Token": "s3cret"}
    received = source.receive(Delivery(path="/h", headers=header, body=body))
    assert received.answer.status == 200
    [step] = received.steps
    assert isinstance(step, Step)
    assert step.post is not None
    assert step.post.text == "sent"


def test_settings() -> None:
    for wrong, says in (
        ({}, "token"),
        ({"mode": "webhook"}, "secret"),
        ({"token": "тест"}, "token"),
    ):
        with pytest.raises(BadSettings, match=says):
            Telegram(context(wrong))
