"""What a file is asked of: the filters of the page's address, their period settled."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from connectors.post import utc_now
from streams.alerts import book
from streams.alerts.records import Incident
from streams.store.port import Filter, Store
from streams.web.filters import BY_NAME, PRESETS, Pair, Query, read
from streams.web.incident_list import ordered
from streams.web.incident_list import read as read_which
from streams.web.views import DEFAULT_PRESET, window, within
from streams.web.visitor import Visitor

ALSO: Final = ("theme", "scale", "width", "height", "bom")
"""Parameters that are another's business."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """Filters as pairs, the same as a question with both ends of its time, and who asks when.
    `since` and `until` are for people: posts dated a little ahead of our clock count, too."""

    pairs: tuple[Pair, ...]
    where: Filter
    open: Filter = Filter()
    """The same with the ends that the address leaves open: pages of mentions go by it."""
    cursor: str = ""
    since: datetime
    until: datetime
    now: datetime
    visitor: Visitor
    names: Mapping[str, str] = {}
    """What people call the topics."""
    incidents: list[Incident] = []
    """Those that fit, where the view is their list."""

    def asked(self) -> list[Pair]:
        """In words, for the head of a file."""
        zone = self.visitor.tz
        return [
            ("from", f"{self.since.astimezone(zone):%Y-%m-%d %H:%M:%S %z}"),
            ("until", f"{self.until.astimezone(zone):%Y-%m-%d %H:%M:%S %z}"),
            ("time zone", self.visitor.zone),
            *((_word(name), value) for name, value in self.pairs if name != "range"),
            ("made at", f"{self.now.astimezone(zone):%Y-%m-%d %H:%M:%S %z}"),
            ("made by", self.visitor.name or "a reader"),
        ]


def _word(name: str) -> str:
    return BY_NAME[name].label.lower() if name in BY_NAME else name


async def mentions(store: Store, given: Iterable[Pair], visitor: Visitor) -> Given:
    """Filters of mentions; without a period the last day, or all time where that has nothing, as
    the page shows it. Raises `BadFilter`, `StoreError`."""
    query = read(given, also=ALSO, zone=visitor.tz)
    now = query.as_of or utc_now()
    where = await _period(store, query, now)
    since, until = await window(store, where, now=now)
    return Given(
        pairs=query.pairs,
        where=within(where, since, until),
        open=where,
        cursor=query.cursor,
        since=since,
        until=max(min(until, now), since),
        now=now,
        visitor=visitor,
    )


async def _period(store: Store, query: Query, now: datetime) -> Filter:
    where = query.at(now, "" if query.timed else DEFAULT_PRESET)
    if query.timed or (await store.search(where, limit=1)).mentions:
        return where
    return query.where


async def incidents(store: Store, given: Iterable[Pair], visitor: Visitor) -> Given:
    """Filters of incidents. Raises `BadFilter`."""
    pairs = [(name, value.strip()) for name, value in given if value.strip()]
    which, now = read_which(pairs, also=ALSO, zone=visitor.tz), utc_now()
    found = ordered(one for one in await book.incidents(store) if which.matches(one, now))
    span = PRESETS.get(which.period)
    earliest = min((one.began_at for one in found), default=now - timedelta(days=1))
    return Given(
        pairs=tuple(pair for pair in pairs if pair[0] not in ALSO),
        where=Filter(topics=which.topics, sources=which.sources),
        since=which.since or (now - span if span else earliest),
        until=which.until or now,
        now=now,
        visitor=visitor,
        incidents=found,
    )
