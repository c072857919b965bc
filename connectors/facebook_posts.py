"""What Facebook says of posts, comments and recommendations, as posts.

The same things come from lists and in deliveries: a number may be text, a time may be in seconds,
milliseconds or ISO form, and almost anything may be missing, `from` first of all.
"""

from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from connectors import times
from connectors.fields import count, mapping, mappings
from connectors.graph import ident
from connectors.mapping import hashtags_in
from connectors.post import Author, Engagement, Kind, Place, Post, Rating, State
from connectors.text import line, link, plain

POST_FIELDS: Final = (
    "id,message,story,created_time,updated_time,permalink_url,from,parent_id,status_type,"
    "attachments{media_type,title,description,url,unshimmed_url,media,subattachments},"
    "shares,reactions.summary(total_count).limit(0),comments.summary(true).limit(0),place"
)
COMMENT_FIELDS: Final = (
    "id,message,from,created_time,parent{id},like_count,comment_count,permalink_url,attachment"
)
RATING_FIELDS: Final = (
    "created_time,recommendation_type,rating,review_text,has_review,reviewer,open_graph_story{id}"
)
_POSTS: Final = frozenset(
    ("post", "status", "photo", "video", "link", "share", "album", "event", "note", "offer")
)
_CHANGED: Final = frozenset(("edit", "edited", "update"))
_TAKEN_AWAY: Final = frozenset(("remove", "removed", "delete", "hide", "block"))


def post_of(entry: dict[str, Any], now: datetime) -> Post:
    """A post of a page's lists. Raises `ValueError`."""
    number = _needed(entry, "id")
    attached = _attached(entry.get("attachments"))
    first = attached[0] if attached else {}
    told = (entry.get("message"), entry.get("story"), first.get("description"))
    text, truncated = _text(next((one for one in (*told, entry.get("description")) if one), None))
    parent = ident(entry.get("parent_id"))
    return Post(
        id=f"facebook:{number}",
        source="facebook",
        created_at=times.parse(entry.get("created_time"), now=now),
        collected_at=now,
        url=link(entry.get("permalink_url")) or link(f"https://www.facebook.com/{number}"),
        title=line(first.get("title") or entry.get("name")),
        text=text,
        truncated=truncated,
        author=_author(entry.get("from")),
        engagement=Engagement(
            likes=_total(entry.get("reactions") or entry.get("likes")),
            reposts=count(mapping(entry.get("shares")).get("count")),
            replies=_total(entry.get("comments")),
        ),
        repost_of=f"facebook:{parent}" if parent and parent != number else "",
        hashtags=hashtags_in(text),
        media=_unique([*_media(attached), link(entry.get("full_picture") or entry.get("picture"))]),
        place=_place(entry.get("place")),
    )


def comment_of(entry: dict[str, Any], under: str, now: datetime) -> Post:
    """A comment under the post with that id. Raises `ValueError`."""
    number = ident(entry.get("id")) or _from_link(entry.get("permalink_url"), under)
    if not number:
        raise ValueError("the comment has no id")
    attachment = mapping(entry.get("attachment"))
    text, truncated = _text(entry.get("message") or attachment.get("description"))
    parent = ident(mapping(entry.get("parent")).get("id")) or under
    return Post(
        id=f"facebook:{number}",
        source="facebook",
        kind="comment",
        created_at=times.parse(entry.get("created_time"), now=now),
        collected_at=now,
        url=link(entry.get("permalink_url")),
        text=text,
        truncated=truncated,
        author=_author(entry.get("from")),
        engagement=Engagement(
            likes=count(entry.get("like_count")), replies=count(entry.get("comment_count"))
        ),
        parent_id=f"facebook:{parent}",
        thread_id=f"facebook:{under}",
        hashtags=hashtags_in(text),
        media=_media([attachment]),
    )


def rating_of(entry: dict[str, Any], page: str, now: datetime) -> Post:
    """A recommendation of a page. It has no id of its own: that of its story, else that of who
    wrote it, for each writes one. Raises `ValueError`."""
    created = times.parse(entry.get("created_time"), now=now)
    reviewer = mapping(entry.get("reviewer")) or {
        "id": entry.get("reviewer_id") or entry.get("sender_id"),
        "name": entry.get("reviewer_name") or entry.get("sender_name"),
    }
    story = ident(mapping(entry.get("open_graph_story")).get("id")) or ident(
        entry.get("open_graph_story_id")
    )
    by = ident(reviewer.get("id")) or f"{created.timestamp():.0f}"
    text, truncated = _text(entry.get("review_text"))
    return Post(
        id=f"facebook:{story or f'{page}/ratings/{by}'}",
        source="facebook",
        kind="review",
        created_at=created,
        collected_at=now,
        url=link(f"https://www.facebook.com/{story}") if story else "",
        text=text,
        truncated=truncated,
        author=_author(reviewer),
        rating=_rating(entry),
        hashtags=hashtags_in(text),
    )


def delivered(change: dict[str, Any], now: datetime) -> Post | None:
    """The post in a change, as `connectors.graph_hooks.changes` gives it; None where it is about
    something else, such as a reaction. Raises `ValueError`."""
    field, value = line(change.get("field")), mapping(change.get("value"))
    page, sent = ident(change.get("owner")), change.get("time")
    item, verb = line(value.get("item")), line(value.get("verb")) or "add"
    told = times.parse_or(sent, now, now=now)
    entry: dict[str, Any] = {
        **value,
        "created_time": times.parse_or(value.get("created_time"), told, now=now),
        "from": value.get("from")
        or {"id": value.get("sender_id"), "name": value.get("sender_name")},
        "permalink_url": value.get("permalink_url")
        or mapping(value.get("post")).get("permalink_url"),
    }
    if field == "ratings" and item in ("", "rating"):
        post = rating_of(entry, page, now)
    elif field not in ("feed", "mention", "ratings") or count(value.get("published")) == 0:
        return None
    elif item == "comment":
        post = _comment_told(entry, now)
    elif item in _POSTS:
        post = _post_told(entry, page, now)
    else:
        return None
    return _at(post, verb, told, now)


