"""One worker at a time: a lease in the store's states, renewed while its holder lives."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from streams.errors import StoreError
from streams.store.port import Store

LEASE: Final = "lease"
HOLDS: Final = timedelta(seconds=15)
_RELEASE_SECONDS: Final = 2.0
_SETTLES: Final = 1.5
"""Seconds after which two that took it at once both see who was the last."""


class Lease:
    """The right to do `name`. Two may believe for a moment that they have it: what they do must
    bear that. `gone` knows holders that are dead for sure."""

    def __init__(
        self,
        store: Store,
        name: str,
        holder: str,
        *,
        holds: timedelta = HOLDS,
        gone: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._store = store
        self._name = name
        self._holder = holder
        self._holds = holds
        self._gone = gone
        self.term = 0
        self.held = False
        self.value: dict[str, Any] = {}
        """What the holder before wrote, and what we write."""

    async def hold(self, now: datetime) -> bool:
        """Take or renew it. Raises `StoreError`."""
        told = (await self._store.states(LEASE)).get(self._name) or {}
        mine = told.get("holder") == self._holder
        free = is_over(told, now, self._holds) or self._gone(str(told.get("holder")))
        if not mine and not free:
            self.held = False
            return False
        if self.held and mine:
            return True
        self.term = _whole(told.get("term")) + 1
        self.value = {name: told[name] for name in told if name not in ("holder", "at", "term")}
        await self.renew(now)
        if not mine and told:
            await asyncio.sleep(_SETTLES)
            told = (await self._store.states(LEASE)).get(self._name) or {}
            self.held = told.get("holder") == self._holder
        else:
            self.held = True
        return self.held

    async def renew(self, now: datetime) -> None:
        """Write `value` and that we live."""
        state = {**self.value, "holder": self._holder, "at": now.isoformat(), "term": self.term}
        await self._store.put_state(LEASE, self._name, state, version=self.term)

    async def release(self) -> None:
        """Let the next one take it at once. Where the store does not answer it goes by time."""
        if not self.held:
            return
        self.held = False
        with contextlib.suppress(StoreError, TimeoutError):
            async with asyncio.timeout(_RELEASE_SECONDS):
                await self.renew(datetime(1970, 1, 1, tzinfo=UTC))


async def judged_through(store: Store) -> datetime:
    """Wall: all that was stored before has been judged. Long ago while nobody watches."""
    return through((await store.states(LEASE)).get("alerts") or {})


def through(told: Mapping[str, Any]) -> datetime:
    """The same, as the lease tells it."""
    try:
        return datetime.fromisoformat(str(told.get("through")))
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)


def is_over(told: Mapping[str, Any], now: datetime, holds: timedelta = HOLDS) -> bool:
    """Whether nobody holds a lease, by its state."""
    try:
        at = datetime.fromisoformat(str(told.get("at")))
        return not now - 2 * holds < at < now + holds or now - at > holds
    except (ValueError, TypeError):
        return True


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
