"""All that the page of sources shows, asked of the store at once."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import msgspec

from connectors.base import Source as Configured
from streams import accountant
from streams.alerts.state import AlertState
from streams.balance import Ledger
from streams.books import read_accounts
from streams.errors import VeilleError
from streams.source_gaps import Shade, shades
from streams.store.port import Count, Filter, Order, Store
from streams.tally import ACCOUNT
from streams.web.coverage import coverage, overall, still_failing
from streams.web.health import Missed, Worker, health
from streams.web.recent import Behind
from streams.web.sources.letters import Group, grouped
from streams.web.sources.rows import Row, Told, rows

DAY: Final = timedelta(days=1)
LETTERS: Final = 200
LEDGER_SECONDS: Final = 10.0
SIZE_SECONDS: Final = 60.0
PATIENCE: Final = 0.08


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the store holds: mentions by sentiment, the bytes of all that is kept, and when the
    oldest and the newest mention were written."""

    mentions: Count
    bytes: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """What the archive of raw posts holds; `trouble` where it can't be read."""

    posts: int = 0
    bytes: int = 0
    oldest: datetime | None = None
    trouble: str = ""


class HasSize(Protocol):
    """An archive, as far as this page asks it."""

    async def size(self) -> Any: ...


class SourcesHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Sources, workers, ledger, dead letters and stores of an installation.

    `covered` is the mean part of the last 24 hours in which sources were giving. `ledger`, `kept`
    and `archive` are `None` until they are worked out, or where there is none. `letters` group the
    newest `read_letters` of `dead_letters`.
    """

    at: datetime
    sources: list[Row]
    covered: float | None
    gaps: list[Shade]
    workers: list[Worker]
    missed: list[Missed]
    alerts: list[AlertState]
    ledger: Ledger | None
    dead_letters: int
    read_letters: int
    letters: list[Group]
    kept: Kept | None
    archive: Archived | None

    @property
    def failing(self) -> int:
        return sum(row.bad and row.known != "unheard" for row in self.sources)

    @property
    def unheard(self) -> int:
        return sum(row.known == "unheard" and row.bad for row in self.sources)

    @property
    def on(self) -> int:
        return sum(row.source.state != "disabled" for row in self.sources)

    @property
    def quiet(self) -> int:
        return sum(row.quiet for row in self.sources)


class Observer:
    """Asks one store; what takes long is kept and asked anew behind the readers' backs."""

    def __init__(
        self,
        store: Store,
        configured: Sequence[Configured] | None,
        archive: Callable[[], HasSize | None],
    ) -> None:
        """`configured` are the sources of the settings, `None` where these are not known."""
        self._store = store
        self._configured = configured
        self._archive = archive
        self._ledgers: Behind[Ledger] = Behind(LEDGER_SECONDS, most=1)
        self._kept: Behind[Kept] = Behind(SIZE_SECONDS, most=1)
        self._archived: Behind[Archived] = Behind(SIZE_SECONDS, most=1)

    async def look(self, now: datetime) -> SourcesHealth:
        """Raises `StoreError`."""
        store, since = self._store, now - DAY
        told = asyncio.gather(
            health(store, now=now),
            store.states(ACCOUNT),
            shades(store, since, now),
            store.top(Filter(since=since), "source", limit=200),
            store.dead_letters(limit=LETTERS),
        )
        behind = asyncio.gather(
            self._ledgers.get("", lambda: accountant.look(store), wait=PATIENCE),
            self._kept.get("", self._held, wait=PATIENCE),
            self._archived.get("", self._in_archive, wait=PATIENCE),
        )
        await asyncio.gather(told, behind)
        state, accounts, gone, top, (dead, letters) = told.result()
        ledger, kept, archived = behind.result()
        gaps = [*gone, *still_failing(state.sources, now)]
        covered = coverage(state.sources, gaps, since, now)
        known = Told(
            accounts=read_accounts(accounts),
            covered={one.source: one.share for one in covered},
            gaps={one.source: one.missing for one in covered},
            mentions={one.value: one.total for one in top},
        )
        found = await asyncio.to_thread(rows, state.sources, self._configured, known, now)
        return SourcesHealth(
            at=now,
            sources=found,
            covered=overall(covered),
            gaps=gaps,
            workers=state.workers,
            missed=state.missed,
            alerts=state.alerts,
            ledger=ledger,
            dead_letters=dead,
            read_letters=len(letters),
            letters=grouped(letters),
            kept=kept,
            archive=archived if self._archive() else None,
        )

    async def _held(self) -> Kept:
        count, size, first, last = await asyncio.gather(
            self._store.count(Filter()),
            self._store.size(),
            self._edge("oldest"),
            self._edge("newest"),
        )
        return Kept(mentions=count, bytes=size, oldest=first, newest=last)

    async def _edge(self, order: Order) -> datetime | None:
        page = await self._store.search(Filter(), limit=1, order=order)
        return page.mentions[0].post.created_at if page.mentions else None

    async def _in_archive(self) -> Archived:
        archive = self._archive()
        if archive is None:
            return Archived()
        try:
            found = await archive.size()
        except VeilleError as error:
            return Archived(trouble=str(error))
        return Archived(posts=found.posts, bytes=found.bytes, oldest=found.oldest)

    async def aclose(self) -> None:
        for one in (self._ledgers, self._kept, self._archived):
            await one.aclose()
