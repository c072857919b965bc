"""The list of incidents for one address: its filters read, explained where wrong, and applied."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final, get_args

import msgspec

from streams.alerts import book
from streams.alerts.records import SEVERITIES, Incident, Kind, Status
from streams.store.port import Store
from streams.web.filters import PRESETS, BadFilter, Parameter, Problem, moment, one_of
from streams.web.i18n import N_, _
from streams.web.incident_words import ACTIVE, STATES, active, hidden

PARAMETERS: Final = (
    Parameter("topic", N_("Topic"), "Id of a topic.", many=True),
    Parameter("source", N_("Source"), "Name of a source: incidents of one that stops.", many=True),
    Parameter("kind", N_("Kind"), f"One of {', '.join(get_args(Kind))}.", many=True),
    Parameter("severity", N_("Severity"), f"One of {', '.join(SEVERITIES)}.", many=True),
    Parameter(
        "status",
        N_("State"),
        f"`active` (open, acknowledged or snoozed), or one of {', '.join(get_args(Status))}. "
        "Without it those withdrawn or merged into others are left out.",
        many=True,
    ),
    Parameter("range", N_("Period"), "Opened so long before now: 1h, 24h, 7d, 30d or all."),
    Parameter("since", N_("From"), "Opened at or after: a date or an RFC 3339 time (UTC if bare)."),
    Parameter("until", N_("Until"), "Opened before: a date or an RFC 3339 time (UTC if bare)."),
)
_KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "kind": get_args(Kind),
    "severity": SEVERITIES,
    "status": ("active", *get_args(Status)),
    "range": tuple(PRESETS),
}
_RANKS: Final[Mapping[Status, int]] = {status: rank for rank, status in enumerate(STATES)}


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """Filters of an address. Empty ones let all through."""

    topics: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    period: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def matches(self, one: Incident, now: datetime) -> bool:
        span = PRESETS.get(self.period)
        since = now - span if span else self.since
        return (
            (not self.topics or one.topic in self.topics)
            and (not self.sources or one.source in self.sources)
            and (not self.kinds or one.kind in self.kinds)
            and (not self.severities or one.severity in self.severities)
            and self._fits(one)
            and (since is None or one.opened_at >= since)
            and (self.until is None or one.opened_at < self.until)
        )

    def _fits(self, one: Incident) -> bool:
        if not self.statuses:
            return not hidden(one)
        return one.status in self.statuses or ("active" in self.statuses and active(one))


def read(
    given: Iterable[tuple[str, str]], *, also: Iterable[str] = (), zone: tzinfo = UTC
) -> Which:
    """Empty values are as good as absent; `zone` is that of bare times. Raises `BadFilter` with
    every problem at once."""
    values: dict[str, list[str]] = {}
    problems: list[Problem] = []
    known = {parameter.name for parameter in PARAMETERS}
    for name, value in given:
        if name in also or not value.strip():
            continue
        if name not in known:
            remedy = _("Known: %(names)s.", names=", ".join(sorted(known)))
            problems.append(Problem(name[:40], value[:80], _("no such filter"), remedy))
            continue
        values.setdefault(name, []).append(value.strip())
    for name, allowed in _KNOWN.items():
        for value in values.get(name, []):
            if value not in allowed:
                problem = _("no such value of %(name)s", name=name)
                problems.append(Problem(name, value[:80], problem, one_of(allowed)))
    since, until = (_time(name, values, problems, zone) for name in ("since", "until"))
    if problems:
        raise BadFilter(problems, ())
    return Which(
        topics=tuple(values.get("topic", ())),
        sources=tuple(values.get("source", ())),
        kinds=tuple(values.get("kind", ())),
        severities=tuple(values.get("severity", ())),
        statuses=tuple(values.get("status", ())),
        period=values.get("range", [""])[0],
        since=since,
        until=until,
    )


def _time(
    name: str, values: Mapping[str, list[str]], problems: list[Problem], zone: tzinfo
) -> datetime | None:
    value = values.get(name, [""])[0]
    try:
        return moment(value, zone) if value else None
    except (ValueError, OverflowError):
        remedy = _("Write 2026-03-31 or 2026-03-31T14:00Z.")
        problems.append(Problem(name, value[:80], _("not a time"), remedy))
        return None


def ordered(found: Iterable[Incident]) -> list[Incident]:
    """Those not over first, the gravest of them first; then by the time they opened, latest
    first."""
    return sorted(found, key=_place)


def _place(one: Incident) -> tuple[int, int, float]:
    grave = -SEVERITIES.index(one.severity) if active(one) else 0
    return _RANKS[one.status] if active(one) else len(ACTIVE), grave, -one.opened_at.timestamp()


def tally(found: Sequence[Incident]) -> Mapping[str, int]:
    """How many of each status."""
    return Counter(one.status for one in found)


async def open_now(store: Store) -> list[Incident]:
    """All that are not over, the gravest first. Raises `StoreError`."""
    return ordered(one for one in await book.running(store) if active(one) and not hidden(one))
