"""What a document holds beside the mention itself, for queries and for Kibana."""

import functools
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
    post, author, label = mention.post, mention.post.author, mention.label
    created = post.created_at.astimezone(UTC)
    language = mention.lang.partition("-")[0]
    read = f"{post.title} {post.text[:READ_CHARS]}" if post.title else post.text
    address = rules.url_key(post.url) if post.url else ""
    return Helpers(
        created,
        created.hour,
        created.isoweekday(),
        stored_at,
        rules.tone(mention),
        post.kind,
        worth(mention),
        hidden,
        rules.tag_keys(label.tags) if label and label.tags else (),
        rules.address_hash(address) if post.url else "",
        domain(address),
        rules.author_key(post),
        rules.handle_key(author.handle),
        rules.tag_keys(post.hashtags) if post.hashtags else (),
        significant(read, MOST_TERMS),
        _point(post.place) if post.place else None,
        {language: (post.title, post.text)} if language in languages() else {},
        (fold(post.title) if post.title else "", fold(post.text)),
    )


def domain(address: str) -> str:
    """The host of a URL as it is compared (`rules.url_key`), without user and port; empty where
    there is none."""
    return _host(address.partition("/")[0].rpartition("@")[2])


@functools.lru_cache(maxsize=10_000)
def _host(named: str) -> str:
    found = _HOST.match(named.removeprefix("www."))
    return found.group() if found and "." in found.group() else ""


def _point(place: Place) -> _Point | None:
    """Where latitude and longitude are both told and are on the globe: the server would drop an
    odd point or refuse the document."""
    lat, lon = place.lat, place.lon
    if lat is None or lon is None or not (-90 <= lat <= 90 and -180 <= lon <= 180):
        return None
    return _Point(lat, lon)
