"""Live first, through Kafka: what is brought in waits while workers have something unread.

For who sends to the workers: what was sent is itself unread until it is judged, and offsets tell it
exactly, ten times a second. Who writes into the store beside the workers has nothing unread to go
by, and takes turns by time (`streams.yielding`).
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

from streams.offsets import Progress

MOST_UNREAD: Final = 2_000
"""Records that workers may be behind before more history is sent: less than a second of work, by
which a live post is late at the most."""
_LOOK_SECONDS: Final = 0.1
PATIENCE_SECONDS: Final = 20.0


class Hold:
    """Waits until the workers' group is behind by `most` records of these topics at the most.
    `note` hears of workers that read nothing."""

    def __init__(
        self,
        progress: Progress,
        topics: tuple[str, ...],
        note: Callable[[str], None],
        *,
        most: int = MOST_UNREAD,
    ) -> None:
        self._progress, self._topics, self._note, self._most = progress, topics, note, most

    async def wait(self) -> None:
        """Raises `BrokerUnavailable`."""
        least, since = -1, time.monotonic()
        while (unread := await self._unread()) > self._most:
            if least < 0 or unread < least:
                least, since = unread, time.monotonic()
            elif time.monotonic() - since > PATIENCE_SECONDS:
                self._note(
                    f"workers are {unread:,} records behind and read none: is one running? What "
                    "is brought in waits"
                )
                since = time.monotonic()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _unread(self) -> int:
        total = 0
        for topic in self._topics:
            ends, done = await self._progress.ends(topic), await self._progress.committed(topic)
            total += _behind(ends, done)
        return total


def _behind(ends: Mapping[int, int], done: Mapping[int, int]) -> int:
    return sum(max(0, end - done.get(partition, 0)) for partition, end in ends.items())
