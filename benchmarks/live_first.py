"""How late live mentions are stored while the past is written beside them, on a real Elasticsearch.

    python -m benchmarks.live_first [--seconds 60] [--rounds 2] [--rate 200] [--fill 1000000]

Live mentions come at a steady rate and are written each tenth of a second, as the index agent
does; each is late by the time from when it was due until the store had it. A process of its own
writes the past in batches of 2,000, as `veille store rebuild` does: not at all, greedily, or by
`streams.yielding`. The three take turns. `--fill` writes so many of the past to the end instead,
by `streams.yielding`, and tells how late live mentions were before it and beside it.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Final

import msgspec

from benchmarks.pages_data import mentions
from connectors.post import utc_now
from streams.records import Mention
from streams.settings import Store as StoreSettings
from streams.store.elasticsearch import ElasticsearchStore
from streams.store.port import Filter
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
        made = mentions(_MOST, UNTIL, seed=2)
        self._made = (msgspec.structs.replace(one, id=f"live-{one.id}") for one in made)
        self._due: list[tuple[float, list[Mention]]] = []
        self.late: list[float] = []

    async def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        await self.run_while(lambda: time.monotonic() < end)

    async def run_while(self, more: Callable[[], bool]) -> None:
        self.late = []
        beat = asyncio.create_task(self._tell())
        source = asyncio.create_task(self._come(more))
        while not source.done() or self._due:
            if self._due:
                taken, self._due = self._due, []
                await self._store.write([one for _, some in taken for one in some])
                now = time.monotonic()
                self.late += [now - due for due, some in taken for _ in some]
            else:
                await asyncio.sleep(EVERY / 10)
        beat.cancel()

    async def _come(self, more: Callable[[], bool]) -> None:
        due = time.monotonic()
        while more():
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


async def write_past(url: str, seed: int, count: int, *, yields: bool) -> None:
    """Until it is ended or there are so many; tells how many after each batch."""
    store = ElasticsearchStore(StoreSettings(url=url))
    await store.open()
    turns = Yielding(store)
    made, done = mentions(count, UNTIL, seed=seed), 0
    while some := list(islice(made, BATCH)):
        if yields:
            async for piece in turns.pieces(some):
                await store.write(piece)
        else:
            await store.write(some)
        done += len(some)
        print(done, flush=True)
    await store.close()


async def measure(live: Live, url: str, past: str, seconds: float, seed: int) -> tuple[float, ...]:
    """Median and 95th percentile of lateness (seconds), and mentions of the past a second."""
    if past == "none":
        await live.run(seconds)
        return (*of(live.late), 0.0)
    process = await begin(url, past, seed, _MOST)
    assert process.stdout
    await process.stdout.readline()  # its first batch is in
    try:
        await live.run(seconds)
    finally:
        process.terminate()
    told = (await process.stdout.read()).split()
    await process.wait()
    return (*of(live.late), (int(told[-1]) - BATCH) / seconds if told else 0.0)


async def begin(url: str, past: str, seed: int, count: int) -> asyncio.subprocess.Process:
    """A process that writes so many of the past."""
    command = [sys.executable, "-m", "benchmarks.live_first", "--url", url, "--past", past]
    command += ["--seed", str(seed), "--fill", str(count)]
    return await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)


def of(late: Sequence[float]) -> tuple[float, float]:
    cut = statistics.quantiles(late, n=20)
    return cut[9], cut[18]


async def fill(store: ElasticsearchStore, live: Live, url: str, seconds: float, count: int) -> None:
    """The past written to its end beside live mentions."""
    await live.run(seconds)
    tell_late("before it", live.late)
    await asyncio.sleep(2 * StoreSettings().refresh_seconds)
    before = (await store.count(Filter())).total
    began = time.monotonic()
    process = await begin(url, "yielding", 3, count)
    assert process.stdout
    ended = asyncio.create_task(process.wait())
    drain = asyncio.create_task(process.stdout.read())
    await live.run_while(lambda: not ended.done())
    await drain
    took = time.monotonic() - began
    tell_late("beside it", live.late)
    await asyncio.sleep(2 * StoreSettings().refresh_seconds)
    stored = (await store.count(Filter())).total - before
    print(
        f"the past: {count:,} in {took:,.0f} s, {count / took:,.0f} a second; exit code "
        f"{process.returncode}; stored {stored:,} with {len(live.late):,} live ones"
    )


def tell_late(when: str, late: Sequence[float]) -> None:
    cut = statistics.quantiles(late, n=100)
    print(
        f"{when}: {len(late):,} live mentions are stored after {1e3 * cut[49]:,.0f} ms "
        f"(p95 {1e3 * cut[94]:,.0f}, p99 {1e3 * cut[98]:,.0f}, at most {1e3 * max(late):,.0f} ms)",
        flush=True,
    )


async def run(url: str, seconds: float, rounds: int, rate: int, count: int) -> None:
    store = ElasticsearchStore(StoreSettings(url=url))
    await store.open()
    live = Live(store, rate)
    await live.run(seconds / 4)  # the server's code is cold
    if count:
        await fill(store, live, url, seconds, count)
        rounds = 0
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
    parser.add_argument("--fill", type=int, default=0, help="mentions of the past, to the end")
    parser.add_argument("--past", choices=PAST[1:])
    parser.add_argument("--url")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if asked.past:
        yields = asked.past == "yielding"
        asyncio.run(write_past(asked.url, asked.seed, asked.fill, yields=yields))
        return
    with Elasticsearch(heap_mb=1024) as server:
        asyncio.run(run(server.url, asked.seconds, asked.rounds, asked.rate, asked.fill))


if __name__ == "__main__":
    main()
