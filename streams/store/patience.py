"""Reading from a store that may be away for a while, by those who can't go on without it."""

import asyncio
from typing import Any, Final

from streams.errors import StoreError
from streams.store.port import Store

REST_SECONDS: Final = 1.0


async def states_in_time(store: Store, kind: str) -> dict[str, dict[str, Any]]:
    """`Store.states`, asked again without end, as the store's writes are."""
    while True:
        try:
            return await store.states(kind)
        except StoreError:
            await asyncio.sleep(REST_SECONDS)
