"""How many events of Jetstream one core reads, and whether memory stays flat.

    python -m benchmarks.jetstream [--events N]

A server of its own process sends new posts as Jetstream does, as fast as they are taken. The
figures are of the reading process alone: events a second of its processor time, and its memory
after a tenth and at the end.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from connectors.base import Context
from connectors.bluesky import Bluesky

_TEXT = "A note about trains, coffee and the weather in the north. " * 3


def event(number: int) -> str:
    """A new post, as the protocol writes it."""
    at = 1_780_000_000_000_000 + number * 200
    record = {
        "$type": "app.bsky.feed.post",
        "text": f"{_TEXT}nº {number}",
        "createdAt": "2026-05-28T20:26:40.000Z",
        "langs": ["en"],
        "facets": [],
    }
    commit = {
        "rev": f"r{number}",
        "operation": "create",
        "collection": "app.bsky.feed.post",
        "rkey": f"3k{number:011d}",
        "record": record,
        "cid": f"bafyrei{number:020d}",
    }
    return json.dumps(
        {
            "did": f"did:plc:{number % 50_000:024d}",
            "time_us": at,
            "kind": "commit",
            "commit": commit,
        }
    )


def _serve(pipe: Connection, events: int) -> None:
    prepared = [event(number) for number in range(5_000)]

    async def send(connection: ServerConnection) -> None:
        for number in range(events):
            await connection.send(prepared[number % 5_000])

    async def run() -> None:
        async with serve(send, "127.0.0.1", 0, compression=None) as server:
            pipe.send(next(iter(server.sockets)).getsockname()[1])
            await asyncio.Event().wait()

    asyncio.run(run())


def _memory() -> float:
    """Resident megabytes now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def read(port: int, events: int) -> dict[str, Any]:
    """Figures of reading so many events."""
    context = Context(
        options={"base_url": f"ws://127.0.0.1:{port}", "silence": 5},
        allow_hosts=frozenset({"127.0.0.1"}),
    )
    count, early = 0, 0.0
    began, used = time.perf_counter(), time.process_time()
    async for step in Bluesky(context).posts(None):
        count += step.post is not None
        if count == events // 10 and not early:
            early = _memory()
        if count >= events:
            break
    wall, spent = time.perf_counter() - began, time.process_time() - used
    return {
        "events": count,
        "events_per_cpu_second": round(count / spent),
        "events_per_second": round(count / wall),
        "megabytes_early": round(early),
        "megabytes_end": round(_memory()),
        "megabytes_peak": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=100_000)
    given = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_serve, args=(theirs, given.events), daemon=True)
    server.start()
    try:
        print(json.dumps(asyncio.run(read(ours.recv(), given.events))))
    finally:
        server.terminate()


if __name__ == "__main__":
    main()
