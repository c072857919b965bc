"""Feeds: RSS 0.9 to 2.0, Atom and JSON Feed, many of them in one source.

Each feed is asked conditionally; one that fails never stops the others. What scrolled out of a
feed's window between two visits is recorded as a gap. See docs/connectors/rss.md.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit, urlunsplit

from connectors import feeds, http, times
from connectors.base import Context, Cursor, Gap, Option, Spec, Step
from connectors.concurrency import ordered
from connectors.errors import (
    BadSettings,
    ConnectorError,
    Fatal,
    Retriable,
    SkipItem,
    WaitUntil,
)
from connectors.fields import mapping
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Author, Post
from connectors.text import line, link

_WIDTH: Final = 8
_MOST_SEEN: Final = 1_000
_LONGEST_ID: Final = 400
_ACCEPT: Final = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9,"
    " text/xml;q=0.9, */*;q=0.5"
)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S")


@dataclass(frozen=True, slots=True)
class _Visit:
    """What asking one feed gave: an answer read, or the error that came instead."""

    reply: http.Reply | None = None
    feed: feeds.Feed | None = None
    error: ConnectorError | None = None


@dataclass(slots=True)
class _Memory:
    """What the cursor keeps of a feed. `seen`: id digest to content digest and creation time."""

    etag: str = ""
    modified: str = ""
    moved: str = ""
    gone: bool = False
    wait: str = ""
    newest: str = ""
    seen: dict[str, list[Any]] = field(default_factory=dict)


class Rss:
    """Cursor: `{feed's URL: {etag, modified, moved, gone, wait, newest, seen}}`."""

    spec: ClassVar[Spec] = Spec(
        name="rss",
        door="RSS, Atom, JSON Feed",
        sees="what each feed lists, edits included; a gap where entries scrolled out unseen",
        needs="the feeds' addresses",
        limits="conditional requests; 8 feeds at once",
        group="news",
        options=(
            Option("urls", "Addresses of feeds: a list, or text with commas between.", ()),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        poll_seconds=300.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._base = options.url("base_url")
        self._urls = _urls(options, self._base)
        self._known = 0

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One visit to every feed. Raises only where no feed could be read at all."""
        state = dict(mapping(cursor))
        self._known = 0
        errors: list[ConnectorError] = []
        async with http.Client(
            self._context, contact=self._contact, headers={"accept": _ACCEPT}, seconds=self._timeout
        ) as client:

            async def visit(url: str) -> _Visit:
                return await self._visit(client, url, _memory(state.get(url)))

            async for url, result in ordered(visit, self._urls, _WIDTH):
                memory = _memory(state.get(url))
                if result.error is not None:
                    errors.append(result.error)
                    self._context.on_note(str(result.error))
                async for step in self._steps(url, memory, result):
                    yield step
                # Only now is the feed read to its end: its ETag may enter the cursor.
                state = {**state, url: _stored(memory)}
                yield Step(cursor=state, duplicates=self._known)
                self._known = 0
        if errors and len(errors) == len(self._urls):
            raise _worst(errors)

    async def _visit(self, client: http.Client, url: str, memory: _Memory) -> _Visit:
        try:
            return await self._ask(client, url, memory)
        except ConnectorError as error:
            return _Visit(error=error)

    async def _ask(self, client: http.Client, url: str, memory: _Memory) -> _Visit:
        now = http.current_time(self._context)
        wait = times.parse_or(memory.wait, now, now=now + timedelta(days=2))
        if memory.gone:
            raise Fatal(f"{http.shown(url)} is gone for good (410); remove it from 'urls'")
        if wait > now:
            raise WaitUntil(f"{http.shown(url)} asked to wait until {wait:%H:%M:%S} UTC", wait)
        reply = await client.get(
            self._real(memory.moved or url), headers=_conditions(memory), accept=(200, 304, 410)
        )
        if reply.status != 200:
            return _Visit(reply=reply)
        kind = reply.headers.get("content-type", "")
        try:
            # A feed of thousands of entries takes a second: not on the loop.
            feed = await asyncio.to_thread(feeds.parse, reply.body, kind, reply.url)
        except feeds.NotAFeed as error:
            place = http.shown(url)
            raise SkipItem(f"{place}: {error}", place=place, raw=reply.body[:65536]) from None
        except Exception as error:  # noqa: BLE001 - whatever a feed provokes in a foreign parser
            place = http.shown(url)
            said = f"{place}: the parser failed ({type(error).__name__})"
            raise SkipItem(said, place=place, raw=reply.body[:65536]) from None
        return _Visit(reply=reply, feed=feed)

    async def _steps(self, url: str, memory: _Memory, visit: _Visit) -> AsyncIterator[Step]:
        """The visit's steps; `memory` then knows what was seen."""
        memory.wait = ""
        if isinstance(visit.error, WaitUntil):
            memory.wait = visit.error.moment.isoformat()
        if isinstance(visit.error, SkipItem) and visit.error.raw:
            yield Step(dead=visit.error)
        if visit.reply is None:
            return
        if visit.reply.moved_to:
            memory.moved = visit.reply.moved_to
            place = http.shown(memory.moved)
            self._context.on_note(f"{http.shown(url)} moved for good to {place}")
        if visit.reply.status == 410:
            memory.gone = True
            self._context.on_note(f"{http.shown(url)} is gone for good (410); remove it")
        if visit.feed is not None:
            for step in self._read(url, memory, visit.feed):
                yield step
            whole = not visit.feed.cut  # else what is missing would never be asked for again
            memory.etag = visit.reply.headers.get("etag", "")[:500] if whole else ""
            memory.modified = visit.reply.headers.get("last-modified", "")[:100] if whole else ""
            if not whole:
                self._context.on_note(f"{http.shown(url)} was cut off; it is asked for whole again")

    def _read(self, url: str, memory: _Memory, feed: feeds.Feed) -> list[Step]:
        now = http.current_time(self._context)
        place = http.shown(url)
        steps = [
            Step(dead=SkipItem(f"{place}: {said}", place=f"{place} {said:.40}", raw=raw))
            for said, raw in feed.unreadable
        ]
        named = feeds.named(feed.entries)
        keys = [_digest(name) for name, _ in named]
        if memory.seen and named and not any(key in memory.seen for key in keys):
            steps.append(Step(gap=_gap(memory, [entry for _, entry in named], place, now)))
        fresh: dict[str, list[Any]] = {}
        for key, (name, entry) in zip(keys, named, strict=True):
            before = memory.seen.get(key)
            post = _post(url, name, entry, before, now)
            fresh[key] = [entry.digest, post.created_at.timestamp()]
            if before is None or before[0] != entry.digest:
                steps.append(Step(post=post))
            else:
                self._known += 1
        memory.seen = _bounded({**memory.seen, **fresh}, keep=fresh)
        moments = [seen[1] for seen in fresh.values()]
        if moments:
            memory.newest = datetime.fromtimestamp(max(moments), UTC).isoformat()
        return steps

    def _real(self, url: str) -> str:
        """The address with `base_url` in its host's place."""
        if not self._base:
            return url
        return self._base + urlunsplit(("", "", *urlsplit(url)[2:]))


