"""RSS 0.9 to 2.0, Atom and JSON Feed, read into one shape. Pure: no network, no clock.

XML goes through `feedparser`, which reads what is ill-formed too; its own HTML sanitising is off,
because `connectors.text` makes plain text of everything.
"""

import calendar
import hashlib
import io
import re
import time
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import feedparser
import msgspec

from connectors.charsets import real_charset
from connectors.fields import count, mapping, mappings
from connectors.local_dates import halved
from connectors.rhythm import UNPACED, Pace, read_pace
from connectors.text import line, link, plain, tag

MAX_ENTRIES: Final = 2_000
_MAX_MEDIA: Final = 20
_PROLOG: Final = 64 * 1024
_ROOT = re.compile(rb"<[A-Za-z]")
_DANGEROUS_ENTITY = re.compile(
    rb"<!ENTITY\s+(?:%\s*)?\S{1,200}\s+(?:SYSTEM|PUBLIC|\"[^\"]*[&%][^\"]*\"|'[^']*[&%][^']*')"
)
_HOURS = re.compile(rb"<skipHours>", re.IGNORECASE)
_HOUR = re.compile(rb"<hour>\s*(\d{1,2})\s*</hour>", re.IGNORECASE)
_DAYS = re.compile(rb"<skipDays>", re.IGNORECASE)
_DAY = re.compile(rb"<day>\s*([A-Za-z]{3,12})\s*</day>", re.IGNORECASE)
_SKIPPED: Final = 2_000
_REFERENCE = re.compile(rb"&#(?:[xX]([0-9a-fA-F]{1,20})|([0-9]{1,20}));")
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)


_CUT_MARKS: Final = ("no element found", "unclosed token", "unclosed CDATA", "partial character")
"""What expat says of a document that just stops."""


class NotAFeed(ValueError):
    """The document is no feed that can be read, or a trap."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `published` and `updated` are moments, the source's text, or `None`."""

    guid: str
    link: str
    title: str
    text: str
    truncated: bool
    author: str
    author_url: str
    published: datetime | str | None
    updated: datetime | str | None
    categories: list[str]
    media: list[str]
    lang: str
    replies: int | None = None
    """How many comments there are."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A document's entries as it orders them, and what it says of entries it could not give."""

    entries: list[Entry]
    unreadable: list[tuple[str, bytes]]
    cut: bool = False
    """Whether the document ends before its end: what is missing may come next time."""
    pace: Pace = UNPACED
    title: str = ""
    children: tuple[str, ...] = ()
    """Other documents that this one names, and that are to be read as well."""
    hub: str = ""
    """Where WebSub takes subscriptions, and `topic`, what one subscribes to there."""
    topic: str = ""


def parse(body: bytes, content_type: str, url: str) -> Feed:
    """Read a feed. `url` resolves relative links. Raises `NotAFeed`.

    Takes about a millisecond an entry: call it in a thread.
    """
    start = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"{"):
        return _parse_json(body, url)
    _refuse_traps(body)
    return _parse_xml(body, content_type, url)


def named(entries: Iterable[Entry]) -> list[tuple[str, Entry]]:
    """Each entry with what names it: its guid, else its link, else its content.

    A guid or link that several entries of one document share names none of them; of entries that
    are equal in all, the first is kept.
    """
    entries = list({_sameness(entry): entry for entry in reversed(list(entries))}.values())[::-1]
    guids = Counter(entry.guid for entry in entries)
    links = Counter(entry.link for entry in entries)
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.guid and guids[entry.guid] == 1:
            name = entry.guid
        elif entry.link and links[entry.link] == 1:
            name = entry.link
        else:
            name = _content_id(entry)
        found.setdefault(name, entry)
    return list(found.items())


