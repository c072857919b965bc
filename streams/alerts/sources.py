"""Sources that stop: all mentions of a source, over all topics, judged as those of a topic are.

Only falls and silence are asked of a source, so that no mentions never mean that it is broken.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, cast

from msgspec.structs import replace

from streams.alerts.background import ALIVE, JUDGED_SECONDS
from streams.alerts.clock import Clock
from streams.alerts.engine import Engine, bucket
from streams.alerts.incidents import HOUR, Change, moment
from streams.alerts.records import BUCKET_SECONDS, SOURCE, Counts, Incident, Kind
from streams.alerts.telling import Teller
from streams.alerts.watching import Budget, Watching
from streams.store.port import Filter, Store, TopicCounts

_KINDS: Final[tuple[Kind, ...]] = ("silence", "volume-drop")
_PAST: Final = timedelta(days=30)
"""Longer than a source is looked at after its last mention, so that what began ends."""
_MOST: Final = 100
_STEP: Final = timedelta(seconds=BUCKET_SECONDS)
_AT_ONCE: Final = timedelta(days=30)


class Sources:
    """`engine` is one of its own: its topics are sources, named as in `Incident.subject`. `alive`
    is awaited between long works."""

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

    async def look(
        self, known: Collection[Incident], watching: Watching, budget: Budget, wall: datetime
    ) -> None:
        """At every source that had a mention in the last two weeks; `known` are the incidents of
        sources as they are stored, and the budget is that of the topics, who share it. Raises
        `StoreError`."""
        names = await self._names(known, wall)
        self._engine.incidents = {}
        self._engine.restore(replace(one, topic=one.subject, source="") for one in known)
        self._engine.budget = Budget(weekly=budget.weekly, topics=budget.topics + len(names))
        for name in names:
            self._engine.watching[SOURCE + name] = watching
            changes = await self._judged(name, wall)
            await self._teller.keep_all(
                Change(replace(one.incident, topic="", source=name), one.event)
                for one in changes
                if one.incident.kind in _KINDS
            )
            await self._alive()

    async def _names(self, known: Iterable[Incident], wall: datetime) -> list[str]:
        engine = {topic.removeprefix(SOURCE) for topic in self._engine.topics}
        lately = timedelta(days=1) if engine else ALIVE
        where = Filter(since=wall - lately, until=wall + lately)
        found = {one.value for one in await self._store.top(where, "source", limit=_MOST)}
        running = {one.source for one in known if one.resolved_at is None}
        return sorted((engine | found | running) - {""})

    async def _judged(self, name: str, wall: datetime) -> Sequence[Change]:
        key, now = SOURCE + name, self._clock.now()
        if key not in self._engine.topics:
            judged = self._engine.judged_from(key, now - JUDGED_SECONDS)
            counts = await self._counts(name, bucket(now - _PAST.total_seconds()), now)
            return await asyncio.to_thread(
                self._engine.load, key, counts, now, wall, judged_from=judged
            )
        since = self._engine.base(key)
        counts = dict.fromkeys(self._engine.buckets(key, since), Counts())
        counts |= await self._counts(name, since, now)
        changes = self._engine.advance(key, counts, now, wall) or []
        if self._engine.last(key) < now - HOUR:  # it has had no mention for long
            self._engine.forget(key)
        return changes

    async def _counts(self, name: str, since: float, now: float) -> dict[int, Counts]:
        found = await source_counts(self._store, name, moment(since), moment(now + HOUR))
        return {one.start // 1000: Counts(total=one.counts.total) for one in found}


async def source_counts(
    store: Store, source: str, since: datetime, until: datetime, *, step: timedelta = _STEP
) -> list[TopicCounts]:
    """The source's buckets over all topics that hold something, oldest first; no topic is named.
    `since` is the start of one. Raises `StoreError`."""
    found: list[TopicCounts] = []
    while since < until:
        end = min(until, since + _AT_ONCE)
        where = Filter(sources=(source,), since=since, until=end)
        found += [
            TopicCounts(
                "",
                round(one.start.timestamp() * 1000),
                Counts(one.total, one.pos, one.neg, one.neu, one.unscored),
            )
            for one in await store.over_time(where, step=step)
            if one.total
        ]
        since = end
    return found


class _SourceCounts:
    """Answers `Store.counts` of one source over all topics, whatever topics are asked for."""

    def __init__(self, store: Store, source: str) -> None:
        self._store = store
        self._source = source

    async def counts(
        self,
        _topics: Sequence[str],
        since: datetime,
        until: datetime,
        *,
        step: timedelta = _STEP,
        people: bool = True,
    ) -> list[TopicCounts]:
        return await source_counts(self._store, self._source, since, until, step=step)


def seen_by(store: Store, one: Incident) -> Store:
    """The store for what asks for the counts of an incident's topic alone: where the incident is
    about a source, it answers with those of the source."""
    return cast("Store", _SourceCounts(store, one.source)) if one.source else store
