"""Any public list page, read by selectors that its user gives; robots.txt is obeyed.

For sites without a feed or an API whose terms allow it. One request a minute a host, at most; the
whole list is read before its items are handed on, so that a fault in between loses none.
See docs/connectors/page.md.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors import http, listing, times
from connectors.addresses import is_named
from connectors.base import Context, Cursor, Gap, Option, Spec, Step
from connectors.errors import BadSettings, ConnectorError, Fatal, Refused, Retriable, SkipItem
from connectors.fields import mapping
from connectors.listing import Item, Listing, Pick, Rules
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.pace import Pace
from connectors.post import Author, Kind, Post
from connectors.robots import Robots
from connectors.selectors import Selector
from connectors.text import tag
from connectors.tree import known_encoding

_ACCEPT: Final = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"
_REST: Final = 60.0
_ROBOTS_KEPT: Final = 24 * 3600.0
_MEMORY: Final = 2_000
_LONGEST_PAGE: Final = 4 * 1024 * 1024
_PICKS: Final = ("title", "text", "author", "date", "link", "id", "next")
_KINDS: Final[dict[str, Kind]] = {
    "article": "article", "post": "post", "comment": "comment", "review": "review",
}  # fmt: skip


@dataclass(slots=True)
class _Memory:
    """`seen` holds, by item, its content's digest and its creation in seconds since 1970."""

    etag: str = ""
    seen: dict[str, list[Any]] = field(default_factory=dict)


