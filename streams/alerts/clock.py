"""Time as the posts tell it: the wall clock's while they are news, their own in a replay."""

import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from streams.alerts.engine import bucket
from streams.alerts.records import BUCKET_SECONDS

LIVE: Final = timedelta(minutes=15)
"""Posts this young are news, and time passes by the wall clock; older ones are a replay, and it
passes by theirs."""


class Clock:
    """Seconds since the epoch. After `pause` seconds without any post the stream has ended."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._came = time.monotonic()
        self.newest = 0.0
        """Of all posts, by their own clock."""
        self.live = False

    def saw(self, starts: Iterable[float]) -> None:
        """Posts of these times. One from the future moves no clock."""
        wall = time.time()
        limit = wall + LIVE.total_seconds()
        self.newest = max([self.newest, *(at for at in starts if at <= limit)])
        if wall - self.newest < LIVE.total_seconds():
            self.live = True

    def note_arrival(self, began: float) -> None:
        """Something came in the round that began then, by `time.monotonic`."""
        self._came = began

    def paused(self, at: float) -> bool:
        """Whether nothing came for a while before that, by `time.monotonic`."""
        return at - self._came >= self._pause

    def now(self) -> float:
        """By the posts' own clock. When nothing comes any more, the last bucket is over."""
        if self.live:
            return time.time()
        if self.paused(time.monotonic()):
            return bucket(self.newest) + BUCKET_SECONDS
        return self.newest
