"""Vimeo: tokens, pages back to what is known, comments and replies, odd shapes, deletions."""

import json
from datetime import timedelta
from typing import Any

import pytest

from connectors.base import Context
from connectors.errors import BadSettings, Fatal
from connectors.vimeo import Vimeo
from tests.contract.connectors.archives import Outside, by_id
from tests.contract.connectors.server import Answer, Request


def video(number: int, at: str = "2026-06-01T11:30:00+00:00", **more: Any) -> Any:
    return {"uri": f"/videos/{number}", "name": f"V{number}", "created_time": at, **more}


def listed(*items: Any, more: bool = False) -> Any:
    return {"data": [*items], "paging": {"next": "/videos?page=2" if more else None}}


async def test_a_token_is_got_with_the_apps_id_and_secret() -> None:
    def say(request: Request) -> Any:
        if request.path == "/oauth/authorize/client":
            assert request.form == {"grant_type": "client_credentials", "scope": "public"}
            return {"access_token": "fresh-token", "token_type": "bearer", "scope": "public"}
        assert request.headers["authorization"] == "Bearer fresh-token"
        assert request.headers["accept"] == "application/vnd.vimeo.*+json;version=3.4"
        return listed(video(1))

    outside = Outside("vimeo", say, client_id="app", client_secret="hush-hush", queries="tea")
    result = await outside.read(comments="no")
    assert result.ids == ["vimeo:1"]
    assert outside.asked[0].headers["authorization"].startswith("Basic ")


async def test_a_refused_app_is_fatal_with_the_step_to_take() -> None:
    body = json.dumps({"error": "invalid_client hush-hush", "error_code": 8001}).encode()
    outside = Outside(
        "vimeo", lambda _: Answer(401, body), client_id="a", client_secret="hush-hush", queries="x"
    )
    error = (await outside.read()).error
    assert isinstance(error, Fatal)
    assert "hush-hush" not in str(error)


async def test_pages_are_read_back_to_what_is_known() -> None:
    old = "2026-05-01T00:00:00+00:00"

    def say(request: Request) -> Any:
        if request.query["page"] == "1":
            return listed(video(3), video(2), more=True)
        return listed(video(1, old), video(0, old), more=True)

    outside = Outside("vimeo", say, token="t", queries="tea", comments="no")
    first = await outside.read()
    assert first.ids == ["vimeo:0", "vimeo:1", "vimeo:2", "vimeo:3"]
    assert [one.query["page"] for one in outside.asked] == ["1", "2"]
    second = await outside.read(first.cursor)
    assert second.ids == []


async def test_members_are_read_and_one_that_is_gone_harms_no_other() -> None:
    def say(request: Request) -> Any:
        if request.path == "/users/gone/videos":
            return Answer(404, b'{"error": "The requested user could not be found"}')
        return listed(video(1))

    outside = Outside("vimeo", say, token="t", search="no", users="gone, there", comments="no")
    assert [*by_id(await outside.read())] == ["vimeo:1"]
    assert [note for note in outside.notes if "user:gone" in note and "404" in note]


async def test_shapes_old_and_new() -> None:
    new = video(
        1,
        description=None,
        stats={"plays": None},
        pictures={
            "sizes": [{"link": "https://i.example/s.jpg"}, {"link": "https://i.example/l.jpg"}]
        },
        tags=[{"name": "Tea"}, {"tag": "cup"}],
        user={
            "uri": "/users/9",
            "name": "Reader",
            "link": "https://vimeo.com/reader",
            "metadata": {"connections": {"followers": {"total": 4}}},
        },
        metadata={"connections": {"comments": {"total": 0}, "likes": {"total": 3}}},
    )
    old = video(2, uri="/videos/2:abc", pictures=[{"base_link": "https://i.example/o"}], user=None)
    outside = Outside("vimeo", lambda _: listed(new, old), token="t", queries="tea", comments="no")
    posts = by_id(await outside.read())
    first = posts["vimeo:1"]
    assert (first.text, first.engagement.views, first.engagement.likes) == ("", None, 3)
    assert (first.hashtags, first.media) == (["Tea", "cup"], ["https://i.example/l.jpg"])
    assert (first.author.id, first.author.handle, first.author.followers) == ("9", "reader", 4)
    assert posts["vimeo:2"].media == ["https://i.example/o"]


async def test_comments_replies_and_deletions() -> None:
    gone = False

    def say(request: Request) -> Any:
        told = {"created_on": "2026-06-01T11:50:00+00:00", "user": {"uri": "/users/2"}}
        if request.path == "/videos":
            return listed(video(1, metadata={"connections": {"comments": {"total": 2}}}))
        if request.path == "/videos/1/comments":
            replies = {"metadata": {"connections": {"replies": {"total": 1}}}}
            return listed({"uri": "/videos/1/comments/5", "text": "Good", **told, **replies})
        if request.path == "/videos/1/comments/5/replies":
            return listed({"uri": "/videos/1/comments/6", "text": "Thanks", **told})
        return Answer(404, b"{}") if gone else video(1)

    outside = Outside("vimeo", say, token="t", queries="tea")
    first = await outside.read()
    posts = by_id(first)
    assert posts["vimeo:1/comments/5"].parent_id == "vimeo:1"
    assert posts["vimeo:1/comments/6"].parent_id == "vimeo:1/comments/5"
    assert posts["vimeo:1/comments/6"].thread_id == "vimeo:1"
    gone = True
    outside.now += timedelta(hours=1)
    assert by_id(await outside.read(first.cursor))["vimeo:1"].state == "deleted"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "'token'"),
        ({"client_id": "x"}, "client_secret"),
        ({"token": "t", "search": "no"}, "users"),
    ],
)
def test_settings_are_explained(options: dict[str, str], said: str) -> None:
    with pytest.raises(BadSettings, match=said):
        Vimeo(Context(options=options))
