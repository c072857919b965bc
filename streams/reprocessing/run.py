"""The kept posts through the present pipeline, against what is stored; nothing is changed."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from connectors.post import Post, utc_now
from streams.archive.port import Archive
from streams.criteria.matcher import Matcher
from streams.criteria.topics import Topic
from streams.errors import QueryError
from streams.pipeline import Pipeline
from streams.records import Mention, mention_id
from streams.reprocessing.difference import CHANGES, Difference, Kind, verdict_of
from streams.reprocessing.stage import Stage
from streams.sentiment.scorer import Scorer
from streams.settings import Sentiment
from streams.store.port import Store
from streams.topics.backfill import rest

_CHUNK: Final = 250
Tell = Callable[[Difference], Awaitable[None]]


def run_key(topic: Topic, sentiment: Sentiment, since: datetime) -> str:
    """Two runs of the same key find the same."""
    parts = (msgspec.json.encode(topic), sentiment.model_dump_json().encode())
    day = since.date().isoformat().encode()
    return hashlib.blake2b(b"\0".join([*parts, day]), digest_size=16).hexdigest()


async def find(
    difference: Difference,
    topic: Topic,
    *,
    archive: Archive,
    store: Store,
    scorer: Scorer,
    stage: Stage,
    tell: Tell,
) -> None:
    """Go on from where the difference is until it is `ready`; `tell` hears of it after each batch.

    Raises `QueryError` for a query that can't be watched, `ArchiveError`, `StoreError`.
    """
    matcher = Matcher()
    matcher.add(topic)
    if reason := matcher.disabled.get(topic.id):
        raise QueryError(f"{topic.id} finds nothing: {reason}")
    pipeline = Pipeline(matcher, scorer)
    async for posts in rest(difference, archive):
        for start in range(0, len(posts), _CHUNK):
            some = posts[start : start + _CHUNK]
            made = await asyncio.to_thread(_judged, pipeline, some)
            changed = await _compared(difference, some, made, store)
            difference.read += len(some)
            difference.last, difference.through = some[-1].id, some[-1].collected_at
            await asyncio.to_thread(stage.save, difference, changed)
        await tell(difference)
    difference.state = "ready"
    await asyncio.to_thread(stage.save, difference, [])


def _judged(pipeline: Pipeline, posts: Sequence[Post]) -> dict[str, Mention]:
    now = utc_now()
    made = (record for post in posts for record in pipeline.process(post, now))
    return {record.id: record for record in made if isinstance(record, Mention)}


async def _compared(
    difference: Difference, posts: Sequence[Post], made: dict[str, Mention], store: Store
) -> list[tuple[Kind, Mention]]:
    """Counts what is different, and gives what is to be written."""
    ids = [mention_id(difference.topic, post.id) for post in posts]
    stored = await store.many(ids)
    changed: list[tuple[Kind, Mention]] = []
    for one in ids:
        old, new = stored.get(one), made.get(one)
        verdict = verdict_of(old, new)
        if verdict is None:
            continue
        difference.note(verdict, old, new)
        if kind := CHANGES.get(verdict):
            written = new if new or not old else msgspec.structs.replace(old, deleted=True)
            changed += [(kind, written)] if written else []
    return changed
