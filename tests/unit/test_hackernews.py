from datetime import timedelta
from typing import Any

from connectors.errors import Fatal, Retriable
from connectors.hackernews import HackerNews
from tests.contract.connectors.fixtures.hackernews import HackerNewsFixture
from tests.contract.connectors.world import NOW, World, collect, context

FIXTURE = HackerNewsFixture()


async def test_missing_items_are_asked_again_and_then_given_up() -> None:
    world = World([FIXTURE.item(0), None, FIXTURE.item(2)])
    async with FIXTURE.serve(world) as server:
        options = FIXTURE.options(server.url)
        first = await collect(HackerNews(context(options)))
        assert first.ids == ["hackernews:1", "hackernews:3"]
        assert list(first.cursor["pending"]) == ["2"]
        late = (NOW + timedelta(days=2)).timestamp
        given_up = await collect(HackerNews(context(options, clock=late)), first.cursor)
        assert [step.gap.reason for step in given_up.steps if step.gap] == ["item 2 never came"]
        assert given_up.cursor == {"last": 3, "pending": {}}
        world.items[1] = FIXTURE.item(1)
        second = await collect(HackerNews(context(options)), first.cursor)
    assert second.ids == ["hackernews:2"]
    assert second.cursor == {"last": 3, "pending": {}}


async def test_stories_threads_and_links() -> None:
    story: dict[str, Any] = {
        "id": 1, "type": "story", "by": "a", "time": 1780311600, "title": "AT&amp;T &#x27;s",
        "url": "https://news.example/x", "score": 5, "descendants": 2,
    }  # fmt: skip
    reply = {**FIXTURE.item(1, text="Yes.<p>No &gt; yes"), "parent": 1}
    deeper = {**FIXTURE.item(2), "parent": 2}
    async with FIXTURE.serve(World([story, reply, deeper])) as server:
        result = await collect(HackerNews(context(FIXTURE.options(server.url))))
    first, second, third = (step.post for step in result.steps)
    assert first is not None
    assert second is not None
    assert third is not None
    assert (first.title, first.text) == ("AT&T 's", "https://news.example/x")
    assert (first.engagement.likes, first.engagement.replies, first.kind) == (5, 2, "post")
    assert (second.text, second.kind, second.thread_id) == (
        "Yes.\n\nNo > yes",
        "comment",
        "hackernews:1",
    )
    assert (third.parent_id, third.thread_id) == ("hackernews:2", "hackernews:1")
    assert first.url == "https://news.ycombinator.com/item?id=1"


async def test_the_first_start_reads_the_latest() -> None:
    async with FIXTURE.serve(World([FIXTURE.item(number) for number in range(30)])) as server:
        options = {**FIXTURE.options(server.url), "backfill": 5}
        result = await collect(HackerNews(context(options)))
    assert result.ids == [f"hackernews:{number}" for number in range(26, 31)]


async def test_an_unreadable_cursor_is_told() -> None:
    async with FIXTURE.serve(World()) as server:
        result = await collect(HackerNews(context(FIXTURE.options(server.url))), {"last": "x"})
    assert isinstance(result.error, Fatal)


async def test_a_server_far_ahead_of_itself_ends_the_pass_and_is_walked_on() -> None:
    world = World([None] * 520 + [FIXTURE.item(520)])
    async with FIXTURE.serve(world) as server:
        options = {**FIXTURE.options(server.url), "backfill": 1000}
        first = await collect(HackerNews(context(options)))
        assert isinstance(first.error, Retriable)
        second = await collect(HackerNews(context(options)), first.cursor)
    assert second.ids == ["hackernews:521"]
    gaps = [step.gap for step in first.steps + second.steps if step.gap is not None]
    assert len(gaps) + len(second.cursor["pending"]) == 520