def _comment_told(entry: dict[str, Any], now: datetime) -> Post:
    under = ident(entry.get("post_id")) or ident(entry.get("parent_id"))
    photo = {"media": {"image": {"src": entry.get("photo")}}, "url": entry.get("video")}
    fields = {"id": _needed(entry, "comment_id"), "parent": {"id": entry.get("parent_id")}}
    return comment_of({"attachment": photo, **entry, **fields}, under, now)


def _post_told(entry: dict[str, Any], page: str, now: datetime) -> Post:
    number = _needed(entry, "post_id")
    if "_" not in number and page:
        number = f"{page}_{number}"
    given = entry.get("photos")
    photos = [entry.get("link"), *(given if isinstance(given, list) else [])]
    attached = [{"media": {"image": {"src": one}}} for one in photos]
    # In a delivery `parent_id` names the thing itself, and `link` the photo or what is shared.
    fields = {"id": number, "parent_id": "", "attachments": {"data": attached}}
    return post_of({**entry, **fields}, now)


def _at(post: Post, verb: str, told: datetime, now: datetime) -> Post:
    """The version of the post that the verb speaks of."""
    if verb in _TAKEN_AWAY:
        return gone(post.id, post.kind, post.created_at, told, now)
    state: State = "edited" if verb in _CHANGED or verb == "unhide" else "live"
    if state == "live":
        return post
    return msgspec.structs.replace(post, state=state, updated_at=max(told, post.created_at))


def gone(name: str, kind: Kind, created: datetime, at: datetime, now: datetime) -> Post:
    """What is left of something deleted, or hidden from the public."""
    return Post(
        id=name,
        source="facebook",
        kind=kind,
        state="deleted",
        created_at=min(created, at),
        collected_at=now,
        updated_at=at,
    )


def moment(entry: object, now: datetime) -> float | None:
    """When a post, comment or recommendation came into its list, in seconds since 1970."""
    fields = mapping(entry)
    for name in ("tagged_time", "created_time"):
        try:
            return times.parse(fields.get(name), now=now).timestamp()
        except ValueError:
            continue
    return None


def replies_of(entry: object) -> int | None:
    """How many comments the list says a post has."""
    return _total(mapping(entry).get("comments"))


def _needed(entry: dict[str, Any], name: str) -> str:
    number = ident(entry.get(name))
    if not number:
        raise ValueError(f"there is no {name}, but {entry.get(name)!r:.60}")
    return number


def _from_link(address: object, under: str) -> str:
    """The id of a comment that was sent without one: its address names it."""
    if not isinstance(address, str):
        return ""
    try:
        asked = parse_qs(urlsplit(address).query)
    except ValueError:
        return ""
    own = (asked.get("reply_comment_id") or asked.get("comment_id") or [""])[0]
    return f"{under.rpartition('_')[2]}_{own}" if own.isdigit() else ""


def _text(value: object) -> tuple[str, bool]:
    return plain(value, html=False) if isinstance(value, str) else ("", False)


def _author(value: object) -> Author:
    fields = mapping(value)
    number = ident(fields.get("id"))
    return Author(
        id=number,
        handle=line(fields.get("username")),
        name=line(fields.get("name")),
        url=link(fields.get("link"))
        or (link(f"https://www.facebook.com/{number}") if number else ""),
    )


def _total(value: object) -> int | None:
    return count(mapping(mapping(value).get("summary")).get("total_count"))


def _attached(value: object) -> list[dict[str, Any]]:
    """Attachments, those within an album after it."""
    found: list[dict[str, Any]] = []
    for one in mappings(mapping(value).get("data")):
        found += [one, *mappings(mapping(one.get("subattachments")).get("data"))]
    return found


def _media(attached: list[dict[str, Any]]) -> list[str]:
    found = []
    for one in attached:
        media = mapping(one.get("media"))
        found += [link(media.get("source")), link(mapping(media.get("image")).get("src"))]
        if not media:
            found.append(link(one.get("unshimmed_url")) or link(one.get("url")))
    return _unique(found)


def _unique(values: list[str]) -> list[str]:
    return [one for one in dict.fromkeys(values) if one]


def _place(value: object) -> Place | None:
    fields = mapping(value)
    where = mapping(fields.get("location"))
    country = line(where.get("country_code") or where.get("country"))
    name = ", ".join(part for part in (line(fields.get("name")), line(where.get("city"))) if part)
    found = Place(
        name=name,
        country=country if len(country) == 2 else "",
        lat=_degrees(where.get("latitude")),
        lon=_degrees(where.get("longitude")),
    )
    return None if found == Place() else found


def _degrees(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) <= 180 else None


def _rating(entry: dict[str, Any]) -> Rating | None:
    """Stars, which older ones have, else whether the page is recommended: 1 or 0 of 1."""
    stars = count(entry.get("rating"))
    if stars is not None and 1 <= stars <= 5:
        return Rating(float(stars))
    told = {"positive": 1.0, "negative": 0.0}.get(line(entry.get("recommendation_type")).lower())
    return None if told is None else Rating(told, 1.0)
