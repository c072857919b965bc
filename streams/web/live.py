"""New mentions to open pages, as server-sent events: one poll of the store however many look on.

A gate asks the store once per beat whether anything arrived at all; only then is each distinct
filter asked, once for all pages that share it. Every queue is bounded: who can't keep up is told to
fetch the page's parts anew, which is cheaper than what it missed.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any, Final

import msgspec
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from connectors.post import utc_now
from streams.errors import StoreError
from streams.records import Mention
from streams.store.port import Filter, Store
from streams.web.filters import PRESETS, Query
from streams.web.visitor import Visitor

BEAT: Final = 0.4
"""Seconds between two looks at the store."""
KEEP_ALIVE: Final = 15.0
BATCH: Final = 50
"""More new mentions than this in one beat are no feed any more: pages fetch their parts anew."""
QUEUE: Final = 32
MAX_CLIENTS: Final = 500
LONGEST_BACK_OFF: Final = 10.0

_log = logging.getLogger(__name__)

Render = Callable[[Mention, Query, Visitor], str]
"""A mention as HTML as one reads it, with links that add to the filters of the page it is for."""


def wants(query: Query, mention: Mention, now: datetime) -> bool:
    """Whether a mention lies in a period that moves; the store has looked at all else."""
    back = PRESETS.get(query.preset)
    return back is None or mention.post.created_at >= now - back


class _Channel:
    """One set of filters in one language and zone: where it has read to, and who listens."""

    def __init__(self, query: Query, visitor: Visitor) -> None:
        self.query = query
        self.visitor = visitor
        self.cursor = ""
        self.queues: set[asyncio.Queue[bytes | None]] = set()

    def send(self, message: bytes) -> None:
        for queue in self.queues:
            put(queue, message)


def put(queue: "asyncio.Queue[bytes | None]", message: bytes | None) -> None:
    """Never waits: a full queue is emptied and holds one order to fetch everything anew."""
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(event("refresh"))
    queue.put_nowait(message)


def event(name: str, data: Any = None, *, cursor: str = "") -> bytes:
    """One server-sent event. JSON keeps line ends out of the data."""
    head = f"id: {cursor}\n" if cursor.isprintable() and cursor else ""
    return f"{head}event: {name}\ndata: {msgspec.json.encode(data).decode()}\n\n".encode()


class Full(Exception):
    """More pages are open than the server will feed."""


class Client:
    """One open page. `leave` is safe to call twice."""

    def __init__(self, hub: "Hub", channel: _Channel, after: str) -> None:
        self._hub = hub
        self._channel = channel
        self._after = after
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE)
        channel.queues.add(self._queue)

    async def events(self) -> AsyncIterator[bytes]:
        """What was missed since `after`, then what comes, until the page or the server goes."""
        yield b"retry: 2000\n\n"
        yield await self._hub.missed(self._channel, self._after)
        while True:
            try:
                message = await asyncio.wait_for(self._queue.get(), KEEP_ALIVE)
            except TimeoutError:
                message = b": still here\n\n"
            if message is None:
                return
            yield message

    def leave(self) -> None:
        self._channel.queues.discard(self._queue)
        self._hub.forget(self._channel)

    def stop(self) -> None:
        put(self._queue, None)


class EventStream(StreamingResponse):
    """The response of a client, which it leaves whatever way the response ends."""

    def __init__(self, client: Client) -> None:
        super().__init__(
            client.events(),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._client.leave()


class Hub:
    """All open pages. The poller runs while there is one."""

    def __init__(self, store: Store, render: Render, *, most: int = MAX_CLIENTS) -> None:
        self._store = store
        self._render = render
        self._most = most
        self._channels: dict[tuple[Query, Visitor], _Channel] = {}
        self._clients: set[Client] = set()
        self._poller: asyncio.Task[None] | None = None
        self._seen = ""
        self._stopped = False

    @property
    def clients(self) -> int:
        return sum(len(channel.queues) for channel in self._channels.values())

    def join(self, query: Query, after: str, visitor: Visitor = Visitor()) -> Client:
        """A new page that has seen all up to `after`. Raises `Full`, also once stopped."""
        if self._stopped or self.clients >= self._most:
            raise Full
        channel = self._channels.setdefault((query, visitor), _Channel(query, visitor))
        client = Client(self, channel, after)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        return client

    def forget(self, channel: _Channel) -> None:
        if not channel.queues:
            self._channels.pop((channel.query, channel.visitor), None)

    def stop(self) -> None:
        """End every stream, now: a server that shuts down waits for its open responses."""
        self._stopped = True
        for channel in self._channels.values():
            for queue in channel.queues:
                put(queue, None)

    async def aclose(self) -> None:
        self.stop()
        if self._poller is not None:
            self._poller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poller

    async def missed(self, channel: _Channel, after: str) -> bytes:
        """What arrived after the cursor a page had; `refresh` where that is too much to tell.

        A new channel starts where this ends, so that nothing falls in between.
        """
        where = channel.query.where
        try:
            page = await self._store.arrivals(after, where=where, limit=BATCH)
            end = page.cursor if len(page.mentions) < BATCH else await self._end(where)
        except StoreError:
            return event("refresh")
        channel.cursor = channel.cursor or end
        return self._news(channel, page.mentions, end) or event("ready", cursor=end)

    async def _poll(self) -> None:
        failures = 0
        self._seen = ""
        while True:
            await asyncio.sleep(min(BEAT * 2**failures, LONGEST_BACK_OFF))
            if self._stopped or not self._channels:
                return
            try:
                await self._beat()
                if failures:
                    self._tell_all(event("refresh"))
                failures = 0
            except StoreError as error:
                failures += 1
                if failures == 1:
                    _log.warning("the live feed can't read the store: %s", error)
                    self._tell_all(event("away"))

    async def _beat(self) -> None:
        for channel in [c for c in self._channels.values() if not c.cursor]:
            channel.cursor = await self._end(channel.query.where)
            channel.send(event("refresh"))
        if not self._seen:
            self._seen = await self._end(Filter())
            await self._ask_all()
            return
        page = await self._store.arrivals(self._seen, where=Filter(), limit=1)
        if page.mentions:
            self._seen = await self._end(Filter())  # first: what comes now is seen next time
            await self._ask_all()

    async def _end(self, where: Filter) -> str:
        return (await self._store.arrivals("", where=where)).cursor

    async def _ask_all(self) -> None:
        for channel in list(self._channels.values()):
            await self._ask(channel)

    async def _ask(self, channel: _Channel) -> None:
        page = await self._store.arrivals(channel.cursor, where=channel.query.where, limit=BATCH)
        channel.cursor = page.cursor or channel.cursor
        if len(page.mentions) >= BATCH:
            channel.cursor = await self._end(channel.query.where)
        if news := self._news(channel, page.mentions, channel.cursor):
            channel.send(news)

    def _news(self, channel: _Channel, mentions: list[Mention], cursor: str) -> bytes:
        if len(mentions) >= BATCH:
            return event("refresh", cursor=cursor)
        now = utc_now()
        cards = [
            {"id": m.id, "html": self._render(m, channel.query, channel.visitor)}
            for m in mentions
            if wants(channel.query, m, now)
        ]
        return event("mentions", cards, cursor=cursor) if cards else b""

    def _tell_all(self, message: bytes) -> None:
        for channel in self._channels.values():
            channel.send(message)
