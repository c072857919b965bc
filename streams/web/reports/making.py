"""Reports made for pages: one after the other, and the same one once for all who ask in a while."""

import asyncio
from collections.abc import Sequence
from typing import Final

from connectors.post import utc_now
from streams.alerts.terms import own_words
from streams.criteria.topics import Topic
from streams.store.port import Count, Store
from streams.web.recent import Recent
from streams.web.reports.asked import Asked
from streams.web.reports.figures import Past, Report, brief, report

SECONDS: Final = 300.0
HEAD_SECONDS: Final = 30.0
PAST_SECONDS: Final = 1800.0
"""The time before is over: of it only labels and latecomers change anything."""
AT_ONCE: Final = 1


class Making:
    """The reports of one store."""

    def __init__(self, store: Store, topics: Sequence[Topic]) -> None:
        self._store = store
        self._topics = topics
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._kept: Recent[Report] = Recent(SECONDS, most=16)
        self._heads: Recent[Report] = Recent(HEAD_SECONDS, most=16)
        self._before: Recent[Count] = Recent(PAST_SECONDS, most=64)
        self._past: Recent[Past] = Recent(PAST_SECONDS, most=16)

    async def report(self, asked: Asked) -> Report:
        """Raises `StoreError`."""
        return await self._kept.get(asked, lambda: self._make(asked))

    async def brief(self, asked: Asked) -> Report:
        """Its head alone. Raises `StoreError`."""
        return await self._heads.get(
            asked, lambda: brief(self._store, asked, now=utc_now(), before=self._before)
        )

    async def _make(self, asked: Asked) -> Report:
        chosen = [topic for topic in self._topics if not asked.topics or topic.id in asked.topics]
        own = frozenset[str]().union(*map(own_words, chosen))
        async with self._turns:
            return await report(
                self._store,
                asked,
                now=utc_now(),
                own=own,
                before=self._before,
                past=self._past,
            )
