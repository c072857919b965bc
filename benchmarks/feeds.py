"""Ten thousand feeds in one process: memory, requests and time, against a server on this machine.

    python -m benchmarks.feeds [--feeds 10000] [--minutes 60]

The server, a process of its own, gives each feed 20 entries, an ETag and one new entry every ten
minutes to ten hours. The clock is invented: `--minutes` of it pass, a visit to what is due after
each. Memory is what the process holds more than before it had feeds, the cursor included, which
goes through JSON after each pass as it does where it is stored.
"""

import argparse
import asyncio
import gc
import multiprocessing
import multiprocessing.shared_memory
import time
from collections import Counter
from email.utils import format_datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import msgspec

from connectors.base import Context
from connectors.http import current_time
from connectors.rss import Rss

ENTRIES: Final = 20
PER_HOST: Final = 5
START: Final = 1_780_000_000
QUICKEST, SLOWEST = 600, 36_000
PAGE: Final = 4096


def interval(number: int) -> int:
    """Seconds between two entries of a feed: spread evenly in the logarithm."""
    share = (number * 7919 % 10_000) / 10_000
    return int(QUICKEST * (SLOWEST / QUICKEST) ** share)


def document(number: int, at: int) -> tuple[str, bytes]:
    """The feed as it is at `at`, and its ETag."""
    step = interval(number)
    newest = at // step
    context = Context(clock=lambda: float(START))
    first = current_time(context)
    items = "".join(
        f"<item><guid>https://site{number}.example/{entry}</guid><title>Note {entry}</title>"
        f"<pubDate>{format_datetime(first.fromtimestamp(entry * step, first.tzinfo))}</pubDate>"
        f"<description>What was written here as number {entry} of all notes.</description></item>"
        for entry in range(newest, newest - ENTRIES, -1)
    )
    return f'"{newest}"', f'<rss version="2.0"><channel>{items}</channel></rss>'.encode()


def serve(ready: Connection) -> None:
    """Answer `/NUMBER` until killed; the time and a count of requests are in shared memory."""
    asyncio.run(_serve(ready))


async def _serve(ready: Connection) -> None:
    clock = multiprocessing.shared_memory.SharedMemory(name=ready.recv())
    shared = clock.buf
    assert shared is not None

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                at = int.from_bytes(shared[:8])
                shared[8:16] = (int.from_bytes(shared[8:16]) + 1).to_bytes(8)
                etag, body = document(int(head.split(b" ", 2)[1].rpartition(b"/")[2]), at)
                known = f"if-none-match: {etag}".encode() in head.lower()
                status, body = (b"304 Not Modified", b"") if known else (b"200 OK", body)
                told = f"etag: {etag}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
                writer.write(b"HTTP/1.1 " + status + b"\r\n" + told + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    ready.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def resident() -> float:
    """Megabytes that this process holds."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


async def measure(port: int, clock: Any, count: int, minutes: int) -> None:
    at = float(START)
    base = f"http://127.0.0.1:{port}"
    context = Context(
        options={"base_url": base, "urls": ["https://warm.example/0"]},
        allow_hosts=frozenset({"127.0.0.1"}),
        clock=lambda: at,
    )
    clock.buf[:8] = int(at).to_bytes(8)
    async for _ in Rss(context).posts(None):  # the parser and TLS are loaded by one feed as well
        pass
    before = resident()
    urls = [f"https://host{n // PER_HOST}.example/{n}" for n in range(count)]
    source = Rss(
        Context(
            options={"base_url": base, "urls": urls},
            allow_hosts=context.allow_hosts,
            clock=lambda: at,
        )
    )
    del urls
    cursor: Any = None
    highest = before
    counts: Counter[str] = Counter()
    asked = 0
    started = time.perf_counter()
    for minute in range(minutes + 1):
        counts.clear() if minute == 1 else None
        async for step in source.posts(cursor):
            counts["posts"] += step.post is not None
            counts["gaps"] += step.gap is not None
            cursor = step.cursor or cursor
        size = len(stored := msgspec.json.encode(cursor))
        if minute == 0:
            cursor = msgspec.json.decode(stored)  # as after a restart
            seconds = time.perf_counter() - started
            print(f"first pass: {count} feeds, {counts['posts']} posts, {seconds:.0f} s")
            print(f"memory: {resident() - before:.1f} MB", flush=True)
            started, asked = time.perf_counter(), int.from_bytes(clock.buf[8:16])
        del stored
        highest = max(highest, resident())
        at += 60
        clock.buf[:8] = int(at).to_bytes(8)
    seconds = time.perf_counter() - started
    more = highest - before
    asked = int.from_bytes(clock.buf[8:16]) - asked
    print(
        f"then {minutes} min of clock in {seconds:.0f} s: {asked} requests, "
        f"{counts['posts']} posts, {counts['gaps']} gaps"
    )
    print(
        f"memory: {more:.1f} MB more than one feed, {more / count * 1000:.2f} MB a thousand feeds"
    )
    print(f"cursor: {size / 1e6:.1f} MB of JSON")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=int, default=10_000)
    parser.add_argument("--minutes", type=int, default=60)
    given = parser.parse_args()
    clock = multiprocessing.shared_memory.SharedMemory(create=True, size=16)
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        ours.send(clock.name)
        asyncio.run(measure(ours.recv(), clock, given.feeds, given.minutes))
    finally:
        server.terminate()
        server.join()
        clock.close()
        clock.unlink()


if __name__ == "__main__":
    main()
