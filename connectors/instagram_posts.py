"""What Instagram says of media and comments, as posts."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from connectors import times
from connectors.fields import count, mapping, mappings
from connectors.graph import ident
from connectors.mapping import hashtags_in
from connectors.post import Author, Engagement, Post
from connectors.text import line, link, plain

_ANYONES: Final = "id,caption,media_type,media_url,permalink,timestamp,like_count,comments_count"
HASHTAG_FIELDS: Final = f"{_ANYONES},children{{media_type,media_url}}"
"""There is no author in a hashtag's media."""
MEDIA_FIELDS: Final = f"{HASHTAG_FIELDS},media_product_type,thumbnail_url,username,owner"
TAGS_FIELDS: Final = f"{HASHTAG_FIELDS},username"
REPLY_FIELDS: Final = "id,text,timestamp,username,from,like_count,parent_id"
COMMENT_FIELDS: Final = f"{REPLY_FIELDS},replies.limit(50){{{REPLY_FIELDS}}}"
PROFILE_FIELDS: Final = "id,username,name,biography,followers_count"
MENTIONED_MEDIA: Final = f"{_ANYONES},username"
MENTIONED_COMMENT: Final = "id,text,timestamp,username,like_count,media{id}"


def media_of(entry: dict[str, Any], now: datetime) -> Post:
    """A photo, video or album. One of a hashtag is at most a day old, and may come without its
    time: it is then as old as its first sight. Raises `ValueError`."""
    number = ident(entry.get("id"))
    if not number:
        raise ValueError(f"the media has no id, but {entry.get('id')!r:.60}")
    text, truncated = _text(entry.get("caption"))
    given, profile = entry.get("timestamp"), mapping(entry.get("profile"))
    children = mappings(mapping(entry.get("children")).get("data"))
    files = [link(each.get("media_url")) for each in (entry, *children)]
    return Post(
        id=f"instagram:{number}",
        source="instagram",
        created_at=now if given is None else times.parse(given, now=now),
        collected_at=now,
        url=link(entry.get("permalink")),
        text=text,
        truncated=truncated,
        author=_profile_of(profile) if profile else _author(entry),
        engagement=Engagement(
            likes=count(entry.get("like_count")),
            replies=count(entry.get("comments_count")),
            views=count(entry.get("view_count")),
        ),
        hashtags=hashtags_in(text),
        media=[one for one in dict.fromkeys([*files, link(entry.get("thumbnail_url"))]) if one],
    )


def comment_of(entry: dict[str, Any], under: str, now: datetime, sent: object = None) -> Post:
    """A comment under the media with that id, or a reply to one. `sent` is the time of a delivery,
    which tells no other. Raises `ValueError`."""
    number = ident(entry.get("id")) or ident(entry.get("comment_id"))
    if not number:
        raise ValueError(f"the comment has no id, but {entry.get('id')!r:.60}")
    text, truncated = _text(entry.get("text"))
    media = ident(mapping(entry.get("media")).get("id")) or under
    parent = ident(entry.get("parent_id")) or media
    given = entry.get("timestamp") or sent
    return Post(
        id=f"instagram:{number}",
        source="instagram",
        kind="comment",
        created_at=times.parse(given, now=now),
        collected_at=now,
        text=text,
        truncated=truncated,
        author=_author(entry),
        engagement=Engagement(
            likes=count(entry.get("like_count")), replies=_answers(entry.get("replies"))
        ),
        parent_id=f"instagram:{parent}" if parent else "",
        thread_id=f"instagram:{media}" if media else "",
        hashtags=hashtags_in(text),
    )


def with_replies(entry: Any) -> Iterator[Any]:
    """A comment and the replies that came with it, which then name it as their parent."""
    yield entry
    number = ident(mapping(entry).get("id"))
    for reply in mappings(mapping(mapping(entry).get("replies")).get("data")):
        yield {**reply, "parent_id": ident(reply.get("parent_id")) or number}


def _profile_of(found: dict[str, Any]) -> Author:
    """The account that `business_discovery` shows, which its media do not name."""
    handle = line(found.get("username"))
    return Author(
        id=ident(found.get("id")) or handle,
        handle=handle,
        name=line(found.get("name")),
        bio=line(found.get("biography")),
        followers=count(found.get("followers_count")),
        url=_page(handle),
    )


def moment(entry: object, now: datetime) -> float | None:
    """When it was published, in seconds since 1970."""
    try:
        return times.parse(mapping(entry).get("timestamp"), now=now).timestamp()
    except ValueError:
        return None


def _author(entry: dict[str, Any]) -> Author:
    by = mapping(entry.get("from")) or mapping(entry.get("owner")) or mapping(entry.get("user"))
    handle = line(entry.get("username")) or line(by.get("username"))
    return Author(id=ident(by.get("id")) or handle, handle=handle, name=handle, url=_page(handle))


def _page(handle: str) -> str:
    return link(f"https://www.instagram.com/{handle}/") if handle else ""


def _text(value: object) -> tuple[str, bool]:
    return plain(value, html=False) if isinstance(value, str) else ("", False)


def _answers(value: object) -> int | None:
    data = mapping(value).get("data")
    return len(data) if isinstance(data, list) and "paging" not in mapping(value) else None
