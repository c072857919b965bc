"""Fifty open pages over a store that a pipeline writes into: what they cost the two.

Each page does what its script does in a browser: it reads the live feed, asks for its parts again
half a second after an event that says so, and every ten seconds. The pipeline is `veille replay`
with a hundred topics, in processes of its own, into the same store; rounds with and without pages
take turns, and the median of each counts.
"""

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from benchmarks.pages_asking import Client
from benchmarks.pages_data import TOPICS
from benchmarks.pages_serving import Served, served
from benchmarks.replay import write_topics
from benchmarks.worker import make_posts
from connectors import post

PAGES = 50
ROUNDS = 2
POSTS = 20_000
DEBOUNCE, ROUTINE = 0.5, 10.0
"""Seconds, as the pages' scripts have them."""


class Found(NamedTuple):
    """Bytes of the server at its most, posts a second, and events that the pages were sent."""

    pages: int
    memory: int
    rate_without: float
    rate_with: float
    events: int


class _Page:
    """One open page."""

    def __init__(self, site: Served, path: str, query: str) -> None:
        self._site = site
        self._path, self._query = path, query
        self._due = asyncio.Event()
        self.events = 0

    async def run(self) -> None:
        client = Client(self._site.url)
        await client.get(f"{self._path}{self._query}")
        await asyncio.gather(self._listen(), self._refresh(client))

    async def _listen(self) -> None:
        parts = urlsplit(self._site.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(f"GET /live{self._query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        try:
            while line := await reader.readline():
                if line.startswith(b"event: "):
                    self._hear(line[7:].strip())
        finally:
            writer.close()

    def _hear(self, kind: bytes) -> None:
        self.events += kind in (b"mentions", b"refresh")
        if kind == b"refresh" or (kind == b"mentions" and self._path == "/"):
            self._due.set()

    async def _refresh(self, client: Client) -> None:
        parts = "/overview/parts" if self._path == "/" else "/mentions/parts"
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._due.wait(), ROUTINE)
                self._due.clear()
                await asyncio.sleep(DEBOUNCE)
                await client.get(f"{parts}{self._query}")
        finally:
            client.close()


def measure(directory: Path, elasticsearch: str = "") -> Found:
    """Rounds in turn over one server."""
    rates: dict[bool, list[float]] = {False: [], True: []}
    memory, events = 0, 0
    with served(directory, elasticsearch) as site:
        for number in range(2 * ROUNDS):
            watched = bool(number % 2)
            rate, heard = asyncio.run(_round(site, directory, elasticsearch, number, watched))
            rates[watched].append(rate)
            events += heard
        memory = site.peak()
    return Found(
        PAGES, memory, statistics.median(rates[False]), statistics.median(rates[True]), events
    )


async def _round(
    site: Served, directory: Path, elasticsearch: str, number: int, watched: bool
) -> tuple[float, int]:
    pages = [_Page(site, *_address(n)) for n in range(PAGES if watched else 0)]
    open_ = [asyncio.create_task(page.run()) for page in pages]
    await asyncio.sleep(3 if watched else 0)  # until all are open and have their first parts
    rate = await asyncio.to_thread(_replay, directory, elasticsearch, number)
    for task in open_:
        task.cancel()
    await asyncio.gather(*open_, return_exceptions=True)
    return rate, sum(page.events for page in pages)


def _address(n: int) -> tuple[str, str]:
    """A third are walls; every other page looks at a topic or period of its own."""
    path = "/" if n % 3 == 0 else "/mentions"
    queries: Sequence[str] = ("", f"?topic={TOPICS[n % len(TOPICS)]}")
    if path == "/mentions":
        queries = (*queries, "?range=7d", "?sentiment=neg")
    return path, queries[n // 3 % len(queries)]


def _replay(directory: Path, elasticsearch: str, number: int) -> float:
    """Posts a second of the whole way into the store."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_topics(folder)
        path = folder / "posts.jsonl"
        made = (
            msgspec.structs.replace(one, id=f"round{number}-{one.id}")
            for one in make_posts(POSTS, seed=number)
        )
        path.write_bytes(b"".join(post.encode(one) + b"\n" for one in made))
        env = {**os.environ, "VEILLE_CONFIG": name, "VEILLE_DATA_DIR": str(directory)}
        if elasticsearch:
            env |= {"VEILLE_STORE__URL": elasticsearch, "VEILLE_STORE__PREFIX": "pages"}
        command = [sys.executable, "-m", "streams.cli", "replay", str(path), "--json"]
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True)
        return float(json.loads(done.stdout)["posts_per_second"])
