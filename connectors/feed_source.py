"""Sources made of feeds, each visited at its own rhythm: what `rss` and sites with feeds share.

Each feed is asked conditionally; one that fails never stops the others. What scrolled out of a
feed's window between two visits is recorded as a gap. See docs/connectors/rss.md.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final
from urllib.parse import urlsplit, urlunsplit

from connectors import feeds, http, rhythm, times
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.concurrency import by_lane
from connectors.errors import (
    BadSettings,
    ConnectorError,
    Fatal,
    Refused,
    SkipItem,
    WaitUntil,
    most_hopeful,
)
from connectors.feed_memory import (
    Memory,
    Seen,
    content_digest,
    document_digest,
    entry_key,
    read_memory,
    read_plan,
)
from connectors.feed_posts import conditions, entry_post, overflow
from connectors.fields import mapping
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Post

FEED_OPTIONS: Final = (
    Option("fastest", "Seconds between two visits to a feed, at the least; 0: no rhythm.", 60),
    Option("slowest", "Seconds between two visits to a feed, at the most.", 3600),
    BASE_URL,
    CONTACT,
    TIMEOUT,
)
_WIDTH: Final = 24
_HOST_WIDTH: Final = 2
_SAVES: Final = 50
_KEPT: Final = 65_536
_FORGOTTEN: Final = 7 * 86_400.0
_ACCEPT: Final = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9,"
    " text/xml;q=0.9, */*;q=0.5"
)


@dataclass(frozen=True, slots=True)
class _Visit:
    """What asking one feed gave: an answer read, or the error that came instead."""

    reply: http.Reply | None = None
    feed: feeds.Feed | None = None
    error: ConnectorError | None = None


class FeedSource:
    """Cursor: `{feed's URL: what `connectors.feed_memory` keeps of it, as text}`.

    A child has a `spec` with `FEED_OPTIONS` and says its `addresses`; it may change posts
    (`shaped`), leave entries out (`allowed`) and ask a host less at once (`host_width`).
    """

    spec: ClassVar[Spec]
    width: ClassVar[int] = _WIDTH
    host_width: ClassVar[int] = _HOST_WIDTH

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._base = options.url("base_url")
        self._bounds = rhythm.Bounds(
            options.seconds("fastest", 0, 86_400), options.seconds("slowest", 60, 7 * 86_400)
        )
        if self._bounds.fastest > self._bounds.slowest:
            raise BadSettings(
                f"{self.spec.name}: 'fastest' is {self._bounds.fastest:g}, more than 'slowest', "
                f"{self._bounds.slowest:g}; turn them round"
            )
        self._urls = self.addresses(options)
        self._known = 0
        self._told_gone: set[str] = set()
        self._children: dict[str, None] = {}

    def addresses(self, options: Options) -> list[str]:
        """The feeds' addresses. Raises `BadSettings`."""
        raise NotImplementedError

    def parse(self, body: bytes, content_type: str, url: str) -> feeds.Feed:
        """The document. Raises `feeds.NotAFeed`."""
        return feeds.parse(body, content_type, url)

    def allowed(self, body: bytes, feed: feeds.Feed) -> Sequence[feeds.Entry]:
        """The entries that may be read."""
        return feed.entries

    def shaped(self, post: Post, entry: feeds.Entry, feed: feeds.Feed) -> Post:
        """The post as this source wants it."""
        return post

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One visit to every feed that is due. Raises only where no feed could be read at all."""
        state = dict(mapping(cursor))
        self._known = 0
        due, errors = self._due(self._urls, state)
        reached = set(self._urls)
        async with http.Client(
            self._context, contact=self._contact, headers={"accept": _ACCEPT}, seconds=self._timeout
        ) as client:
            while due:
                self._children = {}
                async for step in self._round(client, due, state, errors):
                    yield step
                new = [url for url in self._children if url not in reached]
                reached.update(new)
                due, _ = self._due(new, state)
        if self._bounds.fastest or not errors:
            self._forget(state, reached)
        yield Step(cursor=dict(state), duplicates=self._known)
        if errors and errors.keys() >= set(self._urls):
            raise most_hopeful(list(errors.values()))

    async def _round(
        self,
        client: http.Client,
        due: list[str],
        state: dict[str, object],
        errors: dict[str, ConnectorError],
    ) -> AsyncIterator[Step]:
        """Visit these feeds; `state` and `errors` grow."""
        every, visits = max(1, len(due) // _SAVES), 0

        async def visit(url: str) -> _Visit:
            return await self._visit(client, url, read_memory(state.get(url)))

        async for url, result in by_lane(visit, due, self.width, self._host, self.host_width):
            memory = read_memory(state.get(url))
            if result.error is not None:
                errors[url] = result.error
                self._context.on_note(str(result.error))
            for step in self._steps(url, memory, result):
                yield step
            # Only now is the feed read to its end: its ETag may enter the cursor.
            state[url] = memory.stored
            visits += 1
            if not self._children and (visits % every == 0 or visits == len(due)):
                yield Step(cursor=dict(state), duplicates=self._known)
                self._known = 0

    def _forget(self, state: dict[str, object], reached: set[str]) -> None:
        """What nothing names any more: it was due a week ago and not asked."""
        long_ago = http.current_time(self._context).timestamp() - _FORGOTTEN
        for url in [url for url in state if url not in reached]:
            if read_plan(state[url]).due < long_ago:
                del state[url]

    def _due(
        self, urls: Iterable[str], state: Mapping[str, object]
    ) -> tuple[list[str], dict[str, ConnectorError]]:
        """The feeds to ask now, and why others can't be."""
        now = http.current_time(self._context)
        due: list[str] = []
        errors: dict[str, ConnectorError] = {}
        for url in urls:
            plan = read_plan(state.get(url))
            wait = times.parse_or(plan.wait, now, now=now + timedelta(days=2))
            if plan.gone:
                errors[url] = self._gone(url)
            elif wait > now:
                said = f"{http.shown(url)} failed, and is left alone until {wait:%H:%M:%S} UTC"
                errors[url] = WaitUntil(said, wait)
            elif not self._bounds.fastest or now.timestamp() >= plan.due:
                due.append(url)
        return due, errors

    def _gone(self, url: str) -> Fatal:
        error = Fatal(f"{http.shown(url)} is gone for good (410); remove it from the settings")
        if url not in self._told_gone:
            self._told_gone.add(url)
            self._context.on_note(str(error))
        return error

    def _host(self, url: str) -> str:
        return urlsplit(url).hostname or ""

    async def _visit(self, client: http.Client, url: str, memory: Memory) -> _Visit:
        try:
            return await self._ask(client, url, memory)
        except ConnectorError as error:
            return _Visit(error=error)

    async def _ask(self, client: http.Client, url: str, memory: Memory) -> _Visit:
        reply = await client.get(
            self._real(memory.moved or url), headers=conditions(memory), accept=(200, 304, 410)
        )
        if reply.status != 200 or document_digest(reply.body) == memory.same:
            return _Visit(reply=reply)
        kind = reply.headers.get("content-type", "")
        place = http.shown(url)
        try:
            # A feed of thousands of entries takes a second: not on the loop.
            feed = await asyncio.to_thread(self.parse, reply.body, kind, reply.url)
        except feeds.NotAFeed as error:
            said = f"{place}: {error}"
            return _Visit(error=SkipItem(said, place=place, raw=reply.body[:_KEPT]))
        except Exception as error:  # noqa: BLE001 - whatever a feed provokes in a foreign parser
            said = f"{place}: the parser failed ({type(error).__name__})"
            return _Visit(error=SkipItem(said, place=place, raw=reply.body[:_KEPT]))
        return _Visit(reply=reply, feed=feed)

    def _steps(self, url: str, memory: Memory, visit: _Visit) -> Iterator[Step]:
        """The visit's steps; `memory` then knows what was seen and when to come again."""
        memory.wait = ""
        if visit.reply is None:
            yield from self._failed(memory, visit.error)
            return
        if visit.reply.moved_to:
            memory.moved = visit.reply.moved_to
            place = http.shown(memory.moved)
            self._context.on_note(f"{http.shown(url)} moved for good to {place}")
        if visit.reply.status == 410:
            memory.gone = True
            self._gone(url)
            return
        fresh, entries = 0, []
        if visit.feed is not None:
            read = self._read(url, memory, visit.reply.body, visit.feed)
            entries = [step.post.created_at for step in read if step.post and not step.dead]
            fresh = sum(1 for step in read if step.post and step.post.state == "live")
            yield from read
            self._keep(url, memory, visit.reply, visit.feed)
            self._children |= dict.fromkeys(visit.feed.children)
        self._plan(memory, visit, fresh, entries)

    def _failed(self, memory: Memory, error: ConnectorError | None) -> Iterator[Step]:
        if isinstance(error, WaitUntil):
            memory.wait = error.moment.isoformat()
        if isinstance(error, Refused):
            memory.moved = ""  # the old address may lead somewhere better
        if isinstance(error, SkipItem) and error.raw:
            yield Step(dead=error)
        if self._bounds.fastest:
            memory.rest = int(rhythm.after_error(memory.rest, self._bounds))
            self._set_due(memory)
            # Kept, so that a source all of whose feeds fail does not look well between visits.
            memory.wait = memory.wait or datetime.fromtimestamp(memory.due, UTC).isoformat()

    def _keep(self, url: str, memory: Memory, reply: http.Reply, feed: feeds.Feed) -> None:
        # Else what is missing, or what the document names, would never be asked for again.
        whole = not feed.cut and not feed.children
        memory.etag = reply.headers.get("etag", "")[:500] if whole else ""
        memory.modified = reply.headers.get("last-modified", "")[:100] if whole else ""
        memory.same = document_digest(reply.body) if whole else ""
        memory.skip = rhythm.written(feed.pace)
        if feed.cut:
            self._context.on_note(f"{http.shown(url)} was cut off; it is asked for whole again")

    def _plan(self, memory: Memory, visit: _Visit, fresh: int, moments: list[datetime]) -> None:
        if not self._bounds.fastest or visit.reply is None:
            return
        before = 0 if visit.feed and visit.feed.children else memory.rest
        rest = rhythm.after_visit(before, fresh, len(memory.seen), moments, self._bounds)
        pace = visit.feed.pace if visit.feed else rhythm.UNPACED
        asked = max(rest, pace.ttl, rhythm.max_age(visit.reply.headers))
        memory.rest = int(self._bounds.hold(asked))
        self._set_due(memory)

    def _set_due(self, memory: Memory) -> None:
        now = http.current_time(self._context)
        pace = rhythm.skipped(memory.skip)
        jitter = random.random()  # noqa: S311 - to spread visits, not to hide them
        memory.due = int(rhythm.next_visit(now, memory.rest, pace, jitter).timestamp())

    def _read(self, url: str, memory: Memory, body: bytes, feed: feeds.Feed) -> list[Step]:
        now = http.current_time(self._context)
        place = http.shown(url)
        steps = [
            Step(dead=SkipItem(f"{place}: {said}", place=f"{place} {said:.40}", raw=raw))
            for said, raw in feed.unreadable
        ]
        named = feeds.named(self.allowed(body, feed))
        keys = [entry_key(name) for name, _ in named]
        if memory.seen and named and not any(key in memory.seen for key in keys):
            steps.append(Step(gap=overflow(memory, [entry for _, entry in named], place, now)))
        page: dict[bytes, Seen] = {}
        for key, (name, entry) in zip(keys, named, strict=True):
            before = memory.seen.get(key)
            post = entry_post(self.spec.name, url, (name, entry), before, now)
            digest = content_digest(entry.title, entry.text)
            page[key] = Seen(digest, int(post.created_at.timestamp()))
            if before is None or before.content != digest:
                steps.append(Step(post=self.shaped(post, entry, feed)))
            else:
                self._known += 1
        memory.keep(page)
        memory.newest = max((seen.created for seen in page.values()), default=memory.newest)
        return steps

    def _real(self, url: str) -> str:
        """The address with `base_url` in its host's place."""
        if not self._base:
            return url
        return self._base + urlunsplit(("", "", *urlsplit(url)[2:]))
