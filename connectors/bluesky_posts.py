"""Bluesky's records as posts."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from connectors import times
from connectors.fields import count, mapping, mappings
from connectors.post import Author, Post
from connectors.text import line, link, plain, tag

COLLECTION: Final = "app.bsky.feed.post"
FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TID: Final = "234567abcdefghijklmnopqrstuvwxyz"
_DID: Final = re.compile(r"did:[a-z]{1,16}:[A-Za-z0-9._:%-]{1,200}")
_RKEY: Final = re.compile(r"[A-Za-z0-9._:~-]{1,200}")


def post(did: str, commit: dict[str, Any], at: datetime, now: datetime) -> Post:
    record = mapping(commit.get("record"))
    key = key_of(commit)
    raw = record.get("text")
    if not isinstance(raw, str):
        raise ValueError("the record has no text")  # noqa: TRY004 - unreadable is one error
    facets = mappings(record.get("facets"))
    text, truncated = plain(_with_whole_links(raw, facets), html=False)
    reply = mapping(record.get("reply"))
    edited = commit.get("operation") == "update"
    quoted = _quoted(mapping(record.get("embed")))
    langs = record.get("langs")
    return Post(
        id=_id(f"at://{did}/{COLLECTION}/{key}"),
        source="bluesky",
        kind="comment" if reply else "post",
        state="edited" if edited else "live",
        created_at=times.parse_or(record.get("createdAt"), at, now=at),
        collected_at=now,
        updated_at=at if edited else None,
        url=f"https://bsky.app/profile/{did}/post/{key}",
        text=text,
        truncated=truncated,
        lang=line(langs[0], limit=35) if isinstance(langs, list) and langs else "",
        author=Author(id=did, url=f"https://bsky.app/profile/{did}"),
        parent_id=_id(mapping(reply.get("parent")).get("uri")),
        thread_id=_id(mapping(reply.get("root")).get("uri")),
        repost_of=_id(quoted),
        hashtags=_hashtags(record, facets),
        media=_media(did, mapping(record.get("embed"))),
    )


def deletion(did: str, key: str, at: datetime, now: datetime) -> Post:
    """The event has no record; the record's key tells when the post was made."""
    return Post(
        id=_id(f"at://{did}/{COLLECTION}/{key}"),
        source="bluesky",
        state="deleted",
        created_at=min(_made(key) or at, at),
        collected_at=now,
        updated_at=at,
        url=f"https://bsky.app/profile/{did}/post/{key}",
    )


def _made(key: str) -> datetime | None:
    """When a record was made, from its key (a TID: microseconds and a clock's number)."""
    if len(key) != 13 or any(character not in _TID for character in key):
        return None
    number = 0
    for character in key:
        number = number * 32 + _TID.index(character)
    try:
        return FIRST + timedelta(microseconds=number >> 10)
    except OverflowError:
        return None


def did_of(event: dict[str, Any]) -> str:
    did = event.get("did")
    if not isinstance(did, str) or not _DID.fullmatch(did):
        raise ValueError(f"the event's author is {did!r:.80}")
    return did


def key_of(commit: dict[str, Any]) -> str:
    key = commit.get("rkey")
    if not isinstance(key, str) or not _RKEY.fullmatch(key):
        raise ValueError(f"the record's key is {key!r:.80}")
    return key


def _id(uri: object) -> str:
    text = line(uri)
    return f"bluesky:{text}" if text.startswith("at://") else ""


def _with_whole_links(text: str, facets: list[dict[str, Any]]) -> str:
    """Apps shorten links; the facet has the whole. Its positions count UTF-8 bytes.

    Facets that overlap, lie outside the text or cut a character are left alone.
    """
    spans = sorted(filter(None, (_link_span(facet) for facet in facets)))
    if not spans:
        return text
    raw = text.encode("utf-8", "replace")
    parts: list[bytes] = []
    done = 0
    for start, end, address in spans:
        shown = raw[start:end].decode("utf-8", "replace")
        if start >= done and end <= len(raw) and shown.rstrip(".…") != shown:
            parts += [raw[done:start], address.encode("utf-8", "replace")]
            done = end
    return b"".join([*parts, raw[done:]]).decode("utf-8", "replace")


def _link_span(facet: dict[str, Any]) -> tuple[int, int, str] | None:
    index = mapping(facet.get("index"))
    start, end = count(index.get("byteStart")), count(index.get("byteEnd"))
    for feature in mappings(facet.get("features")):
        address = link(feature.get("uri"))
        if address and start is not None and end is not None and start < end:
            return start, end, address
    return None


def _hashtags(record: dict[str, Any], facets: list[dict[str, Any]]) -> list[str]:
    listed = record.get("tags")
    named = [tag(name) for name in listed[:50]] if isinstance(listed, list) else []
    inline = [
        tag(feature.get("tag"))
        for facet in facets
        for feature in mappings(facet.get("features"))
        if feature.get("$type") == "app.bsky.richtext.facet#tag"
    ]
    return [name for name in dict.fromkeys(inline + named) if name]


def _quoted(embed: dict[str, Any]) -> object:
    """The quoted post's address: `embed.record`, or one deeper when media comes with it."""
    record = mapping(embed.get("record"))
    uri = record.get("uri") or mapping(record.get("record")).get("uri")
    return uri if isinstance(uri, str) and f"/{COLLECTION}/" in uri else ""


def _media(did: str, embed: dict[str, Any]) -> list[str]:
    inner = mapping(embed.get("media")) or embed
    found = []
    for image in mappings(inner.get("images")):
        cid = line(mapping(mapping(image.get("image")).get("ref")).get("$link"), limit=128)
        if cid.isalnum():
            found.append(f"https://cdn.bsky.app/img/feed_fullsize/plain/{did}/{cid}@jpeg")
    external = link(mapping(inner.get("external")).get("uri"))
    return [*found, external] if external else found
