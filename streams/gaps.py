"""Records that the broker dropped before they were read: noted in the store, for all to see.

Embedded, whoever waits for posts to be stored looks here too (`streams.durable`): a gap sends the
sources back to their saved cursors, so that what was dropped is read again.
"""

from typing import Any, Final

from connectors.post import utc_now
from streams.store.port import Store

KIND: Final = "gap"

GapStates = dict[str, dict[str, Any]]
"""By `topic/partition`: `lost` (records in all), `gaps` (how often), `before` (the offset after
the latest gap), `at`."""


class Gaps:
    """Adds up gaps by partition. A partition has one reader, so that nobody else writes its row."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def note(self, place: str, before: int, missed: int) -> None:
        """Returns once it is durable that so many records of `topic/partition` were dropped
        before this offset. Raises `StoreError`."""
        known = (await self._store.states(KIND)).get(place, {})
        state = {
            "lost": int(known.get("lost", 0)) + missed,
            "gaps": int(known.get("gaps", 0)) + 1,
            "before": before,
            "at": utc_now().isoformat(),
        }
        await self._store.put_state(KIND, place, state)


def lost(states: GapStates) -> int:
    """Records dropped in all."""
    return sum(int(state.get("lost", 0)) for state in states.values())
