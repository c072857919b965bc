"""What a panel shows, from what Elasticsearch answered: rows of values by column."""

import operator
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from streams.kibana.asking import Body, Question

Value = str | float | datetime | None
Row = dict[str, Value]
OTHER: Final = "__other__"
"""The value, in Kibana, of what is left beside a column's most frequent values."""


_ARITHMETIC: Final = {"add": operator.add, "subtract": operator.sub, "multiply": operator.mul}


def rows(question: Question, answer: Mapping[str, Any]) -> list[Row]:
    """A row a bucket of the innermost column, or one for all; of a list, a row a document."""
    if "fields" in question.body:
        columns = dict.fromkeys(question.body["fields"])
        return [columns | _fields(hit) for hit in answer["hits"]["hits"]]
    found = answer.get("aggregations", {})
    if not question.columns:
        ((name, told),) = found.items()
        return [_cell(name, bucket) for bucket in told["buckets"]]
    whole = {"doc_count": answer["hits"]["total"]["value"]} | found
    return list(_walk(question.columns, _buckets_of(question), whole, {}))


def other(question: Question, answer: Mapping[str, Any]) -> Question | None:
    """What Kibana asks after the answer where a panel adds up the rest: all that is in none of the
    outermost column's values. None where nothing is left."""
    outer = next(iter(_buckets_of(question)), "")
    column = question.columns.get(outer, {})
    if not column.get("params", {}).get("otherBucket"):
        return None
    told = answer["aggregations"][outer]
    if not told["sum_other_doc_count"]:
        return None
    field = column["sourceField"]
    taken = [{"match_phrase": {field: bucket["key"]}} for bucket in told["buckets"]]
    rest = {"bool": {"filter": [{"exists": {"field": field}}], "must_not": taken}}
    inner = question.body["aggs"][outer].get("aggs", {})
    asked = {outer: {"filters": {"filters": {OTHER: rest}}, "aggs": inner}}
    return msgspec.structs.replace(question, body=question.body | {"aggs": asked})


def _buckets_of(question: Question) -> list[str]:
    return [name for name, column in question.columns.items() if column["isBucketed"]]


def _walk(
    columns: dict[str, Any], left: list[str], found: Mapping[str, Any], above: Row
) -> Iterator[Row]:
    if not left:
        yield above | _figures(columns, found)
        return
    name, told = left[0], found[left[0]]["buckets"]
    named = told.items() if isinstance(told, dict) else ((None, bucket) for bucket in told)
    for label, bucket in named:
        value = _value(columns[name], bucket) if label is None else label
        yield from _walk(columns, left[1:], bucket, above | {name: value})


def _value(column: Body, bucket: Mapping[str, Any]) -> Value:
    if column["operationType"] == "date_histogram":
        return datetime.fromtimestamp(bucket["key"] / 1000, UTC)
    key: Value = bucket["key"]
    return key


def _figures(columns: dict[str, Any], found: Mapping[str, Any]) -> Row:
    row: Row = {}
    for name, column in columns.items():
        if column["isBucketed"] or column["operationType"] in ("formula", "math"):
            continue
        row[name] = _figure(column, found.get(name, {}), found["doc_count"])
    for name, column in columns.items():
        if column["operationType"] == "math":
            row[name] = _work_out(column["params"]["tinymathAst"], row)
    for name, column in columns.items():
        if column["operationType"] == "formula":
            row[name] = row[column["references"][0]]
    return row


def _figure(column: Body, told: Mapping[str, Any], whole: int) -> Value:
    if column["operationType"] == "count":
        return told["doc_count"] if "filter" in column else whole
    if "filter" in column:
        told = told["value"]
    if column["operationType"] == "last_value":
        hits = told["hits"]["hits"]
        return next(iter(_fields(hits[0]).values()), None) if hits else None
    value: Value = told["value"]
    return value


def _work_out(tree: Any, row: Row) -> float | None:
    """Arithmetic over figures; none where one is missing or a divisor is zero, as Kibana shows."""
    if isinstance(tree, str):
        value = row[tree]
        return value if isinstance(value, int | float) else None
    if isinstance(tree, int | float):
        return tree
    one, two = (_work_out(part, row) for part in tree["args"])
    if one is None or two is None:
        return None
    if tree["name"] == "divide":
        return one / two if two else None
    worked: float = _ARITHMETIC[tree["name"]](one, two)
    return worked


def _fields(hit: Mapping[str, Any]) -> Row:
    """A document's fields; several values of one are joined."""
    return {
        name: values[0] if len(values) == 1 else ", ".join(map(str, values))
        for name, values in hit.get("fields", {}).items()
    }


def _cell(name: str, bucket: Mapping[str, Any]) -> Row:
    row: Row = {name: bucket["key"], "count": bucket["doc_count"]}
    if "middle" in bucket:
        middle = bucket["middle"]["location"]
        row |= {"lat": middle["lat"], "lon": middle["lon"]}
    return row
