"""What Kibana asks of Elasticsearch for each saved object, so that figures can be had without it.

Where Kibana reads the newest value of a field by `top_metrics`, `top_hits` is asked, which servers
without the analytics module have, too: the values are the same.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from streams.kibana import intervals, kql
from streams.kibana.fields import fields_of
from streams.kibana.objects import SavedObject

Body = dict[str, Any]
_METRICS: Final = {
    "unique_count": "cardinality", "average": "avg", "sum": "sum", "min": "min", "max": "max",
}  # fmt: skip
_HITS: Final = 500
_WORLD: Final = {"top_left": {"lat": 90, "lon": -180}, "bottom_right": {"lat": -90, "lon": 180}}


class Span(NamedTuple):
    """The time that a dashboard shows, both ends in it."""

    since: datetime
    until: datetime


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for a panel, a control or a saved search: a search over `index`.

    `columns` are those of Lens, none of a map or a search; `fields` are all fields it leans on by
    itself, and `aggregated` those whose values are told apart or added up. A dashboard's own
    condition holds for panels of other views, too, which may lack its fields.
    """

    index: str
    body: Body
    columns: dict[str, Any] = {}
    fields: set[str]
    aggregated: set[str]


class Questions:
    """What Kibana asks for the objects of one file."""

    def __init__(self, objects: Iterable[SavedObject]) -> None:
        self._objects = {(one["type"], one["id"]): one for one in objects}

    def dashboards(self) -> list[str]:
        """Every dashboard's id."""
        return [name for kind, name in self._objects if kind == "dashboard"]

    def panels(self, dashboard: str, span: Span) -> Iterator[tuple[str, Question]]:
        """Every panel of a dashboard that asks anything, by its id, and every control, by
        `control-` and its field."""
        board = self._objects["dashboard", dashboard]
        above = _source(board)["query"]["query"]
        named = {one["name"]: (one["type"], one["id"]) for one in board["references"]}
        for panel in json.loads(board["attributes"]["panelsJSON"]):
            if "panelRefName" in panel:
                name = panel["panelIndex"]
                found = self._objects[named[f"{name}:{panel['panelRefName']}"]]
                yield name, self._question(found, above, span)
        controls = board["attributes"].get("controlGroupInput", {}).get("panelsJSON", "{}")
        for control in json.loads(controls).values():
            asked = control["explicitInput"]
            one = _Asker(self._objects["index-pattern", asked["dataViewId"]], span)
            terms = {"field": one.counted(asked["fieldName"]), "size": 10}
            yield asked["id"], one.question([above], aggs={"options": {"terms": terms}})

    def searches(self, span: Span) -> Iterator[tuple[str, Question]]:
        """Every saved search by its id."""
        for (kind, name), found in self._objects.items():
            if kind == "search":
                yield name, self._question(found, "", span)

    def _question(self, found: SavedObject, above: str, span: Span) -> Question:
        view = next(one["id"] for one in found["references"] if one["type"] == "index-pattern")
        asker = _Asker(self._objects["index-pattern", view], span)
        attributes = found["attributes"]
        if found["type"] == "search":
            return asker.listing(attributes, [above, _source(found)["query"]["query"]])
        if found["type"] == "map":
            layers = json.loads(attributes["layerListJSON"])
            grid = next(one for one in layers if one["sourceDescriptor"]["type"] == "ES_GEO_GRID")
            return asker.grid(grid["sourceDescriptor"]["geoField"], [above, grid["query"]["query"]])
        state = attributes["state"]
        (layer,) = state["datasourceStates"]["formBased"]["layers"].values()
        columns = {name: layer["columns"][name] for name in layer["columnOrder"]}
        return asker.figures(columns, [above, state["query"]["query"]])


