"""All that the overview shows, asked of the store: one question for the counts of all topics."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from streams.alerts import book
from streams.alerts.incidents import moment
from streams.alerts.records import Incident
from streams.alerts.terms import own_words
from streams.criteria.topics import Topic
from streams.source_gaps import Shade, shades
from streams.store.journal import EntryFilter
from streams.store.port import Filter, Store, TopicCounts
from streams.web import charts
from streams.web.coverage import Coverage, coverage, overall, still_failing
from streams.web.filters import AHEAD
from streams.web.health import Health, health
from streams.web.incident_list import ordered as gravest_first
from streams.web.incident_words import active, hidden, what
from streams.web.overview.asked import Asked
from streams.web.overview.news import News, news
from streams.web.overview.past import NOTHING, WEEK, WEEKS, Series, read_past, week_of_hours
from streams.web.overview.tiles import Known, Period, Tile, Wall, wall
from streams.web.overview.words import EDITS
from streams.web.recent import Behind, Recent
from streams.web.topics.live import live

TILES: Final = 12
ROWS: Final = 48
MOST_TOPICS: Final = 300
PAST_SECONDS: Final = 3600.0
NEWS_SECONDS: Final = 60.0
NAMES_SECONDS: Final = 60.0
OLDER_SECONDS: Final = 60.0
MOST_LOOKED_THROUGH: Final = 20_000
"""Mentions of the weeks before among which an author is looked for: a store may have to read all of
them for each."""
PATIENCE: Final = 0.08
"""Seconds that a page waits for what is worked out behind it, before it is shown without."""
MOST_EDITS: Final = 100
_LONG: Final = 120.0
DAY: Final = timedelta(days=1)


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on the page. `news` and `heat` are `None` until they are worked out; `rest` are
    topics beyond the tiles."""

    asked: Asked
    period: Period
    wall: Wall
    tiles: list[Tile]
    rest: list[Tile]
    left_out: int
    chart: dict[str, Any]
    gaps: list[Shade]
    marks: list[charts.Mark]
    incidents: list[Incident]
    news: News | None
    past_known: bool
    heat: list[list[float]] | None
    health: Health
    coverage: list[Coverage]
    covered: float | None
    arrivals: str
    now: datetime


