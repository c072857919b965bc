"""A feed as Atom 1.0 (RFC 4287) and as RSS 2.0. Nothing in it is markup that a stranger wrote."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5
from xml.etree import ElementTree as ET

import msgspec
from markupsafe import escape

from streams.records import Mention
from streams.store.rules import tone
from streams.web.cards import clip, safe_url

ATOM: Final = "http://www.w3.org/2005/Atom"
_DC: Final = "http://purl.org/dc/elements/1.1/"
_ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document may hold, not even escaped."""
EMPTY: Final = datetime(1970, 1, 1, tzinfo=UTC)
MOST_TEXT: Final = 5_000
_TITLE: Final = 120


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One mention. `updated` moves when the post is edited or staff label it; `html` is safe."""

    id: str
    title: str
    link: str
    author: str
    author_url: str
    published: datetime
    updated: datetime
    categories: Sequence[str]
    html: str


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """`link` is the page of the same view, `own` the address of the feed; either may be empty."""

    id: str
    title: str
    link: str
    own: str
    entries: Sequence[Entry]

    @property
    def updated(self) -> datetime:
        return max((entry.updated for entry in self.entries), default=EMPTY)


def name(key: str) -> str:
    """A UUID of a mention's id, or of what names a view: the same for ever and everywhere."""
    try:
        return UUID(hex=key).urn
    except ValueError:
        return uuid5(NAMESPACE_URL, f"veille:{key}".encode("utf-8", "replace").decode()).urn


def entry(mention: Mention, page: str) -> Entry:
    """`page` is the mention's own, for a post without an address that can be followed."""
    post, label = mention.post, mention.label
    text = post.text[:MOST_TEXT] + "…" * (len(post.text) > MOST_TEXT)
    moments = [post.created_at, post.updated_at, label.labeled_at if label else None]
    said = [mention.topic, tone(mention), post.source, mention.lang, *post.hashtags[:20]]
    return Entry(
        id=name(mention.id),
        title=clip(post.title or post.text, _TITLE) or post.id,
        link=safe_url(post.url) or page,
        author=clip(post.author.name or post.author.handle or post.author.id) or post.source,
        author_url=safe_url(post.author.url),
        published=post.created_at,
        updated=max(moment for moment in moments if moment),
        categories=[clip(one) for one in dict.fromkeys(said) if one.strip()],
        html=str(escape(text)).replace("\n", "<br>\n"),
    )


def atom(feed: Feed) -> bytes:
    """The document, in UTF-8."""
    root = ET.Element("feed", {"xmlns": ATOM})
    _add(root, "id", feed.id)
    _add(root, "title", feed.title)
    _add(root, "updated", _rfc3339(feed.updated))
    _add(root, "generator", "Veille")
    _add(_add(root, "author"), "name", "Veille")
    for rel, href in (("alternate", feed.link), ("self", feed.own)):
        if href:
            kind = "text/html" if rel == "alternate" else "application/atom+xml"
            _add(root, "link", rel=rel, type=kind, href=href)
    for one in feed.entries:
        item = _add(root, "entry")
        _add(item, "id", one.id)
        _add(item, "title", one.title)
        _add(item, "published", _rfc3339(one.published))
        _add(item, "updated", _rfc3339(one.updated))
        author = _add(item, "author")
        _add(author, "name", one.author)
        if one.author_url:
            _add(author, "uri", one.author_url)
        if one.link:
            _add(item, "link", rel="alternate", href=one.link)
        for category in one.categories:
            _add(item, "category", term=category)
        _add(item, "content", one.html, type="html")
    return _written(root)


def rss(feed: Feed) -> bytes:
    """The document, in UTF-8."""
    root = ET.Element("rss", {"version": "2.0", "xmlns:atom": ATOM, "xmlns:dc": _DC})
    channel = _add(root, "channel")
    _add(channel, "title", feed.title)
    _add(channel, "link", feed.link or feed.own)
    _add(channel, "description", feed.title)
    _add(channel, "lastBuildDate", format_datetime(feed.updated))
    _add(channel, "generator", "Veille")
    if feed.own:
        _add(channel, "atom:link", rel="self", type="application/rss+xml", href=feed.own)
    for one in feed.entries:
        item = _add(channel, "item")
        _add(item, "title", one.title)
        if one.link:
            _add(item, "link", one.link)
        _add(item, "guid", one.id, isPermaLink="false")
        _add(item, "pubDate", format_datetime(one.published))
        _add(item, "atom:updated", _rfc3339(one.updated))
        _add(item, "dc:creator", one.author)
        for category in one.categories:
            _add(item, "category", category)
        _add(item, "description", one.html)
    return _written(root)


FORMS: Final[dict[str, tuple[Callable[[Feed], bytes], str]]] = {
    "atom": (atom, "application/atom+xml; charset=utf-8"),
    "rss": (rss, "application/rss+xml; charset=utf-8"),
}
"""How each is written, and its media type."""


def _add(parent: ET.Element, tag: str, text: str = "", **attributes: str) -> ET.Element:
    legal = {key: _ILLEGAL.sub("", value) for key, value in attributes.items()}
    child = ET.SubElement(parent, tag, legal)
    child.text = _ILLEGAL.sub("", text) or None
    return child


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _written(root: ET.Element) -> bytes:
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, "unicode").encode()
