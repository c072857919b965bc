"""Instagram: hashtags, what tags or mentions an account, its media's comments, public profiles.

There is no search over texts. See docs/connectors/instagram.md.
"""

import dataclasses
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final

from connectors import graph, graph_hooks, http, times
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import BadSettings, ConnectorError, Refused
from connectors.fields import count, mapping, mappings
from connectors.follow import Follow, Recheck
from connectors.graph_comments import MOST, WATCHED, Comments
from connectors.graph_errors import Closed
from connectors.graph_recheck import KEPT, Rechecks
from connectors.instagram_accounts import media_of_account
from connectors.instagram_hashtags import Hashtags
from connectors.instagram_mentions import Mentions
from connectors.instagram_posts import (
    COMMENT_FIELDS,
    HASHTAG_FIELDS,
    MEDIA_FIELDS,
    TAGS_FIELDS,
    comment_of,
    media_of,
    moment,
    with_replies,
)
from connectors.marks import Mark, Memory, read_since
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Post
from connectors.receiving import Received, Request
from connectors.text import tag

_APIS: Final = {
    "facebook": "https://graph.facebook.com",
    "instagram": "https://graph.instagram.com",
}
_PAGE: Final = "50"
_MOST_OF_A_TAG: Final = 500
_NAME: Final = re.compile(r"[A-Za-z0-9._]+")


@dataclass(slots=True)
class _Pass:
    """What a pass knows, all of it in its cursor but `new`, media that may have comments, and
    `readable`: the account's own media could be read."""

    client: http.Client
    marks: dict[str, str]
    memory: Memory
    hashtags: Hashtags
    follow: Follow
    again: Recheck
    now: datetime
    new: list[str] = field(default_factory=list)
    readable: bool = False

    @property
    def cursor(self) -> dict[str, Any]:
        return {
            "lists": {**self.marks},
            "seen": self.memory.state,
            "hashtags": self.hashtags.state,
            "threads": self.follow.state,
            "rechecks": self.again.state,
        }


