"""Everything a report says, asked of the store: bounded questions, all at once."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from streams.alerts import book
from streams.alerts.key_posts import key_post, read
from streams.alerts.records import SEVERITIES, Incident, KeyPost, Term
from streams.alerts.terms import count, new_terms
from streams.records import Mention, SentimentLabel
from streams.source_gaps import Shade, shades
from streams.store.port import Count, Dimension, Filter, Store
from streams.web.incident_words import hidden
from streams.web.reports.asked import Asked
from streams.web.reports.change import Share, negative
from streams.web.reports.days import STEP, Day, by_days
from streams.web.views import total

MOST_TOPICS: Final = 50
MOST_INCIDENTS: Final = 12
MOST_STORIES: Final = 5
MOST_POSTS: Final = 8
MOST_ROWS: Final = 12
SAMPLE: Final = 1_000
"""So many posts of each time are read for what is new in words."""
_TOPS: Final[tuple[Dimension, ...]] = ("author", "source", "lang")
_ONE_BUCKET: Final = timedelta(days=36_400)
_HOUR: Final = timedelta(hours=1)


class Voice(msgspec.Struct, frozen=True, kw_only=True):
    """One topic's share of what was said, now and a period before. `reach` adds up the followers
    of each author once."""

    topic: str
    now: Count
    before: Count
    authors: int
    reach: int
    negative: Share


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A story: how many mentions tell it, and its first post of this time."""

    topic: str
    total: int
    post: KeyPost


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


async def brief(store: Store, asked: Asked, *, now: datetime) -> Report:
    """What stands at its head: a preview's worth. Raises `StoreError`."""
    buckets, old_buckets, gaps, incidents = await asyncio.gather(
        store.over_time(asked.where, step=STEP),
        store.over_time(asked.before.where, step=STEP),
        shades(store, asked.since, asked.until),
        _incidents(store, asked),
    )
    counted, before = total(buckets), total(old_buckets)
    shown = incidents[:MOST_INCIDENTS]
    return Report(
        asked=asked,
        made=now,
        now=counted,
        before=before,
        negative=negative(counted, before),
        days=by_days(buckets, asked.since, asked.until, asked.tz, shown),
        gaps=gaps,
        incidents=shown,
        incidents_total=len(incidents),
    )


async def report(store: Store, asked: Asked, *, now: datetime, own: Collection[str] = ()) -> Report:
    """All of it. Raises `StoreError`. `own` are words by which the topics find their posts."""
    where, past = asked.where, asked.before.where
    head, voices, stories, posts, tops, terms = await asyncio.gather(
        brief(store, asked, now=now),
        _voices(store, asked),
        _stories(store, asked),
        _posts(store, asked),
        _tops(store, where),
        _terms(store, where, past, own),
    )
    return msgspec.structs.replace(
        head,
        reach=(sum(one.reach for one, _ in voices), sum(old for _, (_, old) in voices)),
        authors_count=(sum(one.authors for one, _ in voices), sum(old for _, (old, _) in voices)),
        voices=[one for one, _ in voices],
        stories=stories,
        posts=posts,
        authors=tops["author"],
        sources=tops["source"],
        langs=tops["lang"],
        terms=terms,
    )


async def _voices(store: Store, asked: Asked) -> list[tuple[Voice, tuple[int, int]]]:
    """Each topic, the largest first, with its authors and reach of before."""
    before = asked.before
    now, old = await asyncio.gather(
        store.top(asked.where, "topic", limit=MOST_TOPICS),
        store.top(before.where, "topic", limit=MOST_TOPICS),
    )
    ids = list(dict.fromkeys([*(one.value for one in now), *asked.topics]))
    people, old_people = await asyncio.gather(
        _people(store, ids, asked), _people(store, ids, before)
    )
    counts, olds = ({one.value: one for one in each} for each in (now, old))
    found = []
    for topic in ids:
        one, past = (each.get(topic, Count(value=topic, total=0)) for each in (counts, olds))
        authors, reach = people.get(topic, (0, 0))
        voice = Voice(
            topic=topic,
            now=one,
            before=past,
            authors=authors,
            reach=reach,
            negative=negative(one, past),
        )
        found.append((voice, old_people.get(topic, (0, 0))))
    return found


