"""RuTube: Moscow's clock, pages, a search that is opted into, deletions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import Context
from connectors.errors import BadSettings
from connectors.rutube import Rutube, in_moscow
from tests.contract.connectors.archives import Outside, by_id
from tests.contract.connectors.server import Answer, Request


def video(name: str, at: str = "2026-06-01T14:30:00", **more: Any) -> Any:
    return {"id": name, "title": "T", "created_ts": at, "publication_ts": at, **more}


def page(*items: Any, more: bool = False) -> Any:
    return {"results": [*items], "has_next": more, "page": 1, "per_page": 20}


async def test_times_are_moscows() -> None:
    outside = Outside("rutube", lambda _: page(video("a", hits=7)), persons="23456")
    post = by_id(await outside.read())["rutube:a"]
    assert post.created_at == datetime(2026, 6, 1, 11, 30, tzinfo=UTC)
    assert (post.engagement.views, post.engagement.likes) == (7, None)
    assert outside.asked[0].path == "/api/video/person/23456/"


@pytest.mark.parametrize(
    ("told", "hour"),
    [
        ("2013-07-01T12:00:00", 8),
        ("2026-07-01T12:00:00", 9),
        ("2026-07-01T12:00:00+00:00", 12),
        ("2026-07-01 12:00:00", 9),
    ],
)
def test_moscows_clock_was_moved(told: str, hour: int) -> None:
    assert in_moscow(told).astimezone(UTC).hour == hour


async def test_pages_are_read_back_to_what_is_known() -> None:
    def say(request: Request) -> Any:
        if request.query["page"] == "1":
            return page(video("c"), video("b"), more=True)
        return page(video("a", "2026-05-01T00:00:00"), more=True)

    outside = Outside("rutube", say, persons="https://rutube.ru/channel/23456/")
    first = await outside.read()
    assert first.ids == ["rutube:a", "rutube:b", "rutube:c"]
    assert len(outside.asked) == 2
    assert (await outside.read(first.cursor)).ids == []


@pytest.mark.parametrize("persons", [5, [5], "5", "https://rutube.ru/channel/5/"])
async def test_numbers_need_no_quotes(persons: Any) -> None:
    outside = Outside("rutube", lambda _: page(video("a")), persons=persons)
    assert (await outside.read()).ids == ["rutube:a"]
    assert outside.asked[0].path == "/api/video/person/5/"


async def test_a_search_is_read_where_it_is_asked_for() -> None:
    def say(request: Request) -> Any:
        assert request.path == "/api/search/video/"
        assert request.query["query"] == "tea"
        number = request.query["page"]
        return page(video(f"v{number}", "2020-01-01T00:00:00"), more=True)

    outside = Outside("rutube", say, search="yes", queries="tea")
    result = await outside.read()
    assert sorted(result.ids) == ["rutube:v1", "rutube:v2", "rutube:v3"]
    assert [step.gap for step in result.steps if step.gap] == []
    with pytest.raises(BadSettings, match="'persons'"):
        Rutube(Context())


@pytest.mark.parametrize("gone", [Answer(404, b"{}"), {"id": "a", "is_deleted": True}])
async def test_a_vanished_video_is_deleted(gone: Any) -> None:
    def say(request: Request) -> Any:
        return page(video("a", "2026-06-01T14:59:00")) if "person" in request.path else gone

    outside = Outside("rutube", say, persons="23456")
    first = await outside.read()
    outside.now += timedelta(hours=1)
    assert by_id(await outside.read(first.cursor))["rutube:a"].state == "deleted"
