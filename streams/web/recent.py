"""Answers asked for a moment ago: asked once, however many pages are open."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Keeps each answer for `seconds`; who asks meanwhile waits for the same one. Errors are
    shared but not kept. Holds at most `most` answers, the oldest leaving first."""

    def __init__(
        self, seconds: float, *, most: int = 256, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._kept: dict[Hashable, tuple[float, asyncio.Future[T]]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        asked, answer = self._kept.get(key, (0.0, None))
        if answer is None or self._stale(asked, answer):
            answer = asyncio.ensure_future(make())
            self._keep(key, answer)
        return await asyncio.shield(answer)  # one impatient reader must not cancel the others'

    def forget(self, key: Hashable) -> None:
        """Ask anew the next time."""
        self._kept.pop(key, None)

    def _stale(self, asked: float, answer: asyncio.Future[T]) -> bool:
        if not answer.done():
            return False
        failed = answer.cancelled() or answer.exception() is not None
        return failed or self._clock() - asked > self._seconds

    def _keep(self, key: Hashable, answer: asyncio.Future[T]) -> None:
        self._kept.pop(key, None)
        self._kept[key] = (self._clock(), answer)
        while len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]
