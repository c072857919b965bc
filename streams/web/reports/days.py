"""Mentions by the days of a reader's calendar, from buckets that know of none."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from streams.alerts.records import Incident
from streams.source_gaps import Shade
from streams.store.port import Bucket, Count
from streams.web import charts
from streams.web.pictures import in_zone

_HOUR: Final = timedelta(hours=1)
_QUARTER: Final = timedelta(minutes=15)
"""No place on Earth has a day that begins elsewhere than on a quarter of an hour."""
MOST_DAILY: Final = 31
"""A longer time is drawn by weeks."""
_COUNTED: Final = ("total", "pos", "neg", "neu", "unscored")


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """`first` is its (or the week's) date, `marks` the numbers of the incidents that began then."""

    first: date
    begins: datetime
    ends: datetime
    count: Count
    marks: tuple[int, ...] = ()


def by_days(
    buckets: Iterable[Bucket],
    since: datetime,
    until: datetime,
    zone: ZoneInfo,
    incidents: Sequence[Incident] = (),
) -> list[Day]:
    """Each day from `since` to `until`, empty ones too; weeks where there are many days. Incidents
    are numbered from 1 in the order given."""
    edges = _edges(since, until, zone)
    sums = [[0] * len(_COUNTED) for _ in edges[1:]]
    at = 0
    for bucket in sorted(buckets, key=lambda each: each.start):
        while at < len(sums) - 1 and bucket.start >= edges[at + 1]:
            at += 1
        row = sums[at]
        for n, name in enumerate(_COUNTED):
            row[n] += getattr(bucket, name)
    return [
        Day(
            first=begins.astimezone(zone).date(),
            begins=begins,
            ends=ends,
            count=Count(value="", **dict(zip(_COUNTED, row, strict=True))),
            marks=tuple(
                n for n, one in enumerate(incidents, 1) if begins <= max(one.began_at, since) < ends
            ),
        )
        for begins, ends, row in zip(edges, edges[1:], sums, strict=False)
    ]


def step_for(since: datetime, until: datetime, zone: ZoneInfo) -> timedelta:
    """The longest step in which no bucket lies in two days."""
    edges = _edges(since, until, zone)
    whole = all(edge.timestamp() % _HOUR.total_seconds() == 0 for edge in edges)
    return _HOUR if whole else _QUARTER


def summed(days: Iterable[Day]) -> Count:
    """What all of these days hold: total and chart can't disagree."""
    sums = dict.fromkeys(_COUNTED, 0)
    for day in days:
        for name in _COUNTED:
            sums[name] += getattr(day.count, name)
    return Count(value="", **sums)


def _edges(since: datetime, until: datetime, zone: ZoneInfo) -> list[datetime]:
    """Midnights from the first to the last, in UTC."""
    step = timedelta(days=1 if until - since <= timedelta(days=MOST_DAILY, hours=2) else 7)
    edges, day = [since], since.astimezone(zone).date() + step
    while (edge := datetime.combine(day, time(), zone).astimezone(UTC)) < until:
        edges.append(edge)
        day += step
    return [*edges, until]


def chart(days: Sequence[Day], gaps: Sequence[Shade], zone: ZoneInfo) -> dict[str, Any]:
    """Stacked bars, the sum over each, shaded gaps, and incidents by their numbers."""
    bars, sums, marks = [], [], []
    for n, day in enumerate(days):
        base = 0
        for key, series in charts.SERIES:
            if part := getattr(day.count, key):
                bars.append({"x": n, "s": series, "lo": base, "hi": base + part})
                base += part
        sums.append({"x": n, "hi": base, "n": f"{base:,}".replace(",", "\u202f")})
        if day.marks:
            marks.append({"x": n, "hi": base, "n": "▼ " + " ".join(map(str, day.marks))})
    shaded = [
        n
        for n, day in enumerate(days)
        if any(gap.begins < day.ends and gap.ends > day.begins for gap in gaps)
    ]
    labels = [f"{in_zone(day.begins, zone)}" for day in days]
    wide = len(days) <= 14
    x = {
        "field": "x",
        "type": "ordinal",
        "scale": {"domain": list(range(len(days))), "paddingInner": 0.25},
        "axis": {
            "title": None,
            "labelExpr": f"utcFormat([{','.join(labels)}][datum.value], "
            f"'{'%a %d %b' if wide else '%d %b'}')",
            "labelAngle": 0 if wide else -45,
            "ticks": False,
        },
    }
    y = {"type": "quantitative", "axis": {"title": None, "format": "~s", "tickCount": 4}}
    return {
        "$schema": charts.SCHEMA,
        "encoding": {"x": x},
        "layer": [
            {"data": {"values": [{"x": n} for n in shaded]},
             "mark": {"type": "bar", "opacity": 0.22, "color": "#8a94a3"},
             "encoding": {"y": {"value": 0}, "y2": {"value": "height"}}},
            {"data": {"values": bars}, "mark": {"type": "bar"},
             "encoding": {"y": {**y, "field": "lo", "scale": {"domainMin": 0}},
                          "y2": {"field": "hi"}, "color": _series()}},
            {"data": {"values": sums}, "mark": {"type": "text", "dy": -6},
             "encoding": {"y": {**y, "field": "hi"}, "text": {"field": "n"}}},
            {"data": {"values": marks}, "mark": {"type": "text", "dy": -20, "fontWeight": "bold"},
             "encoding": {"y": {**y, "field": "hi"}, "text": {"field": "n"}}},
        ],
    }  # fmt: skip


def _series() -> dict[str, Any]:
    names = [name for _, name in charts.SERIES]
    return {"field": "s", "type": "nominal", "scale": {"domain": names}, "legend": None}
