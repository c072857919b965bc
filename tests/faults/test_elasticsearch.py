"""Elasticsearch overloaded, blocked, cut off, killed and misconfigured.

Nothing is lost, nothing counts twice, and no fault of the server's makes a dead letter.
"""

import asyncio
import time

import pytest

from streams.errors import StoreError
from streams.records import Label, Mention, Record, Retraction
from streams.settings import Store as StoreSettings
from streams.store import es_check
from streams.store.port import Filter
from tests.faults.arena import record
from tests.faults.stores import (
    account,
    all_in,
    behind,
    client_of,
    proxied,
    story,
    until,
    write_all,
)
from tests.support import proxy as faults
from tests.support.mentions import Case, at, elasticsearch_case, mention
from tests.support.proxy import Fault, Proxy
from tests.support.servers import Elasticsearch

pytestmark = [pytest.mark.elasticsearch, pytest.mark.long]

OVERLOADED = b'{"error":{"type":"es_rejected_execution_exception","reason":"busy"},"status":429}'
PAGE = b"<html><h1>Welcome to the hotel</h1></html>"

HARMLESS = {
    "429 for the whole request": faults.refuses(429, OVERLOADED),
    "503 for the whole request": faults.refuses(503, b"no server is available", {}),
    "502 from a gateway, with a page": faults.refuses(502, PAGE, {"content-type": "text/html"}),
    "429 for single items inside a 200": faults.some_items(429, "es_rejected_execution_exception"),
    "503 for single items inside a 200": faults.some_items(503, "unavailable_shards_exception"),
    "connection reset half-way through the answer": faults.cut(reset=True),
    "answer cut": faults.cut(0.9),
    "answer lost after the request was done": faults.cut(0.0),
    "connection reset before the request arrived": faults.unsent(),
    "answer that is not JSON": faults.answers(b"\x00\xff{[garbage"),
    "answer that is other JSON": faults.answers(b'{"hello": "there"}'),
    "answer for fewer items than were sent": faults.answers(b'{"items": []}'),
    "200 with a page of somebody else's": faults.refuses(200, PAGE, {"content-type": "text/html"}),
}


async def writes(url: str, fault: Fault, seed: int, *, times: int = 3, seconds: float = 30) -> str:
    """The story is written while some of its bulk requests meet the fault; what came of it."""
    records, wanted = story(seed, 200)
    async with proxied(url, seconds) as (proxy, store, case):
        proxy.inject(fault, times=times)
        report = await asyncio.wait_for(write_all(store, records), 240)
        assert proxy.met == times
        assert report.rejected == [], "no fault of the server's makes a dead letter"
        return str(await account(case, wanted))


@pytest.mark.parametrize("name", HARMLESS)
async def test_a_passing_fault_is_waited_for(
    elasticsearch: Elasticsearch, name: str, seed: int
) -> None:
    figure = await writes(elasticsearch.url, HARMLESS[name], seed)
    record(
        fault=f"Elasticsearch: {name}, 3 times in 3 batches",
        behaviour="what is not known to be written is sent again, smaller, after a growing rest; "
        "no dead letters",
        figure=figure,
    )


async def test_retry_after_is_obeyed(elasticsearch: Elasticsearch) -> None:
    fault = faults.refuses(429, OVERLOADED, retry_after="2")
    async with proxied(elasticsearch.url) as (proxy, store, case):
        proxy.inject(fault)
        began = time.monotonic()
        assert (await store.write([mention(1)])).stored == 1
        took = time.monotonic() - began
        assert 2 <= took < 10
        await account(case, {mention(1).id: mention(1)})
    record(
        fault="Elasticsearch: 429 for the whole request, with Retry-After: 2",
        behaviour="waits as long as was asked, at most a minute",
        figure=f"sent again after {took:.1f} s, lost 0",
    )


async def test_a_time_out_is_unknown_not_failed(elasticsearch: Elasticsearch, seed: int) -> None:
    figure = await writes(elasticsearch.url, faults.slow(3), seed, times=3, seconds=1)
    record(
        fault="Elasticsearch: time-out of bulks that had been applied",
        behaviour="sent again: the same version is accepted again and counts once",
        figure=figure,
    )


@pytest.mark.long
async def test_answers_that_take_30_seconds(elasticsearch: Elasticsearch) -> None:
    figure = await writes(elasticsearch.url, faults.slow(31), 1, times=2)
    record(
        fault="Elasticsearch: answers take 30 s",
        behaviour="given up after `store.timeout_seconds` and sent again; sources are held back",
        figure=figure,
    )


