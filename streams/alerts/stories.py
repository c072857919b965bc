"""Negative stories that many repeat within the hour and nobody told in the hours before.

Counts don't show them, and what is repeated now is no news when it is asked for later: so what was
found is kept in the store, by topic, for whoever judges the topic anew.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from streams.alerts.engine import Engine, bucket
from streams.alerts.incidents import HOUR, moment
from streams.alerts.readings import Reading
from streams.alerts.records import BUCKET_SECONDS
from streams.store.port import Store

STORY: Final = "alert-story"
"""The kind of these states; the key is the topic's id."""
_LEAST: Final = 10
_WINDOW: Final = HOUR
_BEFORE: Final = 24 * HOUR
_KEPT: Final = 14 * 24 * HOUR


class _Found(msgspec.Struct):
    """Posts that told it, by the start of the bucket at whose end they were counted (seconds)."""

    stories: dict[int, int] = {}


class Stories:
    """Those of all topics, in memory and in the store; `engine` is told of them."""

    def __init__(self, store: Store, engine: Engine) -> None:
        self._store = store
        self._engine = engine
        self._found: dict[str, dict[int, int]] = {}

    async def open(self) -> None:
        """Read what was found before. Raises `StoreError`."""
        for topic, state in (await self._store.states(STORY)).items():
            try:
                self._found[topic] = msgspec.convert(state, _Found, strict=False).stories
            except msgspec.ValidationError:
                continue  # of a version to come

    def recall(self, topic: str, since: float) -> None:
        """Tell the engine again, before it judges the topic from then on."""
        found = self._found.get(topic, {})
        self._engine.tell(topic, [_reading(at, n) for at, n in found.items() if at >= since])

    async def look(self, touched: Mapping[str, Iterable[int]]) -> None:
        """For new ones in the buckets that were written to. Raises `StoreError`."""
        if not touched:
            return
        ends = {topic: max(some) + BUCKET_SECONDS for topic, some in touched.items()}
        end = max(ends.values())
        topics = [topic for topic, last in ends.items() if last > end - _WINDOW]
        since = moment(end - _WINDOW)
        for one in await self._store.stories(topics, since, moment(end), least=_LEAST):
            before = await self._store.stories(
                [one.topic], moment(end - _BEFORE), since, least=max(2, one.total // 10)
            )
            if all(old.story != one.story for old in before):
                await self._keep(one.topic, bucket(ends[one.topic] - 1), one.total)

    async def _keep(self, topic: str, start: int, total: int) -> None:
        self._engine.tell(topic, [_reading(start, total)])
        known = self._found.get(topic, {})
        if known.get(start) == total:
            return
        found = {at: n for at, n in known.items() if at > start - _KEPT} | {start: total}
        await self._store.put_state(
            STORY, topic, {"stories": {str(at): n for at, n in found.items()}}
        )
        self._found[topic] = found


def _reading(start: int, total: int) -> Reading:
    return Reading(
        kind="story",
        start=start,
        buckets=_WINDOW // BUCKET_SECONDS,
        score=float(total) ** 0.5,
        observed=total,
        expected=0.0,
        high=_LEAST,
    )
