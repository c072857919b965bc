"""How late live mentions are stored while the past is written beside them, on a real Elasticsearch.

    python -m benchmarks.live_first [--seconds 60] [--rounds 2] [--rate 200]

Live mentions come at a steady rate and are written each tenth of a second, as the index agent
does; each is late by the time from when it was due until the store had it. A process of its own
writes the past in batches of 2,000, as `veille store rebuild` does: not at all, greedily, or by
`streams.yielding`. The three take turns.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from benchmarks.pages_data import mentions
from connectors.post import utc_now
from streams.records import Mention
from streams.settings import Store as StoreSettings
from streams.store.elasticsearch import ElasticsearchStore
from streams.yielding import Yielding
from tests.support.servers import Elasticsearch

PAST: Final = ("none", "greedy", "yielding")
BATCH: Final = 2_000
EVERY: Final = 0.1
UNTIL: Final = datetime(2026, 10, 1, tzinfo=UTC)
_MOST: Final = 1_000_000


class Live:
    """Mentions that come at a rate; their lateness in seconds."""

    def __init__(self, store: ElasticsearchStore, rate: int) -> None:
        self._store = store
        self._size = max(1, round(rate * EVERY))
        self._made = mentions(_MOST, UNTIL, seed=2)
        self._due: list[tuple[float, list[Mention]]] = []
        self.late: list[float] = []

    async def run(self, seconds: float) -> None:
        self.late = []
        end = time.monotonic() + seconds
        beat = asyncio.create_task(self._tell())
        source = asyncio.create_task(self._come(end))
        while not source.done() or self._due:
            if self._due:
                taken, self._due = self._due, []
                await self._store.write([one for _, some in taken for one in some])
                now = time.monotonic()
                self.late += [now - due for due, some in taken for _ in some]
            else:
                await asyncio.sleep(EVERY / 10)
        beat.cancel()

    async def _come(self, end: float) -> None:
        due = time.monotonic()
        while due < end:
            self._due.append((due, list(islice(self._made, self._size))))
            due += EVERY
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _tell(self) -> None:
        """As a worker's heartbeat does."""
        while True:
            lag = {"veille.mentions": sum(len(some) for _, some in self._due)}
            state = {"seen_at": utc_now().isoformat(), "lag": lag}
            await self._store.put_state("worker", "live", state)
            await asyncio.sleep(1)


async def write_past(url: str, seed: int, *, yields: bool) -> None:
    """Until it is ended; tells how many after each batch."""
    store = ElasticsearchStore(StoreSettings(url=url))
    await store.open()
    turns = Yielding(store)
    made, done = mentions(_MOST, UNTIL, seed=seed), 0
    while some := list(islice(made, BATCH)):
        if yields:
            async for piece in turns.pieces(some):
                await store.write(piece)
        else:
            await store.write(some)
        done += len(some)
        print(done, flush=True)


async def measure(live: Live, url: str, past: str, seconds: float, seed: int) -> tuple[float, ...]:
    """Median and 95th percentile of lateness (seconds), and mentions of the past a second."""
    if past == "none":
        await live.run(seconds)
        return (*of(live.late), 0.0)
    command = [sys.executable, "-m", "benchmarks.live_first", "--url", url]
    command += ["--past", past, "--seed", str(seed)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert process.stdout
    await process.stdout.readline()  # its first batch is in
    try:
        await live.run(seconds)
    finally:
        process.terminate()
    told = (await process.stdout.read()).split()
    await process.wait()
    return (*of(live.late), (int(told[-1]) - BATCH) / seconds if told else 0.0)


def of(late: Sequence[float]) -> tuple[float, float]:
    cut = statistics.quantiles(late, n=20)
    return cut[9], cut[18]


async def run(url: str, seconds: float, rounds: int, rate: int) -> None:
    store = ElasticsearchStore(StoreSettings(url=url))
    await store.open()
    live = Live(store, rate)
    await live.run(seconds / 4)  # the server's code is cold
    for number in range(rounds):
        for past in PAST:
            middle, late, filled = await measure(live, url, past, seconds, 10 + number)
            print(
                f"past {past:8}: live mentions are stored after {1e3 * middle:5,.0f} ms "
                f"(p95 {1e3 * late:6,.0f} ms); {filled:6,.0f} of the past a second",
                flush=True,
            )
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rate", type=int, default=200, help="live mentions a second")
    parser.add_argument("--past", choices=PAST[1:])
    parser.add_argument("--url")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if asked.past:
        asyncio.run(write_past(asked.url, asked.seed, yields=asked.past == "yielding"))
        return
    with Elasticsearch(heap_mb=1024) as server:
        asyncio.run(run(server.url, asked.seconds, asked.rounds, asked.rate))


if __name__ == "__main__":
    main()
