"""Telling: a change is stored, then published, then handed on, then marked as told.

Whoever starts after a `kill -9` finds what is stored and not told, and tells it.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from streams.alerts import book
from streams.alerts.engine import Engine
from streams.alerts.incidents import Change, Event, OnChange, is_part
from streams.alerts.merging import merged, overlap, shared
from streams.alerts.records import Evidence, Incident
from streams.store.port import Filter, Store

_POSTS = 200

Publish = Callable[[Sequence[Incident]], Awaitable[None]]


class Explain(Protocol):
    """Why: computed from stored posts."""

    async def __call__(self, incident: Incident) -> Evidence: ...


class Teller:
    """Keeps what becomes of incidents, and tells each change at least once, under its version."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        publish: Publish,
        on_change: OnChange,
        explain: Explain | None,
    ) -> None:
        self._store = store
        self._engine = engine
        self._publish = publish
        self._on_change = on_change
        self._explain = explain
        self._told: dict[str, int] = {}
        self._untold: dict[str, Event] = {}

    async def open(self) -> None:
        """Read what was told before. Raises `StoreError`."""
        self._told = await book.told(self._store)

    def note(self, change: Change) -> None:
        """It is stored, by whomever."""
        if change.incident.version > self._told.get(change.incident.id, 0):
            self._untold.setdefault(change.incident.id, change.event)

    async def keep_all(self, changes: Iterable[Change]) -> None:
        """With their evidence, and merged with what the same posts tell. Raises `StoreError`."""
        for change in changes:
            await self.keep(await self._explained(change))
            if change.event in ("opened", "reopened"):
                await self._merge(change)

    async def _explained(self, change: Change) -> Change:
        told = change.event in ("opened", "grown") and change.incident.topic
        if self._explain is None or not told:
            return change
        evidence = await self._explain(change.incident)
        one = msgspec.structs.replace(change.incident, evidence=evidence)
        return Change(one, change.event)

    async def keep(self, change: Change) -> None:
        """What happened and was not told yet is not covered up by figures that change after it,
        but by the incident's becoming a part of another."""
        one = change.incident
        event = change.event
        if event == "updated" and not is_part(one):
            event = self._untold.get(one.id, event)
        self._untold[one.id] = event
        self._engine.keep(change)
        await book.keep(self._store, Change(one, event))

    async def _merge(self, change: Change) -> None:
        """Into another topic's incident that is told by the same posts; what opens again goes on
        with one that is not over."""
        one = change.incident
        for other in self._engine.all():
            over = change.event == "reopened" and other.resolved_at is not None
            if over or other.topic == one.topic or not overlap(one, other):
                continue
            if shared(await self._posts(one), await self._posts(other)):
                lead, part = sorted((one, other), key=lambda two: (two.opened_at, two.id))
                for each in merged(lead, part):
                    await self.keep(each)
                return

    async def _posts(self, one: Incident) -> list[str]:
        where = Filter(
            topics=(one.topic,),
            sentiments=("neg",) if one.kind == "negative-spike" else (),
            since=one.began_at,
            until=one.until,
        )
        page = await self._store.search(where, limit=_POSTS)
        return [mention.post.id for mention in page.mentions]

    async def tell(self) -> None:
        """Publish and hand on what was stored and not yet told, in order of their opening."""
        if not self._untold:
            return
        untold = [
            change
            for change in (await book.changes(self._store)).values()
            if change.incident.version > self._told.get(change.incident.id, 0)
        ]
        if not untold:
            return
        untold.sort(key=lambda change: (change.incident.opened_at, change.incident.id))
        await self._publish([change.incident for change in untold])
        for change in untold:
            await self._on_change(change.incident, change.event)
            await book.note_told(self._store, change.incident)
            self._told[change.incident.id] = change.incident.version
            self._untold.pop(change.incident.id, None)
