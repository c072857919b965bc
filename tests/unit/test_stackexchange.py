"""Stack Exchange: budgets and waits inside answers, pages without a key, threads, deletions."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from connectors.base import Usage
from connectors.errors import Fatal, Refused, Retriable, WaitUntil
from connectors.searches import Search
from connectors.stackexchange import StackExchange
from tests.contract.connectors.fixtures.shared import moment
from tests.contract.connectors.fixtures.stackexchange import StackExchangeFixture, answered
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, World, collect, context

FIXTURE = StackExchangeFixture()


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now.timestamp()


def source(base: str, **extra: Any) -> StackExchange:
    clock = extra.pop("clock", NOW.timestamp)
    more = {key: extra.pop(key) for key in ("on_usage", "on_note", "searches") if key in extra}
    return StackExchange(context({**FIXTURE.options(base), **extra}, clock=clock, **more))


async def test_fields() -> None:
    async with FIXTURE.serve(World([FIXTURE.item(1)])) as server:
        result = await collect(source(server.url))
        query = server.requests[0].query
    post = result.steps[0].post
    assert post is not None
    assert (post.id, post.title) == ("stackexchange:stackoverflow/101", "title '1'")
    assert (post.author.id, post.author.name) == ("stackoverflow/7", "A & B")
    assert (post.engagement.likes, post.engagement.replies, post.engagement.views) == (3, 0, 12)
    assert post.hashtags == ["tea"]
    assert (query["q"], query["site"], query["filter"]) == ("tea", "stackoverflow", "withbody")


@pytest.mark.parametrize(
    "change",
    [
        {"owner": {"user_type": "does_not_exist", "display_name": "gone"}},
        {"owner": None, "score": -4, "tags": None, "link": None},
        {"body": None},
    ],
)
async def test_items_with_less(change: dict[str, Any]) -> None:
    async with FIXTURE.serve(World([{**FIXTURE.item(1), **change}])) as server:
        result = await collect(source(server.url))
    assert result.ids == ["stackexchange:stackoverflow/101"]


async def test_a_backoff_is_obeyed_for_its_method_and_survives_a_restart() -> None:
    clock = Clock()

    def answer(request: Request) -> Answer:
        return answered([FIXTURE.item(1)], more=True, backoff=30)

    async with running(answer) as server:
        begun = {"lists": {"stackoverflow tea": [NOW.timestamp() - 9_000, {}]}}
        first = await collect(source(server.url, clock=clock), begun)
        again = await collect(source(server.url, clock=clock), first.cursor)
        assert len(server.requests) == 1
        clock.now += timedelta(seconds=31)
        later = await collect(source(server.url, clock=clock), first.cursor)
        assert len(server.requests) == 2
    assert first.ids == ["stackexchange:stackoverflow/101"]
    for result in (first, again):
        assert isinstance(result.error, WaitUntil)
        assert result.error.moment == NOW + timedelta(seconds=30)
    assert isinstance(later.error, WaitUntil)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"error_id": 502, "error_message": "more requests available in 80000 seconds"}, WaitUntil),
        ({"error_id": 503, "error_message": "down"}, Retriable),
        ({"error_id": 405, "error_message": "key required"}, Fatal),
        ({"error_id": 400, "error_message": "site"}, Refused),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
async def test_errors_by_their_number(
    said: dict[str, Any], kind: type[Exception], status: int
) -> None:
    async with running(lambda _: Answer(status, json.dumps(said).encode())) as server:
        error = (await collect(source(server.url))).error
    assert type(error) is kind
    assert said["error_message"] in str(error)
    if isinstance(error, WaitUntil):
        assert error.moment == NOW + timedelta(seconds=80_000)


async def test_nothing_is_asked_beyond_the_days_calls() -> None:
    told: list[Usage] = []
    async with FIXTURE.serve(World([FIXTURE.item(1)])) as server:
        one = source(server.url, queries="a, b, c", calls=2, on_usage=told.append)
        result = await collect(one)
        assert [request.query["q"] for request in server.requests] == ["a", "b"]
        later = Clock()
        later.now = NOW + timedelta(hours=12)
        await collect(source(server.url, queries="a, b, c", calls=1, clock=later), result.cursor)
        assert server.requests[-1].query["q"] == "c"
    assert isinstance(result.error, WaitUntil)
    assert result.error.moment == NOW + timedelta(hours=12)
    assert (told[-1].used, told[-1].limit) == (2, 2)


async def test_a_quota_that_others_used_up_is_believed() -> None:
    async with running(lambda _: answered([], quota_remaining=0)) as server:
        first = await collect(source(server.url))
        second = await collect(source(server.url), first.cursor)
        assert len(server.requests) == 1
    assert first.error is None
    assert isinstance(second.error, WaitUntil)


async def test_the_first_start_reads_one_page_of_the_latest() -> None:
    items = [FIXTURE.item(n, at=NOW - timedelta(days=900 - n)) for n in range(300)]
    async with FIXTURE.serve(World(items)) as server:
        one = source(server.url, backfill=40)
        first = await collect(one)
        items.append(FIXTURE.item(500))
        second = await collect(one, first.cursor)
        assert len(server.requests) == 2
    assert first.ids == [f"stackexchange:stackoverflow/{100 + n}" for n in range(260, 300)]
    assert second.ids == ["stackexchange:stackoverflow/600"]


async def test_more_than_25_pages_are_asked_by_time() -> None:
    items = [FIXTURE.item(n, at=NOW - timedelta(seconds=4000 - n)) for n in range(2_700)]
    async with FIXTURE.serve(World(items)) as server:
        begun = {"lists": {"stackoverflow tea": [NOW.timestamp() - 9_000, {}]}}
        result = await collect(source(server.url), begun)
        pages = [int(request.query["page"]) for request in server.requests]
    assert len(set(result.ids)) == len(result.ids) == 2_700
    assert max(pages) == 25
    assert pages[25] == 1


async def test_topics_are_searched_for_one_search_a_request_at_each_site() -> None:
    searches = lambda: [Search(("red tea",), ("t",)), Search(("pot",), ("t",))]  # noqa: E731
    async with FIXTURE.serve(World()) as server:
        options = {"base_url": server.url, "sites": "superuser, ru.stackoverflow"}
        result = await collect(StackExchange(context(options, searches=searches)))
        asked = [(request.query["site"], request.query["q"]) for request in server.requests]
    assert result.error is None
    assert asked == [
        ("superuser", "red tea"),
        ("superuser", "pot"),
        ("ru.stackoverflow", "red tea"),
        ("ru.stackoverflow", "pot"),
    ]


async def test_all_of_a_site_is_questions_answers_and_comments() -> None:
    born = int(moment(1).timestamp())
    answers = [{"answer_id": 5, "question_id": 101, "body": "<p>yes</p>", "creation_date": born}]
    comments = [{"comment_id": 5, "post_id": 5, "body": "no &lt;b&gt;", "creation_date": born}]
    lists = {"questions": [FIXTURE.item(1)], "answers": answers, "comments": comments}
    async with running(lambda r: answered(lists[r.path.removeprefix("/2.3/")])) as server:
        result = await collect(source(server.url, mode="all"))
    posts = [step.post for step in result.steps if step.post]
    assert [post.id for post in posts] == [
        "stackexchange:stackoverflow/101",
        "stackexchange:stackoverflow/5",
        "stackexchange:stackoverflow/comments/5",
    ]
    assert posts[1].parent_id == posts[1].thread_id == posts[0].id
    assert (posts[2].parent_id, posts[2].text) == (posts[1].id, "no <b>")


def thread(asked: list[str], gone: Callable[[], bool]) -> Callable[[Request], Answer]:
    born = int(moment(10).timestamp())

    def answer(request: Request) -> Answer:
        path = request.path.removeprefix("/2.3/")
        asked.append(path)
        if path.endswith("/answers"):
            return answered(
                [{"answer_id": 900, "question_id": 101, "body": "yes", "creation_date": born}]
            )
        if path.endswith("/comments"):
            return answered(
                [{"comment_id": 1, "post_id": 101, "body": "hm", "creation_date": born}]
            )
        if path == "questions/101":
            return answered([] if gone() else [{**FIXTURE.item(1), "score": 50}])
        return answered([FIXTURE.item(1)] if path.startswith("search") else [])

    return answer


async def test_threads_are_followed_counts_refreshed_and_deletions_told() -> None:
    clock, asked, state = Clock(), list[str](), {"gone": False}
    async with running(thread(asked, lambda: state["gone"])) as server:
        first = await collect(source(server.url, clock=clock))
        clock.now = NOW + timedelta(minutes=10)
        second = await collect(source(server.url, clock=clock), first.cursor)
        assert "questions/101/answers" in asked
        assert "posts/101/comments" in asked
        clock.now = NOW + timedelta(hours=30)
        state["gone"] = True
        third = await collect(source(server.url, clock=clock), second.cursor)
    assert second.ids == [
        "stackexchange:stackoverflow/900",
        "stackexchange:stackoverflow/comments/1",
        "stackexchange:stackoverflow/101",
    ]
    counted = [step.post for step in second.steps if step.post][-1]
    assert counted.engagement.likes == 50
    gone = [step.post for step in third.steps if step.post and step.post.state == "deleted"]
    assert [(post.id.rpartition("/")[2], post.kind) for post in gone] == [
        ("101", "post"),
        ("900", "comment"),
    ]
    assert gone[0].created_at == moment(1)


async def test_what_is_looked_at_again_leaves_the_days_calls_to_what_is_new() -> None:
    clock, asked = Clock(), list[str]()
    cursor: Any = None
    async with running(thread(asked, lambda: False)) as server:
        for hour in range(12):
            clock.now = NOW + timedelta(hours=hour)
            result = await collect(source(server.url, clock=clock, calls=24), cursor)
            assert result.error is None
            cursor = result.cursor
    searches = [path for path in asked if path.startswith("search")]
    assert len(searches) == 12
    assert len(asked) > 18
