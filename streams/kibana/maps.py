"""Panels as Kibana's maps draw them: documents gathered into a grid, a circle a cell."""

import json
from typing import Any, Final

from streams.kibana.definitions import Language, Panel, View
from streams.kibana.fields import field_of

INDEX_REFERENCE: Final = "layer_1_source_index_pattern"
_BY_COUNT: Final = {
    "field": {"name": "doc_count", "origin": "source"},
    "fieldMetaOptions": {"isEnabled": False, "sigma": 3},
}


def attributes(panel: Panel, view: View, language: Language) -> dict[str, Any]:
    """What is saved of a map. Raises `ConfigError` where its field is not mapped."""
    field_of(view.name, panel.place)
    layers = [_ground(), _circles(panel, view.records.told(language))]
    return {
        "title": panel.title.told(language),
        "description": panel.about.told(language) if panel.about else "",
        "layerListJSON": json.dumps(layers, ensure_ascii=False),
        "mapStateJSON": json.dumps(_state()),
        "uiStateJSON": json.dumps({"isLayerTOCOpen": False, "openTOCDetails": []}),
    }


def _ground() -> dict[str, Any]:
    """Elastic's own map of the world."""
    return {
        "id": "ground",
        "type": "EMS_VECTOR_TILE",
        "label": None,
        "locale": "autoselect",
        "sourceDescriptor": {
            "type": "EMS_TMS",
            "isAutoSelect": True,
            "lightModeDefault": "road_map_desaturated",
        },
        "style": {"type": "EMS_VECTOR_TILE", "color": ""},
        "includeInFitToBounds": True,
        "minZoom": 0,
        "maxZoom": 24,
        "alpha": 1,
        "visible": True,
    }


def _circles(panel: Panel, label: str) -> dict[str, Any]:
    return {
        "id": "mentions",
        "type": "GEOJSON_VECTOR",
        "label": label,
        "sourceDescriptor": {
            "type": "ES_GEO_GRID",
            "id": f"{panel.id}-grid",
            "indexPatternRefName": INDEX_REFERENCE,
            "geoField": panel.place,
            "requestType": "point",
            "resolution": "COARSE",
            "metrics": [{"type": "count"}],
            "applyGlobalQuery": True,
            "applyGlobalTime": True,
            "applyForceRefresh": True,
        },
        "query": {"language": "kuery", "query": panel.where},
        "style": {"type": "VECTOR", "isTimeAware": True, "properties": _style()},
        "includeInFitToBounds": True,
        "joins": [],
        "minZoom": 0,
        "maxZoom": 24,
        "alpha": 0.75,
        "visible": True,
    }


def _style() -> dict[str, Any]:
    return {
        "fillColor": {
            "type": "DYNAMIC",
            "options": {"type": "ORDINAL", "color": "Blues", **_BY_COUNT},
        },
        "lineColor": {"type": "STATIC", "options": {"color": "#1d6fb8"}},
        "lineWidth": {"type": "STATIC", "options": {"size": 1}},
        "iconSize": {"type": "DYNAMIC", "options": {"minSize": 7, "maxSize": 28, **_BY_COUNT}},
        "iconOrientation": {"type": "STATIC", "options": {"orientation": 0}},
        "icon": {"type": "STATIC", "options": {"value": "marker"}},
        "symbolizeAs": {"options": {"value": "circle"}},
        "labelText": {"type": "DYNAMIC", "options": {"field": _BY_COUNT["field"]}},
        "labelColor": {"type": "STATIC", "options": {"color": "#16202c"}},
        "labelSize": {"type": "STATIC", "options": {"size": 12}},
        "labelBorderColor": {"type": "STATIC", "options": {"color": "#ffffff"}},
        "labelBorderSize": {"options": {"size": "SMALL"}},
    }


def _state() -> dict[str, Any]:
    return {
        "zoom": 1.5,
        "center": {"lon": 10, "lat": 30},
        "timeFilters": {"from": "now-7d", "to": "now"},
        "refreshConfig": {"isPaused": True, "interval": 0},
        "query": {"language": "kuery", "query": ""},
        "filters": [],
        "settings": {"autoFitToDataBounds": True, "initialLocation": "LAST_SAVED_LOCATION"},
    }
