"""Panels as Lens draws them."""

from collections.abc import Callable
from typing import Any, Final

from streams.kibana.columns import Layer
from streams.kibana.definitions import Bucket, Language, Look, Panel, Tint, View

State = dict[str, Any]
LAYER: Final = "l1"
TINTS: Final[dict[Tint, str]] = {
    "positive": "#1d6fb8",
    "negative": "#c2410c",
    "neutral": "#5f6b7a",
    "quiet": "#a3adb9",
}
"""Blue and orange, which every eye tells apart: those of Veille's own pages."""
_PALETTE: Final = "eui_amsterdam_color_blind"
_RAMP: Final = ("#eef4fa", "#c3dbf0", "#8fbde2", "#4f96cd", "#1d6fb8")
_SHOWN: Final = {"x": True, "yLeft": True, "yRight": True}
_HIDDEN: Final = {"x": False, "yLeft": False, "yRight": False}


def attributes(panel: Panel, view: View, language: Language) -> dict[str, Any]:
    """What is saved of a panel. Raises `ConfigError` where a field is not mapped."""
    layer = Layer(panel, view, language)
    kind, draw = _LOOKS[panel.look]
    return {
        "title": panel.title.told(language),
        "description": panel.about.told(language) if panel.about else "",
        "visualizationType": kind,
        "state": {
            "adHocDataViews": {},
            "datasourceStates": {"formBased": {"layers": {LAYER: layer.state()}}},
            "filters": [],
            "internalReferences": [],
            "query": {"language": "kuery", "query": panel.where},
            "visualization": draw(panel, view, layer),
        },
    }


def _xy(panel: Panel, view: View, layer: Layer) -> State:
    series = _series(panel)
    drawn: State = {
        "layerId": LAYER,
        "layerType": "data",
        "accessors": layer.figures,
        "xAccessor": "x",
        "seriesType": series,
        "position": "top",
        "showGridlines": False,
    }
    if panel.split:
        drawn |= {"splitAccessor": "split", "colorMapping": _colors(panel.split, view)}
    tinted = [
        {"forAccessor": name, "color": TINTS[figure.tint]}
        for name, figure in zip(layer.figures, panel.y, strict=True)
        if figure.tint
    ]
    if tinted:
        drawn["yConfig"] = tinted
    return {
        "layers": [drawn],
        "preferredSeriesType": series,
        "legend": {
            "isVisible": panel.split is not None or len(panel.y) > 1,
            "position": "bottom",
        },
        "valueLabels": "hide",
        "fittingFunction": "None",
        "axisTitlesVisibilitySettings": _HIDDEN,
        "tickLabelsVisibilitySettings": _SHOWN,
        "gridlinesVisibilitySettings": _SHOWN,
        "labelsOrientation": {"x": 0, "yLeft": 0, "yRight": 0},
    }


def _series(panel: Panel) -> str:
    if panel.look == "lines":
        return "line"
    base = "area" if panel.look == "area" else "bar"
    if base == "bar" and panel.x and not panel.x.date:
        base = "bar_horizontal"
    if panel.share:
        return f"{base}_percentage_stacked"
    stacked = panel.split is not None or len(panel.y) > 1
    return f"{base}_stacked" if stacked else base


def _pie(panel: Panel, view: View, layer: Layer) -> State:
    drawn: State = {
        "layerId": LAYER,
        "layerType": "data",
        "primaryGroups": ["x", "split"] if panel.split else ["x"],
        "metrics": layer.figures,
        "numberDisplay": "percent",
        "categoryDisplay": "default",
        "legendDisplay": "show",
        "legendPosition": "right",
        "nestedLegend": False,
        "colorMapping": _colors(panel.x, view),
    }
    return {"shape": "donut", "layers": [drawn]}


def _metric(panel: Panel, _: View, layer: Layer) -> State:
    drawn: State = {
        "layerId": LAYER,
        "layerType": "data",
        "metricAccessor": layer.figures[0],
    }
    tint = panel.y[0].tint
    return drawn | {"color": TINTS[tint]} if tint else drawn


def _table(_: Panel, __: View, layer: Layer) -> State:
    shown = [name for name in layer.columns if name in ("x", "split", *layer.figures)]
    return {
        "layerId": LAYER,
        "layerType": "data",
        "columns": [{"columnId": name, "isTransposed": False} for name in shown],
        "paging": {"enabled": True, "size": 10},
        "rowHeight": "custom",
        "rowHeightLines": 3,
        "headerRowHeight": "single",
    }


def _heatmap(_: Panel, __: View, layer: Layer) -> State:
    value = layer.figures[0]
    step = 100 // len(_RAMP)
    return {
        "shape": "heatmap",
        "layerId": LAYER,
        "layerType": "data",
        "xAccessor": "x",
        "yAccessor": "split",
        "valueAccessor": value,
        "legend": {"isVisible": True, "position": "right", "type": "heatmap_legend"},
        "gridConfig": {
            "type": "heatmap_grid",
            "isCellLabelVisible": False,
            "isXAxisLabelVisible": True,
            "isXAxisTitleVisible": True,
            "isYAxisLabelVisible": True,
            "isYAxisTitleVisible": False,
        },
        "palette": {
            "accessor": value,
            "name": "custom",
            "type": "palette",
            "params": {
                "name": "custom",
                "continuity": "above",
                "reverse": False,
                "rangeType": "percent",
                "rangeMin": 0,
                "rangeMax": None,
                "steps": len(_RAMP),
                "progression": "fixed",
                "colorStops": [
                    {"color": color, "stop": step * at} for at, color in enumerate(_RAMP)
                ],
                "stops": [
                    {"color": color, "stop": step * (at + 1)} for at, color in enumerate(_RAMP)
                ],
            },
        },
    }


def _tags(panel: Panel, view: View, layer: Layer) -> State:
    return {
        "layerId": LAYER,
        "layerType": "data",
        "tagAccessor": "x",
        "valueAccessor": layer.figures[0],
        "minFontSize": 14,
        "maxFontSize": 48,
        "orientation": "single",
        "showLabel": False,
        "colorMapping": _colors(panel.x, view),
    }


def _colors(bucket: Bucket | None, view: View) -> State:
    """Each value in its own colour where the view fixes one, the rest in turn."""
    fixed = view.colors.get(bucket.field, {}) if bucket else {}
    return {
        "assignments": [
            {
                "rule": {"type": "matchExactly", "values": [value]},
                "color": {"type": "colorCode", "colorCode": color},
                "touched": True,
            }
            for value, color in fixed.items()
        ],
        "specialAssignments": [
            {"rule": {"type": "other"}, "color": {"type": "loop"}, "touched": False}
        ],
        "paletteId": _PALETTE,
        "colorMode": {"type": "categorical"},
    }


_LOOKS: Final[dict[Look, tuple[str, Callable[[Panel, View, Layer], State]]]] = {
    "bars": ("lnsXY", _xy),
    "area": ("lnsXY", _xy),
    "lines": ("lnsXY", _xy),
    "pie": ("lnsPie", _pie),
    "metric": ("lnsMetric", _metric),
    "table": ("lnsDatatable", _table),
    "heatmap": ("lnsHeatmap", _heatmap),
    "tags": ("lnsTagcloud", _tags),
}
