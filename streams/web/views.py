"""What the first page shows, asked of the store: one function from filters to a whole view."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from connectors.post import utc_now
from streams.alerts.records import Incident
from streams.criteria.topics import Topic
from streams.records import Mention
from streams.source_gaps import Shade, shades
from streams.store.port import Bucket, Count, Dimension, Filter, Order, Store
from streams.web import charts
from streams.web.cards import SAMPLE, Card, card
from streams.web.filters import AHEAD, Query, link
from streams.web.health import Health, health
from streams.web.incident_list import open_now

PAGE: Final = 50
PANEL: Final = 8
DEFAULT_PRESET: Final = "24h"
LATEST: Final = datetime.max.replace(tzinfo=UTC) - timedelta(hours=1)
EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
CHOICES_SPAN: Final = timedelta(days=7)
PANELS: Final[tuple[Dimension, ...]] = ("topic", "source", "author", "hashtag")
CHOICES: Final[tuple[Dimension, ...]] = ("topic", "lang", "source", "country")


class Choices(msgspec.Struct, frozen=True):
    """What there is to choose from in the whole store, most frequent first."""

    values: dict[str, list[str]] = {}

    def of(self, dimension: str) -> list[str]:
        return self.values.get(dimension, [])


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the page shows for one set of filters, whoever reads it."""

    query: Query
    preset: str
    fell_back: bool
    since: datetime
    until: datetime
    step: timedelta
    totals: Count
    buckets: Sequence[Bucket]
    gaps: list[Shade]
    """Stretches of time in which a source gave nothing."""
    mentions: list[Mention]
    older: str
    panels: Mapping[Dimension, list[Count]]
    health: Health
    incidents: list[Incident]
    arrivals: str
    now: datetime

    @property
    def chart(self) -> dict[str, Any]:
        """Mentions over time, in the language and zone of who reads it."""
        return charts.over_time(
            self.buckets, since=self.since, until=self.until, step=self.step, gaps=self.gaps
        )

    @property
    def cards(self) -> list[Card]:
        """The feed, likewise."""
        return [card(mention) for mention in self.mentions]

    @property
    def sample(self) -> bool:
        return any(mention.post.source == SAMPLE for mention in self.mentions) or any(
            count.value == SAMPLE for count in self.panels["source"]
        )


async def view(store: Store, query: Query, *, now: datetime) -> View:
    """Ask the store for all of it. A URL that names no period gets the last day, or all time
    where the last day has nothing. Raises `StoreError` for a broken cursor."""
    at = await store.arrivals("", where=query.where)  # before the rest: nothing falls in between
    preset = "" if query.timed else DEFAULT_PRESET
    now = query.as_of or now
    where = query.at(now, preset)
    found = await store.search(where, limit=PAGE, cursor=query.cursor)
    fell_back = bool(preset) and not found.mentions and not query.cursor
    if fell_back:
        preset, where = "all", query.where
        found = await store.search(where, limit=PAGE)
    newest = found.mentions[0].post.created_at if found.mentions and not query.cursor else None
    since, until = await window(store, where, now=now, newest=newest)
    step = charts.step_for(until - since)
    facets, health_now, incidents, gaps = await asyncio.gather(
        store.facets(within(where, since, until), step=step, by=PANELS, limit=PANEL),
        health(store, now=utc_now()),
        open_now(store),
        shades(store, since, until),
    )
    buckets = facets.buckets
    drawn_until = _drawn_until(buckets, until, step, now=now, ahead=where.until == now + AHEAD)
    return View(
        query=query,
        preset=query.preset or preset,
        fell_back=fell_back and bool(found.mentions),
        since=since,
        until=drawn_until,
        step=step,
        totals=total(buckets),
        buckets=buckets,
        gaps=gaps,
        mentions=found.mentions,
        older=_older(query, query.next_cursor(found.cursor, now), fell_back=fell_back),
        panels=facets.tops,
        health=health_now,
        incidents=incidents,
        arrivals=at.cursor,
        now=now,
    )


def _older(query: Query, cursor: str, *, fell_back: bool) -> str:
    """The link to the next page, or nothing at the end."""
    period = [("range", "all")] if fell_back else []
    return link([*query.pairs, *period, ("cursor", cursor)]) if cursor else ""


async def choices(store: Store, topics: Sequence[Topic]) -> Choices:
    """Values for the filter menus, of the last week that has any: whatever is filtered by, so that
    a choice never hides the others."""
    latest = await _edge(store, Filter(), "newest")
    since = latest - CHOICES_SPAN if latest and latest - EARLIEST > CHOICES_SPAN else None
    found = await asyncio.gather(*(store.top(Filter(since=since), by, limit=50) for by in CHOICES))
    values: dict[str, list[str]] = {
        by: [count.value for count in counts] for by, counts in zip(CHOICES, found, strict=True)
    }
    known = [*(topic.id for topic in topics), *values["topic"]]
    return Choices({**values, "topic": list(dict.fromkeys(known))})


async def window(
    store: Store, where: Filter, *, now: datetime, newest: datetime | None = None
) -> tuple[datetime, datetime]:
    """The stretch of time a filter covers, its open ends closed by the oldest and newest post, the
    latter asked for unless it is told.

    The end lies after every post that `where` matches, so that sums over it are complete.
    """
    since = where.since or await _edge(store, where, "oldest") or now - timedelta(days=1)
    until = where.until or newest or await _edge(store, where, "newest") or now
    if where.until is None and until < LATEST:
        until += timedelta(milliseconds=1)
    return since, max(until, min(since, LATEST) + timedelta(minutes=1))


def _drawn_until(
    buckets: Sequence[Bucket], until: datetime, step: timedelta, *, now: datetime, ahead: bool
) -> datetime:
    """Where the chart ends: a period back from now ends now, or after the last post dated ahead."""
    if not ahead:
        return until
    last = max((b.start for b in buckets if b.total), default=now)
    return max(now, last + step)


async def _edge(store: Store, where: Filter, order: Order) -> datetime | None:
    page = await store.search(where, limit=1, order=order)
    return page.mentions[0].post.created_at if page.mentions else None


def within(where: Filter, since: datetime, until: datetime) -> Filter:
    """The filter with both ends closed, no narrower than it was: there is no moment after the
    last one that could close the end behind a post dated there."""
    end = where.until or (until if until <= LATEST else None)
    return msgspec.structs.replace(where, since=where.since or since, until=end)


def total(buckets: Sequence[Bucket]) -> Count:
    """The buckets' sum: figures and chart can't disagree, and the store is asked once."""
    names = ("total", "pos", "neg", "neu", "unscored")
    return Count(value="", **{n: sum(getattr(b, n) for b in buckets) for n in names})