def short_digest(text: str) -> str:
    """Sixteen hexadecimal digits that stand for `text` in an id."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _sameness(entry: Entry) -> tuple[object, ...]:
    """What makes two entries of one document the same entry, listed twice."""
    return entry.guid, entry.link, entry.title, entry.text, entry.published


def _content_id(entry: Entry) -> str:
    content = f"{entry.guid}\0{entry.link}\0{entry.title}\0{entry.published}"
    return hashlib.blake2b(content.encode("utf-8", "replace"), digest_size=12).hexdigest()


def _refuse_traps(body: bytes) -> None:
    """Entities made of entities (they multiply) and external ones (they fetch).

    UTF-16 hides the words between NULs, so these go first. Only the part before the root counts.
    """
    head = body[:_PROLOG].replace(b"\0", b"")
    root = _ROOT.search(head)
    prolog = head[: root.start()] if root else head
    if b"<!ENTITY" in prolog and _DANGEROUS_ENTITY.search(prolog):
        raise NotAFeed("it declares entities that expand or fetch; such documents are refused")
    if root is None and len(body) > _PROLOG:
        raise NotAFeed("no element in its first 64 KiB")


def _parse_xml(body: bytes, content_type: str, url: str) -> Feed:
    # Without a base, feedparser leaves guids as they are; links are made absolute here.
    headers: dict[str, str] = {}
    if charset := real_charset(body, content_type):
        headers["content-type"] = f"application/xml; charset={charset}"
    elif content_type.isascii() and len(content_type) < 200:
        headers["content-type"] = content_type
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        whole = io.BytesIO(_REFERENCE.sub(_possible, body))
        parsed = feedparser.parse(whole, response_headers=headers, sanitize_html=False)
    if not parsed.get("version") and not parsed.entries:
        raise NotAFeed(f"it is no feed{_why(parsed)}")
    lang = line(parsed.feed.get("language"), limit=35)
    entries: list[Entry] = []
    unreadable: list[tuple[str, bytes]] = []
    cut = _is_cut(parsed)
    items = parsed.entries[:-1] if cut and _ends_inside(body) else parsed.entries
    for number, item in enumerate(items[:MAX_ENTRIES]):
        try:
            entries.append(_usable(_xml_entry(item, lang, url)))
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            unreadable.append((f"entry {number + 1}: {error}", repr(item).encode()[:65536]))
    links = parsed.feed.get("links") or ()
    return Feed(
        entries,
        unreadable,
        cut,
        _pace(parsed.feed, body),
        title=line(parsed.feed.get("title"), html=True),
        hub=_related(links, "hub", url),
        topic=_related(links, "self", url),
    )


def _pace(feed: Any, body: bytes) -> Pace:
    """feedparser keeps the last of the hours and days alone."""
    hours, days = _told(body, _HOURS, _HOUR), _told(body, _DAYS, _DAY)
    return read_pace(feed.get("ttl"), hours, days)


def _told(body: bytes, block: re.Pattern[bytes], each: re.Pattern[bytes]) -> list[str]:
    start = block.search(body)
    if start is None:
        return []
    inside = body[start.end() : start.end() + _SKIPPED].partition(b"</skip")[0]
    return [value.decode("ascii") for value in each.findall(inside)]


def _possible(found: re.Match[bytes]) -> bytes:
    """The reference, or that to U+FFFD where it names no character: feedparser fails on it."""
    number = int(found.group(1), 16) if found.group(1) else int(found.group(2))
    real = number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF
    return found.group() if real else b"&#xFFFD;"


def _related(links: Iterable[Any], name: str, base: str) -> str:
    found = (link(each.get("href"), base) for each in links if each.get("rel") == name)
    return next((address for address in found if address), "")


def _is_cut(parsed: Any) -> bool:
    said = str(parsed.get("bozo_exception", ""))
    return any(mark in said for mark in _CUT_MARKS)


def _ends_inside(body: bytes) -> bool:
    """Whether the last entry was begun and not ended."""
    opened = max(body.rfind(b"<item"), body.rfind(b"<entry"))
    closed = max(body.rfind(b"</item>"), body.rfind(b"</entry>"))
    return opened > closed


def _usable(entry: Entry) -> Entry:
    if not (entry.title or entry.text or entry.link):
        raise ValueError("it has no title, text or link")
    return entry


def _why(parsed: Any) -> str:
    error = parsed.get("bozo_exception")
    return f": {line(str(error), limit=160)}" if error else ""


def _xml_entry(item: Any, lang: str, base: str) -> Entry:
    title = item.get("title_detail") or {}
    body, is_html, body_lang = _content(item)
    text, truncated = plain(body, html=is_html)
    author = item.get("author_detail") or {}
    guid = item.get("id")
    return Entry(
        guid=guid.strip() if isinstance(guid, str) else "",
        link=link(item.get("link"), base),
        title=line(item.get("title"), html=title.get("type") != "text/plain"),
        text=text,
        truncated=truncated,
        author=line(author.get("name")) or line(item.get("author")) or _named(item, "lj_poster"),
        author_url=link(author.get("href"), base),
        published=_date(item, "published") or _date(item, "created"),
        updated=_date(item, "updated") if "updated" in item.keys() else None,  # noqa: SIM118 - feedparser answers "updated" from "published" otherwise
        categories=_tags(each.get("term") for each in item.get("tags") or ()),
        media=_xml_media(item, base),
        lang=line(body_lang, limit=35) or lang,
        replies=_replies(item),
    )


def _replies(item: Any) -> int | None:
    """As RSS's `slash`, Atom's `thr` and LiveJournal's extensions write it."""
    for name in ("slash_comments", "thr_total", "lj_reply-count"):
        number = count(_named(item, name))
        if number is not None:
            return number
    return None


