"""Mentions made for tests, and both stores to put them in."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from elasticsearch import AsyncElasticsearch

from connectors.post import Author, Post
from streams.records import Mention, Sentiment, SentimentLabel, mention_id
from streams.settings import Store as StoreSettings
from streams.store.elasticsearch import ElasticsearchStore
from streams.store.port import Store
from streams.store.sqlite import SqliteStore

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Seconds after noon of 10 March 2026."""
    return NOON + timedelta(seconds=seconds)


def mention(
    number: int = 1,
    *,
    topic: str = "brand",
    version: int = 1,
    tone: SentimentLabel = "neu",
    lang: str = "en",
    created: datetime | None = None,
    author: Author | None = None,
    post: dict[str, Any] | None = None,
    **more: Any,
) -> Mention:
    """The mention of post `number` in a topic; `post` and `more` override fields."""
    when = created or at(number)
    fields: dict[str, Any] = {
        "id": f"test:{number}",
        "source": "test",
        "created_at": when,
        "collected_at": when,
        "text": f"post {number}",
        "author": author or Author(),
    }
    fields |= post or {}
    return Mention(
        id=more.pop("id", mention_id(topic, fields["id"])),
        topic=topic,
        post=Post(**fields),
        lang=lang,
        sentiment=Sentiment(label=tone, reason="" if tone != "unscored" else "no engine"),
        processed_at=more.pop("processed_at", when),
        version=version,
        **more,
    )


class Case:
    """A store under test, and the way to make what was written visible."""

    def __init__(self, store: Store, client: AsyncElasticsearch | None = None, prefix: str = ""):
        self.store = store
        self.client = client
        self.prefix = prefix

    async def seen(self) -> Store:
        """The store, once everything written can be read."""
        if self.client is not None:
            await self.client.indices.refresh(index=f"{self.prefix}-*")
        return self.store


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteStore]:
    """The SQLite store in this file."""
    store = SqliteStore(path)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def sqlite_case(folder: Path) -> AsyncIterator[Case]:
    """An SQLite store in a new file."""
    async with opened(folder / f"{uuid.uuid4().hex}.sqlite3") as store:
        yield Case(store)


@asynccontextmanager
async def elasticsearch_case(url: str) -> AsyncIterator[Case]:
    """A store under a prefix of its own, removed afterwards."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    store = ElasticsearchStore(StoreSettings(url=url, prefix=prefix, refresh_seconds=0.2))
    client = AsyncElasticsearch(url)
    try:
        await store.open()
        yield Case(store, client, prefix)
    finally:
        await store.close()
        await client.indices.delete(index=f"{prefix}-*")
        await client.indices.delete_index_template(name=f"{prefix}-mentions")
        await client.close()
