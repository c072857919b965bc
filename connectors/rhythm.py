"""When to visit a feed again: as often as it changes, as seldom as it asks. Pure."""

import itertools
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MAX_AGE = re.compile(r"\bmax-age\s*=\s*\"?(\d{1,9})")
_FIRST_REST: Final = 300.0
_LIVELY: Final = 0.5
_QUICKER: Final = 0.5
_SLOWER: Final = 1.5
_AFTER_ERROR: Final = 2.0


@dataclass(frozen=True, slots=True)
class Pace:
    """What a feed says of its own rhythm: `ttl` in seconds; hours of the day (UTC) and days of the
    week (Monday is 0) in which it is not to be asked."""

    ttl: float = 0.0
    skip_hours: frozenset[int] = frozenset()
    skip_days: frozenset[int] = frozenset()


UNPACED: Final = Pace()
"""A feed that says nothing."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds between two visits, at the least and at the most."""

    fastest: float
    slowest: float

    def hold(self, seconds: float) -> float:
        return min(max(seconds, self.fastest), self.slowest)


def after_visit(
    before: float, fresh: int, listed: int, moments: Sequence[datetime], bounds: Bounds
) -> float:
    """Seconds to rest after a visit that found `fresh` new entries among `listed`, written at
    `moments`; `before` was the rest before it, 0 at the first visit.

    The first rest is half of what usually lies between two entries. Then each visit with news
    halves it, one without makes it half as long again; a page half of which is new quarters it,
    for more would have scrolled by.
    """
    if not before:
        moments = sorted(moments)
        gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(moments)]
        usual = statistics.median(gaps) / 2 if gaps else _FIRST_REST
        return bounds.hold(usual)
    if not fresh:
        return bounds.hold(before * _SLOWER)
    quick = _QUICKER**2 if listed and fresh / listed >= _LIVELY else _QUICKER
    return bounds.hold(before * quick)


def after_error(before: float, bounds: Bounds) -> float:
    """Seconds to rest after a visit that failed."""
    return bounds.hold((before or _FIRST_REST / 2) * _AFTER_ERROR)


def next_visit(now: datetime, rest: float, pace: Pace, jitter: float) -> datetime:
    """The moment of the next visit, outside the hours and days that the feed names. `jitter` is
    from 0 to 1 and moves it by up to a tenth, so that feeds of one start do not stay in step."""
    asked = moment = now + timedelta(seconds=rest * (1 + jitter / 10))
    for _ in range(24 * 7):
        if moment.hour not in pace.skip_hours and moment.weekday() not in pace.skip_days:
            return moment
        moment = moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return asked


def max_age(headers: Mapping[str, str]) -> float:
    """Seconds for which the answer says that it stays fresh."""
    found = _MAX_AGE.search(headers.get("cache-control", "").lower())
    return float(found.group(1)) if found else 0.0


def read_pace(ttl: object, hours: Sequence[str], days: Sequence[str]) -> Pace:
    """From RSS's `ttl` (minutes), `skipHours` and `skipDays`. A feed that names all of them asks
    for what can't be."""
    minutes = ttl.strip() if isinstance(ttl, str) else ""
    seconds = float(minutes) * 60 if minutes.isascii() and minutes.isdigit() else 0.0
    skip_hours = frozenset(int(hour) % 24 for hour in hours)
    named = (day.strip().lower() for day in days)
    skip_days = frozenset(_DAYS.index(day) for day in named if day in _DAYS)
    if len(skip_hours) == 24:
        skip_hours = frozenset()
    if len(skip_days) == len(_DAYS):
        skip_days = frozenset()
    return Pace(min(seconds, 1e9), skip_hours, skip_days)


def written(pace: Pace) -> str:
    """What `skipped` reads: the hours, a slash, the days; empty where none are named."""
    hours, days = (" ".join(map(str, sorted(each))) for each in (pace.skip_hours, pace.skip_days))
    return f"{hours}/{days}" if hours or days else ""


def skipped(text: str) -> Pace:
    hours, _, days = text.partition("/")
    return Pace(0.0, _numbers(hours), _numbers(days))


def _numbers(text: str) -> frozenset[int]:
    return frozenset(int(part) for part in text.split() if part.isascii() and part.isdigit())
