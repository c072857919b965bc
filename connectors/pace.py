"""Not more often than: a rest between two requests to one host."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping


class Pace:
    """At least `seconds` between two requests to a host. `asked` holds when each was asked last,
    in seconds since 1970, and may be kept in a cursor."""

    def __init__(
        self,
        seconds: float,
        clock: Callable[[], float],
        asked: Mapping[str, float] | None = None,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._seconds, self._clock, self._sleep = seconds, clock, sleep
        self.asked = dict(asked or {})

    async def turn(self, host: str, seconds: float = 0.0) -> None:
        """Wait until `host` may be asked, `seconds` after its last request where that is more."""
        rest = max(self._seconds, seconds)
        left = self.asked.get(host, -rest) + rest - self._clock()
        if left > 0:
            await self._sleep(min(left, rest))
        self.asked[host] = self._clock()
