"""How sources and workers are: what they say of themselves, read with a grain of salt.

The states are small JSON documents that others wrote; what is missing or odd is shown as unknown,
never trusted to be there.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from connectors.base import Usage
from connectors.letters import DeadLetter
from streams.alerts.deaths import standing
from streams.alerts.state import AlertState
from streams.archive.keeper import Missing, missing
from streams.gaps import MISSED
from streams.store.port import Store
from streams.web.i18n import N_, Words

STATES: Final[dict[str, tuple[str, str]]] = {
    "running": ("●", "good"),
    "waiting": ("◔", "calm"),
    "failing": ("✕", "bad"),
    "stopped": ("■", "calm"),
    "done": ("✓", "calm"),
    "disabled": ("–", "calm"),
}
STATE_WORDS: Final[Mapping[str, str]] = Words(
    {
        "running": N_("running"),
        "waiting": N_("waiting"),
        "failing": N_("failing"),
        "stopped": N_("stopped"),
        "done": N_("done"),
        "disabled": N_("disabled"),
        "unknown": N_("unknown"),
    }
)
QUIET_AFTER: Final = timedelta(seconds=15)
"""A worker tells of itself every second: silent for this long, it is not there."""
LETTERS: Final = 5


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One source's state. `tone` is good, calm or bad."""

    id: str
    connector: str
    state: str
    symbol: str
    tone: str
    reason: str
    until: datetime | None
    posts: int
    dead: int
    gaps: int
    usage: list[str]
    """What was used of each budget: "83 of 100 searches a day"."""
    last_post_at: datetime | None
    last_pass_at: datetime | None = None
    """When it last came to the end of what there was."""
    started_at: datetime | None = None
    errors: int = 0


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """One worker's state; `quiet` once it has stopped telling."""

    id: str
    seen_at: datetime | None
    quiet: bool
    rate: float
    lag: int
    missed: int
    """Records that the broker dropped before this worker could read them."""


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """Records of a topic's partition that the broker dropped before they were read."""

    place: str
    records: int
    at: datetime | None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """All that can be wrong, at a glance."""

    sources: list[Source]
    workers: list[Worker]
    dead_total: int
    letters: list[DeadLetter]
    alerts: list[AlertState] = []
    """What is wrong with the installation itself, oldest first."""
    missed: list[Missed] = []
    unkept: Missing = Missing()
    """What the archive could not take."""

    @property
    def failing(self) -> int:
        return sum(source.tone == "bad" for source in self.sources)

    @property
    def running(self) -> int:
        return sum(source.state == "running" for source in self.sources)

    @property
    def lag(self) -> int:
        return sum(worker.lag for worker in self.workers if not worker.quiet)


async def health(store: Store, *, now: datetime) -> Health:
    sources, workers, (dead, letters), alerts, missed, unkept = await asyncio.gather(
        store.states("source"),
        store.states("worker"),
        store.dead_letters(limit=LETTERS),
        standing(store),
        store.states(MISSED),
        missing(store),
    )
    return Health(
        sources=sorted((_source(k, v) for k, v in sources.items()), key=_bad_first),
        workers=sorted((_worker(k, v, now) for k, v in workers.items()), key=lambda w: w.id),
        dead_total=dead,
        letters=letters,
        alerts=alerts,
        missed=[_missed(place, told) for place, told in sorted(missed.items())],
        unkept=unkept,
    )


def _missed(place: str, told: dict[str, Any]) -> Missed:
    gaps = told.get("gaps")
    last = gaps[-1] if isinstance(gaps, list) and gaps else {}
    at = _moment(last.get("at")) if isinstance(last, dict) else None
    return Missed(place=place, records=_whole(told.get("records")), at=at)


def _bad_first(source: Source) -> tuple[bool, bool, str]:
    return (source.tone != "bad", source.state == "disabled", source.id)


def _source(key: str, told: dict[str, Any]) -> Source:
    state = str(told.get("state", "unknown"))
    symbol, tone = STATES.get(state, ("?", "calm"))
    gaps = told.get("gaps")
    return Source(
        id=key,
        connector=str(told.get("connector", "")),
        state=state,
        symbol=symbol,
        tone=tone,
        reason=str(told.get("reason", "")),
        until=_moment(told.get("until")),
        posts=_whole(told.get("posts")),
        dead=_whole(told.get("dead")),
        gaps=len(gaps) if isinstance(gaps, list) else 0,
        usage=used(told),
        last_post_at=_moment(told.get("last_post_at")),
        last_pass_at=_moment(told.get("last_pass_at")),
        started_at=_moment(told.get("started_at")),
        errors=_whole(told.get("errors")),
    )


def used(told: dict[str, Any]) -> list[str]:
    """The budgets of a source's state, as sentences."""
    found = []
    for row in told.get("usage") or []:
        try:
            usage = msgspec.convert(row, Usage, strict=False)
        except msgspec.ValidationError:
            continue
        found.append(f"{usage.used:g} of {usage.limit:g} {usage.what} a {usage.period}")
    return found


def _worker(key: str, told: dict[str, Any], now: datetime) -> Worker:
    seen = _moment(told.get("seen_at"))
    rate, lag = told.get("posts_per_second"), told.get("lag")
    return Worker(
        id=key,
        seen_at=seen,
        quiet=seen is None or now - seen > QUIET_AFTER,
        rate=float(rate) if isinstance(rate, int | float) else 0.0,
        missed=_whole(told.get("missed")),
        lag=sum(_whole(n) for n in lag.values()) if isinstance(lag, dict) else _whole(lag),
    )


def _moment(told: object) -> datetime | None:
    if isinstance(told, datetime):
        return told if told.tzinfo else None
    try:
        found = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None


def _whole(told: object) -> int:
    return int(told) if isinstance(told, int | float) else 0
