"""Where a runner puts what a connector yields: sinks for posts, keepers of cursors.

A sink's receipt resolves when the posts are *safe*: acknowledged by Kafka in a cluster, stored
when embedded. Only then is the cursor after them saved, so that nothing is lost.
"""

from collections.abc import Awaitable, Sequence
from typing import Protocol, runtime_checkable

from connectors.base import Cursor
from connectors.letters import DeadLetter
from connectors.post import Post


class Sink(Protocol):
    """Takes posts and dead letters in order. Bounded: `put` itself waits when too much is
    under way (back-pressure)."""

    async def put(self, posts: Sequence[Post], dead: Sequence[DeadLetter]) -> Awaitable[None]:
        """Send; the awaitable returned resolves when all of it is safe, or raises `Retriable`."""
        ...


@runtime_checkable
class StampingSink(Protocol):
    """A sink that lets a post carry where it comes from (`connectors.account.stamp`)."""

    async def put_stamped(
        self, posts: Sequence[Post], dead: Sequence[DeadLetter], stamps: Sequence[bytes]
    ) -> Awaitable[Sequence[Post]]:
        """As `put`, with one stamp a post. The awaitable gives the posts that the sink refused
        and turned into dead letters."""
        ...


class CursorKeeper(Protocol):
    """Durable memory of where each source was left."""

    async def load(self, source: str) -> Cursor: ...

    async def save(self, source: str, cursor: Cursor) -> None: ...


class MemorySink:
    """Keeps everything in lists; for tests and for trying a connector by hand."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.dead: list[DeadLetter] = []

    async def put(self, posts: Sequence[Post], dead: Sequence[DeadLetter]) -> Awaitable[None]:
        self.posts.extend(posts)
        self.dead.extend(dead)
        return _safe()


class MemoryCursors:
    """Cursors that live as long as the process."""

    def __init__(self) -> None:
        self.cursors: dict[str, Cursor] = {}

    async def load(self, source: str) -> Cursor:
        return self.cursors.get(source)

    async def save(self, source: str, cursor: Cursor) -> None:
        self.cursors[source] = cursor


async def _safe() -> None:
    return None
