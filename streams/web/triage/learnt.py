"""What the labels of a topic teach, asked of the store."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import msgspec

from streams.learning.agreement import (
    Agreement,
    Disagreement,
    agreements,
    compared,
    disagreements,
)
from streams.learning.judgements import LABEL, OPINION, UNDO, read
from streams.learning.precision import Precision, precision, relevance
from streams.learning.words import Judged, Parting, parting
from streams.store.journal import EntryFilter
from streams.store.port import Filter, Store
from streams.web.triage.queue import latest
from streams.web.triage.sample import Frame, frame_of, relevances

LEARNT_FROM: Final = 1_000
"""Labelled mentions, the newest, whose words are weighed."""
_ENTRIES: Final = 10_000
_BACK: Final = timedelta(days=365)


class TopicPrecision(msgspec.Struct, frozen=True, kw_only=True):
    """How precise a topic is by its sample, where one was begun, and what its labels say of its
    query; `parting` reads all labelled mentions, whatever made people look at them."""

    topic: str
    frame: Frame | None
    precision: Precision | None
    parting: Parting


class TopicAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """How far people agree on a topic, two by two, and what is still to be decided. Of the last
    365 days, and at most 10,000 decisions."""

    topic: str
    pairs: list[Agreement]
    disagreements: list[Disagreement]


async def topic_precision(store: Store, topic: str) -> TopicPrecision:
    """Of one topic."""
    frame, parts = await asyncio.gather(frame_of(store, topic), _parting(store, topic))
    if frame is None:
        return TopicPrecision(topic=topic, frame=None, precision=None, parting=parts)
    said, counted = await asyncio.gather(relevances(store, frame), store.count(frame.where))
    found = precision(said, counted.total)
    return TopicPrecision(topic=topic, frame=frame, precision=found, parting=parts)


async def _parting(store: Store, topic: str) -> Parting:
    where = Filter(topics=(topic,), judged=True, hidden="any")
    page = await store.search(where, limit=LEARNT_FROM)
    posts = [
        Judged(one.id, f"{one.post.title}\n{one.post.text}", said)
        for one in page.mentions
        if (said := relevance(one.label)) is not None
    ]
    return await asyncio.to_thread(parting, posts)


async def topic_agreement(store: Store, topic: str, *, now: datetime) -> TopicAgreement:
    """Of one topic."""
    where = EntryFilter(actions=(LABEL, OPINION, UNDO), topic=topic, since=now - _BACK)
    pairs = compared(read(await latest(store, where, _ENTRIES)))
    return TopicAgreement(topic=topic, pairs=agreements(pairs), disagreements=disagreements(pairs))
