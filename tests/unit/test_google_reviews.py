"""Reviews from Google: tokens, quotas behind a 403, seven days, translations, words for stars."""

import json
from datetime import timedelta
from typing import Any

import pytest

from connectors.errors import BadSettings, Fatal, WaitUntil
from connectors.googlebusiness import GoogleBusiness
from connectors.googleplay import GooglePlay
from tests.contract.connectors.fixtures.googlebusiness import GoogleBusinessFixture
from tests.contract.connectors.fixtures.googleplay import GooglePlayFixture
from tests.contract.connectors.fixtures.shared import encoded, moment
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, World, collect, context

PLAY, BUSINESS = GooglePlayFixture(), GoogleBusinessFixture()
CLIENT = {"client_id": "c", "client_secret": "s3cret-of-c", "refresh_token": "r3fresh-0f-c"}


def refused(status: int, reason: str) -> Answer:
    error = {"code": status, "message": f"no: {reason}", "errors": [{"reason": reason}]}
    return Answer(status, json.dumps({"error": error}).encode())


async def test_a_review_of_an_app() -> None:
    async with PLAY.serve(World([PLAY.item(1)])) as server:
        result = await collect(GooglePlay(context(PLAY.options(server.url))))
        assert server.requests[0].headers["authorization"] == "Bearer t0ken-of-play"
        assert server.requests[0].path.endswith("/applications/org.example.app/reviews")
    post = result.steps[0].post
    assert post is not None
    assert (post.id, post.title, post.text) == ("googleplay:gp:1", "title 1", "note 1")
    assert (post.created_at, post.lang) == (moment(1), "en")
    assert (post.engagement.likes, post.engagement.replies) == (2, 0)
    assert post.rating is not None
    assert post.rating.value == 4


@pytest.mark.parametrize(
    ("text", "title", "body"), [("a b", "", "a b"), ("\tb", "", "b"), ("a\tb\tc", "a", "b\tc")]
)
async def test_a_tab_divides_title_and_text(text: str, title: str, body: str) -> None:
    item = PLAY.item(1, text=text)
    item["authorName"] = None
    item["comments"].append({"developerComment": {"text": "thanks"}})
    async with PLAY.serve(World([item])) as server:
        result = await collect(GooglePlay(context(PLAY.options(server.url))))
    post = result.steps[0].post
    assert post is not None
    assert (post.title, post.text, post.engagement.replies) == (title, body, 1)


async def test_more_than_seven_days_without_asking_are_a_gap() -> None:
    now = NOW

    def clock() -> float:
        return now.timestamp()

    async with PLAY.serve(World([PLAY.item(1)])) as server:
        one = GooglePlay(context(PLAY.options(server.url), clock=clock))
        first = await collect(one)
        now = NOW + timedelta(days=6)
        second = await collect(one, first.cursor)
        now = NOW + timedelta(days=14)
        third = await collect(one, second.cursor)
    assert not [step for step in (*first.steps, *second.steps) if step.gap]
    (gap,) = [step.gap for step in third.steps if step.gap]
    assert gap.since == (NOW + timedelta(days=6)).isoformat()
    assert gap.until == (NOW + timedelta(days=7)).isoformat()


async def test_200_requests_an_hour_are_the_end() -> None:
    number = 0

    def answer(_: Request) -> Answer:
        nonlocal number
        number += 1
        paging = {"tokenPagination": {"nextPageToken": str(number)}}
        return encoded({"reviews": [PLAY.item(number)], **paging})

    async with running(answer) as server:
        options = {**PLAY.options(server.url), "backfill": 100_000}
        one = GooglePlay(context(options))
        result = await collect(one)
        again = await collect(one, result.cursor)
        assert len(server.requests) == 200
    assert result.error is None
    assert isinstance(again.error, WaitUntil)
    assert again.error.moment == NOW + timedelta(hours=1)


async def test_a_refresh_token_gives_access_tokens_and_a_401_another() -> None:
    given: list[str] = []

    def answer(request: Request) -> Answer:
        if request.path == "/token":
            assert request.form["refresh_token"] == CLIENT["refresh_token"]
            given.append(f"access-{len(given)}")
            return encoded({"access_token": given[-1], "expires_in": 3600})
        if request.headers["authorization"] == "Bearer access-0":
            return refused(401, "authError")
        return encoded({"reviews": [PLAY.item(1)]})

    async with running(answer) as server:
        options = {"apps": "org.example.app", "base_url": server.url, **CLIENT}
        result = await collect(GooglePlay(context(options)))
    assert result.ids == ["googleplay:gp:1"]
    assert len(given) == 2


@pytest.mark.parametrize(
    ("answer", "kind", "after"),
    [
        (refused(403, "rateLimitExceeded"), WaitUntil, timedelta(minutes=1)),
        (refused(403, "dailyLimitExceeded"), WaitUntil, timedelta(hours=1)),
        (refused(403, "forbidden"), Fatal, None),
        (refused(401, "authError"), Fatal, None),
        (Answer(403, b'{"error": {"status": "RESOURCE_EXHAUSTED"}}'), WaitUntil, timedelta(0, 60)),
        (Answer(403, b"<html>"), Fatal, None),
    ],
)
async def test_a_refusal_is_read_by_its_reason(
    answer: Answer, kind: type[Exception], after: timedelta | None
) -> None:
    async with running(lambda _: answer) as server:
        error = (await collect(GoogleBusiness(context(BUSINESS.options(server.url))))).error
    assert type(error) is kind
    if isinstance(error, WaitUntil):
        assert after is not None
        assert error.moment == NOW + after
    else:
        assert "Remedy: have the project approved" in str(error)


async def test_a_review_of_a_place() -> None:
    async with BUSINESS.serve(World([BUSINESS.item(1)])) as server:
        result = await collect(GoogleBusiness(context(BUSINESS.options(server.url))))
    post = result.steps[0].post
    assert post is not None
    assert (post.id, post.state, post.author.name) == ("googlebusiness:r1", "live", "A")
    assert post.rating is not None
    assert (post.rating.value, post.rating.best) == (4, 5)
    assert post.thread_id == "googlebusiness:accounts/1/locations/2"


@pytest.mark.parametrize(
    ("comment", "kept"),
    [
        ("(Translated by Google) Good tea\n\n(Original)\nGuter Tee", "Guter Tee"),
        ("Guter Tee\n\n(Translated by Google)\nGood tea", "Guter Tee"),
        ("Good tea", "Good tea"),
        (None, ""),
    ],
)
async def test_the_original_is_kept(comment: str | None, kept: str) -> None:
    item: dict[str, Any] = {**BUSINESS.item(1), "comment": comment}
    item["reviewer"] = {"displayName": "A Google user", "isAnonymous": True}
    async with BUSINESS.serve(World([item])) as server:
        result = await collect(GoogleBusiness(context(BUSINESS.options(server.url))))
    post = result.steps[0].post
    assert post is not None
    assert (post.text, post.author.name) == (kept, "")


async def test_a_place_without_reviews_is_no_error() -> None:
    async with BUSINESS.serve(World()) as server:
        result = await collect(GoogleBusiness(context(BUSINESS.options(server.url))))
    assert result.error is None
    assert result.ids == []


def test_access_is_asked_for() -> None:
    for kind, options in (
        (GooglePlay, {"apps": "org.example.app"}),
        (GoogleBusiness, {"locations": "accounts/1/locations/2", "refresh_token": "x"}),
    ):
        with pytest.raises(BadSettings, match="'refresh_token' and 'client_id'"):
            kind(context(options))
