"""Authors and sources that nobody wants to see, hidden and shown again."""

from typing import Annotated

import msgspec
from msgspec import Meta

from connectors.post import utc_now
from streams.store.hiding import Hidden
from streams.store.journal import Entry
from streams.store.port import Store


class HideNow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to hide, `source:handle`, or which source, by its name; or to show again."""

    key: Annotated[str, Meta(min_length=1, max_length=500)]
    hide: bool = True
    note: Annotated[str, Meta(max_length=500)] = ""


class Hiding:
    """What is hidden over one store, with its journal."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def set(self, wanted: HideNow, *, by: str) -> None:
        """Done for all that is stored when it returns. Raises `StoreError` for an odd key."""
        now = utc_now()
        kind = "author" if ":" in wanted.key else "source"
        action = f"{kind}.{'hide' if wanted.hide else 'show'}"
        entry = Entry(
            id=f"{action}:{wanted.key[:400]}:{int(now.timestamp() * 1000)}",
            at=now,
            by=by,
            action=action,
            subject=wanted.key,
            before={"hidden": not wanted.hide},
            after={"hidden": wanted.hide},
            note=wanted.note,
        )
        await self._store.add_entries([entry])
        if wanted.hide:
            await self._store.hide(Hidden(key=wanted.key, at=now, by=by, note=wanted.note))
        else:
            await self._store.unhide(wanted.key)
