"""Lists that are given newest first: nothing twice, edits told, ends found."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import Context, Step
from connectors.listings import Listing, Pages, read_lists, reread
from connectors.post import Engagement, Post

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
CONTEXT = Context(clock=NOON.timestamp)


def item(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "at": number, "text": f"note {number}", **more}


def read(name: str, value: Any) -> Post | None:
    if value["id"] < 0:
        raise ValueError("no id")
    at = NOON - timedelta(days=2) + timedelta(seconds=value["at"])
    return Post(
        id=f"x:{value['id']}",
        source="x",
        created_at=at,
        collected_at=NOON,
        text=value["text"],
        state=value.get("state", "live"),
        engagement=Engagement(likes=value.get("likes")),
    )


async def paged(items: Sequence[Any], size: int, asked: list[int]) -> Pages:
    latest = sorted(items, key=lambda one: -one["at"])
    for start in range(0, len(latest), size):
        asked.append(start)
        yield latest[start : start + size]


async def look(listing: Listing, items: Sequence[Any], size: int = 10) -> tuple[list[Step], int]:
    asked: list[int] = []
    steps = [step async for step in listing.steps(paged(items, size, asked), read)]
    return steps, len(asked)


def one_list(known: Any = None, backfill: int = 20, overlap: float = 5) -> Listing:
    return Listing(CONTEXT, "a", known, backfill=backfill, overlap=timedelta(seconds=overlap))


def ids(steps: Sequence[Step]) -> list[str]:
    return [step.post.id for step in steps if step.post]


async def test_the_first_pass_reads_so_many_and_the_next_what_is_new() -> None:
    listing = one_list()
    steps, asked = await look(listing, [item(n) for n in range(100)])
    assert ids(steps) == [f"x:{n}" for n in range(80, 100)]
    assert asked == 2
    steps, asked = await look(one_list(listing.state), [item(n) for n in range(125)])
    assert ids(steps) == [f"x:{n}" for n in range(100, 125)]
    assert asked == 4


async def test_an_item_filed_a_little_earlier_is_found() -> None:
    listing = one_list()
    await look(listing, [item(n) for n in range(0, 100, 2)])
    steps, _ = await look(one_list(listing.state), [item(n) for n in (*range(0, 100, 2), 95, 41)])
    assert ids(steps) == ["x:95"]


async def test_another_text_is_an_edit_and_other_counts_are_not() -> None:
    listing = one_list()
    await look(listing, [item(1), item(2)])
    changed = [item(1, at=9, text="new"), item(2, likes=4)]
    steps, _ = await look(listing, changed)
    counts, edit = (step.post for step in steps)
    assert edit is not None
    assert counts is not None
    assert (edit.id, edit.state, edit.text) == ("x:1", "edited", "new")
    first = NOON - timedelta(days=2)
    assert edit.created_at == first + timedelta(seconds=1)
    assert edit.updated_at == first + timedelta(seconds=9)
    assert (counts.state, counts.engagement.likes) == ("live", 4)
    again, _ = await look(one_list(listing.state), changed)
    assert again == []


async def test_what_is_gone_is_told_where_it_was_seen() -> None:
    listing = one_list()
    await look(listing, [item(1)])
    gone = [item(n, text="", state="deleted") for n in (1, 2)]
    steps, _ = await look(listing, gone)
    (post,) = (step.post for step in steps)
    assert post is not None
    assert (post.id, post.state) == ("x:1", "deleted")


async def test_an_unreadable_item_is_told_once_and_can_be_read_again() -> None:
    listing = one_list()
    steps, _ = await look(listing, [item(1), item(-1)])
    (dead,) = (step.dead for step in steps if step.dead)
    assert "no id" in str(dead)
    steps, _ = await look(one_list(listing.state), [item(1), item(-1)])
    assert steps == []
    assert reread(lambda name, value: read(name, {**value, "id": 5}), dead.raw).id == "x:5"


async def test_pages_that_repeat_end() -> None:
    async def same() -> Pages:
        while True:
            yield [item(1)]

    steps = [step async for step in one_list().steps(same(), read)]
    assert ids(steps) == ["x:1"]


async def test_a_list_that_lost_its_thread_records_a_gap() -> None:
    found = [
        [
            step
            async for step in read_lists(
                CONTEXT,
                {"a": one_list_state},
                ["a", "b"],
                lambda name: paged([item(90)] if name == "a" else [], 10, []),
                read,
                backfill=9,
                overlap=timedelta(seconds=1),
                out_of_reach=why,
            )
        ]
        for one_list_state in [{"newest": NOON.timestamp() - 2 * 86_400 + 10, "known": {}}]
        for why in ("it is short", "")
    ]
    gaps = [[step.gap for step in steps if step.gap] for steps in found]
    assert [len(each) for each in gaps] == [1, 0]
    assert "a: it is short" in gaps[0][0].reason
    assert ids(found[0]) == ["x:90"]
