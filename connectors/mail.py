"""An e-mail as text: its own words, decoded, without attachments; and the links it lists."""

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.utils import parseaddr
from typing import Final
from urllib.parse import parse_qs, urlsplit

from connectors.text import line, link, plain
from connectors.tree import Element, Page, decoded

_MOST_PARTS: Final = 100
_MOST_LINKS: Final = 200
_SHORTEST_TITLE: Final = 15
_LONGEST_TEXT: Final = 2_000
_ID: Final = re.compile(r"<([^<>\s]{1,400})>")
_WRAPPED: Final = ("url", "q", "u")
"""Where services that count clicks keep the address they lead to."""
_SERVICE: Final = re.compile(
    r"unsubscri|abonn|отпис|рассылк|privacy|конфиденциальн|preference|in (?:your )?browser|"
    r"в браузере|navigateur|manage (?:your|this)|see all results|edit this alert|"
    r"все результаты|изменить",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """`html` is its HTML part, empty where there is none; `sent` is its `Date` as written."""

    id: str
    subject: str
    text: str
    truncated: bool
    html: str
    sent: str
    name: str
    address: str
    reply_to: str
    thread: str
    lang: str
    url: str


@dataclass(frozen=True, slots=True)
class Link:
    """One item of a newsletter: its title, the text around it, where it leads."""

    url: str
    title: str
    text: str


def read(raw: bytes) -> Mail:
    """The e-mail in `raw`, which may be cut. Raises `ValueError` where it can't be read."""
    try:
        message = email.message_from_bytes(raw)
        parts = list(_texts(message))
    except (MessageError, ValueError, LookupError, RecursionError, TypeError, IndexError) as error:
        raise ValueError(f"the e-mail can't be read: {type(error).__name__}") from None
    html = next((text for kind, text in parts if kind == "text/html"), "")
    words = next((text for kind, text in parts if kind == "text/plain" and text.strip()), "")
    text, truncated = plain(words, html=False) if words else plain(html, html=True)
    subject = _header(message, "subject")
    if not text and not subject:
        raise ValueError("the e-mail has neither a subject nor a text")
    name, address = parseaddr(_raw(message, "from"))
    before = _ID.findall(_raw(message, "references"))
    parent = _ID.findall(_raw(message, "in-reply-to"))
    archived = _raw(message, "archived-at").strip().strip("<>")
    return Mail(
        id=next(iter(_ID.findall(_raw(message, "message-id"))), ""),
        subject=subject,
        text=text,
        truncated=truncated,
        html=html,
        sent=_raw(message, "date"),
        name=line(_words(name)),
        address=line(address).lower(),
        reply_to=parent[0] if parent else before[-1] if before else "",
        thread=before[0] if before else "",
        lang=line(_raw(message, "content-language").partition(",")[0], limit=35),
        url=link(archived),
    )


def links(html: str) -> list[Link]:
    """The items that an alert or newsletter lists: links with a title's worth of words, without
    those that serve the mail itself. The text is what stands around the link alone."""
    page = Page(html)
    found: dict[str, Link] = {}
    anchors = [one for one in page.root.walk() if one.name == "a"]
    items = {one: _target(one.attributes.get("href", "")) for one in anchors}
    titles = {one: line(page.inside(one), html=True, limit=300) for one in anchors}
    kept = {
        one: target
        for one, target in items.items()
        if target and len(titles[one]) >= _SHORTEST_TITLE and not _SERVICE.search(titles[one])
    }
    counts = _counts(kept)
    for one, target in kept.items():
        text, _ = plain(page.inside(_around(one, counts)), html=True)
        found.setdefault(target, Link(target, titles[one], text[:_LONGEST_TEXT]))
        if len(found) >= _MOST_LINKS:
            break
    return list(found.values())


def _counts(kept: dict[Element, str]) -> dict[Element, set[str]]:
    """Which items lie inside each element."""
    counts: dict[Element, set[str]] = {}
    for one, target in kept.items():
        above: Element | None = one
        while above is not None:
            inside = counts.setdefault(above, set())
            if len(inside) < 2:
                inside.add(target)
            above = above.parent
    return counts


def _around(anchor: Element, counts: dict[Element, set[str]]) -> Element:
    """The largest element with this item alone, but never the whole mail."""
    around = anchor
    while around.parent is not None and len(counts[around.parent]) == 1:
        if around.parent.name in ("", "html", "body"):
            break
        around = around.parent
    return around


def _target(href: str) -> str:
    """Where a link leads: redirects of services that count clicks are taken apart."""
    address = link(href)
    parts = urlsplit(address)
    if (parts.hostname or "").endswith(("google.com", "yandex.ru", "facebook.com")):
        query = parse_qs(parts.query)
        inner = (link(value) for name in _WRAPPED for value in query.get(name, []))
        address = next((one for one in inner if one), address)
    return address.partition("#")[0]


def _texts(message: Message) -> Iterator[tuple[str, str]]:
    """Kind and text of each part that is shown; attachments and enclosed e-mails are not."""
    for number, part in enumerate(_shown(message)):
        if number >= _MOST_PARTS:
            return
        kind = part.get_content_type()
        if kind not in ("text/plain", "text/html"):
            continue
        body = part.get_payload(decode=True)
        if isinstance(body, bytes):
            charset = part.get_param("charset")
            named = charset if isinstance(charset, str) else ""
            yield kind, decoded(body, f"charset={named}" if named else "")


def _shown(message: Message) -> Iterator[Message]:
    if message.get_content_disposition() == "attachment":
        return
    if message.get_content_maintype() != "multipart":
        yield message
        return
    inner = message.get_payload()
    for part in inner if isinstance(inner, list) else []:
        if isinstance(part, Message):
            yield from _shown(part)


def _raw(message: Message, name: str) -> str:
    value = message.get(name)
    return "" if value is None else str(value)[:10_000]


def _header(message: Message, name: str) -> str:
    return line(_words(_raw(message, name)))


def _words(value: str) -> str:
    """A header's text with its encoded words decoded, each as well as it can be."""
    try:
        pieces = decode_header(value)
    except (ValueError, MessageError, LookupError):
        return value
    return "".join(
        text if isinstance(text, str) else decoded(text, f"charset={charset}" if charset else "")
        for text, charset in pieces
    )
