"""Flickr's photos and comments as posts.

Texts are bare or wrapped (`_content`), counts are text, and 0 degrees mean no place.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from connectors import times
from connectors.fields import count, mapping, mappings
from connectors.post import Author, Engagement, Place, Post
from connectors.text import line, link, plain, tag

_PAGES: Final = "https://www.flickr.com/photos"


def photo(item: Any, now: datetime) -> Post:
    """A photo of a search or of `getInfo`. Raises `ValueError`."""
    fields = mapping(item)
    owner = mapping(fields.get("owner"))
    author = line(owner.get("nsid") or fields.get("owner"), limit=64)
    name = line(fields.get("id"), limit=64)
    if not name:
        raise ValueError(f"the photo has no id but {fields.get('id')!r:.80}")
    text, truncated = plain(_content(fields.get("description")), html=True)
    dates = mapping(fields.get("dates"))
    uploaded = fields.get("dateupload") or fields.get("dateuploaded") or dates.get("posted")
    handle = line(fields.get("pathalias") or owner.get("path_alias"), limit=64)
    known = line(owner.get("username"))
    comments = mapping(fields.get("comments")).get("_content", fields.get("count_comments"))
    return Post(
        id=f"flickr:{name}",
        source="flickr",
        created_at=times.parse(uploaded or now, now=now),
        collected_at=now,
        url=f"{_PAGES}/{author}/{name}" if author else "",
        title=line(_content(fields.get("title"))),
        text=text,
        truncated=truncated,
        author=Author(
            id=author,
            handle=handle or known,
            name=line(fields.get("ownername") or owner.get("realname")) or known,
            location=line(owner.get("location")),
            url=f"{_PAGES}/{handle or author}" if author else "",
        ),
        engagement=Engagement(
            likes=count(fields.get("count_faves")),
            replies=count(comments),
            views=count(fields.get("views")),
        ),
        hashtags=_tags(fields.get("tags")),
        media=[one for one in [_picture(fields)] if one],
        place=_place({**fields, **mapping(fields.get("location"))}),
    )


def comment(item: Any, photo: str, now: datetime) -> Post:
    """A comment under a photo. Raises `ValueError`."""
    fields = mapping(item)
    name = line(fields.get("id"), limit=128)
    if not name:
        raise ValueError(f"the comment has no id but {fields.get('id')!r:.80}")
    text, truncated = plain(_content(fields.get("_content")), html=True)
    author = line(fields.get("author"), limit=64)
    return Post(
        id=f"flickr:{name}",
        source="flickr",
        kind="comment",
        created_at=times.parse(fields.get("datecreate"), now=now),
        collected_at=now,
        url=link(fields.get("permalink")),
        text=text,
        truncated=truncated,
        author=Author(
            id=author,
            handle=line(fields.get("path_alias"), limit=64),
            name=line(fields.get("realname") or fields.get("authorname")),
            url=f"{_PAGES}/{author}" if author else "",
        ),
        parent_id=f"flickr:{photo}",
        thread_id=f"flickr:{photo}",
    )


def _content(value: Any) -> str:
    """Text, bare or wrapped."""
    told = value.get("_content") if isinstance(value, dict) else value
    return told if isinstance(told, str) else ""


def _tags(told: Any) -> list[str]:
    """Words with blanks between, or the objects of `getInfo`."""
    if isinstance(told, str):
        names = [tag(one) for one in told.split()]
    else:
        listed = mappings(mapping(told).get("tag"))
        names = [tag(one.get("raw") or one.get("_content")) for one in listed]
    return [name for name in dict.fromkeys(names) if name]


def _picture(fields: Mapping[str, Any]) -> str:
    told = (link(fields.get(name)) for name in ("url_l", "url_c", "url_z"))
    found = next((one for one in told if one), "")
    parts = [line(fields.get(name), limit=64) for name in ("server", "id", "secret")]
    if found or not all(parts):
        return found
    server, name, secret = parts
    return f"https://live.staticflickr.com/{server}/{name}_{secret}.jpg"


def _place(fields: Mapping[str, Any]) -> Place | None:
    """A latitude and longitude of 0 (a number, or as text) mean none."""
    try:
        lat, lon = float(fields.get("latitude") or 0), float(fields.get("longitude") or 0)
    except (TypeError, ValueError):
        return None
    if (lat == 0 and lon == 0) or not -90 <= lat <= 90 or not -180 <= lon <= 180:
        return None
    name = _content(fields.get("locality")) or _content(fields.get("region"))
    return Place(name=line(name), lat=lat, lon=lon)
