"""Discourse: the posts of a forum, all of them or those that match.

Posts are numbered, so the list of the latest is walked down to what was read. A search tells the
beginning of each post; the whole is asked for once. See docs/connectors/discourse.md.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from connectors import http, listings
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.discourse_posts import Numbers, post_of
from connectors.errors import ConnectorError, Retriable, WaitUntil
from connectors.fields import count, mapping, mappings
from connectors.limits import status_error
from connectors.options import BASE_URL, CONTACT, QUERIES, TIMEOUT, Options, searched
from connectors.post import Post
from connectors.searches import single
from connectors.text import line

_OVERLAP: Final = timedelta(hours=1)
_WINDOW: Final = 50
_LONGEST_QUERY: Final = 200
_MOST_EMPTY: Final = 40
_MEMORY: Final = 2_000
_LATEST: Final = "latest"
_JUDGED: Final = (200, 401, 403, 404, 429)


class Discourse:
    """Cursor: `{"latest" or query: state of connectors.listings}`."""

    spec: ClassVar[Spec] = Spec(
        name="discourse",
        door="JSON of the forum",
        sees="the posts of a forum, or those that match; edits and deletions of the latest",
        needs="a forum's address; a key where it is closed",
        limits="200 requests a minute, 50 in 10 seconds",
        options=(
            Option("site", "The forum's address: https://meta.discourse.org.", "", required=True),
            Option("mode", "all (posts of the forum) or search.", "all"),
            QUERIES,
            Option("key", "API key, with username.", "", secret=True),
            Option("username", "The user that the key acts as.", ""),
            Option("user_key", "A user's own API key, instead of the two above.", "", secret=True),
            listings.BACKFILL,
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        group="thematic",
        poll_seconds=60.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context, self._options = context, options
        self._site = options.server("site")
        self._host = urlsplit(self._site).hostname or ""
        self._searches = options.choice("mode", ("all", "search")) == "search"
        key, user_key = options.header("key"), options.header("user_key")
        self._secrets = [key, user_key]
        self._private = _headers(key, user_key, options.header("username"))
        self._backfill = options.whole("backfill", 1, 100_000)
        self._base = options.url("base_url") or self._site
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._numbers = Numbers()
        self._whole: OrderedDict[int, dict[str, Any]] = OrderedDict()

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over the latest posts, or over what each search finds, oldest first."""
        known = mapping(cursor)
        async with http.Client(
            self._context,
            contact=self._contact,
            private=self._private,
            secrets=self._secrets,
            seconds=self._timeout,
        ) as client:
            lists = [_LATEST]
            if self._searches:
                packed = searched(self._options, self._context, single, _LONGEST_QUERY)
                lists = [one.query for one in packed]
            steps = listings.read_lists(
                self._context,
                {name: known[name] for name in lists if name in known},
                lists,
                lambda name: (
                    self._found(client, name, mapping(known.get(name)))
                    if self._searches
                    else self._latest(client, mapping(known.get(name)))
                ),
                self._post,
                backfill=self._backfill,
                overlap=_OVERLAP,
            )
            async for step in steps:
                yield step

    def reread(self, raw: bytes) -> Post:
        """The post of an item that could not be read before. Raises `ValueError`."""
        return listings.reread(self._post, raw)

    def _post(self, name: str, item: Any) -> Post | None:
        now = http.current_time(self._context)
        return post_of(self._host, self._site, item, self._numbers, now)

    async def _latest(self, client: http.Client, known: dict[str, Any]) -> listings.Pages:
        """Pages of the latest posts. One that is empty is not the end: older forums give the posts
        of fifty numbers, which may all be hidden."""
        before, empty = 0, 0
        while True:
            params = {"before": str(before)} if before else {}
            said = await self._json(client, "posts.json", params)
            found = said.get("latest_posts")
            if not isinstance(found, list):
                raise Retriable(f"{self._host} answered no list of posts")
            numbers = [n for n in (count(mapping(one).get("id")) for one in found) if n is not None]
            if found:
                for one in mappings(found):
                    self._numbers.learn(self._host, one)
                yield found
            empty = 0 if numbers else empty + 1
            before = min(numbers) - 1 if numbers else before - _WINDOW
            if before <= 0 or empty > _MOST_EMPTY:
                return

    async def _found(
        self, client: http.Client, query: str, known: dict[str, Any]
    ) -> listings.Pages:
        """Pages of what a search finds and was not known, with the whole text of each."""
        since = known.get("newest")
        terms = f"{query} order:latest"
        if isinstance(since, int | float):
            begin = datetime.fromtimestamp(since, UTC) - timedelta(days=1)
            terms += f" after:{begin:%Y-%m-%d}"
        rows = mapping(known.get("known"))
        number = 1
        while True:
            said = await self._json(client, "search.json", {"q": terms, "page": str(number)})
            found, about = said.get("posts"), mapping(said.get("grouped_search_result"))
            if not isinstance(found, list) and not about:
                raise Retriable(f"{self._host} answered no search result")
            topics = {one.get("id"): one for one in mappings(said.get("topics"))}
            page = []
            for hit in found or []:
                fields = mapping(hit)
                if f"discourse:{self._host}/{fields.get('id')}" in rows:
                    continue
                topic = mapping(topics.get(fields.get("topic_id")))
                page.append(await self._entire(client, hit, topic))
            yield page
            if about.get("more_full_page_results") is not True:
                return
            number += 1

    async def _entire(self, client: http.Client, hit: Any, topic: dict[str, Any]) -> Any:
        """The hit with its whole text; as it is where that can't be had."""
        number = count(mapping(hit).get("id"))
        if number is None:
            return hit
        about = {"topic_title": topic.get("title"), "topic_slug": topic.get("slug")}
        if number not in self._whole:
            reply = await self._get(client, f"posts/{number}.json", {})
            said = mapping(http.decode(reply)) if reply.status == 200 else {}
            self._whole[number] = {**about, **mapping(hit), **said}
            if len(self._whole) > _MEMORY:
                self._whole.popitem(last=False)
        return self._whole[number]

    async def _json(self, client: http.Client, path: str, params: dict[str, str]) -> dict[str, Any]:
        reply = await self._get(client, path, params)
        if reply.status != 200:
            raise self._refused(reply)
        return mapping(http.decode(reply))

    async def _get(self, client: http.Client, path: str, params: dict[str, str]) -> http.Reply:
        reply = await client.get(f"{self._base}/{path}", params=params, accept=_JUDGED)
        if reply.status == 429:
            raise self._refused(reply)
        return reply

    def _refused(self, reply: http.Reply) -> ConnectorError:
        """The error of an answer, with the forum's reasons; seconds to wait may stand in its
        body."""
        now = http.current_time(self._context)
        try:
            said = mapping(http.decode(reply))
        except Retriable:
            said = {}
        why = said.get("errors")
        reasons = [line(one, limit=200) for one in why[:3]] if isinstance(why, list) else []
        error = status_error(reply.status, reply.headers, reply.body, http.shown(reply.url), now)
        message = ": ".join([f"{error}", *reasons])
        for secret in filter(None, self._secrets):
            message = message.replace(secret, "***")
        if isinstance(error, WaitUntil):
            return WaitUntil(message, error.moment)
        seconds = count(mapping(said.get("extras")).get("wait_seconds"))
        if reply.status == 429 and seconds is not None:
            return WaitUntil(message, now + timedelta(seconds=min(seconds, 86_400)))
        return type(error)(message)


def _headers(key: str, user_key: str, username: str) -> dict[str, str]:
    if user_key:
        return {"user-api-key": user_key}
    return {"api-key": key, "api-username": username or "system"} if key else {}
