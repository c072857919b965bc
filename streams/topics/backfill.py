"""What a topic would have caught: all kept posts through the real pipeline, newest first.

Mentions are the same ones that the filter agent would have made: a second time changes nothing.
They go to the workers of a broker that remembers, and straight into the store otherwise. What is
new goes first. Nobody is called for incidents of back then.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, Protocol

import msgspec

from connectors.post import Post, utc_now
from streams.alerts.past import note_past
from streams.archive.port import Archive
from streams.beside import Beside
from streams.criteria.matcher import Matcher
from streams.criteria.topics import Topic
from streams.errors import ConfigError, QueryError
from streams.pipeline import Pipeline
from streams.records import Mention, SentimentLabel
from streams.sentiment.scorer import Scorer
from streams.store.port import Store
from streams.topics.excerpts import Excerpt, excerpt
from streams.yielding import Yielding

MOST_DAYS: Final = 3_650
_CHUNK: Final = 250
_SAMPLES: Final = 10
_LEEWAY: Final = timedelta(hours=1)

State = Literal["waiting", "running", "done", "cancelled", "failed"]


class DayCount(msgspec.Struct):
    """Mentions of one day (UTC) by sentiment."""

    total: int = 0
    pos: int = 0
    neg: int = 0
    neu: int = 0
    unscored: int = 0


class Caught(msgspec.Struct, frozen=True):
    """One of the newest finds."""

    post: Excerpt
    sentiment: SentimentLabel


class Backfill(msgspec.Struct, kw_only=True):
    """A topic tried on the posts since a time, and how far that has come.

    `read` posts were looked at, of which `hits` met the topic. Where they were to be written,
    `stored` and `stale` are what the store said, and `sent` went to the broker. `last` is the post
    that was looked at last, `through` when it came in.
    """

    id: str
    topic: str
    since: datetime
    began: datetime
    store: bool = False
    by: str = ""
    state: State = "waiting"
    read: int = 0
    hits: int = 0
    stored: int = 0
    stale: int = 0
    sent: int = 0
    days: dict[str, DayCount] = {}
    samples: list[Caught] = []
    last: str = ""
    through: datetime | None = None
    ended: datetime | None = None
    error: str = ""

    @property
    def progress(self) -> float:
        """The share of the time that was looked at, in [0, 1]."""
        if self.state == "done":
            return 1.0
        if self.through is None:
            return 0.0
        whole = (self.began - self.since).total_seconds()
        return min(1.0, max(0.0, (self.began - self.through).total_seconds() / max(1.0, whole)))

    @property
    def over(self) -> bool:
        return self.state in ("done", "cancelled", "failed")


Tell = Callable[[Backfill], Awaitable[None]]


class Filler:
    """Reads one archive and writes to one store, and to the broker that `beside` leads to. `scorer`
    is made when it is first needed."""

    def __init__(
        self,
        archive: Archive,
        store: Store,
        scorer: Callable[[], Scorer],
        beside: Beside | None = None,
    ) -> None:
        self._archive = archive
        self._store = store
        self._scorer = scorer
        self._beside = beside
        self._yielding = Yielding(store)

    async def run(self, job: Backfill, topic: Topic, tell: Tell) -> None:
        """Do the job from where it is, changing it; `tell` hears of it after each batch.

        Raises `QueryError` for a query that can't be watched, `ArchiveError`, `StoreError`,
        `BrokerUnavailable`.
        """
        matcher = Matcher()
        matcher.add(topic)
        if reason := matcher.disabled.get(topic.id):
            raise QueryError(f"{topic.id} finds nothing: {reason}")
        pipeline = Pipeline(matcher, await asyncio.to_thread(self._scorer))
        job.state = "running"
        await self._note_past(job)
        async for posts in rest(job, self._archive):
            for start in range(0, len(posts), _CHUNK):
                some = posts[start : start + _CHUNK]
                mentions = await asyncio.to_thread(_judged, pipeline, some)
                await self._keep(job, mentions)
                job.read += len(some)
                job.last, job.through = some[-1].id, some[-1].collected_at
            await tell(job)
        await self._note_past(job)
        job.state, job.ended = "done", utc_now()

    async def _note_past(self, job: Backfill) -> None:
        if job.store:
            await note_past(self._store, f"backfill:{job.topic}", utc_now(), topic=job.topic)

    async def _keep(self, job: Backfill, mentions: Sequence[Mention]) -> None:
        _count(job, mentions)
        if not (job.store and mentions):
            return
        if self._beside is None or not self._beside.remembers:
            async with self._yielding.turn(len(mentions)):
                report = await self._store.write(mentions)
            job.stored += report.stored
            job.stale += report.stale
        if self._beside is not None:
            await self._beside.send(mentions)
            job.sent += len(mentions)


class Place(Protocol):
    """How far a reading has come: the post that was looked at last, and when it came in."""

    since: datetime
    last: str
    through: datetime | None


async def rest(job: Place, archive: Archive) -> AsyncIterator[Sequence[Post]]:
    """The posts that were not looked at yet."""
    waiting = job.last
    async for posts in archive.since(job.since):
        left: Sequence[Post] = posts
        if waiting:
            ids = [post.id for post in posts]
            before = job.through is not None and posts[-1].collected_at < job.through - _LEEWAY
            if waiting not in ids and not before:
                continue
            left = posts[ids.index(waiting) + 1 :] if waiting in ids else posts
            waiting = ""
        if left:
            yield left


def _judged(pipeline: Pipeline, posts: Sequence[Post]) -> list[Mention]:
    now = utc_now()
    made = (record for post in posts for record in pipeline.process(post, now))
    return [record for record in made if isinstance(record, Mention)]


def _count(job: Backfill, mentions: Sequence[Mention]) -> None:
    job.hits += len(mentions)
    for one in mentions:
        day = one.post.created_at.astimezone(UTC).date().isoformat()
        counts = job.days.setdefault(day, DayCount())
        counts.total += 1
        label = one.sentiment.label
        setattr(counts, label, getattr(counts, label) + 1)
        if len(job.samples) < _SAMPLES:
            job.samples.append(Caught(excerpt(one.post, one.lang, one.matched), label))


def since_of(days: int, now: datetime) -> datetime:
    """Raises `ConfigError` for days that are none."""
    if not 1 <= days <= MOST_DAYS:
        raise ConfigError(f"{days} days: not from 1 to {MOST_DAYS:,}. Remedy: 90")
    return now - timedelta(days=days)
