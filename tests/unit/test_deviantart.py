"""DeviantArt: tokens, offsets and cursors, descriptions, comments, what was deleted or hidden."""

from datetime import timedelta
from typing import Any

import pytest

from connectors.errors import Fatal, Refused, Retriable
from tests.contract.connectors.archives import Outside, by_id
from tests.contract.connectors.server import Answer, Request

TOKEN = {"access_token": "token-one-hour", "expires_in": 3600, "token_type": "Bearer"}
APP = {"client_id": "4242", "client_secret": "hush-hush"}
RECENT = "1780313400"  # 11:30


def art(name: str, at: str = RECENT, **more: Any) -> Any:
    return {"deviationid": name, "title": name, "published_time": at, **more}


def page(*items: Any, **more: Any) -> Any:
    return {"has_more": bool(more), "results": [*items], **more}


def metadata(*items: Any) -> Any:
    return {"metadata": [*items]}


async def test_descriptions_and_tags_are_fetched() -> None:
    def say(request: Request) -> Any:
        path = request.path
        if path == "/oauth2/token":
            assert request.form["grant_type"] == "client_credentials"
            return TOKEN
        assert request.headers["authorization"] == "Bearer token-one-hour"
        assert "gzip" in request.headers["accept-encoding"]
        if path.endswith("/metadata"):
            told = {"description": "A <b>cup</b> of tea", "tags": [{"tag_name": "tea"}]}
            return metadata({"deviationid": "A", **told, "stats": {"views": 70, "comments": 0}})
        assert path == "/api/v1/oauth2/browse/newest"
        content = {"src": "https://images.example/a.jpg"}
        author = {"userid": "U", "username": "Reader"}
        return page(
            art("A", content=content, author=author), art("B", excerpt="It was a", stats=None)
        )

    outside = Outside("deviantart", say, queries="tea", comments="no", **APP)
    posts = by_id(await outside.read())
    first, second = posts["deviantart:A"], posts["deviantart:B"]
    assert (first.text, first.hashtags, first.truncated) == ("A cup of tea", ["tea"], False)
    assert (first.engagement.views, first.engagement.likes) == (70, None)
    assert first.media == ["https://images.example/a.jpg"]
    assert first.author.url == "https://www.deviantart.com/reader"
    assert (second.text, second.truncated) == ("It was a", True)
    assert [one.path for one in outside.asked].count("/oauth2/token") == 1


async def test_offsets_that_shift_repeat_nothing_and_lose_nothing() -> None:
    old = "1780000000"

    def say(request: Request) -> Any:
        if "token" in request.path:
            return TOKEN
        if request.path.endswith("/metadata"):
            return metadata()
        if "offset" not in request.query:
            return page(art("D"), art("C"), next_offset=2)
        return page(art("C"), art("B"), art("A", old), next_offset=5)

    outside = Outside("deviantart", say, queries="tea", comments="no", **APP)
    first = await outside.read()
    assert first.ids == [f"deviantart:{name}" for name in "ABCD"]
    second = await outside.read(first.cursor)
    assert second.ids == []


async def test_tags_have_cursors() -> None:
    def say(request: Request) -> Any:
        if "token" in request.path:
            return TOKEN
        if request.path.endswith("/metadata"):
            return metadata()
        assert request.path == "/api/v1/oauth2/browse/tags"
        assert request.query["tag"] == "teacup"
        if "cursor" not in request.query:
            return page(art("B"), next_cursor="abc=")
        assert request.query["cursor"] == "abc="
        return page(art("A"))

    outside = Outside("deviantart", say, search="no", tags="#teacup", comments="no", **APP)
    assert (await outside.read()).ids == ["deviantart:A", "deviantart:B"]


async def test_a_token_that_ended_early_is_renewed() -> None:
    tokens = iter(["first-token", "second-token"])

    def say(request: Request) -> Any:
        if request.path == "/oauth2/token":
            return {**TOKEN, "access_token": next(tokens)}
        if request.headers["authorization"] == "Bearer first-token":
            body = b'{"error": "invalid_token", "error_description": "Expired", "status": "error"}'
            return Answer(401, body)
        return metadata() if request.path.endswith("/metadata") else page(art("A"))

    outside = Outside("deviantart", say, queries="tea", comments="no", **APP)
    assert (await outside.read()).ids == ["deviantart:A"]


async def test_refused_applications_and_failures() -> None:
    refused = Answer(401, b'{"error": "invalid_client", "error_description": "hush-hush is no"}')
    error = (await Outside("deviantart", lambda _: refused, queries="tea", **APP).read()).error
    assert isinstance(error, Fatal)
    assert "hush-hush" not in str(error)

    for said, kind in (("server_error", Retriable), ("invalid_request", Refused)):

        def say(request: Request, said: str = said) -> Any:
            failed = {"status": "error", "error": said, "error_description": "Sorry"}
            return TOKEN if "token" in request.path else failed

        error = (await Outside("deviantart", say, queries="tea", **APP).read()).error
        assert type(error) is kind


async def test_comments_hidden_and_deleted() -> None:
    gone: Any = None

    def say(request: Request) -> Any:
        path = request.path
        if path == "/oauth2/token":
            return TOKEN
        if path.endswith("/metadata"):
            return metadata()
        if "/comments/" in path:
            told = {"posted": "2026-06-01T04:50:00-0700", "user": {"username": "Other"}}
            first = {"commentid": "C1", "parentid": None, "body": "Nice &amp; warm", **told}
            second = {"commentid": "C2", "parentid": "C1", "body": "Thanks", **told}
            third = {"commentid": "C3", "hidden": "hidden_by_owner", "body": "x", **told}
            return {"has_more": False, "next_offset": None, "thread": [first, second, third]}
        if path.endswith("/deviation/A"):
            return gone
        deleted = {"deviationid": "B", "is_deleted": True, "published_time": RECENT}
        return page(art("A", stats={"comments": 3, "favourites": 1}), deleted)

    outside = Outside("deviantart", say, queries="tea", **APP)
    first = await outside.read()
    posts = by_id(first)
    assert posts["deviantart:C1"].text == "Nice & warm"
    assert posts["deviantart:C1"].created_at.hour == 11
    assert posts["deviantart:C1"].parent_id == "deviantart:A"
    assert posts["deviantart:C2"].parent_id == "deviantart:C1"
    assert posts["deviantart:C3"].state == posts["deviantart:B"].state == "deleted"
    assert posts["deviantart:C3"].text == ""
    gone = Answer(404, b'{"error": "invalid_request"}')
    outside.now += timedelta(hours=1)
    assert by_id(await outside.read(first.cursor))["deviantart:A"].state == "deleted"


@pytest.mark.parametrize("status", [429, 503])
async def test_a_throttle_without_a_time_backs_off(status: int) -> None:
    def say(request: Request) -> Any:
        return TOKEN if "token" in request.path else Answer(status, b"{}")

    error = (await Outside("deviantart", say, queries="tea", **APP).read()).error
    assert type(error) is Retriable
