"""The archive as the filter agent fills it: whatever is wrong with it is said and counted, and
never stops what becomes of posts."""

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from connectors.post import utc_now
from streams.archive.port import Archive, ArchiveError
from streams.errors import StoreError
from streams.store.erasures import KIND as ERASURE
from streams.store.erasures import Erasure
from streams.store.patience import states_in_time
from streams.store.port import Store

STATE: Final = "archive"
"""The kind of the state that tells what is not kept, under the key `missing`."""
KEY: Final = "missing"
PRUNE_SECONDS: Final = 60.0
ENOUGH: Final = 1_000
GATHER_SECONDS: Final = 0.05
"""Fewer posts than that wait so long for more: what is written together costs less."""
WARN_SECONDS: Final = 60.0

_log = logging.getLogger(__name__)


class Missing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Posts that the archive could not take, from `first` to `last`, and why the last of them."""

    posts: int = 0
    first: datetime | None = None
    last: datetime | None = None
    reason: str = ""

    def more(self, count: int, now: datetime, reason: str) -> "Missing":
        return Missing(
            posts=self.posts + count, first=self.first or now, last=now, reason=reason[:500]
        )


async def missing(store: Store) -> Missing:
    """What was told last. Raises `StoreError`."""
    return _read(await store.states(STATE))


def _read(states: dict[str, dict[str, Any]]) -> Missing:
    try:
        return msgspec.convert(states.get(KEY, {}), Missing)
    except msgspec.ValidationError:
        return Missing()


class Keeper:
    """One for each worker. Posts that come while some are written are written together next."""

    def __init__(self, archive: Archive, store: Store) -> None:
        self._archive = archive
        self._store = store
        self._waiting: list[bytes] = []
        self._turn = asyncio.Lock()
        self._missing: Missing | None = None
        self._erasures: list[Erasure] | None = None
        """Those of before the archive was there, until it knows them."""
        self._pruned = time.monotonic()
        self._warned = float("-inf")
        self._pruning: asyncio.Task[None] | None = None

    async def keep(self, posts: Sequence[bytes]) -> None:
        """Returns when they are kept, or counted as missing."""
        self._waiting += posts
        async with self._turn:
            if not self._waiting:
                return
            if len(self._waiting) < ENOUGH:
                await asyncio.sleep(GATHER_SECONDS)
            taken, self._waiting = self._waiting, []
            try:
                await self._tell_erasures()
                await self._archive.append(taken)
            except ArchiveError as error:
                await self._miss(len(taken), error)
        self._prune_in_time()

    async def close(self) -> None:
        if self._pruning:
            self._pruning.cancel()
            await asyncio.gather(self._pruning, return_exceptions=True)
        await self._archive.close()

    async def _tell_erasures(self) -> None:
        if self._erasures == []:
            return
        if self._erasures is None:
            known = await states_in_time(self._store, ERASURE)
            rows = [{"hash": key, **value} for key, value in known.items()]
            self._erasures = msgspec.convert(rows, list[Erasure])
        if self._erasures:
            await self._archive.erase(self._erasures)
        self._erasures = []

    async def _miss(self, count: int, error: ArchiveError) -> None:
        if self._missing is None:
            self._missing = _read(await states_in_time(self._store, STATE))
        self._missing = self._missing.more(count, utc_now(), str(error))
        if time.monotonic() - self._warned > WARN_SECONDS:
            self._warned = time.monotonic()
            _log.warning(
                "%d posts are not in the archive: %s. Mentions are stored as ever",
                self._missing.posts,
                error,
            )
        await self._store.put_state(STATE, KEY, msgspec.to_builtins(self._missing))

    def _prune_in_time(self) -> None:
        if time.monotonic() - self._pruned < PRUNE_SECONDS:
            return
        self._pruned = time.monotonic()
        if self._pruning is None or self._pruning.done():
            self._pruning = asyncio.create_task(self._prune())

    async def _prune(self) -> None:
        try:
            await self._archive.prune(utc_now())
        except (ArchiveError, StoreError) as error:
            _log.warning("nothing of the archive was forgotten: %s", error)