def _named(item: Any, name: str) -> str:
    """An extension's element, whether it holds its value or bears it as an attribute."""
    value = item.get(name)
    if isinstance(value, dict):
        value = value.get("user") or value.get("count")
    return line(value)


def _content(item: Any) -> tuple[str, bool, str]:
    """The whole text before the summary."""
    details = [*(item.get("content") or ()), item.get("summary_detail") or {}]
    for detail in details:
        value = detail.get("value")
        if isinstance(value, str) and value.strip():
            kind = detail.get("type") or "text/html"
            return value, kind != "text/plain", detail.get("language") or ""
    return "", False, ""


def _date(item: Any, name: str) -> datetime | str | None:
    raw = item.get(name)
    parsed = item.get(f"{name}_parsed")
    if isinstance(parsed, time.struct_time) and not (isinstance(raw, str) and halved(raw)):
        try:
            return _FIRST + timedelta(seconds=calendar.timegm(parsed))
        except (OverflowError, ValueError):
            return None
    return raw if isinstance(raw, str) else None


def _xml_media(item: Any, base: str) -> list[str]:
    found = [each.get("href") for each in item.get("enclosures") or ()]
    found += [each.get("url") for each in item.get("media_content") or ()]
    found += [each.get("url") for each in item.get("media_thumbnail") or ()]
    return _links(found, base)


def _links(values: Iterable[object], base: str = "") -> list[str]:
    cleaned = dict.fromkeys(link(value, base) for value in values)
    return [address for address in cleaned if address][:_MAX_MEDIA]


def _tags(values: Iterable[object]) -> list[str]:
    return [name for name in dict.fromkeys(tag(value) for value in values) if name][:50]


def _parse_json(body: bytes, url: str) -> Feed:
    try:
        document = mapping(msgspec.json.decode(body.lstrip(b"\xef\xbb\xbf")))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotAFeed(f"its JSON can't be read: {line(str(error), limit=160)}") from None
    items = document.get("items")
    if not isinstance(items, list):
        raise NotAFeed("its JSON has no list of items")
    hubs = [each.get("url") for each in mappings(document.get("hubs"))]
    base = link(document.get("home_page_url")) or url
    entries: list[Entry] = []
    unreadable: list[tuple[str, bytes]] = []
    for number, item in enumerate(items[:MAX_ENTRIES]):
        try:
            entries.append(_usable(_json_entry(mapping(item), document, base)))
        except ValueError as error:
            unreadable.append((f"item {number + 1}: {error}", msgspec.json.encode(item)[:65536]))
    return Feed(
        entries,
        unreadable,
        title=line(document.get("title")),
        hub=next(iter(_links(hubs)), ""),
        topic=link(document.get("feed_url")),
    )


def _json_entry(item: dict[str, Any], document: dict[str, Any], base: str) -> Entry:
    text, truncated = _json_text(item)
    authors = mappings(item.get("authors")) or mappings(item.get("author"))
    authors = authors or mappings(document.get("authors")) or mappings(document.get("author"))
    author = authors[0] if authors else {}
    name = item.get("id")
    tags = item.get("tags")
    attached = [each.get("url") for each in mappings(item.get("attachments"))]
    return Entry(
        guid=str(name).strip() if isinstance(name, str | int | float) else "",
        link=link(item.get("url"), base) or link(item.get("external_url"), base),
        title=line(item.get("title")),
        text=text,
        truncated=truncated,
        author=line(author.get("name")),
        author_url=link(author.get("url")),
        published=_text_or_none(item.get("date_published")),
        updated=_text_or_none(item.get("date_modified")),
        categories=_tags(tags if isinstance(tags, list) else []),
        media=_links([item.get("image"), *attached], base),
        lang=line(item.get("language"), limit=35) or line(document.get("language"), limit=35),
    )


def _json_text(item: dict[str, Any]) -> tuple[str, bool]:
    for name, is_html in (("content_html", True), ("content_text", False), ("summary", False)):
        value = item.get(name)
        if isinstance(value, str) and value.strip():
            return plain(value, html=is_html)
    return "", False


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