async def test_413_with_a_page_is_split(elasticsearch: Elasticsearch, seed: int) -> None:
    fault = faults.refuses(413, PAGE, {"content-type": "text/html"})
    figure = await writes(elasticsearch.url, fault, seed, times=3)
    record(
        fault="Elasticsearch: 413 from a gateway, with a page",
        behaviour="the bulk is split until its parts pass",
        figure=figure,
    )


async def test_413_for_one_small_document_is_waited_for(elasticsearch: Elasticsearch) -> None:
    """No document of that size is too large: the gateway is to blame, and the deletion holds."""
    fault = faults.refuses(413, PAGE, {"content-type": "text/html"})
    async with proxied(elasticsearch.url) as (proxy, store, case):
        await store.write([mention(1), mention(2)])
        proxy.inject(fault, times=3)
        report = await asyncio.wait_for(store.write([Retraction(post_id="test:1", version=9)]), 60)
        assert (report.rejected, report.retracted, proxy.met) == ([], 1, 3)
        figure = await account(case, {mention(2).id: mention(2)})
    record(
        fault="Elasticsearch: 413 from a gateway for one small document, a deletion",
        behaviour="asked again until it passes; the post is deleted",
        remedy="mend the gateway",
        figure=figure,
    )


@pytest.mark.parametrize("bulks", [1, 2])
async def test_a_deletion_that_is_refused_is_told(elasticsearch: Elasticsearch, bulks: int) -> None:
    """Its watermark, or its tombstone: sent again from the dead letters, it holds."""
    gone = Retraction(post_id="test:1", version=9)
    async with proxied(elasticsearch.url) as (proxy, store, case):
        await store.write([mention(1), mention(2)])
        proxy.inject(faults.passed, times=bulks - 1)
        proxy.inject(faults.some_items(400, "mapper_parsing_exception", every=1))
        report = await store.write([gone])
        assert [(one.record, "mapper_parsing" in one.reason) for one in report.rejected] == [
            (gone, True)
        ]
        assert (await store.write([gone])).rejected == []
        figure = await account(case, {mention(2).id: mention(2)})
    record(
        fault="Elasticsearch: refuses what a deletion writes",
        behaviour="the deletion becomes a dead letter, with the server's reason",
        remedy="veille dead-letters replay",
        figure=figure,
    )


async def test_a_gateway_s_400_makes_no_dead_letters(elasticsearch: Elasticsearch) -> None:
    """A plain request on a TLS port, an unknown host: 400, and no document is to blame."""
    records, wanted = story(1, 100)
    async with proxied(elasticsearch.url) as (proxy, store, case):
        proxy.inject(faults.refuses(400, PAGE, {"content-type": "text/html"}))
        with pytest.raises(StoreError, match="refuses writing: status 400"):
            await write_all(store, records)
        assert (await write_all(store, records)).rejected == []
        figure = await account(case, wanted)
    record(
        fault="Elasticsearch: 400 from a gateway for whatever is sent",
        behaviour="the worker stops with the answer and starts again from what is committed",
        remedy="correct store.url or the gateway",
        figure=f"{figure}, dead letters 0",
    )


async def test_a_right_taken_away_makes_no_dead_letters(elasticsearch: Elasticsearch) -> None:
    records, wanted = story(2, 100)
    async with proxied(elasticsearch.url) as (proxy, store, case):
        proxy.inject(faults.some_items(403, "security_exception"))
        with pytest.raises(StoreError, match="no right to write"):
            await write_all(store, records)
        assert (await write_all(store, records)).rejected == []
        figure = await account(case, wanted)
    record(
        fault="Elasticsearch: 403 for single items, a right is missing",
        behaviour="the worker stops, says which right, and starts again from what is committed",
        remedy="grant the right",
        figure=f"{figure}, dead letters 0",
    )


async def test_peers_vector_25799_dropped_per_item_429s(elasticsearch: Elasticsearch) -> None:
    """Vector's Elasticsearch sink took a bulk with 429 items inside a 200 as delivered."""
    fault = faults.some_items(429, "es_rejected_execution_exception", every=1)
    figure = await writes(elasticsearch.url, fault, 7, times=4)
    record(
        fault="peer's case, Vector #25799: every item of 4 bulks is a 429 inside a 200",
        behaviour="each item's status is read; all are sent again",
        figure=figure,
    )


