"""Discord's messages as posts."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from connectors import times
from connectors.fields import count, mapping, mappings
from connectors.post import Author, Engagement, Post, tombstone
from connectors.text import line, link, plain

_FIRST: Final = datetime(2015, 1, 1, tzinfo=UTC)
_WRITTEN: Final = (0, 19, 20, 23)
"""Messages, replies and answers of apps; all other types are Discord's own notices."""
_FORWARD: Final = 1
_THREADS: Final = (10, 11, 12)
_MENTION: Final = re.compile(r"<@!?(\d{1,20})>")
_EMOJI: Final = re.compile(r"<a?(:\w{1,64}:)\d{1,20}>")
_TAGS: Final = re.compile(r"<(?:t:(-?\d{1,12})(?::[a-zA-Z])?)>")


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages stand. `thread` says whether it is a thread, whose id is also that of the
    message it began with."""

    id: str
    guild: str = ""
    thread: bool = False


def channel(name: str, found: dict[str, Any]) -> Channel:
    return Channel(name, line(found.get("guild_id")), found.get("type") in _THREADS)


def is_written(message: dict[str, Any]) -> bool:
    return message.get("type", 0) in _WRITTEN


def edited(message: dict[str, Any]) -> str:
    """When it was edited, as Discord writes it; empty where it was not."""
    return line(message.get("edited_timestamp"))


def order(name: object) -> int:
    text = line(name)
    return int(text) if text.isascii() and text.isdigit() else 0


def later(name: object, last: str) -> str:
    return str(max(order(name), order(last)))


def created(name: str) -> datetime:
    """A snowflake holds milliseconds since 2015."""
    return _FIRST + timedelta(milliseconds=min(int(name), 2**63) >> 22)


def post(place: Channel, message: dict[str, Any], now: datetime) -> Post | None:
    """The message as a post; `None` for Discord's own notices. Raises `ValueError`."""
    name = line(message.get("id"))
    content = message.get("content")
    if not order(name):
        raise ValueError(f"the message's id is {message.get('id')!r:.80}")
    if not isinstance(content, str):
        raise ValueError("the message has no content")  # noqa: TRY004 - unreadable is one error
    if not is_written(message):
        return None
    reference = mapping(message.get("message_reference"))
    referred = line(reference.get("message_id"))
    forward = reference.get("type") == _FORWARD
    shown = _forwarded(message) if forward else message
    text, truncated = _text(shown)
    made = times.parse_or(message.get("timestamp"), min(created(name), now), now=now)
    changed = edited(message)
    return Post(
        id=f"discord:{name}",
        source="discord",
        kind="message",
        state="edited" if changed else "live",
        created_at=made,
        collected_at=now,
        updated_at=times.parse_or(changed, now, now=now) if changed else None,
        url=_url(place, name),
        text=text,
        truncated=truncated,
        author=_author(message),
        engagement=Engagement(likes=_reactions(message)),
        parent_id=f"discord:{referred}" if referred and not forward else "",
        thread_id=f"discord:{place.id}" if place.thread else "",
        repost_of=f"discord:{referred}" if referred and forward else "",
        media=_media(shown),
    )


def deletion(place: Channel, name: str, now: datetime) -> Post:
    url = _url(place, name)
    return tombstone("discord", name, created(name), now, kind="message", url=url)


def _url(place: Channel, name: str) -> str:
    if not place.guild:
        return ""
    return f"https://discord.com/channels/{place.guild}/{place.id}/{name}"


def _forwarded(message: dict[str, Any]) -> dict[str, Any]:
    snapshots = mappings(message.get("message_snapshots"))
    return mapping(snapshots[0].get("message")) if snapshots else message


def _text(message: dict[str, Any]) -> tuple[str, bool]:
    """What was written, then what it embeds; mentions by name."""
    written = message.get("content")
    parts = [_named(written, message) if isinstance(written, str) else ""]
    for embed in mappings(message.get("embeds")):
        if embed.get("type", "rich") == "rich":  # others repeat what a linked page says
            parts += [line(embed.get("title"))]
            described = embed.get("description")
            parts += [described if isinstance(described, str) else ""]
            for one in mappings(embed.get("fields")):
                parts.append(f"{line(one.get('name'))}: {line(one.get('value'))}".strip(": "))
    return plain("\n\n".join(part for part in parts if part), html=False)


def _named(text: str, message: dict[str, Any]) -> str:
    names = {line(one.get("id")): _name(one) for one in mappings(message.get("mentions"))}
    text = _MENTION.sub(lambda found: f"@{names.get(found[1]) or found[1]}", text)
    return _TAGS.sub(lambda found: _moment(int(found[1])), _EMOJI.sub(r"\1", text))


def _moment(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return ""


def _author(message: dict[str, Any]) -> Author:
    author = mapping(message.get("author"))
    return Author(
        id=line(author.get("id")), handle=line(author.get("username")), name=_name(author)
    )


def _name(user: dict[str, Any]) -> str:
    return line(user.get("global_name")) or line(user.get("username"))


def _reactions(message: dict[str, Any]) -> int | None:
    """All of them: Discord tells no likes apart."""
    if not isinstance(message.get("reactions"), list):
        return None
    return sum(count(one.get("count")) or 0 for one in mappings(message.get("reactions")))


def _media(message: dict[str, Any]) -> list[str]:
    found = [link(one.get("url")) for one in mappings(message.get("attachments"))]
    for embed in mappings(message.get("embeds")):
        found += [link(mapping(embed.get(part)).get("url")) for part in ("image", "video")]
    return [one for one in dict.fromkeys(found) if one]
