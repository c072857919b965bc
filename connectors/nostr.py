"""Nostr: notes, comments and articles from relays; forged ones are refused.

Times are the authors' own, so each pass looks back over some hours and drops what is known, over
all relays. A deletion counts where its author is the post's. See docs/connectors/nostr.md.
"""

import asyncio
import dataclasses
import hashlib
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from connectors import http, nostr_events, times, websocket
from connectors.base import Context, Cursor, Gap, Option, Spec, Step
from connectors.errors import BadSettings, ConnectorError, Fatal, Retriable, SkipItem
from connectors.fields import count, mapping
from connectors.nostr_events import DELETION, KINDS, Event
from connectors.options import CONTACT, QUERIES, TIMEOUT, Options, searched
from connectors.post import Post
from connectors.searches import single
from connectors.text import line, tag

_RELAYS: Final = ("wss://relay.damus.io", "wss://nos.lol")
_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_PAGE: Final = 500
_MOST_PAGES: Final = 40
_MEMORY: Final = 3_000
_OWNERS: Final = 100_000
_DEEP: Final = 600
_SHALLOW: Final = 120
"""Seconds: passes look back over these, and every `_DEEP` over all of `overlap`."""


class Nostr:
    """Cursor: `{"relays": {address: time of its last event}, "seen": {id: [time, author]}, "deep":
    when a pass last looked back over all of `overlap`, "mark": its name}`, times in seconds since
    1970."""

    spec: ClassVar[Spec] = Spec(
        name="nostr",
        door="relays (WebSocket)",
        sees="notes, comments, articles and reposts that the relays hold; deletions by the author",
        needs="nothing; relays that search (NIP-50) for follow: search",
        limits="each relay's own; 500 events a request",
        group="networks",
        options=(
            Option("relays", "Addresses of relays.", _RELAYS),
            Option("follow", "all, hashtags, authors, or search (NIP-50 relays).", "all"),
            Option("hashtags", "Hashtags, with follow: hashtags.", ()),
            Option("authors", "Public keys in hex, with follow: authors.", ()),
            QUERIES,
            Option("backfill", "Seconds that the first start looks back.", 3600),
            Option("overlap", "Seconds that each pass looks back: late events count.", 3600),
            Option("base_url", "Address of one relay used in place of `relays`.", ""),
            CONTACT,
            TIMEOUT,
        ),
        poll_seconds=30.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context, self._options = context, options
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._relays = _relays(options)
        self._follow = options.choice("follow", ("all", "hashtags", "authors", "search"))
        self._names = options.many(self._follow) if self._follow in ("hashtags", "authors") else []
        if self._follow in ("hashtags", "authors") and not self._names:
            raise BadSettings(f"nostr: set '{self._follow}': 'follow' is {self._follow!r}")
        self._backfill = options.seconds("backfill", 0, 366 * 86_400)
        self._overlap = options.seconds("overlap", 0, 7 * 86_400)
        self._mark, self._seen = "", dict[str, list[Any]]()
        self._owners: OrderedDict[str, tuple[int, str]] = OrderedDict()

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over every relay. Raises only where none could be read."""
        fields = mapping(cursor)
        lasts = dict(mapping(fields.get("relays")))
        seen = self._memory(fields)
        self._owners.update((name, (row[0], row[1])) for name, row in seen.items() if row[1])
        errors: list[ConnectorError] = []
        now = int(http.current_time(self._context).timestamp())
        deep = count(fields.get("deep")) or 0
        far = now - deep >= _DEEP
        overlap = int(self._overlap if far else min(self._overlap, _SHALLOW))
        for relay in self._relays:
            last = count(lasts.get(relay))
            since = int(now - self._backfill if last is None else last - overlap)
            reading = _Reading(relay, since, seen)
            try:
                await self._read(reading)
            except ConnectorError as error:
                errors.append(error)
                self._context.on_note(str(error))
            for step in self._steps(reading, seen, now):
                yield step
            if reading.whole:
                lasts = {**lasts, relay: min(max(reading.newest, last or since), now)}
            oldest = min((int(at) for at in lasts.values()), default=now) - int(self._overlap)
            seen = {name: row for name, row in seen.items() if row[0] >= oldest}
            kept = sorted(seen.items(), key=lambda one: one[1][0])
            self._mark, self._seen = uuid.uuid4().hex, dict(kept[-_OWNERS:])
            seen = dict(self._seen)
            where = {"relays": lasts, "deep": now if far and not errors else deep}
            yield Step(cursor={**where, "seen": dict(kept[-_MEMORY:]), "mark": self._mark})
        if errors and len(errors) == len(self._relays):
            raise errors[0]

    def _memory(self, fields: dict[str, Any]) -> dict[str, list[Any]]:
        """What was seen up to this cursor: all of it where it is the one given last, else what the
        cursor itself holds."""
        if self._mark and fields.get("mark") == self._mark:
            return dict(self._seen)
        return _seen(fields.get("seen"))

    def _steps(self, reading: "_Reading", seen: dict[str, list[Any]], now: int) -> list[Step]:
        """Oldest first, deletions last; `seen` then knows them."""
        steps = [*reading.dead, *reading.gaps]
        for name, step in reading.forged.items():
            if name not in seen:
                seen[name] = [now, ""]
                steps.append(step)
        deletions: list[Event] = []
        for event in sorted(reading.events.values(), key=lambda one: one.at):
            if event.id in seen:
                continue
            if event.expires is not None and event.expires <= now:
                continue
            seen[event.id] = [event.at, event.author]
            if event.kind == DELETION:
                deletions.append(event)
                continue
            self._owners[event.id] = event.at, event.author
            if len(self._owners) > _OWNERS:
                self._owners.popitem(last=False)
            try:
                moment = http.current_time(self._context)
                steps.append(Step(post=nostr_events.post(event, moment)))
            except ValueError as error:
                steps.append(_dead(reading.relay, str(error), msgspec.json.encode(event)))
        for event in deletions:
            steps += self._deleted(event)
        return steps

    def _deleted(self, event: Event) -> list[Step]:
        """Tombstones for what the author of the request wrote, and for nothing else."""
        now = http.current_time(self._context)
        steps: list[Step] = []
        for kind, name in (one[:2] for one in event.tags):
            if kind == "a" and name.startswith(nostr_events.address(event.author, "")):
                at = times.parse_or(event.at, now, now=now)
                steps.append(Step(post=nostr_events.deletion(name, at, event, now)))
            known = self._owners.get(name) if kind == "e" else None
            if known and known[1] == event.author:
                created = times.parse_or(known[0], now, now=now)
                steps.append(Step(post=nostr_events.deletion(name, created, event, now)))
        return steps

    async def _read(self, reading: "_Reading") -> None:
        """All events since then."""
        async with websocket.opened(
            self._context, reading.relay, contact=self._contact, seconds=self._timeout
        ) as connection:
            try:
                for number, wanted in enumerate(self._filters()):
                    await self._pages(connection, reading, f"veille-{number}", wanted)
            except ConnectionClosed as error:
                said = error.rcvd or error.sent
                why = f"code {said.code}" if said else "without a word"
                place = http.shown(reading.relay)
                raise Retriable(f"{place} closed before it had sent all ({why})") from None
        reading.whole = True

    async def _pages(
        self,
        connection: ClientConnection,
        reading: "_Reading",
        sub: str,
        wanted: dict[str, Any],
    ) -> None:
        """A page of the newest at a time, until one brings nothing new."""
        until: int | None = None
        for page in range(_MOST_PAGES):
            asked = {**wanted, "since": reading.since, "limit": _PAGE}
            if until is not None:
                asked["until"] = until
            before = len(reading.met)
            oldest, found = await self._ask(connection, reading, f"{sub}-{page}", asked)
            if oldest is None or len(reading.met) == before:
                return
            if "search" in wanted and found < _PAGE:
                return  # by relevance: there is nothing beyond
            until = oldest if oldest != until else oldest - 1
        reading.gaps.append(_cut(reading, until))

    async def _ask(
        self, connection: ClientConnection, reading: "_Reading", sub: str, wanted: dict[str, Any]
    ) -> tuple[int | None, int]:
        """The oldest time of a request's stored events, and how many came."""
        await connection.send(msgspec.json.encode(["REQ", sub, wanted]), text=True)
        oldest: int | None = None
        found = 0
        while True:
            raw = await self._receive(connection, reading)
            message = _message(raw)
            if message is None:
                reading.dead.append(_dead(reading.relay, "an unreadable message", raw))
                continue
            kind, rest = message[0], message[1:]
            if kind in ("EOSE", "CLOSED") and rest and rest[0] == sub:
                if kind == "CLOSED":
                    raise _closed(reading.relay, line(rest[1] if len(rest) > 1 else ""))
                await connection.send(msgspec.json.encode(["CLOSE", sub]), text=True)
                return oldest, found
            if kind == "NOTICE":
                said = line(rest[0] if rest else "", limit=200)
                self._context.on_note(f"{http.shown(reading.relay)} says: {said}")
            if kind == "EVENT" and len(rest) > 1 and rest[0] == sub:
                found += 1
                at = reading.keep(rest[1])
                oldest = at if oldest is None or (at is not None and at < oldest) else oldest

    async def _receive(self, connection: ClientConnection, reading: "_Reading") -> bytes:
        try:
            async with asyncio.timeout(self._timeout):
                return await connection.recv(decode=False)
        except TimeoutError:
            place = http.shown(reading.relay)
            raise Retriable(f"{place} has been silent for {self._timeout:g} seconds") from None

    def _filters(self) -> list[dict[str, Any]]:
        wanted: dict[str, Any] = {"kinds": list(KINDS)}
        if self._follow == "hashtags":
            kinds = [kind for kind in KINDS if kind != DELETION]
            names = sorted({tag(name).lower() for name in self._names})
            return [{"kinds": kinds, "#t": names}, {"kinds": [DELETION]}]
        if self._follow == "authors":
            return [{**wanted, "authors": self._names}]
        if self._follow == "search":
            packed = searched(self._options, self._context, single, 200)
            return [{**wanted, "search": one.query} for one in packed]
        return [wanted]

    def reread(self, raw: bytes) -> Post:
        """The post of an event that could not be read before. Raises `ValueError`."""
        event = nostr_events.verified(msgspec.json.decode(raw))
        if event.kind == DELETION or event.kind not in KINDS:
            raise ValueError(f"the event is of kind {event.kind}, not a post")
        return nostr_events.post(event, http.current_time(self._context))


@dataclasses.dataclass(slots=True)
class _Reading:
    """What one relay gave since `since`; `whole` once it has given all."""

    relay: str
    since: int
    known: dict[str, list[Any]]
    """What earlier passes saw."""
    met: set[str] = dataclasses.field(default_factory=set)
    events: dict[str, Event] = dataclasses.field(default_factory=dict)
    dead: list[Step] = dataclasses.field(default_factory=list)
    forged: dict[str, Step] = dataclasses.field(default_factory=dict)
    """What could not be verified, by a digest of all of it: its id may be that of a true event."""
    gaps: list[Step] = dataclasses.field(default_factory=list)
    newest: int = 0
    whole: bool = False

    def keep(self, value: object) -> int | None:
        """Its time, which pages go by, unless it is forged; kept where it is of a kind that is
        read."""
        name = mapping(value).get("id")
        if isinstance(name, str):
            self.met.add(name)
            if name in self.events:
                return self.events[name].at
            if name in self.known:  # checked before: that is what takes time
                at = int(self.known[name][0])
                self.newest = max(self.newest, at)
                return at
        try:
            event = nostr_events.verified(value)
        except ValueError as error:
            raw = msgspec.json.encode(value)
            digest = hashlib.blake2b(raw, digest_size=16).hexdigest()
            self.forged[digest] = _dead(self.relay, str(error), raw)
            return None
        if event.kind in KINDS:
            self.events[event.id] = event
            self.newest = max(self.newest, event.at)
        return event.at


def _dead(relay: str, said: str, raw: bytes) -> Step:
    place = http.shown(relay)
    return Step(dead=SkipItem(f"{place}: {line(said, limit=200)}", place=place, raw=raw[:65_536]))


def _message(raw: bytes) -> list[Any] | None:
    try:
        value = msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return None
    known = isinstance(value, list) and value and isinstance(value[0], str)
    return value if known else None


def _closed(relay: str, said: str) -> ConnectorError:
    """CLOSED begins with a word that machines read (NIP-01)."""
    message = f"{http.shown(relay)} refused the request: {said or 'without a reason'}"
    prefix = said.partition(":")[0]
    if prefix in ("auth-required", "restricted", "blocked", "unsupported", "invalid"):
        return Fatal(f"{message}. Remedy: take it out of 'relays', or change 'follow'")
    return Retriable(message)


def _cut(reading: _Reading, until: int | None) -> Step:
    since, end = (
        datetime.fromtimestamp(at, UTC).isoformat()
        for at in (reading.since, until or reading.since)
    )
    reason = f"{http.shown(reading.relay)} holds more than {_MOST_PAGES * _PAGE} events since then"
    return Step(gap=Gap(since=since, until=end, reason=reason))


def _relays(options: Options) -> list[str]:
    schemes = tuple(_SCHEMES)
    base = options.url("base_url", schemes)
    name = "base_url" if base else "relays"
    given = (
        [base]
        if base
        else [options.check_url("relays", one, schemes) for one in options.many("relays")]
    )
    if not given:
        raise BadSettings("nostr: 'relays' is empty; name at least one, such as wss://nos.lol")
    if any("@" in urlsplit(one).netloc for one in given):
        raise BadSettings(f"nostr: '{name}' carries a password; relays are open")
    parts = (one.partition("://") for one in given)
    return [f"{_SCHEMES[scheme]}://{rest.rstrip('/')}/" for scheme, _, rest in parts]


def _seen(stored: object) -> dict[str, list[Any]]:
    return {
        str(name): row
        for name, row in mapping(stored).items()
        if isinstance(row, list) and len(row) == 2 and isinstance(row[0], int)
    }
