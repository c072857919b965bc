"""App Store: the reviews of apps, country by country, from Apple's public feeds.

A feed holds the 500 latest reviews of a country, ten pages of 50. Now and then a feed comes
empty: that deletes nothing. See docs/connectors/appstore.md.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, ClassVar, Final

import feedparser

from connectors import http, listings, times
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import (
    BadSettings,
    ConnectorError,
    Fatal,
    Refused,
    Retriable,
    WaitUntil,
)
from connectors.fields import count, mapping, mappings
from connectors.limits import status_error
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Author, Engagement, Place, Post, Rating
from connectors.text import line, link, plain

_API: Final = "https://itunes.apple.com"
_PAGES: Final = 10
_PAGE: Final = 50
_REST: Final = timedelta(minutes=15)
_OVERLAP: Final = timedelta(days=3)  # reviews wait for their approval


class AppStore:
    """Cursor: `{"country/app": state of connectors.listings}`."""

    spec: ClassVar[Spec] = Spec(
        name="appstore",
        door="customer review feeds",
        sees="reviews of the apps named, in the countries named, with stars; edits",
        needs="an app's number, from its page's address",
        limits="the 500 latest reviews of a country; no stated rate",
        options=(
            Option("apps", "Numbers of apps: 310633997 in …/app/id310633997.", (), required=True),
            Option("countries", "Two-letter codes of storefronts.", ("us",)),
            Option("format", "Which feed to read: json or xml.", "json"),
            listings.BACKFILL,
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        group="reviews",
        poll_seconds=900.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._lists = [
            f"{country}/{app}"
            for country in _countries(options.many("countries"))
            for app in options.numbers("apps", prefix="id")
        ]
        self._format = options.choice("format", ("json", "xml"))
        self._backfill = options.whole("backfill", 1, _PAGES * _PAGE)
        self._base = options.url("base_url") or _API
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over the feed of every app in every country, oldest review first."""
        async with http.Client(
            self._context, contact=self._contact, seconds=self._timeout
        ) as client:
            steps = listings.read_lists(
                self._context,
                cursor,
                self._lists,
                lambda name: self._pages(client, name),
                self._post,
                backfill=self._backfill,
                overlap=_OVERLAP,
                out_of_reach=f"the feed reaches back {_PAGES * _PAGE} reviews only",
            )
            async for step in steps:
                yield step

    def reread(self, raw: bytes) -> Post:
        """The post of a review that could not be read before. Raises `ValueError`."""
        return listings.reread(self._post, raw)

    async def _pages(self, client: http.Client, name: str) -> listings.Pages:
        country, app = name.split("/")
        for number in range(1, _PAGES + 1):
            url = (
                f"{self._base}/{country}/rss/customerreviews/page={number}/id={app}"
                f"/sortBy=mostRecent/{self._format}"
            )
            try:
                reply = await client.get(url, accept=(200, 403))
            except Refused:
                if number > 1:
                    return  # a page behind the last
                raise
            if reply.status == 403:
                raise self._turned_away(reply)
            entries = _entries(reply)
            if not entries:
                if number == 1:
                    self._context.on_note(f"{name}: the feed came empty; nothing is concluded")
                return
            yield entries

    def _turned_away(self, reply: http.Reply) -> ConnectorError:
        """Apple answers 403 without a word to whoever asks too often."""
        now = http.current_time(self._context)
        place = http.shown(reply.url)
        error = status_error(reply.status, reply.headers, reply.body, place, now)
        if isinstance(error, Fatal) and f"{place} answered 403;" in str(error):
            return WaitUntil(f"{place} answered 403: asked too often?", now + _REST)
        return error

    def _post(self, name: str, entry: Any) -> Post | None:
        fields = mapping(entry)
        if not fields:
            raise ValueError("the entry is no object")
        if "im:rating" not in fields and ("im:name" in fields or "im:artist" in fields):
            return None  # the app itself
        now = http.current_time(self._context)
        country, app = name.split("/")
        number = _label(fields.get("id"))
        if not number.isdigit():
            raise ValueError(f"the review has no number but {number!r:.60}")
        content = _content(fields.get("content"))
        if content is None:
            raise ValueError("the review has no text")
        text, truncated = plain(content, html=False)
        stars = count(_label(fields.get("im:rating")))
        author = mapping(fields.get("author"))
        page = link(_label(author.get("uri")))
        votes = count(_label(fields.get("im:voteCount")))
        return Post(
            id=f"appstore:{number}",
            source="appstore",
            kind="review",
            created_at=times.parse_or(_label(fields.get("updated")), now, now=now),
            collected_at=now,
            url=_address(fields.get("link")) or f"{_API}/{country}/app/id{app}",
            title=line(_label(fields.get("title"))),
            text=text,
            truncated=truncated,
            author=Author(
                id=page.rpartition("/id")[2] if "/id" in page else "",
                name=line(_label(author.get("name"))),
                url=page,
            ),
            engagement=Engagement(likes=_liked(fields, votes)),
            rating=Rating(float(stars)) if stars else None,
            thread_id=f"appstore:app/{app}",
            place=Place(country=country.upper()),
        )


