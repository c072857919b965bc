"""The index agent against the bulk API, on a real Elasticsearch, in one run.

    python -m benchmarks.indexing [--mentions 360000] [--round 12000] [--apart]

The agent does what it does behind Kafka: it reads messages of `veille.mentions` in slabs of 500,
writes them to the store, and acknowledges. The bare side sends the very same documents, made
beforehand, to indices of the same mapping: 1,000 in a request, two requests in flight. The client's
side gives the same documents, as dictionaries made beforehand, to the client's own helper,
`async_bulk`, the way most programs write. They take turns, round by round, since a machine is never
the same for two minutes; quote the ratios: of documents a second, and of processor time a document,
of server and sender together, which is what counts where others use the machine, too. With
`--apart` the sender has one core and the server the others, as where each has its machine (Linux
alone). At the end the agent's indices are merged to one segment each, and weighed.
"""

import argparse
import asyncio
import gc
import os
import statistics
import time
import traceback
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
from aiokafka import ConsumerRecord
from elasticsearch import AsyncElasticsearch
from elasticsearch.helpers import async_bulk

from benchmarks.pages_data import mentions
from connectors.kafka import BatchSender
from streams.agents import IndexAgent
from streams.ledger import Ledger
from streams.records import Mention
from streams.settings import Store as StoreSettings
from streams.slab import Slab
from streams.store.elasticsearch import ElasticsearchStore
from streams.store.es_bulk import MAX_ITEMS, Item
from streams.store.es_setup import connect, month_of
from streams.store.es_writes import Made, document, in_slices, stored_now
from streams.store.rules import body
from tests.support.servers import Elasticsearch

SLAB = 500
HISTORY_SECONDS = 65
"""So long after a flush the server keeps a second copy of what `_source` leaves out, for its own
history."""
AGENT, BARE, CLIENT = SIDES = ("agent", "bare", "client")


class Took(NamedTuple):
    """Seconds of one round: by the clock, of this process, and of the server."""

    wall: float
    here: float
    server: float


class _Event:
    """A Faust event of the slab transport."""

    def __init__(self, slab: Slab) -> None:
        self.value = slab
        self.acked = asyncio.Event()

    def ack(self) -> None:
        self.acked.set()


class _Stream:
    def __init__(self, events: Sequence[_Event]) -> None:
        self._events = events

    def noack(self) -> "_Stream":
        return self

    async def events(self) -> AsyncIterator[_Event]:
        for event in self._events:
            yield event
            await asyncio.sleep(0)


async def _crash(error: BaseException) -> None:
    traceback.print_exception(error)
    os._exit(1)


def slabs(some: Sequence[Mention], first: int) -> list[_Event]:
    """The mentions as the transport would hand them to the agent."""
    rows = [
        ConsumerRecord(
            topic="veille.mentions", partition=0, offset=first + place,
            timestamp=int(one.processed_at.timestamp() * 1000), timestamp_type=0,
            key=one.post.id.encode(), value=msgspec.json.encode(one), checksum=None,
            serialized_key_size=0, serialized_value_size=0, headers=(),
        )
        for place, one in enumerate(some)
    ]  # fmt: skip
    return [_Event(Slab(part, 0)) for part in in_slices(rows, SLAB)]


def items(some: Sequence[Mention], prefix: str) -> list[Item]:
    """The same documents, made."""
    now = stored_now()
    return [
        Item(
            month_of(prefix, one.post.created_at),
            one.id,
            document(Made(one, body(one)[0]), now),
            one.version,
        )
        for one in some
    ]


def requests(some: Sequence[Mention]) -> list[bytes]:
    """As bodies of bulk requests."""
    lines = [item.lines() for item in items(some, BARE)]
    return [b"".join(part) for part in in_slices(lines, MAX_ITEMS)]


def actions(some: Sequence[Mention]) -> list[dict[str, Any]]:
    """As the client's helper takes them."""
    return [
        {
            "_index": item.index,
            "_id": item.id,
            "version": item.version,
            "version_type": "external_gte",
            "_source": msgspec.json.decode(item.body),
        }
        for item in items(some, CLIENT)
    ]


