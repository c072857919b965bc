"""`veille store migrate` on the real Elasticsearch: months as an older Veille made them."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.errors import StoreError
from streams.records import Label, Mention, Retraction
from streams.settings import Store as StoreSettings
from streams.store import es_check, es_shapes
from streams.store.elasticsearch import ElasticsearchStore
from streams.store.es_migrate import Migration, reasons
from streams.store.making import half_done
from streams.store.port import Filter
from tests.support.mentions import Case, at, elasticsearch_case, mention
from tests.support.servers import Elasticsearch
from tests.support.veille import Process, veille_json

pytestmark = pytest.mark.elasticsearch

MONTHS = (1, 2, 3)
LATER = "words", "terms", "place", "event_hour", "event_weekday", "domain"
"""Fields that the first schema had not."""


@pytest.fixture
async def case(elasticsearch: Elasticsearch) -> AsyncIterator[Case]:
    async with elasticsearch_case(elasticsearch.url) as made:
        yield made


@pytest.fixture
def env(elasticsearch: Elasticsearch, case: Case) -> dict[str, str]:
    return {
        "VEILLE_STORE__URL": elasticsearch.url,
        "VEILLE_STORE__PREFIX": case.prefix,
        "VEILLE_STORE__REFRESH_SECONDS": "0.2",
    }


def without_aliases(fields: dict[str, Any]) -> dict[str, Any]:
    kept = {}
    for name, field in fields.items():
        if "properties" in field:
            if inner := without_aliases(field["properties"]):
                kept[name] = field | {"properties": inner}
        elif field["type"] != "alias":
            kept[name] = field
    return kept


async def make_old_months(case: Case) -> list[Mention]:
    """Three months of the first schema, `handle` a text, 150 mentions each, 10 of them gone."""
    assert case.client is not None
    body = es_shapes.body(es_shapes.MONTHLY, StoreSettings(), analyzers=False)
    fields = body["mappings"]["properties"]
    old = without_aliases({name: field for name, field in fields.items() if name not in LATER})
    old["handle"] = {"type": "text"}
    body["mappings"] = {"dynamic": "strict", "_meta": {"veille_schema": 1}, "properties": old}
    body["aliases"] = {
        f"{case.prefix}-mentions": {"filter": {"bool": {"must_not": [{"term": {"deleted": True}}]}}}
    }
    await case.client.indices.delete_index_template(name=f"{case.prefix}-mentions")
    given = []
    for number in MONTHS:
        created = datetime(2026, number, 10, number, tzinfo=UTC)
        some = [mention(n, created=created) for n in range(number * 1000, number * 1000 + 150)]
        await case.client.indices.create(index=f"{case.prefix}-mentions-2026.{number:02d}", **body)
        actions: list[dict[str, Any]] = []
        for one in some:
            meta = {"_id": one.id, "version": one.version, "version_type": "external_gte"}
            source = msgspec.to_builtins(one) | {
                "event_at": created.isoformat(),
                "stored_at": created.isoformat(),
                "tone": "neu",
                "kind": "post",
                "content_version": 1,
                "worth": 1,
            }
            actions += [{"index": meta}, source]
        done = await case.client.bulk(
            operations=actions, index=f"{case.prefix}-mentions-2026.{number:02d}"
        )
        assert not done["errors"], done["items"][0]
        given += some
    await case.client.indices.refresh(index=f"{case.prefix}-mentions-*")
    gone = [one for one in given if int(one.post.id[-3:]) < 10]
    await case.store.close()
    await case.store.open()
    taken_back = [Retraction(post_id=one.post.id, version=9) for one in gone]
    assert (await case.store.write(taken_back)).retracted == len(gone)
    return [one for one in given if one not in gone]


async def test_old_months_are_made_anew_by_the_command_even_after_kill_9(
    case: Case, env: dict[str, str], tmp_path: Path
) -> None:
    alive = await make_old_months(case)
    planned = await asyncio.to_thread(
        veille_json, "store", "migrate", "--dry-run", "--json", env=env
    )
    assert [one["month"][-2:] for one in planned["planned"]] == ["03", "02", "01"]
    assert planned["planned"][0]["reasons"][:2] == ["schema 1, now 2", "other fields: handle"]
    assert planned["remade"] == []
    with Process("store", "migrate", env=env, log=tmp_path / "log") as first:
        async with asyncio.timeout(60):
            while not await case.store.states("migration"):
                await asyncio.sleep(0.01)
        first.kill()
    await case.store.write([mention(3999, created=datetime(2026, 3, 20, tzinfo=UTC))])
    done = await asyncio.to_thread(veille_json, "store", "migrate", "--json", env=env)
    assert {one["month"][-2:] for one in done["remade"]} >= {"01", "02"}
    await case.seen()
    assert (await case.store.count(Filter())).total == len(alive) + 1
    for number in MONTHS:
        where = {"bool": {"filter": [{"term": {"event_hour": number}}, {"term": {"lang": "en"}}]}}
        assert case.client is not None
        told = await case.client.count(index=f"{case.prefix}-mentions", query=where)
        assert told["count"] == 140
    assert await es_check.problems(store_settings(env)) == []
    assert isinstance(case.store, ElasticsearchStore)
    assert await Migration(case.store.remake()).plan() == []


def store_settings(env: dict[str, str]) -> StoreSettings:
    return StoreSettings(url=env["VEILLE_STORE__URL"], prefix=env["VEILLE_STORE__PREFIX"])


async def test_a_half_done_one_is_told_and_can_be_given_up(case: Case, env: dict[str, str]) -> None:
    alive = await make_old_months(case)
    store, month = case.store, f"{case.prefix}-mentions-2026.02"
    assert isinstance(store, ElasticsearchStore)
    remake = store.remake()
    ask = remake.ask

    async def failing(method: str, path: str, body: Any = None) -> Any:
        if path.endswith("/_block/write"):
            raise StoreError("no right to block")
        return await ask(method, path, body)

    remake.ask = failing
    with pytest.raises(StoreError, match="no right to block"):
        await remake.run(month)
    problems = await es_check.problems(store_settings(env))
    assert [told for told in problems if f"{month} is half made anew" in told]
    assert "`veille store migrate`" in (await half_done(store))[0]
    assert await Migration(store.remake()).abandon() == [month]
    assert await half_done(store) == []
    assert not [told for told in await es_check.problems(store_settings(env)) if "half" in told]
    assert (await (await case.seen()).count(Filter())).total == len(alive)


async def test_a_month_of_a_newer_veille_is_left_alone(case: Case) -> None:
    assert isinstance(case.store, ElasticsearchStore)
    await case.store.write([mention(1)])
    remake = case.store.remake()
    assert await Migration(remake).plan() == []
    month = (await remake.months.all())[0]
    wanted = remake.indices.body(es_shapes.MONTHLY)
    older = json.loads(json.dumps(wanted))
    older["mappings"]["_meta"]["veille_schema"] = 1
    with pytest.raises(StoreError, match="made by a newer Veille"):
        reasons(month, older)


async def make_odd(case: Case, what: str, field: str) -> None:
    """A small index in which a field is of another kind."""
    assert case.client is not None
    body = es_shapes.body(what, StoreSettings(), analyzers=False)
    body["mappings"]["properties"][field] = {"type": "keyword", "ignore_above": 200}
    await case.client.indices.delete(index=f"{case.prefix}-{what}")
    await case.client.indices.create(index=f"{case.prefix}-{what}", **body)


async def test_small_indices_are_made_anew_while_they_are_written(case: Case) -> None:
    store = case.store
    assert isinstance(store, ElasticsearchStore)
    for what, field in (("labels", "by"), ("state", "key")):
        await make_odd(case, what, field)
    await store.write([mention(n) for n in range(20)])
    labels = [Label(mention_id=mention(n).id, labeled_at=at(9), by="ada") for n in range(20)]
    await store.add_labels(labels)
    await store.put_state("source", "old", {"n": 7}, version=7)
    await store.put_state("source", "gone", {"n": 1})
    migration = Migration(store.remake())
    plan = await migration.plan()
    assert [(one.small, one.reasons) for one in plan] == [
        ("state", ["other fields: key"]), ("labels", ["other fields: by"]),
    ]  # fmt: skip
    ended = asyncio.Event()

    async def write() -> int:
        number = 0
        while not ended.is_set():
            number += 1
            await store.put_state("source", f"new-{number}", {"n": number})
            later = Label(mention_id=mention(number % 20).id, labeled_at=at(9 + number), by="eve")
            assert await store.add_labels([later]) == []
        return number

    writing = asyncio.create_task(write())
    remade = [one async for one in migration.run(plan)]
    ended.set()
    written = await asyncio.wait_for(writing, 60)
    assert [one.index for one in remade] == [f"{case.prefix}-state-1", f"{case.prefix}-labels-1"]
    await store.put_state("source", "old", {"n": 6}, version=6)
    await store.drop_states("source", ["gone"])
    states = await store.states("source")
    assert states == {"old": {"n": 7}} | {f"new-{n}": {"n": n} for n in range(1, written + 1)}
    known = await store.labels([one.mention_id for one in labels])
    assert len(known) == 20
    assert {one.by for one in known.values()} <= {"ada", "eve"}
    assert max(one.labeled_at for one in known.values()) == at(9 + written)
    assert await migration.plan() == []


async def test_states_held_by_a_process_that_died_are_let_go(
    case: Case, env: dict[str, str]
) -> None:
    store = case.store
    assert isinstance(store, ElasticsearchStore)
    await make_odd(case, "state", "key")
    await store.put_state("source", "one", {"n": 1})
    step = f"after PUT /{case.prefix}-state/_block/write"
    program = (sys.executable, "-m", "tests.support.killed_remake")
    url = env["VEILLE_STORE__URL"]
    child = await asyncio.create_subprocess_exec(*program, url, case.prefix, "state", step)
    assert await asyncio.wait_for(child.wait(), 60) == -9
    waiting = asyncio.create_task(store.put_state("source", "two", {"n": 2}))
    told = await es_check.problems(store_settings(env))
    assert [one for one in told if f"{case.prefix}-state is half made anew" in one]
    migration = Migration(store.remake())
    plan = await migration.plan()
    assert plan[0].reasons == ["other fields: key", "broken off"]
    with pytest.raises(StoreError, match="less than a minute"):
        await anext(migration.run(plan))
    migration.small.young_seconds = 0
    assert [one.month async for one in migration.run(plan)] == [f"{case.prefix}-state"]
    await asyncio.wait_for(waiting, 30)
    assert await store.states("source") == {"one": {"n": 1}, "two": {"n": 2}}
    assert await es_check.problems(store_settings(env)) == []
