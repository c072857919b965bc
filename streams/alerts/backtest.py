"""What alarms a topic's own history would have sent: the engine, run over what is stored.

What shows in counts is replayed: spikes, drops, silence, grades, loud authors and rules. Stories
that grow fast are not: the store is not asked again for every hour of months.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, get_args

import msgspec

from streams.alerts.engine import MEMORY, Engine, bucket
from streams.alerts.hours import KNOWS_AFTER, LOUD
from streams.alerts.incidents import HOUR, Window, moment
from streams.alerts.records import BUCKET_SECONDS, Counts, Incident, Sensitivity
from streams.alerts.watching import Budget, Watching
from streams.store.paging import MAX_PAGE
from streams.store.port import Filter, Store, TopicCounts

SENSITIVITIES: Final[tuple[Sensitivity, ...]] = get_args(Sensitivity)
USUAL_SPAN: Final = timedelta(days=90)
LONGEST: Final = timedelta(days=730)
WEEK: Final = 7 * 86_400


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """A topic's buckets, some of them from before `since` so that it is known what was usual.
    Seconds; it is judged from `judged_from` on, which is later where the topic is young."""

    topic: str
    since: int
    until: int
    judged_from: int
    counts: Mapping[int, Counts]

    @property
    def weeks(self) -> float:
        """So many were judged."""
        return max(0, self.until - self.judged_from) / WEEK


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The alarms of one sensitivity, oldest first."""

    sensitivity: Sensitivity
    alarms: list[Incident]
    a_week: float


async def past(
    store: Store, topic: str, *, now: datetime, since: datetime | timedelta = USUAL_SPAN
) -> Past | None:
    """What is stored of a topic, up to its last mention; a span counts back from there. `None`
    where there is nothing. Raises `StoreError`."""
    last = await store.search(Filter(topics=(topic,), until=now), limit=1)
    if not last.mentions:
        return None
    until = bucket(last.mentions[0].post.created_at.timestamp()) + BUCKET_SECONDS
    first = until - since.total_seconds() if isinstance(since, timedelta) else since.timestamp()
    first = max(min(first, until), until - LONGEST.total_seconds())
    counts = await _counts(store, topic, first, until)
    oldest = min(counts, default=until)
    start = max(bucket(first), oldest)
    return Past(
        topic=topic,
        since=start,
        until=until,
        judged_from=min(until, max(start, oldest // HOUR * HOUR + KNOWS_AFTER * HOUR)),
        counts=counts,
    )


async def _counts(store: Store, topic: str, first: float, until: int) -> dict[int, Counts]:
    """Who wrote is asked for only where that is judged: it costs more."""
    split = moment(bucket(first) - 26 * HOUR)
    found = await store.counts([topic], moment(max(0.0, first - MEMORY)), split, people=False)
    found += await store.counts([topic], split, moment(until))
    return await _without_known_authors(store, topic, found)


async def _without_known_authors(
    store: Store, topic: str, found: Sequence[TopicCounts]
) -> dict[int, Counts]:
    """An author who wrote about the topic before is no news."""
    loud = {one.loudest for one in (row.counts for row in found) if one.followers >= LOUD}
    began = await _began(store, topic, sorted(loud - {""}))
    counts = {}
    for row in found:
        start, one = row.start // 1000, row.counts
        if began.get(one.loudest, start) < start:
            one = msgspec.structs.replace(one, loudest="")
        counts[start] = one
    return counts


async def _began(store: Store, topic: str, authors: Sequence[str]) -> dict[str, float]:
    """When each of them wrote about the topic first."""
    found: dict[str, float] = {}
    where = Filter(topics=(topic,))
    for at in range(0, len(authors), MAX_PAGE):
        firsts = await store.of_authors(where, authors[at : at + MAX_PAGE], order="oldest")
        found |= {author: one.post.created_at.timestamp() for author, one in firsts.items()}
    return found


def replayed(
    known: Past,
    watching: Watching,
    *,
    budget: Budget = Budget(),
    windows: Sequence[Window] = (),
) -> Answer:
    """The alarms it would have sent, watched like this: some 40 µs a bucket."""
    engine = Engine({known.topic: watching}, budget=budget, windows=windows)
    until = moment(known.until)
    engine.load(known.topic, known.counts, known.until, until, judged_from=known.judged_from)
    alarms = sorted(engine.all(), key=lambda one: (one.opened_at, one.id))
    a_week = len(alarms) / known.weeks if known.weeks else 0.0
    return Answer(sensitivity=watching.sensitivity, alarms=alarms, a_week=a_week)


def answers(
    known: Past,
    watching: Watching,
    *,
    budget: Budget = Budget(),
    windows: Sequence[Window] = (),
) -> dict[Sensitivity, Answer]:
    """Of every sensitivity, the lowest first."""
    found = {}
    for sensitivity in SENSITIVITIES:
        way = msgspec.structs.replace(watching, sensitivity=sensitivity)
        found[sensitivity] = replayed(known, way, budget=budget, windows=windows)
    return found
