"""Every post that came in, kept for a while: one port, two archives."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from streams.archive.port import Archive
from streams.settings import Settings
from streams.store.port import Store


def open_archive(settings: Settings, store: Store | None = None) -> Archive | None:
    """The archive that these settings make, opened when it is first asked; `None` where none is
    kept. `store` tells Kafka's archive who was erased.

    Embedded it is a file in the data directory; a cluster reads its Kafka topic back.
    """
    if not settings.embedded_broker:
        from streams.archive.kafka import KafkaArchive  # noqa: PLC0415  # heavy import

        return KafkaArchive(settings.kafka, store.erased) if store else KafkaArchive(settings.kafka)
    days, megabytes = settings.store.keep_posts_days, settings.store.keep_posts_mb
    if not days or not megabytes:
        return None
    from streams.archive.sqlite import SqliteArchive  # noqa: PLC0415  # zstd only where used

    return SqliteArchive(archive_path(settings), keep_days=days, keep_bytes=megabytes * 1_000_000)


@asynccontextmanager
async def opened_archive(
    settings: Settings, store: Store | None = None
) -> AsyncIterator[Archive | None]:
    """`open_archive`, closed when the block ends."""
    archive = open_archive(settings, store)
    try:
        yield archive
    finally:
        if archive:
            await archive.close()


def archive_path(settings: Settings) -> Path:
    """The embedded archive's file."""
    return settings.data_dir / "posts.db"
