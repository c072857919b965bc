"""Flickr: failures in a 200, slices of time, wrapped texts, places, comments, deletions."""

from datetime import timedelta
from typing import Any

import pytest

from connectors.errors import Fatal, Refused, Retriable
from tests.contract.connectors.archives import Outside, by_id
from tests.contract.connectors.server import Request
from tests.contract.connectors.world import NOW

START = int((NOW - timedelta(hours=24)).timestamp())


def photo(number: int, at: int, **more: Any) -> Any:
    return {"id": str(number), "owner": "1@N01", "title": "T", "dateupload": str(at), **more}


def found(photos: list[Any], total: int | str, pages: int = 1) -> Any:
    return {"photos": {"photo": photos, "total": total, "pages": pages, "page": 1}, "stat": "ok"}


@pytest.mark.parametrize(
    ("code", "kind"), [(100, Fatal), (105, Retriable), (10, Retriable), (3, Refused)]
)
async def test_a_failure_in_a_200_is_no_empty_result(code: int, kind: type[Exception]) -> None:
    def say(request: Request) -> Any:
        return {"stat": "fail", "code": code, "message": "the key k-secret-1 is why"}

    error = (await Outside("flickr", say, key="k-secret-1", queries="tea").read()).error
    assert isinstance(error, kind)
    assert "k-secret-1" not in str(error)


async def test_no_results_are_no_error() -> None:
    outside = Outside("flickr", lambda _: found([], "0", 0), key="k", queries="tea")
    assert by_id(await outside.read()) == {}


async def test_what_exceeds_4000_results_is_cut_in_time() -> None:
    every = [photo(number, START + 10 * number) for number in range(8_600)]

    def say(request: Request) -> Any:
        query = request.query
        first, last = int(query["min_upload_date"]), int(query.get("max_upload_date", 2**40))
        inside = [one for one in every if first <= int(one["dateupload"]) <= last]
        at = 500 * (int(query["page"]) - 1)
        return found(inside[at : at + 500], str(len(inside)), -(-len(inside) // 500))

    outside = Outside("flickr", say, key="k", queries="tea", comments="no")
    result = await outside.read()
    assert len(set(result.ids)) == 8_600
    assert [step.gap for step in result.steps if step.gap] == []
    assert max(int(one.query["page"]) for one in outside.asked) <= 8


async def test_a_total_that_time_does_not_narrow_ends_with_gaps() -> None:
    outside = Outside(
        "flickr", lambda _: found([photo(1, START)], 90_000, 180), key="k", queries="x"
    )
    result = await outside.read(comments="no")
    assert set(result.ids) == {"flickr:1"}
    assert [step.gap for step in result.steps if step.gap]
    assert len(outside.asked) < 100


async def test_fields_are_read_in_all_their_shapes() -> None:
    first = photo(
        1,
        START,
        title={"_content": "A cup"},
        description={"_content": 'Of <a href="https://tea.example">tea</a> &amp; milk'},
        latitude="48.85",
        longitude="2.35",
        tags="tea milk tea",
        views="7",
        url_l="https://live.example/1.jpg",
    )
    second = photo(2, START + 1, latitude="0", longitude=0, server="65535", secret="ab")
    outside = Outside("flickr", lambda _: found([first, second], "2"), key="k", queries="tea")
    posts = by_id(await outside.read(comments="no"))
    cup = posts["flickr:1"]
    assert (cup.title, cup.hashtags, cup.engagement.views) == ("A cup", ["tea", "milk"], 7)
    assert cup.text.startswith("Of tea")
    assert "& milk" in cup.text
    assert cup.place is not None
    assert (cup.place.lat, cup.place.lon) == (48.85, 2.35)
    assert cup.url == "https://www.flickr.com/photos/1@N01/1"
    assert posts["flickr:2"].place is None
    assert posts["flickr:2"].media == ["https://live.staticflickr.com/65535/2_ab.jpg"]
    assert posts["flickr:2"].engagement.likes is None


async def test_comments_are_followed_and_vanished_photos_deleted() -> None:
    gone = False

    def say(request: Request) -> Any:
        method = request.query["method"]
        if method == "flickr.photos.search":
            at = int((NOW - timedelta(minutes=5)).timestamp())
            return found([photo(1, at, count_comments="1")], "1")
        if gone:
            return {"stat": "fail", "code": 1, "message": "Photo not found"}
        told = {"id": "1-2-3", "author": "9@N01", "authorname": "x", "datecreate": "1780314000"}
        return {"comments": {"comment": [{**told, "_content": "Lovely <b>cup</b>"}]}, "stat": "ok"}

    outside = Outside("flickr", say, key="k", queries="tea")
    first = await outside.read()
    comment = by_id(first)["flickr:1-2-3"]
    assert (comment.text, comment.kind, comment.thread_id) == ("Lovely cup", "comment", "flickr:1")
    gone = True
    outside.now += timedelta(hours=1)
    assert by_id(await outside.read(first.cursor))["flickr:1"].state == "deleted"
