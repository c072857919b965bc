"""What one public page says: fetched once, because a person asked, and read as an article.

The address is checked as those of all connectors are (`connectors.addresses`), robots.txt is
obeyed, and time and size are bounded.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from connectors import http, times
from connectors.base import Context
from connectors.errors import ConnectorError, Fatal, Refused
from connectors.robots import Robots
from connectors.text import line, link, plain
from connectors.tree import Element, Page, decoded

SECONDS: Final = 15.0
MOST_BYTES: Final = 4 * 1024 * 1024
_LONGEST_URL: Final = 2_000
_TITLE: Final = 300
_HTML: Final = ("text/html", "application/xhtml+xml", "text/plain")
_MAIN: Final = ("article", "main", "body")


@dataclass(frozen=True, slots=True)
class Article:
    """A page: `url` is where it was in the end, or what the page calls its own address."""

    url: str
    title: str = ""
    text: str = ""
    truncated: bool = False
    author: str = ""
    lang: str = ""
    created: datetime | None = None


async def fetch(context: Context, url: str) -> Article:
    """Raises a `ConnectorError` that names the place and what is wrong."""
    if len(url) > _LONGEST_URL or not link(url):
        raise Fatal("this is no web address. Remedy: one that begins with https://")
    async with http.Client(
        context,
        headers={"accept": "text/html, application/xhtml+xml, text/plain;q=0.5"},
        max_body=MOST_BYTES,
        seconds=SECONDS,
    ) as client:
        await _allowed(client, url)
        reply = await client.get(url)
        if urlsplit(reply.url).netloc != urlsplit(url).netloc:
            await _allowed(client, reply.url)
    kind = reply.headers.get("content-type", "text/html")
    if not kind.strip().lower().startswith(_HTML):
        said = line(kind, limit=60)
        raise Fatal(f"{http.shown(reply.url)}: it is {said}, not a page with text")
    now = http.current_time(context)
    return await asyncio.to_thread(read, reply.body, kind, reply.url, now)


async def _allowed(client: http.Client, url: str) -> None:
    parts = urlsplit(url)
    try:
        reply = await client.get(f"{parts.scheme}://{parts.netloc}/robots.txt")
    except ConnectorError as error:
        if type(error) in (Fatal, Refused):
            return
        raise
    path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    if not Robots(reply.body.decode("utf-8", "replace")).allows(path):
        raise Fatal(
            f"{http.shown(url)}: the site's robots.txt forbids it. Remedy: copy the text by hand"
        )


def read(body: bytes, kind: str, url: str, now: datetime) -> Article:
    """The page's own words about itself, and the text of its article."""
    markup = decoded(body, kind)
    if kind.strip().lower().startswith("text/plain"):
        text, cut = plain(markup, html=False)
        return Article(url=url, text=text, truncated=cut)
    page = Page(markup)
    told = dict(_told(page))
    main = _main(page)
    text, cut = plain(page.inside(main), html=True) if main else ("", False)
    own = link(told.get("og:url", ""), url)
    return Article(
        url=own if own and urlsplit(own).netloc == urlsplit(url).netloc else url,
        title=line(told.get("og:title") or told.get("title", ""), limit=_TITLE),
        text=text or line(told.get("og:description") or told.get("description", "")),
        truncated=cut,
        author=line(told.get("author") or told.get("article:author", ""), limit=120),
        lang=line(told.get("lang", ""), limit=35),
        created=_created(told, now),
    )


def _told(page: Page) -> Iterator[tuple[str, str]]:
    """Names and values of the head; what comes first of a name is given last, and so counts."""
    found: list[tuple[str, str]] = []
    for element in page.root.walk():
        attributes = element.attributes
        if element.name == "html" and attributes.get("lang"):
            found.append(("lang", attributes["lang"]))
        elif element.name == "title":
            found.append(("title", line(page.inside(element), html=True, limit=_TITLE)))
        elif element.name == "meta":
            name = attributes.get("property") or attributes.get("name") or ""
            found.append((name.lower(), attributes.get("content", "")))
        elif element.name == "time" and attributes.get("datetime"):
            found.append(("time", attributes["datetime"]))
    yield from reversed(found)


def _main(page: Page) -> Element | None:
    found: dict[str, Element] = {}
    for element in page.root.walk():
        if element.name in _MAIN:
            found.setdefault(element.name, element)
    return next((found[name] for name in _MAIN if name in found), page.root)


def _created(told: dict[str, str], now: datetime) -> datetime | None:
    for name in ("article:published_time", "date", "pubdate", "dc.date", "time"):
        try:
            return times.parse(told[name].strip(), now=now)
        except (KeyError, ValueError, OverflowError):
            continue
    return None
