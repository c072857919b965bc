"""The engine: counts in, changes of incidents out. Pure; nothing here knows a store or a clock.

The result depends on the counts as they are in the end, not on the order in which they came.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from streams.alerts.history import History
from streams.alerts.incidents import (
    AGAIN,
    HOUR,
    Change,
    Episode,
    Judged,
    Window,
    crises,
    episodes,
    reconcile,
)
from streams.alerts.readings import Reading
from streams.alerts.records import BUCKET_SECONDS, Counts, Incident
from streams.alerts.watching import Budget, Watching

MEMORY: Final = 60 * 86_400
"""Seconds of a topic's past that are read to know what is usual."""
SETTLED: Final = 7 * 86_400
"""Seconds after its end in which a crisis is judged again with what comes late."""
_USUAL: Final = Watching()


def bucket(seconds: float) -> int:
    """The start of the bucket of a time."""
    return int(seconds // BUCKET_SECONDS) * BUCKET_SECONDS


class Engine:
    """Histories and incidents of topics. One of these in a group works at a time."""

    def __init__(
        self,
        watching: Mapping[str, Watching] | None = None,
        *,
        budget: Budget = Budget(),
        windows: Sequence[Window] = (),
    ) -> None:
        self.watching = dict(watching or {})
        self.budget = budget
        self.windows = tuple(windows)
        self.incidents: dict[str, dict[str, Incident]] = {}
        """By topic and id."""
        self._histories: dict[str, History] = {}
        self._stories: dict[str, dict[int, Reading]] = {}

    def last(self, topic: str) -> int:
        """The last bucket of this topic that was read; 0 for none."""
        known = self._histories.get(topic)
        return known.last if known else 0

    def base(self, topic: str) -> int:
        """The first bucket of the topic that can be judged again."""
        return self._histories[topic].base

    def buckets(self, topic: str, since: int) -> list[int]:
        """Those that are known to hold something."""
        return [at for at in self._histories[topic].buckets if at >= since]

    def all(self) -> list[Incident]:
        """Every incident."""
        return [one for some in self.incidents.values() for one in some.values()]

    @property
    def topics(self) -> list[str]:
        """Those whose history is known."""
        return list(self._histories)

    def knows(self, topic: str, start: int) -> bool:
        """Whether this bucket can be judged again; else the topic is to be read from the store."""
        known = self._histories.get(topic)
        return known is not None and start >= known.base

    def restore(self, incidents: Iterable[Incident]) -> None:
        """What was told before."""
        for one in incidents:
            self.incidents.setdefault(one.topic, {})[one.id] = one

    def judged_from(self, topic: str, start: float) -> float:
        """From when on a topic is to be judged so that `start` is: an incident that goes on there
        is judged from its beginning."""
        for one in sorted(self._known(topic), key=lambda one: one.began_at, reverse=True):
            if one.status != "withdrawn" and one.until.timestamp() + 2 * AGAIN >= start:
                start = min(start, one.began_at.timestamp() - HOUR)
        return start

    def _known(self, topic: str) -> Iterable[Incident]:
        return self.incidents.get(topic, {}).values()

    def load(
        self,
        topic: str,
        counts: Mapping[int, Counts],
        now: float,
        wall: datetime,
        *,
        judged_from: float = 0,
    ) -> list[Change]:
        """All buckets of a topic's past (`MEMORY`), in place of what was known of it. What was
        before `judged_from` only tells what is usual."""
        first = min((at for at, one in counts.items() if one.total), default=None)
        if first is None:
            if topic not in self._histories:
                return []
            first = bucket(now)
        self._histories[topic] = History(first, bucket(judged_from))
        return self.advance(topic, counts, now, wall) or []

    def advance(
        self, topic: str, counts: Mapping[int, Counts], now: float, wall: datetime
    ) -> list[Change] | None:
        """These buckets of the topic hold this as of `now`, by the posts' own clock. `None` where
        some are older than what is kept: the topic is to be read from the store and `load`ed."""
        known = self._histories.get(topic)
        if known is None:
            return None
        watching = self.watching.get(topic, _USUAL)
        ring_at = self.budget.score(watching.sensitivity)
        if not known.take(counts, now, ring_at, watching):
            return None
        return self._changes(topic, known, now, ring_at, wall)

    def tell(self, topic: str, stories: Iterable[Reading]) -> None:
        """Stories that grow fast, which counts don't show: taken in at the next `advance`."""
        for one in stories:
            self._stories.setdefault(topic, {})[one.start] = one

    def forget(self, topic: str) -> None:
        """It is watched no more."""
        self._histories.pop(topic, None)

    def keep(self, change: Change) -> None:
        """A change that was made elsewhere, such as by a person."""
        one = change.incident
        self.incidents.setdefault(one.topic, {})[one.id] = one

    def _changes(
        self, topic: str, history: History, now: float, ring_at: float, wall: datetime
    ) -> list[Change]:
        found = crises(episodes(self._readings(topic, history)))
        known = self.incidents.get(topic, {})
        self._settle(topic, history, found)
        if not found and not known:
            return []
        judged = Judged(
            topic=topic, crises=found, since=history.judged_from, now=now, ring_at=ring_at
        )
        changes = list(reconcile(judged, known.values(), wall))
        for change in changes:
            self.keep(change)
        return changes

    def _settle(self, topic: str, history: History, found: Sequence[Episode]) -> None:
        """Crises that are over for a week are judged no more."""
        week = history.last - SETTLED
        start = min([week, *(one.began for one in found if one.last > week - 2 * AGAIN)])
        history.settle(start)
        told = self._stories.get(topic)
        if told and min(told) < start:
            self._stories[topic] = {at: one for at, one in told.items() if at >= start}

    def _readings(self, topic: str, history: History) -> Iterable[Reading]:
        told = self._stories.get(topic, {})
        for at in sorted({*history.readings, *told}):
            if any(window.covers(topic, at) for window in self.windows):
                continue
            yield from history.readings.get(at, ())
            if at in told:
                yield told[at]
