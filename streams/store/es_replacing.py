"""Mentions put in the place of those stored, month by month: each month is made anew with the
changes in it, then stands in the place of the old one."""

from collections.abc import Callable, Iterable

from streams.records import Mention
from streams.store.es_remake import Remake
from streams.store.es_setup import month_of
from streams.store.port import Replaced, Replacement
from streams.store.replacing import write
from streams.store.rules import content_version, labelled


async def by_months(remake: Remake, changes: Iterable[Replacement]) -> Replaced:
    """All of the changes are held in memory, by month. Raises `StoreError`."""
    prefix = remake.months.readers.removesuffix("-mentions")
    replaced = Replaced()
    months: dict[str, dict[str, Mention]] = {}
    new: set[str] = set()
    for one in changes:
        name = month_of(prefix, one.mention.post.created_at)
        months.setdefault(name, {})[one.mention.id] = one.mention
        new |= {one.mention.id} if one.new else set()
    known = {month.name for month in await remake.months.all()}
    for name, mine in sorted(months.items()):
        if name not in known:  # no mention of that month was ever stored
            await write(remake.store, list(mine.values()), replaced)
            continue
        extra = [one for one in mine.values() if one.id in new]
        remade = await remake.run(name, replace=replacing(mine), extra=extra)
        replaced.stored += remade.changed + remade.added
        replaced.retracted += remade.dropped
        replaced.steps += 1
    return replaced


def replacing(changes: dict[str, Mention]) -> Callable[[Mention], Mention | None]:
    """What becomes of a stored mention. One that came meanwhile, of a later version of its post,
    stays: it was made by the present pipeline already."""

    def replaced(old: Mention) -> Mention | None:
        new = changes.get(old.id)
        if new is None or content_version(old) > content_version(new):
            return old
        return None if new.deleted else labelled(new, old.label)

    return replaced
