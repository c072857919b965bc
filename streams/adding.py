"""Posts that people add by hand: judged as any other, and kept in topics that a person chose also
where the criteria would not.

With a broker they go its way, and are archived. What the criteria would not have found is written
to the store at once and sent beside it, with a label that says who found it relevant.
"""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import msgspec

from connectors import post as posts
from connectors.kafka import acknowledged
from connectors.post import Author, Kind, Post, tombstone, utc_now
from streams.archive.port import Archive
from streams.beside import Beside, reached
from streams.broker import Topics
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic
from streams.errors import ConfigError, StoreError
from streams.headers import new_sender
from streams.pipeline import Pipeline, story_of
from streams.records import Label, Mention
from streams.sentiment.scorer import build_scorer
from streams.settings import Settings
from streams.store.journal import Entry, EntryFilter
from streams.store.port import Store
from streams.store.rules import url_key

SOURCE: Final = "manual"
SEEN_SECONDS: Final = 6.0
"""How long is waited for a worker to judge what was added."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What a person knows of a post; a URL or a text at least."""

    url: str = ""
    title: str = ""
    text: str = ""
    author: str = ""
    lang: str = ""
    kind: Kind = "post"
    created_at: datetime | None = None
    seen_in: str = ""
    """Where it stood, in the person's words: it goes into the journal."""


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it. `mentions` are the ids, of topics it meets and of those chosen; `chosen`
    those whose criteria it does not meet; `waiting` where no worker has judged it in time."""

    entry: str
    post_id: str
    mentions: list[str]
    chosen: list[str] = []
    waiting: bool = False


def post_of(given: Given, now: datetime) -> Post:
    """Deterministic: the same URL, or the same text, is the same post. Raises `ConfigError`."""
    if not given.url and not given.text and not given.title:
        raise ConfigError("nothing to add. Remedy: give a URL or a text")
    named = url_key(given.url) or story_of(f"{given.title}\n{given.text}") or given.text
    digest = hashlib.blake2b(named.encode("utf-8", "replace"), digest_size=12).hexdigest()
    return Post(
        id=f"{SOURCE}:{digest}",
        source=SOURCE,
        kind=given.kind,
        url=given.url,
        title=given.title,
        text=given.text,
        lang=given.lang,
        author=Author(name=given.author, handle=given.author) if given.author else Author(),
        created_at=min(given.created_at or now, now),
        collected_at=now,
    )


async def add(
    store: Store,
    settings: Settings | None,
    topics: Sequence[Topic],
    post: Post,
    *,
    by: str,
    chosen: Sequence[str] = (),
    archive: Archive | None = None,
    seen_in: str = "",
) -> Added:
    """Keep a post, in the topics it meets and in those chosen, and put it on record. Raises
    `VeilleError`."""
    known = {topic.id for topic in topics}
    if unknown := [one for one in chosen if one not in known]:
        raise ConfigError(f"no topic {unknown[0]!r}. Remedy: one of {', '.join(sorted(known))}")
    if (await store.erased()).covers(post):
        raise StoreError("this post or its author was erased: nothing of theirs is kept")
    now = utc_now()
    pipeline = await asyncio.to_thread(_pipeline, settings, topics)
    made = [one for one in pipeline.process(post, now) if isinstance(one, Mention)]
    met = [one.topic for one in made]
    forced = [pipeline.chosen(post, one, now) for one in dict.fromkeys(chosen) if one not in met]
    if not made and not forced:
        raise ConfigError("it meets no topic. Remedy: choose the topics it belongs to")
    labels = [Label(mention_id=m.id, labeled_at=now, by=by, relevant=True) for m in forced]
    sent = await _send(settings, store, post, forced, labels)
    if not sent:
        await _write(store, made)
        if archive is not None:
            await archive.append([posts.encode(post)])
    await _write(store, forced)
    await store.add_labels(labels)
    ids = [one.id for one in (*made, *forced)]
    entry = Entry(
        id=uuid4().hex,
        at=now,
        by=by,
        action="post.add",
        subject=post.id,
        after={"mentions": ids, "chosen": [m.id for m in forced], "seen_in": seen_in[:200]},
    )
    await store.add_entries([entry])
    waiting = sent and not await _seen(store, [one.id for one in made])
    return Added(
        entry=entry.id,
        post_id=post.id,
        mentions=ids,
        chosen=[one.id for one in forced],
        waiting=waiting,
    )


async def take_back(
    store: Store,
    settings: Settings | None,
    post_id: str,
    *,
    by: str,
    archive: Archive | None = None,
) -> int:
    """Undo the last addition of a post; how many mentions went. What a source gave stays in the
    topics it meets. Raises `VeilleError`."""
    where = EntryFilter(actions=("post.",), subjects=(post_id,))
    page = await store.entries(where, limit=1)
    last = page.entries[0] if page.entries else None
    if last is None or last.action != "post.add" or not isinstance(last.after, dict):
        raise ConfigError(f"{post_id[:80]}: not added by hand, or taken back already")
    now = utc_now()
    added: dict[str, Any] = last.after
    manual = post_id.startswith(f"{SOURCE}:")
    names = [str(one) for one in added.get("mentions" if manual else "chosen", [])]
    found = [one for one in await asyncio.gather(*map(store.get, names)) if one is not None]
    gone = [msgspec.structs.replace(one, deleted=True) for one in found]
    await store.write(gone)
    native = post_id.partition(":")[2]
    dead = tombstone(SOURCE, native, now - timedelta(milliseconds=1), now) if manual else None
    if not await _send(settings, store, dead, gone) and dead:
        await store.write(Pipeline.taken_back(dead))
        if archive is not None:
            await archive.append([posts.encode(dead)])
    await store.add_entries(
        [
            Entry(
                id=uuid4().hex, at=now, by=by, action="post.undo", subject=post_id,
                before=added, after={"gone": [one.id for one in gone]},
            )
        ]
    )  # fmt: skip
    return len(gone)


def _pipeline(settings: Settings | None, topics: Sequence[Topic]) -> Pipeline:
    sentiment = (settings or Settings()).sentiment
    return Pipeline(compile_topics(topics), build_scorer(settings=sentiment))


async def _write(store: Store, mentions: Sequence[Mention]) -> None:
    report = await store.write(mentions)
    for refused in report.rejected:
        raise StoreError(f"can't be kept: {refused.reason}")


async def _send(
    settings: Settings | None,
    store: Store,
    post: Post | None,
    mentions: Sequence[Mention],
    labels: Sequence[Label] = (),
) -> bool:
    """Whether there is a broker that took all of it: for nobody but us writes to the store of one
    that is not running."""
    if settings is None or (found := await reached(settings, store)) is None:
        return False
    settings, producer = found
    try:
        if post is not None:
            sender = new_sender(producer, settings.kafka)
            items = [(post.id.encode(), posts.encode(post))]
            await acknowledged(await sender.send(Topics.of(settings.kafka.prefix).posts, items))
        beside = Beside(producer, settings, "hand")
        await beside.label(labels)
        await beside.send(mentions)
    finally:
        await producer.stop()
    return True


async def _seen(store: Store, ids: Sequence[str]) -> bool:
    deadline = time.monotonic() + SEEN_SECONDS
    while time.monotonic() < deadline:
        if all(await asyncio.gather(*map(store.get, ids))):
            return True
        await asyncio.sleep(0.1)
    return False
