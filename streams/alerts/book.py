"""Incidents as the store keeps them: one state each, with what happened last beside it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from streams.alerts.incidents import Change, Event
from streams.alerts.records import Incident
from streams.store.port import Store

INCIDENT: Final = "incident"
"""The kind of these states; the key is the incident's id."""
TOLD: Final = "incident-told"
"""States that say up to which version an incident was published and handed on."""
DEEDS: Final = "incident-deeds"
"""States that say what people did to an incident."""
_EVENT: Final = "event"

States = Mapping[str, dict[str, Any]]


async def changes(store: Store) -> dict[str, Change]:
    """Every incident and what happened to it last, by id. Raises `StoreError`."""
    return _changes(await store.states(INCIDENT))


def _changes(states: States) -> dict[str, Change]:
    return {key: change for key, state in states.items() if (change := _read(state))}


def _read(state: dict[str, Any]) -> Change | None:
    """`None` for one that was taken away, or that nobody can read."""
    try:
        incident = msgspec.convert({k: v for k, v in state.items() if k != _EVENT}, Incident)
        event = msgspec.convert(state.get(_EVENT, "updated"), Event)
    except msgspec.ValidationError:
        return None
    return Change(incident, event)


async def incidents(store: Store) -> list[Incident]:
    """All of them, by the time they opened, oldest first. Raises `StoreError`."""
    return read(await store.states(INCIDENT))


def read(states: States) -> list[Incident]:
    """The incidents of these states, by the time they opened, oldest first."""
    found = [change.incident for change in _changes(states).values()]
    return sorted(found, key=lambda one: (one.opened_at, one.id))


async def running(store: Store) -> list[Incident]:
    """Those not over: the others, which are many, are not even decoded. Raises `StoreError`."""
    states = await store.states(INCIDENT)
    over = ("resolved", "withdrawn")
    found = [_read(state) for state in states.values() if state.get("status") not in over]
    return [change.incident for change in found if change]


async def lately(store: Store, since: datetime) -> list[Incident]:
    """Those not over and those that opened since then, by the time they opened: older ones, which
    are many, are not even decoded. Raises `StoreError`."""
    over, first = ("resolved", "withdrawn"), since.astimezone(UTC).isoformat()[:19]
    states = {
        key: state
        for key, state in (await store.states(INCIDENT)).items()
        if state.get("status") not in over or str(state.get("opened_at", "")) >= first
    }
    return read(states)


async def keep(store: Store, change: Change) -> None:
    """Write it, unless a later version is there. Raises `StoreError`."""
    one = change.incident
    state: dict[str, Any] = {**msgspec.to_builtins(one), _EVENT: change.event}
    await store.put_state(INCIDENT, one.id, state, version=one.version)


async def told(store: Store) -> dict[str, int]:
    """The versions that were handed on."""
    return {
        key: state["version"]
        for key, state in (await store.states(TOLD)).items()
        if isinstance(state.get("version"), int)
    }


async def note_told(store: Store, one: Incident) -> None:
    await store.put_state(TOLD, one.id, {"version": one.version}, version=one.version)


async def drop_old(store: Store, known: Iterable[Incident], wall: datetime, days: int) -> None:
    """Take away what was found longer ago and is over."""
    for one in known:
        found = one.found_at or wall
        if one.status in ("resolved", "withdrawn") and wall - found > timedelta(days=days):
            await store.put_state(INCIDENT, one.id, {}, version=one.version + 1)
            await store.put_state(TOLD, one.id, {}, version=one.version + 1)
            await store.put_state(DEEDS, one.id, {}, version=one.version + 1)
