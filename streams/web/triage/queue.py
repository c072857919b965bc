"""Pages of the queue, asked of the store: one function from an address to rows."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from connectors.post import utc_now
from streams.learning.judgements import LABEL, OPINION
from streams.store.journal import Entry, EntryFilter
from streams.store.port import Count, Filter, Page, Store
from streams.web.recent import Recent
from streams.web.triage.asked import DEFAULT_PRESET, TABS, Asked
from streams.web.triage.rows import QueueRow, rows
from streams.web.triage.sample import Frame, frame_of, second_looks

FIRST: Final = 50
COUNT_SECONDS: Final = 2.0
_MINE: Final = 1_000


class QueuePage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows in the order of the tab, and the opaque cursor of the next page (empty at the end).

    `total` is how many fit, on the first page alone. `preset` is the period that counts where the
    address names none. In the tabs `sample` and `opinion`, `frame` is what the sample is drawn
    from; without one, nobody has begun it.
    """

    rows: list[QueueRow]
    cursor: str = ""
    total: int | None = None
    preset: str = ""
    frame: Frame | None = None


class Queue:
    """Questions over one store; counts asked within a blink of each other are shared."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts: Recent[Count] = Recent(COUNT_SECONDS)

    async def page(
        self, asked: Asked, me: str, *, limit: int = FIRST, patience: float | None = None
    ) -> QueuePage:
        """One page for this person; without a total where counting takes longer than `patience`,
        in seconds. Raises `StoreError` for a broken cursor."""
        if asked.tab == "opinion":
            return await self._opinions(asked, me)
        frame = await self._frame(asked)
        if asked.tab == "sample" and frame is None:
            return QueuePage(rows=[])
        now = utc_now()
        preset = "" if asked.query.timed or not TABS[asked.tab].timed else DEFAULT_PRESET
        where = frame.where if frame else asked.where(now, me)
        found, total = await self._found(asked, where, limit, patience)
        if preset and not found.mentions and not asked.query.cursor:  # better old ones than none
            preset, where = "all", asked.where(now, me, "all")
            found, total = await self._found(asked, where, limit, patience)
        return QueuePage(
            rows=rows(found.mentions, reasons=asked.order == "worth"),
            cursor=asked.query.next_cursor(found.cursor, now),
            total=total,
            preset=preset or asked.query.preset,
            frame=frame,
        )

    async def _found(
        self, asked: Asked, where: Filter, limit: int, patience: float | None
    ) -> tuple[Page, int | None]:
        cursor = asked.query.cursor
        asking = self._store.search(where, limit=limit, cursor=cursor, order=asked.order)
        if cursor:
            return await asking, None
        found, counted = await asyncio.gather(asking, self._counted(where, patience))
        return found, counted if found.cursor else len(found.mentions)

    async def _counted(self, where: Filter, patience: float | None) -> int | None:
        try:
            return (await asyncio.wait_for(self.count(where), patience)).total
        except TimeoutError:
            return None

    def changed(self) -> None:
        """Somebody decided: what was counted before counts no more."""
        self._counts = Recent(COUNT_SECONDS)

    async def count(self, where: Filter) -> Count:
        """How many fit; who asks about the same minute within a blink shares the answer."""
        key = msgspec.structs.replace(where, since=_minute(where.since), until=_minute(where.until))
        return await self._counts.get(key, lambda: self._store.count(where))

    async def _frame(self, asked: Asked) -> Frame | None:
        if asked.tab != "sample" or not asked.topic:
            return None
        return await frame_of(self._store, asked.topic)

    async def _opinions(self, asked: Asked, me: str) -> QueuePage:
        """All at once: a sample that is judged has hundreds of mentions, not thousands."""
        frame = await frame_of(self._store, asked.topic) if asked.topic else None
        if frame is None:
            return QueuePage(rows=[])
        mine = await judged_by(self._store, frame.topic, me)
        found = await second_looks(self._store, frame, me, mine)
        return QueuePage(rows=rows(found, blind=True), total=len(found), frame=frame)


async def judged_by(store: Store, topic: str, me: str) -> set[str]:
    """The mentions of a topic that this person said something of, of late."""
    where = EntryFilter(actions=(LABEL, OPINION), by=me, topic=topic)
    return {entry.subject for entry in await latest(store, where, _MINE)}


async def latest(store: Store, where: EntryFilter, most: int) -> Sequence[Entry]:
    """Up to so many entries of the journal, newest first."""
    found: list[Entry] = []
    cursor = ""
    while len(found) < most:
        limit = min(1_000, most - len(found))
        page = await store.entries(where, limit=limit, cursor=cursor)
        found += page.entries
        if not (cursor := page.cursor):
            break
    return found


def _minute(moment: datetime | None) -> datetime | None:
    return moment.replace(second=0, microsecond=0) if moment else None
