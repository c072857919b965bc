"""What the pages and the API of topics share: the topics, their file, previews, history."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import msgspec

from connectors.post import Post, utc_now
from streams.criteria.cost import costs
from streams.criteria.matcher import anchored
from streams.criteria.topics import Topic
from streams.errors import ConfigError, QueryError, StoreError, VeilleError
from streams.sentiment.scorer import build_scorer
from streams.settings import Sentiment, Settings
from streams.store.journal import EntryFilter
from streams.store.port import Store
from streams.topics.desk import Desk
from streams.topics.editing import Snapshot
from streams.topics.history import ACTIONS
from streams.topics.keeping import not_writable
from streams.topics.previews import POSTS, Previews, Where, of_mentions
from streams.web.recent import Behind
from streams.web.topics.backfills import Backfills
from streams.web.topics.live import Topics

COUNTS_SECONDS: Final = 15.0
EDITS_SECONDS: Final = 5.0
MOST_SHOWN: Final = 200
DAY: Final = timedelta(days=1)
_LOOKED_AT: Final = 1_000
_WRITABLE_SECONDS: Final = 2.0
_NO_FILE: Final = "No file of topics is known here. Remedy: start the pages with `veille web`"

_log = logging.getLogger(__name__)


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """A topic's mentions of the last 24 hours and 7 days."""

    day: int = 0
    week: int = 0
    negative: int = 0
    """Of the week."""
    days: list[int] = []
    """Of each of the last seven days (UTC), the oldest first."""


class Edited(msgspec.Struct, frozen=True):
    """When a topic was changed last, and by whom."""

    at: datetime
    by: str
    action: str


class Room:
    """One installation's topics. `archive` gives that of raw posts, where there is one;
    `settings` say how back-fills are scored, and where the broker is."""

    def __init__(
        self,
        store: Store,
        topics: Topics,
        *,
        archive: Callable[[], Any],
        settings: Settings | None = None,
    ) -> None:
        self.store = store
        self.topics = topics
        self.desk = Desk(topics.editor, store) if topics.editor else None
        self.previews = Previews(self._posts)
        sentiment = settings.sentiment if settings else Sentiment()
        scorer = partial(build_scorer, settings=sentiment)
        self.backfills = Backfills(store, topics, archive, scorer, settings)
        self._archive = archive
        self._volumes: Behind[dict[str, Volume]] = Behind(COUNTS_SECONDS)
        self._edits: Behind[dict[str, Edited]] = Behind(EDITS_SECONDS, most=1)
        self._states: dict[str, tuple[Topic, str, float]] = {}
        self._noticing: set[asyncio.Task[None]] = set()
        self._writable = (0.0, "")
        topics.on_change(self._heard)

    async def run(self) -> None:
        """Follow the file, until cancelled."""
        if self.desk is None:
            return
        await self.desk.start(self.topics.snapshot)
        with contextlib.suppress(StoreError):  # the store then has it at hand for who comes first
            await self._counted([topic.id for topic in self.topics[:MOST_SHOWN]])
        while True:
            await asyncio.sleep(1)
            try:
                await self.topics.refresh()
                await self.desk.history.flush()
            except (VeilleError, OSError):
                _log.exception("the file of topics is not followed for now")

    @property
    def keeps_posts(self) -> bool:
        """Whether there is an archive of raw posts."""
        return self._archive() is not None

    async def aclose(self) -> None:
        for task in self._noticing:
            task.cancel()
        await asyncio.gather(*self._noticing, return_exceptions=True)
        await self.previews.aclose()
        await self.backfills.aclose()
        await self._volumes.aclose()
        await self._edits.aclose()

    def the_desk(self) -> Desk:
        """Raises `ConfigError` where no file is known."""
        if self.desk is None:
            raise ConfigError(_NO_FILE)
        return self.desk

    def read_only(self) -> str:
        """Why topics can't be changed here, with the remedy; empty where they can."""
        if self.desk is None:
            return _NO_FILE
        if time.monotonic() - self._writable[0] > _WRITABLE_SECONDS:
            self._writable = (time.monotonic(), not_writable(self.desk.editor.path))
        return self._writable[1]

    def _heard(self, before: Snapshot, after: Snapshot) -> None:
        if self.desk is not None:
            task = asyncio.ensure_future(self.desk.noticed(before, after))
            self._noticing.add(task)
            task.add_done_callback(self._noticing.discard)

    async def _posts(self) -> tuple[Sequence[Post], Where]:
        archive = self._archive()
        if archive is not None:
            with contextlib.suppress(VeilleError):
                if found := await archive.latest(POSTS):
                    return found, "archive"
        return await of_mentions(self.store), "mentions"

    def with_queries(self, topic: Topic) -> Topic:
        """The topic with the sub-queries of the file."""
        return self.topics.with_queries(topic)

    def state(self, topic: Topic) -> tuple[str, float]:
        """Why a topic is not watched, or nothing; and the share of posts that it is tried on,
        guessed from its words."""
        known = self._states.get(topic.id)
        if known is None or known[0] is not topic:
            self._states[topic.id] = known = (topic, *_looked_at(topic))
        return known[1:]

    async def volumes(self, topics: Sequence[str]) -> dict[str, Volume]:
        """Of topics that have any mention of the last week."""
        key = tuple(topics)
        return await self._volumes.get(key, lambda: self._counted(key), wait=3.0) or {}

    async def _counted(self, topics: Sequence[str]) -> dict[str, Volume]:
        now = utc_now()
        hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        week, day = await asyncio.gather(
            self.store.counts(topics, now - 7 * DAY, now + DAY, step=DAY, people=False),
            self.store.counts(topics, hour - DAY, hour, step=timedelta(hours=1), people=False),
        )
        first = int((now - 6 * DAY).timestamp() // 86_400)
        rows: dict[str, list[Any]] = {}
        for one in week:
            rows.setdefault(one.topic, []).append(one)
        last = dict.fromkeys(rows, 0)
        for one in day:
            last[one.topic] = last.get(one.topic, 0) + one.counts.total
        return {topic: _volume(found, last.get(topic, 0), first) for topic, found in rows.items()}

    async def edits(self) -> dict[str, Edited]:
        """Of topics that were changed lately, the last change."""
        return await self._edits.get("", self._last_edits, wait=1.0) or {}

    async def _last_edits(self) -> dict[str, Edited]:
        page = await self.store.entries(EntryFilter(actions=ACTIONS), limit=_LOOKED_AT)
        found: dict[str, Edited] = {}
        for one in page.entries:
            found.setdefault(one.subject, Edited(one.at, one.by, one.action))
        return found


def _looked_at(topic: Topic) -> tuple[str, float]:
    try:
        anchored(topic)
    except QueryError as error:
        return str(error), 0.0
    return "", next((one.tried for one in costs([topic])), 0.0)


def _volume(found: Sequence[Any], last: int, first: int) -> Volume:
    days = [0] * 7
    for one in found:
        number = one.start // 86_400_000 - first
        if 0 <= number < 7:
            days[number] += one.counts.total
    return Volume(
        day=last,
        week=sum(one.counts.total for one in found),
        negative=sum(one.counts.neg for one in found),
        days=days,
    )
