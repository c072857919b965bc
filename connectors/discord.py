"""Discord: messages of the channels that let your bot in, over its REST API.

Each channel is read forward by `after`; its latest hundred messages are looked at again in each
pass, which shows edits and deletions among them. See docs/connectors/discord.md.
"""

from collections.abc import AsyncIterator
from typing import Any, ClassVar, Final

import msgspec

from connectors import discord_messages, http
from connectors.base import Context, Cursor, Option, Spec, Step, unreadable
from connectors.discord_messages import Channel
from connectors.errors import ConnectorError, Fatal, Refused, Retriable
from connectors.fields import mapping, mappings
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Post
from connectors.text import line

_API: Final = "https://discord.com/api/v10"
_PAGE: Final = 100
_MOST_PAGES: Final = 100


class Discord:
    """Cursor: `{"channels": {id: {"last": id of the message read last, "window": {id of a message:
    when it was edited}}}, "turn": the channel read last}`."""

    spec: ClassVar[Spec] = Spec(
        name="discord",
        door="REST API, as a bot",
        sees="messages of the channels named; edits and deletions among each one's latest hundred",
        needs="a bot with the message content intent, invited by the server's owner",
        limits="told by each answer and obeyed; 50 requests a second over all",
        keyless=False,
        group="networks",
        access="owner",
        options=(
            Option("token", "Token of the bot.", required=True, secret=True),
            Option("channels", "Ids of channels and threads.", (), required=True),
            Option(
                "backfill", "How many of a channel's latest messages the first start reads.", 100
            ),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        poll_seconds=30.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._token = options.header("token")
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._base = options.url("base_url") or _API
        self._backfill = options.whole("backfill", 1, _PAGE)
        self._channels = options.numbers("channels")
        self._seen_channels: dict[str, Channel] = {}

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over every channel, after the one that the last pass ended with. Raises only
        where none could be read, or Discord asks to wait."""
        state = dict(mapping(mapping(cursor).get("channels")))
        errors: list[ConnectorError] = []
        async with http.Client(
            self._context,
            contact=self._contact,
            private={"authorization": f"Bot {self._token}"},
            secrets=[self._token],
            seconds=self._timeout,
        ) as client:
            for channel in self._turn(line(mapping(cursor).get("turn"))):
                try:
                    async for step, read in self._channel(
                        client, channel, mapping(state.get(channel))
                    ):
                        if read:
                            state = {**state, channel: read}
                        kept = {"channels": state, "turn": channel} if read else None
                        yield Step(step.post, step.dead, step.gap, kept)
                except Fatal as error:
                    errors.append(error)
                    self._context.on_note(str(error))
        if errors and len(errors) == len(self._channels):
            raise errors[0]

    def _turn(self, last: str) -> list[str]:
        """A pass that is cut short by a limit holds no channel back for good."""
        after = self._channels.index(last) + 1 if last in self._channels else 0
        return self._channels[after:] + self._channels[:after]

    async def _channel(
        self, client: http.Client, name: str, known: dict[str, Any]
    ) -> AsyncIterator[tuple[Step, dict[str, Any]]]:
        """Steps, with what the channel is then read up to where that changed."""
        last = line(known.get("last"))
        window = {str(key): str(value) for key, value in mapping(known.get("window")).items()}
        pages = 0
        if not last:
            page = await self._page(client, name, {"limit": str(self._backfill)})
        else:
            page = await self._page(client, name, {"limit": str(_PAGE), "after": last})
        channel = await self._place(client, name)
        while page:
            for message in page:
                step = self._step(channel, message)
                last = discord_messages.later(message.get("id"), last)
                window = _window(window, message)
                yield step, {"last": last, "window": window}
            pages += 1
            if len(page) < _PAGE or not known or pages >= _MOST_PAGES:
                break
            page = await self._page(client, name, {"limit": str(_PAGE), "after": last})
        if known and window:
            latest = await self._page(client, name, {"limit": str(_PAGE)})
            for step in self._changes(channel, window, latest):
                yield step, {}
            yield Step(), {"last": last, "window": window}
        elif not known and not last:
            # An empty channel: what comes next is read from its beginning.
            yield Step(), {"last": "0", "window": {}}

    def _changes(
        self, channel: Channel, window: dict[str, str], latest: list[dict[str, Any]]
    ) -> list[Step]:
        """What was edited or is missing among the latest; `window` then is as they are."""
        steps: list[Step] = []
        found = {line(message.get("id")): message for message in latest}
        if not found:  # so Discord answers who may not read a channel's history
            self._context.on_note(f"discord: channel {channel.id} shows no message any more")
            return []
        oldest = int(next(iter(found)) or 0) if len(latest) >= _PAGE else 0
        now = http.current_time(self._context)
        for name, edited in list(window.items()):
            message = found.get(name)
            if message is not None:
                if discord_messages.edited(message) != edited:
                    steps.append(self._step(channel, message))
                    window[name] = discord_messages.edited(message)
            elif int(name) >= oldest:
                steps.append(Step(post=discord_messages.deletion(channel, name, now)))
                del window[name]
            else:
                del window[name]
        return steps

    async def _page(
        self, client: http.Client, channel: str, params: dict[str, str]
    ) -> list[dict[str, Any]]:
        """Messages, oldest first."""
        page = await client.json(f"{self._base}/channels/{channel}/messages", params=params)
        if not isinstance(page, list):
            said = line(mapping(page).get("message"), limit=200) or "no list of messages"
            raise Retriable(f"discord: channel {channel} answered {said}")
        messages = mappings(page, 1_000)
        if page and not any(line(message.get("id")).isdigit() for message in messages):
            raise Retriable(f"discord: channel {channel} answered what are no messages")
        return sorted(messages, key=lambda message: discord_messages.order(message.get("id")))

    async def _place(self, client: http.Client, name: str) -> Channel:
        if name not in self._seen_channels:
            try:
                found = mapping(await client.json(f"{self._base}/channels/{name}"))
            except Refused:
                return Channel(name)
            self._seen_channels[name] = discord_messages.channel(name, found)
        return self._seen_channels[name]

    def _step(self, channel: Channel, message: dict[str, Any]) -> Step:
        place = f"discord channel {channel.id} message {line(message.get('id')) or '(without id)'}"
        try:
            now = http.current_time(self._context)
            return Step(post=discord_messages.post(channel, message, now))
        except ValueError as error:
            raw = msgspec.json.encode(message)
            return unreadable(place, error, raw)

    def reread(self, raw: bytes) -> Post:
        """The post of a message that could not be read before. Raises `ValueError`."""
        message = mapping(msgspec.json.decode(raw))
        place = Channel(line(message.get("channel_id")))
        post = discord_messages.post(place, message, http.current_time(self._context))
        if post is None:
            raise ValueError("the message is one of Discord's own")
        return post


def _window(window: dict[str, str], message: dict[str, Any]) -> dict[str, str]:
    """With this message too, where it is one that people write; at most the latest hundred."""
    name = line(message.get("id"))
    if not name.isdigit() or not discord_messages.is_written(message):
        return window
    return dict([*window.items(), (name, discord_messages.edited(message))][-_PAGE:])
