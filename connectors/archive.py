"""Sites that keep lists of what was published: found, looked at again, and their comments followed.

What is the site's own (addresses, paging, fields) stands in a `Site`; what all have in common
(where each list was left, overlaps, repeatss, threads) stands here.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import msgspec

from connectors import http, times
from connectors.base import Context, Cursor, Gap, Step, unreadable
from connectors.errors import Fatal, Refused, SkipItem, WaitUntil
from connectors.fields import mapping
from connectors.follow import Follow, Recheck
from connectors.post import Kind, Post, tombstone
from connectors.slices import Slice

OVERLAP: Final = timedelta(hours=6)
"""Lists show some entries late: each is asked for again from this long before the newest known."""
_MOST_DEAD: Final = 500
_MOST_KEPT: Final = 5_000
_RECHECKED: Final = 50
_THREADS: Final = 25


class Site(Protocol):
    """One source. Its methods raise `ConnectorError`s, and `Refused` for what is not there."""

    name: str
    kind: Kind

    @property
    def state(self) -> Any:
        """What the site itself keeps in the cursor (under `site`), such as a budget."""
        ...

    def find(self, key: str, since: datetime, until: datetime) -> AsyncIterator[Slice[Any]]:
        """The entries of the list `key` in a span of time, oldest slice first."""
        ...

    def read(self, item: Any, now: datetime) -> Post:
        """An entry as a post. Raises `ValueError`."""
        ...

    async def again(self, native: str) -> Any | None:
        """One entry as it is now; `None` where it is gone."""
        ...

    async def comments(self, native: str) -> Sequence[Any]:
        """The comments under an entry, as many as a look may cost."""
        ...

    def comment(self, native: str, item: Any, now: datetime) -> Post:
        """A comment as a post. Raises `ValueError`."""
        ...


class Unreadable:
    """What was told to be unreadable, by the digests of its bytes: once is enough."""

    def __init__(self, known: Any) -> None:
        listed = known if isinstance(known, list) else []
        self._digests: dict[str, None] = dict.fromkeys(str(digest) for digest in listed)

    @property
    def state(self) -> list[str]:
        """For the cursor."""
        return [*self._digests][-_MOST_DEAD:]

    def is_new(self, dead: SkipItem) -> bool:
        """Whether this one was not told yet; from now on it was."""
        digest = hashlib.blake2b(dead.raw, digest_size=8).hexdigest()
        if digest in self._digests:
            return False
        self._digests[digest] = None
        return True


class Archive:
    """One pass over a site. The cursor is `{"marks": {list: time of its newest entry}, "recheck":
    …, "follow": …, "dead": [digests of unreadable entries], "site": …}`."""

    def __init__(
        self,
        context: Context,
        site: Site,
        cursor: Cursor,
        *,
        backfill: timedelta,
        comments: bool = False,
    ) -> None:
        known = mapping(cursor)
        self._context = context
        self._site = site
        self._backfill = backfill
        self._comments = comments
        self._marks = {k: v for k, v in mapping(known.get("marks")).items() if isinstance(v, str)}
        self._recheck = Recheck(known.get("recheck"), most=_MOST_KEPT)
        self._follow = Follow(known.get("follow"))
        self._dead = Unreadable(known.get("dead"))
        self._known = set(self._recheck.state)
        self._look_now: list[str] = []

    @property
    def state(self) -> Cursor:
        """The cursor as of now."""
        return {
            "marks": dict(self._marks),
            "recheck": self._recheck.state,
            "follow": self._follow.state,
            "dead": self._dead.state,
            "site": self._site.state,
        }

    async def steps(self, keys: Sequence[str]) -> AsyncIterator[Step]:
        """New entries of every list, then what is due to be asked again, then comments. A list
        that is not there is noted; where none is, the refusal is raised."""
        try:
            async for step in self._steps(keys):
                yield step
        except WaitUntil:
            yield Step(cursor=self.state)  # what was spent stands in it
            raise

    async def _steps(self, keys: Sequence[str]) -> AsyncIterator[Step]:
        refused: list[Refused] = []
        for key in keys:
            try:
                async for step in self._list(key):
                    yield step
            except Refused as error:
                refused.append(error)
                self._context.on_note(f"{key}: {error}")
        if refused and len(refused) == len(keys):
            raise refused[0]
        yield Step(cursor=self.state)
        async for step in self._again():
            yield step
        if self._comments:
            async for step in self._threads():
                yield step
        yield Step(cursor=self.state)

    async def _list(self, key: str) -> AsyncIterator[Step]:
        now = http.current_time(self._context)
        first = key not in self._marks
        since = now - self._backfill
        if not first:
            since = times.parse_or(self._marks[key], since, now=now) - OVERLAP
        newest = max(since, times.parse_or(self._marks.get(key), since, now=now))
        async for part in self._site.find(key, since, now):
            repeats = 0
            for item in part.items:
                step = read(item, self._site.read, f"{self._site.name} {key}", now)
                if step.dead is not None and not self._dead.is_new(step.dead):
                    continue
                if step.post is not None:
                    newest = max(newest, step.post.created_at)
                    native = self._native(step.post)
                    if native in self._known or (not first and step.post.created_at < since):
                        repeats += 1
                        continue
                    self._remember(native, step.post, now)
                yield step
            if part.lost:
                yield Step(gap=lost(part, self._site.name))
            self._marks[key] = newest.isoformat()
            yield Step(cursor=self.state, duplicates=repeats)
        self._marks.setdefault(key, newest.isoformat())

    def _native(self, post: Post) -> str:
        return post.id.removeprefix(f"{self._site.name}:")

    def _remember(self, native: str, post: Post, now: datetime) -> None:
        self._known.add(native)
        self._recheck.add(native, post.created_at, now)
        if self._comments and post.state != "deleted":
            self._follow.add(native, now)
            if post.engagement.replies:
                self._look_now.append(native)

    async def _again(self) -> AsyncIterator[Step]:
        now = http.current_time(self._context)
        published = self._recheck.state
        for native in self._recheck.due(now, _RECHECKED):
            try:
                item = await self._site.again(native)
            except Fatal as error:
                self._context.on_note(f"{self._site.name} {native} can't be asked again: {error}")
                self._recheck.asked(native, now)
                continue
            created = datetime.fromtimestamp(published[native][1], tz=now.tzinfo)
            self._recheck.asked(native, now)
            if item is None:
                self._follow.drop(native)
                yield Step(
                    post=tombstone(self._site.name, native, created, now, kind=self._site.kind)
                )
                continue
            yield read(item, self._site.read, f"{self._site.name} {native}", now)

    async def _threads(self) -> AsyncIterator[Step]:
        now = http.current_time(self._context)
        due = dict.fromkeys([*self._look_now[:_THREADS], *self._follow.due(now, _THREADS)])
        for native in due:
            mark = self._follow.mark(native)
            try:
                found = await self._site.comments(native)
            except Fatal as error:
                self._context.on_note(f"comments of {self._site.name} {native}: {error}")
                self._follow.drop(native)
                continue
            fresh, newest = 0, mark
            for item in found:
                step = self._comment(native, item, now)
                if step.dead is not None and not self._dead.is_new(step.dead):
                    continue
                if step.post is not None:
                    at = (step.post.updated_at or step.post.created_at).isoformat()
                    if mark and at < mark:
                        continue
                    fresh += at > mark
                    newest = max(newest, at)
                yield step
            self._follow.looked(native, now, fresh, newest)
        self._look_now.clear()

    def _comment(self, native: str, item: Any, now: datetime) -> Step:
        def as_post(one: Any, at: datetime) -> Post:
            return self._site.comment(native, one, at)

        return read(item, as_post, f"{self._site.name} {native} comment", now)


def read(item: Any, as_post: Callable[[Any, datetime], Post], place: str, now: datetime) -> Step:
    """`item` as a post, or as a dead letter with its place and bytes."""
    try:
        return Step(post=as_post(item, now))
    except ValueError as error:
        raw = msgspec.json.encode(item)
        return unreadable(place, error, raw, limit=200)


async def still(
    client: http.Client,
    url: str,
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Any | None:
    """The JSON of one entry's address; `None` where it says that it is gone (404, 410)."""
    reply = await client.get(url, params=params, headers=headers, accept=(200, 404, 410))
    return http.decode(reply) if reply.status == 200 else None


def lost(part: Slice[Any], source: str) -> Gap:
    """What of a slice is out of reach."""
    return Gap(
        since=part.since.isoformat(),
        until=part.until.isoformat(),
        reason=f"{source} lists only the first results of a search, and there were more",
    )
