"""Loud authors who are new to a topic: one who wrote about it before is no news.

Late posts may show so later. So it is remembered in which buckets somebody was new, and what was
written before such a bucket makes it be asked again.
"""

from typing import Final

from msgspec.structs import replace

from streams.alerts.hours import LOUD
from streams.alerts.incidents import moment
from streams.alerts.records import Counts
from streams.store.port import Filter, Store

_KEPT: Final = 14 * 86_400


class Newcomers:
    """Of every topic, the buckets of the last two weeks in which somebody was new."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._new: dict[str, set[int]] = {}

    def after(self, topic: str, start: int) -> set[int]:
        """Buckets later than that one in which somebody was new."""
        return {at for at in self._new.get(topic, ()) if at > start}

    async def only(self, found: dict[str, dict[int, Counts]]) -> dict[str, dict[int, Counts]]:
        """The counts, where `loudest` is left to those who are new. Raises `StoreError`."""
        for topic, counts in found.items():
            for start, one in counts.items():
                if one.followers < LOUD or not one.loudest:
                    continue
                before = Filter(topics=(topic,), author=one.loudest, until=moment(start))
                if (await self._store.search(before, limit=1)).mentions:
                    counts[start] = replace(one, loudest="")
                    self._new.get(topic, set()).discard(start)
                else:
                    self._note(topic, start)
        return found

    def _note(self, topic: str, start: int) -> None:
        known = self._new.get(topic, set())
        newest = max([start, *known])
        self._new[topic] = {at for at in {*known, start} if at > newest - _KEPT}
