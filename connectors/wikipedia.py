"""Wikipedia and its sister wikis: edits as they happen, from Wikimedia's EventStreams.

One stream carries the edits of all wikis; what is not asked for is put aside here, cheaply. The
stream tells summaries; what an edit wrote is asked for only where an article is watched.
See docs/connectors/wikipedia.md.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

import msgspec

from connectors import http, sse, times
from connectors.base import Context, Cursor, Gap, Option, Spec, Step
from connectors.errors import BadSettings, ConnectorError, Refused, Retriable, SkipItem, WaitUntil
from connectors.fields import count, mapping
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Post
from connectors.recentchange import article, change_post, folded, is_talk, wiki_names
from connectors.text import line
from connectors.wikitext import added

_STREAM: Final = "https://stream.wikimedia.org"
_PATH: Final = "/v2/stream/recentchange"
_TYPES: Final = ("edit", "new", "log", "categorize", "external")
_HOLE: Final = timedelta(hours=1)
_SAVE_EVERY: Final = 200
_TOPICS_EVERY: Final = 30.0


@dataclass(slots=True)
class _Place:
    """Where the stream is: the last event's id, a JSON array, and its time."""

    id: str = ""
    at: str = ""


class Wikipedia:
    """Cursor: `{id: the last event's id, at: its time}`."""

    spec: ClassVar[Spec] = Spec(
        name="wikipedia",
        door="EventStreams",
        sees="edits of all Wikimedia wikis, talk pages included; the text of watched articles",
        needs="nothing",
        limits="one connection; a week to a month can be caught up",
        options=(
            Option("wikis", "Wikis to read: frwiki, fr.wikipedia.org or fr; all if empty.", ()),
            Option("titles", "Articles to watch: all their edits are read, with their text.", ()),
            Option("topics", "Read only what a topic's words or titles name: yes or no.", "no"),
            Option("types", f"Kinds of changes, of {', '.join(_TYPES)}.", ("edit", "new")),
            Option("talk", "Read talk pages: yes or no.", "yes"),
            Option("bots", "Read what bots edit: yes or no.", "yes"),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        group="news",
        poll_seconds=1.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._wikis = {name.lower() for name in options.many("wikis")}
        self._titles = {folded(name.replace("_", " ")) for name in options.many("titles")}
        self._by_topics = options.switch("topics")
        self._types = _types(options)
        self._talk = options.switch("talk")
        self._bots = options.switch("bots")
        self._base = options.url("base_url")
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._words: list[list[str]] = []
        self._words_at = 0.0

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """What comes after `cursor`, until the server closes, as it does every quarter of an
        hour. A server that no longer knows the place is asked from its time on."""
        known = mapping(cursor)
        place = _Place(line(known.get("id"), limit=4_000), line(known.get("at")))
        async with http.Client(
            self._context, contact=self._contact, seconds=self._timeout
        ) as client:
            try:
                async for step in self._stream(client, place, {"last-event-id": place.id}):
                    yield step
            except Refused as error:
                if not place.id:
                    raise
                self._context.on_note(f"the place in the stream is asked for by time: {error}")
                place.id = ""
                async for step in self._stream(client, place, {}):
                    yield step

    async def _stream(
        self, client: http.Client, place: _Place, headers: dict[str, str]
    ) -> AsyncIterator[Step]:
        url = (self._base or _STREAM) + _PATH
        if place.at and not place.id:
            url += "?" + urlencode({"since": place.at})
        asked = {name: value for name, value in headers.items() if value.isascii() and value}
        asked["accept"] = "text/event-stream"  # asked for JSON, it sends lines without their ids
        opened = _Opened(self._timeout)
        put_aside = 0
        try:
            async with client.stream(url, headers=asked) as lines:
                async for event in sse.events(opened.lines(lines, http.shown(url))):
                    opened.heard = True
                    step, gap = await self._read(client, event, place)
                    if gap is not None:
                        yield Step(gap=gap)
                    put_aside = 0 if step is not None else put_aside + 1
                    if step is not None:
                        yield Step(post=step.post, dead=step.dead, cursor=_stored(place))
                    elif put_aside % _SAVE_EVERY == 0:
                        yield Step(cursor=_stored(place))
        except Retriable as error:
            if isinstance(error, WaitUntil) or not opened.heard:
                raise
            self._context.on_note(f"{error}; the stream is opened again")
        if put_aside:
            yield Step(cursor=_stored(place))
        if not opened.heard:
            raise Retriable(f"{http.shown(url)} ended without an event")

    async def _read(
        self, client: http.Client, event: sse.Event, place: _Place
    ) -> tuple[Step | None, Gap | None]:
        """The event as a step (`None`: not asked for), and what was missed before it."""
        now = http.current_time(self._context)
        if event.name == "error":
            raise Retriable(f"the stream broke off: {line(event.data, limit=200)}")
        try:
            change = mapping(msgspec.json.decode(event.data.encode("utf-8", "replace")))
            gap = _moved_on(change, place, now)
            place.id = event.id or place.id
            if mapping(change.get("meta")).get("domain") == "canary":
                return None, None
            if not self._wanted(change):
                return None, gap
            text = await self._written(client, change) if self._watched(change) else ""
            return Step(post=change_post(change, text, now)), gap
        except (ValueError, RecursionError) as error:
            place.id = event.id or place.id
            where = f"recentchange after {place.at or 'the start'}"
            said = f"{where}: {line(str(error), limit=200)}"
            raw = event.data.encode("utf-8", "replace")
            return Step(dead=SkipItem(said, place=where, raw=raw)), None

    def reread(self, raw: bytes) -> Post:
        """The post of a change that could not be read before. Raises `ValueError`."""
        change = mapping(msgspec.json.decode(raw))
        return change_post(change, "", http.current_time(self._context))

    def _wanted(self, change: dict[str, Any]) -> bool:
        if self._left_out(change):
            return False
        if self._watched(change) or not (self._titles or self._by_topics):
            return True
        words = self._asked_for() if self._by_topics else []
        said = folded(f"{change.get('title')} {change.get('comment') or ''}")
        return any(all(word in said for word in search) for search in words)

    def _left_out(self, change: dict[str, Any]) -> bool:
        kind = change.get("type")
        return (
            (kind in _TYPES and kind not in self._types)
            or (not self._bots and change.get("bot") is True)
            or (not self._talk and is_talk(change))
            or bool(self._wikis and not self._wikis & wiki_names(change))
        )

    def _watched(self, change: dict[str, Any]) -> bool:
        return bool(self._titles) and article(change) in self._titles

    def _asked_for(self) -> list[list[str]]:
        """The topics' words; topics are edited while the stream runs."""
        at = http.current_time(self._context).timestamp()
        if at - self._words_at >= _TOPICS_EVERY:
            self._words_at = at
            searches = self._context.searches()
            self._words = [[folded(word) for word in search.words] for search in searches]
        return self._words

    async def _written(self, client: http.Client, change: dict[str, Any]) -> str:
        """What the edit added, where it can be had: a revision may be hidden meanwhile."""
        revision = mapping(change.get("revision"))
        old, new = count(revision.get("old")), count(revision.get("new"))
        host = line(change.get("server_name"))
        if not old or not new or not re.fullmatch(r"[a-z0-9.-]+", host):
            return ""
        params = {"action": "compare", "fromrev": str(old), "torev": str(new), "prop": "diff"}
        params |= {"format": "json", "formatversion": "2", "maxlag": "5"}
        url = f"{self._base or f'https://{host}'}/w/api.php"
        try:
            answer = mapping(await client.json(url, params=params))
        except ConnectorError as error:
            self._context.on_note(f"the text of revision {new} of {host} is missing: {error}")
            return ""
        if problem := mapping(answer.get("error")):
            said = line(problem.get("info"), limit=200) or line(problem.get("code"))
            self._context.on_note(f"the text of revision {new} of {host} is missing: {said}")
        compared = mapping(answer.get("compare"))
        return added(compared.get("body") or compared.get("*"))


@dataclass(slots=True)
class _Opened:
    """A stream under way. `heard`: something of an event stream came."""

    silence: float
    heard: bool = False

    async def lines(self, source: AsyncIterator[bytes], place: str) -> AsyncIterator[bytes]:
        """The lines, each of which must come in time; comments show that the stream lives."""
        while True:
            try:
                async with asyncio.timeout(self.silence):
                    found = await anext(source, None)
            except TimeoutError:
                raise Retriable(f"{place} has been silent for {self.silence:g} seconds") from None
            if found is None:
                return
            self.heard = self.heard or found.startswith(b":ok")
            yield found


def _types(options: Options) -> set[str]:
    named = set(options.many("types"))
    for name in sorted(named.difference(_TYPES)):
        raise BadSettings(f"wikipedia: 'types' is {name!r:.80}; choose of {', '.join(_TYPES)}")
    return named


def _stored(place: _Place) -> dict[str, str]:
    return {"id": place.id, "at": place.at}


def _moved_on(change: dict[str, Any], place: _Place, now: datetime) -> Gap | None:
    """Note the change's time. Edits come by the second: an hour without any was not silent."""
    told = mapping(change.get("meta")).get("dt") or change.get("timestamp")
    moment = times.parse_or(told, now, now=now)
    before = times.parse_or(place.at, moment, now=now)
    place.at = max(before, moment).isoformat()
    if moment - before <= _HOLE:
        return None
    reason = "the stream no longer held what came after the place read last"
    return Gap(since=before.isoformat(), until=moment.isoformat(), reason=reason)
