"""The questions of an assistant, asked of the store: bounded answers, and errors with a remedy."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import Final

from connectors.post import utc_now
from streams.alerts import book
from streams.alerts.deeds import deeds, find
from streams.criteria.topics import Topic
from streams.errors import VeilleError
from streams.mcp.answers import (
    Counted,
    Course,
    Explained,
    Found,
    Incidents,
    Matched,
    Missing,
    Ranked,
    Spoke,
    Topics,
    Watched,
)
from streams.mcp.telling import TEXT, WHOLE, Story, cleaned, happened, storied, told, valued
from streams.records import Mention, Sentiment
from streams.sentiment.scorer import Scorer, build_scorer
from streams.settings import Sentiment as SentimentSettings
from streams.store.port import Count, Dimension, Filter, Order, Store
from streams.web import filters, incident_list
from streams.web.api import step_of
from streams.web.incident_notes import notes
from streams.web.posts.matches import Judged, TopicVerdict, judged, language_of, verdict
from streams.web.views import window, within

Given = Mapping[str, object]
"""Filters by name, as the address of a page has them: a text, a number or a list of texts."""

MOST: Final = 25
"""Mentions or incidents of one answer."""
MOST_VALUES: Final = 100
MOST_BUCKETS: Final = 400
_TOPICS: Final = 200
_QUERY: Final = 1_000
_LATELY: Final = timedelta(days=7)


class Unanswerable(VeilleError):
    """A question that can't be answered as it is asked; the message has the remedy."""


class Questions:
    """Over one store. `topics` reads the topics as their file has them now."""

    def __init__(
        self,
        store: Store,
        topics: Callable[[], list[Topic]],
        sentiment: SentimentSettings = SentimentSettings(),
    ) -> None:
        self._store = store
        self._topics = topics
        self._sentiment = sentiment

    @cached_property
    def _scorer(self) -> Scorer:
        return build_scorer(settings=self._sentiment)

    async def search(
        self, given: Given, *, limit: int, order: Order = "newest", cursor: str = ""
    ) -> Found:
        """Raises `VeilleError`, as all questions do."""
        query = await self._query({**given, "cursor": cursor})
        now = utc_now()
        page = await self._store.search(
            query.at(now), limit=min(limit, MOST), cursor=query.cursor, order=order
        )
        shown = [told(one, TEXT) for one in page.mentions]
        return Found(mentions=shown, cursor=query.next_cursor(page.cursor, now))

    async def count(self, given: Given) -> Counted:
        return counted(await self._store.count(await self._where(given)))

    async def over_time(self, given: Given, *, step: str = "") -> Course:
        where = await self._where(given)
        since, until = await window(self._store, where, now=utc_now())
        span = until - since
        with _explained():
            width = step_of({"step": step}, span)
        if span / width > MOST_BUCKETS:
            raise too_many_steps(step)
        buckets = await self._store.over_time(within(where, since, until), step=width)
        return Course(
            since=since,
            until=until,
            step_seconds=int(width.total_seconds()),
            buckets=[one for one in buckets if one.total],
        )

    async def top(self, given: Given, by: Dimension, *, limit: int) -> Ranked:
        where = await self._where(given)
        found = await self._store.top(where, by, limit=min(limit, MOST_VALUES))
        return Ranked(by=by, values=valued(found, by))

    async def incidents(self, given: Given, *, limit: int) -> Incidents:
        with _explained():
            which = incident_list.read(pairs(given))
        await self._check(which.topics)
        now, known = utc_now(), await book.incidents(self._store)
        fitting = incident_list.ordered(one for one in known if which.matches(one, now))
        shown = [happened(one) for one in fitting[: min(limit, MOST)]]
        return Incidents(total=len(fitting), incidents=shown)

    async def incident(self, incident_id: str) -> Story:
        one = await find(self._store, incident_id)
        if one is None:
            raise Unanswerable(
                f"{incident_id[:80]!r}: no such incident. Remedy: an id that `incidents` told"
            )
        acts, written = await asyncio.gather(deeds(self._store, one.id), notes(self._store, one.id))
        return storied(one, acts, written)

    async def topics(self) -> Topics:
        """The topics of the file, and those that only stored mentions have."""
        lately = await self._store.top(Filter(since=utc_now() - _LATELY), "topic", limit=1_000)
        return watched(self._topics(), await self._store.topics(), lately)

    async def explain(self, mention_id: str) -> Explained:
        mention = await self.mention(mention_id)
        topic = next((one for one in self._topics() if one.id == mention.topic), None)
        return await asyncio.to_thread(self._explained, mention, topic)

    async def mention(self, mention_id: str) -> Mention:
        found = await self._store.get(mention_id)
        if found is None:
            raise Unanswerable(
                f"{mention_id[:80]!r}: no such mention is stored. "
                "Remedy: an id that search_mentions told"
            )
        return found

    def _explained(self, mention: Mention, topic: Topic | None) -> Explained:
        lang = language_of(mention.post)
        if topic is None:
            tried = TopicVerdict(topic=mention.topic, error="the topic is watched no more")
        else:
            tried = verdict(mention.post, topic, lang)
        scored: Judged = judged(mention.post, lang, self._scorer, topic.target if topic else ())
        spoke = [
            Spoke(untrusted=cleaned(one.text, 60), weight=round(one.weight, 3))
            for one in scored.words
        ]
        return explained(mention, tried, scored.sentiment, spoke)

    async def _where(self, given: Given) -> Filter:
        return (await self._query(given)).at(utc_now())

    async def _query(self, given: Given) -> filters.Query:
        with _explained():
            query = filters.read(pairs(given))
        await self._check(query.where.topics)
        return query

    async def _check(self, asked: Sequence[str]) -> None:
        """A topic that nobody knows is told, rather than counted as nothing."""
        if not asked:
            return
        known = {topic.id for topic in self._topics()}
        if set(asked) <= known:
            return
        refuse_unknown(asked, known | set(await self._store.topics()))


