"""Which buckets of which topics were written to since somebody asked: kept in memory, cheaply."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from streams.alerts.records import BUCKET_SECONDS
from streams.records import Mention, Record

Spans = dict[str, set[int]]
"""Starts of buckets (seconds) by topic."""
_SHOWN: Final = 2_000
"""Buckets of a topic that are told one by one; of more, the first and the last."""


class Touched:
    """What the agents of one worker wrote: a set of pairs, the time of the newest post, and how
    many retractions, of which nobody knows what they touched."""

    def __init__(self) -> None:
        self._pairs: set[tuple[str, int]] = set()
        self.newest = 0.0
        """Of all posts that were written, by their own clock."""
        self.retractions = 0

    def note(self, records: Iterable[Record]) -> None:
        """About half a microsecond a record."""
        pairs, newest = self._pairs, self.newest
        for record in records:
            if type(record) is Mention:
                created = record.post.created_at.timestamp()
                pairs.add((record.topic, int(created // BUCKET_SECONDS)))
                newest = max(newest, created)
            else:
                self.retractions += 1
        self.newest = newest

    def take(self) -> Spans:
        """What was touched since the last time."""
        pairs, self._pairs = self._pairs, set()
        found: Spans = {}
        for topic, number in pairs:
            found.setdefault(topic, set()).add(number * BUCKET_SECONDS)
        return found


def told(spans: Mapping[str, set[int]]) -> dict[str, list[int]]:
    """Spans as another worker is told of them."""
    return {
        topic: sorted(some) if len(some) <= _SHOWN else [min(some), max(some)]
        for topic, some in spans.items()
    }


def heard(state: Mapping[str, Any]) -> Spans:
    """Spans as another worker told of them; what is odd is passed over."""
    spans = state.get("spans")
    if not isinstance(spans, dict):
        return {}
    return {
        topic: {at for at in some if isinstance(at, int)}
        for topic, some in spans.items()
        if isinstance(topic, str) and isinstance(some, list)
    }


def joined(spans: Spans, more: Mapping[str, set[int]]) -> None:
    """Add those."""
    for topic, some in more.items():
        spans.setdefault(topic, set()).update(some)
