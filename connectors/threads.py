"""Threads: a search over public posts, mentions, replies, public accounts.

See docs/connectors/threads.md.
"""

import dataclasses
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from connectors import graph, graph_hooks, http, times
from connectors.base import Context, Cursor, Gap, Option, Spec, Step
from connectors.errors import BadSettings, ConnectorError, Refused, WaitUntil
from connectors.fields import mapping
from connectors.follow import Follow, Recheck
from connectors.graph_comments import MOST, WATCHED, Comments
from connectors.graph_errors import Closed
from connectors.graph_recheck import KEPT, Rechecks
from connectors.marks import Mark, Memory, read_since
from connectors.options import BASE_URL, CONTACT, QUERIES, TIMEOUT, Options, searched
from connectors.post import Post
from connectors.quota import Quota
from connectors.receiving import Received, Request
from connectors.searches import Packed, single, turn
from connectors.text import line
from connectors.threads_posts import (
    FIELDS,
    REPLY_FIELDS,
    SEARCH_FIELDS,
    changes,
    delivered,
    moment,
    post_of,
)

_API: Final = "https://graph.threads.net"
_PAGE: Final = "100"
_LONGEST_QUERY: Final = 100
_LATE: Final = 3_600
"""Seconds that a post may take until the search finds it."""
_EARLIEST: Final = 1_688_540_400
"""What `since` may be at least: the day Threads began."""
_HOURS: Final = 25
"""A window that rolls over 24 hours touches so many full hours."""
_VERSION: Final = dataclasses.replace(graph.VERSION, default="v1.0")


@dataclass(slots=True)
class _Pass:
    """What a pass knows, all of it in its cursor but `seen` (ids that it gave), `new` (own posts
    that may have replies) and `readable` (own posts could be read)."""

    client: http.Client
    quota: Quota
    queries: dict[str, float]
    last: str
    memory: Memory
    marks: dict[str, str]
    follow: Follow
    again: Recheck
    now: datetime
    seen: set[str] = field(default_factory=set)
    readable: bool = False
    new: list[str] = field(default_factory=list)

    @property
    def cursor(self) -> dict[str, Any]:
        return {
            "quota": self.quota.state,
            "queries": {**self.queries},
            "last": self.last,
            "seen": self.memory.state,
            "lists": {**self.marks},
            "threads": self.follow.state,
            "rechecks": self.again.state,
        }


