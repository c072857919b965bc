"""Hacker News: every story, comment, poll and job, in the order of their numbers.

Items are numbered without holes, so walking from the last number to `maxitem` misses none. An
item that is still `null` (its server lags) is asked again on later passes. `updates.json` tells
of deletions and edits. See docs/connectors/hackernews.md.
"""

import dataclasses
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import msgspec

from connectors import http, times
from connectors.base import Context, Cursor, Gap, Option, Spec, Step
from connectors.concurrency import ordered
from connectors.errors import Fatal, Retriable, SkipItem
from connectors.fields import count, mapping
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Author, Engagement, Kind, Post
from connectors.text import line, link, plain

_API: Final = "https://hacker-news.firebaseio.com/v0"
_PAGE: Final = "https://news.ycombinator.com/item?id="
_WIDTH: Final = 8
_MOST_PENDING: Final = 500
_MOST_UPDATES: Final = 200
_MOST_OWED: Final = 1_000
_MEMORY: Final = 20_000
_PATIENCE: Final = 24 * 3600.0
_KINDS: Final[dict[str, Kind]] = {
    "story": "post",
    "comment": "comment",
    "poll": "post",
    "pollopt": "comment",
    "job": "post",
}


class HackerNews:
    """Cursor: `{"last": number, "pending": {number: seconds since 1970 of the first try}}`."""

    spec: ClassVar[Spec] = Spec(
        name="hackernews",
        door="Firebase API",
        sees="every story, comment, poll and job; edits and deletions that updates.json lists",
        needs="nothing",
        limits="none stated; 8 requests at once",
        group="thematic",
        options=(
            Option("backfill", "How many of the latest items the first start reads.", 200),
            Option("updates", "Follow edits and deletions: yes or no.", "yes"),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        poll_seconds=30.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._backfill = options.whole("backfill", 0, 1_000_000)
        self._updates = options.switch("updates")
        self._base = options.url("base_url") or _API
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._roots: OrderedDict[int, int] = OrderedDict()
        self._texts: OrderedDict[int, bytes] = OrderedDict()
        self._owed: dict[int, None] = {}
        """Changed items that were listed and could not be read yet."""

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass: items that were missing, then new ones, then changed ones."""
        async with http.Client(
            self._context, contact=self._contact, seconds=self._timeout
        ) as client:
            top = await self._top(client)
            last, pending = _state(cursor, max(0, top - self._backfill))
            started = last
            waiting = sorted(pending)
            async for step in self._walk(client, waiting, last, pending, patience=len(waiting)):
                yield step
            fresh = iter(range(last + 1, top + 1))
            async for step in self._walk(client, fresh, last, pending):
                last = step.cursor["last"]
                yield step
            if self._updates and cursor is not None:
                async for step in self._changes(client, started):
                    yield step

    async def _top(self, client: http.Client) -> int:
        value = await client.json(f"{self._base}/maxitem.json")
        top = count(value)
        if top is None:
            raise Retriable(f"hackernews: maxitem is {value!r:.80}, not a number")
        return top

    async def _walk(
        self,
        client: http.Client,
        numbers: Iterable[int],
        last: int,
        pending: dict[int, float],
        *,
        patience: int = _MOST_PENDING - 1,
    ) -> AsyncIterator[Step]:
        """`pending` is changed in place; each step's cursor is a copy. More than `patience`
        missing items in a row end the pass: the source is ahead of itself."""
        now = http.current_time(self._context)
        missing = 0
        async for number, reply in ordered(_fetcher(client, self._base), numbers, _WIDTH):
            step = self._step(number, reply, now)
            last = max(last, number)
            if step is None:
                missing += 1
                step = _postpone(number, pending, now)
            else:
                missing = 0
                pending.pop(number, None)
            kept = {str(n): at for n, at in pending.items()}
            yield dataclasses.replace(step, cursor={"last": last, "pending": kept})
            if missing > patience:
                raise Retriable(f"hackernews: {missing} items in a row are missing up to {number}")

    async def _changes(self, client: http.Client, until: int) -> AsyncIterator[Step]:
        try:
            value = await client.json(f"{self._base}/updates.json")
        except Fatal as error:
            self._context.on_note(f"edits and deletions can't be followed: {error}")
            return
        listed = mapping(value).get("items")
        numbers = [n for n in listed if count(n) is not None] if isinstance(listed, list) else []
        listed_now = dict.fromkeys(n for n in numbers[:_MOST_UPDATES] if n <= until)
        self._owed = dict.fromkeys([*self._owed, *listed_now][-_MOST_OWED:])
        now = http.current_time(self._context)
        async for number, reply in ordered(_fetcher(client, self._base), [*self._owed], _WIDTH):
            step = self._step(number, reply, now, changed=True)
            if step is not None:
                yield step
                self._owed.pop(number, None)

    def _step(
        self, number: int, reply: http.Reply, now: datetime, *, changed: bool = False
    ) -> Step | None:
        """The item as a step; `None` where the server does not have it yet, or gave a cut or
        garbled answer, which passes."""
        place = f"hackernews item {number}"
        try:
            item = msgspec.json.decode(reply.body)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            self._context.on_note(f"{place} came cut or garbled; it is asked for again")
            return None
        if item is None:
            return None
        try:
            return Step(post=self._post(number, item, now, changed=changed))
        except ValueError as error:
            skipped = SkipItem(f"{place}: {line(str(error), limit=200)}", place=place)
            skipped.raw = reply.body
            return Step(dead=skipped)

    def reread(self, raw: bytes) -> Post:
        """The post of an item that could not be read before. Raises `ValueError`."""
        item = msgspec.json.decode(raw)
        number = count(mapping(item).get("id"))
        if number is None:
            raise ValueError(f"the item has no number but {mapping(item).get('id')!r:.40}")
        return self._post(number, item, http.current_time(self._context), changed=False)

    def _post(self, number: int, item: object, now: datetime, *, changed: bool) -> Post:
        fields = mapping(item)
        if fields.get("id") != number:
            raise ValueError(f"item {number} came with the id {fields.get('id')!r:.40}")
        gone = fields.get("deleted") is True or fields.get("dead") is True
        time = fields.get("time")
        created = times.parse_or(time, now, now=now) if gone else times.parse(time, now=now)
        kind = _KINDS.get(str(fields.get("type")), "post")
        parent = count(fields.get("parent"))
        root = self._root(number, parent)
        if gone:
            return Post(
                id=f"hackernews:{number}",
                source="hackernews",
                kind=kind,
                state="deleted",
                created_at=created,
                collected_at=now,
                updated_at=now,
                url=f"{_PAGE}{number}",
            )
        text, truncated = _text(fields)
        edited = self._remember(number, text) and changed
        author = line(fields.get("by"))
        return Post(
            id=f"hackernews:{number}",
            source="hackernews",
            kind=kind,
            state="edited" if edited else "live",
            created_at=created,
            collected_at=now,
            updated_at=now if edited else None,
            url=f"{_PAGE}{number}",
            title=line(fields.get("title"), html=True),
            text=text,
            truncated=truncated,
            author=_author(author),
            engagement=Engagement(likes=count(fields.get("score")), replies=_replies(fields)),
            parent_id=f"hackernews:{parent}" if parent is not None else "",
            thread_id=f"hackernews:{root}" if root is not None else "",
        )

    def _root(self, number: int, parent: int | None) -> int | None:
        """The story a comment hangs under, where its ancestors were seen."""
        root = number if parent is None else self._roots.get(parent)
        if root is not None:
            _keep(self._roots, number, root)
        return root if parent is not None else None

    def _remember(self, number: int, text: str) -> bool:
        """Whether the text may differ from the one before: it does, or that one is not known
        (it was seen before a restart)."""
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        before = self._texts.get(number)
        _keep(self._texts, number, digest)
        return before != digest


def _fetcher(client: http.Client, base: str) -> Any:
    async def fetch(number: int) -> http.Reply:
        reply = await client.get(f"{base}/item/{number}.json", accept=(200, 404))
        return dataclasses.replace(reply, body=b"null") if reply.status == 404 else reply

    return fetch


def _state(cursor: Cursor, start: int) -> tuple[int, dict[int, float]]:
    if cursor is None:
        return start, {}
    fields = mapping(cursor)
    last = count(fields.get("last"))
    if last is None:
        raise Fatal(f"hackernews: the cursor {cursor!r:.80} can't be read; remove it to start anew")
    pending = mapping(fields.get("pending"))
    return last, {
        int(number): float(at)
        for number, at in pending.items()
        if count(number) is not None and isinstance(at, int | float)
    }


def _postpone(number: int, pending: dict[int, float], now: datetime) -> Step:
    """Ask again later; give up, with a gap on record, after a day or with too many waiting."""
    seconds = now.timestamp()
    first = pending.setdefault(number, seconds)
    stale = seconds - first > _PATIENCE
    lost = number if stale else min(pending) if len(pending) > _MOST_PENDING else None
    if lost is None:
        return Step()
    since = datetime.fromtimestamp(pending.pop(lost), UTC).isoformat()
    reason = f"item {lost} never came" if stale else f"too many items missing; gave up on {lost}"
    return Step(gap=Gap(since=since, until=now.isoformat(), reason=reason))


def _text(fields: dict[str, Any]) -> tuple[str, bool]:
    """The item's text; for a story that only links, the address, which names the site."""
    raw = fields.get("text")
    text, truncated = plain(raw, html=True) if isinstance(raw, str) else ("", False)
    return (text, truncated) if text else (link(fields.get("url")), False)


def _author(handle: str) -> Author:
    if not handle:
        return Author()
    page = link(f"https://news.ycombinator.com/user?id={handle}")
    return Author(id=handle, handle=handle, name=handle, url=page)


def _replies(fields: dict[str, Any]) -> int | None:
    total = count(fields.get("descendants"))
    kids = fields.get("kids")
    return len(kids) if total is None and isinstance(kids, list) else total


def _keep(memory: OrderedDict[int, Any], key: int, value: Any) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > _MEMORY:
        memory.popitem(last=False)
