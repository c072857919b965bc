"""Reddit: new links and comments of subreddits, and what a search of all Reddit finds.

Listings show the newest thousand and can't be asked "since": they are paged back to what is known.
Every post is asked for again later, to see whether it was deleted. See docs/connectors/reddit.md.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import msgspec

from connectors import http, times
from connectors.base import Context, Cursor, Gap, Option, Spec, Step, unreadable
from connectors.errors import BadSettings
from connectors.fields import mapping
from connectors.follow import Recheck
from connectors.newest_first import Anchors, Entry, read_back
from connectors.options import BASE_URL, CONTACT, QUERIES, TIMEOUT, Options, searched
from connectors.post import Post
from connectors.reddit_api import Api
from connectors.reddit_posts import KINDS, edited_at, gone, is_gone, name_of, read
from connectors.searches import spaced_or
from connectors.text import line

_PAGE: Final = 100
_PAGES: Final = 10
_REACH: Final = 900
"""A listing that ends with fewer has shown all there is; else it ends at about a thousand."""
_LATE: Final = 600.0
"""Seconds that search lags behind at most."""
_LONGEST: Final = 500
_DAY: Final = 86_400.0
AGES: Final = (3600.0, *(days * _DAY for days in (1, 2.5, 4, 5.5, 7, 9, 11, 13, 15)))
"""At which a post is asked again: what is deleted is noticed within 48 hours, for fifteen days."""
_MOST_WATCHED: Final = 5_000

Item = tuple[str, dict[str, Any]]


class Reddit:
    """Cursor: `{"lists": {name: what is known of its newest items}, "recheck": what is asked again
    and when, "at": time of the last pass in seconds since 1970}`."""

    spec: ClassVar[Spec] = Spec(
        name="reddit",
        door="Data API",
        sees="links of all Reddit by search; links and comments of subreddits that are named",
        needs="an API client that Reddit approved: its id and secret",
        limits="100 requests a minute; the newest thousand items of a list",
        options=(
            Option("client_id", "The client's id.", "", required=True),
            Option("client_secret", "The client's secret.", "", required=True, secret=True),
            Option("user", "Your Reddit user name, which the User-Agent must give.", ""),
            Option("subreddits", "Subreddits to read whole; left out, Reddit is searched.", ()),
            Option("comments", "Read the comments of the subreddits: yes or no.", "yes"),
            Option("search", "Search all Reddit beside the subreddits: yes or no.", "no"),
            QUERIES,
            Option("recheck", "Ask again for posts that may be deleted: yes or no.", "yes"),
            Option("backfill_pages", "Pages that the first start reads of a list, 1-50.", 10),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        keyless=False,
        group="networks",
        access="approval",
        poll_seconds=60.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context, self._options = context, options
        self._secret = options.text("client_secret")
        self._user = options.header("user").removeprefix("u/")
        self._subreddits = [_subreddit(name) for name in options.many("subreddits")]
        self._comments = options.switch("comments")
        self._recheck = options.switch("recheck")
        self._searches = (
            options.switch("search") or not self._subreddits or bool(options.many("queries"))
        )
        self._first = options.whole("backfill_pages", 1, 50)
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        client_id = options.text("client_id")
        self._api = Api(context, options.url("base_url"), client_id, self._secret)
        self._gone: dict[str, None] = {}

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over every list, oldest item first, then over what is due to be asked again."""
        known = mapping(cursor)
        lists = {name: Anchors.of(one) for name, one in mapping(known.get("lists")).items()}
        recheck = Recheck(known.get("recheck"), most=_MOST_WATCHED, after=AGES)
        before = known.get("at")
        since = float(before) if isinstance(before, int | float) else 0.0
        now = http.current_time(self._context)
        asked = self._lists()

        def state(at: float) -> dict[str, Any]:
            kept = {name: lists[name].state for name in asked if name in lists}
            return {"lists": kept, "recheck": recheck.state, "at": at}

        async with self._client() as client:
            for name, params in asked.items():
                async for step in self._list(client, name, params, lists, since):
                    if step.post and self._recheck and step.post.state != "deleted":
                        native = step.post.id.partition(":")[2]
                        recheck.add(native, step.post.created_at, now)
                    yield step
                yield Step(cursor=state(since))
            if self._recheck:
                async for step in self._asked_again(client, recheck, now):
                    yield step if step.post or step.dead else Step(cursor=state(since))
            yield Step(cursor=state(now.timestamp()))

    def _client(self) -> http.Client:
        named = f"server:{http.user_agent('').lower().replace('/', ':')} (by /u/{self._user})"
        return http.Client(
            self._context,
            contact=self._contact,
            headers={"user-agent": named} if self._user else None,
            secrets=[self._secret],
            seconds=self._timeout,
        )

    def _lists(self) -> dict[str, dict[str, str]]:
        """The lists of this pass: their paths, or `search:` and a query, with its parameters."""
        found: dict[str, dict[str, str]] = {}
        for name in self._subreddits:
            found[f"/r/{name}/new"] = {}
            if self._comments:
                found[f"/r/{name}/comments"] = {}
        if self._searches:
            for one in searched(self._options, self._context, spaced_or, _LONGEST):
                found[f"search:{one.query}"] = {"q": one.query, "sort": "new", "type": "link"}
        return found

    async def _list(
        self,
        client: http.Client,
        name: str,
        params: dict[str, str],
        lists: dict[str, Anchors],
        since: float,
    ) -> AsyncIterator[Step]:
        """What is new, then what was changed since `since` and shows on the same pages."""
        anchors = lists.get(name, Anchors())
        late = _LATE if params else 0.0
        found = await read_back(
            self._pages(client, name, params), anchors, overlap=late, first=self._first
        )
        if not found.whole and len(found.fresh) >= _REACH:
            now = http.current_time(self._context)
            begun = datetime.fromtimestamp(anchors.newest, UTC).isoformat()
            ends = min(entry.at for entry in found.fresh) or now.timestamp()
            until = datetime.fromtimestamp(ends, UTC).isoformat()
            reason = f"{name}: Reddit shows the newest thousand of a list"
            yield Step(gap=Gap(since=begun, until=until, reason=reason))
        for entry in reversed(found.fresh):
            yield self._step(*entry.item)
        for entry in found.again:
            kind, data = entry.item
            removed = is_gone(data) and entry.name not in self._gone
            if removed or (not is_gone(data) and since and edited_at(data) >= since):
                yield self._step(kind, data)
        lists[name] = anchors.after(found.fresh)

    async def _pages(
        self, client: http.Client, name: str, params: dict[str, str]
    ) -> AsyncIterator[Sequence[Entry[Item]]]:
        path = "/search" if params else name
        after = ""
        for _ in range(_PAGES):
            more = {"after": after} if after else {}
            data = await self._api.listing(client, path, {**params, "limit": str(_PAGE), **more})
            children = data.get("children")
            entries = [self._entry(one) for one in children] if isinstance(children, list) else []
            yield [entry for entry in entries if entry is not None]
            following = line(data.get("after"))
            if following in ("", after) or not entries:
                return
            after = following

    def _entry(self, child: object) -> Entry[Item] | None:
        """None for what is no post: "more" of a tree, or the subreddits that a wrong name finds."""
        kind, data = line(mapping(child).get("kind")), mapping(mapping(child).get("data"))
        if kind in ("more", "t5"):
            return None
        name = name_of(kind, data) if kind in KINDS else ""
        name = name or hashlib.blake2b(msgspec.json.encode(child), digest_size=12).hexdigest()
        now = http.current_time(self._context)
        at = times.parse_or(data.get("created_utc"), now, now=now).timestamp()
        return Entry(name, at, (kind, data))

    async def _asked_again(
        self, client: http.Client, recheck: Recheck, now: datetime
    ) -> AsyncIterator[Step]:
        """Posts that are due, a hundred at a time: as they are now, or deleted where they are
        gone."""
        while names := recheck.due(now):
            data = await self._api.listing(client, "/api/info", {"id": ",".join(names)})
            entries = [self._entry(one) for one in data.get("children") or []]
            there = {entry.name: entry.item for entry in entries if entry is not None}
            for name in names:
                born = recheck.published(name) or now.timestamp()
                if name not in there:
                    created = datetime.fromtimestamp(born, UTC)
                    yield Step(post=gone(name, created, now))
                elif name not in self._gone:
                    yield self._step(*there[name])
                recheck.asked(name, now)
            yield Step()

    def _step(self, kind: str, data: dict[str, Any]) -> Step:
        name = name_of(kind, data)
        place = f"reddit {name or '(without id)'}"
        try:
            post = read(kind, data, http.current_time(self._context))
        except ValueError as error:
            raw = msgspec.json.encode({"kind": kind, "data": data})
            return unreadable(place, error, raw)
        if post.state == "deleted":
            self._gone[name] = None
        return Step(post=post)

    def reread(self, raw: bytes) -> Post:
        """The post of an item that could not be read before. Raises `ValueError`."""
        item = mapping(msgspec.json.decode(raw))
        now = http.current_time(self._context)
        return read(line(item.get("kind")), mapping(item.get("data")), now)


def _subreddit(name: str) -> str:
    bare = name.strip("/").removeprefix("r/")
    if not bare.isascii() or not bare.replace("_", "").isalnum():
        raise BadSettings(f"reddit: 'subreddits' is {name!r:.80}; give names such as r/tea")
    return bare
