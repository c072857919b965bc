"""Matrix's room events as posts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from connectors import times
from connectors.fields import mapping
from connectors.post import Author, Post
from connectors.text import line, link, plain

_HTML: Final = "org.matrix.custom.html"
_LONGEST_ID: Final = 255
_FILES: Final = ("m.image", "m.file", "m.video", "m.audio")


@dataclass(frozen=True, slots=True)
class Original:
    """What an edit or a redaction refers to."""

    type: str
    sender: str
    created: datetime


@dataclass(frozen=True, slots=True)
class Room:
    """Where events are read: the room's id, its members' names, the present moment."""

    id: str
    names: Mapping[str, str]
    now: datetime


def original(event: dict[str, Any], now: datetime) -> Original:
    """Raises `ValueError` for an event without a time."""
    created = times.parse(event.get("origin_server_ts"), now=now)
    return Original(line(event.get("type")), line(event.get("sender")), created)


def name_of(event: dict[str, Any]) -> str:
    """Raises `ValueError` where the event has none."""
    return _name(event.get("event_id"))


def replaces(event: dict[str, Any]) -> str:
    """The event that this one is an edit of, or nothing."""
    related = mapping(mapping(event.get("content")).get("m.relates_to"))
    return _name(related.get("event_id")) if related.get("rel_type") == "m.replace" else ""


def redacted(event: dict[str, Any]) -> str:
    """What a redaction takes back: since room version 11 that stands in its content."""
    return _name(event.get("redacts") or mapping(event.get("content")).get("redacts"))


def post(room: Room, name: str, event: dict[str, Any]) -> Post:
    """A message as a post; one that was redacted before it was read is a tombstone."""
    because = mapping(mapping(event.get("unsigned")).get("redacted_because"))
    content = mapping(event.get("content"))
    if because or (not content and "redacted_because" in mapping(event.get("unsigned"))):
        return deletion(room, name, because, original(event, room.now))
    return _message(room, name, event, content)


def edit(room: Room, name: str, event: dict[str, Any], before: Original) -> Post | None:
    """The message called `name` as `event` has it now; `None` where the edit itself was taken
    back."""
    content = mapping(event.get("content"))
    if mapping(event.get("unsigned")).get("redacted_because"):
        return None
    fresh = mapping(content.get("m.new_content"))
    if not fresh:
        raise ValueError("the edit has no new content")
    made = _message(room, name, event, fresh)
    return Post(
        id=made.id,
        source=made.source,
        kind=made.kind,
        state="edited",
        created_at=before.created,
        collected_at=room.now,
        updated_at=made.created_at,
        url=made.url,
        text=made.text,
        truncated=made.truncated,
        author=made.author,
    )


def deletion(room: Room, name: str, event: dict[str, Any], before: Original | None) -> Post:
    at = times.parse_or(event.get("origin_server_ts"), room.now, now=room.now)
    return Post(
        id=f"matrix:{name}",
        source="matrix",
        kind="message",
        state="deleted",
        created_at=min(before.created, at) if before else at,
        collected_at=room.now,
        updated_at=at,
        url=_url(room.id, name),
    )


def _message(room: Room, name: str, event: dict[str, Any], content: dict[str, Any]) -> Post:
    related = mapping(mapping(event.get("content")).get("m.relates_to"))
    answered = line(mapping(related.get("m.in_reply_to")).get("event_id"), limit=_LONGEST_ID)
    root = ""
    if related.get("rel_type") == "m.thread":
        root = line(related.get("event_id"), limit=_LONGEST_ID)
        if related.get("is_falling_back") is True:  # a reply for clients without threads only
            answered = root
    text, truncated = _text(content, is_reply=bool(answered))
    sender = line(event.get("sender"))
    return Post(
        id=f"matrix:{name}",
        source="matrix",
        kind="message",
        created_at=times.parse(event.get("origin_server_ts"), now=room.now),
        collected_at=room.now,
        url=_url(room.id, name),
        text=text,
        truncated=truncated,
        author=Author(
            id=sender,
            handle=sender,
            name=room.names.get(sender, ""),
            url=link(f"https://matrix.to/#/{quote(sender, safe='')}") if sender else "",
        ),
        parent_id=f"matrix:{answered}" if answered else "",
        thread_id=f"matrix:{root}" if root else "",
    )


def _text(content: dict[str, Any], *, is_reply: bool) -> tuple[str, bool]:
    body = content.get("body")
    if not isinstance(body, str):
        raise ValueError("the message has no body")  # noqa: TRY004 - unreadable is one error
    if content.get("msgtype") in _FILES and content.get("filename") in (None, body):
        return plain(body, html=False)  # a file's name
    formatted = content.get("formatted_body")
    if content.get("format") == _HTML and isinstance(formatted, str) and formatted:
        head, mark, rest = formatted.partition("<mx-reply>")
        return plain(head + rest.partition("</mx-reply>")[2] if mark else formatted, html=True)
    return plain(_without_quote(body) if is_reply else body, html=False)


def _without_quote(body: str) -> str:
    """A reply's body without the lines it quotes for old clients."""
    lines = body.split("\n")
    kept = next((at for at, one in enumerate(lines) if not one.startswith(">")), len(lines))
    return "\n".join(lines[kept:]).lstrip("\n") if kept else body


def _url(room: str, name: str) -> str:
    return link(f"https://matrix.to/#/{quote(room, safe='!:')}/{quote(name, safe='$:')}")


def _name(value: object) -> str:
    name = line(value, limit=_LONGEST_ID + 1)
    if not name.startswith("$") or len(name) > _LONGEST_ID:
        raise ValueError(f"the event's id is {value!r:.80}")
    return name
