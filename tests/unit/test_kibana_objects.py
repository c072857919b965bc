"""The objects that Kibana imports: their shapes, references, stamps and grid, in each language."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from streams.errors import ConfigError
from streams.kibana import export, reading
from streams.kibana.definitions import GRID, LANGUAGES, Bucket, Definitions, Language
from streams.kibana.fields import RECORDS, fields_of
from streams.kibana.objects import STAMPS

DEFINITIONS = reading.load()
OBJECTS = {language: export.objects(DEFINITIONS, language) for language in LANGUAGES}
NEWEST_OF_8_19 = {
    "index-pattern": (8, 0),
    "tag": (8, 0),
    "lens": (8, 9),
    "map": (8, 4),
    "search": (10, 5),
    "dashboard": (10, 3),
}
"""A stamp newer than these is refused by the oldest Kibana that is served."""
ALLOWED = {
    "dashboard": {
        "title", "description", "kibanaSavedObjectMeta", "timeRestore", "timeFrom", "timeTo",
        "refreshInterval", "controlGroupInput", "panelsJSON", "optionsJSON", "hits", "version",
    },
    "search": {
        "title", "description", "columns", "sort", "grid", "rowHeight", "rowsPerPage", "hideChart",
        "breakdownField", "kibanaSavedObjectMeta", "isTextBasedQuery", "usesAdHocDataView",
        "timeRestore", "timeRange", "refreshInterval", "viewMode", "hideAggregatedPreview", "hits",
        "version", "sampleSize", "headerRowHeight",
    },
}  # fmt: skip
"""What Kibana's own schemas of these stamps take; it refuses an object with anything else."""
CONTROLS = {
    "controlStyle", "chainingSystem", "showApplySelections", "ignoreParentSettingsJSON",
    "panelsJSON",
}  # fmt: skip
VIEW_OF = {view.id: view.name for view in DEFINITIONS.shared.views}

each_language = pytest.mark.parametrize("language", LANGUAGES)


def of_type(kind: str, language: Language = "en") -> list[dict[str, Any]]:
    return [one for one in OBJECTS[language] if one["type"] == kind]


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return list(json.loads(board["attributes"]["panelsJSON"]))


def layer(lens: dict[str, Any]) -> dict[str, Any]:
    (found,) = lens["attributes"]["state"]["datasourceStates"]["formBased"]["layers"].values()
    return dict(found)


def targets(one: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {ref["name"]: (ref["type"], ref["id"]) for ref in one["references"]}


def test_shipped_files_are_what_the_definitions_give() -> None:
    folder = export.shipped("en").parent
    assert export.stale(DEFINITIONS, folder) == [], "Remedy: veille kibana export"
    assert sorted(path.name for path in folder.glob("*.ndjson")) == [
        export.file_name(language) for language in LANGUAGES
    ]


@each_language
def test_each_object_is_stamped_and_known_once(language: Language) -> None:
    found = OBJECTS[language]
    assert {one["type"] for one in found} == set(STAMPS)
    for one in found:
        assert one["coreMigrationVersion"] == "8.8.0"
        assert one["typeMigrationVersion"] == STAMPS[one["type"]]
        numbers = tuple(map(int, one["typeMigrationVersion"].split(".")[:2]))
        assert numbers <= NEWEST_OF_8_19[one["type"]]
    assert len({(one["type"], one["id"]) for one in found}) == len(found)
    assert [(one["type"], one["id"]) for one in found] == [
        (one["type"], one["id"]) for one in OBJECTS["en"]
    ], "the same objects in every language"


def test_dashboards_and_searches_have_no_attribute_that_kibana_refuses() -> None:
    for kind, allowed in ALLOWED.items():
        for one in of_type(kind):
            assert set(one["attributes"]) <= allowed
            assert set(one["attributes"].get("controlGroupInput", {})) <= CONTROLS


@each_language
def test_every_reference_resolves_and_is_used(language: Language) -> None:
    known = {(one["type"], one["id"]) for one in OBJECTS[language]}
    for one in OBJECTS[language]:
        names = targets(one)
        assert len(names) == len(one["references"])
        assert set(names.values()) <= known, one["id"]
        written = set(_names_written(one)) | {"tag-ref-veille-tag"}
        assert set(names) <= written, one["id"]
        assert written - {"tag-ref-veille-tag"} <= set(names), one["id"]


def _names_written(one: dict[str, Any]) -> Iterator[str]:
    """Every name that an object's own text expects among its references."""
    attributes = one["attributes"]
    if one["type"] == "lens":
        layers = attributes["state"]["datasourceStates"]["formBased"]["layers"]
        yield from (f"indexpattern-datasource-layer-{name}" for name in layers)
    elif one["type"] == "map":
        yield from re.findall(r'"indexPatternRefName": "(\w+)"', attributes["layerListJSON"])
    elif one["type"] == "search":
        yield json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])["indexRefName"]
    elif one["type"] == "dashboard":
        for panel in panels(one):
            index = panel["panelIndex"]
            if "panelRefName" in panel:
                yield f"{index}:{panel['panelRefName']}"
            actions = panel["embeddableConfig"]["enhancements"].get("dynamicActions", {})
            for event in actions.get("events", []):
                factory = event["action"]["factoryId"]
                yield f"{index}:drilldown:{factory}:{event['eventId']}:dashboardId"
        for control in json.loads(attributes.get("controlGroupInput", {}).get("panelsJSON", "{}")):
            yield f"controlGroup_{control}:optionsListDataView"


