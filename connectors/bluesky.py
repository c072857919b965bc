"""Bluesky's Jetstream: every post of the network as it is made, changed or deleted.

The cursor is a time in microseconds and inclusive. One older than what the server keeps is moved
forward in silence, which shows in the first event and is recorded as a gap.
See docs/connectors/bluesky.md.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlencode, urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedOK

from connectors import http, times, websocket
from connectors.base import Context, Cursor, Gap, Option, Spec, Step
from connectors.errors import BadSettings, Fatal, Refused, Retriable, SkipItem
from connectors.fields import count, mapping, mappings
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Author, Post
from connectors.text import line, link, plain, tag

_STREAM: Final = "wss://jetstream2.us-east.bsky.network"
_COLLECTION: Final = "app.bsky.feed.post"
_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_TOLERANCE: Final = 60_000_000
"""Microseconds. The whole network is never silent for a minute: a longer jump is a clamp."""
_REWIND: Final = 5_000_000
_LONGEST_EVENT: Final = 1024 * 1024
_TID: Final = "234567abcdefghijklmnopqrstuvwxyz"
_DID: Final = re.compile(r"did:[a-z]{1,16}:[A-Za-z0-9._:%-]{1,200}")
_RKEY: Final = re.compile(r"[A-Za-z0-9._:~-]{1,200}")
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_GONE: Final = frozenset(("deleted", "takendown", "suspended", "deactivated"))


class Bluesky:
    """Cursor: `{"time_us": time of the last event, "host": the server it came from}`."""

    spec: ClassVar[Spec] = Spec(
        name="bluesky",
        door="Jetstream WebSocket",
        sees="every public post and reply, edits and deletions; authors by DID only",
        needs="nothing",
        limits="servers keep about 36 hours; what is older is a recorded gap",
        group="networks",
        options=(
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
        self._silence = options.seconds("silence", 0.1, 3600)
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        base = options.url("base_url", tuple(_SCHEMES)) or _STREAM
        scheme, _, rest = base.partition("://")
        self._base = f"{_SCHEMES[scheme]}://{rest}"
        if "@" in rest:
            raise BadSettings("bluesky: 'base_url' carries a password; the stream needs none")
        self._host = urlsplit(self._base).netloc
        self._closed_accounts = 0

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """What comes from `cursor` on, until the server closes. Raises `Retriable` where it is
        cut or falls silent; the runner comes back with the cursor of the last step. A server that
        refuses the cursor is read from its present, with a gap on record."""
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
        if cursor is None:
            return None
        fields = mapping(cursor)
        moment = count(fields.get("time_us"))
        if moment is None:
            raise Fatal(
                f"bluesky: the cursor {cursor!r:.80} can't be read; remove it to start anew"
            )
        # Servers do not see events at quite the same time.
        return moment if fields.get("host") == self._host else max(0, moment - _REWIND)

    def _url(self, asked: int | None) -> str:
        params = {"wantedCollections": _COLLECTION, "maxMessageSizeBytes": str(_LONGEST_EVENT)}
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
        step = self._step(event, _moment(event, http.current_time(self._context)))
        if step is None or step.post is None:
            raise ValueError("the event is not one of a post")
        return step.post

    def _step(self, event: dict[str, Any], moment: int) -> Step | None:
        if event.get("kind") == "account":
            self._account(mapping(event.get("account")))
            return None
        commit = mapping(event.get("commit"))
        if event.get("kind") != "commit" or commit.get("collection") != _COLLECTION:
            return None
        now = http.current_time(self._context)
        at = min(_FIRST + timedelta(microseconds=moment), now)
        if commit.get("operation") == "delete":
            return Step(post=_deletion(_did(event), _key(commit), at, now))
        return Step(post=_post(_did(event), commit, at, now))

    def _account(self, account: dict[str, Any]) -> None:
        """Posts of a closed account should go: the Post schema has no word for that yet."""
        if account.get("active") is False and account.get("status") in _GONE:
            self._closed_accounts += 1
            self._context.on_note(
                f"{self._closed_accounts} accounts were closed; their earlier posts remain"
            )


def _post(did: str, commit: dict[str, Any], at: datetime, now: datetime) -> Post:
    record = mapping(commit.get("record"))
    key = _key(commit)
    raw = record.get("text")
    if not isinstance(raw, str):
        raise ValueError("the record has no text")  # noqa: TRY004 - unreadable is one error
    facets = mappings(record.get("facets"))
    text, truncated = plain(_with_whole_links(raw, facets), html=False)
    reply = mapping(record.get("reply"))
    edited = commit.get("operation") == "update"
    quoted = _quoted(mapping(record.get("embed")))
    langs = record.get("langs")
    return Post(
        id=_id(f"at://{did}/{_COLLECTION}/{key}"),
        source="bluesky",
        kind="comment" if reply else "post",
        state="edited" if edited else "live",
        created_at=times.parse_or(record.get("createdAt"), at, now=at),
        collected_at=now,
        updated_at=at if edited else None,
        url=f"https://bsky.app/profile/{did}/post/{key}",
        text=text,
        truncated=truncated,
        lang=line(langs[0], limit=35) if isinstance(langs, list) and langs else "",
        author=Author(id=did, url=f"https://bsky.app/profile/{did}"),
        parent_id=_id(mapping(reply.get("parent")).get("uri")),
        thread_id=_id(mapping(reply.get("root")).get("uri")),
        repost_of=_id(quoted),
        hashtags=_hashtags(record, facets),
        media=_media(did, mapping(record.get("embed"))),
    )


def _deletion(did: str, key: str, at: datetime, now: datetime) -> Post:
    """The event has no record; the record's key tells when the post was made."""
    return Post(
        id=_id(f"at://{did}/{_COLLECTION}/{key}"),
        source="bluesky",
        state="deleted",
        created_at=min(_made(key) or at, at),
        collected_at=now,
        updated_at=at,
        url=f"https://bsky.app/profile/{did}/post/{key}",
    )


