"""What VKontakte's Callback API sends of one's own communities: posts, comments, their changes."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from connectors import times
from connectors.base import Step, unreadable
from connectors.fields import mapping
from connectors.post import Post
from connectors.text import line
from connectors.vk_authors import SITE, author_of, whole
from connectors.vk_posts import gone, hashtags, readable, wall_comment, wall_post

_UNPUBLISHED: Final = ("suggest", "postpone")
_PLACES: Final = {
    "board_post": ("topic", "topic_owner_id", "topic_id", "post"),
    "photo_comment": ("photo", "photo_owner_id", "photo_id", "reply"),
    "video_comment": ("video", "video_owner_id", "video_id", "reply"),
    "market_comment": ("product", "market_owner_id", "item_id", "reply"),
}
"""Kind of event: name of the page, fields of its owner and number, the address's parameter."""
_Read = Callable[[Mapping[str, Any], datetime], Post]


def event_steps(event: Mapping[str, Any], now: datetime) -> list[Step]:
    """What one event holds; nothing for events that are neither posts nor comments."""
    if reader(event) is None:
        return []
    try:
        return [Step(post=read_event(event, now))]
    except ValueError as error:
        kept = {name: event.get(name) for name in ("type", "object", "group_id", "event_id")}
        place = f"vk event {line(event.get('event_id')) or line(event.get('type'))}"
        raw = msgspec.json.encode(kept)
        return [unreadable(place, error, raw)]


def read_event(event: Mapping[str, Any], now: datetime) -> Post:
    """The post or comment of an event. Raises `ValueError`."""
    read = reader(event)
    if read is None:
        raise ValueError(f"the event is a {line(event.get('type'), limit=60) or 'nameless one'}")
    fields = mapping(event.get("object"))
    if event.get("type") == "wall_post_new" or event.get("type") == "wall_repost":
        return read(fields, now)
    change = str(event["type"]).rpartition("_")[2]
    if change == "delete":
        return read({**fields, "deleted": True}, now)
    post = read(fields, now)
    if change == "new":
        return post
    # A restored comment is newer than its deletion.
    state = "edited" if change == "edit" else "live"
    return msgspec.structs.replace(post, state=state, updated_at=now)


def reader(event: Mapping[str, Any]) -> _Read | None:
    """How events of this type are read; `None` for those that hold nothing of ours."""
    kind = event.get("type")
    if not isinstance(kind, str):
        return None
    if kind in ("wall_post_new", "wall_repost"):
        unpublished = mapping(event.get("object")).get("post_type") in _UNPUBLISHED
        return None if unpublished else lambda fields, now: wall_post(fields, {}, now)
    family, _, change = kind.rpartition("_")
    if change not in ("new", "edit", "restore", "delete"):
        return None
    if family == "wall_reply":
        return lambda fields, now: wall_comment(fields, {}, now)
    if place := _PLACES.get(family):
        return lambda fields, now: _comment(fields, place, now)
    return None


def _comment(fields: Mapping[str, Any], place: tuple[str, str, str, str], now: datetime) -> Post:
    """A comment elsewhere than on a wall: numbers are of their own there."""
    page, owner_field, number_field, parameter = place
    owner = whole(fields.get(owner_field), fields.get("owner_id"))
    under, number = whole(fields.get(number_field)), whole(fields.get("id"))
    if not owner or not under or number <= 0:
        raise ValueError(f"the comment {number or '(without id)'} does not say where it stands")
    thread = f"vk:{page}{owner}_{under}"
    name, url = f"{thread}_{number}", f"{SITE}/{page}{owner}_{under}?{parameter}={number}"
    if fields.get("deleted") in (True, 1):
        created = times.parse_or(fields.get("date"), now, now=now)
        return gone(name, created, now, url=url, thread_id=thread, parent_id=thread)
    said = fields.get("text")
    if not isinstance(said, str):
        raise ValueError(f"the text is {said!r:.60}")  # noqa: TRY004 - unreadable is one error
    text, truncated = readable(said)
    return Post(
        id=name,
        source="vk",
        kind="comment",
        created_at=times.parse(fields.get("date"), now=now),
        collected_at=now,
        url=url,
        text=text,
        truncated=truncated,
        author=author_of(fields.get("from_id"), {}),
        parent_id=thread,
        thread_id=thread,
        hashtags=hashtags(text),
    )
