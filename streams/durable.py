"""Embedded delivery: the broker forgets, so a post is safe only when the store has it."""

import asyncio

import msgspec

from connectors.account import Account
from connectors.base import Cursor
from connectors.errors import Retriable
from streams.broker import Topics
from streams.gaps import MISSED, GapStates, dropped
from streams.offsets import Progress
from streams.store.port import Store


class Stored:
    """`await Stored(...)()` returns when all that is in the broker now has reached the store.

    One round serves all who wait: a round that starts after they asked is followed to its end.
    Where records were dropped meanwhile it raises `Retriable`: nobody can tell whose they were,
    so that all who wait send their posts again.
    """

    def __init__(self, progress: Progress, topics: Topics, store: Store) -> None:
        self._progress = progress
        self._topics = topics
        self._store = store
        self._gaps: GapStates | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._round: asyncio.Task[None] | None = None

    async def __call__(self) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        if self._round is None or self._round.done():
            self._round = asyncio.create_task(self._rounds())
        await mine

    async def _rounds(self) -> None:
        while self._waiting:
            served, self._waiting = self._waiting, []
            try:
                await self.drained()
                await self._nothing_dropped()
            except Exception as error:  # noqa: BLE001  # handed to those who wait
                _settle(served, error)
            else:
                _settle(served, None)

    async def start(self) -> None:
        """Take note of the gaps there were before. Call it before anything is sent."""
        self._gaps = await self._store.states(MISSED)

    async def _nothing_dropped(self) -> None:
        """Agents note a gap before they commit past it, so that it shows here in time."""
        before, self._gaps = self._gaps or {}, await self._store.states(MISSED)
        if self._gaps != before:
            lost = dropped(self._gaps) - dropped(before)
            raise Retriable(
                f"{lost:,} records were dropped by the broker before they were read; "
                "what is not stored yet has to be read again"
            )

    async def drained(self) -> None:
        """Follow what is in the broker now through filter, index and dead letters."""
        for topic in (self._topics.posts, self._topics.mentions, self._topics.dead):
            await self._progress.reached(topic, await self._progress.ends(topic))


def _settle(served: list[asyncio.Future[None]], error: Exception | None) -> None:
    for one in served:
        if one.done():
            continue
        if error is None:
            one.set_result(None)
        else:
            one.set_exception(error)


class StoreCursors:
    """Cursors in the store, beside the posts they vouch for."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self, source: str) -> Cursor:
        return (await self._store.states("cursor")).get(source, {}).get("cursor")

    async def save(self, source: str, cursor: Cursor) -> None:
        await self._store.put_state("cursor", source, {"cursor": cursor})

    async def load_account(self, source: str) -> Account:
        kept = (await self._store.states("cursor")).get(source, {}).get("account")
        return msgspec.convert(kept, Account) if kept else Account()

    async def save_account(self, source: str, cursor: Cursor, account: Account) -> None:
        """Cursor and account are one document: both are kept, or neither."""
        kept = {"cursor": cursor, "account": msgspec.to_builtins(account)}
        await self._store.put_state("cursor", source, kept)
