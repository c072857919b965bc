"""Answers asked for a moment ago: asked once, however many pages are open."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from streams.errors import StoreError

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Recent(Generic[T]):
    """Keeps each answer for `seconds`, or as long as it took to make if that is longer, so that
    no more than half of the time is spent on making it; who asks meanwhile waits for the same one.
    Errors are shared but not kept. Holds at most `most` answers, the oldest leaving first."""

    def __init__(
        self, seconds: float, *, most: int = 256, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._kept: dict[Hashable, _Kept[T]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        kept = self._kept.get(key)
        if kept is None or self._stale(kept):
            kept = _Kept(asyncio.ensure_future(make()), self._clock)
            self._keep(key, kept)
        return await asyncio.shield(kept.answer)  # one impatient reader must not cancel the others'

    def forget(self, key: Hashable) -> None:
        """Ask anew the next time."""
        self._kept.pop(key, None)

    def forget_all(self) -> None:
        """Likewise, of everything."""
        self._kept.clear()

    def _stale(self, kept: "_Kept[T]") -> bool:
        answer = kept.answer
        if not answer.done():
            return False
        failed = answer.cancelled() or answer.exception() is not None
        return failed or self._clock() - kept.asked > max(self._seconds, 2 * kept.took)

    def _keep(self, key: Hashable, kept: "_Kept[T]") -> None:
        self._kept.pop(key, None)
        self._kept[key] = kept
        while len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]


class _Kept(Generic[T]):
    """An answer, when it was asked for, and the seconds it took."""

    def __init__(self, answer: asyncio.Future[T], clock: Callable[[], float]) -> None:
        self.answer = answer
        self.asked = clock()
        self.took = 0.0
        answer.add_done_callback(lambda _: self._done(clock()))

    def _done(self, now: float) -> None:
        self.took = now - self.asked


class Behind(Generic[T]):
    """Answers that take long and may be older: the last one is given at once, and asked anew
    behind the reader's back once it is older than `seconds`."""

    def __init__(
        self, seconds: float, *, most: int = 32, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._kept: dict[Hashable, tuple[float, T]] = {}
        self._asking: dict[Hashable, asyncio.Task[None]] = {}

    async def get(
        self, key: Hashable, make: Callable[[], Awaitable[T]], *, wait: float = 0.0
    ) -> T | None:
        """The last answer; where there is none, waits so many seconds for one, and is `None` after
        that. Errors of the store are logged, and it is asked again the next time."""
        asked, answer = self._kept.get(key, (0.0, None))
        if answer is None or self._clock() - asked > self._seconds:
            task = self._asking.get(key)
            if task is None:
                task = self._asking[key] = asyncio.create_task(self._ask(key, make))
                task.add_done_callback(lambda _: self._asking.pop(key, None))
            if answer is None:
                await asyncio.wait([task], timeout=wait)
        return self._kept.get(key, (0.0, None))[1]

    async def _ask(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> None:
        try:
            answer = await make()
        except StoreError as error:
            _log.warning("an answer stays as it was: %s", error)
            return
        self._kept.pop(key, None)
        self._kept[key] = (self._clock(), answer)
        while len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]

    async def aclose(self) -> None:
        """Stop asking."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
