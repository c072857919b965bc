"""Which months are not as this version of Veille makes them, and making them so."""

from collections.abc import AsyncGenerator
from typing import Any, Final

import msgspec

from streams.errors import StoreError
from streams.store import es_shapes
from streams.store.es_months import Month
from streams.store.es_remake import Remade, Remake
from streams.store.making import KIND, MAPPING

Body = dict[str, Any]
_SOME: Final = 6
_CODEC: Final = "default"


class Planned(msgspec.Struct, kw_only=True):
    """A month to be made anew, with about so many documents, and why."""

    month: str
    index: str
    documents: int
    reasons: list[str]


class Migration:
    """All months of a store, the newest first: that is what most questions ask for."""

    def __init__(self, remake: Remake) -> None:
        self._remake = remake

    async def plan(self) -> list[Planned]:
        """Changes nothing. Raises `StoreError`, also for a month of a newer Veille."""
        wanted = self._remake.indices.body(es_shapes.MONTHLY)
        making = await self._remake.store.states(KIND)
        found = []
        for month in reversed(await self._remake.months.all()):
            why = reasons(month, wanted)
            if making.get(month.name, {}).get("purpose") == MAPPING:
                why.append("broken off")
            if why:
                documents = await self._remake.count(month.index)
                planned = Planned(
                    month=month.name, index=month.index, documents=documents, reasons=why
                )
                found.append(planned)
        return found

    async def run(self, planned: list[Planned]) -> AsyncGenerator[Remade, None]:
        """Each month as it is done. Broken off at any moment, `plan` and `run` go on."""
        async with self._remake.alone.held():
            for one in planned:
                yield await self._remake.run(one.month)

    async def abandon(self) -> list[str]:
        """Give up every month that was broken off; their names."""
        making = await self._remake.store.states(KIND)
        months = {month.name for month in await self._remake.months.all()}
        async with self._remake.alone.held():
            for name in sorted(making):
                if name in months:
                    await self._remake.abandon(name)
            await self._remake.store.drop_states(KIND, sorted(set(making) - months))
        return sorted(making)


def reasons(month: Month, wanted: Body) -> list[str]:
    """In what the month is not as it is made today. Raises `StoreError` where it is newer."""
    ours, theirs = wanted["mappings"], month.mappings
    schema, had = _schema(ours), _schema(theirs)
    if had > schema:
        raise StoreError(
            f"{month.index}: made by a newer Veille (schema {had}, ours is {schema}). "
            "Remedy: run the newer one"
        )
    found = [f"schema {had}, now {schema}"] if had < schema else []
    if other := es_shapes.differing(ours["properties"], theirs.get("properties", {})):
        more = f" and {len(other) - _SOME} more" if len(other) > _SOME else ""
        found.append(f"other fields: {', '.join(other[:_SOME])}{more}")
    if ours.get("_source", {}) != theirs.get("_source", {}):
        found.append("keeps other fields as they came")
    if wanted["settings"]["index"].get("codec", _CODEC) != month.settings.get("codec", _CODEC):
        found.append("packed in another way")
    return found


def _schema(mappings: Body) -> int:
    return int(mappings.get("_meta", {}).get("veille_schema", 0))
