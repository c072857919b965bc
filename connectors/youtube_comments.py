"""Comments and replies under YouTube's videos: newest threads first, replies where counts grew.

A reply to an old thread does not move it up: once a day a video's threads are read deeper, and
each thread's `totalReplyCount` is compared with the one before.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Final

from connectors import http, times
from connectors import youtube_posts as posts_of
from connectors.archive import read
from connectors.base import Context, Step
from connectors.errors import Refused
from connectors.fields import count, mapping, mappings
from connectors.follow import Follow
from connectors.text import line
from connectors.youtube_api import Calls

_THREADS: Final = 25
_MOST_PAGES: Final = 20
_BURST: Final = 0.2
_REPLY_PAGES: Final = 10
_MOST_COUNTS: Final = 10_000
_DEEP_EVERY: Final = timedelta(days=1)


class Comments:
    """`follow`'s mark is `newest comment's time|time of the last deep look`. `replies` is how many
    replies each thread had when they were read."""

    def __init__(self, context: Context, calls: Calls, follow: Follow, replies: Any) -> None:
        self._context, self._calls, self.follow = context, calls, follow
        known = mapping(replies).items()
        self.replies = {name: n for name, n in known if isinstance(n, int)}
        self._at_once: list[str] = []

    def watch(self, name: str, now: datetime, *, at_once: bool) -> None:
        """Follow the comments of a video, from this pass on where it has some."""
        self.follow.add(name, now)
        if at_once:
            self._at_once.append(name)

    async def steps(self) -> AsyncIterator[Step]:
        """Comments of the videos that are due, as far as an even use of the budget allows; the
        rest in later passes."""
        now = http.current_time(self._context)
        due = [*self._at_once[:_THREADS], *self.follow.due(now, _THREADS)]
        for name in dict.fromkeys(due):
            if not self._calls.ahead(self._calls.units, _BURST):
                self._context.on_note("youtube: comments wait, so that the budget lasts the day")
                break
            try:
                async for step in self._video(name, now):
                    yield step
            except Refused as error:  # switched off, or the video is gone
                self._context.on_note(f"comments of {name}: {error}")
                self.follow.drop(name)
        self._at_once.clear()

    async def _video(self, name: str, now: datetime) -> AsyncIterator[Step]:
        newest, _, looked = self.follow.mark(name).partition("|")
        since = times.parse_or(newest, now, now=now)
        last = times.parse_or(looked, now - 2 * _DEEP_EVERY, now=now)
        deep = now - last >= _DEEP_EVERY
        params = {
            "part": "snippet,replies",
            "videoId": name,
            "order": "time",
            "maxResults": "100",
            "textFormat": "plainText",
        }
        fresh, latest = 0, newest
        async for page in self._calls.pages("commentThreads", params, _MOST_PAGES):
            oldest = now
            for thread in page:
                async for step in self._thread(mapping(thread), name, now):
                    if step.post is not None:
                        changed = step.post.updated_at or step.post.created_at
                        oldest = min(oldest, step.post.created_at)
                        if newest and changed < since:
                            continue
                        fresh += not newest or changed > since
                        latest = max(latest, changed.isoformat())
                    yield step
            if newest and oldest < since and not deep:
                break
        looked_at = now.isoformat() if deep else looked
        self.follow.looked(name, now, fresh, f"{latest}|{looked_at}")

    async def _thread(
        self, thread: dict[str, Any], video: str, now: datetime
    ) -> AsyncIterator[Step]:
        """A thread's comment, and its replies where there are more than were read before."""
        snippet = mapping(thread.get("snippet"))
        top = mapping(snippet.get("topLevelComment"))
        yield self._read(top or thread, video, now)
        name = line(thread.get("id"), limit=128) or line(top.get("id"), limit=128)
        enclosed = mappings(mapping(thread.get("replies")).get("comments"))
        total = count(snippet.get("totalReplyCount")) or 0
        grown = total > self.replies.get(name, 0)
        if grown and total > len(enclosed) and name:
            enclosed = [*enclosed, *await self._replies(name)]
        known = set()
        for reply in enclosed:
            if (own := line(reply.get("id"), limit=128)) not in known or not own:
                known.add(own)
                yield self._read(reply, video, now)
        self._count(name, total)

    async def _replies(self, thread: str) -> list[Any]:
        params = {
            "part": "snippet",
            "parentId": thread,
            "maxResults": "100",
            "textFormat": "plainText",
        }
        found: list[Any] = []
        try:
            async for page in self._calls.pages("comments", params, _REPLY_PAGES):
                found += mappings(page)
        except Refused as error:
            self._context.on_note(f"replies of {thread}: {error}")
        return found

    def _count(self, name: str, total: int) -> None:
        if not name or not total:
            return
        self.replies.pop(name, None)
        self.replies[name] = total
        while len(self.replies) > _MOST_COUNTS:
            del self.replies[next(iter(self.replies))]

    def _read(self, item: Any, video: str, now: datetime) -> Step:
        def as_post(one: Any, at: datetime) -> Any:
            return posts_of.comment(one, video, at)

        return read(item, as_post, f"youtube comment under {video}", now)
