"""X: what its payloads hold, how it is paged, paid and gone on with."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import Step, Usage
from connectors.errors import BadSettings, Fatal, Retriable, WaitUntil
from connectors.post import Place, Post
from connectors.searches import Search
from connectors.x import X
from tests.contract.connectors.fixtures.shared import encoded, moment
from tests.contract.connectors.fixtures.x import XFixture, found, snowflake
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, World, collect, context

FIXTURE = XFixture()


async def read(item: dict[str, Any], **includes: Any) -> Post:
    def answer(_: Request) -> Answer:
        return encoded({"data": [item], "includes": includes, "meta": {"result_count": 1}})

    async with running(answer) as server:
        result = await collect(X(context(FIXTURE.options(server.url))))
    assert result.error is None
    [post] = [step.post for step in result.steps if step.post]
    return post


async def test_fields() -> None:
    long = "Fish &amp; &lt;chips&gt; &amp;amp; https://t.co/a1 and more " + "long " * 60
    item = FIXTURE.item(1) | {
        "text": "Fish &amp; &lt;chips&gt; https://t.co/a1…",
        "note_tweet": {
            "text": long,
            "entities": {
                "urls": [
                    {"url": "https://t.co/a1", "expanded_url": "https://e.example/?a=1&copy=2"}
                ]
            },
        },
        "conversation_id": "900",
        "referenced_tweets": [{"type": "replied_to", "id": "901"}],
        "entities": {"hashtags": [{"tag": "Fish"}, {"tag": "fish"}]},
        "public_metrics": {
            "like_count": 5,
            "retweet_count": 2,
            "quote_count": 1,
            "reply_count": 0,
            "impression_count": 77,
        },
        "attachments": {"media_keys": ["3_1", "7_2", "3_9"]},
        "geo": {"place_id": "p1"},
        "lang": "und",
    }
    post = await read(
        item,
        users=[
            {
                "id": "71",
                "username": "reader",
                "name": "R",
                "verified": True,
                "location": "Bath",
                "public_metrics": {"followers_count": 12},
            }
        ],
        media=[
            {"media_key": "3_1", "type": "photo", "url": "https://m.example/1.jpg"},
            {"media_key": "7_2", "type": "video", "preview_image_url": "https://m.example/2.jpg"},
        ],
        places=[
            {
                "id": "p1",
                "full_name": "Bath, England",
                "country_code": "GB",
                "geo": {"bbox": [-2.0, 51.0, -1.0, 52.0]},
            }
        ],
    )
    assert post.text.startswith("Fish & <chips> &amp; https://e.example/?a=1&copy=2 and more long")
    assert (post.kind, post.parent_id, post.thread_id) == ("comment", "x:901", "x:900")
    assert post.url == f"https://x.com/reader/status/{item['id']}"
    counts = post.engagement
    assert (counts.likes, counts.reposts, counts.replies, counts.views) == (5, 3, 0, 77)
    assert post.media == ["https://m.example/1.jpg", "https://m.example/2.jpg"]
    assert post.place == Place(name="Bath, England", country="GB", lat=51.5, lon=-1.5)
    assert (post.author.handle, post.author.followers, post.author.verified) == ("reader", 12, True)
    assert (post.lang, post.hashtags) == ("", ["Fish", "fish"])


async def test_a_repost_has_the_whole_text_of_its_original() -> None:
    item = FIXTURE.item(2, text="RT @other: the beginning of…") | {
        "referenced_tweets": [{"type": "retweeted", "id": "55"}]
    }
    original = {
        "id": "55",
        "text": "the beginning",
        "note_tweet": {"text": "the beginning and end"},
    }
    post = await read(item, tweets=[original])
    assert (post.text, post.repost_of) == ("the beginning and end", "x:55")
    assert (await read(item)).text == "RT @other: the beginning of…"


@pytest.mark.parametrize("bare", [{"id": "20", "text": "just setting up"}])
async def test_the_default_object(bare: dict[str, Any]) -> None:
    post = await read(bare)
    assert (post.id, post.text, post.author.id) == ("x:20", "just setting up", "")
    assert (post.engagement.likes, post.created_at) == (None, NOW)
    assert post.url == "https://x.com/i/status/20"


async def test_edits_are_versions_of_the_first() -> None:
    first, second = (snowflake(NOW - timedelta(minutes=m)) for m in (20, 5))
    item = FIXTURE.item(1) | {
        "id": second,
        "edit_history_tweet_ids": [first, second],
        "created_at": (NOW - timedelta(minutes=5)).isoformat(),
    }
    post = await read(item)
    assert (post.id, post.state) == (f"x:{first}", "edited")
    assert post.created_at == NOW - timedelta(minutes=20)
    assert post.updated_at == NOW - timedelta(minutes=5)


async def test_pages_end_and_since_stays_while_paging() -> None:
    world = World([FIXTURE.item(number) for number in range(30)])
    async with FIXTURE.serve(world) as server:
        options = {**FIXTURE.options(server.url), "posts_a_day": 10_000}
        first = await collect(X(context(options)))
        world.items += [FIXTURE.item(1) | {"id": snowflake(NOW, n)} for n in range(250)]
        for item in world.items[30:]:
            item["edit_history_tweet_ids"] = [item["id"]]
        second = await collect(X(context(options)), first.cursor)
        asked = [request.query for request in server.requests[1:]]
    assert len(asked) == 3
    assert len({query["since_id"] for query in asked}) == 1
    overlap = int(world.items[29]["id"]) - int(asked[0]["since_id"])
    assert overlap == 30_000 << 22
    assert len(set(second.ids)) == 251
    assert second.cursor["queries"]["tea"] == {"since": world.items[-1]["id"]}
    assert "start_time" not in asked[0]


async def test_a_page_that_repeats_ends_the_search() -> None:
    page = found([FIXTURE.item(1)], {"max_results": "10"})
    page["meta"]["next_token"] = "again"
    async with running(lambda _: encoded(page)) as server:
        result = await collect(X(context(FIXTURE.options(server.url))))
        assert len(server.requests) == 2
    assert len(result.ids) == 1
    assert result.cursor["queries"]["tea"] == {"since": FIXTURE.item(1)["id"]}


async def test_the_budget_stops_between_pages_and_what_is_left_is_read_later() -> None:
    world = World([FIXTURE.item(0) | {"id": snowflake(moment(1), n)} for n in range(150)])
    for item in world.items:
        item["edit_history_tweet_ids"] = [item["id"]]
    used: list[Usage] = []
    clock = [NOW.timestamp()]
    async with FIXTURE.serve(world) as server:
        options = {**FIXTURE.options(server.url), "posts_a_day": 100}

        def source() -> X:
            return X(context(options, clock=lambda: clock[0], on_usage=used.append))

        first = await collect(source())
        assert isinstance(first.error, WaitUntil)
        assert first.error.moment == datetime(2026, 6, 2, tzinfo=UTC)
        assert len(server.requests) == 1
        assert (await collect(source(), first.cursor)).ids == []
        assert len(server.requests) == 1
        clock[0] = datetime(2026, 6, 2, 0, 1, tzinfo=UTC).timestamp()
        second = await collect(source(), first.cursor)
    assert len(set(first.ids) | set(second.ids)) == 150
    assert second.error is None
    money = [one for one in used if one.what == "US dollars"]
    assert money[-1].used == pytest.approx(150 * 0.005 + 2 * 0.01)
    assert money[-1].period == "month"


async def test_the_money_of_a_month_bounds_the_page() -> None:
    async with FIXTURE.serve(World([FIXTURE.item(1)])) as server:
        options = {**FIXTURE.options(server.url), "dollars_a_month": 1, "user_price": 0.02}
        result = await collect(X(context(options)))
        assert server.requests[0].query["max_results"] == "40"
        spent = {"began": "2026-06-01T00:00:00+00:00", "used": 0.9}
        known = {**result.cursor, "budget": {"money": spent}}
        error = (await collect(X(context(options)), known)).error
    assert isinstance(error, WaitUntil)
    assert error.moment == datetime(2026, 7, 1, tzinfo=UTC)


async def test_more_than_seven_days_are_a_gap() -> None:
    old = snowflake(NOW - timedelta(days=9))
    async with FIXTURE.serve(World([FIXTURE.item(1)])) as server:
        cursor = {"queries": {"tea": {"since": old}}}
        result = await collect(X(context(FIXTURE.options(server.url))), cursor)
        query = server.requests[0].query
    [gap] = [step.gap for step in result.steps if step.gap]
    assert gap.since == (NOW - timedelta(days=9)).isoformat()
    assert (query.get("since_id"), query["start_time"]) == (None, "2026-05-25T12:05:00Z")
    assert len(result.ids) == 1


async def test_a_refused_since_id_falls_back_with_a_gap() -> None:
    def answer(request: Request) -> Answer:
        if "since_id" in request.query:
            body = {
                "errors": [
                    {
                        "parameters": {"since_id": ["5"]},
                        "message": "'since_id' must be a tweet id created after 2026-05-25.",
                    }
                ],
                "title": "Invalid Request",
                "detail": "One or more parameters to your request was invalid.",
                "type": "https://api.twitter.com/2/problems/invalid-request",
            }
            return Answer(400, json.dumps(body).encode())
        return encoded(found([FIXTURE.item(1)], request.query))

    async with running(answer) as server:
        since = snowflake(NOW - timedelta(days=6))
        cursor = {"queries": {"tea": {"since": since}}}
        result = await collect(X(context(FIXTURE.options(server.url))), cursor)
    assert len(result.ids) == 1
    assert len([step for step in result.steps if step.gap]) == 1


async def test_no_results_and_partial_errors() -> None:
    notes: list[str] = []
    bodies: list[dict[str, Any]] = [
        {"meta": {"result_count": 0}},
        {
            "data": [FIXTURE.item(1)],
            "errors": [{"title": "Authorization Error", "detail": "Sorry, user 5 is protected."}],
            "meta": {"result_count": 1},
        },
        {"errors": [{"title": "Unavailable", "detail": "Try later."}]},
    ]
    async with running(lambda _: encoded(bodies.pop(0))) as server:
        options = FIXTURE.options(server.url)
        empty = await collect(X(context(options)))
        partial = await collect(X(context(options, on_note=notes.append)))
        failed = await collect(X(context(options)))
    assert (empty.error, empty.ids) == (None, [])
    assert len(partial.ids) == 1
    assert "user 5 is protected" in notes[0]
    assert isinstance(failed.error, Retriable)
    assert "Try later." in str(failed.error)


@pytest.mark.parametrize(("period", "until"), [("Monthly", "2026-07-01"), ("Daily", "2026-06-02")])
async def test_the_usage_cap_is_not_asked_again_at_the_reset(period: str, until: str) -> None:
    body = {
        "title": "UsageCapExceeded",
        "period": period,
        "type": "https://api.twitter.com/2/problems/usage-capped",
        "detail": "Usage cap exceeded",
    }
    reset = {"x-rate-limit-reset": str(int(NOW.timestamp()) + 60)}
    async with running(lambda _: Answer(429, json.dumps(body).encode(), reset)) as server:
        error = (await collect(X(context(FIXTURE.options(server.url))))).error
    assert isinstance(error, WaitUntil)
    assert error.moment == datetime.fromisoformat(f"{until}T00:00:00+00:00")


async def test_no_credits_left() -> None:
    body = {"title": "CreditsDepleted", "detail": "No credits."}
    async with running(lambda _: Answer(402, json.dumps(body).encode())) as server:
        error = (await collect(X(context(FIXTURE.options(server.url))))).error
    assert isinstance(error, Fatal)
    assert "No credits" in str(error)
    assert "Remedy" in str(error)


async def test_deletions_are_noticed_where_they_are_paid_for() -> None:
    world = World([FIXTURE.item(number) for number in range(3)])
    clock = [NOW.timestamp()]

    def answer(request: Request) -> Answer:
        if not request.path.endswith("/2/tweets"):
            return encoded(found(world.items, request.query))
        kept = {item["id"]: item for item in world.items}
        asked = request.query["ids"].split(",")
        return encoded(
            {
                "data": [kept[number] for number in asked if number in kept],
                "errors": [
                    {"resource_id": number, "value": number, "title": "Not Found Error"}
                    for number in asked
                    if number not in kept
                ],
            }
        )

    async with running(answer) as server:
        options = {**FIXTURE.options(server.url), "recheck": "yes"}
        source = X(context(options, clock=lambda: clock[0]))
        first = await collect(source)
        gone = world.items.pop(1)
        clock[0] += 86_400
        second = await collect(source, first.cursor)
        third = await collect(source, second.cursor)
        lookups = [r for r in server.requests if r.path.endswith("/2/tweets")]
    states = {step.post.id: step.post for step in second.steps if step.post}
    assert len(lookups) == 1
    assert states[f"x:{gone['id']}"].state == "deleted"
    assert states[f"x:{gone['id']}"].created_at == moment(1)
    assert states[f"x:{gone['id']}"].text == ""
    assert len(states) == 3
    assert third.ids == []


async def test_topics_are_pushed_down() -> None:
    asked = (Search(("green tea",), ("t",)), Search(("oolong", "cup"), ("u",)))
    async with FIXTURE.serve(World()) as server:
        options = {**FIXTURE.options(server.url), "retweets": "no"}
        del options["queries"]
        await collect(X(context(options, searches=lambda: asked)))
        assert [request.query["query"] for request in server.requests] == [
            '("green tea" OR (oolong cup)) -is:retweet'
        ]


def test_settings() -> None:
    for wrong in ({"mode": "push"}, {"user_price": "cheap"}, {"backfill_hours": 168}):
        with pytest.raises(BadSettings, match=next(iter(wrong))):
            X(context({"token": "t", **wrong}))


async def test_the_stream_keeps_its_rules_and_fills_what_came_before() -> None:
    items = [FIXTURE.item(number) for number in range(3)]
    fresh = FIXTURE.item(0) | {"id": snowflake(NOW), "edit_history_tweet_ids": [snowflake(NOW)]}
    rules = [
        {"id": "1", "value": "coffee", "tag": "veille:0"},
        {"id": "2", "value": "other app", "tag": "mine"},
    ]
    posted: list[Any] = []
    clock = [NOW.timestamp()]

    def answer(request: Request) -> Answer:
        if request.path.endswith("/rules"):
            if request.method == "POST":
                posted.append(json.loads(request.body))
                return Answer(201, b'{"meta": {}}')
            return encoded({"data": rules, "meta": {"result_count": 2}})
        if request.path.endswith("/stream"):
            clock[0] += 61
            items.append(FIXTURE.item(5))
            said = {"errors": [{"title": "operational-disconnect", "detail": "Server restarts."}]}
            lines = ["", json.dumps({"data": fresh, "matching_rules": []}), json.dumps(said)]
            return Answer(body="\r\n".join([*lines, ""]).encode())
        return encoded(found(items, request.query))

    async with running(answer) as server:
        options = {**FIXTURE.options(server.url), "mode": "stream"}
        result = await collect(X(context(options, clock=lambda: clock[0])))
    assert [sorted(each) for each in posted] == [["delete"], ["add"]]
    assert posted[0]["delete"]["ids"] == ["1"]
    assert posted[1]["add"][0]["value"] == "tea"
    assert isinstance(result.error, Retriable)
    assert "Server restarts." in str(result.error)
    assert result.ids == [f"x:{item['id']}" for item in (*items, fresh)]
    assert result.cursor["queries"] == {"tea": {"since": fresh["id"]}}


async def test_a_second_stream_waits() -> None:
    said = {
        "title": "ConnectionException",
        "detail": "This stream is at the maximum allowed connection limit.",
        "connection_issue": "TooManyConnections",
        "type": "https://api.twitter.com/2/problems/streaming-connection",
    }

    def answer(request: Request) -> Answer:
        if request.path.endswith("/stream"):
            return Answer(body=json.dumps(said).encode() + b"\r\n")
        return encoded({"meta": {"result_count": 0}, "data": []})

    async with running(answer) as server:
        options = {**FIXTURE.options(server.url), "mode": "stream"}
        error = (await collect(X(context(options)))).error
    assert isinstance(error, WaitUntil)
    assert error.moment == NOW + timedelta(seconds=60)


async def test_an_unreadable_post_is_kept_and_read_again() -> None:
    async with FIXTURE.serve(World([FIXTURE.item(1) | {"text": None}])) as server:
        source = X(context(FIXTURE.options(server.url)))
        result = await collect(source)
    [dead] = [step.dead for step in result.steps if step.dead]
    mended = json.loads(dead.raw)
    mended["data"]["text"] = "mended"
    post = source.reread(json.dumps(mended).encode())
    assert post.text == "mended"
    assert Step(post=post).post is post
    assert post.author.handle == "reader"
