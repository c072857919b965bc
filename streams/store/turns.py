"""Who may write beside whom: many together, or one alone, in the order in which they ask; and
never two the same thing."""

import asyncio
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager


class Turns:
    """Whoever goes alone waits for all that are inside, and lets nobody in before it is out."""

    def __init__(self) -> None:
        self._door = asyncio.Lock()
        self._inside = 0
        self._empty = asyncio.Event()
        self._empty.set()

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        async with self._door:
            self._inside += 1
            self._empty.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        async with self._door:
            await self._empty.wait()
            yield


class Queues:
    """Who has a key in common with others waits for those that asked before; nobody else does."""

    def __init__(self) -> None:
        self._inside: list[tuple[Set[str], asyncio.Event]] = []

    @asynccontextmanager
    async def behind(self, keys: Set[str]) -> AsyncIterator[None]:
        before = [done for others, done in self._inside if not keys.isdisjoint(others)]
        mine = (keys, asyncio.Event())
        self._inside.append(mine)
        try:
            for done in before:
                await done.wait()
            yield
        finally:
            self._inside.remove(mine)
            mine[1].set()