class Contest:
    """All sides on one server."""

    def __init__(self, server: Elasticsearch) -> None:
        self._server = server
        self._url = url = server.url
        self._client = connect(StoreSettings(url=url))
        self._plain = AsyncElasticsearch(url)
        self.store = ElasticsearchStore(StoreSettings(url=url, prefix=AGENT))

    async def open(self, months: set[datetime]) -> None:
        """Templates and months of all, so that no round has to create them."""
        await self.store.open()
        for prefix in (BARE, CLIENT):
            twin = ElasticsearchStore(StoreSettings(url=self._url, prefix=prefix))
            await twin.open()
            await twin.close()
        for prefix in SIDES:
            for index in {month_of(prefix, month) for month in months}:
                await self._client.options(ignore_status=400).indices.create(index=index)

    async def close(self) -> None:
        await self.store.close()
        await self._plain.close()
        await self._client.close()

    async def agent(self, events: Sequence[_Event]) -> Took:
        ledger = Ledger()
        agent = IndexAgent(
            store=self.store, sender=cast("BatchSender", None), dead="", ledger=ledger, crash=_crash
        )
        wanted = sum(len(event.value.records) for event in events)
        since = self._now()
        await agent.run(_Stream(events))
        for event in events:
            await event.acked.wait()
        took = self._took(since)
        if ledger.stored != wanted:
            raise SystemExit(f"{wanted} mentions, of which {ledger.stored} were stored")
        return took

    async def bare(self, bodies: Sequence[bytes]) -> Took:
        waiting = list(bodies)
        since = self._now()
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(self._send(waiting))
        return self._took(since)

    async def _send(self, waiting: list[bytes]) -> None:
        headers = {"content-type": "application/x-ndjson", "accept": "application/json"}
        while waiting:
            answer = await self._client.perform_request(
                "POST", "/_bulk", params={"filter_path": "errors"}, headers=headers,
                body=waiting.pop(0),
            )  # fmt: skip
            if answer.body["errors"]:
                raise SystemExit(f"the bare bulk failed: {answer.body}")

    async def client(self, some: Sequence[dict[str, Any]]) -> Took:
        since = self._now()
        done, _ = await async_bulk(self._plain, some, chunk_size=MAX_ITEMS)
        if done != len(some):
            raise SystemExit(f"the client's bulk wrote {done} of {len(some)}")
        return self._took(since)

    async def weigh(self) -> tuple[int, int]:
        """Documents and bytes of the agent's months, merged to one segment each."""
        months = f"{AGENT}-mentions-*"
        await self._client.indices.flush(index=months, force=True)
        await asyncio.sleep(HISTORY_SECONDS)
        await self._client.options(request_timeout=600).indices.forcemerge(
            index=months, max_num_segments=1
        )
        await self._client.indices.flush(index=months, force=True)
        stats = await self._client.indices.stats(index=months, metric=["docs", "store"])
        whole = stats.body["_all"]["primaries"]
        return whole["docs"]["count"], whole["store"]["size_in_bytes"]

    def _now(self) -> Took:
        return Took(time.perf_counter(), time.process_time(), spent_by(self._server.group))

    def _took(self, since: Took) -> Took:
        return Took(*(b - a for a, b in zip(since, self._now(), strict=True)))


def spent_by(group: int) -> float:
    """Seconds of processor time of a group's processes, as Linux tells them."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[2]) == group:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def run(server: Elasticsearch, count: int, size: int) -> None:
    contest = Contest(server)
    made = mentions(count, datetime(2026, 10, 1, tzinfo=UTC))
    rounds: list[dict[str, Took]] = []
    await contest.open({datetime(2026, month, 1, tzinfo=UTC) for month in range(7, 11)})
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)  # as the worker does
    done = 0
    while some := list(islice(made, size)):
        first = len(rounds) % len(SIDES)
        took: dict[str, Took] = {}
        for side in SIDES[first:] + SIDES[:first]:
            if side == AGENT:
                took[side] = await contest.agent(slabs(some, done))
            elif side == BARE:
                took[side] = await contest.bare(requests(some))
            else:
                took[side] = await contest.client(actions(some))
        rounds.append(took)
        done += len(some)
        tell(len(some), took)
    warm = rounds[len(rounds) // 3 :]
    for other in (BARE, CLIENT):
        summary(other, "documents a second", [one[other].wall / one[AGENT].wall for one in warm])
        summary(other, "processor time", [work(one[other]) / work(one[AGENT]) for one in warm])
    documents, weight = await contest.weigh()
    print(f"disk: {documents:,} documents, {weight / documents:,.0f} MB a million")
    await contest.close()


def work(took: Took) -> float:
    return took.here + took.server


def tell(size: int, took: dict[str, Took]) -> None:
    rates = ", ".join(f"{side} {size / took[side].wall:6,.0f}/s" for side in SIDES)
    spent = ", ".join(
        "{} {:.0f} + {:.0f}".format(side, *(1e6 * each / size for each in took[side][1:]))
        for side in SIDES
    )
    print(f"{rates}; µs a document here + in the server: {spent}", flush=True)


def summary(other: str, what: str, shares: Sequence[float]) -> None:
    name = {BARE: "the bare bulk API", CLIENT: "the client's helper"}[other]
    print(
        f"by {what}: the agent has {statistics.median(shares):.2f} of {name} "
        f"(median of {len(shares)} rounds, {min(shares):.2f}-{max(shares):.2f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mentions", type=int, default=360_000)
    parser.add_argument("--round", type=int, default=12_000)
    parser.add_argument("--apart", action="store_true", help="the sender has a core of its own")
    asked = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0)) if asked.apart else []
    if cores:
        os.sched_setaffinity(0, cores[:-1])  # the server inherits it
    with Elasticsearch(heap_mb=1024) as server:
        if cores:
            os.sched_setaffinity(0, cores[-1:])
        asyncio.run(run(server, asked.mentions, asked.round))


if __name__ == "__main__":
    main()
