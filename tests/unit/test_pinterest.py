from datetime import timedelta
from typing import Any

from connectors.errors import BadSettings, Fatal, WaitUntil
from connectors.pinterest import Pinterest
from tests.contract.connectors.fixtures.pinterest import FIXTURE
from tests.contract.connectors.fixtures.shared import encoded, moment
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, collect, context


async def test_fields() -> None:
    pin = {
        **FIXTURE.item(1, text="Green #tea"),
        "parent_pin_id": "7",
        "media": {
            "media_type": "image",
            "images": {
                "150x150": {"width": 150, "url": "https://i.example/small"},
                "1200x": {"width": 1200, "url": "https://i.example/large"},
            },
        },
        "pin_metrics": {
            "90d": {"impression": 5, "save": 2},
            "lifetime_metrics": {"impression": 90, "reaction": 3, "comment": 1},
        },
    }
    carousel = {
        **FIXTURE.item(0),
        "description": None,
        "alt_text": "two cups",
        "media": {"items": [{"images": {"600x": {"width": 600, "url": "https://i.example/a"}}}]},
    }
    async with running(lambda _: encoded({"items": [pin, carousel]})) as server:
        result = await collect(Pinterest(context(FIXTURE.options(server.url))))
    first, post = (step.post for step in result.steps)
    assert first is not None
    assert post is not None
    assert (first.text, first.media) == ("two cups", ["https://i.example/a"])
    assert (post.title, post.text, post.hashtags) == ("Pin 1", "Green #tea", ["tea"])
    assert post.url == "https://www.pinterest.com/pin/813744226420000001/"
    assert (post.repost_of, post.author.handle) == ("pinterest:7", "teahouse")
    assert post.media == ["https://i.example/large"]
    assert (post.engagement.likes, post.engagement.reposts) == (3, 2)
    assert (post.engagement.replies, post.engagement.views) == (1, 90)


async def test_figures_and_deletions_are_asked_for_later() -> None:
    pins = [FIXTURE.item(2), FIXTURE.item(1)]

    def answer(request: Request) -> Answer:
        if request.path == "/pins":
            return encoded({"items": pins, "bookmark": None})
        if request.path == f"/pins/{pins[0]['id']}":
            return encoded({**pins[0], "pin_metrics": {"90d": {"save": 9}}})
        return Answer(404, b'{"code": 50, "message": "Pin not found."}')

    async with running(answer) as server:
        options = FIXTURE.options(server.url)
        first = await collect(Pinterest(context(options)))
        later = context(options, clock=(NOW + timedelta(hours=1)).timestamp)
        again = await collect(Pinterest(later), first.cursor)
        third = await collect(Pinterest(later), again.cursor)
    gone, refreshed = (step.post for step in again.steps if step.post is not None)
    if gone.state != "deleted":
        gone, refreshed = refreshed, gone
    assert (gone.id, gone.state, gone.text) == (first.ids[0], "deleted", "")
    assert gone.created_at == moment(1)
    assert (refreshed.id, refreshed.engagement.reposts) == (first.ids[1], 9)
    assert third.ids == []


async def test_boards_are_read_as_well_and_a_pin_comes_once() -> None:
    def answer(request: Request) -> Answer:
        own = [FIXTURE.item(1)]
        shared = [FIXTURE.item(2), FIXTURE.item(1)]
        return encoded({"items": shared if "/boards/" in request.path else own, "bookmark": ""})

    async with running(answer) as server:
        options = {**FIXTURE.options(server.url), "boards": "12"}
        result = await collect(Pinterest(context(options)))
        assert [request.path for request in server.requests] == ["/pins", "/boards/12/pins"]
    assert len(result.ids) == 2


async def test_tokens_are_got_and_renewed() -> None:
    given: list[str] = []

    def answer(request: Request) -> Answer:
        if request.path == "/oauth/token":
            given.append(request.form["grant_type"])
            token = f"token-number-{len(given)}"
            return encoded({"access_token": token, "expires_in": 3600})
        if request.headers["authorization"] != "Bearer token-number-2":
            return Answer(401, b'{"code": 2, "message": "Authentication failed."}')
        return encoded({"items": [FIXTURE.item(1)]})

    async with running(answer) as server:
        options = {"base_url": server.url, "client_id": "77", "client_secret": "app-s3cret"}
        result = await collect(Pinterest(context(options)))
        assert (result.error, len(result.ids)) == (None, 1)
        assert server.requests[0].headers["authorization"].startswith("Basic ")
        assert given == ["client_credentials", "client_credentials"]
        given.clear()
        await collect(Pinterest(context({**options, "refresh_token": "pinr-refresh"})))
        assert given == ["refresh_token", "refresh_token"]


async def test_errors() -> None:
    async def error(answer: Answer) -> Any:
        async with running(lambda _: answer) as server:
            return (await collect(Pinterest(context(FIXTURE.options(server.url))))).error

    refused = await error(Answer(401, b'{"code": 2, "message": "Authentication failed."}'))
    assert isinstance(refused, Fatal)
    assert "Authentication failed" in str(refused)
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "30"}
    assert isinstance(await error(Answer(429, b'{"code": 8}', headers)), WaitUntil)
    missing = (await collect(Pinterest(context({})))).error
    assert isinstance(missing, BadSettings)
    assert "'token'" in str(missing)
