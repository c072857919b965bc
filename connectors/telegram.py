"""Telegram: what a bot of yours sees in its channels and groups, and public channels' previews.

The Bot API keeps updates for 24 hours and forgets those that are confirmed: each pass asks once,
and confirms what the passes before it brought to safety. See docs/connectors/telegram.md.
"""

import contextlib
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

import msgspec

from connectors import http
from connectors.base import Context, Cursor, Gap, Option, Spec, Step, unreadable
from connectors.errors import BadSettings
from connectors.fields import count, mapping
from connectors.options import BASE_URL, CONTACT, LISTEN, PATH, TIMEOUT, Options
from connectors.post import Post
from connectors.receiving import (
    Answer,
    Received,
    Request,
    accepted,
    json_body,
    listen,
    refused,
    same,
)
from connectors.telegram_bot import PAGE, Bot
from connectors.telegram_posts import KINDS, album, has_content, key, message_of, read
from connectors.telegram_preview import Previews

_API: Final = "https://api.telegram.org"
_WEB: Final = "https://t.me"
_TOKEN: Final = re.compile(r"[A-Za-z0-9:_-]*")
_KEPT: Final = timedelta(hours=24)
_RESTARTS: Final = timedelta(days=6.5)
"""After a week without updates their numbers begin anew, at random."""
_ARRIVING: Final = timedelta(seconds=5)
_MEMORY: Final = 2_000


