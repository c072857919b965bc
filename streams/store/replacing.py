"""Mentions put in the place of those stored, by transactions: what a store does whose readers see a
write as a whole."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from streams.errors import StoreError
from streams.records import Mention
from streams.store.port import Note, Replaced, Replacement, Store

AT_ONCE: Final = 20_000
"""Mentions written in one transaction: SQLite's memory grows with them."""


async def by_transactions(store: Store, changes: Iterable[Replacement], note: Note) -> Replaced:
    """Raises `StoreError`."""
    rest, replaced, written = iter(changes), Replaced(), 0
    while some := [one.mention for one in islice(rest, AT_ONCE)]:
        await write(store, some, replaced)
        written += len(some)
        note("mentions", written, None)
    return replaced


async def write(store: Store, mentions: Sequence[Mention], replaced: Replaced) -> None:
    """One step, added up. Raises `StoreError` for what the store refuses."""
    report = await store.write(mentions)
    if report.rejected:
        first = report.rejected[0]
        raise StoreError(f"the store refused {len(report.rejected)} mentions: {first.reason}")
    replaced.stored += report.stored - sum(one.deleted for one in mentions)
    replaced.retracted += report.retracted
    replaced.stale += report.stale
    replaced.steps += 1
