"""The port of the archive: every post that came in, whether it met a topic or not.

Two implementations: `streams.archive.sqlite` (a file of its own, filled by the filter agent) and
`streams.archive.kafka` (which reads `veille.posts` back). `tests/contract/test_archive.py` runs
the same assertions against both.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from connectors.post import Post
from streams.errors import VeilleError
from streams.store.erasures import Erased, Erasure


class ArchiveError(VeilleError):
    """The archive can't be read or written now. Mentions are not touched by that."""


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept. `posts` counts versions; `oldest` is when the oldest of them came in."""

    posts: int = 0
    bytes: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None


class Archive(Protocol):
    """What came in, newest first. Every method raises `ArchiveError`.

    Of a deleted post only the deletion is left; of an erased person nothing.
    """

    indexed: bool
    """Whether look-ups by id, URL and thread take milliseconds, and see all that is kept. Where
    not, they read the newest `streams.archive.kafka.LOOKS_AT` posts."""

    async def append(self, posts: Sequence[bytes]) -> None:
        """Keep posts as they came, JSON each; kept when it returns. What is no post is left
        out, for it is a dead letter."""
        ...

    async def latest(self, n: int) -> list[Post]:
        """The newest version of the last n posts that came in, the last one first."""
        ...

    def since(self, moment: datetime) -> AsyncIterator[list[Post]]:
        """All posts that came in since then, the last one first, in batches of some thousand: each
        post once, in its newest version. Memory does not grow with their number."""
        ...

    async def versions(self, post_id: str) -> list[Post]:
        """What was seen of a post, oldest version first. A deleted one: the deletion alone."""
        ...

    async def by_url(self, url: str) -> list[Post]:
        """The posts at a URL, compared as `streams.store.rules.url_key` does, each in its
        newest version."""
        ...

    async def thread(self, post_id: str) -> list[Post]:
        """Posts with this one as thread, parent or the one they repost, oldest first, each in its
        newest version; at most 500."""
        ...

    async def size(self) -> Size: ...

    async def prune(self, now: datetime) -> int:
        """Forget what is too old or too much; how many posts went."""
        ...

    async def ids_of(self, erased: Erased) -> set[tuple[str, str]]:
        """Source and author id of the posts that these erasures cover."""
        ...

    async def erase(self, erasures: Sequence[Erasure], *, dry_run: bool = False) -> int:
        """Forget the posts that these cover, for good: later ones are not kept either. How many
        versions went, or with `dry_run` would go."""
        ...

    async def close(self) -> None: ...
