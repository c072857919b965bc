"""What last.fm's API gives, as posts. Its JSON was XML: numbers are text, a list of one is an
object, and text beside attributes is called `#text`."""

import hashlib
from datetime import datetime
from typing import Any
from urllib.parse import quote

from connectors import times
from connectors.fields import count, mapping
from connectors.post import Author, Engagement, Post
from connectors.text import line, link, plain, tag


def listed(value: object) -> list[Any]:
    """A list; a lone object is one, and what is missing or empty text is none."""
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, dict) else []


def play_of(user: str, item: Any, now: datetime) -> Post | None:
    """A play; `None` for what is playing now, which comes again with its time."""
    track = mapping(item)
    if mapping(track.get("@attr")).get("nowplaying") in ("true", True):
        return None
    name, artist = track.get("name"), _words(track.get("artist"))
    at = mapping(track.get("date")).get("uts")
    if not isinstance(name, str) or not name.strip():
        raise ValueError("the play has no name of a track")
    text, truncated = plain(f"{name} – {artist}" if artist else name, html=False)
    played = times.parse(at, now=now)
    digest = hashlib.blake2b(f"{artist}\0{name}".encode("utf-8", "replace"), digest_size=6)
    images = [link(_words(one)) for one in listed(track.get("image"))]
    return Post(
        id=f"lastfm:{user}/{line(str(at), limit=20)}/{digest.hexdigest()}",
        source="lastfm",
        created_at=played,
        collected_at=now,
        url=link(track.get("url")),
        text=text,
        truncated=truncated,
        author=Author(
            id=user, handle=user, name=user, url=link(f"https://www.last.fm/user/{quote(user)}")
        ),
        media=[one for one in images if one][-1:],
    )


def measure_of(said: dict[str, Any], now: datetime) -> Post:
    """The figures of an artist, a track or a tag on this day. Raises `ValueError`."""
    kind = next((one for one in ("artist", "track", "tag") if mapping(said.get(one))), "")
    fields = mapping(said.get(kind))
    name = line(fields.get("name"))
    stats = {**fields, **mapping(fields.get("stats"))}
    listeners = count(stats.get("listeners" if kind != "tag" else "reach"))
    plays = count(stats.get("playcount" if kind != "tag" else "total"))
    if not name or (listeners is None and plays is None):
        raise ValueError("the answer has no name or no figures")
    artist = _words(fields.get("artist"))
    whole = f"{name} – {artist}" if artist else name
    what = "uses" if kind == "tag" else "plays"
    figures = [(listeners, "listeners"), (plays, what)]
    told = ", ".join(f"{number:,} {unit}" for number, unit in figures if number is not None)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    digest = hashlib.blake2b(whole.encode("utf-8", "replace"), digest_size=6).hexdigest()
    tags = mapping(fields.get("tags")) or mapping(fields.get("toptags"))
    names = (tag(mapping(one).get("name")) for one in listed(tags.get("tag")))
    return Post(
        id=f"lastfm:{kind}/{digest}/{day:%Y-%m-%d}",
        source="lastfm",
        created_at=day,
        collected_at=now,
        url=link(fields.get("url")) or f"https://www.last.fm/tag/{quote(name)}",
        title=whole,
        text=f"{whole}: {told}",
        lang="en",
        engagement=Engagement(views=plays),
        thread_id=f"lastfm:{kind}/{digest}",
        hashtags=[one for one in dict.fromkeys(names) if one],
    )


def _words(value: object) -> str:
    """`{"#text": "x"}`, `{"name": "x"}` or `x`."""
    fields = mapping(value)
    return line(fields.get("#text")) or line(fields.get("name")) or line(value)
