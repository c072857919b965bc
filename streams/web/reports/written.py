"""A report as one HTML page made for paper: its words, its charts, its figures as its reader's
language writes them."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_interval
from babel.numbers import format_compact_decimal, format_decimal, format_percent
from markupsafe import Markup

from streams.web import pictures
from streams.web.cards import clip
from streams.web.charts import SERIES, Drawings
from streams.web.exports.drawn import split
from streams.web.i18n import _, locale, reading_for
from streams.web.pages import Pages
from streams.web.pictures import Picture, bars
from streams.web.reports import days
from streams.web.reports.asked import Asked
from streams.web.reports.change import net
from streams.web.reports.figures import SAMPLE, Report
from streams.web.visitor import Visitor

WIDTH: Final = 680
_CSS: Final = Path(__file__).parent.parent / "static" / "report.css"
_TONES: Final = ("neg", "neu", "pos", "unscored")


async def page(
    report: Report, pages: Pages, drawings: Drawings, visitor: Visitor, *, alone: bool = False
) -> str:
    """The whole page; `alone` with all it needs within, to be kept as a file."""
    with reading_for(visitor):
        drawn = {
            name: await pictures.inline(drawings, picture)
            for name, picture in _pictures(report, pages, visitor).items()
        }
        return pages.render(
            "report.html",
            visitor=visitor,
            report=report,
            drawn=drawn,
            inline=Markup(_CSS.read_text("utf-8")) if alone else "",  # noqa: S704 # our own file
            title=titled(report.asked, pages),
            period=period(report.asked),
            period_before=period(report.asked.before),
            summary=summary(report),
            daily=_daily(report),
            timeline_label=_timeline(report),
            nets=(net(report.now), net(report.before)),
            tones=_TONES,
            sample=SAMPLE,
            **numbers(report.asked.tz),
        )


async def preview(
    report: Report, pages: Pages, drawings: Drawings, visitor: Visitor
) -> dict[str, Any]:
    """The report in short, for a page that leads to it."""
    picture = _pictures(report, pages, visitor).get("timeline")
    return {
        "title": titled(report.asked, pages),
        "period": period(report.asked),
        "summary": summary(report),
        "timeline": await pictures.inline(drawings, picture) if picture else "",
        "timeline_label": _timeline(report),
        "incidents": report.incidents_total,
        "gaps": len(report.gaps),
        "day": lambda at: at.astimezone(report.asked.tz).date().isoformat(),
        **numbers(report.asked.tz),
    }


def titled(asked: Asked, pages: Pages) -> str:
    """What it is about."""
    if not asked.topics:
        return _("All topics")
    return clip(", ".join(pages.named(topic, "topic") for topic in asked.topics), 120)


def period(asked: Asked) -> str:
    """Its days, the last of them included: 16–22 November 2026."""
    first = asked.since.astimezone(asked.tz)
    last = (asked.until - timedelta(seconds=1)).astimezone(asked.tz)
    return _interval(first.date(), last.date(), locale())


@lru_cache(256)
def _interval(first: date, last: date, written: Locale) -> str:
    return str(format_interval(first, last, "yMMMMd", locale=written))


def summary(report: Report) -> str:
    """What matters most, in a sentence or three."""
    now, before = report.now.total, report.before.total
    n = _decimal(now)
    if not now:
        return _("No mention was found; in the time before there were %(n)s.", n=_decimal(before))
    if before:
        change = _relative((now - before) / before)
        if report.asked.week:
            said = [_("%(n)s mentions, %(change)s against the week before.", n=n, change=change)]
        else:
            said = [_("%(n)s mentions, %(change)s against the time before.", n=n, change=change)]
    else:
        said = [_("%(n)s mentions; nothing is known of the time before.", n=n)]
    share = report.negative
    said.append(_("%(share)s of them are negative.", share=_percent(share.value)))
    if share.of_before:
        points = _points(share.change)
        if share.clear and share.change > 0:
            said.append(_("That is worse by more than chance gives (%(points)s).", points=points))
        elif share.clear:
            said.append(_("That is better by more than chance gives (%(points)s).", points=points))
        else:
            said.append(_("That is no clear change (%(points)s).", points=points))
    return " ".join(said)


def _daily(report: Report) -> bool:
    return report.asked.days <= days.MOST_DAILY + 0.1


def _pictures(report: Report, pages: Pages, visitor: Visitor) -> dict[str, Picture]:
    common: dict[str, Any] = {
        "width": WIDTH,
        "zone": report.asked.zone,
        "language": visitor.language,
        "words": {name: _(name) for _key, name in SERIES},
    }
    found = {}
    if report.now.total:
        chart = days.chart(report.days, report.gaps, report.asked.tz)
        found["timeline"] = Picture(spec=chart, height=230, **common)
    if len(report.voices) > 1:
        rows = [
            (clip(pages.named(one.topic, "topic"), 40), split(one.now)) for one in report.voices
        ]
        found["voice"] = Picture(spec=bars(rows), height=60 + 24 * min(30, len(rows)), **common)
    return found


def _timeline(report: Report) -> str:
    """The chart in words."""
    most = max(report.days, key=lambda day: day.count.total)
    return _(
        "Mentions over time: %(n)s in all, most on %(day)s with %(most)s",
        n=_decimal(report.now.total),
        day=_date(most.first),
        most=_decimal(most.count.total),
    )


def numbers(zone: ZoneInfo) -> dict[str, Callable[..., str]]:
    """What templates write figures and times with."""

    def moment(at: datetime) -> str:
        return str(format_datetime(at, "d MMM y, HH:mm", tzinfo=zone, locale=locale()))

    return {
        "moment": moment,
        "date": _date,
        "percent": _percent,
        "points": _points,
        "signed": _signed,
        "compact": _compact,
        "relatively": _relative,
    }


def _date(day: date) -> str:
    return str(format_date(day, "EEE d MMM y", locale=locale()))


def _decimal(n: float) -> str:
    return str(format_decimal(n, locale=locale()))


def _compact(n: float) -> str:
    """`51.6M`."""
    return str(format_compact_decimal(n, fraction_digits=1 if n >= 1000 else 0, locale=locale()))


def _percent(share: float) -> str:
    """One decimal below ten in a hundred, where it tells something."""
    form = "#,##0.0 %" if 0 < abs(share) < 0.0995 else "#,##0 %"
    return str(format_percent(share, form, locale=locale()))


def _signed(n: float) -> str:
    return str(format_decimal(n, "+#,##0;−#,##0", locale=locale()))


def _relative(change: float) -> str:
    """`+12 %`."""
    return str(format_percent(change, "+#,##0 %;−#,##0 %", locale=locale()))


def _points(change: float) -> str:
    """A difference of two shares."""
    n = str(format_decimal(100 * change, "+#,##0.0;−#,##0.0", locale=locale()))
    return _("%(n)s points", n=n)
