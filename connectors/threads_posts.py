"""What Threads says of posts and replies, as posts."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from connectors import times
from connectors.fields import mapping, mappings
from connectors.graph import ident
from connectors.mapping import hashtags_in
from connectors.post import Author, Engagement, Post
from connectors.receiving import Request, json_body
from connectors.text import line, link, plain, tag

SEARCH_FIELDS: Final = (
    "id,text,media_type,media_url,permalink,timestamp,username,has_replies,is_quote_post,is_reply,"
    "topic_tag,quoted_post,reposted_post"
)
FIELDS: Final = f"{SEARCH_FIELDS},thumbnail_url,children{{media_url}},gif_url"
REPLY_FIELDS: Final = f"{FIELDS},root_post,replied_to"


def post_of(entry: dict[str, Any], now: datetime) -> Post:
    """A post or a reply. Raises `ValueError`."""
    number = ident(entry.get("id"))
    if not number:
        raise ValueError(f"the post has no id, but {entry.get('id')!r:.60}")
    said = entry.get("text")
    more = mapping(entry.get("text_attachment")).get("plaintext")
    whole = "\n\n".join(part for part in (said, more) if isinstance(part, str) and part)
    text, truncated = plain(whole, html=False)
    parent, root = _named(entry, "replied_to"), _named(entry, "root_post")
    children = mappings(mapping(entry.get("children")).get("data"))
    files = [each.get("media_url") for each in (entry, *children)]
    files += [entry.get("gif_url"), entry.get("thumbnail_url")]
    reply = bool(parent) or entry.get("is_reply") is True
    topic = tag(entry.get("topic_tag"))
    return Post(
        id=f"threads:{number}",
        source="threads",
        kind="comment" if reply else "post",
        created_at=times.parse(entry.get("timestamp"), now=now),
        collected_at=now,
        url=link(entry.get("permalink")),
        text=text,
        truncated=truncated,
        author=_author(entry),
        engagement=Engagement(replies=0 if entry.get("has_replies") is False else None),
        parent_id=parent or (root if reply else ""),
        thread_id=root,
        repost_of=_named(entry, "reposted_post") or _named(entry, "quoted_post"),
        hashtags=list(dict.fromkeys([*([topic] if topic else []), *hashtags_in(text)])),
        media=[one for one in dict.fromkeys(link(file) for file in files) if one],
    )


def changes(request: Request) -> Iterator[dict[str, Any]]:
    """`{"field", "value", "time"}` of each change in a delivery: there, `values` is one object.
    Raises `SkipItem` for a body that is no JSON."""
    for delivery in mappings(json_body(request), 1_000):
        for change in mappings(delivery.get("values"), 1_000):
            yield {**change, "time": delivery.get("time")}


def delivered(change: dict[str, Any], now: datetime) -> Post | None:
    """The post in a change; None where it is about something else. Raises `ValueError`."""
    field, value = line(change.get("field")), mapping(change.get("value"))
    if field == "delete":
        return _deleted(value, change.get("time"), now)
    return post_of(value, now) if field in ("replies", "mentions", "publish") else None


def moment(entry: object, now: datetime) -> float | None:
    """When it was published, in seconds since 1970."""
    try:
        return times.parse(mapping(entry).get("timestamp"), now=now).timestamp()
    except ValueError:
        return None


def _deleted(value: dict[str, Any], sent: object, now: datetime) -> Post:
    number = ident(value.get("id"))
    if not number:
        raise ValueError("the deletion names no post")
    told = times.parse_or(sent, now, now=now)
    at = times.parse_or(value.get("deleted_at"), told, now=now)
    return Post(
        id=f"threads:{number}",
        source="threads",
        state="deleted",
        created_at=min(times.parse_or(value.get("timestamp"), at, now=now), at),
        collected_at=now,
        updated_at=at,
    )


def _named(entry: dict[str, Any], name: str) -> str:
    number = ident(mapping(entry.get(name)).get("id"))
    return f"threads:{number}" if number else ""


def _author(entry: dict[str, Any]) -> Author:
    """Searches give the name alone, so it is what an author is known by."""
    handle = line(entry.get("username"))
    verified = entry.get("is_verified")
    return Author(
        id=handle,
        handle=handle,
        name=handle,
        url=link(f"https://www.threads.com/@{handle}") if handle else "",
        verified=verified if isinstance(verified, bool) else None,
    )
