"""VKontakte: searches over public posts, walls, comments, counts and deletions, over its API.

See docs/connectors/vk.md.
"""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import replace
from math import inf
from typing import ClassVar, Final

import msgspec

from connectors import http
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import BadSettings, Refused, Retriable, SkipItem
from connectors.fields import mapping
from connectors.options import (
    BASE_URL,
    CONTACT,
    LISTEN,
    PATH,
    QUERIES,
    TIMEOUT,
    Options,
    searched,
)
from connectors.post import Post
from connectors.quota import Quota
from connectors.receiving import (
    Answer,
    Received,
    Request,
    accepted,
    json_body,
    listen,
    refused,
    same,
)
from connectors.searches import Packed, single
from connectors.text import line
from connectors.throttle import Throttle
from connectors.vk_api import API, Api, Closed, Spent
from connectors.vk_callback import event_steps, read_event
from connectors.vk_comments import comments
from connectors.vk_desk import Desk
from connectors.vk_posts import wall_comment, wall_post
from connectors.vk_search import METHOD as SEARCH
from connectors.vk_search import search
from connectors.vk_stream import Stream, event_post
from connectors.vk_walls import METHOD as WALL
from connectors.vk_walls import refresh, walls

_LONGEST_QUERY: Final = 500
_ZONE: Final = "Europe/Moscow"
_MODES: Final = ("", "search", "walls", "all", "stream", "callback")


