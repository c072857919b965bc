"""The Kibana file: well formed, and each panel's figures on a real Elasticsearch.

No Kibana runs here. What it would ask of Elasticsearch is rebuilt from each panel's own state.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from streams.records import Label, Retraction
from streams.settings import shipped_config
from tests.support.mentions import Case, at, elasticsearch_case, mention
from tests.support.servers import Elasticsearch

FILE = shipped_config() / "kibana" / "veille.ndjson"
STAMPS = {
    "index-pattern": "8.0.0",
    "tag": "8.0.0",
    "lens": "8.9.0",
    "search": "10.2.0",
    "dashboard": "10.2.0",
}
"""The oldest of each type that fits: Kibana refuses a stamp newer than it knows."""


def saved(path: Path = FILE) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def of_type(kind: str) -> list[dict[str, Any]]:
    return [found for found in saved() if found["type"] == kind]


def layer(lens: dict[str, Any]) -> dict[str, Any]:
    (found,) = lens["attributes"]["state"]["datasourceStates"]["formBased"]["layers"].values()
    return dict(found)


def kuery(text: str) -> dict[str, Any]:
    """The part of Kibana's language our panels use: `field : "value"` and `("a" or "b")`."""
    if not text:
        return {"match_all": {}}
    field, values = re.fullmatch(r'([\w.]+) : \(?("\w+"(?: or "\w+")*)\)?', text).groups()  # type: ignore[union-attr]
    return {"terms": {field: re.findall(r'"(\w+)"', values)}}


def fields() -> Iterator[str]:
    """Every field the file names anywhere."""
    for view in of_type("index-pattern"):
        yield view["attributes"]["timeFieldName"]
    for lens in of_type("lens"):
        yield from re.findall(r"([\w.]+) :", lens["attributes"]["state"]["query"]["query"])
        for column in layer(lens)["columns"].values():
            yield from re.findall(r"([\w.]+) :", column.get("filter", {}).get("query", ""))
            if column["sourceField"] != "___records___":
                yield column["sourceField"]
    for search in of_type("search"):
        yield from search["attributes"]["columns"]
        yield from (field for field, _ in search["attributes"]["sort"])


def test_each_line_is_a_stamped_saved_object() -> None:
    found = saved()
    assert {line["type"] for line in found} == set(STAMPS)
    for line in found:
        assert line["typeMigrationVersion"] == STAMPS[line["type"]]
        assert line["coreMigrationVersion"] == "8.8.0"
        assert line["managed"] is False
    assert len({(line["type"], line["id"]) for line in found}) == len(found)


