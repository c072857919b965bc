"""Dashboards as Kibana keeps them: panels on their grid, controls, and where clicks lead."""

import json
from typing import Any, Final

from streams.kibana.definitions import Dashboard, Definitions, Language, Panel
from streams.kibana.fields import field_of
from streams.kibana.objects import SavedObject, reference, saved, source_json, tagged

_DRILLDOWN: Final = "DASHBOARD_TO_DASHBOARD_DRILLDOWN"
_PARENT: Final = ("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations")
_OPTIONS: Final = {
    "useMargins": True,
    "syncColors": True,
    "syncCursor": True,
    "syncTooltips": False,
    "hidePanelTitles": False,
}


def dashboard(definitions: Definitions, found: Dashboard, language: Language) -> SavedObject:
    """The dashboard, which refers to its panels. Raises `ConfigError` for a control's field that
    is not mapped."""
    others = [one for one in definitions.dashboards if one.id != found.id]
    panels = [_placed(found, others, panel, language) for panel in found.panels]
    attributes = {
        "title": found.title.told(language),
        "description": found.about.told(language),
        "panelsJSON": json.dumps(panels, ensure_ascii=False),
        "optionsJSON": json.dumps(_OPTIONS),
        "kibanaSavedObjectMeta": {"searchSourceJSON": source_json(found.where)},
        "timeRestore": True,
        "timeFrom": found.time,
        "timeTo": "now",
        "refreshInterval": {"pause": found.refresh == 0, "value": found.refresh * 1_000},
        "version": 1,
    }
    view = definitions.view(found.view)
    if found.controls:
        attributes["controlGroupInput"] = _controls(found, definitions, language)
    references = [part for panel in found.panels for part in _references(found, panel)]
    for field in found.controls:
        name = f"controlGroup_{_control_id(field)}:optionsListDataView"
        references.append(reference("index-pattern", name, view.id))
    return saved("dashboard", found.id, attributes, [*references, tagged()])


def _placed(
    found: Dashboard, others: list[Dashboard], panel: Panel, language: Language
) -> dict[str, Any]:
    x, y, width, height = panel.at
    placed: dict[str, Any] = {
        "panelIndex": panel.id,
        "gridData": {"x": x, "y": y, "w": width, "h": height, "i": panel.id},
        "embeddableConfig": {"enhancements": _enhancements(panel, language)},
    }
    if panel.look in ("markdown", "guide"):
        placed["type"] = "visualization"
        placed["embeddableConfig"] |= {
            "title": panel.title.told(language),
            "savedVis": _markdown(_text(found, others, panel, language)),
        }
        return placed
    placed["type"] = panel.look if panel.look in ("search", "map") else "lens"
    placed["panelRefName"] = f"panel_{panel.id}"
    return placed


def _text(found: Dashboard, others: list[Dashboard], panel: Panel, language: Language) -> str:
    """A guide leads to the other dashboards, then tells what each panel says of itself."""
    written = panel.text.told(language) if panel.text else ""
    if panel.look == "markdown":
        return written
    links = " · ".join(f"[{one.title.told(language)}](#/view/{one.id})" for one in others)
    told = [
        f"- **{other.title.told(language)}**: {other.about.told(language)}"
        for other in found.panels
        if other.about
    ]
    return "\n\n".join(part for part in (links, written, "\n".join(told)) if part)


def _markdown(text: str) -> dict[str, Any]:
    return {
        "id": "",
        "title": "",
        "description": "",
        "type": "markdown",
        "params": {"fontSize": 12, "openLinksInNewTab": False, "markdown": text},
        "uiState": {},
        "data": {
            "aggs": [],
            "searchSource": {"query": {"language": "kuery", "query": ""}, "filter": []},
        },
    }


def _enhancements(panel: Panel, language: Language) -> dict[str, Any]:
    if not panel.opens:
        return {}
    events = [
        {
            "eventId": _event_id(panel, number),
            "triggers": ["FILTER_TRIGGER"],
            "action": {
                "factoryId": _DRILLDOWN,
                "name": link.title.told(language),
                "config": {
                    "useCurrentFilters": True,
                    "useCurrentDateRange": True,
                    "openInNewTab": False,
                },
            },
        }
        for number, link in enumerate(panel.opens)
    ]
    return {"dynamicActions": {"events": events}}


def _references(found: Dashboard, panel: Panel) -> list[dict[str, str]]:
    references = []
    if panel.look == "search":
        target = ("search", panel.search)
    else:
        target = ("map" if panel.look == "map" else "lens", found.object_id(panel))
    if panel.look not in ("markdown", "guide"):
        references.append(reference(target[0], f"{panel.id}:panel_{panel.id}", target[1]))
    for number, link in enumerate(panel.opens):
        name = f"{panel.id}:drilldown:{_DRILLDOWN}:{_event_id(panel, number)}:dashboardId"
        references.append(reference("dashboard", name, link.dashboard))
    return references


def _event_id(panel: Panel, number: int) -> str:
    return f"{panel.id}-opens-{number}"


def _controls(found: Dashboard, definitions: Definitions, language: Language) -> dict[str, Any]:
    view = definitions.view(found.view)
    panels = {}
    for order, field in enumerate(found.controls):
        field_of(found.view, field)
        panels[_control_id(field)] = {
            "type": "optionsListControl",
            "order": order,
            "width": "medium",
            "grow": True,
            "explicitInput": {
                "id": _control_id(field),
                "dataViewId": view.id,
                "fieldName": field,
                "title": view.label(field, language),
                "searchTechnique": "prefix",
                "selectedOptions": [],
                "sort": {"by": "_count", "direction": "desc"},
                "enhancements": {},
            },
        }
    return {
        "controlStyle": "oneLine",
        "chainingSystem": "HIERARCHICAL",
        "showApplySelections": False,
        "ignoreParentSettingsJSON": json.dumps(dict.fromkeys(_PARENT, False)),
        "panelsJSON": json.dumps(panels, ensure_ascii=False),
    }


def _control_id(field: str) -> str:
    return "control-" + field.strip("@").replace(".", "-").replace("_", "-")
