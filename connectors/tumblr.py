"""Tumblr: posts that bear a tag, and posts of blogs, by its API v2.

Lists show the newest first and are paged by time. There is no search for words: what topics ask
for is looked for among tags. See docs/connectors/tumblr.md.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import quote

import msgspec

from connectors import http, times
from connectors.base import Context, Cursor, Gap, Option, Spec, Step, unreadable
from connectors.errors import BadSettings, ConnectorError, Retriable, WaitUntil
from connectors.fields import count, mapping
from connectors.newest_first import Anchors, Entry, read_back
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Post
from connectors.quota import Quota
from connectors.searches import Packed, Search, pack, turn
from connectors.text import line, tag
from connectors.tumblr_posts import number_of, read

_API: Final = "https://api.tumblr.com"
_PAGE: Final = 20
_PAGES: Final = 50
_LATE: Final = 3600.0
"""Seconds by which a post may show up after others that are newer."""
_AN_HOUR: Final = 1_000
_A_DAY: Final = 5_000
_LONGEST_TAG: Final = 140

Item = dict[str, Any]


class Tumblr:
    """Cursor: `{"lists": {list: what is known of its newest posts}, "last": the list read last,
    "hour" and "day": the calls used}`, a list being `tag:name` or `blog:name`."""

    spec: ClassVar[Spec] = Spec(
        name="tumblr",
        door="API v2",
        sees="public posts under tags, and those of blogs",
        needs="an app's consumer key",
        limits="1,000 requests an hour, 5,000 a day",
        options=(
            Option("api_key", "The app's OAuth consumer key.", "", required=True, secret=True),
            Option("tags", "Tags to follow; left out, the words and phrases of topics.", ()),
            Option("blogs", "Blogs to follow, such as staff or staff.tumblr.com.", ()),
            Option("backfill_pages", "Pages that the first start reads of a list, 1-50.", 5),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        keyless=False,
        group="networks",
        access="key",
        poll_seconds=300.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._key = options.text("api_key")
        self._tags = [tag(name) for name in options.many("tags")]
        self._blogs = options.many("blogs")
        self._base = options.url("base_url") or _API
        self._first = options.whole("backfill_pages", 1, 50)
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._left_off = False

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over every list, oldest post first. Raises `WaitUntil` where the calls of the
        hour or the day are used up; the next pass begins with the list after."""
        known = mapping(cursor)
        lists = {name: Anchors.of(one) for name, one in mapping(known.get("lists")).items()}
        hour = Quota(self._context, known.get("hour"), what="calls", limit=_AN_HOUR, period="hour")
        day = Quota(self._context, known.get("day"), what="calls", limit=_A_DAY, period="day")
        asked = turn(self._lists(), line(known.get("last")))
        names = {one.query for one in asked}
        async with http.Client(
            self._context, contact=self._contact, secrets=[self._key], seconds=self._timeout
        ) as client:
            for one in asked:
                async for step in self._list(client, one.query, lists, (hour, day)):
                    yield step
                kept = {name: lists[name].state for name in lists if name in names}
                spent = {"hour": hour.state, "day": day.state}
                yield Step(cursor={"lists": kept, "last": one.query, **spent})

    def reread(self, raw: bytes) -> Post:
        """The post of an item that could not be read before. Raises `ValueError`."""
        return read(mapping(msgspec.json.decode(raw)), http.current_time(self._context))

    def _lists(self) -> list[Packed]:
        """`tag:` and `blog:` with their names; the topics' words where none is set."""
        named = [f"tag:{name}" for name in self._tags] + [f"blog:{name}" for name in self._blogs]
        if named:
            return [Packed(name) for name in named]
        searches = self._context.searches()
        packed = pack(searches, _as_tag, _LONGEST_TAG, on_note=self._context.on_note)
        if not packed:
            raise BadSettings(
                "tumblr: there is nothing to look for: 'tags' and 'blogs' are empty, and no topic"
                " names a word. Remedy: name tags or blogs, or add a topic with a word"
            )
        return packed

    async def _list(
        self,
        client: http.Client,
        name: str,
        lists: dict[str, Anchors],
        quotas: Sequence[Quota],
    ) -> AsyncIterator[Step]:
        anchors, self._left_off = lists.get(name, Anchors()), False
        pages = self._pages(client, name, quotas)
        found = await read_back(pages, anchors, overlap=_LATE, first=self._first)
        if self._left_off and not found.whole:
            since = datetime.fromtimestamp(anchors.newest, UTC).isoformat()
            until = datetime.fromtimestamp(min(one.at for one in found.fresh), UTC).isoformat()
            reason = f"{name}: more than {_PAGES * _PAGE} posts since it was read last"
            yield Step(gap=Gap(since=since, until=until, reason=reason))
        for entry in reversed(found.fresh):
            yield self._step(entry.item)
        lists[name] = anchors.after(found.fresh)

    async def _pages(
        self, client: http.Client, name: str, quotas: Sequence[Quota]
    ) -> AsyncIterator[Sequence[Entry[Item]]]:
        """Each page from the second of the oldest post before on: posts of one second may be cut
        in two. An empty page is the end; a short one is not."""
        before, seen = 0, set[str]()
        for _ in range(_PAGES):
            entries = [self._entry(item) for item in await self._page(client, name, before, quotas)]
            fresh = [entry for entry in entries if entry.name not in seen]
            if not entries or (not fresh and before <= min(int(one.at) for one in entries)):
                return
            yield fresh
            seen.update(entry.name for entry in fresh)
            lowest = min(int(entry.at) for entry in entries)
            before = lowest + 1 if fresh and lowest + 1 != before else lowest
        self._left_off = True

    def _entry(self, item: Item) -> Entry[Item]:
        """A featured tag is in the order of `featured_timestamp`."""
        raw = msgspec.json.encode(item)
        name = number_of(item) or hashlib.blake2b(raw, digest_size=12).hexdigest()
        now = http.current_time(self._context)
        stamp = item.get("featured_timestamp") or item.get("timestamp")
        return Entry(name, times.parse_or(stamp, now, now=now).timestamp(), item)

    async def _page(
        self, client: http.Client, name: str, before: int, quotas: Sequence[Quota]
    ) -> list[Item]:
        kind, _, which = name.partition(":")
        params = {"api_key": self._key, "npf": "true", "limit": str(_PAGE)}
        if before:
            params["before"] = str(before)
        url = f"{self._base}/v2/tagged"
        if kind == "tag":
            params["tag"] = which
        else:
            params["reblog_info"] = "true"
            url = f"{self._base}/v2/blog/{quote(which, safe='')}/posts"
        for quota in quotas:
            quota.spend()
        reply = await client.get(url, params=params, accept=(200, 404, 429))
        if reply.status == 404 and kind == "blog":
            self._context.on_note(f"tumblr: there is no public blog {which!r:.80}")
            return []
        if reply.status != 200:
            raise self._limit(client.refusal(reply), reply)
        value = mapping(http.decode(reply))
        response = value.get("response")
        items = response.get("posts") if isinstance(response, dict) else response
        if not isinstance(items, list):
            said = line(mapping(value.get("meta")).get("msg"), limit=200) or "no list of posts"
            raise Retriable(f"{reply.place} answered {said}")
        return [mapping(item) for item in items]

    def _limit(self, error: ConnectorError, reply: http.Reply) -> ConnectorError:
        """Tumblr counts by the hour and by the day, each with seconds to its reset."""
        if isinstance(error, WaitUntil):
            return error
        now = http.current_time(self._context)
        for period in ("perday", "perhour"):
            left = reply.headers.get(f"x-ratelimit-{period}-remaining")
            seconds = count(reply.headers.get(f"x-ratelimit-{period}-reset"))
            if left == "0" and seconds is not None:
                return WaitUntil(f"{error}", now + timedelta(seconds=min(seconds, 86_400)))
        return error

    def _step(self, item: Item) -> Step:
        place = f"tumblr post {number_of(item) or '(without id)'}"
        try:
            return Step(post=read(item, http.current_time(self._context)))
        except ValueError as error:
            raw = msgspec.json.encode(item)
            return unreadable(place, error, raw)


def _as_tag(searches: Sequence[Search]) -> str | None:
    """The longest word or phrase of one search: the one that a tag is likeliest to be."""
    if len(searches) != 1:
        return None
    return f"tag:{tag(max(searches[0].words, key=len)).lower()}"