def test_panels_stand_on_the_grid_with_the_type_that_they_refer_to() -> None:
    for board in of_type("dashboard"):
        names = targets(board)
        covered: set[tuple[int, int]] = set()
        for panel in panels(board):
            spot = panel["gridData"]
            assert spot["i"] == panel["panelIndex"]
            cells = {
                (x, y)
                for x in range(spot["x"], spot["x"] + spot["w"])
                for y in range(spot["y"], spot["y"] + spot["h"])
            }
            assert not cells & covered, panel["panelIndex"]
            covered |= cells
            if "panelRefName" in panel:
                assert names[f"{spot['i']}:{panel['panelRefName']}"][0] == panel["type"]
            else:
                assert panel["embeddableConfig"]["savedVis"]["type"] == "markdown"
        height = 1 + max(y for _, y in covered)
        assert len(covered) == GRID * height, f"{board['id']} has holes"


def test_lens_columns_are_ordered_shown_and_of_fields_that_are_mapped() -> None:
    for lens in of_type("lens"):
        found = layer(lens)
        columns, order = found["columns"], found["columnOrder"]
        assert sorted(order) == sorted(columns)
        bucketed = [columns[name]["isBucketed"] for name in order]
        assert bucketed == sorted(bucketed, reverse=True), "buckets come before metrics"
        inner = {name for column in columns.values() for name in column.get("references", [])}
        shown = set(_accessors(lens["attributes"]["state"]["visualization"]))
        assert shown == set(columns) - inner, lens["id"]
        assert inner <= set(columns)
        fields = fields_of(VIEW_OF[targets(lens)["indexpattern-datasource-layer-l1"][1]])
        for column in columns.values():
            by = column.get("params", {}).get("orderBy", {}).get("columnId")
            assert by is None or not columns[by]["isBucketed"]
            source = column.get("sourceField", RECORDS)
            assert source == RECORDS or source in fields
            if column["isBucketed"] and source != RECORDS:
                assert fields[source].aggregatable, source


def _accessors(state: Any) -> Iterator[str]:
    """The columns that a drawing names."""
    if isinstance(state, list):
        for item in state:
            yield from _accessors(item)
    elif isinstance(state, dict):
        for key, value in state.items():
            if key.endswith(("Accessor", "ccessors", "columnId")) or key in (
                "metrics",
                "primaryGroups",
            ):
                yield from [value] if isinstance(value, str) else value
            elif key not in ("colorMapping", "palette", "yConfig"):
                yield from _accessors(value)