def _entries(reply: http.Reply) -> list[Any]:
    """A page's entries: a list, a lone object where there is one, or missing where there is none.

    Raises `Retriable` for what is no feed.
    """
    if reply.body[:512].lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"<?xml", b"<feed")):
        return _xml_entries(reply)
    said = mapping(http.decode(reply))
    feed = said.get("feed")
    if not isinstance(feed, dict):
        raise Retriable(f"{http.shown(reply.url)} answered no feed")
    found = feed.get("entry")
    return found if isinstance(found, list) else [] if found is None else [found]


def _xml_entries(reply: http.Reply) -> list[Any]:
    """The entries of the XML feed, in the form of the JSON one."""
    parsed = feedparser.parse(reply.body, sanitize_html=False)
    if parsed.get("bozo") and not parsed.entries:
        raise Retriable(f"{http.shown(reply.url)} answered XML that can't be read")
    return [_as_json(entry) for entry in parsed.entries]


def _as_json(entry: Any) -> dict[str, Any]:
    bodies = [one for one in entry.get("content", ()) if one.get("type") == "text/plain"]
    author = entry.get("author_detail", {})
    labels = {
        "id": entry.get("id", "").rpartition("/")[2],
        "title": entry.get("title"),
        "content": bodies[0].get("value") if bodies else entry.get("summary"),
        "updated": entry.get("updated"),
        "im:rating": entry.get("im_rating"),
        "im:name": entry.get("im_name"),
        "im:voteCount": entry.get("im_votecount"),
        "im:voteSum": entry.get("im_votesum"),
    }
    found: dict[str, Any] = {k: {"label": v} for k, v in labels.items() if v is not None}
    uri = author.get("href")
    found["author"] = {"name": {"label": author.get("name", "")}, "uri": {"label": uri}}
    found["link"] = {"attributes": {"href": entry.get("link")}}
    return found


def _label(value: object) -> str:
    """Every scalar is wrapped: `{"label": "5"}`."""
    said = mapping(value).get("label") if isinstance(value, dict) else value
    if isinstance(said, int) and not isinstance(said, bool):
        return str(said)
    return said.strip() if isinstance(said, str) else ""


def _content(value: object) -> str | None:
    """The text; the older feeds list it twice, as text and as HTML."""
    forms = mappings(value)
    texts = [one for one in forms if mapping(one.get("attributes")).get("type") == "text"]
    found = (texts or forms or [{"label": value}])[0].get("label")
    return found if isinstance(found, str) else None


def _address(value: object) -> str:
    links = (link(mapping(one.get("attributes")).get("href")) for one in mappings(value))
    return next((one for one in links if one), "")


def _liked(fields: dict[str, Any], votes: int | None) -> int | None:
    """Who found the review helpful: a sum of votes; it lies below their number where some did
    not."""
    found = count(_label(fields.get("im:voteSum")))
    return votes if found is None else found


def _countries(codes: list[str]) -> list[str]:
    for code in codes:
        if len(code) != 2 or not code.isascii() or not code.isalpha():
            raise BadSettings(f"appstore: 'countries' has {code!r:.60}; give codes such as us, fr")
    if not codes:
        raise BadSettings("appstore: 'countries' is empty; give codes such as us, fr")
    return [code.lower() for code in codes]
