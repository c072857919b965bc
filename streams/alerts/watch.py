"""The watch: asks the store for what was written to, has it judged, and tells.

It runs in every worker and works in one of a group, which holds a lease. Rounds bear being broken
off anywhere: whoever comes next begins from what is stored.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors.errors import Retriable
from connectors.post import utc_now
from streams.alerts import book
from streams.alerts.acts import woken
from streams.alerts.allowance import windows_of
from streams.alerts.background import JUDGED_SECONDS, Background, everything, largest
from streams.alerts.clock import Clock
from streams.alerts.engine import Engine, bucket
from streams.alerts.incidents import Event, OnChange
from streams.alerts.inflow import Inflow, stored_since
from streams.alerts.judging import Judge
from streams.alerts.lease import Lease, through
from streams.alerts.records import Incident
from streams.alerts.sources import Sources
from streams.alerts.telling import Explain, Publish, Teller
from streams.alerts.touched import Spans, Touched, joined
from streams.alerts.watching import Budget, Watching, watching
from streams.criteria.topics import Topic
from streams.errors import ConfigError, StoreError
from streams.settings import Alerts
from streams.store.port import Filter, Store

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 2.0
AGAIN_SECONDS: Final = 2.5
"""What was touched is asked for a second time so much later: a search engine shows what was written
after a moment only. When nothing came for so long, the last bucket is judged as if it were over."""
CATCH_UP_SECONDS: Final = 6.0
WALK_SECONDS: Final = 300.0
"""Between looks at all topics, for what stops without a word."""
REFRESH_SECONDS: Final = 60.0
"""Between such looks with fresh counts while retractions come: they don't say what they touch."""
AT_START: Final = 200
"""Topics whose past is read at the start, those with most mentions; the others follow."""

READ_ON_SECONDS: Final = 1.0
"""Of a round, for those others: what is written now goes first."""


async def _unheard(incident: Incident, event: Event) -> None:
    """For installations that tell nobody."""


async def _unpublished(_incidents: Sequence[Incident]) -> None:
    """For tests without a broker."""