def test_a_formula_has_a_hidden_column_for_each_metric_and_one_for_its_arithmetic() -> None:
    (lens,) = [one for one in of_type("lens") if one["id"] == "veille-reputation-net"]
    columns = layer(lens)["columns"]
    assert list(columns) == ["y1", "y1X0", "y1X1", "y1X2", "y1X3"]
    assert [columns[f"y1X{n}"]["filter"]["query"] for n in range(3)] == [
        'tone : "pos"',
        'tone : "neg"',
        'tone : ("pos" or "neg" or "neu")',
    ]
    assert columns["y1"]["references"] == ["y1X3"]
    math = columns["y1X3"]
    assert math["references"] == ["y1X0", "y1X1", "y1X2"]
    tree = math["params"]["tinymathAst"]
    assert (tree["name"], tree["args"][1]) == ("divide", "y1X2")
    assert tree["args"][0] == {"type": "function", "name": "subtract", "args": ["y1X0", "y1X1"]}


def test_values_are_ranked_by_a_figure_that_lens_can_rank_by() -> None:
    for lens in of_type("lens"):
        columns = layer(lens)["columns"]
        for column in columns.values():
            order = column.get("params", {}).get("orderBy")
            if order is None:
                continue
            if order["type"] == "column":
                by = columns[order["columnId"]]["operationType"]
                assert by not in ("formula", "math", "last_value")
            elif order["type"] == "custom":
                assert column["params"]["orderAgg"]["operationType"] == "count"


def test_texts_are_read_from_documents_and_keywords_from_doc_values() -> None:
    (lens,) = [one for one in of_type("lens") if one["id"] == "veille-reputation-stories"]
    arrays = {
        column["sourceField"]: column["params"]["showArrayValues"]
        for column in layer(lens)["columns"].values()
        if column["operationType"] == "last_value"
    }
    assert arrays == {"post.text": True, "post.url": False}


def test_positive_and_negative_are_blue_and_orange_wherever_they_are_drawn() -> None:
    text = json.dumps(of_type("lens"))
    assert '{"forAccessor": "y1", "color": "#c2410c"}' in text
    assert '{"forAccessor": "y2", "color": "#1d6fb8"}' in text
    (split,) = [one for one in of_type("lens") if one["id"] == "veille-topic-tone-over-time"]
    (drawn,) = split["attributes"]["state"]["visualization"]["layers"]
    colors = {
        one["rule"]["values"][0]: one["color"]["colorCode"]
        for one in drawn["colorMapping"]["assignments"]
    }
    assert colors == {"pos": "#1d6fb8", "neg": "#c2410c", "neu": "#5f6b7a", "unscored": "#a3adb9"}


@each_language
def test_a_guide_tells_how_to_read_each_figure_and_leads_on(language: Language) -> None:
    for board in DEFINITIONS.dashboards:
        (saved,) = [one for one in of_type("dashboard", language) if one["id"] == board.id]
        (text,) = [
            panel["embeddableConfig"]["savedVis"]["params"]["markdown"]
            for panel in panels(saved)
            if panel["panelIndex"] == "guide"
        ]
        for panel in board.panels:
            if panel.asks:
                assert panel.about
                assert f"**{panel.title.told(language)}**: {panel.about.told(language)}" in text
        others = [one.id for one in DEFINITIONS.dashboards if one.id != board.id]
        assert all(f"(#/view/{other})" in text for other in others)


def test_a_value_is_named_in_each_language() -> None:
    named = {}
    for language in LANGUAGES:
        (view,) = [
            one for one in of_type("index-pattern", language) if one["id"] == "veille-mentions"
        ]
        formats = json.loads(view["attributes"]["fieldFormatMap"])
        entries = formats["tone"]["params"]["lookupEntries"]
        named[language] = {entry["key"]: entry["value"] for entry in entries}["neg"]
    assert named == {"en": "negative", "fr": "négatif", "ru": "негатив"}


def test_a_field_that_is_not_mapped_is_told_with_its_panel() -> None:
    with pytest.raises(ConfigError) as raised:
        export.objects(_changed(x=Bucket(terms="hashtag")), "en")
    told = str(raised.value)
    assert "dashboard veille-topic, panel hashtags: field 'hashtag' is not in" in told
    assert "mentions.json. Remedy: " in told


def _changed(**changes: Any) -> Definitions:
    """The definitions with one panel changed."""
    board = DEFINITIONS.dashboard("veille-topic")
    panels = [
        replace(panel, **changes) if panel.id == "hashtags" else panel for panel in board.panels
    ]
    return replace(DEFINITIONS, dashboards=[replace(board, panels=panels)])
