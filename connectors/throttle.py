"""Requests spread in time, for sources that count them by the second."""

import asyncio
import time
from collections import deque


class Throttle:
    """At most `calls` in any span of `seconds`: `await throttle.turn()` before each."""

    def __init__(self, calls: int, seconds: float = 1.0) -> None:
        self._last: deque[float] = deque(maxlen=calls)
        self._seconds = seconds

    async def turn(self) -> None:
        """Returns once a call may be made."""
        if len(self._last) == self._last.maxlen:
            rest = self._last[0] + self._seconds - time.monotonic()
            if rest > 0:
                await asyncio.sleep(rest)
        self._last.append(time.monotonic())
