"""Looks at the ledger while a worker runs: an imbalance that lasts becomes an alert."""

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from connectors.post import utc_now
from streams.alerts.state import ALERT, AlertState
from streams.balance import Ledger, Snapshot, balance, snapshot
from streams.gaps import MISSED, dropped
from streams.store.port import Store

EVERY: Final = timedelta(seconds=5)
PATIENCE: Final = timedelta(minutes=2)
"""How long an imbalance with nothing waiting may last: longer than the pipeline can explain."""
ALIVE: Final = timedelta(seconds=15)
"""A worker whose last word is older is gone."""
BETWEEN_SECONDS: Final = 3.0
"""Between two looks at the ledger: longer than what flows takes to be told."""
KIND: Final = "ledger-imbalance"


def lag_of(workers: dict[str, dict[str, Any]], now: datetime) -> dict[str, int] | None:
    """Unread records by topic as living workers tell them; `None` when none is alive."""
    lag: dict[str, int] | None = None
    for told in workers.values():
        try:
            seen = datetime.fromisoformat(str(told.get("seen_at")))
        except ValueError:
            continue
        if seen.tzinfo and now - seen < ALIVE:
            lag = lag or {}
            for topic, count in dict(told.get("lag") or {}).items():
                lag[topic] = lag.get(topic, 0) + int(count)
    return lag


async def look(store: Store, since: datetime | None = None) -> Ledger:
    """The ledger as it is now: what flows is looked at twice, unless it is in balance at once.
    Raises `StoreError`."""
    lag = lag_of(await store.states("worker"), utc_now())
    before = await snapshot(store, utc_now(), lag=lag)
    lost = dropped(await store.states(MISSED))
    found = balance(before, before, missed=lost, since=since)
    if not found.imbalance:
        return found
    await asyncio.sleep(BETWEEN_SECONDS)
    lag = lag_of(await store.states("worker"), utc_now())
    after = await snapshot(store, utc_now(), lag=lag)
    return balance(before, after, missed=lost, since=since)


class Accountant:
    """Compares the ledger with the one before every few seconds, and tells an imbalance that
    lasts as the alert `ledger-imbalance`; takes it back once the sums agree."""

    def __init__(self, store: Store, patience: timedelta = PATIENCE) -> None:
        self._store = store
        self._patience = patience
        self._before: Snapshot | None = None
        self._looked: datetime | None = None
        self._since: datetime | None = None
        self._told: bool | None = None

    async def look(self, now: datetime) -> Ledger | None:
        """The ledger, when it was time to look. Raises `StoreError`."""
        if self._looked and now - self._looked < EVERY:
            return None
        self._looked = now
        lag = lag_of(await self._store.states("worker"), now)
        present = await snapshot(self._store, now, lag=lag)
        before, self._before = self._before, present
        if before is None:
            return None
        missed = dropped(await self._store.states(MISSED))
        ledger = balance(before, present, missed=missed)
        await self._tell(ledger, now)
        return ledger

    async def _tell(self, ledger: Ledger, now: datetime) -> None:
        if not ledger.imbalance:
            self._since = None
        elif self._since is None:
            self._since = now
        lasts = self._since is not None and now - self._since >= self._patience
        if lasts and self._since:
            await self._store.put_state(ALERT, KIND, _alert(ledger, self._since))
        elif not ledger.imbalance and self._told is not False:
            if KIND in await self._store.states(ALERT):
                await self._store.put_state(ALERT, KIND, {})
        else:
            return
        self._told = lasts


def _alert(ledger: Ledger, since: datetime) -> dict[str, Any]:
    odd = [f"{line.source} {line.hour}" for line in ledger.lines if line.imbalance]
    figures = {"imbalance": float(ledger.imbalance), "rows": float(len(odd))}
    text = (
        f"The ledger is out of balance by {ledger.imbalance:,} records with nothing waiting, in "
        f"{', '.join(odd[:3])}{' and more' * (len(odd) > 3)}. Remedy: `veille status --ledger` "
        "shows where; docs/ledger.md tells what to do"
    )
    alert = AlertState(kind=KIND, since=since, text=text, figures=figures)
    told: dict[str, Any] = msgspec.to_builtins(alert)
    return told
