"""One pass over YouTube: searches in their turn, uploads of channels, videos to ask again."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from connectors import http, times
from connectors import youtube_posts as posts_of
from connectors.archive import OVERLAP, Unreadable, read
from connectors.base import Context, Cursor, Gap, Step
from connectors.errors import Refused, WaitUntil
from connectors.fields import mapping, mappings
from connectors.follow import Follow, Recheck
from connectors.post import Post, tombstone
from connectors.searches import Packed
from connectors.text import line
from connectors.youtube_api import IDS, Calls, entries
from connectors.youtube_comments import Comments

_MOST_PAGES: Final = 10
_MOST_KEPT: Final = 5_000


@dataclass(slots=True)
class _Results:
    """What a search gave: `cut` where it has more than it reaches, `unfinished` where the budget
    ended it."""

    videos: dict[str, Any] = field(default_factory=dict)
    unreadable: list[Any] = field(default_factory=list)
    cut: bool = False
    unfinished: bool = False

    def take(self, items: Sequence[Any]) -> bool:
        """Whether a page brought a video that none before did."""
        before = len(self.videos)
        for item in items:
            if name := posts_of.video_id(item):
                self.videos.setdefault(name, item)
            elif not posts_of.is_other(item):
                self.unreadable.append(item)
        return len(self.videos) > before


class Pass:
    """What one pass over YouTube knows and does."""

    def __init__(
        self, context: Context, calls: Calls, known: dict[str, Any], *, comments: bool
    ) -> None:
        self._context, self._calls = context, calls
        self._searched = _rows(known.get("searched"))
        self._uploads = _rows(known.get("uploads"))
        self._recheck = Recheck(known.get("recheck"), most=_MOST_KEPT)
        self._seen = set(self._recheck.state)
        self._follows = comments
        self.unreadable = Unreadable(known.get("dead"))
        follow = Follow(known.get("follow"))
        self.comments = Comments(context, calls, follow, known.get("replies"))

    @property
    def state(self) -> Cursor:
        return {
            "searched": {name: list(row) for name, row in self._searched.items()},
            "uploads": {name: list(row) for name, row in self._uploads.items()},
            "recheck": self._recheck.state,
            "follow": self.comments.follow.state,
            "replies": self.comments.replies,
            "dead": self.unreadable.state,
            "budgets": self._calls.state,
        }

    def busy(self, channels: Sequence[str]) -> bool:
        """Whether there is something to do without a search."""
        watched = bool(self._recheck.state or self.comments.follow.state)
        return (bool(channels) or watched) and self._calls.units.left > 0

    def in_turn(self, packed: Sequence[Packed]) -> Iterator[str]:
        """Queries to ask now: those never asked, then, from the one asked longest ago on, as many
        as an even use of the day's budget allows."""
        queries = [one.query for one in packed]
        self._searched = {name: row for name, row in self._searched.items() if name in queries}
        asked = {query: self._searched.get(query, ("",))[0] for query in queries}
        for query in sorted(queries, key=lambda one: asked[one]):
            if not asked[query] or self._calls.ahead(self._calls.searches):
                yield query

    async def search(
        self, query: str, backfill: timedelta, leaning: Mapping[str, str]
    ) -> AsyncIterator[Step]:
        """All that a query finds since it was read up to, oldest first, with an overlap."""
        now = http.current_time(self._context)
        before = self._searched.get(query, ("", ""))[1]
        start = now - backfill
        since = times.parse_or(before, start, now=now) - OVERLAP if before else start
        results = await self._results(query, since, leaning)
        found = results.videos
        async for step in self.new([*found][::-1], found):
            yield step
        for item in results.unreadable:
            yield read(item, posts_of.video, f"youtube search {query:.80}", now)
        if results.cut:
            reason = f"a search reaches its first results only, and {query!r:.80} has more"
            until = _oldest(found, now).isoformat()
            yield Step(gap=Gap(since=since.isoformat(), until=until, reason=reason))
        newest = max([since, *(_published(item, since, now) for item in found.values())])
        # Where the budget ended the search, what is older has yet to be found.
        upto = before if results.unfinished else newest.isoformat()
        self._searched[query] = [now.isoformat(), upto]
        yield Step(cursor=self.state)

    async def _results(self, query: str, since: datetime, leaning: Mapping[str, str]) -> "_Results":
        params = {
            "part": "snippet",
            "q": query,
            "type": "video",
            "order": "date",
            "publishedAfter": f"{since:%Y-%m-%dT%H:%M:%SZ}",
            "maxResults": "50",
            **leaning,
        }
        results = _Results()
        for _ in range(_MOST_PAGES):
            try:
                page = await self._calls.search(params)
            except WaitUntil as error:
                if not results.videos:
                    raise
                self._context.on_note(str(error))
                results.unfinished = True
                return results
            fresh = results.take(entries(page))
            params["pageToken"] = line(page.get("nextPageToken"))
            if not params["pageToken"] or not fresh:
                return results
        results.cut = True
        return results

    async def new(
        self, names: Sequence[str], found: dict[str, Any], *, always: bool = False
    ) -> AsyncIterator[Step]:
        """Videos seen for the first time, with what `videos.list` says of them; where it says
        nothing yet, with what the search said."""
        now = http.current_time(self._context)
        fresh = [name for name in names if name not in self._seen]
        repeats = len(names) - len(fresh)
        for name in names if always else ():
            self.comments.watch(name, now, at_once=True)
        for start in range(0, len(fresh), IDS):
            batch = fresh[start : start + IDS]
            told = await self._details(batch)
            for name in batch:
                if name not in told and name not in found:
                    self._context.on_note(f"youtube: the video {name} is gone or private")
                    continue
                if name in told:
                    step = read(told[name], posts_of.video, f"youtube video {name}", now)
                else:
                    step = read(found[name], _escaped, f"youtube result {name}", now)
                self._remember(name, step, now)
                yield step
        yield Step(duplicates=repeats)

    async def _details(self, batch: Sequence[str]) -> dict[str, dict[str, Any]]:
        try:
            return await self._calls.videos(batch)
        except Refused as error:
            self._context.on_note(f"details can't be had: {error}")
            return {}

    def _remember(self, name: str, step: Step, now: datetime) -> None:
        self._seen.add(name)
        if step.post is None:
            return
        self._recheck.add(name, step.post.created_at, now)
        replies = step.post.engagement.replies  # not told where comments are switched off
        if self._follows and replies is not None:
            self.comments.watch(name, now, at_once=replies > 0)

    async def uploads(self, channels: Sequence[str]) -> AsyncIterator[Step]:
        """What each channel uploaded since its list was read; at first its newest page."""
        for channel in channels:
            try:
                async for step in self._channel(channel):
                    yield step
            except Refused as error:
                self._context.on_note(f"channel {channel}: {error}")

    async def _channel(self, channel: str) -> AsyncIterator[Step]:
        now = http.current_time(self._context)
        playlist, upto = self._uploads.get(channel, ("", ""))
        playlist = playlist or await self._playlist(channel)
        since = times.parse_or(upto, now, now=now) - OVERLAP
        params = {"part": "snippet,contentDetails", "playlistId": playlist, "maxResults": "50"}
        found: dict[str, Any] = {}
        newest, whole = times.parse_or(upto, since, now=now), False
        async for page in self._calls.pages("playlistItems", params, 20):
            found |= {name: item for item in page if (name := posts_of.video_id(item))}
            moments = [_published(item, now, now) for item in page]
            newest = max([newest, *moments])
            if not upto or not moments or min(moments) < since or len(page) < 50:
                whole = True
                break
        async for step in self.new([*found][::-1], {}):
            yield step
        if not whole and len(found) >= 20 * 50:
            until = _oldest(found, now).isoformat()
            reason = f"channel {channel} uploaded more than is read in one pass"
            yield Step(gap=Gap(since=upto, until=until, reason=reason))
        self._uploads[channel] = [playlist, newest.isoformat()]
        yield Step(cursor=self.state)

    async def _playlist(self, channel: str) -> str:
        named = {"id": channel} if channel.startswith("UC") else {"forHandle": channel}
        page = await self._calls.listed("channels", {"part": "contentDetails", **named})
        for item in mappings(entries(page)):
            lists = mapping(mapping(item.get("contentDetails")).get("relatedPlaylists"))
            if playlist := line(lists.get("uploads"), limit=128):
                return playlist
        raise Refused(f"youtube knows no channel {channel}. Remedy: look at 'channels'")

    async def again(self) -> AsyncIterator[Step]:
        """Counts of the videos that are due; those that are gone are deletions."""
        now = http.current_time(self._context)
        published = self._recheck.state
        due = self._recheck.due(now, IDS)
        if not due:
            return
        told = await self._calls.videos(due)
        for name in due:
            self._recheck.asked(name, now)
            if name in told:
                yield read(told[name], posts_of.video, f"youtube video {name}", now)
                continue
            created = datetime.fromtimestamp(published[name][1], tz=now.tzinfo)
            self.comments.follow.drop(name)
            yield Step(post=tombstone("youtube", name, created, now, kind="video"))


def _escaped(item: Any, now: datetime) -> Post:
    return posts_of.video(item, now, escaped=True)


def _published(item: Any, default: datetime, now: datetime) -> datetime:
    fields = mapping(item)
    told = mapping(fields.get("contentDetails")).get("videoPublishedAt")
    return times.parse_or(
        told or mapping(fields.get("snippet")).get("publishedAt"), default, now=now
    )


def _oldest(found: dict[str, Any], now: datetime) -> datetime:
    return min((_published(item, now, now) for item in found.values()), default=now)


def _rows(known: Any) -> dict[str, Any]:
    """Pairs of texts, by name."""
    return {
        name: row
        for name, row in mapping(known).items()
        if isinstance(row, list) and len(row) == 2 and all(isinstance(one, str) for one in row)
    }
