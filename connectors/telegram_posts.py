"""What Telegram's Bot API says of a message, as a `Post`. See https://core.telegram.org/bots/api."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from connectors import times
from connectors.fields import mapping, mappings
from connectors.post import Author, Place, Post
from connectors.text import line, link, plain, tag

KINDS: Final = ("channel_post", "edited_channel_post", "message", "edited_message")
"""The updates that carry posts; an album is one update for each picture."""
_CONTENT: Final = (
    *("text", "caption", "poll", "photo", "video", "animation", "audio", "document", "voice"),
    *("video_note", "story", "sticker", "location", "venue", "paid_media", "rich_message"),
)


def message_of(update: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The message in an update, and whether it is an edit; empty for other updates."""
    for kind in KINDS:
        if kind in update:
            return mapping(update[kind]), kind.startswith("edited_")
    return {}, False


def has_content(message: dict[str, Any]) -> bool:
    """Whether someone wrote it: Telegram also tells of joins, pins and the like."""
    return any(message.get(name) is not None for name in _CONTENT)


def key(message: dict[str, Any]) -> str:
    """`chat/message`: a message's number alone is not unique. Raises `ValueError`."""
    chat, number = mapping(message.get("chat")).get("id"), message.get("message_id")
    if not _whole(chat) or not _whole(number):
        raise ValueError(f"the message has the chat {chat!r:.40} and the number {number!r:.40}")
    return f"{chat}/{number}"


def album(message: dict[str, Any]) -> str:
    """`chat/album` of a message that is part of one."""
    group = line(message.get("media_group_id"))
    return f"{mapping(message.get('chat')).get('id')}/{group}" if group else ""


def read(message: dict[str, Any], now: datetime, *, edited: bool = False, first: str = "") -> Post:
    """The post, named by `first`, the key of the first message of its album, where it has one.
    Raises `ValueError`."""
    named = key(message)
    chat = mapping(message.get("chat"))
    name = first or named
    text, truncated = plain(_text(message), html=False)
    reply = mapping(message.get("reply_to_message"))
    parent = key(reply) if _whole(reply.get("message_id")) and reply.get("chat") else ""
    thread = message.get("message_thread_id")
    changed = message.get("edit_date")
    channel = chat.get("type") == "channel"
    return Post(
        id=f"telegram:{name}",
        source="telegram",
        kind="post" if channel else "comment" if parent else "message",
        state="edited" if edited or changed else "live",
        created_at=times.parse(message.get("date"), now=now),
        collected_at=now,
        updated_at=times.parse_or(changed, now, now=now) if edited or changed else None,
        url=_url(chat, name.rpartition("/")[2]),
        text=text,
        truncated=truncated,
        author=_author(message, chat),
        parent_id=f"telegram:{parent}" if parent else "",
        thread_id=f"telegram:{chat.get('id')}/{thread}" if _whole(thread) else "",
        repost_of=_origin(message),
        hashtags=_hashtags(message),
        place=_place(message),
    )


def _text(message: dict[str, Any]) -> str:
    """The words, with the addresses that they hide behind others in brackets."""
    words = message.get("text")
    entities = message.get("entities")
    if not isinstance(words, str):
        words, entities = message.get("caption"), message.get("caption_entities")
    if isinstance(words, str):
        return _with_links(words, mappings(entities, 1000))
    poll = mapping(message.get("poll"))
    lines = [poll.get("question"), *(one.get("text") for one in mappings(poll.get("options")))]
    return "\n".join(one for one in lines if isinstance(one, str))


def _with_links(words: str, entities: Sequence[dict[str, Any]]) -> str:
    """Offsets count UTF-16 units, two for most emoji."""
    units = words.encode("utf-16-le", "surrogatepass")
    hidden = [one for one in entities if one.get("type") == "text_link" and _span(one, units)]
    for one in sorted(hidden, key=lambda one: int(one["offset"]), reverse=True):
        address, shown = link(one.get("url")), _shown(one, units)
        if address and address.rstrip("/") != shown.strip().rstrip("/"):
            end = 2 * (int(one["offset"]) + int(one["length"]))
            units = units[:end] + f" ({address})".encode("utf-16-le") + units[end:]
    return units.decode("utf-16-le", "replace")


def _hashtags(message: dict[str, Any]) -> list[str]:
    """Also of captions; `#tag@channel` is the tag."""
    found: list[str] = []
    for words, entities in (("text", "entities"), ("caption", "caption_entities")):
        text = message.get(words)
        units = text.encode("utf-16-le", "surrogatepass") if isinstance(text, str) else b""
        marked = (one for one in mappings(message.get(entities), 1000) if _span(one, units))
        hashtags = (_shown(one, units) for one in marked if one.get("type") == "hashtag")
        found += (tag(each.partition("@")[0]) for each in hashtags)
    return [one for one in dict.fromkeys(found) if one]


def _span(entity: dict[str, Any], units: bytes) -> bool:
    offset, length = entity.get("offset"), entity.get("length")
    if not (isinstance(offset, int) and isinstance(length, int)) or offset < 0 or length < 1:
        return False
    return 2 * (offset + length) <= len(units)


def _shown(entity: dict[str, Any], units: bytes) -> str:
    begin = 2 * int(entity["offset"])
    return units[begin : begin + 2 * int(entity["length"])].decode("utf-16-le", "replace")


def _author(message: dict[str, Any], chat: dict[str, Any]) -> Author:
    """A person, or the channel or group in whose name it was written."""
    person = mapping(message.get("from"))
    speaks = mapping(message.get("sender_chat")) or (chat if not person else {})
    who = speaks or person
    handle = line(who.get("username"))
    full = " ".join(filter(None, (line(who.get("first_name")), line(who.get("last_name")))))
    return Author(
        id=str(who["id"]) if _whole(who.get("id")) else "",
        handle=handle,
        name=line(who.get("title")) or full,
        url=link(f"https://t.me/{handle}") if handle else "",
    )


def _origin(message: dict[str, Any]) -> str:
    """The channel's post that was forwarded, in the present and the older form."""
    origin = mapping(message.get("forward_origin"))
    chat = mapping(origin.get("chat")) or mapping(message.get("forward_from_chat"))
    number = origin.get("message_id", message.get("forward_from_message_id"))
    if not _whole(chat.get("id")) or not _whole(number):
        return ""
    return f"telegram:{chat['id']}/{number}"


def _url(chat: dict[str, Any], number: str) -> str:
    handle, name = line(chat.get("username")), str(chat.get("id"))
    if handle:
        return link(f"https://t.me/{handle}/{number}")
    return f"https://t.me/c/{name[4:]}/{number}" if name.startswith("-100") else ""


def _place(message: dict[str, Any]) -> Place | None:
    venue = mapping(message.get("venue"))
    at = mapping(message.get("location")) or mapping(venue.get("location"))
    lat, lon = at.get("latitude"), at.get("longitude")
    if not isinstance(lat, int | float) or not isinstance(lon, int | float):
        return None
    return Place(name=line(venue.get("title")), lat=float(lat), lon=float(lon))


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
