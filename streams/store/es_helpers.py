"""What a document holds beside the mention itself, for queries and for Kibana."""

import re
from datetime import UTC, datetime
from typing import Final

import msgspec

from connectors.post import Place
from streams.alerts.words import READ_CHARS, significant
from streams.records import Mention
from streams.store import rules
from streams.store.es_shapes import languages
from streams.store.text import fold
from streams.store.worth import worth

MOST_TERMS: Final = 30
_HOST: Final = re.compile(r"[^\s/?@:]{1,253}")


class _Point(msgspec.Struct):
    lat: float
    lon: float


class Helpers(msgspec.Struct, omit_defaults=True):
    """One helper field each. `event_hour` (0-23) and `event_weekday` (1: Monday) are in UTC;
    `words` is the text by the mention's language, title first."""

    event_at: datetime
    event_hour: int
    event_weekday: int
    stored_at: datetime
    tone: str
    kind: str
    worth: int
    hidden: bool = False
    tags: tuple[str, ...] = ()
    url_key: str = ""
    domain: str = ""
    author: str = ""
    handle: str = ""
    hashtags: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    place: _Point | None = None
    words: dict[str, tuple[str, str]] = {}
    fold: tuple[str, str] = ("", "")


def of(mention: Mention, stored_at: datetime, *, hidden: bool) -> Helpers:
    """`hidden` tells whether its author, its source or its label hides it."""
    facts, post = rules.facts(mention), mention.post
    created = post.created_at.astimezone(UTC)
    language = mention.lang.partition("-")[0]
    read = f"{post.title} {post.text[:READ_CHARS]}" if post.title else post.text
    return Helpers(
        event_at=created,
        event_hour=created.hour,
        event_weekday=created.isoweekday(),
        stored_at=stored_at,
        tone=facts.tone,
        kind=post.kind,
        worth=worth(mention),
        hidden=hidden,
        tags=facts.tags,
        url_key=facts.url,
        domain=domain(post.url) if post.url else "",
        author=facts.author,
        handle=facts.handle,
        hashtags=facts.hashtags,
        terms=significant(read, MOST_TERMS),
        place=_point(post.place) if post.place else None,
        words={language: (post.title, post.text)} if language in languages() else {},
        fold=(fold(post.title), fold(post.text)),
    )


def domain(url: str) -> str:
    """The host in lower case, without `www.`, user and port; empty where there is none."""
    host = rules.url_key(url).partition("/")[0].rpartition("@")[2]
    found = _HOST.match(host.removeprefix("www."))
    return found.group() if found and "." in found.group() else ""


def _point(place: Place) -> _Point | None:
    """Where latitude and longitude are both told and are on the globe: the server would drop an
    odd point or refuse the document."""
    lat, lon = place.lat, place.lon
    if lat is None or lon is None or not (-90 <= lat <= 90 and -180 <= lon <= 180):
        return None
    return _Point(lat, lon)
