"""The marks of a time axis: round moments of the reader's clock, and what is written beside them.

Charts place their marks by the true time, so that an hour is as wide as any other when clocks
change; only what stands on the axis is local.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from babel import dates

from streams.web.i18n import locale, reader

MARKS: Final = 10
_SECONDS: Final = (*(5, 10, 15, 30), *(60 * m for m in (1, 2, 5, 10, 15, 30)))
_HOURS: Final = (1, 2, 3, 6, 12)
_DAYS: Final = (1, 2, 7, 14)
_MONTHS: Final = (1, 3, 6, *(12 * y for y in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)))
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 # by the clock on the wall
_FIRST: Final = datetime(1, 1, 4, tzinfo=UTC)  # no zone of the first or last days leaves the
_LAST: Final = datetime(9999, 12, 28, tzinfo=UTC)  # calendar
_MONDAY: Final = date(1970, 1, 5)

Mark = tuple[int, str]
"""Milliseconds since 1970, and the words beside the mark."""


def marks(since: datetime, until: datetime, most: int = MARKS) -> list[Mark]:
    """Round moments from `since` to `until`, `most` at the most, in the order of time."""
    since, until = max(since, _FIRST), min(until, _LAST)
    span = (until - since).total_seconds()
    for seconds in (*_SECONDS, *(3_600 * h for h in _HOURS)):
        if span / seconds <= most:
            return _within(since, until, _clocks(since, until, seconds), _clock_word(seconds))
    for days in _DAYS:
        if span / 86_400 / days <= most:
            word = _day_word if days < 7 else _date_word
            return _within(since, until, _midnights(since, until, days), word)
    months = next((m for m in _MONTHS if span / 86_400 / 30.5 / m <= most), _MONTHS[-1])
    word = _month_word if months < 12 else _year_word
    return _within(since, until, _firsts(since, until, months), word)


def axis(since: datetime, until: datetime) -> dict[str, Any]:
    """The encoding of a Vega-Lite `x` in milliseconds since 1970."""
    found = marks(since, until)
    words = msgspec.json.encode({str(at): word for at, word in found}).decode()
    return {
        "field": "t",
        "type": "quantitative",
        "scale": {"nice": False, "zero": False},
        "axis": {
            "title": None,
            "values": [at for at, _ in found],
            "labelExpr": f"({words})[datum.value]",
            "labelOverlap": True,
            "labelFlush": True,
        },
    }


def _within(
    since: datetime,
    until: datetime,
    moments: Iterator[datetime],
    word: Callable[[datetime], str],
) -> list[Mark]:
    found = {}
    for at in moments:
        if since <= at <= until:
            found[round(at.timestamp() * 1000)] = word(at.astimezone(reader().tz))
    return sorted(found.items())


def _clocks(since: datetime, until: datetime, seconds: int) -> Iterator[datetime]:
    """Each time that the clock shows a multiple of `seconds` after midnight: a time that clocks
    skip is none, one that they show twice is two."""
    zone, step = reader().tz, timedelta(seconds=seconds)
    wall = _wall(since, zone) - timedelta(hours=3)
    wall -= (wall - _EPOCH) % step
    end = _wall(until, zone) + timedelta(hours=3)
    while wall <= end:
        for fold in (0, 1):
            there = wall.replace(tzinfo=zone, fold=fold)
            at = there.astimezone(UTC)
            if at.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
                yield at
        wall += step


def _midnights(since: datetime, until: datetime, days: int) -> Iterator[datetime]:
    zone = reader().tz
    day, end = _wall(since, zone).date(), _wall(until, zone).date()
    day -= timedelta(days=(day - _MONDAY).days % days)
    while day <= end:
        yield _midnight(day, zone)
        day += timedelta(days=days)


def _firsts(since: datetime, until: datetime, months: int) -> Iterator[datetime]:
    zone = reader().tz
    first, end = _wall(since, zone), _wall(until, zone)
    at = (first.year * 12 + first.month - 1) // months * months
    while at <= end.year * 12 + end.month - 1:
        if at >= 12:
            yield _midnight(date(at // 12, at % 12 + 1, 1), zone)
        at += months


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _wall(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def _clock_word(seconds: int) -> Callable[[datetime], str]:
    def word(at: datetime) -> str:
        if at.hour == at.minute == at.second == 0:
            return _date_word(at)
        return at.strftime("%H:%M" if seconds >= 60 else "%H:%M:%S")

    return word


def _day_word(at: datetime) -> str:
    return dates.format_skeleton("MMMEd", at, locale=locale())


def _date_word(at: datetime) -> str:
    return dates.format_skeleton("MMMd", at, locale=locale())


def _month_word(at: datetime) -> str:
    return dates.format_skeleton("yMMM", at, locale=locale())


def _year_word(at: datetime) -> str:
    return str(at.year)
