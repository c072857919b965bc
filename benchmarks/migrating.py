"""Months of an older mapping made anew under load, on a real Elasticsearch.

    python -m benchmarks.migrating [--mentions 1000000] [--rate 100]

So many mentions of ninety days are written into months of a mapping that today's differs from; then
`veille store migrate` runs while mentions of those months are written at a steady rate, a tenth of
a second apart, and others count them all without rest. It tells how long it took, how late live
mentions were, how often they were counted, and whether any was lost: no count may fail or fall.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from benchmarks.live_first import UNTIL, Live, tell_late
from benchmarks.pages_data import mentions
from streams.settings import Store as StoreSettings
from streams.store import es_shapes
from streams.store.elasticsearch import ElasticsearchStore
from streams.store.es_setup import connect, month_of
from streams.store.port import Filter
from tests.support.servers import Elasticsearch

BATCH = 2_000
MONTHS = [datetime(2026, month, 1, tzinfo=UTC) for month in range(7, 11)]


async def make_old_months(settings: StoreSettings) -> None:
    """Empty, with more room between title and text than today."""
    client = connect(settings)
    shape = es_shapes.body(es_shapes.MONTHLY, settings, analyzers=False)
    fold = shape["mappings"]["properties"]["fold"] | {"position_increment_gap": 100}
    for month in MONTHS:
        index = month_of(settings.prefix, month)
        await client.options(ignore_status=404).indices.delete(index=index)
        await client.indices.create(index=index, mappings={"properties": {"fold": fold}})
    await client.close()


async def fill(store: ElasticsearchStore, count: int) -> None:
    made = mentions(count, UNTIL)
    while some := list(islice(made, BATCH)):
        await store.write(some)


class Counting:
    """Asks how many there are, again and again."""

    def __init__(self, store: ElasticsearchStore) -> None:
        self._store = store
        self.times = 0
        self.slowest = 0.0
        self.last = 0

    async def run(self, ended: "asyncio.Task[int]") -> None:
        """Raises `SystemExit` where a mention that was there is gone."""
        while not ended.done():
            began = time.monotonic()
            total = (await self._store.count(Filter())).total
            self.slowest = max(self.slowest, time.monotonic() - began)
            if total < self.last:
                raise SystemExit(f"{total:,} mentions, after {self.last:,}")
            self.last = total
            self.times += 1
            await asyncio.sleep(0.05)


async def migrate(settings: StoreSettings) -> tuple[asyncio.subprocess.Process, float]:
    env = os.environ | {"VEILLE_STORE__URL": settings.url}
    command = [sys.executable, "-m", "streams.cli", "store", "migrate", "--json"]
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=subprocess.PIPE)
    return process, time.monotonic()


async def run(url: str, count: int, rate: int) -> None:
    settings = StoreSettings(url=url)
    store = ElasticsearchStore(settings)
    await store.open()
    await make_old_months(settings)
    began = time.monotonic()
    await fill(store, count)
    print(f"{count:,} mentions are there after {time.monotonic() - began:,.0f} s", flush=True)
    live, counting = Live(store, rate), Counting(store)
    await live.run(10)
    tell_late("before it", live.late)
    written = count + len(live.late)
    process, began = await migrate(settings)
    assert process.stdout
    output = asyncio.create_task(process.stdout.read())
    ended = asyncio.create_task(process.wait())
    reading = asyncio.create_task(counting.run(ended))
    await live.run_while(lambda: not ended.done())
    took = time.monotonic() - began
    await reading
    tell_late("beside it", live.late)
    told: dict[str, Any] = json.loads(await output)
    copied = sum(month["copied"] for month in told["remade"])
    waited = max(month["blocked_seconds"] for month in told["remade"])
    print(
        f"{copied:,} documents of {len(told['remade'])} months made anew in {took:,.0f} s; "
        f"writers to a month waited {waited:.1f} s at most; counted {counting.times:,} times, "
        f"the slowest in {1e3 * counting.slowest:,.0f} ms"
    )
    await asyncio.sleep(2 * settings.refresh_seconds)
    written += len(live.late)
    stored = (await store.count(Filter())).total
    await store.close()
    if stored != written or ended.result():
        raise SystemExit(f"{written:,} written, {stored:,} there; exit code {ended.result()}")
    print(f"{written:,} written, {stored:,} there")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mentions", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int, default=100, help="live mentions a second")
    asked = parser.parse_args()
    with Elasticsearch(heap_mb=1024) as server:
        asyncio.run(run(server.url, asked.mentions, asked.rate))


if __name__ == "__main__":
    main()
