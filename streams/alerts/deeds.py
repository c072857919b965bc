"""What people did to an incident, when: kept beside it, for its page."""

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from connectors.post import Moment
from streams.alerts import book
from streams.alerts.incidents import Change
from streams.alerts.records import Incident
from streams.store.port import Store

_MOST: Final = 50
_TRIES: Final = 4

What = Literal["acknowledged", "snoozed", "resolved"]


class Deed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One act, by the wall clock."""

    at: Moment
    what: What
    by: str = ""
    until: Moment | None = None


class Deeds(msgspec.Struct, frozen=True, kw_only=True):
    """All acts of an incident, oldest first."""

    deeds: list[Deed] = []


async def deeds(store: Store, incident_id: str) -> list[Deed]:
    """Raises `StoreError`."""
    state = (await store.states(book.DEEDS)).get(incident_id) or {}
    try:
        return msgspec.convert(state, Deeds).deeds
    except msgspec.ValidationError:
        return []


async def find(store: Store, incident_id: str) -> Incident | None:
    """The incident of exactly that id. Raises `StoreError`."""
    change = (await book.changes(store)).get(incident_id)
    return change.incident if change else None


async def handle(
    store: Store, incident_id: str, act: Callable[[Incident], Change], deed: Deed
) -> Incident | None:
    """Do it and note it; again where the watch wrote a change of its own at the same moment.
    `None` where there is no such incident. Raises `StoreError`."""
    for _ in range(_TRIES):
        before = await find(store, incident_id)
        if before is None:
            return None
        change = act(before)
        await book.keep(store, change)
        if await find(store, incident_id) == change.incident:
            break
    await _note(store, incident_id, deed, change.incident.version)
    return change.incident


async def _note(store: Store, incident_id: str, deed: Deed, version: int) -> None:
    known = [*await deeds(store, incident_id), deed][-_MOST:]
    state = msgspec.to_builtins(Deeds(deeds=known))
    await store.put_state(book.DEEDS, incident_id, state, version=version)
