"""Matrix: messages of the rooms that an account has joined, over the client-server API.

`/sync` goes on from `next_batch`; a timeline it cut short is filled from `/messages`, so that
nothing between two passes is lost. See docs/connectors/matrix.md.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any, ClassVar, Final
from urllib.parse import quote

import msgspec

from connectors import http, matrix_events, times
from connectors.base import Context, Cursor, Gap, Option, Spec, Step, unreadable
from connectors.errors import BadSettings, Fatal, Refused, Retriable
from connectors.fields import mapping, mappings
from connectors.matrix_events import Original, Room
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Post
from connectors.text import line

_API: Final = "/_matrix/client/v3"
_PAGE: Final = 100
_MOST_PAGES: Final = 50
_MOST_EVENTS: Final = 10_000
_LONGEST_POLL: Final = 30.0
_MEMORY: Final = 20_000
_TYPES: Final = ["m.room.message", "m.room.redaction", "m.room.encrypted", "m.sticker"]


class Matrix:
    """Cursor: `{"since": the token of the last sync}`."""

    spec: ClassVar[Spec] = Spec(
        name="matrix",
        door="client-server API",
        sees="messages of rooms the account has joined; edits and redactions",
        needs="an account, its access token, and leave of the rooms",
        limits="the server's; what it asks to wait is waited",
        keyless=False,
        group="networks",
        access="key",
        options=(
            Option("homeserver", "The account's server, such as matrix.org.", "matrix.org"),
            Option("token", "Access token of the account.", required=True, secret=True),
            Option("rooms", "Ids of rooms (!…), where not all joined ones are to be read.", ()),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        poll_seconds=1.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._token = options.header("token")
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        address = options.server("homeserver")
        self._base = (options.url("base_url") or address) + _API
        self._rooms = options.many("rooms")
        for room in self._rooms:
            if not room.startswith("!"):
                raise BadSettings(
                    f"matrix: 'rooms' has {room!r:.120}; give ids (!abc:example.org), which "
                    "clients show in a room's settings, under Advanced"
                )
        self._known: OrderedDict[str, Original] = OrderedDict()
        self._names: dict[str, str] = {}

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """What came since `cursor`; waits for news, half a minute at most. A token that the server
        no longer takes is dropped, with a gap on record."""
        since = line(mapping(cursor).get("since"), limit=4_000)
        async with http.Client(
            self._context,
            contact=self._contact,
            private={"authorization": f"Bearer {self._token}"},
            secrets=[self._token],
            seconds=self._timeout,
        ) as client:
            try:
                answer = await self._sync(client, since)
            except Refused as error:
                if not since:
                    raise
                now = http.current_time(self._context).isoformat()
                reason = f"the server no longer knows where it was left: {error}"
                yield Step(gap=Gap(since=since, until=now, reason=reason))
                since = ""
                answer = await self._sync(client, "")
            rooms = mapping(mapping(answer.get("rooms")).get("join"))
            for room, joined in rooms.items():
                if self._rooms and room not in self._rooms:
                    continue
                async for step in self._room(client, str(room), mapping(joined), since):
                    yield step
        yield Step(cursor={"since": answer["next_batch"]})

    async def _sync(self, client: http.Client, since: str) -> dict[str, Any]:
        params = {"filter": self._filter(), "timeout": "0"}
        if since:
            params["since"] = since
            params["timeout"] = str(int(1000 * min(_LONGEST_POLL, self._timeout / 2)))
        answer = mapping(await client.json(f"{self._base}/sync", params=params))
        token = answer.get("next_batch")
        if not isinstance(token, str) or not token:
            raise Retriable(f"{http.shown(self._base)}/sync answered without next_batch")
        return answer

    def _filter(self) -> str:
        room: dict[str, Any] = {
            "timeline": {"limit": _PAGE, "types": _TYPES, "lazy_load_members": True},
            "state": {"types": ["m.room.member"], "lazy_load_members": True},
            "ephemeral": {"types": []},
            "account_data": {"types": []},
        }
        if self._rooms:
            room["rooms"] = self._rooms
        whole = {"room": room, "presence": {"types": []}, "account_data": {"types": []}}
        return msgspec.json.encode(whole).decode()

    async def _room(
        self, client: http.Client, room: str, joined: dict[str, Any], since: str
    ) -> AsyncIterator[Step]:
        """The room's steps, oldest first."""
        for state in ("state", "state_after"):
            for event in mappings(mapping(joined.get(state)).get("events"), _MOST_EVENTS):
                self._member(event)
        timeline = mapping(joined.get("timeline"))
        events = mappings(timeline.get("events"), _MOST_EVENTS)
        before: list[dict[str, Any]] = []
        if timeline.get("limited") is True and since:
            before, gap = await self._missed(client, room, line(timeline.get("prev_batch")), since)
            if gap:
                yield Step(gap=gap)
        hidden = 0
        for event in [*before, *events]:
            self._member(event)
            hidden += event.get("type") == "m.room.encrypted"
            step = await self._step(client, room, event)
            if step is not None:
                yield step
        if hidden:
            self._context.on_note(f"{room:.120} is encrypted; {hidden} messages can't be read")

    async def _missed(
        self, client: http.Client, room: str, start: str, since: str
    ) -> tuple[list[dict[str, Any]], Gap | None]:
        """What came in between, oldest first; a gap where not all of it can be had."""
        found: list[dict[str, Any]] = []
        where = f"{self._base}/rooms/{quote(room, safe='')}/messages"
        wanted = msgspec.json.encode({"types": _TYPES}).decode()
        reason = f"{room:.120}: more than {_MOST_PAGES} pages came in between"
        for _ in range(_MOST_PAGES):
            params = {"dir": "b", "limit": str(_PAGE), "to": since, "filter": wanted}
            if start:
                params["from"] = start
            try:
                page = mapping(await client.json(where, params=params))
            except Fatal as error:
                reason = f"{room:.120}: what came in between can't be read: {error}"
                break
            for event in mappings(page.get("state"), _MOST_EVENTS):
                self._member(event)
            found += mappings(page.get("chunk"), _MOST_EVENTS)
            end = line(page.get("end"), limit=4_000)
            if not end or end in (start, since):
                return found[::-1], None
            start = end
        now = http.current_time(self._context)
        oldest = found[-1].get("origin_server_ts") if found else None
        until = times.parse_or(oldest, now, now=now).isoformat()
        return found[::-1], Gap(since=since, until=until, reason=reason)

    async def _step(self, client: http.Client, room: str, event: dict[str, Any]) -> Step | None:
        place = f"{room:.120} event {line(event.get('event_id')) or '(without id)'}"
        try:
            post = await self._post(client, room, event)
        except ValueError as error:
            raw = msgspec.json.encode(event)
            return unreadable(place, error, raw)
        return Step(post=post) if post else None

    async def _post(self, client: http.Client, room: str, event: dict[str, Any]) -> Post | None:
        here = Room(room, self._names, http.current_time(self._context))
        if event.get("type") == "m.room.redaction":
            name = matrix_events.redacted(event)
            original = await self._original(client, room, name)
            if original is not None and original.type not in ("m.room.message", "m.sticker"):
                return None
            return matrix_events.deletion(here, name, event, original)
        if event.get("type") != "m.room.message":
            return None
        name = matrix_events.name_of(event)
        target = matrix_events.replaces(event)
        if not target:
            self._remember(name, matrix_events.original(event, here.now))
            return matrix_events.post(here, name, event)
        original = await self._original(client, room, target)
        if original is None or original.sender != event.get("sender"):
            self._context.on_note(f"{room:.120}: an edit of {target:.120} can't be traced")
            return None
        return matrix_events.edit(here, target, event, original)

    async def _original(self, client: http.Client, room: str, name: str) -> Original | None:
        """Who wrote an earlier event, and when; `None` where the server does not tell."""
        if name in self._known:
            return self._known[name]
        where = f"{self._base}/rooms/{quote(room, safe='')}/event/{quote(name, safe='')}"
        try:
            event = mapping(await client.json(where))
            found = matrix_events.original(event, http.current_time(self._context))
        except (Fatal, ValueError):
            return None
        self._remember(name, found)
        return found

    def _remember(self, name: str, original: Original) -> None:
        self._known[name] = original
        if len(self._known) > _MEMORY:
            self._known.popitem(last=False)

    def _member(self, event: dict[str, Any]) -> None:
        if event.get("type") == "m.room.member" and isinstance(event.get("state_key"), str):
            shown = line(mapping(event.get("content")).get("displayname"))
            if len(self._names) >= _MEMORY:
                self._names.clear()
            self._names[event["state_key"]] = shown
