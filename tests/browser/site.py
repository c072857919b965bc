"""Mentions for tests of the pages, and the pages served as they are in earnest."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from connectors.post import Author, Engagement, Place, Post
from streams.criteria.topics import Topic
from streams.records import Mention, Sentiment, SentimentLabel, Span, mention_id
from streams.store.sqlite import SqliteStore
from streams.web.app import create_app
from streams.web.server import build_server

T = TypeVar("T")

TOPICS = [
    Topic(id="kestrel", name="Kestrel Air", query="kestrel"),
    Topic(id="rival", name="The rival", query="plover"),
]


def mention(
    n: int,
    *,
    topic: str = "kestrel",
    sentiment: SentimentLabel = "neu",
    text: str = "A word on Kestrel today",
    word: str = "Kestrel",
    at: datetime | None = None,
    ago: timedelta = timedelta(minutes=5),
    source: str = "rss",
    lang: str = "en",
    reason: str = "",
    version: int | None = None,
    **post: Any,
) -> Mention:
    """One mention of post number `n`, `word` marked in its text."""
    now = datetime.now(UTC)
    created = at or now - ago
    start = text.find(word)
    written = Post(
        id=f"{source}:{n}",
        source=source,
        created_at=created,
        collected_at=now,
        text=text,
        lang=lang,
        **{"author": Author(id=f"a{n % 7}", handle=f"writer{n % 7}"), **post},
    )
    return Mention(
        id=mention_id(topic, written.id),
        topic=topic,
        post=written,
        lang=lang,
        sentiment=Sentiment(
            label=sentiment,
            score={"pos": 0.7, "neg": -0.6}.get(sentiment, 0.0),
            confidence=0.8,
            engine="test",
            reason=reason,
        ),
        processed_at=now,
        version=written.version if version is None else version,
        matched=[Span("text", start, start + len(word))] if start >= 0 else [],
        country=written.place.country if written.place else "",
    )


HOSTILE = "\u202egnp.exe <script>document.title='owned'</script><img src=x onerror=alert(1)>"


def hostile(n: int, *, at: datetime | None = None) -> Mention:
    """A post that tries everything at once."""
    zalgo = "Z" + "\u0301\u0316\u0347" * 200
    return mention(
        n,
        at=at,
        text=f"{HOSTILE} {zalgo} Kestrel {'W' * 60_000}",
        title="<svg onload=alert(2)>",
        url="javascript:alert(3)",
        author=Author(id="h", handle='"><script>alert(4)</script>', name=f"\u202e{HOSTILE}"),
        place=Place(name="</p><script>alert(5)</script>", country="FR"),
        hashtags=["<b>tag</b>"],
        media=["https://tracker.invalid/pixel.gif"],
        engagement=Engagement(likes=3),
    )


class Site:
    """The app on a free port in a thread of its own, over a real SQLite store."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.store = SqliteStore(path)
        self._options = {"topics": TOPICS, **options}
        self._ready: Future[tuple[asyncio.AbstractEventLoop, str]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> "Site":
        self._thread.start()
        self.loop, self.url = self._ready.result(60)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask the server to end, as Ctrl-C does, and wait until it has."""
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self._end)
        self._thread.join(60)
        assert not self._thread.is_alive(), "the server did not stop"

    def _end(self) -> None:
        self.server.should_exit = True

    async def _serve(self) -> None:
        await self.store.open()
        try:
            self.app = create_app(self.store, **self._options)
            self.server = build_server(self.app, port=0)
            serving = asyncio.create_task(self.server.serve())
            while not self.server.started and not serving.done():
                await asyncio.sleep(0.01)
            port = self.server.servers[0].sockets[0].getsockname()[1]
            self._ready.set_result((asyncio.get_running_loop(), f"http://127.0.0.1:{port}"))
            await serving
        finally:
            await self.store.close()

    def run(self, make: Callable[[], Awaitable[T]]) -> T:
        """Await something in the server's loop, from a test's thread."""

        async def wait() -> T:
            return await make()

        return asyncio.run_coroutine_threadsafe(wait(), self.loop).result(15)

    def write(self, *mentions: Mention) -> None:
        report = self.run(lambda: self.store.write(mentions))
        assert not report.rejected
