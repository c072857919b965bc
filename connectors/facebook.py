"""Facebook: what pages post, what is posted to them, said under it and recommended.

There is no search: pages are named. See docs/connectors/facebook.md.
"""

import dataclasses
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final

from connectors import graph, graph_hooks, http, times
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import BadSettings, ConnectorError, Refused
from connectors.facebook_posts import (
    COMMENT_FIELDS,
    POST_FIELDS,
    RATING_FIELDS,
    comment_of,
    delivered,
    moment,
    post_of,
    rating_of,
    replies_of,
)
from connectors.fields import mapping
from connectors.follow import Follow, Recheck
from connectors.graph_comments import MOST, WATCHED, Comments
from connectors.graph_errors import Closed
from connectors.graph_recheck import KEPT, Rechecks
from connectors.marks import Mark, read_since
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Post
from connectors.receiving import Received, Request

_API: Final = "https://graph.facebook.com"
_LISTS: Final = ("feed", "posts", "published_posts", "tagged", "ratings")
_PAGE: Final = "100"


@dataclass(slots=True)
class _Pass:
    """What a pass knows. `seen` are the posts that it read, with how many comments they have;
    `readable` says that every page's own posts could be read."""

    client: http.Client
    marks: dict[str, str]
    follow: Follow
    again: Recheck
    now: datetime
    seen: dict[str, int | None] = field(default_factory=dict)
    readable: bool = True

    @property
    def cursor(self) -> dict[str, Any]:
        return {
            "lists": {**self.marks},
            "threads": self.follow.state,
            "rechecks": self.again.state,
        }


