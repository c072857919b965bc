"""What sources could not give: kept in the store, so that charts show it and nobody reads an
absence of mentions where there was an absence of data."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from connectors import times
from connectors.base import Gap
from connectors.post import Moment
from streams.store.port import Store

SOURCE_GAPS: Final = "source-gaps"
"""The kind of these states, by source: `{"gaps": [Noted, …]}`, the oldest first."""
KEPT: Final = 100


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """A gap as its source told it, and when that was. `since` and `until` are times, or places
    that only the source knows."""

    since: str
    until: str
    reason: str
    at: Moment


class Shade(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time in which a source's posts may be missing."""

    source: str
    begins: datetime
    ends: datetime
    reason: str


async def note(store: Store, source: str, gaps: Sequence[Gap], now: datetime) -> None:
    """Add those that are new. One writer a source. Raises `StoreError`."""
    known = _read((await store.states(SOURCE_GAPS)).get(source))
    told = {(one.since, one.until, one.reason) for one in known}
    fresh = [
        Noted(since=gap.since, until=gap.until, reason=gap.reason[:500], at=now)
        for gap in gaps
        if (gap.since, gap.until, gap.reason[:500]) not in told
    ]
    if fresh:
        kept = [*known, *fresh][-KEPT:]
        await store.put_state(SOURCE_GAPS, source, {"gaps": msgspec.to_builtins(kept)})


async def shades(store: Store, since: datetime, until: datetime) -> list[Shade]:
    """Gaps that touch this time, oldest first. Raises `StoreError`."""
    found = []
    for source, state in (await store.states(SOURCE_GAPS)).items():
        for one in _read(state):
            shade = _shade(source, one)
            if shade.begins < until and shade.ends > since:
                found.append(shade)
    return sorted(found, key=lambda one: (one.begins, one.source))


def _shade(source: str, one: Noted) -> Shade:
    """Where one end is no time, the other stands for it; where none is, the moment it was told."""
    ends = _moment(one.until, one.at, one.at)
    begins = min(_moment(one.since, ends, one.at), ends)
    least = timedelta(minutes=1)
    return Shade(source=source, begins=min(begins, ends - least), ends=ends, reason=one.reason)


def _moment(text: str, default: datetime, now: datetime) -> datetime:
    """A bare number is a place, not a time."""
    return times.parse_or(text, default, now=now) if ":" in text else default


def _read(state: Mapping[str, Any] | None) -> list[Noted]:
    try:
        return msgspec.convert((state or {}).get("gaps", []), list[Noted], strict=False)
    except msgspec.ValidationError:
        return []
