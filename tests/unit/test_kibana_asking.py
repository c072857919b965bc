"""What Kibana asks for saved objects, and what it shows of the answers, without a server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from streams.kibana import answers, intervals
from streams.kibana.asking import Question, Questions, Span
from streams.kibana.export import objects
from streams.kibana.reading import load

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SPAN = Span(NOON - timedelta(days=7), NOON)


def questions() -> dict[tuple[str, str], Question]:
    made = Questions(objects(load(), "en", prefix="watch"))
    return {
        (board, panel): question
        for board in made.dashboards()
        for panel, question in made.panels(board, SPAN)
    }


@pytest.mark.parametrize(
    ("span", "width", "calendar"),
    [
        (timedelta(minutes=15), "30s", False),
        (timedelta(hours=24), "30m", False),
        (timedelta(days=7), "3h", False),
        (timedelta(days=30), "12h", False),
        (timedelta(days=90), "1d", True),
        (timedelta(days=30_000), "1y", True),
    ],
)
def test_bars_are_as_wide_as_kibana_makes_them(span: timedelta, width: str, calendar: bool) -> None:
    assert (intervals.auto(span), intervals.is_calendar(width)) == (width, calendar)


def test_conditions_of_dashboard_and_panel_and_the_time_hold_together() -> None:
    asked = questions()["veille-reputation", "negative"]
    hidden, tone, within = asked.body["query"]["bool"]["filter"]
    assert asked.index == "watch-mentions"
    assert "must_not" in hidden["bool"]
    assert tone["bool"]["should"] == [{"match_phrase": {"tone": "neg"}}]
    assert within["range"]["@timestamp"]["gte"] == SPAN.since.isoformat()


def test_values_are_ranked_by_a_filtered_count_or_a_figure_asked_beside_the_bars() -> None:
    asked = questions()
    sources = asked["veille-reputation", "sources"].body["aggs"]["x"]
    assert sources["terms"]["order"] == {"y1": "desc"}
    lag = asked["veille-pipeline", "lag-over-time"].body["aggs"]["split"]
    assert lag["terms"]["order"] == {"y1": "desc"}
    assert lag["aggs"]["y1"] == lag["aggs"]["x"]["aggs"]["y1"] == {"max": {"field": "lag"}}
    assert lag["aggs"]["x"]["date_histogram"]["fixed_interval"] == "3h"


def _net(pos: int, neg: int, scored: int) -> Any:
    question = questions()["veille-reputation", "net"]
    parts = [name for name in question.columns if question.columns[name].get("filter")]
    told = {name: {"doc_count": n} for name, n in zip(parts, (pos, neg, scored), strict=True)}
    answer = {"hits": {"total": {"value": scored}}, "aggregations": told}
    (row,) = answers.rows(question, answer)
    return row["y1"]


def test_a_formula_is_worked_out_and_is_nothing_where_it_would_divide_by_zero() -> None:
    assert _net(1, 3, 5) == -0.4
    assert _net(0, 0, 0) is None


def test_the_rest_is_asked_for_only_where_something_is_left() -> None:
    question = questions()["veille-reputation", "voice"]
    told: dict[str, Any] = {"buckets": [{"key": "brand", "doc_count": 3}], "sum_other_doc_count": 0}
    assert answers.other(question, {"aggregations": {"x": told}}) is None
    rest = answers.other(question, {"aggregations": {"x": told | {"sum_other_doc_count": 2}}})
    assert rest is not None
    (filters,) = rest.body["aggs"]["x"]["filters"]["filters"].values()
    assert filters["bool"]["must_not"] == [{"match_phrase": {"topic": "brand"}}]
    assert msgspec.structs.replace(rest, body=question.body) == question
