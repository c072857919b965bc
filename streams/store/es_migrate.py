"""Which months are not as this version of Veille makes them, and making them so."""

from collections.abc import AsyncGenerator
from typing import Any, Final

import msgspec

from streams.errors import StoreError
from streams.store import es_shapes
from streams.store.es_months import Month
from streams.store.es_remake import Remade, Remake
from streams.store.es_small import Small
from streams.store.making import KIND, MAPPING

Body = dict[str, Any]
_SOME: Final = 6
_CODEC: Final = "default"


class Planned(msgspec.Struct, kw_only=True):
    """A month to be made anew, with about so many documents, and why; or what a `small` index
    holds."""

    month: str
    index: str
    documents: int
    reasons: list[str]
    small: str = ""


class Migration:
    """The small indices of a store, then its months, the newest first: that is what most questions
    ask for."""

    def __init__(self, remake: Remake) -> None:
        self._remake = remake
        self.small = Small(remake)

    async def plan(self) -> list[Planned]:
        """Changes nothing. Raises `StoreError`, also for a month of a newer Veille."""
        wanted = self._remake.indices.body(es_shapes.MONTHLY)
        making = await self._remake.store.states(KIND)
        found = [await self._planned_small(*one) for one in (await self.small.all()).items()]
        found = [one for one in found if one.reasons]
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

    async def _planned_small(self, what: str, found: Month) -> Planned:
        wanted = self._remake.indices.body(what)["mappings"]["properties"]
        why = _differing(wanted, found.mappings.get("properties", {}))
        if found.copies:
            why.append("broken off")
        documents = await self._remake.count(found.index) if why else 0
        return Planned(
            month=found.name, index=found.index, documents=documents, reasons=why, small=what
        )

    async def run(self, planned: list[Planned]) -> AsyncGenerator[Remade, None]:
        """Each as it is done. Broken off at any moment, `plan` and `run` go on."""
        await self.small.free()
        async with self._remake.alone.held():
            await self._forget_gone()
            for one in planned:
                if one.small:
                    yield await self.small.run(one.small)
                else:
                    yield await self._remake.run(one.month)

    async def _forget_gone(self) -> None:
        """Months that were removed while they were made anew."""
        months = {month.name for month in await self._remake.months.all()}
        gone = set(await self._remake.store.states(KIND)) - months
        await self._remake.store.drop_states(KIND, sorted(gone))

    async def abandon(self) -> list[str]:
        """Give up every month that was broken off; their names."""
        await self.small.free()
        making = await self._remake.store.states(KIND)
        async with self._remake.alone.held():
            await self._forget_gone()
            for name in sorted(await self._remake.store.states(KIND)):
                await self._remake.abandon(name)
            for found in (await self.small.all()).values():
                if found.copies:
                    await self.small.drop(found)
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
    found += _differing(ours["properties"], theirs.get("properties", {}))
    if ours.get("_source", {}) != theirs.get("_source", {}):
        found.append("keeps other fields as they came")
    if wanted["settings"]["index"].get("codec", _CODEC) != month.settings.get("codec", _CODEC):
        found.append("packed in another way")
    return found


def _differing(wanted: Body, have: Body) -> list[str]:
    other = es_shapes.differing(wanted, have)
    more = f" and {len(other) - _SOME} more" if len(other) > _SOME else ""
    return [f"other fields: {', '.join(other[:_SOME])}{more}"] if other else []


def _schema(mappings: Body) -> int:
    return int(mappings.get("_meta", {}).get("veille_schema", 0))
