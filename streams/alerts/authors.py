"""Who wrote of an incident, and who of them had not written of its topic before."""

import asyncio
from collections.abc import Set
from datetime import datetime, timedelta
from typing import Final

import msgspec

from streams.store.port import Filter, Store

WEEKS: Final = 4
MOST_AUTHORS: Final = 1_000
LOOKED_UP: Final = 200


async def authors_of(
    store: Store, where: Filter, began: datetime, read: Set[str], known: Set[str]
) -> tuple[int, int]:
    """How many wrote the mentions of `where`, and how many of them had not in the four weeks before
    `began`, in any tone. Raises `StoreError`.

    Told apart are those of the posts that were `read` and a thousand more; `known` are authors of
    the past that were read. Where the past has too many authors to list, each is looked up, at most
    `LOOKED_UP`: one that was not is not called new.
    """
    past = Filter(topics=where.topics, since=began - timedelta(weeks=WEEKS), until=began)
    now, then = await asyncio.gather(
        store.top(where, "author", limit=MOST_AUTHORS),
        store.top(past, "author", limit=MOST_AUTHORS),
    )
    names = read | {each.value for each in now if each.value}
    fresh = sorted(names - {each.value for each in then} - known)
    if len(then) < MOST_AUTHORS:
        return len(names), len(fresh)
    return len(names), sum([await _is_new(store, past, name) for name in fresh[:LOOKED_UP]])


async def _is_new(store: Store, past: Filter, name: str) -> bool:
    where = msgspec.structs.replace(past, author=name)
    return not (await store.search(where, limit=1)).mentions