class Instagram:
    """Cursor: `{"lists": {list: mark}, "seen": {list without an order: ids}, "hashtags": as in
    `connectors.instagram_hashtags`, "threads" and "rechecks": as in `connectors.follow`}`."""

    spec: ClassVar[Spec] = Spec(
        name="instagram",
        door="Graph API, or webhook deliveries",
        sees="media of hashtags, media that tag you, your media's comments, public profiles",
        needs="a professional account; for hashtags the feature Instagram Public Content Access",
        limits="30 hashtags in 7 days, the last 24 hours of each; told in percent, obeyed at 95",
        options=(
            graph.TOKEN,
            graph.APP_SECRET,
            Option("login", "Whose login gave the token: facebook or instagram.", "facebook"),
            Option("account", "Id of your professional account.", "me"),
            Option("hashtags", "Hashtags to read, 30 at most in 7 days.", ()),
            Option("accounts", "Names of public professional accounts to read.", ()),
            Option("own", "Whether to read your own media and their comments.", "yes"),
            Option("tags", "Whether to read media that tag you.", "yes"),
            Option("backfill", "Media that the first start reads of each list.", 200),
            *graph_hooks.OPTIONS,
            graph.VERSION,
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
        self._context = context
        login = options.choice("login", tuple(_APIS))
        self._account = options.text("account")
        self._hashtags = [tag(name).lower() for name in options.many("hashtags")]
        self._accounts = [name.removeprefix("@") for name in options.many("accounts")]
        if other := next((name for name in self._accounts if not _NAME.fullmatch(name)), None):
            raise BadSettings(f"instagram: 'accounts' names {other!r:.60}; write it as in its page")
        self._own = options.switch("own")
        self._tags = options.switch("tags")
        self._backfill = options.whole("backfill", 1, 100_000)
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._token = options.header("token")
        base = graph.base_of(options, _APIS[login])
        self._graph = graph.Graph(context, base, self._token, options.text("app_secret"))
        self._hooks = graph_hooks.Hooks(options)
        self._mentions = Mentions(context, self._graph, self._account)

    def _client(self) -> http.Client:
        return http.Client(
            self._context,
            contact=self._contact,
            secrets=self._graph.secrets,
            seconds=self._timeout,
        )

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over everything that is asked for. With `webhook`, what is delivered until cut,
        which has no cursor."""
        if self._hooks.wanted:
            async for step in self._delivered():
                yield step
            return
        if not self._token:
            raise BadSettings("instagram: set 'token'; docs/connectors/instagram.md says how")
        state = mapping(cursor)
        async with self._client() as client:
            reading = _Pass(
                client,
                {str(name): str(mark) for name, mark in mapping(state.get("lists")).items()},
                Memory(state.get("seen")),
                Hashtags(state.get("hashtags"), self._context.on_note),
                Follow(state.get("threads"), most=WATCHED),
                Recheck(state.get("rechecks"), most=KEPT),
                http.current_time(self._context),
            )
            async for step in self._everything(reading, first=cursor is None):
                yield step

    async def _everything(self, reading: _Pass, *, first: bool) -> AsyncIterator[Step]:
        """A part that is closed to the token is noted, unless all are."""
        parts = [self._own_media(reading)] if self._own else []
        parts += [self._tagged(reading)] if self._tags else []
        parts += [self._profile(reading, name) for name in self._accounts]
        if self._hashtags and first:
            await self._learn_others(reading)
        parts += [self._hashtag(reading, name) for name in self._hashtags]
        refused: list[ConnectorError] = []
        for part in parts:
            try:
                async for step in part:
                    yield step
            except (Closed, Refused) as error:
                refused.append(error)
                self._context.on_note(f"a list is left out: {error}")
        if refused and len(refused) == len(parts):
            raise refused[0]
        if not reading.readable:
            return
        async for step in self._comments(reading):
            yield step
        rechecks = Rechecks(
            self._graph, "instagram", {"fields": MEDIA_FIELDS}, self._read, self._context.on_note
        )
        async for step in rechecks.steps(
            reading.client, reading.again, reading.now, lambda: reading.cursor
        ):
            yield step

    async def _own_media(self, reading: _Pass) -> AsyncIterator[Step]:
        path = f"{self._account}/media"
        pages = self._graph.pages(reading.client, path, {"fields": MEDIA_FIELDS, "limit": _PAGE})
        async for step in self._newest(reading, path, pages, watch=True):
            yield step
        reading.readable = True

    async def _profile(self, reading: _Pass, name: str) -> AsyncIterator[Step]:
        pages = media_of_account(self._graph, reading.client, self._account, name)
        async for step in self._newest(reading, f"accounts/{name}", pages):
            yield step

    async def _newest(
        self,
        reading: _Pass,
        path: str,
        pages: AsyncIterator[list[Any]],
        *,
        watch: bool = False,
    ) -> AsyncIterator[Step]:
        """What is new in a list that comes newest first; with `watch`, its comments follow."""
        mark = Mark.of(reading.marks.get(path))
        most = MOST if mark.at else self._backfill
        fresh = await read_since(pages, mark, lambda item: moment(item, reading.now), most)
        if gap := fresh.gap(path, mark):
            yield Step(gap=gap)
        for item, _ in fresh.entries if watch else []:
            if number := graph.ident(mapping(item).get("id")):
                published = times.parse_or(item.get("timestamp"), reading.now, now=reading.now)
                reading.follow.add(number, reading.now)
                reading.again.add(number, published, reading.now)
                if count(mapping(item).get("comments_count")) != 0:
                    reading.new.insert(0, number)
        cursor = reading.cursor
        for item, after in fresh.entries:
            reading.marks[path] = str(after)
            step = graph.step_of("instagram", path, item, self._read)
            yield dataclasses.replace(step, cursor={**cursor, "lists": {**reading.marks}})

    async def _tagged(self, reading: _Pass) -> AsyncIterator[Step]:
        """Old media may be tagged today: there is no order to go by."""
        path = f"{self._account}/tags"
        pages = self._graph.pages(reading.client, path, {"fields": TAGS_FIELDS, "limit": _PAGE})
        most = MOST if reading.memory.knows(path) else self._backfill
        found, _ = await reading.memory.unknown(path, pages, most)
        for step in self._unordered(reading, path, found):
            yield step

    async def _hashtag(self, reading: _Pass, name: str) -> AsyncIterator[Step]:
        hashtags = reading.hashtags
        if not hashtags.allowed(name, reading.now):
            return
        mine = {"user_id": self._account}
        number = hashtags.number(name)
        if not number:
            body = await self._graph.get(reading.client, "ig_hashtag_search", {**mine, "q": name})
            found = mappings(body.get("data"))
            number = graph.ident(found[0].get("id")) if found else ""
            if not number:
                self._context.on_note(f"there is no hashtag #{name}")
                return
        hashtags.asked(name, number, reading.now)
        yield Step(cursor=reading.cursor)
        path = f"{number}/recent_media"
        params = {**mine, "fields": HASHTAG_FIELDS, "limit": _PAGE}
        pages = self._graph.pages(reading.client, path, params)
        media, whole = await reading.memory.unknown(path, pages, _MOST_OF_A_TAG)
        if gap := hashtags.looked(name, reading.now, whole=whole):
            yield Step(gap=gap)
        for step in self._unordered(reading, path, media):
            yield step

    def _unordered(self, reading: _Pass, path: str, found: list[Any]) -> Iterator[Step]:
        """What was found, as far as times tell the oldest first. The list is marked as read when
        all of it has come."""
        for item in sorted(found, key=lambda item: moment(item, reading.now) or 0.0):
            yield graph.step_of("instagram", path, item, self._read)
        reading.memory.learn(path, found)
        yield Step(cursor=reading.cursor)

    async def _learn_others(self, reading: _Pass) -> None:
        """Hashtags that other programs asked for with this account count as well."""
        path = f"{self._account}/recently_searched_hashtags"
        try:
            async for page in self._graph.pages(reading.client, path, {"limit": "30"}):
                numbers = [graph.ident(mapping(item).get("id")) for item in page]
                reading.hashtags.others(numbers, reading.now)
        except (Closed, Refused) as error:
            self._context.on_note(f"hashtags asked for elsewhere are not known: {error}")

    async def _comments(self, reading: _Pass) -> AsyncIterator[Step]:
        comments = Comments(
            self._graph,
            "instagram",
            "comments",
            {"fields": COMMENT_FIELDS, "limit": _PAGE},
            moment,
            self._read,
            self._context.on_note,
            with_replies,
        )
        async for step in comments.steps(
            reading.client, reading.follow, reading.new, reading.now, lambda: reading.cursor
        ):
            yield step

    def reread(self, raw: bytes) -> Post:
        """The post of an item that could not be read before. Raises `ValueError`."""
        return graph.reread(raw, self._read)

    def _read(self, path: str, item: dict[str, Any]) -> Post:
        now = http.current_time(self._context)
        if path == graph_hooks.DELIVERIES:
            return graph_hooks.some(self._change(item))
        under, _, name = path.rpartition("/")
        return comment_of(item, under, now) if name == "comments" else media_of(item, now)

    def receive(self, request: Request) -> Received:
        return self._hooks.receive(self, request)

    def read(self, request: Request) -> Sequence[Step]:
        """The comments in a delivery. A mention bears ids alone: it is fetched by `posts`."""
        steps: list[Step] = []
        for change in graph_hooks.changes(request):
            if change.get("field") == "mentions":
                steps += self._mentions.owe(request, change)
            else:
                steps += graph_hooks.delivered(request, change, self._change)
        return steps

    def _change(self, change: dict[str, Any]) -> Post | None:
        if change.get("field") not in ("comments", "live_comments"):
            return None
        now = http.current_time(self._context)
        return comment_of(mapping(change.get("value")), "", now, sent=change.get("time") or now)

    async def _delivered(self) -> AsyncIterator[Step]:
        """What is sent, each delivery after the mentions that it tells of."""
        async with self._client() as client:
            async for step in self._hooks.deliveries(self._context, self):
                async for mention in self._mentions.fetched(client):
                    yield mention
                yield step
