"""The chart of each view, as a picture that stands by itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from streams.alerts.records import SEVERITIES, Incident
from streams.source_gaps import shades
from streams.store.port import Count, Dimension, Store
from streams.web import charts
from streams.web.cards import clip
from streams.web.exports.given import Given
from streams.web.i18n import _, ngettext
from streams.web.incident_words import KINDS
from streams.web.pictures import Picture, bars
from streams.web.views import total

BARS: Final = 15
MOST_INCIDENTS: Final = 40
SIZE: Final = (960, 460)


async def over_time(store: Store, given: Given) -> Picture:
    """Mentions over time, split by sentiment, gaps of sources shaded."""
    step = charts.step_for(given.until - given.since)
    buckets = await store.over_time(given.where, step=step)
    gaps = await shades(store, given.since, given.until)
    spec = charts.over_time(buckets, since=given.since, until=given.until, step=step, gaps=gaps)
    n = total(buckets).total
    return _picture(
        given, spec, _("Mentions over time"), ngettext("%(n)s mention", "%(n)s mentions", n)
    )


async def topics(store: Store, given: Given) -> Picture:
    """Topics by their mentions."""
    return await _top(store, given, "topic", _("Topics"))


async def authors(store: Store, given: Given) -> Picture:
    """Authors by their mentions."""
    return await _top(store, given, "author", _("Authors"))


async def _top(store: Store, given: Given, by: Dimension, title: str) -> Picture:
    found = await store.top(given.where, by, limit=BARS)
    spec = bars([(_called(given, one.value, by), split(one)) for one in found])
    n = (await store.count(given.where)).total
    picture = _picture(given, spec, title, _mentions(n))
    return msgspec.structs.replace(picture, height=150 + 26 * len(found))


def _called(given: Given, value: str, by: Dimension) -> str:
    return clip(given.names.get(value, value) if by == "topic" else value, 40)


def _mentions(n: int) -> str:
    return ngettext("%(n)s mention", "%(n)s mentions", n)


def split(one: Count) -> dict[str, int]:
    """By the names of the series."""
    return {"neg": one.neg, "neu": one.neu, "unscored": one.unscored, "pos": one.pos}


async def incidents(store: Store, given: Given) -> Picture:
    """When each lasted, what it was about, how grave it was."""
    del store
    found = sorted(given.incidents, key=lambda one: one.began_at)[-MOST_INCIDENTS:]
    spec = _stretches(found, given)
    n = len(given.incidents)
    picture = _picture(
        given, spec, _("Incidents"), ngettext("%(n)s incident", "%(n)s incidents", n)
    )
    subjects = {one.subject for one in found}
    return msgspec.structs.replace(picture, height=170 + 34 * max(1, len(subjects)), legend=False)


def _stretches(found: Sequence[Incident], given: Given) -> dict[str, Any]:
    since, until = given.since, given.until
    least = (until - since) / 200  # a moment must still be seen
    rows = [
        {
            "t": _ms(one.began_at),
            "e": _ms(max(one.until, one.began_at + least)),
            "subject": _called(given, one.subject, "topic"),
            "grave": "grave" if SEVERITIES.index(one.severity) > 1 else "light",
            "word": f"{'▲' * SEVERITIES.index(one.severity) or '△'} {KINDS[one.kind]}",
        }
        for one in found
    ]
    edges = [{"t": _ms(at), "e": _ms(at)} for at in (since, until)]
    x = {
        "field": "t",
        "type": "temporal",
        "scale": {"nice": False},
        "axis": {
            "title": None,
            "format": charts.TIMES,
            "tickCount": 6,
            "labelOverlap": True,
            "labelSeparation": 8,
        },
    }
    y = {"field": "subject", "type": "nominal", "axis": {"title": None, "labelLimit": 220}}
    colour = {
        "condition": {"test": "datum.grave === 'grave'", "value": charts.COLOURS["light"]["neg"]},
        "value": charts.COLOURS["light"]["unscored"],
    }
    return {
        "$schema": charts.SCHEMA,
        "encoding": {"x": x},
        "layer": [
            {"data": {"values": edges}, "mark": {"type": "rect", "opacity": 0},
             "encoding": {"x2": {"field": "e"}}},
            {"data": {"values": rows}, "mark": {"type": "bar", "height": 10, "cornerRadius": 2},
             "encoding": {"x2": {"field": "e"}, "y": y, "fill": colour}},
            {"data": {"values": rows}, "mark": {"type": "text", "align": "left", "dy": -12},
             "encoding": {"y": y, "text": {"field": "word"}}},
        ],
    }  # fmt: skip


def _picture(given: Given, spec: dict[str, Any], title: str, source: str) -> Picture:
    zone = given.visitor.tz
    filters = ", ".join(f"{name}: {value}" for name, value in given.pairs if name != "range")
    period = (
        f"{given.since.astimezone(zone):%Y-%m-%d %H:%M} – "
        f"{given.until.astimezone(zone):%Y-%m-%d %H:%M}, {given.visitor.zone}"
    )
    made = _("made %(at)s", at=f"{given.now.astimezone(zone):%Y-%m-%d %H:%M %Z}")
    return Picture(
        spec=spec,
        width=SIZE[0],
        height=SIZE[1],
        zone=given.visitor.zone,
        language=given.visitor.language,
        title=title,
        lines=[period, *([clip(filters, 120)] if filters else []), f"Veille · {source} · {made}"],
        words={name: _(name) for _key, name in charts.SERIES},
    )


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