def _urls(options: Options, base: str) -> list[str]:
    given = options.many("urls") or ([base] if base else [])
    if not given:
        raise BadSettings("rss: set 'urls': addresses of feeds, with commas between")
    whole = [f"{base}{url}" if base and url.startswith("/") else url for url in given]
    return [options.check_url("urls", url) for url in whole]


def _post(url: str, name: str, entry: feeds.Entry, before: Any, now: datetime) -> Post:
    """The entry as a post. A post's creation time stays what it was at the first sight."""
    first = before[1] if before is not None else entry.published or entry.updated
    created = times.parse_or(first, now, now=now)
    edited = before is not None
    changed = times.parse_or(entry.updated, now, now=now)
    if changed <= created:  # the text differs, so this version must be the newer one
        changed = now
    return Post(
        id=_post_id(url, name),
        source="rss",
        kind="article",
        state="edited" if edited else "live",
        created_at=created,
        collected_at=now,
        updated_at=changed if edited else None,
        url=entry.link or link(entry.guid),
        title=entry.title,
        text=entry.text,
        truncated=entry.truncated,
        lang=entry.lang,
        author=Author(name=entry.author, url=entry.author_url),
        hashtags=entry.categories,
        media=entry.media,
    )


def _post_id(url: str, name: str) -> str:
    """A guid that is an address is unique; any other only within its feed."""
    clean = line(name, limit=_LONGEST_ID + 1)
    if len(clean) > _LONGEST_ID or not clean:
        clean = _digest(name)
    if _ABSOLUTE.match(clean):
        return f"rss:{clean}"
    parts = urlsplit(url)
    feed = f"{parts.hostname}{parts.path}?{parts.query}"
    return f"rss:{_digest(feed)}:{clean}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _conditions(memory: _Memory) -> dict[str, str]:
    """As the server wrote them, weak marks and quotes included."""
    conditions = {"if-none-match": memory.etag, "if-modified-since": memory.modified}
    return {name: value for name, value in conditions.items() if value.isascii() and value}


def _gap(memory: _Memory, entries: list[feeds.Entry], place: str, now: datetime) -> Gap:
    moments = [times.parse_or(entry.published, now, now=now) for entry in entries]
    return Gap(
        since=memory.newest or now.isoformat(),
        until=min(moments).isoformat(),
        reason=f"{place} lists nothing seen before: entries may have scrolled out unseen",
    )


def _bounded(seen: dict[str, list[Any]], keep: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Those on the page always, and the latest of those that left it."""
    spare = max(0, _MOST_SEEN - len(keep))
    left = [key for key in seen if key not in keep]
    kept = left[len(left) - spare :] if spare < len(left) else left
    return {**{key: seen[key] for key in kept}, **keep}


def _memory(stored: object) -> _Memory:
    fields = mapping(stored)
    texts = {
        name: fields[name]
        for name in ("etag", "modified", "moved", "wait", "newest")
        if isinstance(fields.get(name), str)
    }
    seen = {
        key: value
        for key, value in mapping(fields.get("seen")).items()
        if isinstance(value, list) and len(value) == 2
    }
    return _Memory(**texts, gone=fields.get("gone") is True, seen=seen)


def _stored(memory: _Memory) -> dict[str, Any]:
    values = {name: getattr(memory, name) for name in _Memory.__slots__}
    return {name: value for name, value in values.items() if value}


def _worst(errors: list[ConnectorError]) -> ConnectorError:
    """What the source as a whole should do, all feeds having failed: the most hopeful."""
    waits = [error for error in errors if isinstance(error, WaitUntil)]
    retries = [error for error in errors if isinstance(error, Retriable)]
    if waits and len(waits) == len(retries):
        return min(waits, key=lambda error: error.moment)
    plain = [error for error in retries if not isinstance(error, WaitUntil)]
    if plain:
        return plain[0]
    skipped = [error for error in errors if isinstance(error, SkipItem)]
    return Retriable(str(skipped[0])) if skipped else errors[0]
