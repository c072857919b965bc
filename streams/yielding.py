"""Live first: who writes the past into the store by the thousand lets what is new go before.

Such a writer asks for its turn before each batch. It waits while workers are behind, and rests as
long as its batch took, or longer where the store has become slower: so that at least half of the
store's time, and more when it is short, is the workers'. A crowd that never ends does not starve
it: a batch a while goes through. Where no worker lives, nobody is let go before.

For who writes into the store itself: workers need not have a broker that is reached, and nothing
of what is written is in their lag. Who sends through Kafka waits by offsets (`streams.holding`).
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from connectors.post import utc_now
from streams.accountant import lag_of
from streams.errors import StoreError
from streams.store.port import Store

MOST_BEHIND: Final = 1_000
"""Records, of posts and mentions, that workers may be behind before the past waits."""
LOOK_SECONDS: Final = 1.0
"""Workers tell their lag once a second."""
PATIENCE_SECONDS: Final = 30.0
"""After so long a batch goes through, however far behind workers are."""
LONGEST_REST: Final = 10.0
PIECE: Final = 250
"""Records written at once while a worker lives: a tenth of a second or two of the store's time."""
_REMEMBERED: Final = 40
"""Batches by which the store's usual speed is known."""
_SLOWER: Final = 2.0
"""Times the usual at which the store is taken to be short of time."""
_GROWTH: Final = 2.0
_MOST_RESTS: Final = 16.0

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Pace:
    """How long to rest after a batch, in times of what it took: pure.

    1 while the store is as quick as usual; doubled for each batch that took over twice the usual
    time a record, at most 16, and halved for each that did not.
    """

    def __init__(self) -> None:
        self._usual: deque[float] = deque(maxlen=_REMEMBERED)
        self.rests = 1.0

    def learn(self, seconds: float, records: int) -> float:
        """Seconds to rest after a batch that took so long."""
        each = seconds / max(1, records)
        usual = sorted(self._usual)[len(self._usual) // 4] if self._usual else each
        self._usual.append(each)
        if each > _SLOWER * usual:
            self.rests = min(_MOST_RESTS, self.rests * _GROWTH)
        else:
            self.rests = max(1.0, self.rests / _GROWTH)
        return min(LONGEST_REST, seconds * self.rests)


class Yielding:
    """The turns of one writer of the past."""

    def __init__(
        self,
        store: Store,
        *,
        most_behind: int = MOST_BEHIND,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._most = most_behind
        self._clock = clock
        self._sleep = sleep
        self._pace = Pace()
        self._rest = 0.0
        self._looked = float("-inf")
        self._behind: int | None = None
        self.waited = 0.0
        """Seconds, for who asks why it takes long."""

    @asynccontextmanager
    async def turn(self, records: int) -> AsyncIterator[None]:
        """Around the write of a batch of so many records."""
        await self._wait()
        began = self._clock()
        yield
        self._rest = self._pace.learn(self._clock() - began, records)

    async def pieces(self, records: Sequence[_T]) -> AsyncIterator[Sequence[_T]]:
        """The records in pieces, each to be written in a turn of its own: what is new never waits
        for more than one. All at once where no worker lives."""
        start = 0
        while start < len(records):
            size = PIECE if await self._lag() is not None else len(records)
            some = records[start : start + size]
            async with self.turn(len(some)):
                yield some
            start += size

    async def _wait(self) -> None:
        began = self._clock()
        if self._rest and await self._lag() is not None:
            await self._sleep(self._rest)
        while (await self._lag() or 0) > self._most:
            if self._clock() - began >= PATIENCE_SECONDS:
                _log.warning("workers are %s records behind; the past goes slowly", self._behind)
                break
            await self._sleep(LOOK_SECONDS)
        self.waited += self._clock() - began

    async def _lag(self) -> int | None:
        """Records that living workers are behind, as last told; `None` where none lives."""
        if self._clock() - self._looked >= LOOK_SECONDS:
            with contextlib.suppress(StoreError):  # the write itself says what is the matter
                told = lag_of(await self._store.states("worker"), utc_now())
                self._behind = None if told is None else sum(told.values())
            self._looked = self._clock()
        return self._behind
