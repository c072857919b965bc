"""last.fm: what named listeners play, and how many listen to named artists, tracks and tags.

The API gives nothing that people write. Plays are posts; figures are one post a day for each name.
See docs/connectors/lastfm.md.
"""

import dataclasses
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, ClassVar, Final

from connectors import http, listings
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import (
    BadSettings,
    ConnectorError,
    Fatal,
    Refused,
    Retriable,
    SkipItem,
    WaitUntil,
)
from connectors.fields import count, mapping
from connectors.lastfm_items import listed, measure_of, play_of
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Post
from connectors.text import line

_API: Final = "https://ws.audioscrobbler.com"
_PAGE: Final = 200
_OVERLAP: Final = timedelta(days=1)  # players send what was played offline later
_JUDGED: Final = (200, 400, 403, 404)
_LIMITED: Final = (29,)
_PASSING: Final = (8, 11, 16)
_CREDENTIALS: Final = (4, 9, 10, 13, 14, 26)


class LastFm:
    """Cursor: `{"plays": {user: state of connectors.listings}, "measured": {name: day}}`."""

    spec: ClassVar[Spec] = Spec(
        name="lastfm",
        door="API 2.0",
        sees="plays of the users named; each day listeners and plays of what is named. No texts",
        needs="a free API key",
        limits="5 requests a second",
        options=(
            Option("key", "API key.", "", required=True, secret=True),
            Option("users", "Listeners whose plays are read.", ()),
            Option("artists", "Artists whose figures are read each day.", ()),
            Option("tracks", "Tracks likewise, as `artist - title`.", ()),
            Option("tags", "Tags likewise.", ()),
            listings.BACKFILL,
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        keyless=False,
        group="thematic",
        access="key",
        poll_seconds=300.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._key = options.text("key")
        self._users = options.many("users")
        self._measures = _measures(options)
        if not self._users and not self._measures:
            raise BadSettings("lastfm: name 'users', 'artists', 'tracks' or 'tags'")
        self._backfill = options.whole("backfill", 1, 100_000)
        self._base = options.url("base_url") or _API
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass: the plays of each user, oldest first; then what was not measured today."""
        known = mapping(cursor)
        plays, measured = dict(mapping(known.get("plays"))), dict(mapping(known.get("measured")))
        async with http.Client(
            self._context, contact=self._contact, secrets=[self._key], seconds=self._timeout
        ) as client:
            steps = listings.read_lists(
                self._context,
                plays,
                self._users,
                lambda user: self._pages(client, user, mapping(plays.get(user))),
                self._play,
                backfill=self._backfill,
                overlap=_OVERLAP,
            )
            async for step in steps:
                if step.cursor is None:
                    yield step
                    continue
                kept = {"plays": step.cursor, "measured": dict(measured)}
                plays = step.cursor
                yield dataclasses.replace(step, cursor=kept)
            day = http.current_time(self._context).date().isoformat()
            for name, params in self._measures.items():
                if measured.get(name) != day:
                    step = await self._measure(client, name, params)
                    measured[name] = day
                    kept = {"plays": plays, "measured": dict(measured)}
                    yield dataclasses.replace(step, cursor=kept)

    def reread(self, raw: bytes) -> Post:
        """The post of a play that could not be read before. Raises `ValueError`."""
        return listings.reread(self._play, raw)

    def _play(self, user: str, item: Any) -> Post | None:
        return play_of(user, item, http.current_time(self._context))

    async def _pages(self, client: http.Client, user: str, known: dict[str, Any]) -> listings.Pages:
        params = {"method": "user.getRecentTracks", "user": user, "limit": str(_PAGE)}
        since = known.get("newest")
        if isinstance(since, int | float):
            params["from"] = str(max(0, int(since - _OVERLAP.total_seconds())))
        number = 1
        while True:
            try:
                said = await self._json(client, {**params, "page": str(number)})
            except Refused as error:
                self._context.on_note(f"the plays of {user} can't be read: {error}")
                return
            tracks = said.get("recenttracks")
            if not isinstance(tracks, dict):
                raise Retriable("last.fm answered no list of plays")
            yield listed(tracks.get("track"))
            if number >= (count(mapping(tracks.get("@attr")).get("totalPages")) or 1):
                return
            number += 1

    async def _measure(self, client: http.Client, name: str, params: dict[str, str]) -> Step:
        """The day's figures; what last.fm does not know is noted, not asked again that day."""
        now = http.current_time(self._context)
        try:
            said = await self._json(client, params)
        except Refused as error:
            self._context.on_note(f"{name} can't be measured: {error}")
            return Step()
        try:
            return Step(post=measure_of(said, now))
        except ValueError as error:
            return Step(dead=SkipItem(f"{name}: {error}", place=name, raw=repr(said).encode()))

    async def _json(self, client: http.Client, params: dict[str, str]) -> dict[str, Any]:
        whole = {**params, "api_key": self._key, "format": "json"}
        reply = await client.get(f"{self._base}/2.0/", params=whole, accept=_JUDGED)
        said = http.decode(reply)
        if not isinstance(said, dict):
            raise Retriable(f"{http.shown(reply.url)} answered no object")
        if "error" in said or reply.status != 200:
            raise self._error(http.shown(reply.url), reply.status, said)
        return said

    def _error(self, place: str, status: int, said: dict[str, Any]) -> ConnectorError:
        """Errors stand in the body with a number, whatever the status says."""
        number = count(said.get("error"))
        why = line(said.get("message"), limit=200) or line(said.get("error"), limit=200)
        why = why.replace(self._key, "***")
        message = f"{place} answered {status}, error {number}: {why or 'no reason given'}"
        if number in _LIMITED:
            now = http.current_time(self._context)
            return WaitUntil(message, now + timedelta(minutes=1))
        if number in _PASSING:
            return Retriable(message)
        if number in _CREDENTIALS or (number is None and status == 403):
            return Fatal(f"{message}. Remedy: set 'key' to a key from last.fm/api/account/create")
        return Refused(message)


def _measures(options: Options) -> dict[str, dict[str, str]]:
    """What is measured each day, by its name in the cursor, and how it is asked for."""
    found = {
        f"artist {name}": {"method": "artist.getInfo", "artist": name}
        for name in options.many("artists")
    }
    for name in options.many("tracks"):
        artist, mark, title = name.partition(" - ")
        if not mark or not artist.strip() or not title.strip():
            raise BadSettings(f"lastfm: 'tracks' has {name!r:.120}; give artist - title")
        asked = {"method": "track.getInfo", "artist": artist.strip(), "track": title.strip()}
        found[f"track {name}"] = asked
    found |= {
        f"tag {name}": {"method": "tag.getInfo", "tag": name} for name in options.many("tags")
    }
    return found
