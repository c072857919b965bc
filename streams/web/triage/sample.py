"""Samples of topics: a frame that stays as it was set, and how far people have judged it."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Final

import msgspec

from connectors.post import Moment
from streams.errors import ConfigError
from streams.learning.precision import judged, relevance
from streams.records import Mention
from streams.store.port import Filter, Store

KIND: Final = "sample"
"""The kind of state that frames are kept as, by topic."""
DAYS: Final = (7, 30, 90)
MOST: Final = 2_000
"""Judgements of a sample that are counted: with them any share is known within two points."""
_PAGE: Final = 1_000


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What a sample of a topic is drawn from: its mentions of this time, hidden ones too."""

    topic: str
    since: Moment
    until: Moment
    by: str = ""

    @property
    def where(self) -> Filter:
        return Filter(topics=(self.topic,), since=self.since, until=self.until, hidden="any")


async def frame_of(store: Store, topic: str) -> Frame | None:
    """The topic's sample, if one was begun."""
    found = (await store.states(KIND)).get(topic)
    return msgspec.convert(found, Frame) if found else None


async def begin(store: Store, topic: str, days: int, *, by: str, now: datetime) -> Frame:
    """A new sample of the topic's last `days`; labels that fall into it count at once."""
    if days not in DAYS:
        raise ConfigError(f"days {days}: not a sample. Remedy: {', '.join(map(str, DAYS))}")
    made = Frame(topic=topic, since=now - timedelta(days=days), until=now, by=by)
    state: dict[str, Any] = msgspec.to_builtins(made)
    await store.put_state(KIND, topic, state)
    return made


async def relevances(store: Store, frame: Frame) -> list[bool]:
    """The judgements that count: of the sample's beginning, up to the first mention that nobody
    judged; at most 2,000."""
    found: list[bool] = []
    async for page in pages(store, frame.where):
        said = judged(page)
        found += said
        if len(said) < len(page) or len(found) >= MOST:
            break
    return found[:MOST]


async def second_looks(store: Store, frame: Frame, me: str, mine: set[str]) -> list[Mention]:
    """Mentions of the sample that others judged and I did not, in the sample's order; those of
    the beginning that counts, and at most so many pages of it."""
    found: list[Mention] = []
    read = 0
    async for page in pages(store, frame.where):
        said = list(takewhile(lambda one: relevance(one.label) is not None, page))
        found += [m for m in said if m.id not in mine and m.label and m.label.by != me]
        read += len(said)
        if len(said) < len(page) or read >= MOST:
            break
    return found


async def pages(store: Store, where: Filter) -> AsyncIterator[list[Mention]]:
    """The mentions in the order of samples, page by page."""
    cursor = ""
    while True:
        page = await store.search(where, limit=_PAGE, cursor=cursor, order="sample")
        yield page.mentions
        if not (cursor := page.cursor):
            return
