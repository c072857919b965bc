"""WordPress: posts and comments of sites, by their REST API. See docs/connectors/wordpress.md.

Lists are read from the latest change back to where they were left: `after` counts in the site's
own time zone, which it does not tell, and knows no edits.
"""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import msgspec

from connectors import http, times
from connectors.base import Context, Cursor, Gap, Option, Spec, Step
from connectors.errors import (
    BadSettings,
    ConnectorError,
    Fatal,
    Refused,
    Retriable,
    SkipItem,
    most_hopeful,
)
from connectors.fields import count, mapping
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Post
from connectors.text import line
from connectors.wordpress_posts import Site, article, comment

_HOSTED: Final = "https://public-api.wordpress.com/wp/v2/sites/"
_PAGE: Final = 100
_MOST_PAGES: Final = 20
_LISTS: Final = {"posts": "modified_gmt", "comments": "date_gmt"}


class WordPress:
    """Cursor: `{site's name: {posts: {at, ids}, comments: {at, ids}}}`: the latest time read, and
    what had just that time."""

    spec: ClassVar[Spec] = Spec(
        name="wordpress",
        door="REST API",
        sees="posts, their edits, and comments of WordPress sites",
        needs="the sites' addresses",
        limits="2 requests a site and pass; the site's own limits",
        options=(
            Option("sites", "Addresses of sites.", ()),
            Option("comments", "Read comments: yes or no.", "yes"),
            Option("query", "Read posts alone that the site finds for this.", ""),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        group="thematic",
        poll_seconds=300.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._query = options.text("query")
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._lists = ["posts", "comments"] if options.switch("comments") else ["posts"]
        base = options.url("base_url")
        given = options.many("sites") or ([base] if base else [])
        if not given:
            raise BadSettings("wordpress: set 'sites': addresses of sites, with commas between")
        self._told: set[str] = set()
        self._sites = [_site(options.check_url("sites", url), base) for url in given]

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over every list of every site, oldest first. Raises only where no site could
        be read at all."""
        state = dict(mapping(cursor))
        errors: list[ConnectorError] = []
        async with http.Client(
            self._context, contact=self._contact, seconds=self._timeout
        ) as client:
            for site in self._sites:
                known = dict(mapping(state.get(site.name)))
                try:
                    for name in self._lists:
                        async for step, mark in self._list(client, site, name, known.get(name)):
                            known = {**known, name: mark} if mark else known
                            state = {**state, site.name: known}
                            yield Step(
                                post=step.post,
                                dead=step.dead,
                                gap=step.gap,
                                cursor=state if mark else None,
                            )
                except ConnectorError as error:
                    errors.append(error)
                    self._context.on_note(str(error))
        if len(errors) == len(self._sites):
            raise most_hopeful(errors)

    async def _list(
        self, client: http.Client, site: Site, name: str, known: Any
    ) -> AsyncIterator[tuple[Step, dict[str, Any] | None]]:
        """Steps, oldest first, with where the list is then read up to (None: as before)."""
        now = http.current_time(self._context)
        before = mapping(known)
        since = times.parse_or(before.get("at"), datetime.min.replace(tzinfo=UTC), now=now)
        try:
            items, whole = await self._changed(client, site, name, since, first=not before)
        except Fatal as error:
            if name == "posts":
                raise
            self._context.on_note(f"{site.name}: comments can't be read: {error}")
            return
        if not whole:
            reason = f"{site.name} has more than {_MOST_PAGES * _PAGE} new {name}"
            oldest = _changed_at(items[-1], name, now) or now
            yield (
                Step(gap=Gap(since=str(before["at"]), until=oldest.isoformat(), reason=reason)),
                None,
            )
        read = _reader(name)
        at, ids = since, [each for each in before.get("ids", []) if isinstance(each, int)]
        for item in reversed(items):
            number, moment = count(mapping(item).get("id")), _changed_at(item, name, now)
            if number is not None and moment == since and number in ids:
                continue
            step = _step(site, name, item, now, read)
            if moment is None or number is None:
                # Without a time, it can't be told from what is new.
                if step.dead is None or step.dead.place not in self._told:
                    yield step, None
                self._told |= {step.dead.place} if step.dead else set()
                continue
            ids = [*ids, number][-_PAGE:] if moment == at else [number]
            at = max(at, moment)
            yield step, {"at": at.isoformat(), "ids": ids}

    async def _changed(
        self, client: http.Client, site: Site, name: str, since: datetime, *, first: bool
    ) -> tuple[list[Any], bool]:
        """Items changed at `since` or later, the latest first, and whether these are all. The
        first time, the latest page."""
        now = http.current_time(self._context)
        found: list[Any] = []
        for number in range(1, _MOST_PAGES + 1):
            page, last = await self._page(client, site, name, number)
            fresh = [one for one in page if (_changed_at(one, name, now) or now) >= since]
            found += fresh
            if first or last or len(fresh) < len(page):
                return found, True
        return found, False

    async def _page(
        self, client: http.Client, site: Site, name: str, number: int
    ) -> tuple[list[Any], bool]:
        """A page, and whether it is the last."""
        params = {"per_page": str(_PAGE), "page": str(number), "order": "desc"}
        if name == "posts":
            params |= {"orderby": "modified", "_embed": "author,wp:term,wp:featuredmedia"}
            params |= {"search": self._query} if self._query else {}
        else:
            params["orderby"] = "date_gmt"
        url = f"{site.root}/{name}"
        reply = await client.get(url, params=params, accept=(200, 400))
        answer = http.decode(reply)
        if reply.status == 400:
            code = line(mapping(answer).get("code"))
            if code.endswith("invalid_page_number"):
                return [], True
            said = line(mapping(answer).get("message"), limit=200) or code
            raise Refused(f"{http.shown(url)} answered 400: {said}")
        if not isinstance(answer, list):
            raise Retriable(f"{http.shown(url)} answered no list of {name}")
        pages = count(reply.headers.get("x-wp-totalpages"))
        return answer, len(answer) < _PAGE if pages is None else number >= pages

    def reread(self, raw: bytes) -> Post:
        """The post of an item that could not be read before. Raises `ValueError`."""
        kept = mapping(msgspec.json.decode(raw))
        name = "comments" if kept.get("list") == "comments" else "posts"
        site = Site(line(kept.get("site")), "")
        return _reader(name)(site, mapping(kept.get("item")), http.current_time(self._context))


_Read = Callable[[Site, dict[str, Any], datetime], Post]


def _site(address: str, base: str) -> Site:
    """A site of WordPress.com has its API at another place."""
    parts = urlsplit(address)
    name = f"{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/").lower()
    if (parts.hostname or "").endswith(".wordpress.com"):
        root = f"{_HOSTED}{parts.hostname}"
    else:
        root = f"{address.rstrip('/')}/wp-json/wp/v2"
    return Site(name, base + urlsplit(root).path if base and not root.startswith(base) else root)


def _changed_at(item: object, name: str, now: datetime) -> datetime | None:
    fields = mapping(item)
    told = fields.get(_LISTS[name]) or fields.get("date_gmt")
    try:
        return times.parse(told, now=now)
    except ValueError:
        return None


def _step(site: Site, name: str, item: object, now: datetime, read: _Read) -> Step:
    place = f"{site.name} {name} {mapping(item).get('id')!r:.40}"
    try:
        return Step(post=read(site, mapping(item), now))
    except ValueError as error:
        raw = msgspec.json.encode({"site": site.name, "list": name, "item": item})
        said = f"{place}: {line(str(error), limit=200)}"
        return Step(dead=SkipItem(said, place=place, raw=raw))


def _reader(name: str) -> _Read:
    return article if name == "posts" else comment
