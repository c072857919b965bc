"""The small indices made anew: labels, states, the journal and so on, where their fields changed.

They are copied whole while writers wait, for documents are removed from them, which no number tells
of. So nothing needs to be kept about it: what was broken off is begun again.
"""

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from streams.errors import StoreError
from streams.store import es_shapes
from streams.store.es_bulk import Item
from streams.store.es_copy import Copy
from streams.store.es_months import Month
from streams.store.es_remake import Remade, Remake
from streams.store.port import Note

Body = dict[str, Any]
_STATE: Final = "state"


class Small:
    """The small indices of one store. `<prefix>-labels` becomes an alias of `<prefix>-labels-<n>`.

    `Remake.alone` must be held by who makes one anew.
    """

    def __init__(self, remake: Remake, note: Note = lambda *_: None) -> None:
        self._remake = remake
        self._ask = remake.ask
        self._note = note
        self.young_seconds = 60.0
        """Up to which age a copy of the states may have a process that fills it."""

    async def all(self) -> dict[str, Month]:
        """By what they hold, those that are there."""
        return {
            what: found
            for what in es_shapes.SMALL
            if (found := await self._found(what)) is not None
        }

    async def _found(self, what: str) -> Month | None:
        name = self._remake.indices.name(what)
        told = await self._ask("GET", f"/{name},{name}-*?ignore_unavailable=true")
        return found_small(name, told)

    async def free(self) -> None:
        """Without writing to it, let go of the index of states, where a process that died holds it:
        nobody could take the lease. Raises `StoreError` where it may live still."""
        found = await self._found(_STATE)
        if found is None or not (found.blocked and found.copies):
            return
        for copy in found.copies:
            told = await self._ask("GET", f"/{copy}/_settings")
            made = int(told[copy]["settings"]["index"]["creation_date"]) / 1000
            if datetime.now(UTC).timestamp() - made < self.young_seconds:
                raise StoreError(
                    f"{found.name} has been in the making for less than a minute. Remedy: let "
                    "that process end, or a minute pass where it died; then run this again"
                )
        await self.drop(found)

    async def run(self, what: str) -> Remade:
        """Raises `StoreError` and leaves the old index in service."""
        if (found := await self._found(what)) is None:
            raise StoreError(f"{what}: no such index. Remedy: start Veille, which makes it")
        await self.drop(found)
        target = f"{found.name}-{_next(found)}"
        began = time.monotonic()
        await self._ask("PUT", f"/{target}", self._remake.indices.body(what))
        try:
            copied = await self._fill(found, target)
        except BaseException:
            with contextlib.suppress(StoreError, TimeoutError):
                async with asyncio.timeout(5):
                    await self.drop(msgspec.structs.replace(found, copies=(target,)))
            raise
        waited = round(time.monotonic() - began, 3)
        return Remade(month=found.name, index=target, copied=copied, blocked_seconds=waited)

    async def _fill(self, found: Month, target: str) -> int:
        await self._ask("PUT", f"/{found.index}/_block/write")
        total = await self._remake.count(found.index)

        async def step(*_: object) -> None:
            self._note(found.name, min(total, copy.copied), total)

        copy = Copy(
            self._remake.bulk,
            self._ask,
            found,
            done={},
            compose=lambda hit: _item(hit, target),
            step=step,
        )
        await copy.run()
        await self._ask("POST", f"/{target}/_refresh")
        there, here = await self._remake.count(found.index), await self._remake.count(target)
        if here != there:
            raise StoreError(f"{found.name}: {there:,} documents, but {here:,} in the copy")
        actions = [
            {"remove_index": {"index": found.index}},
            {"add": {"index": target, "alias": found.name}},
        ]
        await self._ask("POST", "/_aliases", {"actions": actions})
        return copy.copied

    async def drop(self, found: Month) -> None:
        """Give up what was broken off. Copies first: who may still be filling one must not put it
        in place after that."""
        for copy in found.copies:
            await self._ask("DELETE", f"/{copy}?ignore_unavailable=true")
        if found.copies:
            await self._remake.unblock(found.index)


def found_small(name: str, told: Body) -> Month | None:
    """Of an answer to `GET /name,name-*`: the index in use, and its copies."""
    ours = {index for index in told if index == name or index.removeprefix(f"{name}-").isdigit()}
    live = next((i for i in ours if i == name or name in told[i].get("aliases", {})), None)
    if live is None:
        return None
    settings = told[live]["settings"]["index"]
    return Month(
        name=name,
        index=live,
        uuid=settings["uuid"],
        mappings=told[live]["mappings"],
        settings=settings,
        shown=False,
        blocked=str(settings.get("blocks", {}).get("write")) == "true",
        copies=tuple(sorted(ours - {live})),
    )


def _next(found: Month) -> int:
    numbers = [name.rpartition("-")[2] for name in (found.index, *found.copies)]
    return 1 + max([int(number) for number in numbers if number.isdigit()], default=0)


def _item(hit: Body, target: str) -> Item:
    return Item(target, hit["_id"], msgspec.json.encode(hit["_source"]), hit["_version"])
