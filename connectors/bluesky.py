"""Bluesky: Jetstream, every post of the network as it is made, changed or deleted; or its search.

The cursor is a time in microseconds and inclusive. One older than what the server keeps is moved
forward in silence, which shows in the first event and is recorded as a gap.
See docs/connectors/bluesky.md.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlencode, urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedOK

from connectors import http, websocket
from connectors.base import Context, Cursor, Gap, Option, Spec, Step
from connectors.bluesky_posts import COLLECTION, FIRST, deletion, did_of, key_of, post
from connectors.bluesky_search import Search
from connectors.bluesky_search import post as viewed
from connectors.errors import BadSettings, Fatal, Refused, Retriable, SkipItem
from connectors.fields import count, mapping
from connectors.options import BASE_URL, CONTACT, QUERIES, TIMEOUT, Options
from connectors.post import Post
from connectors.text import line

_STREAM: Final = "wss://jetstream2.us-east.bsky.network"
_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_TOLERANCE: Final = 60_000_000
"""Microseconds. The whole network is never silent for a minute: a longer jump is a clamp."""
_SEARCH_REST: Final = 60.0
_REWIND: Final = 5_000_000
_LONGEST_EVENT: Final = 1024 * 1024
_GONE: Final = frozenset(("deleted", "takendown", "suspended", "deactivated"))


class Bluesky:
    """Cursor: `{"time_us": time of the last event, "host": the server it came from}`; with `mode:
    search`, `{"search": see connectors.bluesky_search}`."""

    spec: ClassVar[Spec] = Spec(
        name="bluesky",
        door="Jetstream WebSocket; search API",
        sees="every public post and reply, edits and deletions; authors by DID only",
        needs="nothing; an account for mode: search",
        limits="servers keep about 36 hours; what is older is a recorded gap",
        group="networks",
        options=(
            Option("mode", "stream: every post; search: those that topics ask for.", "stream"),
            Option("identifier", "Handle of the account, with mode: search.", ""),
            Option("app_password", "App password of the account.", "", secret=True),
            QUERIES,
            Option("backfill", "Seconds that the first search looks back.", 3600),
            Option("silence", "Seconds without an event after which to connect anew.", 60),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        poll_seconds=1.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._search: Search | None = None
        self._closed_accounts = 0
        if options.choice("mode", ("stream", "search")) == "search":
            self._search = Search(context, options)
            # A search is a poll; the stream reconnects at once.
            vars(self)["spec"] = dataclasses.replace(self.spec, poll_seconds=_SEARCH_REST)
            return
        self._silence = options.seconds("silence", 0.1, 3600)
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        base = options.url("base_url", tuple(_SCHEMES)) or _STREAM
        scheme, _, rest = base.partition("://")
        self._base = f"{_SCHEMES[scheme]}://{rest}"
        if "@" in rest:
            raise BadSettings("bluesky: 'base_url' carries a password; the stream needs none")
        self._host = urlsplit(self._base).netloc

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """What comes from `cursor` on, until the server closes. Raises `Retriable` where it is
        cut or falls silent; the runner comes back with the cursor of the last step. A server that
        refuses the cursor is read from its present, with a gap on record."""
        if self._search is not None:
            async for step in self._search.steps(mapping(mapping(cursor).get("search"))):
                kept = {"search": step.cursor} if step.cursor is not None else None
                yield dataclasses.replace(step, cursor=kept)
            return
        asked = self._asked(cursor)
        try:
            async for step in self._stream(asked):
                yield step
        except Refused as error:
            if asked is None:
                raise
            now = http.current_time(self._context)
            yield Step(gap=_refused(asked, now, error))
            async for step in self._stream(None):
                yield step

    async def _stream(self, asked: int | None) -> AsyncIterator[Step]:
        async with websocket.opened(
            self._context, self._url(asked), contact=self._contact, seconds=self._timeout
        ) as connection:
            last = asked or 0
            async for raw in self._events(connection):
                step, moment = self._read(raw, last)
                if asked is not None and moment > asked + _TOLERANCE:
                    yield Step(gap=_clamped(asked, moment))
                asked = None
                # The host's clock may step back; the cursor never does.
                last = max(last, moment)
                if step is not None:
                    yield Step(post=step.post, dead=step.dead, cursor=self._cursor(last))

    def _cursor(self, moment: int) -> Cursor:
        return {"time_us": moment, "host": self._host} if moment else None

    def _asked(self, cursor: Cursor) -> int | None:
        fields = mapping(cursor)
        if cursor is None or "search" in fields:
            return None
        moment = count(fields.get("time_us"))
        if moment is None:
            raise Fatal(
                f"bluesky: the cursor {cursor!r:.80} can't be read; remove it to start anew"
            )
        # Servers do not see events at quite the same time.
        return moment if fields.get("host") == self._host else max(0, moment - _REWIND)

    def _url(self, asked: int | None) -> str:
        params = {"wantedCollections": COLLECTION, "maxMessageSizeBytes": str(_LONGEST_EVENT)}
        if asked is not None:
            params["cursor"] = str(asked)
        return f"{self._base}/subscribe?{urlencode(params)}"

    async def _events(self, connection: ClientConnection) -> AsyncIterator[bytes]:
        while True:
            try:
                async with asyncio.timeout(self._silence):
                    yield await connection.recv(decode=False)
            except TimeoutError:
                raise Retriable(
                    f"{self._host} has been silent for {self._silence:g} seconds"
                ) from None
            except ConnectionClosedOK:
                return

    def _read(self, raw: bytes, last: int) -> tuple[Step | None, int]:
        """The event as a step (`None`: nothing of ours) and its time."""
        moment = last
        try:
            event = mapping(msgspec.json.decode(raw))
            moment = _moment(event, http.current_time(self._context))
            return self._step(event, moment), moment
        except (ValueError, RecursionError) as error:
            place = f"{self._host} after {last}"
            said = line(str(error), limit=200)
            return Step(dead=SkipItem(f"{place}: {said}", place=place, raw=raw)), moment

    def reread(self, raw: bytes) -> Post:
        """The post of an event that could not be read before. Raises `ValueError`."""
        event = mapping(msgspec.json.decode(raw))
        if "record" in event:
            return viewed(event, http.current_time(self._context))
        step = self._step(event, _moment(event, http.current_time(self._context)))
        if step is None or step.post is None:
            raise ValueError("the event is not one of a post")
        return step.post

    def _step(self, event: dict[str, Any], moment: int) -> Step | None:
        if event.get("kind") == "account":
            self._account(mapping(event.get("account")))
            return None
        commit = mapping(event.get("commit"))
        if event.get("kind") != "commit" or commit.get("collection") != COLLECTION:
            return None
        now = http.current_time(self._context)
        at = min(FIRST + timedelta(microseconds=moment), now)
        if commit.get("operation") == "delete":
            return Step(post=deletion(did_of(event), key_of(commit), at, now))
        return Step(post=post(did_of(event), commit, at, now))

    def _account(self, account: dict[str, Any]) -> None:
        """Posts of a closed account should go: the Post schema has no word for that yet."""
        if account.get("active") is False and account.get("status") in _GONE:
            self._closed_accounts += 1
            self._context.on_note(
                f"{self._closed_accounts} accounts were closed; their earlier posts remain"
            )


def _moment(event: dict[str, Any], now: datetime) -> int:
    """The event's time, refused where it lies ahead: it would become a cursor that skips."""
    moment = count(event.get("time_us"))
    if not moment:
        raise ValueError(f"the event has the time {event.get('time_us')!r:.40}")
    if moment > (now.timestamp() + 86_400) * 1e6:
        raise ValueError(f"the event's time {moment} lies in the future")
    return moment


def _refused(asked: int, now: datetime, error: Refused) -> Gap:
    return Gap(
        since=(FIRST + timedelta(microseconds=asked)).isoformat(),
        until=now.isoformat(),
        reason=f"the server refuses to go back that far: {error}",
    )


def _clamped(asked: int, first: int) -> Gap:
    return Gap(
        since=(FIRST + timedelta(microseconds=asked)).isoformat(),
        until=(FIRST + timedelta(microseconds=first)).isoformat(),
        reason="the server keeps no events that old and started at its oldest",
    )