class Page:
    """Cursor: `{"pages": {address: {etag, seen: {item: [digest, created]}}}, "asked": {host:
    seconds since 1970}}`."""

    spec: ClassVar[Spec] = Spec(
        name="page",
        door="a public web page that lists items",
        sees="what the selectors find on the list and the pages after it; edits of what is listed",
        needs="the page's address, selectors, and leave by the site's terms",
        limits="one request a minute a host; robots.txt",
        group="doors",
        options=(
            Option("urls", "Addresses of list pages.", ()),
            Option("terms_accepted", "yes: the sites' terms were read and allow this.", "no"),
            Option("item", "Selector of one item of the list.", ""),
            Option("title", "Selector of the title, in an item.", ""),
            Option("text", "Selector of the text; the whole item, where left out.", ""),
            Option("author", "Selector of the author.", ""),
            Option("date", "Selector of the date; of `<time>` its `datetime` is read.", ""),
            Option("link", "Selector of the link; the first, where left out.", ""),
            Option("id", "Selector of a lasting name, where the link is none.", ""),
            Option("next", "Selector of the link to the next page.", ""),
            Option("pages", "How many pages of a list are read at most.", 5),
            Option("date_format", "How dates are written, such as %d.%m.%Y %H:%M.", ""),
            Option("timezone", "Zone of dates that name none.", "UTC"),
            Option("encoding", "Encoding of the page, where the site tells it wrongly.", ""),
            Option("kind", "article, post, comment or review.", "article"),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        poll_seconds=600.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._base = options.url("base_url")
        given = options.many("urls") or ([self._base] if self._base else [])
        self._urls = [
            options.check_url("urls", self._base + url if url.startswith("/") else url)
            for url in given
        ]
        if not self._urls:
            raise BadSettings("page: set 'urls': addresses of list pages, with commas between")
        self._kind = _KINDS[options.choice("kind", tuple(_KINDS))]
        self._pages = options.whole("pages", 1, 50)
        self._rules = _rules(options)
        if not options.switch("terms_accepted"):
            hosts = ", ".join(dict.fromkeys(urlsplit(url).hostname or "" for url in self._urls))
            raise BadSettings(
                "page: 'terms_accepted' is no; read the terms of use of "
                f"{hosts}: where they allow automatic reading, set terms_accepted: yes"
            )
        self._robots: dict[str, tuple[Robots, float]] = {}

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One visit to every list. Raises only where no list could be read at all."""
        pages = dict(mapping(mapping(cursor).get("pages")))
        asked = mapping(mapping(cursor).get("asked"))
        known = {str(host): at for host, at in asked.items() if isinstance(at, int | float)}
        pace = Pace(_REST, self._context.clock or time.time, known)
        errors: list[ConnectorError] = []
        async with http.Client(
            self._context,
            contact=self._contact,
            headers={"accept": _ACCEPT},
            seconds=self._timeout,
            max_body=_LONGEST_PAGE,
        ) as client:
            for url in self._urls:
                memory = _memory(pages.get(url))
                visit = _Visit(self, client, pace, memory)
                try:
                    await visit.read(url)
                except ConnectorError as error:
                    errors.append(error)
                    self._context.on_note(str(error))
                    continue
                for step in self._steps(url, visit):
                    yield step
                pages = {**pages, url: {"etag": memory.etag, "seen": memory.seen}}
                yield Step(cursor={"pages": pages, "asked": pace.asked})
        if errors and len(errors) == len(self._urls):
            raise errors[0]

    def _steps(self, url: str, visit: "_Visit") -> list[Step]:
        """Oldest first; `visit.memory` then knows what was seen."""
        now = http.current_time(self._context)
        steps = [Step(gap=gap) for gap in visit.gaps]
        before, fresh = visit.memory.seen, dict[str, list[Any]]()
        items, shared = listing.distinct(visit.items)
        if shared:
            self._context.on_note(
                f"{http.shown(url)}: several items are called {shared:.120}; set 'id', or 'link'"
            )
        for item in reversed(items):
            if not item.name:
                place = f"{http.shown(url)}: an item"
                said = f"{place} has neither title nor text where the selectors look"
                steps.append(Step(dead=SkipItem(said, place=place, raw=item.raw)))
                continue
            key = listing.digest(item.name)
            seen = before.get(key)
            post = self._post(url, visit.lang, item, seen, now)
            fresh[key] = [item.digest, post.created_at.timestamp()]
            if seen is None or seen[0] != item.digest:
                steps.append(Step(post=post))
        kept = [one for one in before.items() if one[0] not in fresh][-_MEMORY:]
        visit.memory.seen = {**dict(kept), **fresh}
        return steps

    def _post(self, url: str, lang: str, item: Item, seen: Any, now: datetime) -> Post:
        created = times.parse_or(seen[1], now, now=now) if seen else item.created or now
        host = urlsplit(url).hostname or ""
        return Post(
            id=f"page:{item.name}" if "://" in item.name else f"page:{host}:{tag(item.name)}",
            source="page",
            kind=self._kind,
            state="edited" if seen else "live",
            created_at=created,
            collected_at=now,
            updated_at=now if seen else None,
            url=item.link or url,
            title=item.title,
            text=item.text,
            truncated=item.truncated,
            lang=lang,
            author=Author(name=item.author),
        )

    def real(self, url: str) -> str:
        """The address with `base_url` in its host's place."""
        return self._base + urlunsplit(("", "", *urlsplit(url)[2:])) if self._base else url

    async def ask(
        self, client: http.Client, pace: Pace, url: str, etag: str
    ) -> tuple[Listing | None, str]:
        """The page at `url` (`None`: unchanged) and its ETag. Raises where robots.txt or the
        server refuses it."""
        robots = await self._allowed(client, url)
        real = urlsplit(self.real(url))
        host, port = real.hostname or "", real.port or (443 if real.scheme == "https" else 80)
        if not is_named(host, port, self._context.allow_hosts):
            await pace.turn(host, robots.delay)
        headers = {"if-none-match": etag} if etag and etag.isascii() else {}
        reply = await client.get(self.real(url), headers=headers, accept=(200, 304))
        if reply.status == 304:
            return None, etag
        if urlsplit(reply.url).netloc.rpartition("@")[2] != real.netloc.rpartition("@")[2]:
            await self._allowed(client, reply.url, moved=True)
        now = http.current_time(self._context)
        kind = reply.headers.get("content-type", "")
        found = await asyncio.to_thread(listing.read, reply.body, kind, url, self._rules, now)
        return found, reply.headers.get("etag", "")[:500]

    async def _allowed(self, client: http.Client, url: str, *, moved: bool = False) -> Robots:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        now = (self._context.clock or time.time)()
        known, until = self._robots.get(origin, (None, 0.0))
        if known is None or now >= until:
            where = f"{origin}/robots.txt"
            known = await _robots(client, where if moved else self.real(where))
            self._robots[origin] = known, now + _ROBOTS_KEPT
        path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        if not known.allows(path):
            where = http.shown(url)
            raise Fatal(f"{where}: the site's robots.txt forbids it; remove it from 'urls'")
        return known

    @property
    def most_pages(self) -> int:
        return self._pages


class _Visit:
    """One reading of a list, from its first page back to what is known."""

    def __init__(self, source: Page, client: http.Client, pace: Pace, memory: _Memory) -> None:
        self._source, self._client, self._pace = source, client, pace
        self.memory = memory
        self.items: list[Item] = []
        self.gaps: list[Gap] = []
        self.lang = ""

    async def read(self, url: str) -> None:
        first, etag = await self._source.ask(self._client, self._pace, url, self.memory.etag)
        if first is None:
            return
        if not first.items:
            raise Retriable(
                f"{http.shown(url)}: nothing on the page matches 'item' (a changed layout, a login"
                " or a captcha?). Remedy: look at the page and set the selectors anew"
            )
        self.memory.etag, self.lang = etag, first.lang
        self.items += first.items
        page, visited = first, {url}
        while page.next and not self._reached(page) and len(visited) < self._source.most_pages:
            if page.next in visited or urlsplit(page.next).netloc != urlsplit(url).netloc:
                break
            visited.add(page.next)
            try:
                following, _ = await self._source.ask(self._client, self._pace, page.next, "")
            except Fatal as error:
                self.gaps.append(self._gap(f"a further page can't be read: {error}"))
                return
            if following is None or not following.items:
                break
            page = following
            self.items += page.items
        if self.memory.seen and not any(map(self._knows, self.items)):
            self.gaps.append(self._gap(f"all is new on {len(visited)} page(s) of the list"))

    def _reached(self, page: Listing) -> bool:
        """Whether the page's oldest item is known; newer ones may be, where a site pins them."""
        return self._knows(page.items[-1])

    def _knows(self, item: Item) -> bool:
        names = (item.name, item.apart)
        return any(listing.digest(name) in self.memory.seen for name in names)

    def _gap(self, reason: str) -> Gap:
        moments = [seen[1] for seen in self.memory.seen.values()]
        since = datetime.fromtimestamp(max(moments), UTC).isoformat() if moments else "the start"
        oldest = [item.created for item in self.items if item.created is not None]
        return Gap(since=since, until=min(oldest).isoformat() if oldest else "now", reason=reason)


async def _robots(client: http.Client, url: str) -> Robots:
    """RFC 9309: none where the file is refused (4xx); a server that fails must be waited for."""
    try:
        reply = await client.get(url)
    except ConnectorError as error:
        if type(error) in (Fatal, Refused):
            return Robots("")
        raise
    return Robots(reply.body.decode("utf-8", "replace"))


def _rules(options: Options) -> Rules:
    picks: dict[str, Pick | None] = {}
    for name in (*_PICKS, "item"):
        text = options.text(name)
        try:
            picks[name] = Pick(text) if text else None
            item = Selector(text) if name == "item" and text else None
        except ValueError as error:
            raise BadSettings(f"page: '{name}' is {text!r}; {error}") from None
    if item is None:
        raise BadSettings("page: set 'item': the selector of one item, such as article.news")
    zone = options.text("timezone")
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadSettings(f"page: 'timezone' is {zone!r}; give one such as Europe/Paris") from None
    encoding = options.text("encoding")
    if encoding and not known_encoding(encoding):
        raise BadSettings(f"page: 'encoding' is {encoding!r}; give one such as windows-1251")
    return Rules(
        item=item,
        encoding=encoding,
        date_format=options.text("date_format"),
        zone=place,
        **{name: picks[name] for name in _PICKS},
    )


def _memory(stored: object) -> _Memory:
    fields = mapping(stored)
    etag = fields.get("etag")
    seen = {
        str(key): row
        for key, row in mapping(fields.get("seen")).items()
        if isinstance(row, list) and len(row) == 2 and isinstance(row[1], int | float)
    }
    return _Memory(etag if isinstance(etag, str) else "", seen)
