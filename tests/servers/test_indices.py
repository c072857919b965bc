"""Preparing Elasticsearch, and what its documents offer to Kibana."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from connectors.post import Place
from streams.errors import StoreError
from streams.settings import Store as StoreSettings
from streams.store import es_shapes
from tests.support.alerts import incident
from tests.support.initialising import planned
from tests.support.mentions import Case, elasticsearch_case, mention
from tests.support.servers import Elasticsearch

pytestmark = pytest.mark.elasticsearch


@pytest.fixture
async def case(elasticsearch: Elasticsearch) -> AsyncIterator[Case]:
    async with elasticsearch_case(elasticsearch.url) as made:
        yield made


async def found(case: Case, what: str, body: dict[str, Any]) -> dict[str, Any]:
    assert case.client is not None
    await case.client.indices.refresh(index=f"{case.prefix}-*")
    answer = await case.client.search(index=f"{case.prefix}-{what}", **body)
    return dict(answer.body)


async def test_ecs_names_find_what_was_written(case: Case) -> None:
    said = mention(
        7,
        lang="fr",
        post={
            "text": "Livraison perdue, service perdu https://x.example/y",
            "url": "https://u:p@WWW.Shop.example:8443/a?b",
            "place": Place(name="Lyon", lat=45.75, lon=4.85),
            "extra": {"Reach Group": "high", "a.b": "c"},
        },
    )
    await case.store.write([said, mention(8, lang="xx", post={"place": Place(lat=120, lon=0)})])
    names = {
        "event.id": said.id,
        "event.provider": "test",
        "url.domain": "shop.example",
        "message": "livraison",
        "words.fr": "livraison",
        "labels.topic": "brand",
        "extra.Reach Group": "high",
        "extra.a.b": "c",
        "terms": "livraison",
    }
    for name, value in names.items():
        query = {"bool": {"filter": [{"match": {name: value}}, {"term": {"lang": "fr"}}]}}
        hits = (await found(case, "mentions", {"query": query}))["hits"]["hits"]
        assert [hit["_id"] for hit in hits] == [said.id], name
    box = {"geo_bounding_box": {"geo.location": {"top_left": "46,4", "bottom_right": "45,5"}}}
    aggs = {
        name: {"terms": {"field": name}}
        for name in ("event_hour", "event_weekday", "terms", "url.domain")
    }
    told = await found(case, "mentions", {"query": box, "aggs": aggs})
    counted = {
        name: {bucket["key"] for bucket in agg["buckets"]}
        for name, agg in told["aggregations"].items()
    }
    assert counted == {
        "event_hour": {12},
        "event_weekday": {2},
        "terms": {"livraison", "perdue", "service", "perdu"},
        "url.domain": {"shop.example"},
    }
    source = told["hits"]["hits"][0]["_source"]
    assert not {"fold", "words", "terms", "domain", "event_hour", "event_weekday"} & set(source)
    assert await (await case.seen()).get(said.id) == said


async def test_an_incident_has_one_document_of_its_latest_version(case: Case) -> None:
    first = incident(1)
    for version, status in ((3, "resolved"), (2, "open")):
        one = msgspec.structs.replace(first, version=version, status=status)
        state = {**msgspec.to_builtins(one), "event": "updated"}
        await case.store.put_state("incident", first.id, state, version=version)
    hits = (await found(case, "alerts", {}))["hits"]["hits"]
    assert [(hit["_source"]["status"], hit["_source"]["version"]) for hit in hits] == [
        ("resolved", 3)
    ]
    assert hits[0]["_source"]["url"] == f"/incidents/{first.id}"
    await case.store.put_state("incident", first.id, {}, version=4)
    assert (await found(case, "alerts", {}))["hits"]["hits"] == []


async def test_health_is_sampled_not_logged(case: Case) -> None:
    for posts in range(50):
        lag = {"veille.posts": 4, "veille.mentions": 3}
        await case.store.put_state("worker", "one", {"posts": posts, "dead": 2, "lag": lag})
    hits = (await found(case, "health", {}))["hits"]["hits"]
    assert 1 <= len(hits) <= 2
    told = hits[0]["_source"]
    assert (told["lag"], told["lag_posts"], told["dead_letters"]) == (7, 4, 2)


async def test_init_is_done_once_and_shows_what_it_does(elasticsearch: Elasticsearch) -> None:
    settings = StoreSettings(url=elasticsearch.url, prefix="fresh")
    first = await planned(settings)
    assert {change.what for change in first.changes} == {"template", "index"}
    assert any("analyzers" in word for word in first.words)
    assert any("lifecycle" in word for word in first.words)
    await planned(settings, apply=True)
    assert (await planned(settings)).changes == []
    slower = settings.model_copy(update={"refresh_seconds": 5.0})
    changed = (await planned(slower, apply=True)).changes
    assert {change.what for change in changed} == {"template", "settings"}
    assert (await planned(slower)).changes == []


async def test_init_mends_what_it_can_and_names_the_rest(
    elasticsearch: Elasticsearch, case: Case
) -> None:
    assert case.client is not None
    old, alias = f"{case.prefix}-mentions-2020.01", f"{case.prefix}-mentions"
    await case.client.indices.delete_index_template(name=alias)
    fields = {"lang": {"type": "keyword", "ignore_above": 5}, "mine": {"type": "long"}}
    await case.client.indices.create(index=old, mappings={"properties": fields})
    await case.client.indices.create(index=f"{case.prefix}-other")
    settings = StoreSettings(url=elasticsearch.url, prefix=case.prefix, refresh_seconds=0.2)
    plan = await planned(settings, apply=True)
    told = {(change.what, bool(change.method)) for change in plan.changes if change.name == old}
    assert {("mapping", True), ("mapping", False), ("alias", True)} <= told
    assert any(f"{case.prefix}-other" in word for word in plan.words)
    again = await planned(settings)
    assert [change.reason.partition(".")[0] for change in again.changes] == [
        "other fields lang",
        "fields that are not Veille's: mine",
    ]
    await case.store.write([mention(1, created=datetime(2020, 1, 2, tzinfo=UTC))])
    assert (await found(case, "mentions", {}))["hits"]["total"]["value"] == 1


async def test_an_alias_that_is_an_index_is_named(elasticsearch: Elasticsearch, case: Case) -> None:
    assert case.client is not None
    await case.client.indices.create(index="alien-mentions")
    with pytest.raises(StoreError, match="alien-mentions is an index"):
        await planned(StoreSettings(url=elasticsearch.url, prefix="alien"))


def test_every_alias_leads_to_a_field() -> None:
    for what in (es_shapes.MONTHLY, *es_shapes.SMALL):
        body = es_shapes.body(what, StoreSettings(), analyzers=True)
        fields = dict(es_shapes.fields(body["mappings"]["properties"]))
        for name, field in fields.items():
            if field["type"] == "alias":
                aim = fields[field["path"]]
                assert aim["type"] != "alias", name
                assert aim.get("index", True) or aim.get("doc_values", True), name