class Telegram:
    """Cursor: `{"offset": the update to go on from, "at": time of the last one, "asked": of the
    last pass, "previews": {channel: [number of its last message, time it was asked]}}`, times in
    seconds since 1970."""

    spec: ClassVar[Spec] = Spec(
        name="telegram",
        door="Bot API; web preview, where asked for",
        sees="channels and groups that your bot is in; public channels that have a preview",
        needs="a bot's token, and the bot in the chats",
        limits="the Bot API keeps what was not asked for 24 hours",
        options=(
            Option("token", "The bot's token, from @BotFather.", "", secret=True),
            Option("mode", "poll (asks for updates), or webhook (is sent them).", "poll"),
            Option("wait", "Seconds that a request waits for updates, 0-15.", 10),
            Option("preview", "Public channels to read by their web preview.", ()),
            Option("preview_seconds", "Rest between two looks at a preview, from 60.", 300),
            Option("secret", "The webhook's secret_token.", "", secret=True),
            LISTEN,
            PATH,
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        keyless=False,
        group="networks",
        access="key",
        poll_seconds=1.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._token = options.text("token")
        channels = [_channel(name) for name in options.many("preview")]
        rest = options.seconds("preview_seconds", 60, 86_400)
        self._mode = options.choice("mode", ("poll", "webhook"))
        self._secret = options.text("secret")
        self._host, self._port = options.address("listen")
        self._path = options.path("path", "/hooks/telegram")
        self._wait = options.whole("wait", 0, 15)
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        base = options.url("base_url")
        self._bot = Bot(context, base or _API, self._token)
        self._previews = Previews(context, base or _WEB, channels, rest)
        self._albums: OrderedDict[str, str] = OrderedDict()
        if not _TOKEN.fullmatch(self._token):
            raise BadSettings("telegram: 'token' is (hidden); give it as @BotFather wrote it")
        if self._mode == "webhook" and not self._secret:
            raise BadSettings("telegram: set 'secret': without it, anyone could send posts")
        if self._mode == "poll" and not self._token and not channels:
            raise BadSettings("telegram: set 'token', or name public channels in 'preview'")

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One request for updates, then the previews that are due; or what is sent, until cut."""
        if self._mode == "webhook":
            sent = listen(self._context, self, host=self._host, port=self._port, path=self._path)
            async with contextlib.aclosing(sent) as steps:
                async for step in steps:
                    yield step
            return
        state = dict(mapping(cursor))
        async with http.Client(
            self._context,
            contact=self._contact,
            secrets=[self._token],
            seconds=self._timeout + self._wait,
        ) as client:
            if self._token:
                async for step in self._updates(client, state):
                    yield step
            async for step in self._previews.posts(client, state):
                yield step

    async def _updates(self, client: http.Client, state: dict[str, Any]) -> AsyncIterator[Step]:
        """Steps, `state` kept up to each."""
        now = http.current_time(self._context)
        asked, at = _time(state.get("asked")), _time(state.get("at"))
        if asked is not None and now - asked > _KEPT:
            begins = (now - _KEPT).isoformat()
            reason = "Telegram keeps updates for 24 hours"
            yield Step(gap=Gap(since=asked.isoformat(), until=begins, reason=reason))
        offset = count(state.get("offset"))
        if at is None or now - at > _RESTARTS:
            offset = None
        updates = await self._bot.updates(client, offset, self._wait)
        for run in _albums(self._settled(updates, now)):
            number = count(run[-1].get("update_id"))
            if number is not None:
                state.update(offset=number + 1, at=now.timestamp())
            for step in self._steps(_merged(run), f"telegram update {number}"):
                yield step
            yield Step(cursor=dict(state))
        state["asked"] = now.timestamp()
        yield Step(cursor=dict(state))

    def _settled(
        self, updates: Sequence[dict[str, Any]], now: datetime
    ) -> Sequence[dict[str, Any]]:
        """Without the album at the end that may still be arriving: it is asked for again."""
        last = album(message_of(updates[-1])[0]) if updates else ""
        begins = len(updates)
        while last and begins and album(message_of(updates[begins - 1])[0]) == last:
            begins -= 1
        if begins in (0, len(updates)) and len(updates) == PAGE:
            return updates
        sent = _time(message_of(updates[-1])[0].get("date")) if updates else None
        arriving = sent is not None and now - sent < _ARRIVING
        return updates[:begins] if last and (arriving or len(updates) == PAGE) else updates

    def _steps(self, update: dict[str, Any], place: str) -> list[Step]:
        """What an update holds: a post, a dead letter, or nothing."""
        message, edited = message_of(update)
        moved = message.get("migrate_to_chat_id")
        if moved is not None:
            self._context.on_note(f"telegram: a group became the supergroup {moved}")
        known = any(kind in update for kind in KINDS)
        if (known and not has_content(message) and _service(message)) or (not known and update):
            return []
        try:
            post = self._post(message, edited=edited)
        except ValueError as error:
            raw = msgspec.json.encode(update)
            return [unreadable(place, error, raw)]
        return [Step(post=post)] if post else []

    def _post(self, message: dict[str, Any], *, edited: bool) -> Post | None:
        """An album is one post, named by its first message: parts without words add nothing."""
        now, group, first = http.current_time(self._context), album(message), ""
        if group:
            first = self._albums.setdefault(group, key(message))
            if len(self._albums) > _MEMORY:
                self._albums.popitem(last=False)
            if first != key(message) and not message.get("caption"):
                return None
        return read(message, now, edited=edited, first=first)

    def receive(self, request: Request) -> Received:
        if request.method != "POST":
            return Received(Answer(405, headers={"allow": "POST"}))
        token = request.headers.get("x-telegram-bot-api-secret-token")
        if not self._secret or token is None or not same(self._secret, token):
            return refused(present=token is not None)
        return accepted(self, request)

    def read(self, request: Request) -> Sequence[Step]:
        update = mapping(json_body(request))
        return self._steps(update, request.path) if update else []

    def reread(self, raw: bytes) -> Post:
        """The post of an update that could not be read before. Raises `ValueError`."""
        message, edited = message_of(mapping(msgspec.json.decode(raw)))
        return read(message, http.current_time(self._context), edited=edited)


def _albums(updates: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The parts of an album that came together, together; others alone."""
    run: list[dict[str, Any]] = []
    for update in updates:
        message, edited = message_of(update)
        before = album(message_of(run[-1])[0]) if run else ""
        if run and (edited or not before or album(message) != before):
            yield run
            run = []
        run.append(update)
    if run:
        yield run


def _merged(run: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One update: the first of an album, with the words that one of its parts has."""
    first, _ = message_of(run[0])
    parts = (message_of(update)[0] for update in run)
    words = next((part for part in parts if part.get("caption")), first)
    if words is first:
        return run[0]
    kind = next(kind for kind in KINDS if kind in run[0])
    named = {name: words.get(name) for name in ("caption", "caption_entities")}
    return {**run[0], kind: {**first, **named}}


def _service(message: dict[str, Any]) -> bool:
    """A notice of Telegram's own: whole, but without words of anyone."""
    return bool(message.get("chat")) and message.get("date") is not None


def _channel(name: str) -> str:
    """`https://t.me/name`, `@name` and `name` are the same."""
    bare = name.rpartition("/")[2].removeprefix("@")
    if not bare.isascii() or not bare.replace("_", "").isalnum():
        raise BadSettings(f"telegram: 'preview' is {name!r:.80}; give names such as @durov_news")
    return bare


def _time(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        return None
    return datetime.fromtimestamp(value, UTC)