class Vk:
    """Cursor: `{"searches": {query: {at, asked}}, "walls": {wall: {last, edited, asked}}, "last":
    the query asked last, "follow": comments, "recheck": counts, "used": calls of the day}`; `at`
    is when the newest post that a query found was published, `last` a wall's highest number."""

    spec: ClassVar[Spec] = Spec(
        name="vk",
        door="API: newsfeed.search, wall.get",
        sees="public posts with the topics' words, posts of walls, comments; edits and deletions",
        needs="a service token of an application (free)",
        limits="3 calls a second; by default 1000 searches and 5000 looks at walls a day",
        options=(
            Option("token", "Service or user token; none for callback.", "", secret=True),
            Option("mode", f"{', '.join(_MODES[1:])}; left out, what is named.", ""),
            QUERIES,
            Option("walls", "Walls to read: numbers (-1), short names or addresses.", ()),
            Option("comments", "Follow the comments of posts seen: yes or no.", "yes"),
            Option("refresh", "Ask for counts and deletions again: yes or no.", "yes"),
            LISTEN,
            PATH,
            Option("secret", "The Callback API's secret key.", "", secret=True),
            Option("confirmation", "The text that confirms the address to VKontakte.", ""),
            Option("hours", "How far back the first search goes.", 24),
            Option("searches_a_day", "Calls of newsfeed.search a day.", 1000),
            Option("walls_a_day", "Calls of wall.get a day.", 5000),
            Option("calls_a_second", "Calls of any kind a second.", 3),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        keyless=False,
        group="networks",
        access="key",
        poll_seconds=90.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context, self._options = context, options
        self._token = options.header("token")
        self._mode = options.choice("mode", _MODES)
        self._walls = options.many("walls")
        self._queries = options.many(QUERIES.name)
        self._comments = options.switch("comments")
        self._refresh = options.switch("refresh")
        self._hours = options.whole("hours", 1, 24 * 365)
        self._limits = {
            SEARCH: options.whole("searches_a_day", 1, 10_000_000),
            WALL: options.whole("walls_a_day", 1, 10_000_000),
        }
        self._throttle = Throttle(options.whole("calls_a_second", 1, 1000))
        self._root = options.url("base_url")
        self._base = self._root or API
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._host, self._port = options.address("listen")
        self._path = options.path("path", "/hooks/vk")
        self._secret = options.text("secret")
        self._confirmation = options.text("confirmation")
        if self._mode == "walls" and not self._walls:
            raise BadSettings("vk: 'mode' is 'walls'; name them in 'walls'")

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over searches, walls, comments and counts; or what is sent, until cut."""
        if self._mode != "callback" and not self._token:
            raise BadSettings("vk: set 'token': a service token of dev.vk.com > My apps > Settings")
        found = self._sent() if self._mode == "callback" else self._asked_for(cursor)
        async with contextlib.aclosing(found) as steps:
            async for step in steps:
                yield step

    async def _asked_for(self, cursor: Cursor) -> AsyncGenerator[Step, None]:
        queries = self._queries_now()
        async with http.Client(
            self._context,
            contact=self._contact,
            private={"authorization": f"Bearer {self._token}"},
            secrets=[self._token],
            seconds=self._timeout,
        ) as client:
            desk = self._desk(client, cursor)
            streams = self._mode == "stream"
            found = self._streamed(client, desk, queries) if streams else self._pass(desk, queries)
            async with contextlib.aclosing(found) as steps:
                async for step in steps:
                    yield step

    async def _pass(self, desk: Desk, queries: list[Packed]) -> AsyncGenerator[Step, None]:
        rest = self.spec.poll_seconds
        parts = []
        if queries:
            limit = self._limits[SEARCH]
            parts.append(search(desk, queries, hours=self._hours, a_day=limit, poll=rest))
        if self._walls and self._mode != "search":
            parts.append(walls(desk, self._walls, a_day=self._limits[WALL], poll=rest))
        failed: list[Spent | Closed | Refused] = []
        for part in parts:
            try:
                async for step in part:
                    yield step
            except (Spent, Closed, Refused) as error:
                self._context.on_note(f"{error}")
                failed.append(error)
        for part in (comments(desk), refresh(desk)):
            with contextlib.suppress(Spent):
                async for step in part:
                    yield step
        yield Step(cursor=desk.cursor())
        if failed and len(failed) == len(parts):
            raise min(failed, key=lambda error: not isinstance(error, Spent))

    async def _streamed(
        self, client: http.Client, desk: Desk, queries: list[Packed]
    ) -> AsyncGenerator[Step, None]:
        """What passed while nobody listened, found by searches, then what comes."""
        try:
            limit = self._limits[SEARCH]
            async for step in search(desk, queries, hours=self._hours, a_day=limit, poll=inf):
                yield step
        except Spent as error:
            self._context.on_note(f"what passed meanwhile can't be searched for: {error}")
        opened = mapping(await desk.api.call("streaming.getServerUrl", {}))
        endpoint, key = line(opened.get("endpoint")), line(opened.get("key"))
        if not endpoint or not key:
            raise Retriable("vk: streaming.getServerUrl names no endpoint")
        client.hide(key)
        root = self._root or f"https://{endpoint}"
        stream = Stream(self._context, client, root, key, self._contact, self._timeout)
        await stream.keep_rules([one.query for one in queries])
        async for found in stream.events(lambda: [one.query for one in self._queries_now()]):
            desk.heard(http.current_time(self._context))
            yield replace(found or Step(), cursor=desk.cursor())

    async def _sent(self) -> AsyncGenerator[Step, None]:
        if not self._secret:
            raise BadSettings("vk: set 'secret': the secret key of the Callback API's settings")
        deliveries = listen(self._context, self, host=self._host, port=self._port, path=self._path)
        async with contextlib.aclosing(deliveries) as steps:
            async for step in steps:
                yield step

    def receive(self, request: Request) -> Received:
        """An event of the Callback API, answered `ok`. Its secret stands in the body, so that
        nobody vouches for one that can't be read: it leaves no dead letter."""
        try:
            event = mapping(json_body(request))
        except SkipItem:
            return Received(Answer(400, b"the body can't be read\n"))
        if event.get("type") == "confirmation" and self._confirmation:
            return Received(Answer(200, self._confirmation.encode()))
        given = event.get("secret")
        if not self._secret or not isinstance(given, str) or not given:
            return refused(present=False)
        if not same(self._secret, given):
            return refused(present=True)
        return accepted(self, request, Answer(200, b"ok"))

    def read(self, request: Request) -> Sequence[Step]:
        """The post or comment of an event. Raises `SkipItem` for a body that is no JSON."""
        event = mapping(json_body(request))
        return event_steps(event, http.current_time(self._context))

    def reread(self, raw: bytes) -> Post:
        """The post of an item that could not be read before. Raises `ValueError`."""
        fields = mapping(msgspec.json.decode(raw))
        now = http.current_time(self._context)
        if "object" in fields:
            return read_event(fields, now)
        if "event" in fields:
            return event_post(mapping(fields["event"]), now)
        comment = "parents_stack" in fields or "thread" in fields
        return (wall_comment if comment else wall_post)(fields, {}, now)

    def _queries_now(self) -> list[Packed]:
        """What is searched for; without a mode, nothing where walls alone are named."""
        if self._mode == "walls" or (not self._mode and self._walls and not self._queries):
            return []
        return searched(self._options, self._context, single, _LONGEST_QUERY)

    def _desk(self, client: http.Client, cursor: Cursor) -> Desk:
        known = mapping(mapping(cursor).get("used"))
        quotas = {
            method: Quota(
                self._context,
                known.get(method),
                what=f"calls of {method}",
                limit=limit,
                period="day",
                zone=_ZONE,
            )
            for method, limit in self._limits.items()
        }
        api = Api(
            self._context, client, self._throttle, base=self._base, token=self._token, quotas=quotas
        )
        return Desk(
            self._context,
            api,
            cursor,
            quotas,
            comments=self._comments and self._mode != "stream",
            refresh=self._refresh and self._mode != "stream",
        )