class _Asker:
    """Asks one data view, and keeps the fields that were asked."""

    def __init__(self, view: SavedObject, span: Span) -> None:
        self._index: str = view["attributes"]["title"]
        self._time: str = view["attributes"]["timeFieldName"]
        self._types = fields_of(view["id"].removeprefix("veille-"))
        self._span = span
        self._fields = {self._time}
        self._aggregated: set[str] = set()

    def question(self, wheres: list[str], **body: Any) -> Question:
        """A search for what answers all conditions, the dashboard's first."""
        since, until = (moment.isoformat() for moment in self._span)
        within = {"gte": since, "lte": until, "format": "strict_date_optional_time"}
        above, *own = wheres
        filters = [kql.query(kql.parse(above), self._mapped)] if above else []
        filters += [self._query(where) for where in own if where]
        query = {"bool": {"filter": [*filters, {"range": {self._time: within}}]}}
        body = {"size": 0, "track_total_hits": True, "query": query} | body
        return Question(
            index=self._index, body=body, fields=self._fields, aggregated=self._aggregated
        )

    def counted(self, field: str) -> str:
        """The field, kept as one whose values are told apart or added up."""
        self._fields.add(field)
        self._aggregated.add(field)
        return field

    def listing(self, attributes: Body, wheres: list[str]) -> Question:
        """A list of documents."""
        self._fields |= set(attributes["columns"])
        sort = [{self.counted(field): order} for field, order in attributes["sort"]]
        return self.question(wheres, size=_HITS, sort=sort, fields=attributes["columns"])

    def grid(self, place: str, wheres: list[str]) -> Question:
        """A map's cells, with the middle of what lies in each."""
        tiles = {"field": self.counted(place), "precision": 4, "size": 65_535, "bounds": _WORLD}
        middle = {"middle": {"geo_centroid": {"field": place}}}
        return self.question(wheres, aggs={"grid": {"geotile_grid": tiles, "aggs": middle}})

    def figures(self, columns: dict[str, Any], wheres: list[str]) -> Question:
        """What Lens asks: buckets within each other in the order of columns, figures within."""
        aggs = {
            name: asked
            for name, column in columns.items()
            if not column["isBucketed"] and (asked := self._figure(column))
        }
        for name in reversed(columns):
            if columns[name]["isBucketed"]:
                bucket = self._bucket(columns[name], columns)
                aggs = {name: bucket | {"aggs": aggs | self._ranking(columns[name], columns)}}
        whole = self.question(wheres, **({"aggs": aggs} if aggs else {}))
        return msgspec.structs.replace(whole, columns=columns)

    def _figure(self, column: Body) -> Body | None:
        """A figure's aggregation; none of a plain count, which every bucket has, and of a formula,
        which is worked out from the others."""
        operation, field = column["operationType"], column.get("sourceField", "")
        asked: Body | None = None
        if operation == "last_value":
            asked = {"top_hits": self._newest(field, column["params"])}
        elif operation in _METRICS:
            asked = {_METRICS[operation]: {"field": self.counted(field)}}
        if "filter" not in column:
            return asked
        within = {"aggs": {"value": asked}} if asked else {}
        return {"filter": self._query(column["filter"]["query"])} | within

    def _newest(self, field: str, params: Body) -> Body:
        sort = [{self.counted(params["sortField"]): "desc"}]
        if params["showArrayValues"]:
            self._fields.add(field)
            return {"size": 1, "sort": sort, "_source": False, "fields": [field]}
        return {
            "size": 1,
            "sort": sort,
            "_source": False,
            "docvalue_fields": [self.counted(field)],
        }

    def _bucket(self, column: Body, columns: dict[str, Any]) -> Body:
        params = column["params"]
        match column["operationType"]:
            case "filters":
                named = {
                    one["label"]: self._query(one["input"]["query"]) for one in params["filters"]
                }
                return {"filters": {"filters": named}}
            case "date_histogram":
                field = self.counted(column["sourceField"])
                return {"date_histogram": {"field": field} | self._steps(params)}
            case _:
                terms = {"field": self.counted(column["sourceField"]), "size": params["size"]}
                order = {_ranked_by(params, columns): params["orderDirection"]}
                return {"terms": terms | {"order": order, "shard_size": max(25, params["size"])}}

    def _ranking(self, column: Body, columns: dict[str, Any]) -> Body:
        """The figure that values are ranked by, asked beside the inner buckets, too."""
        name = column["params"].get("orderBy", {}).get("columnId")
        asked = self._figure(columns[name]) if name else None
        return {name: asked} if asked else {}

    def _steps(self, params: Body) -> Body:
        """The width of a bar; every bar is there, those without documents, too."""
        width = params["interval"]
        if width == "auto":
            width = intervals.auto(self._span.until - self._span.since)
        since, until = (int(moment.timestamp() * 1000) for moment in self._span)
        kind = "calendar_interval" if intervals.is_calendar(width) else "fixed_interval"
        return {
            kind: width,
            "time_zone": "UTC",
            "min_doc_count": 0,
            "extended_bounds": {"min": since, "max": until},
        }

    def _query(self, where: str) -> Body:
        tree = kql.parse(where)
        self._fields |= set(kql.fields(tree))
        return kql.query(tree, self._mapped)

    def _mapped(self, field: str) -> str:
        """A field's type; Kibana asks for a field that the view lacks, too, and finds nothing."""
        return self._types[field].mapped if field in self._types else ""


def _ranked_by(params: Body, columns: dict[str, Any]) -> str:
    """The way to the figure that values are ranked by: a filter's own name is its count."""
    if params["orderBy"]["type"] == "alphabetical":
        return "_key"
    name = params["orderBy"].get("columnId", "")
    column = columns.get(name, {"operationType": "count"})
    plain = column["operationType"] == "count"
    if "filter" in column:
        return name if plain else f"{name}>value"
    return "_count" if plain else name


def _source(found: SavedObject) -> Body:
    meta = found["attributes"]["kibanaSavedObjectMeta"]
    source: Body = json.loads(meta["searchSourceJSON"])
    return source
