"""last.fm: errors in the body, numbers as text, lists of one, figures once a day."""

import json
from datetime import timedelta
from typing import Any

import pytest

from connectors.errors import BadSettings, Fatal, Retriable, WaitUntil
from connectors.lastfm import LastFm
from tests.contract.connectors.fixtures.lastfm import LastFmFixture
from tests.contract.connectors.fixtures.shared import encoded, moment
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, collect, context

FIXTURE = LastFmFixture()
ANSWERS: dict[str, Any] = {
    "artist.getInfo": {
        "artist": {
            "name": "The Kettles",
            "url": "https://www.last.fm/music/The+Kettles",
            "stats": {"listeners": "1234", "playcount": "98765"},
            "tags": {"tag": {"name": "tea-core", "url": "x"}},
        }
    },
    "track.getInfo": {
        "track": {
            "name": "Steam",
            "artist": {"name": "The Kettles"},
            "listeners": "5",
            "playcount": "6",
            "toptags": "",
        }
    },
    "tag.getInfo": {"tag": {"name": "tea-core", "total": 77, "reach": "8"}},
}


async def test_a_play_and_what_plays_now() -> None:
    playing = {**FIXTURE.item(2), "@attr": {"nowplaying": "true"}}
    del playing["date"]

    def answer(_: Request) -> Answer:
        return encoded({"recenttracks": {"track": [playing, FIXTURE.item(1)], "@attr": {}}})

    async with running(answer) as server:
        result = await collect(LastFm(context(FIXTURE.options(server.url))))
        assert server.requests[0].path == "/2.0/"
        assert server.requests[0].query["format"] == "json"
    (post,) = [step.post for step in result.steps if step.post]
    assert not [step for step in result.steps if step.dead]
    assert (post.text, post.author.handle) == ("note 1 – The Kettles", "anna")
    assert post.created_at == moment(1)


@pytest.mark.parametrize("tracks", [{}, {"track": []}, {"track": ""}, {"track": None}])
async def test_nobody_played(tracks: dict[str, Any]) -> None:
    async with running(lambda _: encoded({"recenttracks": tracks})) as server:
        result = await collect(LastFm(context(FIXTURE.options(server.url))))
    assert result.error is None
    assert result.ids == []


async def test_figures_come_once_a_day() -> None:
    now = NOW

    def clock() -> float:
        return now.timestamp()

    async with running(lambda r: encoded(ANSWERS[r.query["method"]])) as server:
        options = {
            "key": "k3y-of-lastfm",
            "artists": "The Kettles",
            "tracks": "The Kettles - Steam",
            "tags": "tea-core",
            "base_url": server.url,
        }
        source = LastFm(context(options, clock=clock))
        first = await collect(source)
        second = await collect(source, first.cursor)
        now = NOW + timedelta(days=1)
        third = await collect(source, second.cursor)
        assert server.requests[1].query["track"] == "Steam"
    artist, track, tag = (step.post for step in first.steps)
    assert artist is not None
    assert track is not None
    assert tag is not None
    assert artist.text == "The Kettles: 1,234 listeners, 98,765 plays"
    assert (artist.engagement.views, artist.hashtags) == (98765, ["tea-core"])
    assert artist.created_at == NOW.replace(hour=0)
    assert track.text == "Steam – The Kettles: 5 listeners, 6 plays"
    assert tag.text == "tea-core: 8 listeners, 77 uses"
    assert second.ids == []
    assert len(third.ids) == 3
    assert not set(third.ids) & set(first.ids)
    assert {step.post.thread_id for step in third.steps if step.post} == {
        one.thread_id for one in (artist, track, tag)
    }


@pytest.mark.parametrize(
    ("number", "kind"),
    [(29, WaitUntil), (11, Retriable), (16, Retriable), (10, Fatal), (26, Fatal)],
)
@pytest.mark.parametrize("status", [200, 400, 403])
async def test_errors_by_their_number(number: int, kind: type[Exception], status: int) -> None:
    body = json.dumps({"error": number, "message": "because", "links": []}).encode()
    async with running(lambda _: Answer(status, body)) as server:
        error = (await collect(LastFm(context(FIXTURE.options(server.url))))).error
    assert type(error) is kind
    assert "because" in str(error)
    if isinstance(error, WaitUntil):
        assert error.moment == NOW + timedelta(minutes=1)


async def test_who_hides_the_plays_and_what_is_unknown_are_noted_and_left_out() -> None:
    notes: list[str] = []

    def answer(request: Request) -> Answer:
        if request.query.get("user") == "ben":
            return encoded({"recenttracks": {"track": FIXTURE.item(1)}})
        number = 17 if "user" in request.query else 6
        return Answer(404, json.dumps({"error": number, "message": "no"}).encode())

    async with running(answer) as server:
        options = {**FIXTURE.options(server.url), "users": "anna, ben", "artists": "Nobody"}
        result = await collect(LastFm(context(options, on_note=notes.append)))
    assert result.error is None
    assert len(result.ids) == 1
    assert "anna" in notes[0]
    assert "Nobody" in notes[1]


def test_bad_settings_are_named() -> None:
    with pytest.raises(BadSettings, match="name 'users'"):
        LastFm(context({"key": "k"}))
    with pytest.raises(BadSettings, match="'tracks' has 'Steam'"):
        LastFm(context({"key": "k", "tracks": "Steam"}))