class Threads:
    """Cursor: `{"queries": {query: seconds since 1970 of its newest post}, "last": query, "seen":
    {query: ids}, "lists": {list: mark}, "threads" and "rechecks": as in `connectors.follow`,
    "quota": as in `connectors.quota`}`."""

    spec: ClassVar[Spec] = Spec(
        name="threads",
        door="Threads API: keyword search, mentions, replies; or webhook deliveries",
        sees="public posts with your words, posts that mention you, replies, public accounts",
        needs="an approved app; without approval the search finds your own posts alone, in silence",
        limits="2 200 searches in 24 hours, kept as 88 an hour",
        options=(
            graph.TOKEN,
            graph.APP_SECRET,
            QUERIES,
            Option("search", "Whether to search.", "yes"),
            Option("searches_a_day", "Pages of results that may be asked for in 24 hours.", 2_200),
            Option("mentions", "Whether to read posts that mention you.", "yes"),
            Option("own", "Whether to read your own posts and the replies to them.", "yes"),
            Option("accounts", "Names of public accounts to read.", ()),
            Option("backfill", "Posts that the first start reads of each list and query.", 200),
            *graph_hooks.OPTIONS,
            _VERSION,
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        keyless=False,
        group="networks",
        access="approval",
        poll_seconds=300.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context, self._options = context, options
        self._search = options.switch("search")
        self._hourly = options.whole("searches_a_day", _HOURS, 1_000_000) // _HOURS
        self._mentions = options.switch("mentions")
        self._own = options.switch("own")
        self._accounts = [name.removeprefix("@") for name in options.many("accounts")]
        self._backfill = options.whole("backfill", 1, 100_000)
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._token = options.header("token")
        base = graph.base_of(options, _API)
        self._graph = graph.Graph(context, base, self._token, options.text("app_secret"))
        self._hooks = graph_hooks.Hooks(options)
        self._me: tuple[str, str] | None = None
        self._noted: set[str] = set()

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass: mentions, own posts, accounts, replies that are due, then searches. With
        `webhook`, what is delivered until cut, which has no cursor."""
        if self._hooks.wanted:
            async for step in self._hooks.deliveries(self._context, self):
                yield step
            return
        if not self._token:
            raise BadSettings("threads: set 'token'; docs/connectors/threads.md says how")
        async with http.Client(
            self._context,
            contact=self._contact,
            secrets=self._graph.secrets,
            seconds=self._timeout,
        ) as client:
            reading = self._pass(client, mapping(cursor))
            if self._me is None:
                self._me = await self._who(client)
            async for step in self._everything(reading):
                yield step

    def _pass(self, client: http.Client, state: dict[str, Any]) -> _Pass:
        queries = mapping(state.get("queries")).items()
        return _Pass(
            client,
            Quota(
                self._context,
                state.get("quota"),
                what="searches",
                limit=self._hourly,
                period="hour",
            ),
            {str(query): float(at) for query, at in queries if isinstance(at, int | float)},
            line(state.get("last")),
            Memory(state.get("seen"), most=300),
            {str(name): str(mark) for name, mark in mapping(state.get("lists")).items()},
            Follow(state.get("threads"), most=WATCHED),
            Recheck(state.get("rechecks"), most=KEPT),
            http.current_time(self._context),
        )

    async def _who(self, client: http.Client) -> tuple[str, str]:
        """The token's account: its id and name."""
        try:
            found = await self._graph.get(client, "me", {"fields": "id,username"})
        except (Closed, Refused):
            found = {}
        return graph.ident(found.get("id")) or "me", line(found.get("username"))

    async def _everything(self, reading: _Pass) -> AsyncIterator[Step]:
        """A part that is closed to the token is noted, unless all are."""
        me, _ = self._me or ("me", "")
        parts: list[AsyncIterator[Step]] = []
        if self._mentions:
            parts.append(self._list(reading, f"{me}/mentions", {"fields": REPLY_FIELDS}))
        if self._own:
            parts.append(self._list(reading, f"{me}/threads", {"fields": FIELDS}, watch=True))
        for name in self._accounts:
            params = {"fields": FIELDS, "username": name}
            parts.append(self._list(reading, "profile_posts", params))
        if self._own:
            parts.append(self._replies(reading))
        if self._search:  # the last: its budget may end the pass
            parts.append(self._searches(reading))
        refused: list[ConnectorError] = []
        for part in parts:
            try:
                async for step in part:
                    yield step
            except (Closed, Refused) as error:
                refused.append(error)
                self._context.on_note(f"a list is left out: {error}")
        if refused and len(refused) == len(parts) - self._own:  # replies refuse one by one
            raise refused[0]

    async def _searches(self, reading: _Pass) -> AsyncIterator[Step]:
        """Each query, from the one after that asked last on: the budget may end before all."""
        packed = searched(self._options, self._context, single, _LONGEST_QUERY)
        asked = {one.query for one in packed}
        reading.queries = {name: at for name, at in reading.queries.items() if name in asked}
        reading.memory.keep(asked)
        for one in turn(packed, reading.last):
            async for step in self._query(reading, one):
                yield step

    async def _query(self, reading: _Pass, packed: Packed) -> AsyncIterator[Step]:
        """A query's posts. Where the budget ends among its pages, those that came are given before
        `WaitUntil` is raised. A `#tag` that the settings name is searched for as one."""
        query = packed.query
        newest_at = reading.queries.get(query)
        params = {"q": query, "search_type": "RECENT", "fields": SEARCH_FIELDS, "limit": _PAGE}
        if query.startswith("#") and not packed.topics:
            params |= {"q": query.lstrip("#"), "search_mode": "TAG"}
        if newest_at is not None:
            params["since"] = str(max(int(newest_at) - _LATE, _EARLIEST))
        pages = self._graph.pages(
            reading.client, "keyword_search", params, by_cursor=True, spend=reading.quota.spend
        )
        most = self._backfill if newest_at is None else MOST
        spent: list[WaitUntil] = []
        found, whole = await reading.memory.unknown(query, _affordable(pages, spent), most)
        if spent and not found:
            raise spent[0]
        moments = [at for item in found if (at := moment(item, reading.now)) is not None]
        if newest_at is not None and (spent or not whole):
            yield Step(gap=_gap(query, newest_at, min(moments, default=newest_at)))
        for item in sorted(found, key=lambda item: moment(item, reading.now) or 0.0):
            if step := self._new(reading, "keyword_search", item):
                yield step
        self._restricted(query, found, first=newest_at is None)
        reading.memory.learn(query, found)
        reading.queries[query] = max([newest_at or 0.0, *moments])
        reading.last = query
        yield Step(cursor=reading.cursor)
        if spent:
            raise spent[0]

    def _restricted(self, query: str, found: list[Any], *, first: bool) -> None:
        """Threads restricts searches without a word; what looks like it is noted, once."""
        own = self._me[1] if self._me else ""
        said = ""
        if own and found and all(mapping(item).get("username") == own for item in found):
            said = (
                "every post found is your own: the app may lack approval of"
                " threads_keyword_search, without which nothing else is searched"
            )
        elif first and not found:
            said = f"nothing is found for {query!r:.80}; for words it calls sensitive, nothing ever"
        if said and said not in self._noted:
            self._noted.add(said)
            self._context.on_note(f"threads: {said}")

    async def _list(
        self, reading: _Pass, path: str, params: dict[str, str], *, watch: bool = False
    ) -> AsyncIterator[Step]:
        """What is new in a list that comes newest first; with `watch`, its replies follow."""
        name = f"{path} {params['username']}" if "username" in params else path
        mark = Mark.of(reading.marks.get(name))
        pages = self._graph.pages(reading.client, path, {**params, "limit": _PAGE}, by_cursor=True)
        most = MOST if mark.at else self._backfill
        fresh = await read_since(pages, mark, lambda item: moment(item, reading.now), most)
        if gap := fresh.gap(name, mark):
            yield Step(gap=gap)
        reading.readable |= watch
        for item, _ in fresh.entries if watch else []:
            if number := graph.ident(mapping(item).get("id")):
                published = times.parse_or(item.get("timestamp"), reading.now, now=reading.now)
                reading.follow.add(number, reading.now)
                reading.again.add(number, published, reading.now)
                if mapping(item).get("has_replies") is not False:
                    reading.new.insert(0, number)
        cursor = reading.cursor
        for item, after in fresh.entries:
            reading.marks[name] = str(after)
            step = self._new(reading, path, item) or Step()
            yield dataclasses.replace(step, cursor={**cursor, "lists": {**reading.marks}})

    def _new(self, reading: _Pass, path: str, item: Any) -> Step | None:
        """The item, unless another list of this pass had it."""
        number = graph.ident(mapping(item).get("id"))
        if number and number in reading.seen:
            return None
        reading.seen.add(number)
        return graph.step_of("threads", path, item, self._read)

    async def _replies(self, reading: _Pass) -> AsyncIterator[Step]:
        replies = Comments(
            self._graph,
            "threads",
            "conversation",
            {"fields": REPLY_FIELDS, "reverse": "true", "limit": _PAGE},
            moment,
            self._read,
            self._context.on_note,
            by_cursor=True,
        )
        async for step in replies.steps(
            reading.client, reading.follow, reading.new, reading.now, lambda: reading.cursor
        ):
            yield step
        if not reading.readable:
            return
        rechecks = Rechecks(
            self._graph, "threads", {"fields": FIELDS}, self._read, self._context.on_note
        )
        async for step in rechecks.steps(
            reading.client, reading.again, reading.now, lambda: reading.cursor
        ):
            yield step

    def reread(self, raw: bytes) -> Post:
        """The post of an item that could not be read before. Raises `ValueError`."""
        return graph.reread(raw, self._read)

    def _read(self, path: str, item: dict[str, Any]) -> Post:
        if path == graph_hooks.DELIVERIES:
            return graph_hooks.some(self._change(item))
        return post_of(item, http.current_time(self._context))

    def receive(self, request: Request) -> Received:
        return self._hooks.receive(self, request)

    def read(self, request: Request) -> Sequence[Step]:
        return [
            step
            for change in changes(request)
            for step in graph_hooks.delivered(request, change, self._change)
        ]

    def _change(self, change: dict[str, Any]) -> Post | None:
        return delivered(change, http.current_time(self._context))


async def _affordable(
    pages: AsyncIterator[list[Any]], spent: list[WaitUntil]
) -> AsyncIterator[list[Any]]:
    """The pages until one must wait, which `spent` then says."""
    try:
        async for page in pages:
            yield page
    except WaitUntil as error:
        spent.append(error)


def _gap(query: str, newest_at: float, oldest: float) -> Gap:
    since, until = (datetime.fromtimestamp(at, UTC).isoformat() for at in (newest_at, oldest))
    return Gap(since=since, until=until, reason=f"more is new for {query!r:.80} than is read")
