"""A month made anew while it is read and written: copied, then changed for the old one at once.

In order, each step known from the server and the store's states, so that whoever comes after a
broken-off one goes on: the copy's name is noted; the copy is made and filled, pass by pass, until
little is left; writing is blocked (writers wait, see `es_bulk`); the last pass; readers' alias goes
from old to new in one call; in another the old index goes and the new one takes its name.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from streams.errors import StoreError
from streams.records import Mention
from streams.store.alone import Alone
from streams.store.es_bulk import Bulk
from streams.store.es_copy import Copy, Marks, Mentions, Replace
from streams.store.es_ledger import Ask
from streams.store.es_months import LIVE, Month, Months
from streams.store.es_setup import Indices
from streams.store.es_writes import Writer
from streams.store.making import KIND, MAPPING, Making, remedy
from streams.store.port import Note, Store

_SMALL: Final = 500
"""Documents of a pass that are few enough to block writing for the rest."""
_MOST_PASSES: Final = 20
_GRACE_SECONDS: Final = 0.5
"""How long questions that began with the old index may take to end."""
_SAVE_SECONDS: Final = 1.0
Body = dict[str, Any]
Save = Callable[[str, "Making"], Awaitable[None]]


class Remade(msgspec.Struct, kw_only=True):
    """What became of a month. `blocked_seconds`: how long writers had to wait."""

    month: str
    index: str
    copied: int = 0
    changed: int = 0
    dropped: int = 0
    added: int = 0
    passes: int = 0
    blocked_seconds: float = 0.0
    resumed: bool = False


class Remake:
    """Makes months of one store anew, for one purpose, such as `reprocess --topic brand`: that
    of the command which goes on after a break. `note` is told of a month how many documents were
    copied, and about how many there are."""

    def __init__(
        self,
        store: Store,
        bulk: Bulk,
        indices: Indices,
        writer: Writer,
        ask: Ask,
        *,
        purpose: str = MAPPING,
        note: Note = lambda *_: None,
    ) -> None:
        self.store = store
        self.bulk = bulk
        self.indices = indices
        self._writer = writer
        self.ask = ask
        self._purpose = purpose
        self._note = note
        self.alone = Alone(store)
        self.grace_seconds = _GRACE_SECONDS
        self.months = Months(ask, indices.name("mentions").removesuffix("-mentions"))

    async def run(
        self, month: str, *, replace: Replace | None = None, extra: Sequence[Mention] = ()
    ) -> Remade:
        """The month of this name (`<prefix>-mentions-2026.03`) made anew, each mention as `replace`
        turns it; `None` takes it away. `extra` mentions of the month come in with it; labels,
        erasures and retractions hold for them.

        Pure and the same in each run, `replace` is asked again for what is written meanwhile, and
        for what a broken-off run did not come to. Neither is told as an arrival. Raises
        `StoreError` and leaves the old month in service.
        """
        async with self.alone.held():
            found = await self.months.one(month)
            making, resumed = await self._begin(found)
            remade = Remade(month=month, index=making.target, resumed=resumed)
            if found.index != making.target:
                await self._make(found, making, remade, replace, extra)
            await self._settle(extra)
            await self.store.drop_states(KIND, [month])
        return remade

    async def abandon(self, month: str) -> None:
        """Give a broken-off remaking up: copies go, writers go on. Raises `StoreError`."""
        async with self.alone.held():
            found = await self.months.one(month)
            if not found.shown:
                raise StoreError(f"{month}: readers use the new index already. Remedy: go on")
            await self.unblock(found.index)
            await self._remove(found.copies)
            await self.store.drop_states(KIND, [month])

    async def _begin(self, found: Month) -> tuple[Making, bool]:
        state = (await self.store.states(KIND)).get(found.name)
        if state is not None:
            making = msgspec.convert(state, Making)
            if making.purpose != self._purpose:
                raise StoreError(
                    f"{found.name} is half made anew for another purpose ({making.purpose}). "
                    f"Remedy: {remedy(making.purpose)} first, or `veille store migrate --abandon`"
                )
            ours = making.uuid == found.uuid and making.target in found.copies
            if ours or found.index == making.target:
                return making, True
        await self._remove(found.copies)
        making = Making(
            source=found.index,
            uuid=found.uuid,
            target=self.months.next_copy(found),
            purpose=self._purpose,
            started_at=datetime.now(UTC),
        )
        await self._save(found.name, making)
        await self._create(making.target)
        return making, False

    async def _make(
        self,
        found: Month,
        making: Making,
        remade: Remade,
        replace: Replace | None,
        extra: Sequence[Mention],
    ) -> None:
        keeper = _Keeper(found.name, making, self._save, self._note, self.alone)
        mentions = Mentions(found.index, making.target, replace)
        copy = Copy(
            self.bulk,
            self.ask,
            found,
            done=making.done,
            compose=mentions.item,
            step=keeper.step,
        )
        if found.shown:
            keeper.total = await self.count(found.index)
            remade.added = await self._writer.write_unseen(making.target, extra)
            for remade.passes in range(1, _MOST_PASSES + 1):
                copied = await copy.run()
                await self.ask("POST", f"/{making.target}/_refresh")
                if copied <= _SMALL:
                    break
            await keeper.save(copy.done)
        began = time.monotonic()
        await self._close(found, making.target, copy, exact=not extra)
        remade.blocked_seconds = round(time.monotonic() - began, 3)
        remade.copied = copy.copied
        remade.changed, remade.dropped = mentions.changed, mentions.dropped

    async def _settle(self, extra: Sequence[Mention]) -> None:
        """What came meanwhile, labels, erasures and retractions, could not find these yet."""
        if extra:
            await self._writer.recompose([mention.id for mention in extra])

    async def _close(self, found: Month, target: str, copy: Copy, *, exact: bool) -> None:
        """From here on writers wait, until all is done or it went wrong."""
        try:
            await self.ask("PUT", f"/{found.index}/_block/write")
            if found.shown:
                await copy.run()
                await self._ready(found, target, exact=exact)
                await self._show(found.index, target)
            await asyncio.sleep(self.grace_seconds)
            await self._rename(found, target)
        except BaseException:
            with contextlib.suppress(StoreError, TimeoutError):
                async with asyncio.timeout(5):
                    await self._unblock_unless_done(found)
            raise

    async def _ready(self, found: Month, target: str, *, exact: bool) -> None:
        """Before anyone reads it: all of it is to be seen, and as much as there was."""
        refresh = self.indices.body("mentions")["settings"]["index"]["refresh_interval"]
        settings = {"index": {"refresh_interval": refresh}}
        await self.ask("PUT", f"/{target}/_settings", settings)
        await self.ask("POST", f"/{target}/_refresh")
        await self.ask("POST", f"/{found.index}/_refresh")
        there, here = await self.count(found.index), await self.count(target)
        if here < there or (exact and here != there):
            raise StoreError(
                f"{found.name}: {there:,} documents, but {here:,} in the copy. Remedy: "
                "`veille store migrate --abandon`, then begin again; the old index serves on"
            )

    async def _show(self, old: str, new: str) -> None:
        alias = self.months.readers
        actions = [
            {"remove": {"index": old, "alias": alias, "must_exist": False}},
            {"add": {"index": new, "alias": alias, "filter": LIVE}},
        ]
        await self.ask("POST", "/_aliases", {"actions": actions})

    async def _rename(self, found: Month, new: str) -> None:
        """In one call, so that a writer finds the month at any moment."""
        actions = [
            {"remove_index": {"index": found.index}},
            {"add": {"index": new, "alias": found.name}},
        ]
        await self.ask("POST", "/_aliases", {"actions": actions})

    async def _unblock_unless_done(self, found: Month) -> None:
        """Once readers see the new index, nothing may be written to the old one any more."""
        now = await self.months.one(found.name)
        if now.index == found.index and now.shown:
            await self.unblock(found.index)

    async def unblock(self, index: str) -> None:
        settings = {"index": {"blocks": {"write": None}}}
        await self.ask("PUT", f"/{index}/_settings", settings)

    async def _create(self, target: str) -> None:
        body = (await self.indices.template())["template"]
        body["settings"]["index"]["refresh_interval"] = "-1"
        await self.ask("PUT", f"/{target}", {k: body[k] for k in ("settings", "mappings")})

    async def _remove(self, copies: Sequence[str]) -> None:
        for copy in copies:
            await self.ask("DELETE", f"/{copy}?ignore_unavailable=true")

    async def count(self, index: str) -> int:
        return int((await self.ask("GET", f"/{index}/_count"))["count"])

    async def _save(self, month: str, making: Making) -> None:
        await self.store.put_state(KIND, month, msgspec.to_builtins(making))


class _Keeper:
    """Tells how far a copy has come, and keeps it in the store."""

    def __init__(self, month: str, making: Making, save: Save, note: Note, alone: Alone) -> None:
        self._month = month
        self._making = making
        self._save = save
        self._note = note
        self._alone = alone
        self._saved = time.monotonic()
        self._copied = 0
        self.total = 0

    async def step(self, copied: int, done: Marks) -> None:
        """Of a page. Raises `StoreError` once another process has taken over."""
        self._alone.check()
        self._copied += copied
        self._note(self._month, self._copied, max(self.total, self._copied))
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            await self.save(done)

    async def save(self, done: Marks) -> None:
        self._making.done = dict(done)
        await self._save(self._month, self._making)
        self._saved = time.monotonic()
