"""Nostr's events: who really wrote them (NIP-01), and what they are as posts."""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from connectors import schnorr, times
from connectors.fields import count, mapping
from connectors.post import Author, Post
from connectors.text import line, link, plain, tag

KINDS: Final = (1, 1111, 30023, 6, 16, 5)
"""Notes, comments, articles, reposts of notes and of others, requests to delete."""
DELETION: Final = 5
_REPOSTS: Final = (6, 16)
_ARTICLE: Final = 30023
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_SIGNATURE: Final = re.compile(r"[0-9a-f]{128}")
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_PICTURE: Final = re.compile(r"https?://\S+\.(?:jpe?g|png|gif|webp|mp4|webm)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Event:
    """One that its author signed: its id is the hash of what it holds."""

    id: str
    author: str
    at: int
    kind: int
    tags: list[list[str]]
    content: str

    def first(self, name: str) -> str:
        """The value of the first tag of this name, or nothing."""
        return next((one[1] for one in self.tags if one[0] == name), "")

    @property
    def expires(self) -> int | None:
        """When it should be forgotten (NIP-40), in seconds since 1970."""
        return count(self.first("expiration"))


def verified(value: object) -> Event:
    """The event in a relay's message. Raises `ValueError` where it is none, or where its id or
    signature does not fit: it is forged or was changed on the way."""
    fields = mapping(value)
    author, at, kind = fields.get("pubkey"), count(fields.get("created_at")), fields.get("kind")
    told, signature = fields.get("id"), fields.get("sig")
    content, tags = fields.get("content"), fields.get("tags")
    if not isinstance(author, str) or not _HEX.fullmatch(author):
        raise ValueError(f"the event's author is {author!r:.80}")
    if at is None or not isinstance(kind, int) or not isinstance(content, str):
        raise ValueError("the event lacks its time, kind or content")
    if not isinstance(tags, list):
        raise ValueError("the event lacks its tags")  # noqa: TRY004 - unreadable is one error
    whole = json.dumps(
        [0, author, at, kind, tags, content], ensure_ascii=False, separators=(",", ":")
    )
    name = hashlib.sha256(whole.encode()).digest()
    if name.hex() != told:
        raise ValueError(f"the event's id {told!r:.80} is not the hash of what it holds")
    if not isinstance(signature, str) or not _SIGNATURE.fullmatch(signature):
        raise ValueError("the event is not signed")
    if not schnorr.verify(bytes.fromhex(author), name, bytes.fromhex(signature)):
        raise ValueError(f"the event {told} is not signed by {author}")
    named = [
        [str(part) for part in one]
        for one in tags[:2_000]
        if isinstance(one, list) and len(one) > 1 and all(isinstance(part, str) for part in one)
    ]
    return Event(name.hex(), author, at, kind, named, content)


def name_of(event: Event) -> str:
    """What the post is called: an article keeps its name when it is written anew."""
    if event.kind == _ARTICLE:
        return address(event.author, event.first("d"))
    return event.id


def address(author: str, name: str) -> str:
    return f"{_ARTICLE}:{author}:{line(name, limit=200)}"


def post(event: Event, now: datetime) -> Post:
    """The event as a post."""
    text, truncated = _text(event)
    root, parent = _thread(event)
    created = times.parse(event.at, now=now)
    published = count(event.first("published_at")) if event.kind == _ARTICLE else None
    first = min(times.parse_or(published, created, now=now), created)
    repost = event.first("e") if event.kind in _REPOSTS else ""
    quoted = repost or event.first("q")
    tags = [tag(one[1]) for one in event.tags if one[0] == "t"]
    return Post(
        id=f"nostr:{name_of(event)}",
        source="nostr",
        kind="article" if event.kind == _ARTICLE else "comment" if parent else "post",
        state="edited" if first < created else "live",
        created_at=first,
        collected_at=now,
        updated_at=created if first < created else None,
        url=f"https://njump.me/{bech32('note', bytes.fromhex(event.id))}",
        title=line(event.first("title")) if event.kind == _ARTICLE else "",
        text=text,
        truncated=truncated,
        lang=_lang(event),
        author=_author(event.author),
        parent_id=f"nostr:{parent}" if parent else "",
        thread_id=f"nostr:{root}" if root else "",
        repost_of=f"nostr:{quoted}" if _HEX.fullmatch(quoted) else "",
        hashtags=[name for name in dict.fromkeys(tags) if name][:100],
        media=_media(event),
    )


def deletion(name: str, created: datetime, event: Event, now: datetime) -> Post:
    """The tombstone of the post called `name`, which `event` asks for."""
    at = times.parse_or(event.at, now, now=now)
    return Post(
        id=f"nostr:{name}",
        source="nostr",
        state="deleted",
        created_at=min(created, at),
        collected_at=now,
        updated_at=at,
    )


def bech32(prefix: str, data: bytes) -> str:
    """`data` as NIP-19 shows it: `note1…`, `npub1…` (BIP-173)."""
    bits = int.from_bytes(data) << (-len(data) * 8) % 5
    size = (len(data) * 8 + 4) // 5
    words = [bits >> 5 * (size - 1 - at) & 31 for at in range(size)]
    head = [ord(one) >> 5 for one in prefix] + [0] + [ord(one) & 31 for one in prefix]
    check = _checksum([*head, *words, *[0] * 6]) ^ 1
    words += [check >> 5 * (5 - at) & 31 for at in range(6)]
    return f"{prefix}1{''.join(_BECH32[word] for word in words)}"


def _checksum(words: list[int]) -> int:
    check = 1
    for word in words:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ word
        for at, value in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= value if top >> at & 1 else 0
    return check


def _text(event: Event) -> tuple[str, bool]:
    if event.kind not in _REPOSTS:
        return plain(event.content, html=False)
    try:
        inner = mapping(msgspec.json.decode(event.content)).get("content")
    except (ValueError, RecursionError):
        inner = ""
    return plain(inner, html=False) if isinstance(inner, str) else ("", False)


def _thread(event: Event) -> tuple[str, str]:
    """Root and parent: NIP-22 for comments, else NIP-10, by mark or by place."""
    if event.kind in (*_REPOSTS, _ARTICLE):
        return "", ""
    found = [one for one in event.tags if one[0] == "e" and _HEX.fullmatch(one[1])]
    if event.kind == 1111:
        root = next((one[1] for one in event.tags if one[0] == "E"), event.first("A"))
        parent = found[0][1] if found else event.first("a")
        return _known(root), _known(parent)
    marks = {one[3]: one[1] for one in found if len(one) > 3 and one[3]}
    if marks:
        root = marks.get("root", "")
        return root, marks.get("reply", root)
    return (found[0][1], found[-1][1]) if found else ("", "")


def _known(name: str) -> str:
    """A post's name, or an article's; of what else is commented on we have no post."""
    return name if _HEX.fullmatch(name) or name.startswith(f"{_ARTICLE}:") else ""


def _lang(event: Event) -> str:
    labels = (one[1] for one in event.tags if one[0] == "l" and one[-1] == "ISO-639-1")
    return line(next(labels, ""), limit=35)


def _author(key: str) -> Author:
    npub = bech32("npub", bytes.fromhex(key))
    return Author(id=key, handle=npub, url=f"https://njump.me/{npub}")


def _media(event: Event) -> list[str]:
    described = [
        part.partition(" ")[2]
        for one in event.tags
        if one[0] == "imeta"
        for part in one[1:]
        if part.startswith("url ")
    ]
    if event.kind == _ARTICLE:
        described.append(event.first("image"))
    shown = [] if event.kind in _REPOSTS else _PICTURE.findall(event.content[:20_000])
    return [one for one in dict.fromkeys(map(link, [*described, *shown])) if one][:20]
