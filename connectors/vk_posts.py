"""VKontakte's posts and comments as `Post`s: objects of the API, versions 5 and before."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from connectors import times
from connectors.fields import count, mapping, mappings
from connectors.markup import decode_entities
from connectors.post import Author, Engagement, Place, Post
from connectors.text import line, link, plain, tag
from connectors.vk_authors import SITE, author_of, whole

_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
# [club1|Name], [id1:bp-1_2|Name], [https://site.example|words], [#alias|words|https://…]
_MARKUP = re.compile(r"\[([^\s\[\]|]{1,500})\|([^\[\]|\n]{1,500})(?:\|([^\s\[\]|]{1,500}))?\]")
_HASHTAG = re.compile(r"(?<![\w&/#])#(\w{1,100})")
_PHOTO_SIZES: Final = ("photo_2560", "photo_1280", "photo_807", "photo_604", "photo_130")
_OLD_SIZES: Final = ("src_xxxbig", "src_xxbig", "src_xbig", "src_big", "src")


def wall_post(item: object, known: Mapping[int, Author], now: datetime) -> Post:
    """A post of a wall, or a comment that a search found. Raises `ValueError`."""
    fields = mapping(item)
    if fields.get("post_type") == "reply" or fields.get("type") == "reply":
        return wall_comment(fields, known, now)
    owner, number = _owner(fields), _number(fields)
    name = f"vk:{owner}_{number}"
    url = f"{SITE}/wall{owner}_{number}"
    if _gone(fields):
        return gone(name, times.parse_or(fields.get("date"), now, now=now), now, url=url)
    copies = mappings(fields.get("copy_history"))
    text, truncated = _text(fields, copies)
    origin = copies[0] if copies else {}
    edited = times.parse(fields["edited"], now=now) if count(fields.get("edited")) else None
    return Post(
        id=name,
        source="vk",
        state="edited" if edited else "live",
        created_at=times.parse(fields.get("date"), now=now),
        collected_at=now,
        updated_at=edited,
        url=url,
        text=text,
        truncated=truncated,
        author=author_of(fields.get("from_id", owner), known),
        engagement=Engagement(
            likes=_count(fields.get("likes")),
            reposts=_count(fields.get("reposts")),
            replies=_count(fields.get("comments")),
            views=_count(fields.get("views")),
        ),
        repost_of=_origin(origin, fields),
        hashtags=hashtags(text),
        media=media([fields, *copies]),
        place=place(fields.get("geo")),
    )


def wall_comment(
    item: object, known: Mapping[int, Author], now: datetime, *, post: str = ""
) -> Post:
    """A comment under the wall's post `owner_id`, which it need not name. Raises `ValueError`."""
    fields = mapping(item)
    asked_owner, _, asked_post = post.partition("_")
    owner = whole(fields.get("owner_id"), fields.get("post_owner_id")) or int(asked_owner or 0)
    number = _number(fields)
    under = whole(fields.get("post_id")) or int(asked_post or 0)
    if not owner or not under:
        raise ValueError(f"comment {number} does not say to which post it belongs")
    stack = [one for one in _list(fields.get("parents_stack")) if whole(one)]
    parent = whole(fields.get("reply_to_comment"), fields.get("reply_to_cid")) or (
        stack[-1] if stack else 0
    )
    thread = f"&thread={stack[0]}" if stack else ""
    name = f"vk:{owner}_{number}"
    url = f"{SITE}/wall{owner}_{under}?reply={number}{thread}"
    thread_id = f"vk:{owner}_{under}"
    parent_id = f"vk:{owner}_{parent}" if parent else thread_id
    if _gone(fields):
        created = times.parse_or(fields.get("date"), now, now=now)
        return gone(name, created, now, url=url, thread_id=thread_id, parent_id=parent_id)
    text, truncated = _text(fields, [])
    return Post(
        id=name,
        source="vk",
        kind="comment",
        created_at=times.parse(fields.get("date"), now=now),
        collected_at=now,
        url=url,
        text=text,
        truncated=truncated,
        author=author_of(fields.get("from_id", fields.get("uid")), known),
        engagement=Engagement(
            likes=_count(fields.get("likes")), replies=_count(fields.get("thread"))
        ),
        parent_id=parent_id,
        thread_id=thread_id,
        hashtags=hashtags(text),
        media=media([fields]),
    )


def gone(
    name: str,
    created: datetime,
    now: datetime,
    *,
    url: str,
    thread_id: str = "",
    parent_id: str = "",
) -> Post:
    """The last version of what was deleted or closed to strangers."""
    return Post(
        id=name,
        source="vk",
        kind="comment" if thread_id else "post",
        state="deleted",
        created_at=created,
        collected_at=now,
        updated_at=now,
        url=url,
        thread_id=thread_id,
        parent_id=parent_id,
    )