def refuse_unknown(asked: Sequence[str], known: set[str]) -> None:
    """Raises `Unanswerable` for a topic that is not known."""
    for one in asked:
        if one not in known:
            names = ", ".join(sorted(known)[:20]) or "none is there yet"
            raise Unanswerable(f"topic {one[:80]!r}: unknown. Remedy: one of {names}")


def too_many_steps(step: str) -> Unanswerable:
    return Unanswerable(
        f"step {step!r}: makes more than {MOST_BUCKETS} buckets. "
        "Remedy: widen it, or narrow the period"
    )


def counted(found: Count) -> Counted:
    return Counted(
        total=found.total,
        pos=found.pos,
        neg=found.neg,
        neu=found.neu,
        unscored=found.unscored,
    )


def explained(
    mention: Mention, tried: TopicVerdict, scored: Sentiment, spoke: Sequence[Spoke]
) -> Explained:
    """A mention whole, how its topic judges it, and its sentiment with the words that made it."""
    return Explained(
        mention=told(mention, WHOLE),
        met=tried.met,
        words=[Matched(untrusted=cleaned(word, 60)) for word in tried.words],
        missing=[
            Missing(query=one.query, untrusted=cleaned(one.reason, 300)) for one in tried.failed
        ],
        objection=tried.error,
        engine=scored.engine,
        engine_sentiment=scored.label,
        engine_score=round(scored.score, 3),
        spoke=list(spoke),
    )


def watched(topics: Sequence[Topic], stored: Sequence[str], lately: Sequence[Count]) -> Topics:
    """Topics of the file and those that only stored mentions have, with their last days."""
    known = {topic.id: topic for topic in topics}
    counts = {one.value: one for one in lately}
    ids = dict.fromkeys([*known, *stored])
    found = [_watched(one, known.get(one), counts.get(one)) for one in ids]
    found.sort(key=lambda one: -one.total)
    return Topics(total=len(found), topics=found[:_TOPICS])


def pairs(given: Given) -> list[filters.Pair]:
    """Filters as the pairs of an address."""
    return [
        (name, str(value))
        for name, values in given.items()
        for value in (values if isinstance(values, list) else [values])
        if value is not None
    ]


@contextmanager
def _explained() -> Iterator[None]:
    """Filters that are wrong, as an error with every remedy."""
    try:
        yield
    except filters.BadFilter as bad:
        told = (f"{p.parameter} {p.value!r}: {p.problem}. Remedy: {p.remedy}" for p in bad.problems)
        raise Unanswerable("\n".join(told)) from None


def _watched(topic_id: str, topic: Topic | None, lately: Count | None) -> Watched:
    counted = lately or Count(value=topic_id, total=0)
    return Watched(
        id=topic_id,
        name=topic.name if topic else "",
        query=topic.query[:_QUERY] if topic else "",
        languages=topic.languages if topic else [],
        total=counted.total,
        pos=counted.pos,
        neg=counted.neg,
    )
