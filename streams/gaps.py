"""Records that the broker dropped before they were read: one record of them in the store, for all
to see.

Agents note a gap before anything is committed past it. Embedded, whoever waits for posts to be
stored looks here too (`streams.durable`): a gap sends the sources back to their saved cursors, so
that what was dropped is read again.
"""

from typing import Any, Final

import msgspec

from connectors.post import utc_now
from streams.store.patience import states_in_time
from streams.store.port import Store

MISSED: Final = "missed"
"""The kind of the states that tell what was dropped, by `topic/partition`."""
KEPT: Final = 20

GapStates = dict[str, dict[str, Any]]
"""By `topic/partition`, a `Dropped` each."""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """The offsets from `first` on. `life` is the topic's: in another one they mean nothing."""

    first: int
    records: int
    at: str
    life: str = ""

    @property
    def end(self) -> int:
        return self.first + self.records


class Dropped(msgspec.Struct, kw_only=True):
    """All that was dropped of a partition: how many records, in how many gaps, and the latest."""

    records: int = 0
    count: int = 0
    gaps: list[Gap] = []


class Gaps:
    """Adds up gaps by partition. A partition has one reader, so that nobody else writes its row."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def note(self, place: str, before: int, missed: int, life: str = "") -> None:
        """Returns once it is durable that so many records of `topic/partition` were dropped
        before this offset. Waits while the store is away.

        A gap that is met again after a crash changes nothing, unless it has grown meanwhile.
        """
        kept = (await states_in_time(self._store, MISSED)).get(place, {})
        known = msgspec.convert(kept, Dropped, strict=False)
        gap = Gap(first=before - missed, records=missed, at=utc_now().isoformat(), life=life)
        told = with_gap(known, gap)
        if told is not known:
            await self._store.put_state(MISSED, place, msgspec.to_builtins(told))


def with_gap(known: Dropped, gap: Gap) -> Dropped:
    """With what is new of the gap; `known` itself where nothing is.

    What overlaps is the same gap: read again from what is committed, it may begin earlier and
    end later than before.
    """
    same = [one for one in known.gaps if _overlap(one, gap)]
    new = gap.records - sum(_overlap(one, gap) for one in same)
    if not new:
        return known
    first = min([gap.first, *(one.first for one in same)])
    end = max([gap.end, *(one.end for one in same)])
    whole = msgspec.structs.replace(gap, first=first, records=end - first)
    others = [one for one in known.gaps if one not in same]
    return Dropped(
        records=known.records + new,
        count=known.count + 1 - len(same),
        gaps=[*others, whole][-KEPT:],
    )


def _overlap(one: Gap, other: Gap) -> int:
    if one.life != other.life:
        return 0
    return max(0, min(one.end, other.end) - max(one.first, other.first))


def dropped(states: GapStates) -> int:
    """Records dropped in all."""
    return sum(by_topic(states).values())


def by_topic(states: GapStates) -> dict[str, int]:
    """Records dropped, topic by topic."""
    counts: dict[str, int] = {}
    for place, told in states.items():
        topic = place.rpartition("/")[0]
        counts[topic] = counts.get(topic, 0) + int(told.get("records") or 0)
    return counts