async def _people(store: Store, topics: Sequence[str], asked: Asked) -> dict[str, tuple[int, int]]:
    """Authors and their followers, each once, by topic: one bucket holds all of the time."""
    if not topics:
        return {}
    found = await store.counts(topics, asked.since, asked.until, step=_ONE_BUCKET)
    return {one.topic: (one.counts.authors, one.counts.reach) for one in found}


async def _incidents(store: Store, asked: Asked) -> list[Incident]:
    """Those of this time, the gravest first."""
    found = [
        one
        for one in await book.incidents(store)
        if (not asked.topics or one.topic in asked.topics)
        and not hidden(one)
        and one.began_at < asked.until
        and one.until >= asked.since
    ]
    return sorted(found, key=lambda one: (-SEVERITIES.index(one.severity), one.began_at))


async def _stories(store: Store, asked: Asked) -> dict[SentimentLabel, list[Told]]:
    topics = await _topics(store, asked)
    tones: tuple[SentimentLabel, ...] = ("neg", "pos")
    found = await asyncio.gather(*(_told(store, asked, topics, tone) for tone in tones))
    return dict(zip(tones, found, strict=True))


async def _told(
    store: Store, asked: Asked, topics: Sequence[str], tone: SentimentLabel
) -> list[Told]:
    stories = await store.stories(topics, asked.since, asked.until, least=2, sentiment=tone)
    largest = stories[:MOST_STORIES]
    firsts = await asyncio.gather(
        *(
            store.search(
                msgspec.structs.replace(
                    asked.where, topics=(one.topic,), story=one.story, sentiments=(tone,)
                ),
                limit=1,
                order="oldest",
            )
            for one in largest
        )
    )
    return [
        Told(topic=one.topic, total=one.total, post=key_post(read(page.mentions[0], ()), one.total))
        for one, page in zip(largest, firsts, strict=True)
        if page.mentions
    ]


async def _posts(store: Store, asked: Asked) -> list[KeyPost]:
    """The latest of each author with most followers: those who were the loudest of an hour."""
    topics = await _topics(store, asked)
    found = await store.counts(topics, asked.since, asked.until, step=_HOUR) if topics else []
    followers: dict[str, int] = {}
    for one in found:
        name, many = one.counts.loudest, one.counts.followers
        if name and many:
            followers[name] = max(many, followers.get(name, 0))
    loudest = sorted(followers, key=lambda name: (-followers[name], name))[:MOST_POSTS]
    pages = await asyncio.gather(
        *(
            store.search(msgspec.structs.replace(asked.where, author=name), limit=1)
            for name in loudest
        )
    )
    return [key_post(read(page.mentions[0], ()), 1) for page in pages if page.mentions]


async def _topics(store: Store, asked: Asked) -> Sequence[str]:
    if asked.topics:
        return asked.topics
    return [one.value for one in await store.top(asked.where, "topic", limit=MOST_TOPICS)]


async def _tops(store: Store, where: Filter) -> dict[Dimension, list[Count]]:
    found = await asyncio.gather(*(store.top(where, by, limit=MOST_ROWS) for by in _TOPS))
    return dict(zip(_TOPS, found, strict=True))


async def _terms(store: Store, where: Filter, past: Filter, own: Collection[str]) -> list[Term]:
    now, before = await asyncio.gather(
        store.search(where, limit=SAMPLE, order="sample"),
        store.search(past, limit=SAMPLE, order="sample"),
    )
    return await asyncio.to_thread(_new, now.mentions, before.mentions, own)


def _new(now: Sequence[Mention], before: Sequence[Mention], own: Collection[str]) -> list[Term]:
    if not before:
        return []
    window, past = (
        count((one.story, one.terms) for one in (read(each, own) for each in some))
        for some in (now, before)
    )
    return new_terms(window, past, most=16)
