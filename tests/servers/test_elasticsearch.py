"""What only a real Elasticsearch can show: faults, limits and setting up."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from elasticsearch import AsyncElasticsearch

from streams.errors import StoreError, StoreUnavailable
from streams.records import Mention
from streams.settings import Store as StoreSettings
from streams.store.elasticsearch import ElasticsearchStore
from streams.store.port import Filter
from tests.support.mentions import Case, elasticsearch_case, mention
from tests.support.servers import Elasticsearch, free_port

pytestmark = pytest.mark.elasticsearch


@pytest.fixture
async def case(elasticsearch: Elasticsearch) -> AsyncIterator[Case]:
    async with elasticsearch_case(elasticsearch.url) as made:
        yield made


def many(count: int, start: int = 0) -> list[Mention]:
    return [mention(number) for number in range(start, start + count)]


async def total(case: Case) -> int:
    return (await (await case.seen()).count(Filter())).total


async def set_index(case: Case, **settings: object) -> None:
    assert case.client is not None
    await case.client.indices.put_settings(
        index=f"{case.prefix}-mentions-*", settings={"index": settings}
    )


async def until_warned(caplog: pytest.LogCaptureFixture, words: str) -> None:
    async with asyncio.timeout(30):
        while words not in caplog.text:
            await asyncio.sleep(0.02)


async def test_a_full_disk_holds_the_writer_back_and_heals(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    await case.store.write(many(1))
    await set_index(case, **{"blocks.read_only_allow_delete": True})
    writing = asyncio.create_task(case.store.write(many(500)))
    await until_warned(caplog, "cluster_block_exception")
    assert not writing.done()
    await set_index(case, **{"blocks.read_only_allow_delete": None})
    report = await asyncio.wait_for(writing, 60)
    assert (report.stored, report.rejected) == (500, [])
    assert await total(case) == 500


async def test_kill_9_in_the_middle_of_writing_loses_nothing_and_reading_says_so(
    elasticsearch: Elasticsearch, case: Case
) -> None:
    async def write_all() -> int:
        reports = [await case.store.write(many(300, start)) for start in range(0, 3000, 300)]
        return sum(report.stored + report.stale for report in reports)

    writing = asyncio.create_task(write_all())
    await asyncio.sleep(0)
    while not await _holds_something(case):
        await asyncio.sleep(0.01)
    await asyncio.to_thread(elasticsearch.kill)
    try:
        with pytest.raises(StoreUnavailable):
            await case.store.count(Filter())
    finally:
        await asyncio.to_thread(elasticsearch.restart)
    assert await asyncio.wait_for(writing, 120) == 3000
    assert await total(case) == 3000


async def _holds_something(case: Case) -> bool:
    try:
        return await total(case) > 0
    except StoreUnavailable:
        return False  # the new index has no shard that answers yet


async def test_an_index_removed_while_writing_is_made_again(case: Case) -> None:
    await case.store.write(many(3))
    assert case.client is not None
    await case.client.indices.delete(index=f"{case.prefix}-mentions-2026.03")
    assert (await case.store.write(many(5))).stored == 5
    assert await total(case) == 5


async def test_a_request_too_large_is_split_to_the_one_document() -> None:
    with Elasticsearch(settings="http.max_content_length: 200kb", brief=True) as small:
        async with elasticsearch_case(small.url) as case:
            batch = [mention(n, post={"text": "x" * 3000}) for n in range(100)]
            giant = mention(999, post={"text": "y" * 300_000})
            report = await case.store.write([*batch, giant])
            assert report.stored == 100
            assert [found.record for found in report.rejected] == [giant]
            assert "413" in report.rejected[0].reason
            assert await total(case) == 100


async def test_opening_again_changes_nothing_and_keeps_the_data(
    elasticsearch: Elasticsearch, case: Case
) -> None:
    await case.store.write(many(3))
    again = ElasticsearchStore(StoreSettings(url=elasticsearch.url, prefix=case.prefix))
    await again.open()
    try:
        await case.seen()
        assert (await again.count(Filter())).total == 3
    finally:
        await again.close()


async def test_unknown_fields_are_refused_by_the_mapping(case: Case) -> None:
    assert case.client is not None
    answer = await case.client.indices.get_mapping(index=f"{case.prefix}-mentions-*")
    for found in answer.body.values():
        assert found["mappings"]["dynamic"] == "strict"
        assert found["mappings"]["properties"]["post"]["dynamic"] == "strict"


async def test_an_index_in_the_alias_s_place_is_named(elasticsearch: Elasticsearch) -> None:
    async with AsyncElasticsearch(elasticsearch.url) as client:
        await client.indices.create(index="taken-mentions")
        store = ElasticsearchStore(StoreSettings(url=elasticsearch.url, prefix="taken"))
        with pytest.raises(StoreError, match="taken-mentions is an index"):
            await store.open()
        await client.indices.delete(index="taken-mentions")


async def test_nobody_there() -> None:
    store = ElasticsearchStore(StoreSettings(url=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await store.open()


async def test_something_else_there() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps({"hello": "there"}).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
        writer.write(head.encode() + b"\r\nconnection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        store = ElasticsearchStore(StoreSettings(url=f"http://127.0.0.1:{port}"))
        with pytest.raises(StoreError, match="not Elasticsearch"):
            await store.open()


@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp://127.0.0.1:9200"])
async def test_an_odd_address_is_named(url: str) -> None:
    with pytest.raises(StoreError):
        await ElasticsearchStore(StoreSettings(url=url)).open()
