"""Who is told, and when: routes, quiet hours, rests between tries, digests. Pure functions.

Wall clock throughout: `now` is UTC.
"""

import fnmatch
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from streams.alert_settings import (
    WEEKDAYS,
    Clock,
    Delivery,
    Digest,
    Escalation,
    QuietHours,
    Route,
    clock,
)
from streams.alerts.records import SEVERITIES, Incident, Severity

FIRST_REST: Final = timedelta(seconds=10)
LONGEST_REST: Final = timedelta(minutes=30)


def at_least(severity: Severity, least: Severity) -> bool:
    return SEVERITIES.index(severity) >= SEVERITIES.index(least)


def topic_fits(topic: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(topic, pattern) for pattern in patterns)


def receivers(incident: Incident, settings: Delivery) -> list[str]:
    """Channels that an incident goes to, in the order of the settings."""
    if not settings.routes:
        return [channel.id for channel in settings.channels]
    chosen = {
        channel for route in settings.routes if _fits(incident, route) for channel in route.channels
    }
    return [channel.id for channel in settings.channels if channel.id in chosen]


def _fits(incident: Incident, route: Route) -> bool:
    return (
        topic_fits(incident.subject, route.topics)
        and at_least(incident.severity, route.min_severity)
        and (not route.kinds or incident.kind in route.kinds)
    )


def escalates(incident: Incident, step: Escalation) -> bool:
    """Whether it is one that this step is for, and nobody looks after it."""
    return (
        incident.status == "open"
        and topic_fits(incident.subject, step.topics)
        and at_least(incident.severity, step.min_severity)
    )


def quiet_until(
    now: datetime, quiet: QuietHours | None, severity: Severity, zone: str
) -> datetime | None:
    """When a message of this severity may be sent; `None`: at once."""
    if quiet is None or (quiet.exempt != "none" and at_least(severity, quiet.exempt)):
        return None
    place = ZoneInfo(quiet.zone or zone)
    for back in (1, 0):  # those that began yesterday may last into today
        day = now.astimezone(place).date() - timedelta(days=back)
        if quiet.days and WEEKDAYS[day.weekday()] not in quiet.days:
            continue
        since = _on(day, quiet.since, place)
        over = day + timedelta(days=1) if clock(quiet.until) <= clock(quiet.since) else day
        until = _on(over, quiet.until, place)
        if since <= now < until:
            return until
    return None


def _on(day: date, at: Clock, place: ZoneInfo) -> datetime:
    """A time of day on a day in UTC; one that daylight saving skips comes an hour later."""
    return datetime.combine(day, clock(at), place).astimezone(UTC)


def rest(attempts: int) -> timedelta:
    """Before the next try: 10 s, doubled to half an hour, by a random part, lest all come back to
    a server at once."""
    longest = min(FIRST_REST * (1 << min(max(attempts - 1, 0), 20)), LONGEST_REST)
    return longest * random.uniform(0.7, 1.0)  # noqa: S311 # jitter


def last_slot(now: datetime, digest: Digest, zone: str) -> tuple[datetime, datetime]:
    """The latest moment at which a digest was due, and the one before: what it tells of."""
    place = ZoneInfo(digest.zone or zone)
    day = now.astimezone(place).date()
    every = timedelta(days=1)
    if digest.every == "week":
        day -= timedelta(days=(day.weekday() - WEEKDAYS.index(digest.weekday)) % 7)
        every = timedelta(days=7)
    if _on(day, digest.at, place) > now:
        day -= every
    return _on(day, digest.at, place), _on(day - every, digest.at, place)
