"""Dailymotion: slices of time, few fields, errors by their type, deletions."""

import json
from datetime import timedelta
from typing import Any

import pytest

from connectors.errors import Fatal, Refused, Retriable
from tests.contract.connectors.archives import Outside, by_id
from tests.contract.connectors.server import Answer, Request
from tests.contract.connectors.world import NOW

START = int((NOW - timedelta(hours=24)).timestamp())


def page(items: list[Any], *, more: bool = False) -> Any:
    return {"page": 1, "limit": 100, "has_more": more, "list": items}


async def test_what_exceeds_1000_entries_is_cut_in_time() -> None:
    every: list[Any] = [{"id": f"x{n}", "created_time": START + 30 * n} for n in range(2_800)]

    def say(request: Request) -> Any:
        query = request.query
        first, last = int(query["created_after"]), int(query.get("created_before", 2**40))
        inside = [one for one in every[::-1] if first <= one["created_time"] <= last]
        at = 100 * (int(query["page"]) - 1)
        assert at < 1_000
        return page(inside[at : at + 100], more=at + 100 < len(inside))

    outside = Outside("dailymotion", say, queries="tea")
    result = await outside.read()
    assert len(set(result.ids)) == len(result.ids) == 2_800
    assert [step.gap for step in result.steps if step.gap] == []
    moments = [step.post.created_at for step in result.steps if step.post]
    assert moments == sorted(moments)


async def test_few_fields_are_enough() -> None:
    bare = {"id": "x1", "title": "T", "channel": "news", "owner": "xuser"}
    full = {
        "id": "x2",
        "title": "Tea &amp; me",
        "description": "One<br />Two",
        "created_time": 1780311600,
        "owner.username": "reader",
        "owner.screenname": "Reader",
        "views_total": 9,
        "language": "fr",
        "country": "FR",
        "tags": ["tea", "cup"],
    }
    posts = by_id(await Outside("dailymotion", lambda _: page([bare, full]), queries="x").read())
    assert posts["dailymotion:x1"].author.id == "xuser"
    assert posts["dailymotion:x1"].engagement.views is None
    post = posts["dailymotion:x2"]
    assert (post.text, post.lang, post.hashtags) == ("One\nTwo", "fr", ["tea", "cup"])
    assert (post.author.handle, post.engagement.views) == ("reader", 9)
    assert post.place is not None
    assert post.place.country == "FR"


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"code": 400, "type": "invalid_parameter", "message": "no"}, Refused),
        (403, {"code": 403, "type": "access_forbidden", "message": "closed"}, Fatal),
        (403, {"code": 403, "type": "rate_limit_exceeded", "message": "slow down"}, Retriable),
        (200, {"code": 500, "type": "server_error", "message": "later"}, Retriable),
    ],
)
async def test_errors_mean_what_their_type_says(
    status: int, error: Any, kind: type[Exception]
) -> None:
    outside = Outside(
        "dailymotion", lambda _: Answer(status, json.dumps({"error": error}).encode()), queries="x"
    )
    found = (await outside.read()).error
    assert isinstance(found, kind)
    assert error["message"] in str(found)


async def test_members_counts_and_deletions() -> None:
    views: int | None = 1

    def say(request: Request) -> Any:
        video = {"id": "x1", "created_time": int(NOW.timestamp()) - 60, "views_total": views}
        if request.path == "/user/reader/videos":
            assert "search" not in request.query
            return page([video])
        if views is None:
            return Answer(404, b'{"error": {"code": 404, "type": "not_found"}}')
        return video

    outside = Outside("dailymotion", say, search="no", users="reader")
    first = await outside.read()
    assert first.ids == ["dailymotion:x1"]
    outside.now += timedelta(hours=1)
    views = 80
    second = await outside.read(first.cursor)
    assert by_id(second)["dailymotion:x1"].engagement.views == 80
    outside.now += timedelta(hours=24)
    views = None
    post = by_id(await outside.read(second.cursor))["dailymotion:x1"]
    assert post.state == "deleted"