async def test_peers_confluent_gave_up_after_three_tries(elasticsearch: Elasticsearch) -> None:
    """Confluent's sink fails its task after a few retries; the store here waits without end."""
    records, wanted = story(8, 100)
    async with proxied(elasticsearch.url) as (proxy, store, case):
        proxy.inject(faults.refuses(503, b"", {}), times=5)
        report = await asyncio.wait_for(write_all(store, records), 120)
        assert (proxy.met, report.rejected) == (5, [])
        figure = await account(case, wanted)
    record(
        fault="peer's case, Confluent's sink (fails after three tries): 5 refusals in a row",
        behaviour="tries again without end, ever more slowly, and holds the sources back",
        figure=figure,
    )


def _post_of(found: Record) -> str:
    return found.post.id if isinstance(found, Mention) else found.post_id


async def test_one_bad_action_that_fails_a_whole_bulk(elasticsearch: Elasticsearch) -> None:
    """An id over 512 bytes makes the whole bulk a 400 with nothing written; Veille refuses such
    before sending, so this one is made bad on its way."""
    records, wanted = story(3, 100)
    marked = f'"_id":"{mention(5).id}"'.encode()

    async def spoil(request: faults.Request, send: faults.Send) -> faults.Answer:
        body = request.body.replace(marked, b'"_id":"' + b"x" * 600 + b'"')
        return await send(faults.Request(request.method, request.path, request.headers, body))

    async with proxied(elasticsearch.url) as (proxy, store, case):
        proxy.inject(spoil, times=200)
        report = await asyncio.wait_for(write_all(store, records), 120)
        assert {_post_of(found.record) for found in report.rejected} == {"test:5"}
        wanted.pop(mention(5).id)
        figure = await account(case, wanted)
        met = proxy.met
    record(
        fault="Elasticsearch: one bad action fails the whole bulk (400, nothing written)",
        behaviour="bisected until the bad one is alone; it alone becomes a dead letter",
        remedy="veille dead-letters",
        figure=f"{figure}, {met} requests",
    )


async def test_a_mapping_conflict_on_one_document(elasticsearch: Elasticsearch) -> None:
    records, wanted = story(4, 100)
    victim = wanted[mention(5).id]

    async def spoil(request: faults.Request, send: faults.Send) -> faults.Answer:
        body = request.body.replace(b'"id":"test:5"', b'"id":"test:5","likes":{"a":[1]}')
        return await send(faults.Request(request.method, request.path, request.headers, body))

    async with proxied(elasticsearch.url) as (proxy, store, case):
        await store.add_labels([Label(mention_id=victim.id, sentiment="neg", labeled_at=at(1))])
        proxy.inject(spoil, times=200)
        report = await write_all(store, records)
        assert {_post_of(found.record) for found in report.rejected} == {"test:5"}
        assert all(any(one is found.record for one in records) for found in report.rejected)
        assert "strict_dynamic_mapping_exception" in report.rejected[0].reason
        wanted.pop(victim.id)
        figure = await account(case, wanted)
    record(
        fault="Elasticsearch: a document that the mapping refuses",
        behaviour="it alone becomes a dead letter, with the server's reason",
        remedy="veille dead-letters",
        figure=f"{figure}",
    )


BLOCKS = {
    "flood stage: index read-only, deletes allowed": "blocks.read_only_allow_delete",
    "index read-only": "blocks.read_only",
    "writes to the index blocked": "blocks.write",
}


@pytest.mark.parametrize("name", BLOCKS)
async def test_a_blocked_index_heals_by_itself(elasticsearch: Elasticsearch, name: str) -> None:
    records, wanted = story(5, 200)
    async with proxied(elasticsearch.url) as (proxy, store, case):
        await write_all(store, records[:200])
        await _set_index(case, BLOCKS[name], True)
        tried = _counted(proxy)
        writing = asyncio.create_task(write_all(store, records[200:]))
        await until(lambda: len(tried) >= 4)
        assert not writing.done()
        await _set_index(case, BLOCKS[name], None)
        assert (await asyncio.wait_for(writing, 120)).rejected == []
        figure = await account(case, wanted)
    record(
        fault=f"Elasticsearch: {name}",
        behaviour="the writer waits and says why; no dead letters; goes on by itself",
        remedy="make room on its disks",
        figure=f"{figure}, dead letters 0",
    )


def _counted(proxy: Proxy) -> list[str]:
    """Grows by one for each bulk request from now on."""
    seen: list[str] = []

    async def count(request: faults.Request, send: faults.Send) -> faults.Answer:
        seen.append(request.path)
        return await send(request)

    proxy.inject(count, times=10_000)
    return seen


async def _set_index(case: Case, name: str, value: object) -> None:
    await client_of(case).indices.put_settings(
        index=f"{case.prefix}-mentions-*", settings={"index": {name: value}}
    )


