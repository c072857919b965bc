"""All dead letters of a selection, however many there are."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from connectors.letters import DeadLetter
from streams.store.port import LetterFilter, Store

PAGE: Final = 500
"""A letter may hold 64 KiB of its original."""


async def every_letter(
    store: Store, where: LetterFilter = LetterFilter(), *, page: int = PAGE
) -> AsyncIterator[DeadLetter]:
    """Newest first, a page in memory at a time. A letter that dies again meanwhile becomes the
    newest, and so may be passed over. Raises `StoreError`."""
    while True:
        _, some = await store.dead_letters(limit=page, where=where)
        for letter in some:
            yield letter
        if len(some) < page:
            return
        where = msgspec.structs.replace(where, after=(some[-1].at, some[-1].id))
