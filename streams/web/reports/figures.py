"""Everything a report says, asked of the store: bounded questions, two at a time at most, so that
other pages find a reader free."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from streams.alerts import book
from streams.alerts.key_posts import read
from streams.alerts.records import SEVERITIES, Incident, KeyPost, Term
from streams.alerts.terms import Counted, count, new_terms
from streams.records import Mention, SentimentLabel
from streams.source_gaps import Shade, shades
from streams.store.port import Bucket, Count, Counts, Dimension, Filter, Store
from streams.web.incident_words import hidden
from streams.web.recent import Recent
from streams.web.reports.asked import Asked
from streams.web.reports.change import Share, negative
from streams.web.reports.days import Day, by_days, step_for, summed
from streams.web.reports.loudest import loudest
from streams.web.reports.stories import Told, stories

MOST_TOPICS: Final = 50
MOST_INCIDENTS: Final = 12
MOST_ROWS: Final = 12
SAMPLE: Final = 1_000
"""So many posts of each time are read for what is new in words."""
_TOPS: Final[tuple[Dimension, ...]] = ("topic", "author", "source", "lang")
_ONE_BUCKET: Final = timedelta(days=36_400)
_NOTHING: Final = Counts()


class Voice(msgspec.Struct, frozen=True, kw_only=True):
    """One topic's share of what was said, now and a period before. `reach` adds up the followers
    of each author once."""

    topic: str
    now: Count
    before: Count
    authors: int
    reach: int
    negative: Share


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All figures; `made` is when they were asked. Pairs are now, and a period before."""

    asked: Asked
    made: datetime
    now: Count
    before: Count
    negative: Share
    days: list[Day]
    gaps: list[Shade]
    incidents: list[Incident]
    incidents_total: int
    reach: tuple[int, int] = (0, 0)
    authors_count: tuple[int, int] = (0, 0)
    voices: list[Voice] = []
    stories: dict[SentimentLabel, list[Told]] = {}
    posts: list[KeyPost] = []
    authors: list[Count] = []
    sources: list[Count] = []
    langs: list[Count] = []
    terms: list[Term] = []

    @property
    def sampled(self) -> bool:
        """Whether words were read in a sample."""
        return self.now.total > SAMPLE


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What a report says of the time before: `people` are the counts of each topic."""

    people: dict[str, Counts]
    words: Counted


async def brief(
    store: Store, asked: Asked, *, now: datetime, before: Recent[Count] | None = None
) -> Report:
    """What stands at its head: a preview's worth. `before` keeps counts of times that are over.
    Raises `StoreError`."""
    step = step_for(asked.since, asked.until, asked.tz)
    buckets, old = await asyncio.gather(
        store.over_time(asked.where, step=step), _before(store, asked, before)
    )
    return await _head(store, asked, buckets, old, now)


async def _before(store: Store, asked: Asked, before: Recent[Count] | None) -> Count:
    past, kept = asked.before, before or Recent[Count](0.0)
    return await kept.get(past, lambda: store.count(past.where))


async def _head(
    store: Store, asked: Asked, buckets: Sequence[Bucket], old: Count, now: datetime
) -> Report:
    gaps, incidents = await shades(store, asked.since, asked.until), await _incidents(store, asked)
    shown = incidents[:MOST_INCIDENTS]
    days = by_days(buckets, asked.since, asked.until, asked.tz, shown)
    counted = summed(days)
    return Report(
        asked=asked,
        made=now,
        now=counted,
        before=old,
        negative=negative(counted, old),
        days=days,
        gaps=gaps,
        incidents=shown,
        incidents_total=len(incidents),
    )


async def report(
    store: Store,
    asked: Asked,
    *,
    now: datetime,
    own: Collection[str] = (),
    before: Recent[Count] | None = None,
    past: Recent[Past] | None = None,
) -> Report:
    """All of it. Raises `StoreError`. `own` are words by which the topics find their posts;
    `before` and `past` keep what was asked of times that are over."""
    step = step_for(asked.since, asked.until, asked.tz)
    found, whole = await asyncio.gather(
        store.facets(asked.where, step=step, by=_TOPS, limit=MOST_TOPICS),
        _before(store, asked, before),
    )
    head = await _head(store, asked, found.buckets, whole, now)
    topics = tuple(dict.fromkeys([*(one.value for one in found.tops["topic"]), *asked.topics]))
    kept = past or Recent[Past](0.0)
    old, (people, told, posts, words) = await asyncio.gather(
        kept.get(
            (asked.before, topics, frozenset(own)),
            lambda: _past(store, asked.before, topics, own),
        ),
        _rest(store, asked, topics, own),
    )
    voices = [_voice(one, people, old.people) for one in topics]
    return msgspec.structs.replace(
        head,
        reach=(sum(one.reach for one in voices), sum(one.reach for one in old.people.values())),
        authors_count=(
            sum(one.authors for one in voices),
            sum(one.authors for one in old.people.values()),
        ),
        voices=voices,
        stories=told,
        posts=posts,
        authors=found.tops["author"][:MOST_ROWS],
        sources=found.tops["source"][:MOST_ROWS],
        langs=found.tops["lang"][:MOST_ROWS],
        terms=await asyncio.to_thread(_new, words, old.words),
    )


async def _past(store: Store, before: Asked, topics: Sequence[str], own: Collection[str]) -> Past:
    return Past(
        people=await _people(store, topics, before), words=await _words(store, before.where, own)
    )


async def _rest(
    store: Store, asked: Asked, topics: Sequence[str], own: Collection[str]
) -> tuple[
    dict[str, Counts],
    dict[SentimentLabel, list[Told]],
    list[KeyPost],
    Counted,
]:
    """What is asked of this time, one question after the other."""
    people = await _people(store, topics, asked)
    return (
        people,
        await stories(store, asked, topics),
        await loudest(store, asked, topics, people.values()),
        await _words(store, asked.where, own),
    )


def _voice(topic: str, people: dict[str, Counts], past: dict[str, Counts]) -> Voice:
    now, before = people.get(topic, _NOTHING), past.get(topic, _NOTHING)
    one, old = _count(topic, now), _count(topic, before)
    return Voice(
        topic=topic,
        now=one,
        before=old,
        authors=now.authors,
        reach=now.reach,
        negative=negative(one, old),
    )


def _count(topic: str, counts: Counts) -> Count:
    return Count(
        value=topic,
        total=counts.total,
        pos=counts.pos,
        neg=counts.neg,
        neu=counts.neu,
        unscored=counts.unscored,
    )


async def _people(store: Store, topics: Sequence[str], asked: Asked) -> dict[str, Counts]:
    """Mentions, authors and their followers, each once, by topic: one bucket holds all of the
    time."""
    if not topics:
        return {}
    found = await store.counts(topics, asked.since, asked.until, step=_ONE_BUCKET)
    return {one.topic: one.counts for one in found}


async def _incidents(store: Store, asked: Asked) -> list[Incident]:
    """Those of this time, the gravest first. Others, which are many, are not even decoded."""
    first = asked.since.astimezone(UTC).isoformat()[:19]
    states = await store.states(book.INCIDENT)
    some = {key: one for key, one in states.items() if str(one.get("until", "")) >= first}
    found = [
        one
        for one in book.read(some)
        if (not asked.topics or one.topic in asked.topics)
        and not hidden(one)
        and one.began_at < asked.until
        and one.until >= asked.since
    ]
    return sorted(found, key=lambda one: (-SEVERITIES.index(one.severity), one.began_at))


async def _words(store: Store, where: Filter, own: Collection[str]) -> Counted:
    page = await store.search(where, limit=SAMPLE, order="sample")
    return await asyncio.to_thread(_counted, page.mentions, own)


def _counted(mentions: Sequence[Mention], own: Collection[str]) -> Counted:
    return count((one.story, one.terms) for one in (read(each, own) for each in mentions))


def _new(now: Counted, before: Counted) -> list[Term]:
    return new_terms(now, before, most=16) if before.posts else []
