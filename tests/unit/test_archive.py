"""What sources that are read as archives have in common."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.paged import back
from tests.contract.connectors.archives import Outside, by_id
from tests.contract.connectors.server import Answer, Request

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def video(name: str, at: str = "2026-06-01T14:55:00", **more: Any) -> Any:
    return {"id": name, "title": "T", "created_ts": at, **more}


def listed(*items: Any) -> Any:
    return {"results": [*items], "has_next": False}


def at(item: Any) -> datetime:
    return NOON - timedelta(minutes=item)


async def test_a_list_without_end_is_cut_and_says_so() -> None:
    async def fetch(place: str) -> tuple[list[int], str]:
        number = int(place or 0)
        return [number], str(number + 1)

    part = await back(fetch, NOON - timedelta(days=1), NOON, at, most=5)
    assert (part.items, part.lost, part.until) == ([4, 3, 2, 1, 0], True, at(4))


async def test_a_list_that_repeats_itself_ends() -> None:
    asked = []

    async def fetch(place: str) -> tuple[list[int], str]:
        asked.append(place)
        return [1, 2], "again"

    part = await back(fetch, NOON - timedelta(days=1), NOON, at)
    assert (part.items, part.lost) == ([2, 1], False)
    assert asked == ["", "again"]


async def test_an_unreadable_entry_is_a_dead_letter_once() -> None:
    broken = {"id": None, "title": "x"}
    outside = Outside("rutube", lambda _: listed(video("a"), broken), persons=5)
    first = await outside.read()
    second = await outside.read(first.cursor)
    dead = [[step.dead for step in one.steps if step.dead] for one in (first, second)]
    assert [len(one) for one in dead] == [1, 0]
    assert b'"title":"x"' in dead[0][0].raw


async def test_late_entries_are_found_and_old_ones_not_told_again() -> None:
    items = [video("new")]
    outside = Outside("rutube", lambda _: listed(*items), persons=5)
    first = await outside.read()
    items[:] = [video("new"), video("late", "2026-06-01T10:00:00"), video("old", "2020-01-01")]
    second = await outside.read(first.cursor)
    assert second.ids == ["rutube:late"]
    assert sum(step.duplicates for step in second.steps) == 2


@pytest.mark.parametrize("status", [400, 403, 422])
async def test_a_refusal_to_show_an_entry_is_no_deletion(status: int) -> None:
    def say(request: Request) -> Any:
        return listed(video("a")) if "person" in request.path else Answer(status, b"{}")

    outside = Outside("rutube", say, persons=5)
    first = await outside.read()
    outside.now += timedelta(hours=1)
    assert by_id(await outside.read(first.cursor)) == {}
    assert any("can't be asked again" in note for note in outside.notes)


async def test_all_lists_refused_is_an_error() -> None:
    outside = Outside("rutube", lambda _: Answer(404, b'{"detail": "none"}'), persons="5,6")
    error = (await outside.read()).error
    assert "404" in str(error)
    assert len(outside.notes) == 2
