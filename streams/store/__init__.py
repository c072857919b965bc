"""Where mentions live: one port, two stores."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from streams.settings import Settings
from streams.store.port import Store


def open_store(settings: Settings) -> Store:
    """The store the settings name, not yet opened: `await store.open()` connects.

    Elasticsearch where `store.url` is set, else SQLite in the data directory.
    """
    if settings.store.url:
        from streams.store.elasticsearch import ElasticsearchStore  # noqa: PLC0415 # heavy import

        return ElasticsearchStore(settings.store)
    from streams.store.sqlite import SqliteStore  # noqa: PLC0415 # heavy import

    return SqliteStore(sqlite_path(settings))


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[Store]:
    """`open_store`, connected for as long as the block runs. Raises `StoreError`."""
    store = open_store(settings)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def sqlite_path(settings: Settings) -> Path:
    """The embedded store's file."""
    return settings.data_dir / "veille.sqlite3"