def test_references_resolve_and_are_used() -> None:
    known = {(line["type"], line["id"]) for line in saved()}
    for line in saved():
        named = [(ref["type"], ref["id"]) for ref in line["references"]]
        assert set(named) <= known, line["id"]
        assert len({ref["name"] for ref in line["references"]}) == len(named)
    for lens in of_type("lens"):
        names = {ref["name"] for ref in lens["references"]}
        layers = lens["attributes"]["state"]["datasourceStates"]["formBased"]["layers"]
        assert {f"indexpattern-datasource-layer-{name}" for name in layers} <= names
    for search in of_type("search"):
        source = json.loads(search["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
        assert source["indexRefName"] in {ref["name"] for ref in search["references"]}


def test_lens_columns_are_ordered_and_shown() -> None:
    for lens in of_type("lens"):
        found = layer(lens)
        assert sorted(found["columnOrder"]) == sorted(found["columns"])
        bucketed = [found["columns"][name]["isBucketed"] for name in found["columnOrder"]]
        assert bucketed == sorted(bucketed, reverse=True), "buckets come before metrics"
        shown = json.dumps(lens["attributes"]["state"]["visualization"])
        assert all(f'"{name}"' in shown for name in found["columns"])
        for column in found["columns"].values():
            by = column.get("params", {}).get("orderBy", {}).get("columnId")
            assert by is None or by in found["columns"]


def test_panels_fill_the_grid_without_overlap() -> None:
    (dashboard,) = of_type("dashboard")
    panels = json.loads(dashboard["attributes"]["panelsJSON"])
    names = {ref["name"]: ref["type"] for ref in dashboard["references"]}
    for panel in panels:
        assert names[f"{panel['panelIndex']}:{panel['panelRefName']}"] == panel["type"]
        spot = panel["gridData"]
        assert 0 <= spot["x"] < spot["x"] + spot["w"] <= 48
        assert spot["i"] == panel["panelIndex"]
    for one, other in combinations([panel["gridData"] for panel in panels], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)
    area = sum(panel["gridData"]["w"] * panel["gridData"]["h"] for panel in panels)
    height = max(panel["gridData"]["y"] + panel["gridData"]["h"] for panel in panels)
    assert area == 48 * height


@pytest.fixture
async def case(elasticsearch: Elasticsearch) -> AsyncIterator[Case]:
    """Known data: six mentions in two topics, one corrected by staff, one deleted."""
    async with elasticsearch_case(elasticsearch.url) as made:
        stamp = Label(mention_id="any", labeled_at=at(9), sentiment="neg")
        await made.store.write(
            [
                mention(1, tone="pos"),
                mention(2, tone="neg"),
                mention(3, tone="pos", label=stamp),
                mention(4, tone="neu", created=at(7200)),
                mention(5, tone="neg", topic="rival", created=at(7200)),
                mention(6, tone="unscored", topic="rival"),
                mention(7, tone="neg", topic="rival"),
                Retraction(post_id="test:7", version=2),
            ]
        )
        await made.seen()
        yield made


@pytest.mark.elasticsearch
async def test_every_field_is_in_the_mapping(case: Case) -> None:
    assert case.client is not None
    wanted = sorted(set(fields()))
    answer = await case.client.field_caps(index=f"{case.prefix}-mentions", fields=wanted)
    assert set(wanted) <= set(answer["fields"])
    for lens in of_type("lens"):
        for column in layer(lens)["columns"].values():
            if column["isBucketed"]:
                (capable,) = answer["fields"][column["sourceField"]].values()
                assert capable["aggregatable"]


def aggregation(found: dict[str, Any]) -> dict[str, Any]:
    """What Lens asks: buckets nested in column order, filtered counts inside the last."""
    inner: dict[str, Any] = {
        name: {"filter": kuery(column["filter"]["query"])}
        for name, column in found["columns"].items()
        if not column["isBucketed"] and "filter" in column
    }
    for name in reversed(found["columnOrder"]):
        column = found["columns"][name]
        if not column["isBucketed"]:
            continue
        if column["operationType"] == "terms":
            asked = {"terms": {"field": column["sourceField"], "size": column["params"]["size"]}}
        else:
            asked = {"date_histogram": {"field": column["sourceField"], "fixed_interval": "1h"}}
        inner = {name: asked | ({"aggs": inner} if inner else {})}
    return inner


async def ask(case: Case, name: str) -> dict[str, Any]:
    assert case.client is not None
    (lens,) = [found for found in of_type("lens") if found["id"] == name]
    state = lens["attributes"]["state"]
    answer = await case.client.search(
        index=f"{case.prefix}-mentions",
        size=0,
        track_total_hits=True,
        query=kuery(state["query"]["query"]),
        aggs=aggregation(layer(lens)) or None,
    )
    return dict(answer.body)


@pytest.mark.elasticsearch
async def test_metrics_show_the_known_figures(case: Case) -> None:
    totals = {name: await ask(case, name) for name in ("veille-total", "veille-negative")}
    values = {name: answer["hits"]["total"]["value"] for name, answer in totals.items()}
    assert values == {"veille-total": 6, "veille-negative": 3}


@pytest.mark.elasticsearch
async def test_time_line_shows_the_known_figures(case: Case) -> None:
    answer = await ask(case, "veille-over-time")
    lines = {
        tone["key"]: [bucket["doc_count"] for bucket in tone["x"]["buckets"]]
        for tone in answer["aggregations"]["b"]["buckets"]
    }
    assert lines == {"neg": [2, 0, 1], "pos": [1]}


@pytest.mark.elasticsearch
async def test_topics_table_shows_the_known_figures(case: Case) -> None:
    answer = await ask(case, "veille-topics")
    rows = [
        (row["key"], row["doc_count"], row["n"]["doc_count"], row["p"]["doc_count"])
        for row in answer["aggregations"]["t"]["buckets"]
    ]
    assert rows == [("brand", 4, 2, 1), ("rival", 2, 1, 0)]


@pytest.mark.elasticsearch
async def test_latest_mentions_hide_what_was_deleted(case: Case) -> None:
    assert case.client is not None
    (search,) = of_type("search")
    answer = await case.client.search(
        index=f"{case.prefix}-mentions",
        sort=[{field: order} for field, order in search["attributes"]["sort"]],
        fields=search["attributes"]["columns"],
    )
    hits = answer["hits"]["hits"]
    assert len(hits) == 6
    assert {hit["fields"]["post.text"][0] for hit in hits[:2]} == {"post 4", "post 5"}


def test_the_data_view_reads_the_filtered_alias() -> None:
    (view,) = of_type("index-pattern")
    assert view["attributes"]["title"] == "veille-mentions"
    assert json.loads(view["attributes"]["fieldFormatMap"])
