"""Sitemaps of news, their indexes, and the lines of robots.txt that name them. Pure.

Read by marks, not by an XML parser: what is ill-formed is read as far as it goes, entities that
expand are never declared to anyone, and time is linear in the length.
"""

import html
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from connectors import times
from connectors.charsets import real_charset
from connectors.feeds import Entry, Feed, NotAFeed
from connectors.text import line, link, plain, tag

MAX_ENTRIES: Final = 50_000
"""As many as the protocol allows in one document."""
_MOST_CHILDREN: Final = 1_000
_RECENT: Final = timedelta(hours=48)
_ROOT = re.compile(r"<(?:\w+:)?(urlset|sitemapindex)\b")
_PROLOG = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_OPENING: Final = {
    "urlset": re.compile(r"<(?:\w+:)?url\s*>"),
    "sitemapindex": re.compile(r"<(?:\w+:)?sitemap\s*>"),
}
_FIELD = re.compile(r"<(?:(\w+):)?(\w+)(?:\s[^<>]*)?>([^<]*)</")
_LONGEST_BLOCK: Final = 256 * 1024
_LINE = re.compile(r"^\s*sitemap\s*:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


def parse_sitemap(body: bytes, content_type: str, url: str) -> Feed:
    """The articles of a news sitemap, or the sitemaps that an index or robots.txt names, of which
    those changed two days before the newest are left out. Raises `NotAFeed`."""
    text = _decoded(body, content_type)
    root = _ROOT.search(text, 0, 65_536)
    if root is None:
        named = [link(found, url) for found in _LINE.findall(text[:512_000])]
        if not any(named):
            raise NotAFeed("it is no sitemap, no index of them and no robots.txt that names any")
        return Feed([], [], children=_unique(named))
    blocks = _OPENING[root.group(1)].split(text[root.end() :])[1 : MAX_ENTRIES + 1]
    if root.group(1) == "sitemapindex":
        return Feed([], [], children=_recent(blocks, url))
    entries: list[Entry] = []
    unreadable: list[tuple[str, bytes]] = []
    for number, block in enumerate(blocks):
        try:
            entry = _entry(_fields(block), url)
        except ValueError as error:
            unreadable.append((f"url {number + 1}: {error}", block.encode()[:65_536]))
            continue
        if entry is not None:
            entries.append(entry)
    return Feed(entries, unreadable)


def _entry(fields: dict[str, str], base: str) -> Entry | None:
    """None for a page that is no news."""
    address = link(fields.get("loc"), base)
    if not address:
        raise ValueError("it has no address")
    told = fields.get("title", "")
    date = fields.get("publication_date") or fields.get("lastmod")
    if not told and "publication_date" not in fields:
        return None
    text, truncated = plain(told, html=True)
    keywords = [tag(word) for word in fields.get("keywords", "").split(",")]
    image = link(fields.get("image:loc"), base)
    return Entry(
        guid=address,
        link=address,
        title=line(text),
        text=text,
        truncated=truncated,
        author=line(fields.get("name")),
        author_url="",
        published=date,
        updated=fields.get("lastmod"),
        categories=[word for word in dict.fromkeys(keywords) if word][:50],
        media=[image] if image else [],
        lang=line(fields.get("language"), limit=35),
    )


def _fields(block: str) -> dict[str, str]:
    """Elements by their names without prefix, but for those of images and videos; all but the
    title as plain text."""
    found: dict[str, str] = {}
    for prefix, name, value in _FIELD.findall(_without_cdata(block[:_LONGEST_BLOCK])):
        known = f"{prefix}:{name}" if prefix in ("image", "video") else name
        found.setdefault(known, value if known == "title" else plain(value, html=True)[0])
    return found


def _without_cdata(block: str) -> str:
    """Escaped instead, so that the next tag is where the next `<` is."""
    first, *marked = block.split("<![CDATA[")
    parts = (part.partition("]]>") for part in marked)
    return first + "".join(f"{html.escape(inside)}{rest}" for inside, _, rest in parts)


def _recent(blocks: list[str], base: str) -> tuple[str, ...]:
    """Those without a date stay: they may hold anything."""
    dated = list(_dated(blocks, base))
    moments = [moment for _, moment in dated if moment is not None]
    newest = max(moments, default=None)
    kept = [
        address
        for address, moment in dated
        if moment is None or newest is None or newest - moment <= _RECENT
    ]
    return _unique(kept)


def _dated(blocks: list[str], base: str) -> Iterator[tuple[str, datetime | None]]:
    far = datetime.fromisoformat("2999-01-01T00:00:00+00:00")
    for block in blocks:
        fields = _fields(block)
        try:
            moment = times.parse(fields.get("lastmod"), now=far)
        except ValueError:
            moment = None
        yield link(fields.get("loc"), base), moment


def _unique(addresses: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for each in addresses if each))[:_MOST_CHILDREN]


def _decoded(body: bytes, content_type: str) -> str:
    declared = _PROLOG.search(body[:1024])
    charset = real_charset(body, content_type) or (
        declared.group(1).decode("ascii") if declared else "utf-8"
    )
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        charset = "utf-16"
    try:
        return body.decode(charset, "replace")
    except LookupError:
        return body.decode("utf-8", "replace")