class AlertWatch:
    """`topics` gives those watched now."""

    def __init__(
        self,
        store: Store,
        settings: Alerts,
        topics: Callable[[], Mapping[str, Topic]],
        touched: Touched,
        *,
        holder: str,
        publish: Publish = _unpublished,
        on_change: OnChange = _unheard,
        explain: Explain | None = None,
        again: float | None = None,
    ) -> None:
        """`again` stands in for `AGAIN_SECONDS`."""
        again = AGAIN_SECONDS if again is None else again
        self._store = store
        self._settings = settings
        self._topics = topics
        self._publish = publish
        self._on_change = on_change
        self._explain = explain
        self._lease = Lease(store, "alerts", holder)
        self._clock = Clock(again)
        self._inflow = Inflow(store, touched, holder, self._clock, again=again)
        self._cursors: list[tuple[float, str]] = []
        self._catch_up = (0.0, "")
        self._walked = self._refreshed = time.monotonic()
        self._sweep_at = datetime.min.replace(tzinfo=UTC)
        self._know_nothing()

    def _know_nothing(self) -> None:
        self._watched: Mapping[str, Topic] = {}
        self._engine = Engine(windows=windows_of(self._settings))
        self._teller = Teller(
            self._store, self._engine, self._publish, self._on_change, self._explain
        )
        self._background = Background(self._store)
        self._judge = Judge(self._store, self._engine, self._teller, self._clock, self._alive)
        sources = Engine(windows=windows_of(self._settings))
        self._sources = Sources(self._store, sources, self._teller, self._clock, self._alive)

    @property
    def holds(self) -> bool:
        """Whether it is this one of the group that works."""
        return self._lease.held

    async def run(self) -> None:
        """Without end. A store that is away is waited for; what was being judged when it went is
        judged anew. Cancelled, it leaves the lease to the next one."""
        try:
            await self._rounds()
        finally:
            await self._lease.release()

    async def _rounds(self) -> None:
        while True:
            try:
                await self.round()
            except (StoreError, Retriable) as error:
                log.warning("alerts wait, and begin again from what is stored: %s", error)
                self._lease.held = False
            except Exception:  # posts go on being stored, whatever is wrong here
                log.exception("alerts begin again from what is stored")
                self._lease.held = False
            await asyncio.sleep(EVERY_SECONDS)

    async def round(self) -> None:
        """Look once. Raises `StoreError`."""
        began, wall = time.monotonic(), utc_now()
        held = self._lease.held
        if not await self._lease.hold(wall):
            await self._inflow.pass_on(wall)
            return
        if not held:
            await self._begin(began, wall)
        self._cursors.append((began, (await self._store.arrivals("", where=Filter())).cursor))
        self._adopt_topics()
        await self._adopt_incidents(wall)
        await self._inflow.collect(await self._caught_up(began), began)
        await self._judge.judge(self._inflow.due(began), wall)
        await self._read_on(wall)
        await self._walk(began, wall)
        await self._teller.tell()
        await self._note_progress(began, wall)

    async def _read_on(self, wall: datetime) -> None:
        """Some of the topics that are quiet: their silence may be news."""
        if not self._clock.live:
            return
        began, now = time.monotonic(), bucket(self._clock.now())
        for topic in await self._background.next(set(self._engine.topics), wall):
            await self._judge.judge({topic: {now - JUDGED_SECONDS, now}}, wall)
            self._background.done(topic)
            if time.monotonic() - began > READ_ON_SECONDS:
                break

    async def _walk(self, began: float, wall: datetime) -> None:
        """All topics, now and then."""
        refresh = self._inflow.retracted and began - self._refreshed >= REFRESH_SECONDS
        if not refresh and began - self._walked < WALK_SECONDS:
            return
        self._walked = began
        if refresh:
            self._refreshed = began
            self._inflow.forget_retractions()
            await self._judge.recount(wall)
        elif self._clock.live:
            await self._judge.pass_time(wall)
        if self._clock.live:
            known = [one for one in self._engine.all() if one.source]
            usual = Watching(sensitivity=self._settings.sensitivity)
            await self._sources.look(known, usual, self._engine.budget, wall)

    async def _alive(self) -> None:
        await self._lease.renew(utc_now())

    async def _note_progress(self, began: float, wall: datetime) -> None:
        """Until when all that was written has been judged; who takes over reads on from the cursor
        of a round before what waits."""
        if self._inflow.behind or self._catch_up[1]:
            await self._alive()
            return
        oldest = self._inflow.oldest(began)
        before = [cursor for at, cursor in self._cursors if at < oldest]
        if len(before) > 1:
            self._lease.value["cursor"] = before[-2]
            self._cursors = self._cursors[len(before) - 2 :]
        judged = wall - timedelta(seconds=began - oldest + 0.5)
        self._lease.value["through"] = judged.isoformat()
        await self._alive()

    # What is known

    async def _begin(self, began: float, wall: datetime) -> None:
        """Take over: what was told, what was written since the last round of whoever watched, and
        the past of topics that are alive."""
        self._know_nothing()
        await self._teller.open()
        await self._judge.open()
        self._inflow.restart()
        self._cursors = []
        cursor = str(self._lease.value.get("cursor") or "")
        spans = await stored_since(self._store, cursor) if cursor else {}
        self._catch_up = (began + CATCH_UP_SECONDS, cursor)
        judged = bucket(through(self._lease.value).timestamp())
        joined(spans, await largest(self._store, judged, wall, limit=AT_START))
        if not cursor:
            joined(spans, await everything(self._store, wall, limit=AT_START))
        self._inflow.add(spans, began)
        self._background.must({one.topic for one in await book.running(self._store)})

    async def _caught_up(self, began: float) -> Spans:
        """A search engine shows what was written just before we began a moment later only."""
        due, cursor = self._catch_up
        if not cursor or began < due:
            return {}
        self._catch_up = (0.0, "")
        return await stored_since(self._store, cursor)

    def _adopt_topics(self) -> None:
        topics = self._topics()
        if len(topics) == len(self._watched) and all(
            self._watched.get(name) is topic for name, topic in topics.items()
        ):
            return
        for name in self._watched.keys() - topics.keys():
            self._engine.forget(name)
            self._engine.watching.pop(name, None)
        self._background.add(topics.keys() - self._watched.keys())
        for name, topic in topics.items():
            if self._watched.get(name) is not topic:
                self._engine.watching[name] = self._watching(topic)
        self._watched = dict(topics)
        self._engine.budget = Budget(weekly=self._settings.weekly_budget, topics=len(topics))

    def _watching(self, topic: Topic) -> Watching:
        try:
            return watching(topic, self._settings.sensitivity)
        except ConfigError as error:
            log.error("%s", error)  # noqa: TRY400  # its text says it all
            return Watching(sensitivity=self._settings.sensitivity)

    async def _adopt_incidents(self, wall: datetime) -> None:
        """What people did to incidents, and snoozes that are over."""
        found = await book.changes(self._store)
        for key, change in found.items():
            known = self._engine.incidents.get(change.incident.topic, {}).get(key)
            if known is None or known.version < change.incident.version:
                self._engine.keep(change)
                known = change.incident
            self._teller.note(change)
            if again := woken(known, wall):
                await self._teller.keep(again)
        gone = [one for one in self._engine.all() if one.id not in found]
        for one in gone:
            self._engine.incidents[one.topic].pop(one.id)
        if wall >= self._sweep_at:
            self._sweep_at = wall + timedelta(days=1)
            incidents = [change.incident for change in found.values()]
            await book.drop_old(self._store, incidents, wall, self._settings.retention_days)
