"""What was written: here, by other workers, and before we watched; and when it is to be judged."""

import contextlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from streams.alerts.clock import Clock
from streams.alerts.touched import Spans, Touched, heard, joined, told
from streams.errors import StoreError
from streams.store.port import Filter, Store

REPLAY_SECONDS: Final = 20.0
"""A replay is judged when it pauses, or so long after: its partitions are read one before the
other, and what is not read yet is no silence."""
TOUCHED: Final = "touched"
"""The kind of states by which workers tell the one that watches what they wrote."""
_RECOVERED: Final = 1_000
_WHOLE_EVERY: Final = 30


class Inflow:
    """Spans wait `again` seconds and are then due for a second time: a search engine shows what was
    written after a moment only."""

    def __init__(
        self, store: Store, touched: Touched, holder: str, clock: Clock, *, again: float
    ) -> None:
        self._store = store
        self._touched = touched
        self._holder = holder
        self._clock = clock
        self._again = again
        self._heard: dict[str, Any] = {}
        self._pending: list[tuple[float, Spans]] = []
        self._retracted = False
        self._sequence = 0
        self.behind = False
        """Whether what was stored before the watch began waits to be judged."""

    def restart(self) -> None:
        """Nothing waits, and nobody was heard yet."""
        self._heard, self._pending, self.behind = {}, [], False

    async def pass_on(self, wall: datetime) -> None:
        """Tell the worker that watches. Raises `StoreError`."""
        spans = self._touched.take()
        if not spans:
            return
        self._sequence += 1
        known = heard((await self._store.states(TOUCHED)).get(self._holder) or {})
        recent = spans if self._sequence % _WHOLE_EVERY == 0 else known
        joined(recent, spans)
        state = {
            "at": wall.isoformat(),
            "number": self._sequence,
            "newest": self._touched.newest,
            "retractions": self._touched.retractions,
            "spans": told(recent),
        }
        await self._store.put_state(TOUCHED, self._holder, state)

    async def collect(self, more: Spans, began: float) -> None:
        """`more`, and what all workers wrote since the last time. Raises `StoreError`."""
        spans = await self._others()
        joined(spans, more)
        joined(spans, self._touched.take())
        if not spans:
            return
        self._clock.note_arrival(began)
        self._clock.saw([self._touched.newest, *_starts(spans)])
        self._touched.newest = min(self._touched.newest, self._clock.newest)
        self._pending += [(began - self._again, spans), (began, spans)]

    async def _others(self) -> Spans:
        spans: Spans = {}
        for name, state in (await self._store.states(TOUCHED)).items():
            stamp = (state.get("at"), state.get("number"))
            if name == self._holder or self._heard.get(name) == stamp:
                continue
            self._heard[name] = stamp
            joined(spans, heard(state))
            newest = state.get("newest")
            if isinstance(newest, int | float):
                self._touched.newest = max(self._touched.newest, float(newest))
            self._retracted |= bool(state.get("retractions"))
        return spans

    def add(self, spans: Spans, began: float) -> None:
        """These are due at once, and once. However old what they hold is, nothing counts as judged
        before (`behind`)."""
        if spans:
            self._clock.saw(_starts(spans))
            self._pending.append((began - self._again, spans))
            self.behind = True

    def due(self, began: float) -> Spans:
        """What is to be judged in the round that began then."""
        due: Spans = {}
        if (
            not self._clock.live
            and not self._clock.paused(began)
            and began - self.oldest(began) < REPLAY_SECONDS
        ):
            return due
        for at, spans in self._pending:
            if at + self._again <= began:
                joined(due, spans)
        self._pending = [one for one in self._pending if one[0] + self._again > began]
        self.behind = False
        return due

    def oldest(self, began: float) -> float:
        """Since when something waits, by `time.monotonic`; `began` where nothing does."""
        return min((at for at, _ in self._pending), default=began)

    @property
    def retracted(self) -> bool:
        """Whether something was taken back: retractions don't say what they touch."""
        return self._retracted or bool(self._touched.retractions)

    def forget_retractions(self) -> None:
        """All was counted anew."""
        self._retracted, self._touched.retractions = False, 0


async def stored_since(store: Store, cursor: str) -> Spans:
    """What was stored after that cursor of `Store.arrivals`. Deletions don't show."""
    touched = Touched()
    with contextlib.suppress(StoreError):  # the cursor of a store that was built anew
        while True:
            page = await store.arrivals(cursor, where=Filter(), limit=_RECOVERED)
            touched.note(page.mentions)
            cursor = page.cursor
            if len(page.mentions) < _RECOVERED:
                break
    return touched.take()


def _starts(spans: Spans) -> Iterable[int]:
    return (at for some in spans.values() for at in some)
