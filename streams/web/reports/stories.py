"""The stories of a report: what many tell alike, and who told it first."""

from collections.abc import Sequence
from typing import Final

import msgspec

from streams.alerts.key_posts import key_post, read
from streams.alerts.records import KeyPost
from streams.records import SentimentLabel
from streams.store.port import Store
from streams.web.reports.asked import Asked

MOST_STORIES: Final = 5


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A story: how many mentions tell it, and its first post of this time."""

    topic: str
    total: int
    post: KeyPost


async def stories(
    store: Store, asked: Asked, topics: Sequence[str]
) -> dict[SentimentLabel, list[Told]]:
    """The largest, negative and positive. Raises `StoreError`."""
    return {tone: await _told(store, asked, topics, tone) for tone in ("neg", "pos")}


async def _told(
    store: Store, asked: Asked, topics: Sequence[str], tone: SentimentLabel
) -> list[Told]:
    found = await store.stories(topics, asked.since, asked.until, least=2, sentiment=tone)
    told = []
    for one in found[:MOST_STORIES]:
        where = msgspec.structs.replace(
            asked.where, topics=(one.topic,), story=one.story, sentiments=(tone,)
        )
        page = await store.search(where, limit=1, order="oldest")
        told += [
            Told(topic=one.topic, total=one.total, post=key_post(read(first, ()), one.total))
            for first in page.mentions
        ]
    return told
