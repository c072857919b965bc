"""DeviantArt's deviations and comments as posts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from connectors import times
from connectors.fields import count, mapping, mappings
from connectors.post import Author, Engagement, Post, tombstone
from connectors.text import line, link, plain, tag

_SITE: Final = "https://www.deviantart.com"


def deviation(item: Any, now: datetime) -> Post:
    """A deviation, with what `metadata` tells of it. One that was deleted has no more than its id.
    Raises `ValueError`."""
    fields = mapping(item)
    name = line(fields.get("deviationid"), limit=64)
    if not name:
        raise ValueError(f"the deviation has no id but {fields.get('deviationid')!r:.80}")
    created = times.parse(fields.get("published_time") or now, now=now)
    if fields.get("is_deleted") is True:
        return tombstone("deviantart", name, created, now)
    more = mapping(fields.get("metadata"))
    counts = {**mapping(more.get("stats")), **mapping(fields.get("stats"))}
    whole = more.get("description")
    # A text's excerpt is its beginning; an image has a description alone.
    excerpt = fields.get("excerpt")
    parts = [one for one in (excerpt, whole) if isinstance(one, str) and one.strip()]
    text, truncated = plain("<br><br>".join(parts), html=True) if parts else ("", False)
    tags = (tag(one.get("tag_name")) for one in mappings(more.get("tags")))
    return Post(
        id=f"deviantart:{name}",
        source="deviantart",
        created_at=created,
        collected_at=now,
        url=link(fields.get("url")),
        title=line(fields.get("title")),
        text=text,
        truncated=truncated or isinstance(excerpt, str),
        author=_author(mapping(fields.get("author"))),
        engagement=Engagement(
            likes=count(counts.get("favourites")),
            replies=count(counts.get("comments")),
            views=count(counts.get("views")),
        ),
        hashtags=[one for one in dict.fromkeys(tags) if one],
        media=_media(fields),
    )


def comment(item: Any, under: str, now: datetime) -> Post:
    """A comment; one that was hidden, by whomever, is a deletion. Raises `ValueError`."""
    fields = mapping(item)
    name = line(fields.get("commentid"), limit=64)
    if not name:
        raise ValueError(f"the comment has no id but {fields.get('commentid')!r:.80}")
    created = times.parse(fields.get("posted"), now=now)
    if fields.get("hidden"):
        return tombstone("deviantart", name, created, now, kind="comment")
    body = fields.get("body")
    text, truncated = plain(body, html=True) if isinstance(body, str) else ("", False)
    parent = line(fields.get("parentid"), limit=64)
    return Post(
        id=f"deviantart:{name}",
        source="deviantart",
        kind="comment",
        created_at=created,
        collected_at=now,
        text=text,
        truncated=truncated,
        author=_author(mapping(fields.get("user"))),
        engagement=Engagement(
            likes=count(fields.get("likes")), replies=count(fields.get("replies"))
        ),
        parent_id=f"deviantart:{parent or under}",
        thread_id=f"deviantart:{under}",
    )


def _author(user: Mapping[str, Any]) -> Author:
    handle = line(user.get("username"), limit=64)
    return Author(
        id=line(user.get("userid"), limit=64),
        handle=handle,
        name=handle,
        url=f"{_SITE}/{handle.lower()}" if handle else "",
    )


def _media(fields: Mapping[str, Any]) -> list[str]:
    told = [mapping(fields.get("content")), mapping(fields.get("preview"))]
    told += mappings(fields.get("videos"))[:1]
    found = next((one for one in (link(each.get("src")) for each in told) if one), "")
    return [found] if found else []
