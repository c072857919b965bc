"""Twitch: the chats of named channels, as they are written, over IRC in a WebSocket.

A chat has no replay: what was said while the connection was down is recorded as a gap.
See docs/connectors/twitch.md.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from connectors import http, irc, times, websocket
from connectors.base import Context, Cursor, Gap, Option, Spec, Step
from connectors.errors import BadSettings, Fatal, Retriable, SkipItem
from connectors.fields import mapping
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Author, Post, tombstone
from connectors.text import line, plain

_CHAT: Final = "wss://irc-ws.chat.twitch.tv"
_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_ANONYMOUS: Final = "justinfan31337"
_JOINS: Final = 20
_JOINS_REST: Final = 11.0
"""Twenty joins in ten seconds are allowed."""
_MEMORY: Final = 50_000
_REFUSED: Final = ("authentication failed", "improperly formatted auth", "login unsuccessful")


@dataclass(frozen=True, slots=True)
class _Said:
    """What a deletion needs to know of a message."""

    created: datetime
    room: str
    author: str


class Twitch:
    """Cursor: `{"at": when the chat was last heard}`, for the gap that a restart leaves."""

    spec: ClassVar[Spec] = Spec(
        name="twitch",
        door="IRC over WebSocket",
        sees="every message in the chats of named channels, and deletions by moderators",
        needs="the channels' names",
        limits="20 channels joined in 10 seconds; a chat has no past",
        options=(
            Option("channels", "Channels whose chats are read, by their login names.", (), True),
            Option("nick", "Login of the account whose token is given.", ""),
            Option("token", "User access token (chat:read); else anonymous.", "", secret=True),
            Option("silence", "Seconds without a word after which to connect anew.", 360),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        group="video",
        poll_seconds=1.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._channels = [_channel(name) for name in options.many("channels")]
        self._nick = options.text("nick").lower()
        self._token = options.header("token").removeprefix("oauth:")
        if self._token and not self._nick:
            raise BadSettings("twitch: 'token' is set; set 'nick' to the login that it belongs to")
        self._silence = options.seconds("silence", 0.1, 3600)
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        base = options.url("base_url", tuple(_SCHEMES)) or _CHAT
        scheme, _, rest = base.partition("://")
        if "@" in rest:
            raise BadSettings("twitch: 'base_url' carries a password; use 'token'")
        self._url = f"{_SCHEMES[scheme]}://{rest}/"
        self._host = urlsplit(self._url).netloc
        self._said: OrderedDict[str, _Said] = OrderedDict()

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """What is said from now on, until the server closes or asks to reconnect. Raises
        `Retriable` where the connection is cut or falls silent."""
        async with websocket.opened(
            self._context,
            self._url,
            contact=self._contact,
            seconds=self._timeout,
            secrets=[self._token] if self._token else [],
        ) as connection:
            joining = asyncio.create_task(self._enter(connection))
            try:
                async for step in self._heard(connection, cursor):
                    yield step
            finally:
                joining.cancel()
                await asyncio.gather(joining, return_exceptions=True)

    async def _enter(self, connection: ClientConnection) -> None:
        with suppress(ConnectionClosed):  # the reader tells
            await connection.send("CAP REQ :twitch.tv/tags twitch.tv/commands")
            if self._token:
                await connection.send(f"PASS oauth:{self._token}")
            await connection.send(f"NICK {self._nick or _ANONYMOUS}")
            for start in range(0, len(self._channels), _JOINS):
                if start:
                    await asyncio.sleep(_JOINS_REST)
                named = ",".join(f"#{name}" for name in self._channels[start : start + _JOINS])
                await connection.send(f"JOIN {named}")

    async def _heard(self, connection: ClientConnection, cursor: Cursor) -> AsyncIterator[Step]:
        understood = False
        async for text in self._lines(connection):
            try:
                message = irc.parse(text)
                if not understood and (gap := self._missed(cursor)) is not None:
                    yield Step(gap=gap, cursor=self._cursor())
                understood = True
                if message.command == "RECONNECT":
                    return
                if message.command == "PING":
                    await connection.send(f"PONG :{message.param(0)}")
                    yield Step(cursor=self._cursor())
                for post in self._posts(message):
                    yield Step(post=post, cursor=self._cursor())
            except ValueError as error:
                place = f"{self._host} at {http.current_time(self._context).isoformat()}"
                said = f"{place}: {line(str(error), limit=200)}"
                yield Step(dead=SkipItem(said, place=place, raw=text.encode()))
        if not understood:
            raise Retriable(f"{self._host} closed the chat before it said anything")

    async def _lines(self, connection: ClientConnection) -> AsyncIterator[str]:
        while True:
            try:
                async with asyncio.timeout(self._silence):
                    raw = await connection.recv(decode=False)
            except TimeoutError:
                raise Retriable(
                    f"{self._host} has been silent for {self._silence:g} seconds"
                ) from None
            except ConnectionClosedOK:
                return
            for text in raw.decode("utf-8", "replace").split("\n"):
                if text.strip():
                    yield text.removesuffix("\r")

    def _cursor(self) -> Cursor:
        return {"at": http.current_time(self._context).isoformat()}

    def _missed(self, cursor: Cursor) -> Gap | None:
        """What was said since the chat was last heard can't be had any more."""
        now = http.current_time(self._context)
        last = times.parse_or(mapping(cursor).get("at"), now, now=now)
        if now - last < timedelta(seconds=1):
            return None
        reason = "the connection was down, and a chat has no past"
        return Gap(since=last.isoformat(), until=now.isoformat(), reason=reason)

    def _posts(self, message: irc.Message) -> list[Post]:
        now = http.current_time(self._context)
        if message.command in ("PRIVMSG", "USERNOTICE"):
            post = self._message(message, now)
            return [post] if post is not None else []
        if message.command == "CLEARMSG":
            return self._deleted([message.tags.get("target-msg-id", "")], now)
        if message.command == "CLEARCHAT":
            return self._cleared(message, now)
        if message.command == "NOTICE":
            self._noticed(line(message.param(1), limit=200))
        return []

    def _message(self, message: irc.Message, now: datetime) -> Post | None:
        """A message of the chat; `None` for a notice without words, and for what a shared chat
        brings a second time."""
        tags = message.tags
        said = message.param(1)
        if message.command == "USERNOTICE" and not said:
            return None
        name = line(tags.get("source-id") or tags.get("id"), limit=128)
        if not name:
            raise ValueError("the message has no id")
        if name in self._said:
            return None
        channel = message.param(0).removeprefix("#")
        author = line(tags.get("user-id"), limit=64)
        login = line(tags.get("login") or message.nick, limit=64)
        created = times.parse(tags.get("tmi-sent-ts"), now=now)
        text, truncated = plain(irc.spoken(said), html=False)
        parent = line(tags.get("reply-parent-msg-id"), limit=128)
        thread = line(tags.get("reply-thread-parent-msg-id"), limit=128) or parent
        self._said[name] = _Said(created, line(tags.get("room-id")), author)
        if len(self._said) > _MEMORY:
            self._said.popitem(last=False)
        return Post(
            id=f"twitch:{name}",
            source="twitch",
            kind="message",
            created_at=created,
            collected_at=now,
            url=f"https://www.twitch.tv/{channel}",
            text=text,
            truncated=truncated,
            author=Author(
                id=author,
                handle=login,
                name=line(tags.get("display-name")) or login,
                url=f"https://www.twitch.tv/{login}" if login else "",
            ),
            parent_id=f"twitch:{parent}" if parent else "",
            thread_id=f"twitch:{thread}" if thread else "",
        )

    def _cleared(self, message: irc.Message, now: datetime) -> list[Post]:
        """A user's messages in a room, or all of the room's, as far as they are remembered."""
        room, user = message.tags.get("room-id", ""), message.tags.get("target-user-id", "")
        if message.param(1) and not user:
            return []
        gone = [
            name
            for name, said in self._said.items()
            if said.room == room and (not user or said.author == user)
        ]
        return self._deleted(gone, now)

    def _deleted(self, names: list[str], now: datetime) -> list[Post]:
        found = []
        for name in filter(None, names):
            known = self._said.pop(name, None)
            created = known.created if known else now
            found.append(tombstone("twitch", name, created, now, kind="message"))
        return found

    def _noticed(self, said: str) -> None:
        """Raises `Fatal` where the login is refused."""
        if self._token:
            said = said.replace(self._token, "***")
        if any(refusal in said.lower() for refusal in _REFUSED):
            raise Fatal(
                f"twitch: {said}. Remedy: set a new 'token' with the scope chat:read, and its "
                "'nick', or none of both"
            )
        if said:
            self._context.on_note(f"twitch: {said}")


def _channel(name: str) -> str:
    """A channel's login name, of `#Name`, `@name` or its page's address too."""
    found = name.rstrip("/").rsplit("/", 1)[-1].lstrip("#@").lower()
    if not found.isascii() or not found.replace("_", "").isalnum() or len(found) > 60:
        raise BadSettings(f"twitch: 'channels' has {name!r:.80}; name channels by their login")
    return found