async def test_a_cluster_that_is_read_only_heals_by_itself(elasticsearch: Elasticsearch) -> None:
    records, wanted = story(6, 200)
    async with proxied(elasticsearch.url) as (proxy, store, case):
        await write_all(store, records[:200])
        client = client_of(case)
        await client.cluster.put_settings(persistent={"cluster.blocks.read_only": True})
        try:
            tried = _counted(proxy)
            writing = asyncio.create_task(write_all(store, records[200:]))
            await until(lambda: len(tried) >= 3)
            assert not writing.done()
        finally:
            await client.cluster.put_settings(persistent={"cluster.blocks.read_only": None})
        assert (await asyncio.wait_for(writing, 120)).rejected == []
        figure = await account(case, wanted)
    record(
        fault="Elasticsearch: the whole cluster is read-only (403 for whole requests)",
        behaviour="the writer waits and says why; no dead letters; goes on by itself",
        remedy="lift the block",
        figure=f"{figure}, dead letters 0",
    )


async def test_a_closed_index_makes_no_dead_letters(elasticsearch: Elasticsearch) -> None:
    records, wanted = story(7, 200)
    async with proxied(elasticsearch.url) as (proxy, store, case):
        await write_all(store, records[:200])
        client, month = client_of(case), f"{case.prefix}-mentions-2026.03"
        await client.indices.close(index=month)
        tried = _counted(proxy)
        writing = asyncio.create_task(write_all(store, records[200:]))
        await until(lambda: len(tried) >= 4)
        assert not writing.done()
        await client.indices.open(index=month)
        assert (await asyncio.wait_for(writing, 120)).rejected == []
        figure = await account(case, wanted)
    record(
        fault="Elasticsearch: a month's index is closed",
        behaviour="the writer waits and says why; no dead letters; goes on by itself",
        remedy="open the index",
        figure=f"{figure}, dead letters 0",
    )


@pytest.mark.parametrize("what", ["mentions-2026.03", "retractions", "dead-letters"])
async def test_an_index_that_is_missing_is_made_again(
    elasticsearch: Elasticsearch, what: str
) -> None:
    records, wanted = story(9, 100)
    async with elasticsearch_case(elasticsearch.url) as case:
        await client_of(case).indices.delete(index=f"{case.prefix}-{what}", ignore_unavailable=True)
        report = await asyncio.wait_for(write_all(case.store, records), 60)
        assert report.rejected == []
        figure = await account(case, wanted)
    record(
        fault=f"Elasticsearch: the index …-{what} is removed under the writer",
        behaviour="made again with its mapping",
        remedy="veille store rebuild, for what was in it",
        figure=f"{figure}",
    )


async def test_a_shard_that_does_not_tell_of_retractions(elasticsearch: Elasticsearch) -> None:
    """After a restart a shard may be away for a moment: 200, with an error for each document."""
    away = b'{"docs":[{"_id":"%s","error":{"type":"no_shard_available_action_exception"}}]}'

    async def fault(request: faults.Request, send: faults.Send) -> faults.Answer:
        return faults.Answer(200, faults.PRODUCT, away % b"x")

    old, gone = mention(5, version=1), story(1, 1)[0]
    async with proxied(elasticsearch.url) as (proxy, store, case):
        await store.write([one for one in gone if isinstance(one, Retraction)])
        proxy.inject(fault, times=2, path="_mget")
        assert (await store.write([mention(0, version=1), old])).stale == 1
        assert proxy.met == 2
        figure = await account(case, {old.id: old})
    record(
        fault="Elasticsearch: a shard is away when retractions are asked for",
        behaviour="asked again until it tells: what was deleted does not come back",
        figure=figure,
    )


@pytest.mark.parametrize("name", ["429", "garbage", "cut"])
async def test_faults_of_reads_while_writing(elasticsearch: Elasticsearch, name: str) -> None:
    fault = {
        "429": faults.refuses(429, OVERLOADED),
        "garbage": faults.answers(b"{}"),
        "cut": faults.cut(reset=True),
    }[name]
    records, wanted = story(10, 300)
    async with proxied(elasticsearch.url) as (proxy, store, case):
        proxy.inject(fault, times=3, path="_mget")
        await asyncio.wait_for(write_all(store, records), 120)
        assert proxy.met == 3
        figure = await account(case, wanted)
    record(
        fault=f"Elasticsearch: looking up retractions meets {name}",
        behaviour="asked again until it is answered",
        figure=figure,
    )