class Facebook:
    """Cursor: `{"lists": {"page/list": mark}, "threads": {post: when its comments are due},
    "rechecks": {post: when its counts are}}`, as `connectors.marks` and `connectors.follow` write
    them."""

    spec: ClassVar[Spec] = Spec(
        name="facebook",
        door="Graph API: the lists of pages, or webhook deliveries",
        sees="posts of and to pages, posts that tag them, comments, recommendations",
        needs="your own page's token, or the feature Page Public Content Access",
        limits="told in percent with each answer, obeyed at 95; some 600 posts a year and page",
        options=(
            graph.TOKEN,
            graph.APP_SECRET,
            Option("pages", "Ids or names of pages; `me` is the token's own.", ("me",)),
            Option(
                "lists",
                f"What to read of each: {', '.join(_LISTS)}.",
                ("feed", "tagged", "ratings"),
            ),
            Option("comments", "Whether to follow the comments of posts.", "yes"),
            Option("backfill", "Posts that the first start reads of each list.", 500),
            *graph_hooks.OPTIONS,
            graph.VERSION,
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        keyless=False,
        group="networks",
        access="approval",
        poll_seconds=120.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._pages = options.many("pages")
        self._lists = options.many("lists")
        if other := next((name for name in self._lists if name not in _LISTS), None):
            raise BadSettings(
                f"facebook: 'lists' names {other!r:.60}; choose among {', '.join(_LISTS)}"
            )
        self._comments = options.switch("comments")
        self._backfill = options.whole("backfill", 1, 100_000)
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._token = options.header("token")
        base = graph.base_of(options, _API)
        self._graph = graph.Graph(context, base, self._token, options.text("app_secret"))
        self._hooks = graph_hooks.Hooks(options)
        self._ids: dict[str, str] = {}
        self._noted = False

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass: the lists of each page, then the comments that are due. With `webhook`, what
        is delivered until cut, which has no cursor."""
        if self._hooks.wanted:
            async for step in self._hooks.deliveries(self._context, self):
                yield step
            return
        if not self._token:
            raise BadSettings("facebook: set 'token'; docs/connectors/facebook.md says how")
        state = mapping(cursor)
        marks = {str(name): str(mark) for name, mark in mapping(state.get("lists")).items()}
        follow = Follow(state.get("threads"), most=WATCHED)
        async with http.Client(
            self._context,
            contact=self._contact,
            secrets=self._graph.secrets,
            seconds=self._timeout,
        ) as client:
            again = Recheck(state.get("rechecks"), most=KEPT)
            reading = _Pass(client, marks, follow, again, http.current_time(self._context))
            async for step in self._all_lists(reading):
                yield step
            async for step in self._threads(reading):
                yield step
            if not reading.readable:
                return
            rechecks = Rechecks(
                self._graph, "facebook", {"fields": POST_FIELDS}, self._read, self._context.on_note
            )
            async for step in rechecks.steps(
                reading.client, reading.again, reading.now, lambda: reading.cursor
            ):
                yield step

    async def _all_lists(self, reading: _Pass) -> AsyncIterator[Step]:
        """A list that is closed to the token is noted, unless all are."""
        refused: list[ConnectorError] = []
        paths = [f"{page}/{name}" for page in self._pages for name in self._lists]
        for path in paths:
            try:
                async for step in self._list(reading, path):
                    yield step
            except (Closed, Refused) as error:
                refused.append(error)
                reading.readable &= path.endswith(("/tagged", "/ratings"))
                self._context.on_note(f"{path} is left out: {error}")
        if refused and len(refused) == len(paths):
            raise refused[0]

    async def _list(self, reading: _Pass, path: str) -> AsyncIterator[Step]:
        mark = Mark.of(reading.marks.get(path))
        page, _, name = path.rpartition("/")
        fields = RATING_FIELDS if name == "ratings" else POST_FIELDS
        params = {"fields": f"{fields},tagged_time" if name == "tagged" else fields}
        params["limit"] = _PAGE
        if mark.at and name not in ("tagged", "ratings"):
            params["since"] = str(int(mark.floor))
        fresh = await read_since(
            self._graph.pages(reading.client, path, params),
            mark,
            lambda item: moment(item, reading.now),
            MOST if mark.at else self._backfill,
        )
        if name == "ratings" and fresh.entries:
            await self._learn_id(reading.client, page)
        if gap := fresh.gap(path, mark):
            yield Step(gap=gap)
        again = self._watch(reading, name, [item for item, _ in fresh.entries])
        cursor = reading.cursor
        for item, after in fresh.entries:
            reading.marks[path] = str(after)
            step = (
                Step() if _id(item) in again else graph.step_of("facebook", path, item, self._read)
            )
            yield dataclasses.replace(step, cursor={**cursor, "lists": {**reading.marks}})

    def _watch(self, reading: _Pass, name: str, items: list[Any]) -> set[str]:
        """Follow the comments and counts of posts that are new. The ids of those that another list
        had, too."""
        if name == "ratings":
            return set()
        again = {_id(item) for item in items} & reading.seen.keys()
        for item in items:
            if (number := _id(item)) and number not in again:
                reading.seen[number] = replies_of(item)
                published = times.parse_or(item.get("created_time"), reading.now, now=reading.now)
                reading.again.add(number, published, reading.now)
                if self._comments:
                    reading.follow.add(number, reading.now)
        return again

    async def _learn_id(self, client: http.Client, page: str) -> None:
        """A recommendation is named after its page's number, which `me` is not."""
        if page.isdigit() or page in self._ids:
            return
        try:
            found = await self._graph.get(client, page, {"fields": "id"})
        except (Closed, Refused):
            found = {}
        self._ids[page] = graph.ident(found.get("id")) or page

    async def _threads(self, reading: _Pass) -> AsyncIterator[Step]:
        """Comments of posts that are due, and of those of this pass that may have some."""
        if not self._comments:
            return
        new = [number for number, replies in reading.seen.items() if replies != 0][::-1]
        comments = Comments(
            self._graph,
            "facebook",
            "comments",
            {
                "filter": "stream",
                "order": "reverse_chronological",
                "fields": COMMENT_FIELDS,
                "limit": _PAGE,
            },
            moment,
            self._read,
            self._context.on_note,
        )
        async for step in comments.steps(
            reading.client, reading.follow, new, reading.now, lambda: reading.cursor
        ):
            self._authors_told(step)
            yield step

    def _authors_told(self, step: Step) -> None:
        """Without a role in the page or a permission, `from` is left out, and nobody says so."""
        if step.post is not None and not step.post.author.id and not self._noted:
            self._noted = True
            self._context.on_note(
                "facebook: comments come without their authors. Remedy: use the page's own token, "
                "with pages_read_user_content"
            )

    def reread(self, raw: bytes) -> Post:
        """The post of an item that could not be read before. Raises `ValueError`."""
        return graph.reread(raw, self._read)

    def receive(self, request: Request) -> Received:
        return self._hooks.receive(self, request)

    def read(self, request: Request) -> Sequence[Step]:
        return [
            step
            for change in graph_hooks.changes(request)
            for step in graph_hooks.delivered(request, change, self._change)
        ]

    def _change(self, change: dict[str, Any]) -> Post | None:
        return delivered(change, http.current_time(self._context))

    def _read(self, path: str, item: dict[str, Any]) -> Post:
        now = http.current_time(self._context)
        if path == graph_hooks.DELIVERIES:
            return graph_hooks.some(self._change(item))
        under, _, name = path.rpartition("/")
        if name == "comments":
            return comment_of(item, under, now)
        if name == "ratings":
            return rating_of(item, self._ids.get(under, under), now)
        return post_of(item, now)


def _id(item: object) -> str:
    return graph.ident(mapping(item).get("id"))
