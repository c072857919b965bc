"""Charts of incidents and of back-tests, as Vega-Lite definitions in layers."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from streams.alerts.around import Around, Step
from streams.alerts.backtest import Past
from streams.alerts.incidents import moment
from streams.alerts.records import BUCKET_SECONDS, Counts, Incident
from streams.web import charts, formats
from streams.web.axis import axis
from streams.web.i18n import _
from streams.web.incident_words import KINDS, SEVERITIES, few

_WHOLE: Final[dict[str, Any]] = {"y": {"value": 0}, "y2": {"value": "height"}}


def incident(found: Around, one: Incident) -> dict[str, Any]:
    """Mentions and negative ones a step, what was usual of them, and the incident's window."""
    bars = [
        {"t": step.start * 1000, "e": (step.start * 1000 + step.seconds * 11_000 // 12),
         "when": charts.span(moment(step.start), timedelta(seconds=step.seconds)), "lo": 0,
         "n": step.total, "neg": step.neg, "usual": _usual(step)}
        for step in found.steps
    ]  # fmt: skip
    usual = [
        {"t": step.start * 1000, "e": (step.start + step.seconds) * 1000,
         "lo": step.low, "hi": step.high, "expected": round(step.expected, 2)}
        for step in found.steps
        if step.expected is not None
    ]  # fmt: skip
    began = {"t": _ms(one.began_at), "e": _ms(one.until), "lo": 0}
    measured = _("usual negative mentions") if found.negative else _("usual mentions")
    layers = [
        _layer("window", "rect", [began], x2="e", **_WHOLE),
        _layer("band", "rect", usual, x2="e", y2={"field": "hi"}),
        _layer("all-bar", "rect", bars, x2="e", y2={"field": "n"}, tooltip=_told(measured)),
        _layer("neg-bar", "rect", bars, x2="e", y2={"field": "neg"}, tooltip=_told(measured)),
        _layer("expected", "rule", usual, x2="e", y={"field": "expected", "type": "quantitative"}),
        _layer("opened", "rule", [{"t": _ms(one.opened_at), "lo": 0}], **_WHOLE),
    ]
    steps = found.steps
    since = steps[0].start if steps else int(one.began_at.timestamp())
    until = steps[-1].start + steps[-1].seconds if steps else since + BUCKET_SECONDS
    return _chart(layers, since, until)


def _usual(step: Step) -> str:
    if step.expected is None:
        return _("not known yet")
    return _(
        "%(n)s, from %(low)s to %(high)s",
        n=few(step.expected),
        low=few(step.low),
        high=few(step.high),
    )


def backtest(known: Past, alarms: Iterable[Incident]) -> dict[str, Any]:
    """A topic's mentions, and where it would have rung."""
    span = known.until - known.since
    width = _width(span)
    bars = [
        {
            "t": at * 1000,
            "e": at * 1000 + width * 11_000 // 12,
            "when": charts.span(moment(at), timedelta(seconds=width)),
            "lo": 0,
            "n": one.total,
            "neg": one.neg,
        }
        for at, one in sorted(_folded(known, width).items())
    ]
    marks = [
        {
            "t": _ms(one.opened_at),
            "lo": 0,
            "when": formats.moment(one.opened_at),
            "kind": KINDS[one.kind],
            "severity": SEVERITIES[one.severity][0],
        }
        for one in alarms
    ]
    tooltip = [
        {"field": "when", "title": _("alarm")},
        {"field": "kind", "title": _("kind")},
        {"field": "severity", "title": _("severity")},
    ]
    layers = [
        _layer("all-bar", "rect", bars, x2="e", y2={"field": "n"}, tooltip=_told("")),
        _layer("neg-bar", "rect", bars, x2="e", y2={"field": "neg"}, tooltip=_told("")),
        _layer("alarm", "rule", marks, **_WHOLE, tooltip=tooltip),
        _layer("alarm-head", "point", marks, y={"value": 6}, tooltip=tooltip),
    ]
    if known.judged_from > known.since:
        unknown = [{"t": known.since * 1000, "e": known.judged_from * 1000, "lo": 0}]
        layers.insert(0, _layer("window", "rect", unknown, x2="e", **_WHOLE))
    return _chart(layers, known.since // width * width, known.until)


def _width(span: int) -> int:
    """Seconds of a bar."""
    return max(BUCKET_SECONDS, int(charts.step_for(timedelta(seconds=span)).total_seconds()))


def _folded(known: Past, width: int) -> Mapping[int, Counts]:
    found: dict[int, Counts] = {}
    for at, one in known.counts.items():
        if at >= known.since:
            start = at // width * width
            old = found.get(start, Counts())
            found[start] = Counts(total=old.total + one.total, neg=old.neg + one.neg)
    return found


def _layer(
    style: str, mark: str, rows: list[dict[str, Any]], *, x2: str = "", **encoding: Any
) -> dict[str, Any]:
    """One kind of mark; its colours come from the theme, by the name of its style."""
    tooltip = encoding.get("tooltip")
    more = {"x2": {"field": x2}} if x2 else {}
    return {
        "data": {"values": rows},
        "mark": {"type": mark, "style": style, "tooltip": bool(tooltip)},
        "encoding": {**more, **encoding},
    }


def _told(measured: str) -> list[dict[str, Any]]:
    usual = [{"field": "usual", "title": measured}] if measured else []
    return [
        {"field": "when", "title": _("time")},
        {"field": "n", "title": _("mentions"), "format": ","},
        {"field": "neg", "title": _("negative"), "format": ","},
        *usual,
    ]


def _chart(layers: list[dict[str, Any]], since: int, until: int) -> dict[str, Any]:
    edges = [{"t": at * 1000, "e": at * 1000, "lo": 0} for at in (since, until)]
    ends = _layer("window", "rect", edges, x2="e", **_WHOLE)  # they keep an empty end in sight
    heights = {"title": None, "tickMinStep": 1, "format": "~s", "tickCount": 4}
    return {
        "$schema": charts.SCHEMA,
        "width": "container",
        "height": 206,
        "padding": {"left": 0, "right": 10, "top": 4, "bottom": 0},
        "autosize": {"type": "fit", "contains": "padding"},
        "encoding": {
            "x": axis(moment(since), moment(until)),
            "y": {
                "field": "lo",
                "type": "quantitative",
                "scale": {"domainMin": 0},
                "axis": heights,
            },
        },
        "layer": [ends, *(one for one in layers if one["data"]["values"])],
    }  # fmt: skip


def _ms(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp() * 1000)
