"""YouTube: budgets, turns, comments and replies, what refusals mean, escaped titles, deletions."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import Context
from connectors.errors import BadSettings, Fatal, Retriable, WaitUntil
from connectors.post import Post
from connectors.searches import Search
from connectors.youtube import YouTube
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import Pass, collect

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 6, 2, 7, 0, tzinfo=UTC)


class Tube:
    """A small YouTube. `refusals` are answered to a path in place of the truth."""

    def __init__(self) -> None:
        self.now = NOON
        self.results: list[Any] = []
        self.videos: list[Any] = []
        self.threads: list[Any] = []
        self.replies: list[Any] = []
        self.uploads: list[Any] = []
        self.refusals: dict[str, Answer] = {}
        self.asked: list[Request] = []
        self.notes: list[str] = []

    def __call__(self, request: Request) -> Answer:
        self.asked.append(request)
        path = request.path.removeprefix("/youtube/v3/")
        if path in self.refusals:
            return self.refusals[path]
        if path == "videos":
            wanted = request.query["id"].split(",")
            return page([one for one in self.videos if one["id"] in wanted])
        if path == "channels":
            lists = {"contentDetails": {"relatedPlaylists": {"uploads": "UUtea"}}}
            return page([{"id": "UCtea", **lists}])
        known = {
            "search": self.results,
            "commentThreads": self.threads,
            "comments": self.replies,
            "playlistItems": self.uploads,
        }
        return page(known[path])

    async def pass_over(self, cursor: Any = None, **options: Any) -> Pass:
        searches = options.pop("searches", ())
        async with running(self) as server:
            settings = {"key": "AIza-secret", "base_url": server.url, **options}
            context = Context(
                options=settings,
                allow_hosts=frozenset({"127.0.0.1"}),
                clock=self.now.timestamp,
                on_note=self.notes.append,
                searches=lambda: searches,
            )
            return await collect(YouTube(context), json.loads(json.dumps(cursor)))

    def calls(self, path: str) -> list[Request]:
        return [one for one in self.asked if one.path.endswith(f"/{path}")]


def page(items: list[Any], **more: Any) -> Answer:
    return Answer(body=json.dumps({"kind": "youtube#list", "items": items, **more}).encode())


def refusal(status: int, reason: str, message: str = "no") -> Answer:
    error = {"code": status, "message": message, "errors": [{"reason": reason}]}
    return Answer(status, json.dumps({"error": error}).encode())


def result(name: str, **snippet: Any) -> Any:
    told = {"publishedAt": "2026-06-01T11:00:00Z", "title": "Tea", "description": "About…"}
    return {"id": {"kind": "youtube#video", "videoId": name}, "snippet": {**told, **snippet}}


def video(name: str, **counts: str) -> Any:
    told = {"publishedAt": "2026-06-01T11:00:00.000Z", "title": "Tea & cake", "description": "All."}
    return {"kind": "youtube#video", "id": name, "snippet": told, "statistics": counts}


def comment(name: str, text: str, at: str = "2026-06-01T11:30:00Z", **more: Any) -> Any:
    snippet = {
        "textDisplay": text,
        "textOriginal": text,
        "publishedAt": at,
        "updatedAt": at,
        "authorDisplayName": "@drinker",
        "authorChannelId": {"value": "UCdrinker"},
        "likeCount": 2,
        **more,
    }
    return {"kind": "youtube#comment", "id": name, "snippet": snippet}


def thread(top: Any, total: int, *enclosed: Any) -> Any:
    snippet = {"videoId": "v1", "topLevelComment": top, "totalReplyCount": total}
    replies = {"replies": {"comments": list(enclosed)}} if enclosed else {}
    return {"kind": "youtube#commentThread", "id": top["id"], "snippet": snippet, **replies}


def by_id(result: Pass) -> dict[str, Post]:
    assert result.error is None
    return {step.post.id: step.post for step in result.steps if step.post is not None}


async def test_a_result_is_told_whole_with_its_counts() -> None:
    tube = Tube()
    tube.results = [result("v1", title="Tea &amp; cake", description="Al...")]
    tube.videos = [video("v1", viewCount="1200", likeCount="7")]
    post = by_id(await tube.pass_over(queries="tea"))["youtube:v1"]
    assert (post.title, post.text, post.kind) == ("Tea & cake", "All.", "video")
    assert (post.engagement.views, post.engagement.likes, post.engagement.replies) == (
        1200,
        7,
        None,
    )
    assert tube.calls("search")[0].headers["x-goog-api-key"] == "AIza-secret"
    assert "key" not in tube.calls("search")[0].query


async def test_what_only_the_search_knows_is_unescaped_once() -> None:
    tube = Tube()
    tube.results = [result("v1", title="Tom &amp;amp; Tea&#39;s", description="Begins and...")]
    tube.results += [{"id": {"kind": "youtube#channel", "channelId": "UC1"}, "snippet": {}}]
    result_ = await tube.pass_over(queries="tea")
    (post,) = by_id(result_).values()
    assert post.title == "Tom &amp; Tea's"
    assert post.truncated
    assert not [step for step in result_.steps if step.dead]


async def test_an_unreadable_result_is_told_once() -> None:
    tube = Tube()
    tube.results = [{"id": {}, "snippet": {"title": "without an id"}}, result("v1")]
    first = await tube.pass_over(queries="tea")
    second = await tube.pass_over(first.cursor, queries="tea")
    assert len(tube.calls("search")) == 2
    assert first.ids == ["youtube:v1"]
    dead = [[step.dead for step in one.steps if step.dead] for one in (first, second)]
    assert [len(one) for one in dead] == [1, 0]


async def test_a_hundred_searches_last_the_day_in_fair_turns() -> None:
    tube = Tube()
    tube.now = datetime(2026, 6, 1, 7, 0, tzinfo=UTC)
    cursor = None
    queries = ["a", "b", "c"]
    for _ in range(12 * 24):
        cursor = (await tube.pass_over(cursor, queries=queries)).cursor
        tube.now += timedelta(minutes=5)
    asked = [request.query["q"] for request in tube.calls("search")]
    assert 95 <= len(asked) <= 100
    each = [asked.count(query) for query in queries]
    assert max(each) - min(each) <= 1


async def test_searches_start_hours_before_the_newest_known() -> None:
    tube = Tube()
    tube.results, tube.videos = [result("v1")], [video("v1")]
    first = await tube.pass_over(queries="tea")
    assert tube.asked[0].query["publishedAfter"] == "2026-05-31T12:00:00Z"
    second = await tube.pass_over(first.cursor, queries="tea")
    assert tube.calls("search")[1].query["publishedAfter"] == "2026-06-01T05:00:00Z"
    assert second.ids == []
    assert sum(step.duplicates for step in second.steps) == 1


async def test_topics_share_requests_and_none_is_narrowed() -> None:
    tube = Tube()
    searches = [
        Search(("tea",), ("t1",)),
        Search(("green tea",), ("t2",)),
        Search(("cup", "saucer"), ("t3",)),
    ]
    await tube.pass_over(searches=searches)
    assert {one.query["q"] for one in tube.calls("search")} == {'tea|"green tea"', "cup saucer"}


@pytest.mark.parametrize("reason", ["quotaExceeded", "dailyLimitExceeded"])
async def test_a_used_up_quota_waits_for_midnight_in_california(reason: str) -> None:
    tube = Tube()
    tube.refusals["search"] = refusal(403, reason)
    first = await tube.pass_over(queries="tea")
    assert isinstance(first.error, WaitUntil)
    assert first.error.moment == MIDNIGHT
    tube.now += timedelta(hours=1)
    await tube.pass_over(first.cursor, queries="tea")
    assert len(tube.calls("search")) == 1


async def test_without_searches_left_channels_are_still_read() -> None:
    tube = Tube()
    tube.refusals["search"] = refusal(403, "quotaExceeded")
    tube.uploads = [{"contentDetails": {"videoId": "v1"}, "snippet": {}}]
    tube.videos = [video("v1")]
    result_ = await tube.pass_over(queries="tea", channels="UCtea")
    assert [*by_id(result_)] == ["youtube:v1"]
    assert any("quota" in note for note in tube.notes)
    assert tube.calls("playlistItems")[0].query["playlistId"] == "UUtea"


async def test_refusals_mean_what_their_reason_says() -> None:
    tube = Tube()
    for answer, kind in (
        (refusal(403, "rateLimitExceeded"), Retriable),
        (refusal(400, "keyInvalid", "API key AIza-secret not valid"), Fatal),
        (refusal(403, "accessNotConfigured"), Fatal),
        (refusal(400, "invalidSearchFilter"), Fatal),
    ):
        tube.refusals["search"] = answer
        error = (await tube.pass_over(queries="tea")).error
        assert isinstance(error, kind)
        assert "AIza-secret" not in str(error)


async def test_comments_and_replies_are_read_whole() -> None:
    tube = Tube()
    tube.results, tube.videos = [result("v1")], [video("v1", commentCount="4")]
    enclosed = comment("c1.r1", "Reply one", parentId="c1")
    more = comment("c1.r2", "Reply two", parentId="c1")
    tube.threads = [thread(comment("c1", "I drink it"), 2, enclosed)]
    tube.replies = [more, enclosed]
    found = by_id(await tube.pass_over(queries="tea"))
    assert [*found] == ["youtube:v1", "youtube:c1", "youtube:c1.r1", "youtube:c1.r2"]
    assert found["youtube:c1"].parent_id == found["youtube:c1"].thread_id == "youtube:v1"
    assert found["youtube:c1.r2"].parent_id == "youtube:c1"
    assert found["youtube:c1.r2"].thread_id == "youtube:v1"
    assert found["youtube:c1"].author.id == "UCdrinker"
    assert tube.calls("comments")[0].query["parentId"] == "c1"


async def test_later_only_what_is_new_is_told_and_grown_threads_are_asked() -> None:
    tube = Tube()
    tube.videos = [video("v1", commentCount="1")]
    tube.threads = [thread(comment("c1", "First", "2026-06-01T10:00:00Z"), 0)]
    first = await tube.pass_over(search="no", videos="v1")
    assert [*by_id(first)] == ["youtube:v1", "youtube:c1"]
    tube.now += timedelta(minutes=30)
    late = comment("c1.r1", "A late reply", "2026-06-01T12:05:00Z")
    tube.threads = [thread(comment("c1", "First", "2026-06-01T10:00:00Z"), 1)]
    tube.replies = [late]
    second = await tube.pass_over(first.cursor, search="no", videos="v1")
    assert "youtube:c1.r1" in by_id(second)
    tube.now += timedelta(minutes=30)
    await tube.pass_over(second.cursor, search="no", videos="v1")
    assert len(tube.calls("comments")) == 1


async def test_comments_leave_some_of_the_budget_for_the_day() -> None:
    tube = Tube()
    names = [f"v{number}" for number in range(60)]
    tube.results = [result(name) for name in names]
    tube.videos = [video(name, commentCount="1") for name in names]
    tube.threads = [thread(comment("c1", "First"), 0)]
    tube.now = datetime(2026, 6, 1, 7, 0, tzinfo=UTC)
    first = await tube.pass_over(queries="tea", units_a_day=40)
    assert first.error is None
    assert len(tube.calls("commentThreads")) == 6  # a fifth of the budget, with 2 calls for videos
    assert any("budget lasts the day" in note for note in tube.notes)
    tube.now += timedelta(hours=12)
    await tube.pass_over(first.cursor, queries="tea", units_a_day=40)
    assert len(tube.calls("commentThreads")) == 25  # half a day and a fifth, 3 calls for videos


async def test_an_edited_comment_is_an_edit() -> None:
    tube = Tube()
    tube.videos = [video("v1")]
    changed = comment("c1", "Better", updatedAt="2026-06-01T11:45:00Z")
    tube.threads = [thread(changed, 0)]
    post = by_id(await tube.pass_over(search="no", videos="v1"))["youtube:c1"]
    assert post.state == "edited"
    assert post.updated_at == datetime(2026, 6, 1, 11, 45, tzinfo=UTC)


async def test_comments_that_are_off_are_no_error() -> None:
    tube = Tube()
    tube.videos = [video("v1")]
    tube.refusals["commentThreads"] = refusal(403, "commentsDisabled")
    assert [*by_id(await tube.pass_over(search="no", videos="v1"))] == ["youtube:v1"]
    assert any("commentsDisabled" in note for note in tube.notes)


async def test_comments_closed_to_us_stop_no_source() -> None:
    tube = Tube()
    tube.videos = [video("v1")]
    tube.refusals["commentThreads"] = refusal(403, "forbidden")
    assert [*by_id(await tube.pass_over(search="no", videos="v1"))] == ["youtube:v1"]


async def test_a_daily_limit_told_with_429_waits_too() -> None:
    tube = Tube()
    told = {"reason": "RATE_LIMIT_EXCEEDED", "metadata": {"quota_limit": "defaultPerDayPerProject"}}
    error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [told]}
    tube.refusals["search"] = Answer(429, json.dumps({"error": error}).encode())
    result_ = await tube.pass_over(queries="tea")
    assert isinstance(result_.error, WaitUntil)
    assert result_.error.moment == MIDNIGHT


async def test_counts_are_refreshed_and_a_vanished_video_is_deleted() -> None:
    tube = Tube()
    tube.results, tube.videos = [result("v1")], [video("v1", viewCount="1")]
    first = await tube.pass_over(queries="tea")
    tube.now += timedelta(hours=2)
    tube.videos = [video("v1", viewCount="50")]
    second = await tube.pass_over(first.cursor, queries="tea")
    assert second.ids == []  # an hour after publication had passed at the first sight
    tube.now += timedelta(hours=22)
    third = await tube.pass_over(second.cursor, queries="tea")
    assert by_id(third)["youtube:v1"].engagement.views == 50
    tube.now += timedelta(days=7)
    tube.videos, tube.results = [], []
    post = by_id(await tube.pass_over(third.cursor, queries="tea"))["youtube:v1"]
    assert (post.state, post.text, post.title) == ("deleted", "", "")
    assert post.created_at == datetime(2026, 6, 1, 11, 0, tzinfo=UTC)


async def test_results_beyond_reach_are_a_gap() -> None:
    tube = Tube()
    pages = iter(range(100))

    def endless(request: Request) -> Answer:
        if request.path.endswith("/videos"):
            return page([])
        return page([result(f"v{next(pages)}")], nextPageToken="more")

    tube.results = []
    async with running(endless) as server:
        settings = {"key": "k", "base_url": server.url, "queries": "tea"}
        context = Context(
            options=settings, allow_hosts=frozenset({"127.0.0.1"}), clock=NOON.timestamp
        )
        found = await collect(YouTube(context))
    gaps = [step.gap for step in found.steps if step.gap]
    assert len(found.ids) == 10
    assert len(gaps) == 1
    assert "first results" in gaps[0].reason


def test_what_could_not_be_read_is_read_again() -> None:
    source = YouTube(Context(options={"key": "k"}, clock=NOON.timestamp))
    found = {"kind": "youtube#searchResult", **result("v1", title="Tea &amp; cake")}
    assert source.reread(json.dumps(found).encode()).title == "Tea & cake"
    reply = comment("c1.r1", "Yes", videoId="v1", parentId="c1")
    assert source.reread(json.dumps(reply).encode()).parent_id == "youtube:c1"
    with pytest.raises(ValueError, match="no video"):
        source.reread(json.dumps(comment("c1", "Yes")).encode())


def test_nothing_to_read_is_said() -> None:
    with pytest.raises(BadSettings, match="'channels' or 'videos'"):
        YouTube(Context(options={"key": "k", "search": "no"}))
