"""A month made anew on the real Elasticsearch, while it is written, read, labelled and erased."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from connectors.post import Author
from streams.errors import StoreError, StoreUnavailable
from streams.records import Label, Mention, Retraction
from streams.settings import Store as StoreSettings
from streams.store import erasures
from streams.store.elasticsearch import ElasticsearchStore
from streams.store.es_months import Month
from streams.store.es_remake import Remake
from streams.store.making import KIND, half_done
from streams.store.port import Filter
from tests.support import proxy as faults
from tests.support.mentions import Case, at, elasticsearch_case, mention
from tests.support.proxy import Proxy
from tests.support.servers import Elasticsearch

pytestmark = pytest.mark.elasticsearch

MAY = datetime(2026, 5, 2, tzinfo=UTC)
MARCH_NAME = "mentions-2026.03"
GONE = Author(id="a-7", handle="gone")


@pytest.fixture
async def case(elasticsearch: Elasticsearch) -> AsyncIterator[Case]:
    async with elasticsearch_case(elasticsearch.url) as made:
        yield made


def store_of(case: Case) -> ElasticsearchStore:
    assert isinstance(case.store, ElasticsearchStore)
    return case.store


def march(case: Case) -> str:
    return f"{case.prefix}-{MARCH_NAME}"


async def month(case: Case, name: str = "") -> Month:
    return await store_of(case).remake().months.one(name or march(case))


async def documents(case: Case) -> dict[str, dict[str, Any]]:
    """Everything in every month, tombstones too, by id."""
    await case.seen()
    assert case.client is not None
    found: dict[str, dict[str, Any]] = {}
    body: dict[str, Any] = {"size": 5000, "sort": [{"id": "asc"}], "version": True}
    while hits := (await case.client.search(index=f"{case.prefix}-mentions-*", **body))["hits"][
        "hits"
    ]:
        for hit in hits:
            assert hit["_id"] not in found, "a document is there twice"
            assert hit["_version"] == hit["_source"]["version"]
            found[hit["_id"]] = hit["_source"]
        body["search_after"] = hits[-1]["sort"]
    return found


class Load:
    """Who writes and who asks while months are made anew: what was acknowledged is to be seen."""

    def __init__(self, case: Case) -> None:
        self.store = case.store
        self._case = case
        self.given = self.seen = 0
        self.counts = 0
        self.wanted: dict[str, Mention] = {}
        self._stop = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work()) for work in (self._write, self._edit, self._count)]
            try:
                yield
            finally:
                self._stop.set()
        assert all(task.done() for task in tasks)

    async def _write(self) -> None:
        number = 10_000
        while not self._stop.is_set():
            batch = [mention(n) for n in range(number, number + 10)]
            batch += [mention(n, created=MAY) for n in range(number + 10, number + 20)]
            number += 20
            self.given += len(batch)
            assert (await self.store.write(batch)).stored == len(batch)
            self.wanted |= {one.id: one for one in batch}
            await self._case.seen()
            self.seen += len(batch)

    async def _edit(self) -> None:
        """The same post again and again, each time newer."""
        for version in range(2, 100_000):
            if self._stop.is_set():
                return
            edited = mention(1, version=version, post={"text": f"text {version}"})
            await self.store.write([edited])
            self.wanted[edited.id] = edited
            await asyncio.sleep(0.01)

    async def _count(self) -> None:
        while not self._stop.is_set():
            least = self.seen
            found = (await self.store.count(Filter(topics=("brand",)))).total
            assert least <= found - 300 <= self.given
            self.counts += 1


async def fill(case: Case) -> None:
    """300 mentions of `brand` in two months, and 40 of `gone`, of which 10 are tombstones."""
    await case.store.write([mention(n) for n in range(1, 201)])
    await case.store.write([mention(n, created=MAY) for n in range(201, 301)])
    gone = [mention(n, topic="gone", author=GONE if n < 420 else None) for n in range(400, 440)]
    await case.store.write(gone)
    await case.store.write([Retraction(post_id=f"test:{n}", version=5) for n in range(430, 440)])
    await case.seen()


async def test_nothing_is_lost_nor_doubled_under_load(case: Case) -> None:
    await fill(case)
    before, load = await documents(case), Load(case)
    may = f"{case.prefix}-mentions-2026.05"
    labelled, retracted = mention(5), mention(425, topic="gone")
    async with load.running():
        for round_number in (1, 2):
            remaking = asyncio.create_task(store_of(case).remake().run(march(case)))
            label = Label(mention_id=labelled.id, labeled_at=at(round_number), sentiment="neg")
            await case.store.add_labels([label])
            await case.store.write(
                [Retraction(post_id=retracted.post.id, version=7 + round_number)]
            )
            erased = erasures.author_keys("test", "a-7")
            await case.store.add_erasures(
                [erasures.erasure(key, erasures.new_salt(), at(0)) for key in erased]
            )
            theirs = Filter(topics=("gone",), author="gone")
            await case.store.write((await case.store.search(theirs, limit=100)).mentions)
            remade = await remaking
            assert remade.index == f"{case.prefix}-month-2026.03-{round_number}"
            assert remade.copied >= 240
            assert remade.blocked_seconds < 10
        assert (await store_of(case).remake().run(may)).month == may
    assert load.counts > 10
    assert load.seen > 40
    after = await documents(case)
    assert set(after) == set(before) | set(load.wanted)
    for id_, wanted in load.wanted.items():
        assert after[id_]["version"] == wanted.version
        assert after[id_]["post"]["text"] == wanted.post.text
    assert after[labelled.id]["tone"] == "neg"
    assert after[retracted.id]["deleted"]
    assert not [one for one in after.values() if "a-7" in str(one) or "gone" in str(one["post"])]
    assert await case.store.states(KIND) == {}
    assert not (await month(case)).copies


@pytest.mark.parametrize(
    ("step", "blocked"),
    [
        pytest.param("PUT /{copy}", False, marks=pytest.mark.long),
        pytest.param("POST /{old}/_refresh", False, marks=pytest.mark.long),
        pytest.param("PUT /{old}/_block/write", False, marks=pytest.mark.long),
        ("after PUT /{old}/_block/write", True),
        ("after POST /_aliases", True),
    ],
)
async def test_killed_at_any_step_it_goes_on(
    elasticsearch: Elasticsearch, case: Case, step: str, blocked: bool
) -> None:
    await fill(case)
    before, name = await documents(case), march(case)
    step = step.format(old=name, copy=f"{case.prefix}-month-2026.03-1")
    program = (sys.executable, "-m", "tests.support.killed_remake")
    child = await asyncio.create_subprocess_exec(
        *program, elasticsearch.url, case.prefix, name, step
    )
    assert await asyncio.wait_for(child.wait(), 60) == -9
    assert "`veille store migrate`" in (await half_done(case.store))[0]
    assert (await month(case)).blocked == blocked
    waiting = asyncio.create_task(case.store.write([mention(500)]))
    remade = await store_of(case).remake().run(name)
    assert remade.resumed == (step != f"PUT /{case.prefix}-month-2026.03-1")
    assert (await asyncio.wait_for(waiting, 30)).stored == 1
    after = await documents(case)
    assert after == before | {mention(500).id: after[mention(500).id]}
    assert await half_done(case.store) == []


async def stalled(remake: Remake, wanted: str, name: str) -> None:
    """Run until the first answer about `wanted`, then be cancelled."""
    ask, running = remake.ask, asyncio.current_task()
    assert running is not None

    async def stopping(method: str, path: str, body: Any = None) -> Any:
        answer = await ask(method, path, body)
        if wanted in path:
            remake.ask = ask
            running.cancel()
            await asyncio.sleep(0)
        return answer

    remake.ask = stopping
    await remake.run(name)


async def test_cancelled_it_lets_writers_go_on(case: Case) -> None:
    await fill(case)
    before, name = await documents(case), march(case)
    for wanted in ("_search", "_block", "_count", "_aliases"):
        running = asyncio.create_task(stalled(store_of(case).remake(), wanted, name))
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await month(case)).blocked == (wanted == "_aliases")
    assert (await store_of(case).remake().run(name)).resumed
    assert await documents(case) == before


async def test_given_up_it_leaves_no_trace(case: Case) -> None:
    await fill(case)
    before, name = await documents(case), march(case)
    remake = store_of(case).remake("reprocess --topic brand")

    def fails(found: Mention) -> Mention:
        raise StoreError("no model")

    with pytest.raises(StoreError, match="no model"):
        await remake.run(name, replace=fails)
    with pytest.raises(StoreError, match="veille reprocess --topic brand"):
        await store_of(case).remake().run(name)
    await store_of(case).remake().abandon(name)
    assert (await month(case)).copies == ()
    assert await half_done(case.store) == []
    assert await documents(case) == before


async def test_mentions_are_replaced_taken_away_and_added(case: Case) -> None:
    await fill(case)
    extra = [mention(n, topic="new", author=GONE if n == 700 else None) for n in range(700, 705)]
    label = Label(mention_id=extra[1].id, labeled_at=at(1), sentiment="pos")
    await case.store.add_labels([label])
    await case.store.write([Retraction(post_id=extra[2].post.id, version=9)])
    keys = erasures.author_keys("test", "a-7")
    await case.store.add_erasures([erasures.erasure(k, erasures.new_salt(), at(0)) for k in keys])
    flipped = msgspec.structs.replace(mention(3).sentiment, label="neg")

    def anew(found: Mention) -> Mention | None:
        if found.post.id == "test:2":
            return None
        return (
            msgspec.structs.replace(found, sentiment=flipped)
            if found.id == mention(3).id
            else found
        )

    remade = await store_of(case).remake("reprocess").run(march(case), replace=anew, extra=extra)
    assert (remade.changed, remade.dropped, remade.added) == (1, 1, 4)
    await case.seen()
    assert await case.store.get(mention(2).id) is None
    found = await case.store.get(mention(3).id)
    assert found is not None
    assert found.sentiment.label == "neg"
    new = await case.store.search(Filter(topics=("new",)))
    assert {one.id for one in new.mentions} == {extra[1].id, extra[3].id, extra[4].id}
    assert (await case.store.count(Filter(topics=("new",), sentiments=("pos",)))).total == 1


async def test_a_foreign_document_stops_it_and_nothing_is_lost(case: Case) -> None:
    await fill(case)
    assert case.client is not None
    await case.client.index(index=march(case), id="foreign", document={"id": "foreign"})
    before = await documents_but_foreign(case)
    with pytest.raises(StoreError, match="'foreign' is none of Veille's"):
        await store_of(case).remake().run(march(case))
    assert (await case.store.write([mention(501)])).stored == 1
    await case.client.delete(index=march(case), id="foreign")
    assert (await store_of(case).remake().run(march(case))).resumed
    assert set(await documents(case)) == before | {mention(501).id}


async def documents_but_foreign(case: Case) -> set[str]:
    await case.seen()
    assert case.client is not None
    asked = {"bool": {"must_not": [{"ids": {"values": ["foreign"]}}]}}
    found = await case.client.search(index=f"{case.prefix}-mentions-*", query=asked, size=5000)
    return {hit["_id"] for hit in found["hits"]["hits"]}


async def test_a_store_opens_and_writes_where_a_month_is_an_alias(
    elasticsearch: Elasticsearch, case: Case
) -> None:
    await fill(case)
    start = (await case.store.arrivals("", where=Filter())).cursor
    before = {id_: one["stored_at"] for id_, one in (await documents(case)).items()}
    await store_of(case).remake().run(march(case))
    assert {id_: one["stored_at"] for id_, one in (await documents(case)).items()} == before
    await case.store.close()
    await case.store.open()
    await case.store.write([mention(600), mention(1, version=3)])
    found: set[str] = set()
    async with asyncio.timeout(20):
        while not found >= {mention(600).id, mention(1).id}:
            page = await case.store.arrivals(start, where=Filter(), limit=1000)
            found, start = found | {one.id for one in page.mentions}, page.cursor


async def test_a_question_that_is_cut_off_is_asked_again(
    elasticsearch: Elasticsearch, case: Case
) -> None:
    """As the server answers when an index goes under a question: alone, or one of several."""
    await fill(case)
    alone = faults.refuses(503, b'{"error": {"type": "search_phase_execution_exception"}}')
    of_several = faults.answers(b'{"_shards": {"total": 3, "successful": 2, "failed": 1}}')
    async with Proxy(elasticsearch.url) as proxy:
        store = ElasticsearchStore(StoreSettings(url=proxy.url, prefix=case.prefix))
        await store.open()
        try:
            for fault in (alone, of_several):
                proxy.inject(fault, path="_search")
                assert (await store.count(Filter())).total == 330
                proxy.inject(fault, path="_search", times=2)
                with pytest.raises(StoreUnavailable):
                    await store.count(Filter())
            assert proxy.met == 6
        finally:
            await store.close()
