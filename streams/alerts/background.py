"""Topics that nothing was written to since the watch began: their past is to be read, too.

That of the largest is read at once, that of the others little by little; until it is, their silence
is not noticed. Those without any mention for `ALIVE` are left out.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from streams.alerts.clock import LIVE
from streams.alerts.engine import bucket
from streams.alerts.touched import Spans
from streams.store.port import Filter, Store

ALIVE: Final = timedelta(days=14)
"""A topic is looked at for so long after its last mention."""
JUDGED_SECONDS: Final = 48 * 3600
"""So far back what is read for the first time is judged, so that what began is seen to begin."""
A_ROUND: Final = 10
_ASKED_AT_ONCE: Final = 200
_DAY: Final = timedelta(days=1)


class Background:
    """Topics that are to be read some time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unasked: list[str] = []
        self._alive: list[str] = []

    def add(self, topics: Iterable[str]) -> None:
        """Those of them that are alive."""
        self._unasked += topics

    def must(self, topics: Iterable[str]) -> None:
        """All of them: what goes on there is to end some time."""
        self._alive += topics

    async def next(self, known: Collection[str], wall: datetime) -> list[str]:
        """A round's worth of those not `known`, until they are `done`. Raises `StoreError`."""
        self._alive = [topic for topic in self._alive if topic not in known]
        if not self._alive and self._unasked:
            some = self._unasked[:_ASKED_AT_ONCE]
            self._alive = await self._living([one for one in some if one not in known], wall)
            del self._unasked[:_ASKED_AT_ONCE]
        return self._alive[:A_ROUND]

    def done(self, topic: str) -> None:
        """It was read, whatever was found."""
        self._alive = [one for one in self._alive if one != topic]

    async def _living(self, topics: list[str], wall: datetime) -> list[str]:
        if not topics:
            return []
        since, until = wall - ALIVE, wall + _DAY
        found = await self._store.counts(topics, since, until, step=_DAY, people=False)
        return list(dict.fromkeys(one.topic for one in found if one.counts.total))


async def largest(store: Store, judged: int, wall: datetime, *, limit: int) -> Spans:
    """Topics with most mentions of late, from the bucket on up to which somebody has `judged`.
    Raises `StoreError`."""
    now = bucket(wall.timestamp())
    first = min(max(judged, now - JUDGED_SECONDS), now)
    lately = Filter(since=wall - ALIVE, until=wall + LIVE)
    found = await store.top(lately, "topic", limit=limit)
    return {one.value: {first, now} for one in found}


async def everything(store: Store, wall: datetime, *, limit: int) -> Spans:
    """Where nobody watched before: the last two days of topics that have any mention. Raises
    `StoreError`."""
    spans: Spans = {}
    until = wall + LIVE
    for found in await store.top(Filter(until=until), "topic", limit=limit):
        page = await store.search(Filter(topics=(found.value,), until=until), limit=1)
        for one in page.mentions:
            last = bucket(one.post.created_at.timestamp())
            spans[found.value] = {last - JUDGED_SECONDS, last}
    return spans
