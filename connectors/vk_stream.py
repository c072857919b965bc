"""VKontakte's Streaming API: rules say what is sent, a WebSocket brings it.

Nothing that passed while nobody listened is sent again.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedOK

from connectors import http, times, websocket
from connectors.base import Context, Step, unreadable
from connectors.errors import Refused, Retriable
from connectors.fields import mapping, mappings
from connectors.post import Engagement, Post, State
from connectors.text import line, link
from connectors.vk_authors import SITE, author_of, whole
from connectors.vk_posts import gone, hashtags, media, place, readable

_OURS: Final = "veille-"
_MOST_RULES: Final = 300
_LONGEST_RULE: Final = 4096  # bytes
_LOOK_EVERY: Final = 60.0  # seconds between two looks at whether topics were edited
_SERVICE: Final = 300
_THERE_ALREADY: Final = 2001
_STATES: Final[Mapping[str, State]] = {"update": "edited", "delete": "deleted"}


@dataclass(frozen=True, slots=True)
class Stream:
    """One connection. `root` is `https://` and the endpoint; `key` opens it."""

    context: Context
    client: http.Client
    root: str
    key: str
    contact: str
    seconds: float

    async def keep_rules(self, wanted: Sequence[str]) -> None:
        """Make the rules those wanted, and leave alone what others set with the same token."""
        rules = {_OURS + _short(value): value for value in wanted if _fits(value)}
        if len(rules) < len(set(wanted)) or len(rules) > _MOST_RULES:
            self.context.on_note(
                f"the stream takes {_MOST_RULES} rules of {_LONGEST_RULE} bytes: some are left out"
            )
        rules = dict(list(rules.items())[:_MOST_RULES])
        said = mapping(await self.client.json(self._url("rules")))
        there = {line(rule.get("tag")) for rule in mappings(said.get("rules"), 1000)}
        for tag in sorted(there - rules.keys()):
            if tag.startswith(_OURS):
                await self._tell(self.client.delete(self._url("rules"), json={"tag": tag}))
        for tag in sorted(rules.keys() - there):
            rule = {"rule": {"value": rules[tag], "tag": tag}}
            await self._tell(self.client.post(self._url("rules"), json=rule, accept=(200, 400)))

    async def events(self, wanted: Callable[[], Sequence[str]]) -> AsyncIterator[Step | None]:
        """What comes until the server closes or asks to connect anew; `None` once a minute in
        which the rules were looked at. Raises `Retriable` where it is cut or not let in."""
        kept = list(wanted())
        try:
            async with websocket.opened(
                self.context,
                self._url("stream").replace("http", "ws", 1),
                contact=self.contact,
                seconds=self.seconds,
            ) as connection:
                while True:
                    raw = await _next(connection)
                    if raw is None and list(wanted()) != kept:
                        kept = list(wanted())
                        await self.keep_rules(kept)
                    if raw == b"":
                        return
                    step = _step(raw, http.current_time(self.context)) if raw else None
                    if isinstance(step, str):
                        self.context.on_note(f"vk: the stream says: {step}")
                        return
                    yield step
        except Refused as error:
            raise Retriable(f"vk: the stream does not let us in: {error}") from None

    async def _tell(self, asking: Any) -> None:
        error = mapping(mapping(http.decode(await asking)).get("error"))
        if error and error.get("error_code") != _THERE_ALREADY:
            self.context.on_note(
                f"vk: a rule of the stream is refused: {line(error.get('message'))}"
            )

    def _url(self, path: str) -> str:
        return f"{self.root}/{path}?{urlencode({'key': self.key})}"


async def _next(connection: ClientConnection) -> bytes | None:
    """The next message; `None` after a minute without, empty once the server closed."""
    try:
        async with asyncio.timeout(_LOOK_EVERY):
            return await connection.recv(decode=False)
    except TimeoutError:
        return None
    except ConnectionClosedOK:
        return b""


def _step(raw: bytes, now: datetime) -> Step | str:
    """The message as a step, or what the service says of itself."""
    try:
        fields = mapping(msgspec.json.decode(raw))
        if fields.get("code") == _SERVICE:
            said = mapping(fields.get("service_message"))
            return line(said.get("message"), limit=200) or "connect anew"
        return Step(post=event_post(mapping(fields.get("event")), now))
    except (ValueError, RecursionError) as error:
        place = f"vk stream {now.isoformat()}"
        return unreadable(place, error, raw, limit=200)


def event_post(event: Mapping[str, Any], now: datetime) -> Post:
    """The post or comment that an event of the stream tells of. Raises `ValueError`."""
    ids = mapping(event.get("event_id"))
    name, thread = _names(line(event.get("event_type")), ids)
    created = times.parse(event.get("creation_time", event.get("action_time")), now=now)
    acted = times.parse_or(event.get("action_time"), now, now=now)
    url = link(event.get("event_url")) or f"{SITE}/wall{name.removeprefix('vk:')}"
    action = line(event.get("action"))
    if action == "delete":
        created = min(created, acted)
        left = gone(name, created, now, url=url, thread_id=thread, parent_id=thread)
        return msgspec.structs.replace(left, updated_at=acted)
    text, truncated = _text(event)
    writer = mapping(event.get("author"))
    origin = whole(writer.get("shared_post_author_id")), whole(ids.get("shared_post_id"))
    author = author_of(writer.get("id"), {})
    page = link(writer.get("author_url"))
    return Post(
        id=name,
        source="vk",
        kind="comment" if thread else "post",
        state=_STATES.get(action, "live"),
        created_at=created,
        collected_at=now,
        updated_at=acted if action in ("update", "restore") else None,
        url=url,
        text=text,
        truncated=truncated,
        author=msgspec.structs.replace(author, url=page) if page else author,
        engagement=Engagement(),
        parent_id=thread,
        thread_id=thread,
        repost_of=f"vk:{origin[0]}_{origin[1]}" if all(origin) else "",
        hashtags=hashtags(text),
        media=media([dict(event)]),
        place=place(event.get("geo")),
    )


def _names(kind: str, ids: Mapping[str, Any]) -> tuple[str, str]:
    """The post's name, and that of the thread where it is a comment."""
    if kind == "topic_post":
        owner, topic = whole(ids.get("topic_owner_id")), whole(ids.get("topic_id"))
        number = whole(ids.get("topic_post_id"), ids.get("comment_id"), ids.get("post_id"))
        thread = f"vk:topic{owner}_{topic}"
        name = f"{thread}_{number}"
    else:
        owner, topic = whole(ids.get("post_owner_id")), whole(ids.get("post_id"))
        number = whole(ids.get("comment_id")) if kind == "comment" else topic
        thread = f"vk:{owner}_{topic}" if kind == "comment" else ""
        name = f"vk:{owner}_{number}"
    if not owner or not topic or not number:
        raise ValueError(f"the event of a {kind or 'nameless kind'} does not say of which post")
    return name, thread


def _text(event: Mapping[str, Any]) -> tuple[str, bool]:
    said = [event.get("text"), event.get("shared_post_text")]
    if said[0] is not None and not isinstance(said[0], str):
        raise ValueError(f"the text is {said[0]!r:.60}")
    return readable("\n\n".join(part for part in said if isinstance(part, str) and part))


def _fits(value: str) -> bool:
    return len(value.encode()) <= _LONGEST_RULE


def _short(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:16]
