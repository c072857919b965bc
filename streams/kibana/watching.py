"""What an `.es-query` rule asks of Elasticsearch, and what rings by the answer."""

import json
import operator
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_COMPARES: Final = {">": operator.gt, "<": operator.lt}
ALL: Final = "query matched"
"""The name of the alert of a rule that tells no groups apart."""


def body(params: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The search that Kibana sends at `now`; it leaves groups below the threshold out by a script,
    here `ringing` does."""
    since = now - timedelta(**{_UNITS[params["timeWindowUnit"]]: params["timeWindowSize"]})
    within = {"gte": since.isoformat(), "lte": now.isoformat()}
    query = [json.loads(params["esQuery"])["query"], {"range": {params["timeField"]: within}}]
    newest = [{params["timeField"]: {"order": "desc"}}]
    asked: dict[str, Any] = {"query": {"bool": {"filter": query}}, "track_total_hits": True}
    measured = {}
    if "aggField" in params:
        measured = {"metricAgg": {params["aggType"]: {"field": params["aggField"]}}}
    if params["groupBy"] == "all":
        return asked | {"size": params["size"], "sort": newest, "aggs": measured}
    hits = {"topHitsAgg": {"top_hits": {"size": params["size"], "sort": newest}}}
    terms = {"field": params["termField"], "size": params["termSize"]}
    return asked | {"size": 0, "aggs": {"groupAgg": {"terms": terms, "aggs": measured | hits}}}


def ringing(params: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, float]:
    """The alerts that ring, by name (the group's value), with the figure of each."""
    if params["groupBy"] == "all":
        whole = {"doc_count": answer["hits"]["total"]["value"]} | answer.get("aggregations", {})
        found = {ALL: _figure(whole)}
    else:
        groups = answer["aggregations"]["groupAgg"]["buckets"]
        found = {str(group["key"]): _figure(group) for group in groups}
    rings = _COMPARES[params["thresholdComparator"]]
    (threshold,) = params["threshold"]
    return {name: value for name, value in found.items() if rings(value, threshold)}


def _figure(group: Mapping[str, Any]) -> float:
    value: float = group["metricAgg"]["value"] if "metricAgg" in group else group["doc_count"]
    return value
