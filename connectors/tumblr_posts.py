"""What Tumblr's API says of a post, in its block format (NPF) and in the older one by types."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from connectors import times
from connectors.anchors import with_addresses
from connectors.fields import count, mapping, mappings
from connectors.post import Author, Engagement, Post
from connectors.text import line, link, plain, tag

_HTML = ("title", "text", "body", "caption", "question", "answer", "description", "source")
"""Fields of the older format, each HTML, in the order in which a reader sees them."""


def number_of(item: dict[str, Any], field: str = "id") -> str:
    """An id as text; as a number it may be larger than other languages can hold."""
    for value in (item.get(f"{field}_string"), item.get(field)):
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return str(value)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            return value
    return ""


def read(item: dict[str, Any], now: datetime) -> Post:
    """The post; a reblog holds what was written before it, then what it adds. Raises
    `ValueError`."""
    number = number_of(item)
    if not number:
        raise ValueError(f"the post has the id {item.get('id')!r:.80}")
    text, truncated = plain("\n\n".join(_texts(item)), html=False)
    root = number_of(item, "reblogged_root_id") or number_of(item, "reblogged_from_id")
    origin = root or number_of(item, "parent_post_id")
    tags = item.get("tags")
    return Post(
        id=f"tumblr:{number}",
        source="tumblr",
        created_at=_time(item, now),
        collected_at=now,
        url=link(item.get("post_url")) or link(item.get("short_url")),
        title=line(item.get("title"), html=True),
        text=text,
        truncated=truncated,
        author=_author(item),
        engagement=Engagement(
            likes=count(item.get("like_count")),
            reposts=count(item.get("reblog_count")),
            replies=count(item.get("reply_count")),
        ),
        repost_of=f"tumblr:{origin}" if origin and origin != number else "",
        hashtags=_unique(map(tag, tags)) if isinstance(tags, list) else [],
        media=_unique(link(one) for one in _media(item)),
    )


def _time(item: dict[str, Any], now: datetime) -> datetime:
    """`timestamp`, else `date`, which names its zone: 2026-05-01 10:00:00 GMT."""
    stamp = item.get("timestamp")
    date = item.get("date")
    if stamp is None and isinstance(date, str):
        return times.parse(date.removesuffix(" GMT"), now=now)
    return times.parse(stamp, now=now)


def _author(item: dict[str, Any]) -> Author:
    blog = mapping(item.get("blog"))
    name = line(blog.get("name")) or line(item.get("blog_name"))
    return Author(
        id=line(blog.get("uuid")) or name,
        handle=name,
        name=line(blog.get("title"), html=True) or name,
        bio=line(blog.get("description"), html=True),
        followers=count(blog.get("followers")),
        url=link(blog.get("url")) or (link(f"https://{name}.tumblr.com/") if name else ""),
    )


def _texts(item: dict[str, Any]) -> Iterator[str]:
    if isinstance(item.get("content"), list):
        for before in mappings(item.get("trail")):
            yield from _blocks(before.get("content"))
        yield from _blocks(item.get("content"))
        return
    for name in _HTML[1:]:
        value = item.get(name)
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{name} is of type {type(value).__name__}")
        if value and not (name == "body" and mappings(item.get("dialogue"))):
            yield plain(with_addresses(value), html=True)[0]
    for said in mappings(item.get("dialogue"), 1000):
        label, phrase = line(said.get("label"), html=True), said.get("phrase")
        yield f"{label} {plain(phrase, html=True)[0] if isinstance(phrase, str) else ''}".strip()
    if item.get("type") == "link":
        yield link(item.get("url"))


def _blocks(content: object) -> Iterator[str]:
    """The words of each block that has some; of a type not known yet, those that it calls text."""
    for block in mappings(content, 1000):
        found = [_linked(block)]
        if block.get("type") in ("link", "video", "audio"):
            names = ("title", "artist", "album", "description", "url")
            found = [line(block.get(name), limit=2_000) for name in names]
        if block.get("type") == "image":
            found = [line(block.get("alt_text"), limit=5_000), line(block.get("caption"))]
        if block.get("type") == "poll":
            answers = mappings(block.get("answers"))
            found = [line(block.get("question")), *(line(a.get("answer_text")) for a in answers)]
        words = "\n".join(one for one in found if one)
        if words:
            yield words


def _linked(block: dict[str, Any]) -> str:
    """A text block, with the addresses that links hide in brackets. Offsets count characters."""
    words = block.get("text")
    if not isinstance(words, str):
        return ""
    hidden = [one for one in mappings(block.get("formatting")) if one.get("type") == "link"]
    for one in sorted(hidden, key=lambda one: count(one.get("end")) or 0, reverse=True):
        begin, end, address = count(one.get("start")), count(one.get("end")), link(one.get("url"))
        if begin is None or end is None or not begin < end <= len(words) or not address:
            continue
        if words[begin:end].rstrip("/") != address.rstrip("/"):
            words = f"{words[:end]} ({address}){words[end:]}"
    return words


def _media(item: dict[str, Any]) -> Iterator[object]:
    trail = [one.get("content") for one in mappings(item.get("trail"))]
    for content in (*trail, item.get("content")):
        for block in mappings(content, 1000):
            if block.get("type") in ("image", "video", "audio"):
                sizes = mappings(block.get("media"))
                yield sizes[0].get("url") if sizes else block.get("url")
    for photo in mappings(item.get("photos")):
        yield mapping(photo.get("original_size")).get("url")
    for name in ("video_url", "audio_url", "image_permalink"):
        yield item.get(name)


def _unique(values: Iterator[str]) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]
