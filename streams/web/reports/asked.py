"""Which report is asked for: topics, and a week or a stretch of time by the reader's clock."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from streams.store.port import Filter
from streams.web.filters import MAX_VALUE, MAX_VALUES, BadFilter, Pair, Parameter, Problem, moment
from streams.web.i18n import _

MOST_DAYS: Final = 92
PARAMETERS: Final = (
    Parameter("topic", "Topic", "Id of a topic; without any, all of them.", many=True),
    Parameter("week", "Week", "An ISO week such as 2026-W47; without a period, the last full one."),
    Parameter("since", "From", "The first day, such as 2026-03-01, or a time."),
    Parameter("until", "Until", "The day after the last, such as 2026-04-01, or a time."),
)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """`since` is inclusive, `until` exclusive; `week` is empty where it is no calendar week."""

    topics: tuple[str, ...]
    since: datetime
    until: datetime
    zone: str
    week: str = ""

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @property
    def days(self) -> float:
        return (self.until - self.since) / timedelta(days=1)

    @property
    def where(self) -> Filter:
        return Filter(topics=self.topics, since=self.since, until=self.until)

    @property
    def before(self) -> "Asked":
        """The equally long time before: the same days of the week by the same clock."""
        first = self.since.astimezone(self.tz)
        span = self.until.astimezone(self.tz).replace(tzinfo=None) - first.replace(tzinfo=None)
        since = (first.replace(tzinfo=None) - span).replace(tzinfo=self.tz)
        return msgspec.structs.replace(self, since=since.astimezone(UTC), until=self.since, week="")

    @property
    def pairs(self) -> list[Pair]:
        """As an address gives it."""
        topics = [("topic", topic) for topic in self.topics]
        if self.week:
            return [*topics, ("week", self.week)]
        return [*topics, ("since", self.since.isoformat()), ("until", self.until.isoformat())]


def read(given: Iterable[Pair], *, zone: str, now: datetime) -> Asked:
    """Read a query string's pairs. Raises `BadFilter` with every problem at once."""
    values: dict[str, list[str]] = {}
    for name, value in given:
        if value.strip():
            values.setdefault(name, []).append(value.strip())
    problems = _unknown(values)
    one = {name: _once(name, values, problems) for name in ("week", "since", "until")}
    tz = ZoneInfo(zone)
    week, found = "", None
    if one["week"]:
        week, found = one["week"].upper(), _week(one["week"], tz, problems)
        if one["since"] or one["until"]:
            remedy = _("Give the week, or since and until.")
            problems.append(Problem("week", week[:80], _("two periods at once"), remedy))
    elif one["since"] or one["until"]:
        found = _stretch(one["since"], one["until"], tz, problems)
    else:
        week = last_full_week(now, tz)
        found = week_of(week, tz)
    topics = tuple(dict.fromkeys(values.get("topic", ())))
    if problems or found is None:
        raise BadFilter(problems, ())
    return Asked(topics=topics, since=found[0], until=found[1], zone=zone, week=week)


def _unknown(values: Mapping[str, list[str]]) -> list[Problem]:
    known = [parameter.name for parameter in PARAMETERS]
    remedy = _("Known: %(names)s.", names=", ".join(known))
    problems = [
        Problem(name[:40], each[0][:80], _("no such parameter"), remedy)
        for name, each in values.items()
        if name not in known
    ]
    topics = values.get("topic", [])
    if len(topics) > MAX_VALUES or any(len(topic) > MAX_VALUE for topic in topics):
        remedy = _("At most %(n)s.", n=MAX_VALUES)
        problems.append(Problem("topic", topics[0][:80], _("too much"), remedy))
    return problems


def _once(name: str, values: Mapping[str, list[str]], problems: list[Problem]) -> str:
    given = values.get(name, [""])
    if len(given) > 1:
        problem = _("given %(n)s times", n=len(given))
        problems.append(Problem(name, given[1][:80], problem, _("Give it once.")))
    return given[0]


def _week(given: str, zone: ZoneInfo, problems: list[Problem]) -> tuple[datetime, datetime] | None:
    try:
        return week_of(given.upper(), zone)
    except (ValueError, OverflowError):
        remedy = _("Write year and number, such as 2026-W47.")
        problems.append(Problem("week", given[:80], _("no such week"), remedy))
        return None


def _stretch(
    since: str, until: str, zone: ZoneInfo, problems: list[Problem]
) -> tuple[datetime, datetime] | None:
    ends = []
    for name, value in (("since", since), ("until", until)):
        try:
            ends.append(_moment(value, zone))
        except (ValueError, OverflowError):
            remedy = _("Write both ends: since=2026-03-01 and until=2026-04-01, the day after.")
            problems.append(Problem(name, value[:80], _("not a day"), remedy))
    if len(ends) < 2:
        return None
    first, last = ends
    if not first < last <= first + timedelta(days=MOST_DAYS):
        remedy = _("From one hour to %(n)s days.", n=MOST_DAYS)
        problem = _("too long or too short a time")
        problems.append(Problem("until", until[:80], problem, remedy))
        return None
    return first, last


def _moment(value: str, zone: ZoneInfo) -> datetime:
    """A day begins by the reader's clock."""
    if _DATE.fullmatch(value):
        return _known(datetime.combine(date.fromisoformat(value), time(), zone))
    return _known(moment(value))


def _known(at: datetime) -> datetime:
    """In UTC. Raises `ValueError` for a time that no post is of."""
    if not 1990 < at.year < 2200:
        raise ValueError(at)
    return at.astimezone(UTC)


def week_of(week: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From Monday to Monday. Raises `ValueError`."""
    found = re.fullmatch(r"(\d{4})-W(\d\d)", week)
    if not found:
        raise ValueError(week)
    monday = date.fromisocalendar(int(found[1]), int(found[2]), 1)
    ends = (monday, monday + timedelta(days=7))
    first, last = (_known(datetime.combine(day, time(), zone)) for day in ends)
    return first, last


def last_full_week(now: datetime, zone: ZoneInfo) -> str:
    """The ISO week before the one that `now` is in."""
    return week_named(now.astimezone(zone).date() - timedelta(days=7))


def week_named(day: date) -> str:
    """`2026-W47`."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"
