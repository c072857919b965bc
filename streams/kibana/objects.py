"""Saved objects, one a line of the file that Kibana imports: views, tag, searches, panels."""

import json
from collections.abc import Sequence
from typing import Any, Final

from streams.kibana import lens, maps
from streams.kibana.definitions import Dashboard, Language, Panel, Search, Shared, View
from streams.kibana.fields import field_of

SavedObject = dict[str, Any]
STAMPS: Final = {
    "index-pattern": "8.0.0",
    "tag": "8.0.0",
    "lens": "8.9.0",
    "map": "8.4.0",
    "search": "10.2.0",
    "dashboard": "10.2.0",
}
"""The oldest form of each type that holds what is written here: Kibana brings an older one up to
date, and refuses one that is newer than it knows."""
TAG: Final = "veille-tag"
_SEARCH_INDEX: Final = "kibanaSavedObjectMeta.searchSourceJSON.index"


def saved(
    kind: str, name: str, attributes: dict[str, Any], references: Sequence[dict[str, str]] = ()
) -> SavedObject:
    """A saved object as Kibana exports it."""
    return {
        "type": kind,
        "id": name,
        "attributes": attributes,
        "references": list(references),
        "coreMigrationVersion": "8.8.0",
        "typeMigrationVersion": STAMPS[kind],
        "managed": False,
    }


def reference(kind: str, name: str, target: str) -> dict[str, str]:
    """Where an object, under `name`, leans on another."""
    return {"type": kind, "name": name, "id": target}


def tagged() -> dict[str, str]:
    """The reference of all that is Veille's."""
    return reference("tag", f"tag-ref-{TAG}", TAG)


def tag(shared: Shared, language: Language) -> SavedObject:
    """The tag by which Veille's objects are found."""
    about = shared.tag.told(language)
    return saved("tag", TAG, {"name": "veille", "description": about, "color": "#1d6fb8"})


def data_view(view: View, language: Language, prefix: str, pages: str) -> SavedObject:
    """The data view over `<prefix>-<name>`; `pages` is the address of Veille's pages."""
    labels = {field: {"customLabel": text.told(language)} for field, text in view.labels.items()}
    attributes = {
        "title": f"{prefix}-{view.name}",
        "name": view.title.told(language),
        "timeFieldName": view.time,
        "fieldAttrs": _json(labels),
        "fieldFormatMap": _json(_formats(view, language, pages)),
        "fields": "[]",
        "runtimeFieldMap": "{}",
        "sourceFilters": _json([{"value": field} for field in view.hides]),
        "typeMeta": "{}",
        "allowHidden": False,
    }
    return saved("index-pattern", view.id, attributes)


def search(found: Search, language: Language, view: View) -> SavedObject:
    """A saved search. Raises `ConfigError` where a column is not mapped."""
    for column in [*found.columns, *(field for field, _ in found.sort)]:
        field_of(found.view, column)
    attributes = {
        "title": found.title.told(language),
        "description": found.about.told(language),
        "columns": found.columns,
        "sort": [list(order) for order in found.sort] or [[view.time, "desc"]],
        "grid": {},
        "hideChart": False,
        "isTextBasedQuery": False,
        "timeRestore": False,
        "kibanaSavedObjectMeta": {
            "searchSourceJSON": _json(_source(found.where) | {"indexRefName": _SEARCH_INDEX})
        },
    }
    return saved(
        "search",
        found.id,
        attributes,
        [reference("index-pattern", _SEARCH_INDEX, view.id), tagged()],
    )


def panel_object(
    dashboard: Dashboard, panel: Panel, language: Language, view: View
) -> SavedObject | None:
    """What is saved for a panel by itself; none for texts and for searches, which are there."""
    name = dashboard.object_id(panel)
    if panel.look == "map":
        attributes, kind, layer = (
            maps.attributes(panel, view, language),
            "map",
            maps.INDEX_REFERENCE,
        )
    elif panel.asks:
        attributes, kind = lens.attributes(panel, view, language), "lens"
        layer = f"indexpattern-datasource-layer-{lens.LAYER}"
    else:
        return None
    return saved(kind, name, attributes, [reference("index-pattern", layer, view.id), tagged()])


def _formats(view: View, language: Language, pages: str) -> dict[str, Any]:
    found: dict[str, Any] = {field: {"id": "url", "params": {}} for field in view.links}
    for field in view.pages:
        template = f"{pages.rstrip('/')}{{{{rawValue}}}}"
        found[field] = {"id": "url", "params": {"urlTemplate": template}}
    for field, values in view.values.items():
        entries = [{"key": key, "value": text.told(language)} for key, text in values.items()]
        found[field] = {
            "id": "static_lookup",
            "params": {"lookupEntries": entries, "unknownKeyValue": None},
        }
    return found


def _source(where: str) -> dict[str, Any]:
    return {"query": {"language": "kuery", "query": where}, "filter": []}


def source_json(where: str) -> str:
    """A query of the whole object, as Kibana keeps it."""
    return _json(_source(where))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
