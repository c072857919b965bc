"""A story to write into a store while it is broken, and what must be in it at the end."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from elasticsearch import AsyncElasticsearch

from streams.records import Mention, Record, Retraction
from streams.settings import Store as StoreSettings
from streams.store.elasticsearch import ElasticsearchStore
from streams.store.port import Filter, Store, WriteReport
from tests.support.mentions import Case, at, elasticsearch_case, mention
from tests.support.proxy import Proxy
from tests.support.replays import Difference, assert_same

BATCH = 200
Wanted = dict[str, Mention]


def story(seed: int, posts: int = 600) -> tuple[list[Record], Wanted]:
    """Versions of posts in two months, edits, deletions, repeats: shuffled; and what stays."""
    rng = random.Random(seed)
    records: list[Record] = []
    wanted: Wanted = {}
    for number in range(posts):
        versions = [_version(number, v) for v in range(1, rng.randint(2, 4))]
        wanted[versions[-1].id] = versions[-1]
        records += [*versions, rng.choice(versions)]
        if number % 10 == 0:
            records.append(Retraction(post_id=f"test:{number}", version=10))
            del wanted[versions[-1].id]
    rng.shuffle(records)
    return records, wanted


def _version(number: int, version: int) -> Mention:
    text = {"text": f"post {number} version {version}"}
    return mention(number, version=version, created=at(number * 4000), post=text)


async def write_all(store: Store, records: Sequence[Record]) -> WriteReport:
    """In batches; the sum of what the store says."""
    stored = stale = retracted = 0
    rejected = []
    for start in range(0, len(records), BATCH):
        report = await store.write(records[start : start + BATCH])
        stored, stale = stored + report.stored, stale + report.stale
        retracted += report.retracted
        rejected += report.rejected
    return WriteReport(stored=stored, stale=stale, retracted=retracted, rejected=rejected)


async def all_in(store: Store) -> Wanted:
    """Every live mention by id."""
    found: Wanted = {}
    cursor = ""
    while True:
        page = await store.search(Filter(), limit=1000, cursor=cursor)
        found |= {one.id: one for one in page.mentions}
        if not (cursor := page.cursor):
            return found


async def account(case: Case, wanted: Wanted) -> Difference:
    """Lost 0, extra 0, wrong version 0."""
    return assert_same(await all_in(await case.seen()), wanted)


@asynccontextmanager
async def behind(proxy: Proxy, case: Case, seconds: float = 30) -> AsyncIterator[Store]:
    """The case's store as it is reached through the proxy, giving up on a request after so long."""
    settings = StoreSettings(url=proxy.url, prefix=case.prefix, timeout_seconds=seconds)
    store = ElasticsearchStore(settings)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def proxied(url: str, seconds: float = 30) -> AsyncIterator[tuple[Proxy, Store, Case]]:
    """A store behind a proxy, and the same store without it to look at the end."""
    async with (
        elasticsearch_case(url) as case,
        Proxy(url) as proxy,
        behind(proxy, case, seconds) as store,
    ):
        yield proxy, store, case


def client_of(case: Case) -> AsyncElasticsearch:
    """The way to the server that no fault is in."""
    assert case.client is not None
    return case.client


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for it, with a bound, while the loop goes on."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
