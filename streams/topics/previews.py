"""Previews asked of a process of its own, which holds the latest posts ready."""

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Literal

from connectors.post import Post
from streams.criteria.topics import Topic
from streams.errors import VeilleError
from streams.store.port import Filter, Store
from streams.topics.preview import Preview
from streams.topics.preview_child import Answer, Ask, Load, Message, decode_answer, frame

POSTS: Final = 10_000
LIMIT_SECONDS: Final = 5.0
"""After so long a query is given up, and the process with it."""
LOAD_SECONDS: Final = 60.0
FRESH_SECONDS: Final = 60.0
"""Posts are fetched anew after so long, when nobody waits."""
IDLE_SECONDS: Final = 900.0
"""Nobody has asked for so long: the process ends."""
_PAUSE_SECONDS: Final = 3.0
_MOST_WAITING: Final = 8
_PAGE: Final = 1_000

Where = Literal["archive", "mentions", ""]
Source = Callable[[], Awaitable[tuple[Sequence[Post], Where]]]

_log = logging.getLogger(__name__)


class TooSlow(VeilleError):
    """The query takes too long; it is not previewed."""


class Busy(VeilleError):
    """Too many previews wait."""


class Previews:
    """One process for all who ask, one after the other; started when the first does."""

    def __init__(self, source: Source, *, limit: float = LIMIT_SECONDS) -> None:
        self._source = source
        self._limit = limit
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._loaded = self._asked = 0.0
        self._waiting = 0
        self._tending: asyncio.Task[None] | None = None

    async def ask(
        self,
        topic: Topic,
        saved: Topic | None = None,
        *,
        gone: Callable[[], Awaitable[bool]] | None = None,
    ) -> Preview:
        """What the topic would catch. `gone` tells whether who asks still waits.

        Raises `TooSlow`, `Busy`, `StoreError`.
        """
        if self._waiting >= _MOST_WAITING:
            raise Busy("Too many previews at once. Remedy: try again in a moment")
        self._waiting += 1
        try:
            async with self._turn:
                if gone and await gone():
                    return Preview(posts=0)
                self._asked = time.monotonic()
                self._tend()
                await self._ready()
                answer = await self._say(Ask(topic, saved), self._limit)
                self._asked = time.monotonic()
        finally:
            self._waiting -= 1
        if answer.preview is None:
            raise TooSlow(f"The preview failed: {answer.failed}. Remedy: make the query simpler")
        return answer.preview

    def warm(self) -> None:
        """Make ready for who will ask soon."""
        self._asked = time.monotonic()
        self._tend()

    def _tend(self) -> None:
        if self._tending is None or self._tending.done():
            self._tending = asyncio.create_task(self._tended())

    async def _tended(self) -> None:
        """Posts fetched when it is quiet; the process ended when nobody asks."""
        while time.monotonic() - self._asked < IDLE_SECONDS:
            quiet = time.monotonic() - self._asked > _PAUSE_SECONDS or not self._loaded
            if quiet and time.monotonic() - self._loaded > FRESH_SECONDS:
                try:
                    async with self._turn:
                        await self._ready(fresh=True)
                except (VeilleError, OSError) as error:
                    _log.warning("no posts for previews: %s", error)
            await asyncio.sleep(1)
        await self.aclose(tending=False)

    async def _ready(self, *, fresh: bool = False) -> None:
        running = self._process is not None and self._process.returncode is None
        if running and self._loaded and not fresh:
            return
        posts, where = await self._source()
        if not running:
            await self._start()
        await self._say(Load(list(posts), where), LOAD_SECONDS)
        self._loaded = time.monotonic()

    async def _start(self) -> None:
        self._loaded = 0.0
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "streams.topics.preview_child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )

    async def _say(self, message: Message, seconds: float) -> Answer:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise TooSlow("The preview is not running. Remedy: try again")
        try:
            async with asyncio.timeout(seconds):
                process.stdin.write(frame(message))
                await process.stdin.drain()
                size = await process.stdout.readexactly(4)
                return decode_answer(await process.stdout.readexactly(int.from_bytes(size, "big")))
        except TimeoutError:
            await self._end()
            raise TooSlow(
                f"This query takes over {seconds:.0f} s on the latest posts. Remedy: fewer "
                "wildcards, or fewer common words side by side"
            ) from None
        except (OSError, EOFError) as error:
            await self._end()
            raise TooSlow(f"The preview ended: {error}. Remedy: make the query simpler") from None
        except BaseException:
            await self._end()  # a half-said message: the next answer would be another's
            raise

    async def _end(self) -> None:
        process, self._process, self._loaded = self._process, None, 0.0
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def aclose(self, *, tending: bool = True) -> None:
        """End the process; the next who asks starts another."""
        if tending and self._tending is not None:
            self._tending.cancel()
            await asyncio.gather(self._tending, return_exceptions=True)
        async with self._turn:
            await self._end()


async def of_mentions(store: Store, most: int = POSTS) -> list[Post]:
    """The posts of the latest mentions, for where there is no archive."""
    found: dict[str, Post] = {}
    cursor = ""
    while len(found) < most:
        page = await store.search(Filter(), limit=_PAGE, cursor=cursor)
        found.update((one.post.id, one.post) for one in page.mentions)
        cursor = page.cursor
        if not cursor:
            break
    return list(found.values())[:most]