async def test_version_conflicts_of_two_writers(elasticsearch: Elasticsearch, seed: int) -> None:
    """A zombie writes what its successor has written: 409 is as good as done."""
    records, wanted = story(seed, 400)
    async with (
        elasticsearch_case(elasticsearch.url) as case,
        Proxy(elasticsearch.url) as proxy,
        behind(proxy, case) as other,
    ):
        mine, theirs = await asyncio.gather(
            write_all(case.store, records), write_all(other, records[::-1])
        )
        assert mine.rejected == theirs.rejected == []
        assert mine.stale + theirs.stale > 0
        figure = await account(case, wanted)
    record(
        fault="Elasticsearch: version conflicts, two writers of the same posts in opposite order",
        behaviour="the newer version stays; the loser counts as stale, not as failed",
        figure=f"{figure}, {mine.stale + theirs.stale} conflicts",
    )


async def test_an_alias_that_is_an_index(elasticsearch: Elasticsearch) -> None:
    async with elasticsearch_case(elasticsearch.url) as case, Proxy(elasticsearch.url) as proxy:
        client, alias = client_of(case), f"{case.prefix}-mentions"
        await client.indices.delete(index=f"{alias}-*")
        await client.indices.create(index=alias)
        with pytest.raises(StoreError, match=rf"{alias} is an index.*Remedy"):
            async with behind(proxy, case):
                pass
        await client.indices.delete(index=alias)
        async with behind(proxy, case) as store:
            assert (await store.write([mention(1)])).stored == 1
        await account(case, {mention(1).id: mention(1)})
    record(
        fault="Elasticsearch: an index where the alias belongs",
        behaviour="nothing starts, the index is left alone, and the message names it",
        remedy="remove or rename it, or set another store.prefix",
        figure="nothing written to it",
    )


async def test_store_check_tells_what_is_wrong(elasticsearch: Elasticsearch) -> None:
    async with elasticsearch_case(elasticsearch.url) as case:
        await case.store.write([mention(1), mention(2, created=at(40 * 86_400))])
        settings = StoreSettings(url=elasticsearch.url, prefix=case.prefix)
        assert await es_check.problems(settings) == []
        client, months = client_of(case), f"{case.prefix}-mentions"
        await client.indices.delete(index=f"{case.prefix}-state")
        await client.indices.close(index=f"{months}-2026.03")
        await _set_index(case, "blocks.write", True)
        await client.indices.delete_alias(index=f"{months}-2026.04", name=months)
        found = "\n".join(await es_check.problems(settings))
    assert f"{case.prefix}-state is missing" in found
    assert f"{months}-2026.03 is closed" in found
    assert f"{months}-2026.04 is blocked (write)" in found
    assert f"{months}-2026.04 is not behind the filtered alias" in found
    record(
        fault="Elasticsearch: an index is missing, closed, blocked, or not behind the alias",
        behaviour="`veille store check` names each with its remedy, and changes nothing",
        remedy="as it says",
        figure="4 of 4 named, 0 in a sound store",
    )


async def _kill_when_some_are_stored(server: Elasticsearch, case: Case) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                if await all_in(await case.seen()):
                    break
            except Exception:  # noqa: BLE001  # the new index has no shard that answers yet
                await asyncio.sleep(0.01)
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.restart)


@pytest.mark.long
async def test_kill_9_in_the_middle_of_a_bulk(elasticsearch: Elasticsearch, seed: int) -> None:
    records, wanted = story(seed, 3000)
    async with elasticsearch_case(elasticsearch.url) as case:
        writing = asyncio.create_task(write_all(case.store, records))
        await _kill_when_some_are_stored(elasticsearch, case)
        report = await asyncio.wait_for(writing, 180)
        assert report.rejected == []
        figure = await account(case, wanted)
    record(
        fault="Elasticsearch: kill -9 mid-bulk, and a restart",
        behaviour="the writer waits for it and sends again what was not acknowledged",
        figure=figure,
    )


async def test_paused_for_longer_than_the_time_out(
    elasticsearch: Elasticsearch, caplog: pytest.LogCaptureFixture
) -> None:
    records, wanted = story(11, 400)
    async with proxied(elasticsearch.url, seconds=2) as (proxy, store, case):
        tried = _counted(proxy)
        writing = asyncio.create_task(write_all(store, records))
        await until(lambda: len(tried) >= 2)
        elasticsearch.pause()
        try:
            await until(lambda: caplog.text.count("timed out") >= 2)
            assert not writing.done()
        finally:
            elasticsearch.resume()
        assert (await asyncio.wait_for(writing, 120)).rejected == []
        figure = await account(case, wanted)
        assert (await case.store.count(Filter())).total == len(wanted)
    record(
        fault="Elasticsearch: paused for longer than the time-out (SIGSTOP)",
        behaviour="time-outs are unknown: sent again when it wakes up, and counted once",
        figure=figure,
    )
