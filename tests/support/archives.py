"""Archives of posts, for tests of what reads them back."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from connectors.post import Post, encode
from streams.archive.sqlite import SqliteArchive


@asynccontextmanager
async def archived(path: Path, posts: Sequence[Post]) -> AsyncIterator[SqliteArchive]:
    """An archive of these posts, newest first, in which they came in one by one."""
    archive = SqliteArchive(path)
    for one in reversed(posts):
        await archive.append([encode(one)])
    yield archive
    await archive.close()