def readable(text: str) -> tuple[str, bool]:
    """What a reader sees of a text, and whether it was cut: names for mentions, words with the
    address for links; entities are decoded once."""
    shown = _MARKUP.sub(_shown, _BREAK.sub("\n", text))
    return plain(decode_entities(shown), html=False)


def hashtags(text: str) -> list[str]:
    """`#tea` and `#tea@club` as `tea`."""
    return list(dict.fromkeys(tag(found) for found in _HASHTAG.findall(text)))


def _shown(found: re.Match[str]) -> str:
    target, words, address = found.groups()
    leads_to = address or target
    return f"{words} ({leads_to})" if leads_to.startswith(("http://", "https://")) else words


def _text(fields: dict[str, Any], copies: list[dict[str, Any]]) -> tuple[str, bool]:
    """The post's own text, the question of its poll, and the text that it passes on."""
    own = fields.get("text", fields.get("message"))
    if own is not None and not isinstance(own, str):
        raise ValueError(f"the text is {own!r:.60}")
    passed_on = (copy.get("text") for copy in copies)
    parts = [
        own or "",
        *_polls(fields),
        next((text for text in passed_on if isinstance(text, str) and text), ""),
    ]
    return readable("\n\n".join(part for part in parts if part))


def _polls(fields: dict[str, Any]) -> Iterator[str]:
    for attached in mappings(fields.get("attachments")):
        poll = mapping(attached.get("poll"))
        if isinstance(poll.get("question"), str):
            answers = (one.get("text") for one in mappings(poll.get("answers")))
            yield "\n".join(
                [poll["question"], *(text for text in answers if isinstance(text, str))]
            )


def _origin(copy: dict[str, Any], fields: dict[str, Any]) -> str:
    owner = whole(copy.get("owner_id"), copy.get("to_id"), fields.get("copy_owner_id"))
    number = whole(copy.get("id"), fields.get("copy_post_id"))
    return f"vk:{owner}_{number}" if owner and number else ""


def media(holders: list[dict[str, Any]]) -> list[str]:
    """Addresses of what is attached to posts, the largest of each picture."""
    found: list[str] = []
    for holder in holders:
        attached = mappings(holder.get("attachments")) or mappings(holder.get("attachment"))
        found += [
            _address(mapping(one.get(str(one.get("type")))), str(one.get("type")))
            for one in attached
        ]
    return [address for address in dict.fromkeys(found) if address]


def _address(fields: dict[str, Any], kind: str) -> str:
    if kind in ("photo", "posted_photo", "graffiti", "sticker"):
        return _largest(fields)
    if kind == "video":
        owner, number = whole(fields.get("owner_id")), whole(fields.get("id"), fields.get("vid"))
        return f"{SITE}/video{owner}_{number}" if owner and number else ""
    return link(fields.get("url")) or link(fields.get("view_url"))


def _largest(photo: dict[str, Any]) -> str:
    sizes = [mapping(photo.get("orig_photo"))] if photo.get("orig_photo") else []
    sizes += mappings(photo.get("sizes")) or mappings(photo.get("images"))
    best = max(sizes, key=lambda one: count(one.get("width")) or 0, default={})
    named = (photo.get(name) for name in (*_PHOTO_SIZES, *_OLD_SIZES, "url"))
    return (
        link(best.get("url"))
        or link(best.get("src"))
        or next((link(one) for one in named if link(one)), "")
    )


def place(geo: object) -> Place | None:
    """Where, from the two shapes of coordinates that there are."""
    fields = mapping(geo)
    spot = fields.get("coordinates")
    if isinstance(spot, str):
        lat, lon = [*map(_degrees, spot.replace(",", " ").split()[:2]), None, None][:2]
    else:
        lat, lon = _degrees(mapping(spot).get("latitude")), _degrees(mapping(spot).get("longitude"))
    inner = mapping(fields.get("place"))
    name = line(inner.get("title"), html=True) or line(inner.get("city"))
    if lat is None or lon is None or abs(lat) > 90 or abs(lon) > 180:
        return Place(name=name) if name else None
    return Place(name=name, lat=lat, lon=lon)


def _degrees(value: object) -> float | None:
    try:
        return float(str(value)[:20])
    except ValueError:
        return None


def _gone(fields: dict[str, Any]) -> bool:
    return fields.get("is_deleted") in (True, 1) or fields.get("deleted") in (True, 1)


def _owner(fields: dict[str, Any]) -> int:
    owner = whole(fields.get("owner_id"), fields.get("to_id"), fields.get("source_id"))
    if not owner:
        raise ValueError(f"the post has the owner {fields.get('owner_id')!r:.40}")
    return owner


def _number(fields: dict[str, Any]) -> int:
    number = whole(fields.get("id"), fields.get("cid"), fields.get("post_id"))
    if number <= 0:
        raise ValueError(f"the item has the id {fields.get('id')!r:.40}")
    return number


def _count(value: object) -> int | None:
    return count(mapping(value).get("count")) if isinstance(value, dict) else count(value)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
