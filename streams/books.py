"""A worker's tallies: loaded when a partition is first read, saved before slabs are acknowledged.

While the store is away, nothing is counted and so nothing acknowledged: the agent waits.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

import msgspec

from connectors.account import Account
from connectors.post import utc_now
from streams.errors import StoreError
from streams.store.patience import states_in_time
from streams.store.port import Store
from streams.tally import ACCOUNT, TALLY, Entry, Tally

SETTLE_SECONDS: Final = 1.0


class Run(Protocol):
    """A run of records of one partition, as `streams.slab.Slab`."""

    @property
    def records(self) -> Sequence[Any]: ...
    @property
    def first(self) -> int: ...
    @property
    def next(self) -> int: ...


class _Taken(msgspec.Struct):
    run: Run
    entries: Sequence[Entry] | None = None
    acknowledge: Callable[[], None] = lambda: None


class _Page:
    """One partition's tally and the slabs that are not counted yet, in their order."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.slabs: deque[_Taken] = deque()
        self._empty = asyncio.Event()

    async def counted(self) -> None:
        """Until no slab waits for being counted."""
        if self.slabs:
            self._empty.clear()
            await self._empty.wait()

    def take(self) -> "_Taken":
        taken = self.slabs.popleft()
        if not self.slabs:
            self._empty.set()
        return taken

    @property
    def expected(self) -> int:
        """The offset that comes next, unless the partition was elsewhere meanwhile."""
        return self.slabs[-1].run.next if self.slabs else self.tally.next


class Books:
    """The tallies of one stage (`filter`, `index`). `life` names the topic's present life."""

    def __init__(self, store: Store, stage: str, life: str = "") -> None:
        self.life = life
        self._store = store
        self._stage = stage
        self._pages: dict[int, _Page] = {}
        self._saving = False
        self._settled = float("-inf")

    async def expect(self, run: Run) -> None:
        """Take note of a slab before it is worked on."""
        partition = run.records[0].partition
        page = self._pages.setdefault(partition, _Page(Tally()))
        unknown = not page.slabs and not page.tally.next
        if unknown or run.first != page.expected:
            await self._reload(partition, page)
        page.slabs.append(_Taken(run))

    async def _reload(self, partition: int, page: _Page) -> None:
        """Others may have counted on meanwhile: go on from their tally, once ours are done."""
        await page.counted()
        kept = await self._load(partition)
        page.tally = kept if kept.seen > page.tally.seen else page.tally
        page.tally.live(self.life)

    async def _load(self, partition: int) -> Tally:
        told = await states_in_time(self._store, TALLY)
        kept = told.get(f"{self._stage}/{partition}")
        return msgspec.convert(kept, Tally, strict=False) if kept else Tally()

    def close(self, run: Run, entries: Sequence[Entry], acknowledge: Callable[[], None]) -> bool:
        """What became of a slab, whose next hop has it; `acknowledge` is called once it is
        counted for good. Returns whether `save` must be run for that."""
        for taken in self._pages[run.records[0].partition].slabs:
            if taken.run is run:
                taken.entries, taken.acknowledge = entries, acknowledge
        needed, self._saving = not self._saving, True
        return needed

    async def save(self) -> None:
        """Count what is done, in order, and save; again until there is nothing more."""
        try:
            while done := self._take():
                await self._settle({partition for partition, _ in done})
                await asyncio.gather(*(self._put(number) for number in {p for p, _ in done}))
                for _, taken in done:
                    taken.acknowledge()
        finally:
            self._saving = False

    def _take(self) -> list[tuple[int, _Taken]]:
        done: list[tuple[int, _Taken]] = []
        for number, page in self._pages.items():
            while page.slabs and page.slabs[0].entries is not None:
                taken = page.take()
                for entry in taken.entries or ():
                    page.tally.add(entry)
                done.append((number, taken))
        return done

    async def _settle(self, partitions: Iterable[int]) -> None:
        if time.monotonic() - self._settled < SETTLE_SECONDS:
            return
        with contextlib.suppress(StoreError):
            accounts = read_accounts(await self._store.states(ACCOUNT))
            for number in partitions:
                self._pages[number].tally.settle(accounts)
                self._pages[number].tally.fold(utc_now())
            self._settled = time.monotonic()

    async def _put(self, partition: int) -> None:
        tally = self._pages[partition].tally
        kept = msgspec.to_builtins(tally)
        await self._store.put_state(TALLY, f"{self._stage}/{partition}", kept, version=tally.seen)


def read_accounts(states: dict[str, dict[str, Any]]) -> dict[str, Account]:
    """The sources' accounts as they told them."""
    return {name: msgspec.convert(kept, Account) for name, kept in states.items()}