def _made(key: str) -> datetime | None:
    """When a record was made, from its key (a TID: microseconds and a clock's number)."""
    if len(key) != 13 or any(character not in _TID for character in key):
        return None
    number = 0
    for character in key:
        number = number * 32 + _TID.index(character)
    try:
        return _FIRST + timedelta(microseconds=number >> 10)
    except OverflowError:
        return None


def _moment(event: dict[str, Any], now: datetime) -> int:
    """The event's time, refused where it lies ahead: it would become a cursor that skips."""
    moment = count(event.get("time_us"))
    if not moment:
        raise ValueError(f"the event has the time {event.get('time_us')!r:.40}")
    if moment > (now.timestamp() + 86_400) * 1e6:
        raise ValueError(f"the event's time {moment} lies in the future")
    return moment


def _did(event: dict[str, Any]) -> str:
    did = event.get("did")
    if not isinstance(did, str) or not _DID.fullmatch(did):
        raise ValueError(f"the event's author is {did!r:.80}")
    return did


def _key(commit: dict[str, Any]) -> str:
    key = commit.get("rkey")
    if not isinstance(key, str) or not _RKEY.fullmatch(key):
        raise ValueError(f"the record's key is {key!r:.80}")
    return key


def _id(uri: object) -> str:
    text = line(uri)
    return f"bluesky:{text}" if text.startswith("at://") else ""


def _with_whole_links(text: str, facets: list[dict[str, Any]]) -> str:
    """Apps shorten links; the facet has the whole. Its positions count UTF-8 bytes.

    Facets that overlap, lie outside the text or cut a character are left alone.
    """
    spans = sorted(filter(None, (_link_span(facet) for facet in facets)))
    if not spans:
        return text
    raw = text.encode("utf-8", "replace")
    parts: list[bytes] = []
    done = 0
    for start, end, address in spans:
        shown = raw[start:end].decode("utf-8", "replace")
        if start >= done and end <= len(raw) and shown.rstrip(".…") != shown:
            parts += [raw[done:start], address.encode("utf-8", "replace")]
            done = end
    return b"".join([*parts, raw[done:]]).decode("utf-8", "replace")


def _link_span(facet: dict[str, Any]) -> tuple[int, int, str] | None:
    index = mapping(facet.get("index"))
    start, end = count(index.get("byteStart")), count(index.get("byteEnd"))
    for feature in mappings(facet.get("features")):
        address = link(feature.get("uri"))
        if address and start is not None and end is not None and start < end:
            return start, end, address
    return None


def _hashtags(record: dict[str, Any], facets: list[dict[str, Any]]) -> list[str]:
    listed = record.get("tags")
    named = [tag(name) for name in listed[:50]] if isinstance(listed, list) else []
    inline = [
        tag(feature.get("tag"))
        for facet in facets
        for feature in mappings(facet.get("features"))
        if feature.get("$type") == "app.bsky.richtext.facet#tag"
    ]
    return [name for name in dict.fromkeys(inline + named) if name]


def _quoted(embed: dict[str, Any]) -> object:
    """The quoted post's address: `embed.record`, or one deeper when media comes with it."""
    record = mapping(embed.get("record"))
    uri = record.get("uri") or mapping(record.get("record")).get("uri")
    return uri if isinstance(uri, str) and f"/{_COLLECTION}/" in uri else ""


def _media(did: str, embed: dict[str, Any]) -> list[str]:
    inner = mapping(embed.get("media")) or embed
    found = []
    for image in mappings(inner.get("images")):
        cid = line(mapping(mapping(image.get("image")).get("ref")).get("$link"), limit=128)
        if cid.isalnum():
            found.append(f"https://cdn.bsky.app/img/feed_fullsize/plain/{did}/{cid}@jpeg")
    external = link(mapping(inner.get("external")).get("uri"))
    return [*found, external] if external else found


def _refused(asked: int, now: datetime, error: Refused) -> Gap:
    return Gap(
        since=(_FIRST + timedelta(microseconds=asked)).isoformat(),
        until=now.isoformat(),
        reason=f"the server refuses to go back that far: {error}",
    )


def _clamped(asked: int, first: int) -> Gap:
    return Gap(
        since=(_FIRST + timedelta(microseconds=asked)).isoformat(),
        until=(_FIRST + timedelta(microseconds=first)).isoformat(),
        reason="the server keeps no events that old and started at its oldest",
    )
