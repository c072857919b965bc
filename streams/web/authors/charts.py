"""The charts of one author."""

from collections.abc import Sequence
from typing import Any

from babel.dates import get_day_names

from streams.web import charts
from streams.web.authors.sums import Reach, by_day, week
from streams.web.authors.view import DAY, AuthorView
from streams.web.axis import axis
from streams.web.i18n import _, locale, reader


def over_time(view: AuthorView) -> dict[str, Any]:
    """Mentions a day by sentiment."""
    return charts.over_time(by_day(view.hours), since=view.since, until=view.until, step=DAY)


def hours(view: AuthorView) -> dict[str, Any]:
    """When they write, by the reader's clock."""
    names = get_day_names("abbreviated", context="stand-alone", locale=locale())
    return charts.hours_of_week(
        week(view.hours, reader().tz, view.days * DAY),
        days=[names[n] for n in range(7)],
        measure=_("mentions an hour"),
    )


def reach(points: Sequence[Reach]) -> dict[str, Any] | None:
    """Followers over time; nothing where fewer than two moments tell of them."""
    if len(points) < 2:
        return None
    rows = [{"t": round(one.at.timestamp() * 1000), "n": one.followers} for one in points]
    low = min(one.followers for one in points)
    return {
        "$schema": charts.SCHEMA,
        "width": "container",
        "height": 140,
        "padding": {"left": 0, "right": 10, "top": 4, "bottom": 0},
        "autosize": {"type": "fit", "contains": "padding"},
        "data": {"values": rows},
        "mark": {"type": "line", "style": "expected", "point": len(points) < 30, "tooltip": True},
        "encoding": {
            "x": axis(points[0].at, points[-1].at),
            "y": {
                "field": "n",
                "type": "quantitative",
                "scale": {"zero": low == 0, "nice": True},
                "axis": {"title": None, "format": "~s", "tickCount": 3},
            },
            "tooltip": [{"field": "n", "title": _("followers"), "format": ","}],
        },
    }
