"""Months of the store in the making, as its states tell of them."""

from datetime import datetime
from typing import Final

import msgspec

from streams.store.port import Store

KIND: Final = "migration"
"""The kind of state that tells of them, by the month's name."""
MAPPING: Final = "store migrate"
"""The purpose of `veille store migrate`."""


class Making(msgspec.Struct, kw_only=True):
    """A month in the making, as it is kept in the store's states."""

    source: str
    uuid: str
    target: str
    purpose: str
    done: dict[str, int] = {}
    started_at: datetime


async def half_done(store: Store) -> list[str]:
    """A sentence for each month whose remaking was broken off or is under way. Raises
    `StoreError`."""
    found = await store.states(KIND)
    return [
        f"{month} is being made anew ({made.get('purpose')}) since {made.get('started_at')}. "
        f"Remedy: {remedy(str(made.get('purpose')))}, if it was broken off: it goes on where it was"
        for month, made in sorted(found.items())
    ]


def remedy(purpose: str) -> str:
    """Which command goes on with it."""
    return f"`veille {purpose}`"
