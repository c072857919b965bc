"""Judging: buckets that were written to are asked of the store, given to the engine, and told."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

from streams.alerts.clock import Clock
from streams.alerts.engine import MEMORY, Engine, bucket
from streams.alerts.incidents import HOUR, moment
from streams.alerts.newcomers import Newcomers
from streams.alerts.records import BUCKET_SECONDS, Counts
from streams.alerts.stories import Stories
from streams.alerts.telling import Teller
from streams.alerts.touched import Spans
from streams.store.port import Store, TopicCounts

Buckets = dict[int, Counts]
"""By their start, in seconds."""


class Judge:
    """`alive` is awaited between long works, to say that we still watch."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        teller: Teller,
        clock: Clock,
        alive: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._engine = engine
        self._teller = teller
        self._clock = clock
        self._alive = alive
        self._stories = Stories(store, engine)
        self._newcomers = Newcomers(store)

    async def open(self) -> None:
        """Read what was found before. Raises `StoreError`."""
        await self._stories.open()

    async def judge(self, due: Spans, wall: datetime) -> None:
        """These buckets, and all that they change. Raises `StoreError`."""
        limit = max(time.time(), self._clock.newest) + HOUR
        due = {name: {at for at in some if at <= limit} for name, some in due.items()}
        anew: dict[str, set[int]] = {}
        known: dict[str, set[int]] = {}
        for topic, some in due.items():
            if some and topic in self._engine.watching:
                if self._engine.knows(topic, min(some)):
                    known[topic] = some
                else:
                    anew[topic] = some
        await self._stories.look(anew)
        for topic, some in anew.items():
            await self._load(topic, min(some), wall)
            await self._alive()
        recent = bucket(self._clock.newest) - HOUR
        young = {topic: some for topic, some in known.items() if min(some) >= recent}
        await self._advance(young, wall)
        await self._advance({t: some for t, some in known.items() if t not in young}, wall)

    async def _load(self, topic: str, start: int, wall: datetime) -> None:
        """A topic's whole past. Who wrote is asked for only where that is judged: it costs more."""
        judged = self._engine.judged_from(topic, start - HOUR)
        self._stories.recall(topic, judged)
        until = max(self._clock.now(), self._clock.newest, start) + HOUR
        split = moment(bucket(judged) - 26 * HOUR)
        first = moment(max(0.0, start - MEMORY))
        told_of = await self._store.counts([topic], first, split, people=False)
        told_of += await self._store.counts([topic], split, moment(until))
        counts = await self._newcomers.only({topic: _by_start(told_of)})
        changes = await asyncio.to_thread(
            self._engine.load, topic, counts[topic], self._clock.now(), wall, judged_from=judged
        )
        await self._teller.keep_all(changes)

    async def _advance(self, known: dict[str, set[int]], wall: datetime) -> None:
        if not known:
            return
        known = {
            topic: some | self._newcomers.after(topic, min(some)) for topic, some in known.items()
        }
        since = moment(min(min(some) for some in known.values()))
        until = moment(max(max(some) for some in known.values()) + BUCKET_SECONDS)
        found: dict[str, Buckets] = {
            topic: dict.fromkeys(some, Counts()) for topic, some in known.items()
        }
        for one in await self._store.counts(list(known), since, until):
            found[one.topic][one.start // 1000] = one.counts
        found = await self._newcomers.only(found)
        await self._stories.look(known)
        for topic, counts in found.items():
            changes = await asyncio.to_thread(
                self._engine.advance, topic, counts, self._clock.now(), wall
            )
            if changes is None:
                await self._load(topic, min(known[topic]), wall)
            else:
                await self._teller.keep_all(changes)

    async def pass_time(self, wall: datetime) -> None:
        """Over all topics: something may have stopped without a word."""
        for topic in self._engine.topics:
            now = self._clock.now()
            await self._teller.keep_all(self._engine.advance(topic, {}, now, wall) or [])
            if self._engine.last(topic) < now - HOUR:  # it has had no mention for long
                self._engine.forget(topic)

    async def recount(self, wall: datetime) -> None:
        """All topics, from the store: what was taken back does not say what it touched."""
        for topic in self._engine.topics:
            since = self._engine.base(topic)
            counts = dict.fromkeys(self._engine.buckets(topic, since), Counts())
            until = moment(self._clock.now() + HOUR)
            counts |= _by_start(await self._store.counts([topic], moment(since), until))
            counts = (await self._newcomers.only({topic: counts}))[topic]
            changes = self._engine.advance(topic, counts, self._clock.now(), wall)
            await self._teller.keep_all(changes or [])


def _by_start(found: Iterable[TopicCounts]) -> Buckets:
    return {one.start // 1000: one.counts for one in found}