class Overviews:
    """Overviews of one store. What takes long is kept, and asked anew behind the readers' backs."""

    def __init__(self, store: Store, topics: Sequence[Topic]) -> None:
        self._store = store
        self._live = live(topics)
        self._past: Behind[Mapping[str, Series]] = Behind(PAST_SECONDS, most=8)
        self._news: Behind[News] = Behind(NEWS_SECONDS)
        self._names: Behind[list[str]] = Behind(NAMES_SECONDS, most=1)
        self._older: Recent[list[TopicCounts]] = Recent(OLDER_SECONDS, most=16)

    @property
    def _topics(self) -> Mapping[str, Topic]:
        return self._live.by_id

    async def of(self, asked: Asked, *, now: datetime, zone: ZoneInfo) -> Overview:
        """Raises `StoreError`."""
        store = self._store
        at = await store.arrivals("", where=Filter(topics=asked.topics))
        topics = asked.topics or tuple(await self._all())
        period = _period(asked, now)
        told = asyncio.gather(
            self._counts(topics, period),
            self._days(topics, asked, now),
            book.lately(store, period.since),
            health(store, now=now),
            shades(store, period.since, now),
        )
        behind = asyncio.gather(
            self._read_past(topics, now),
            self._edits(topics, period),
            self._news.get(
                (topics, asked.preset), lambda: self._new(asked, topics, period), wait=PATIENCE
            ),
        )
        await asyncio.gather(told, behind)
        (counts, days, recent, state, found), (past, edits, new) = told.result(), behind.result()
        incidents = [one for one in recent if not hidden(one) and _of(one, topics, asked)]
        gaps = [*found, *still_failing(state.sources, now)]
        shown = wall(
            topics,
            asked,
            period,
            Known(
                counts=counts,
                days=days,
                past=past or {},
                incidents=[one for one in incidents if active(one)],
            ),
            drawn=TILES + ROWS,
        )
        marks = [*self._marks(incidents, period), *edits]
        covered = coverage(state.sources, gaps, period.since, now)
        return Overview(
            asked=asked,
            period=period,
            wall=shown,
            tiles=shown.tiles[:TILES],
            rest=shown.tiles[TILES : TILES + ROWS],
            left_out=max(0, len(topics) - TILES - ROWS)
            + (max(0, len(self._topics) - MOST_TOPICS) if not asked.topics else 0),
            chart=charts.over_time(
                shown.buckets,
                since=period.since,
                until=now,
                step=period.step,
                gaps=gaps,
                marks=marks,
            ),
            gaps=gaps,
            marks=marks,
            incidents=gravest_first(one for one in incidents if active(one)),
            news=new,
            past_known=past is not None,
            heat=week_of_hours(past, topics, zone, now) if past else None,
            health=state,
            coverage=covered,
            covered=overall(covered),
            arrivals=at.cursor,
            now=now,
        )

    async def _all(self) -> Sequence[str]:
        """Topics that are set or, where none is, those that have mentions."""
        if self._topics:
            return list(self._topics)[:MOST_TOPICS]
        return await self._names.get("", self._stored, wait=2.0) or []

    async def _stored(self) -> list[str]:
        return (await self._store.topics())[:MOST_TOPICS]

    async def _days(self, topics: Sequence[str], asked: Asked, now: datetime) -> dict[str, int]:
        """Mentions of the last 24 hours."""
        if asked.span == DAY:
            return {}
        found = await self._store.counts(topics, now - DAY, now + AHEAD, step=DAY, people=False)
        days = dict.fromkeys(topics, 0)
        for one in found:
            days[one.topic] += one.counts.total
        return days

    async def _new(self, asked: Asked, topics: Sequence[str], period: Period) -> News:
        known = (self._topics[one] for one in topics if one in self._topics)
        past = await self._read_past(topics, period.now, wait=_LONG)
        began = (period.since - WEEKS * WEEK).timestamp()
        before = sum(
            (past or {}).get(topic, NOTHING).sums(began, period.since.timestamp())[0]
            for topic in topics
        )
        return await news(
            self._store,
            topics,
            period.since,
            period.until,
            own=frozenset(word for topic in known for word in own_words(topic)),
            every=not asked.topics,
            look_up=past is not None and before <= MOST_LOOKED_THROUGH,
        )

    async def _read_past(
        self, topics: Sequence[str], now: datetime, *, wait: float = PATIENCE
    ) -> Mapping[str, Series] | None:
        every = tuple(await self._all())
        asked = every if set(topics) <= set(every) else tuple(topics)
        return await self._past.get(asked, lambda: read_past(self._store, asked, now), wait=wait)

    async def _counts(self, topics: Sequence[str], period: Period) -> list[TopicCounts]:
        """By step. Of long periods the steps that are over are kept for a while."""
        whole = period.now - period.since <= DAY
        width = period.step.total_seconds()
        cut = moment(period.now.timestamp() // width * width)
        if whole or cut <= period.since:
            return await self._ask(topics, period.since, period.until, period.step)
        older, newer = await asyncio.gather(
            self._older.get(
                (topics, period.step, cut),
                lambda: self._ask(topics, period.since, cut, period.step),
            ),
            self._ask(topics, cut, period.until, period.step),
        )
        return [*older, *newer]

    async def _ask(
        self, topics: Sequence[str], since: datetime, until: datetime, step: timedelta
    ) -> list[TopicCounts]:
        return await self._store.counts(topics, since, until, step=step, people=False)

    def _marks(self, incidents: Iterable[Incident], period: Period) -> list[charts.Mark]:
        return [
            charts.Mark(
                at=one.opened_at, kind="incident", subject=self._subject(one), text=what(one)
            )
            for one in incidents
            if period.since <= one.opened_at < period.until
        ]

    async def _edits(self, topics: Sequence[str], period: Period) -> list[charts.Mark]:
        """When one of these topics was changed, by the journal."""
        where = EntryFilter(actions=("topic.",), since=period.since, until=period.until)
        known = frozenset(topics)
        return [
            charts.Mark(
                at=one.at,
                kind="edit",
                subject=self._name(one.topic or one.subject),
                text=(EDITS.get(one.action) or one.action) + (f" ({one.by})" if one.by else ""),
            )
            for one in (await self._store.entries(where, limit=MOST_EDITS)).entries
            if (one.topic or one.subject) in known
        ]

    def _subject(self, one: Incident) -> str:
        return self._name(one.topic) if one.topic else one.source

    def _name(self, topic: str) -> str:
        known = self._topics.get(topic)
        return known.name or known.id if known else topic

    async def aclose(self) -> None:
        for one in (self._past, self._news, self._names):
            await one.aclose()


def _of(one: Incident, topics: Sequence[str], asked: Asked) -> bool:
    """Those of a source are of every topic, unless some were chosen."""
    return one.topic in topics or (bool(one.source) and not asked.topics)


def _period(asked: Asked, now: datetime) -> Period:
    return Period(
        since=now - asked.span, now=now, until=now + AHEAD, step=charts.step_for(asked.span)
    )
