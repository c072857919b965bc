"""The watch: asks the store for what was written to, has the engine judge it, and tells.

Every change is stored, then published, then handed on, then marked as told: whoever starts after a
`kill -9` finds what is stored and not told, and tells it.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import msgspec

from connectors.errors import Retriable
from connectors.post import utc_now
from streams.alerts import book
from streams.alerts.engine import MEMORY, Engine, bucket
from streams.alerts.hours import LOUD
from streams.alerts.incidents import (
    HOUR,
    Change,
    Event,
    OnChange,
    Window,
    merged,
    moment,
    shared,
    woken,
)
from streams.alerts.lease import Lease
from streams.alerts.readings import Reading
from streams.alerts.records import BUCKET_SECONDS, Counts, Evidence, Incident
from streams.alerts.touched import Spans, Touched, heard, joined, told
from streams.alerts.watching import Budget, Watching, watching
from streams.criteria.topics import Topic
from streams.errors import ConfigError, StoreError
from streams.settings import Alerts
from streams.store.port import Filter, Store, TopicCounts

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 2.0
AGAIN_SECONDS: Final = 2.5
"""What was touched is asked for a second time so much later: a search engine shows what was written
after a moment only. When nothing came for so long, the last bucket is judged as if it were over."""
CATCH_UP_SECONDS: Final = 6.0
LIVE: Final = timedelta(minutes=15)
"""Posts this young are news, and time passes by the wall clock; older ones are a replay, and it
passes by theirs."""
REPLAY_SECONDS: Final = 20.0
"""A replay is judged when it pauses, or so long after: its partitions are read one before the
other, and what is not read yet is no silence."""
WALK_SECONDS: Final = 300.0
"""Between looks at all topics, for what stops without a word."""
REFRESH_SECONDS: Final = 60.0
"""Between such looks with fresh counts while retractions come: they don't say what they touch."""
AT_START: Final = 200
"""Topics whose past is read at the start, so that their silence is noticed."""
_RECOVERED: Final = 1_000
_STORY_LEAST: Final = 10
_STORY_WINDOW: Final = HOUR
_POSTS: Final = 200
TOUCHED: Final = "touched"
"""The kind of states by which workers tell the one that watches what they wrote."""

Publish = Callable[[Sequence[Incident]], Awaitable[None]]


class Explain(Protocol):
    """Why: computed from stored posts."""

    async def __call__(self, incident: Incident) -> Evidence: ...


async def _unheard(incident: Incident, event: Event) -> None:
    """For installations that tell nobody."""


async def _unpublished(_incidents: Sequence[Incident]) -> None:
    """For tests without a broker."""


class AlertWatch:
    """Runs in every worker; works in one of a group. `topics` gives those watched now."""

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
        self._store = store
        self._settings = settings
        self._topics = topics
        self._touched = touched
        self._holder = holder
        self._publish = publish
        self._on_change = on_change
        self._explain = explain
        self._again = AGAIN_SECONDS if again is None else again
        self._lease = Lease(store, "alerts", holder)
        self._engine = Engine(windows=_windows(settings))
        self._watched: Mapping[str, Topic] = {}
        self._told: dict[str, int] = {}
        self._untold: dict[str, Event] = {}
        self._heard: dict[str, Any] = {}
        self._pending: list[tuple[float, Spans]] = []
        self._cursors: list[tuple[float, str]] = []
        self._catch_up = (0.0, "")
        self._newest = 0.0
        self._live = False
        self._came = self._walked = self._refreshed = time.monotonic()
        self._retractions = 0
        self._sequence = 0
        self._sweep_at = datetime.min.replace(tzinfo=UTC)

    @property
    def holds(self) -> bool:
        """Whether it is this one of the group that works."""
        return self._lease.held

    async def run(self) -> None:
        """Without end. A store that is away is waited for."""
        while True:
            try:
                await self.round()
            except (StoreError, Retriable) as error:
                log.warning("alerts wait: %s", error)
            except Exception:  # posts go on being stored, whatever is wrong here
                log.exception("alerts begin again from what is stored")
                self._lease.held = False
            await asyncio.sleep(EVERY_SECONDS)

    async def round(self) -> None:
        """Look once. Raises `StoreError`."""
        began, wall = time.monotonic(), utc_now()
        held = self._lease.held
        if not await self._lease.hold(wall):
            await self._pass_on(wall)
            return
        if not held:
            await self._begin(began, wall)
        self._cursors.append((began, (await self._store.arrivals("", where=Filter())).cursor))
        self._adopt_topics()
        await self._adopt_incidents(wall)
        spans = await self._others()
        joined(spans, await self._caught_up(began))
        self._collect(spans, began)
        await self._judge(self._due(began), wall)
        if began - self._walked >= WALK_SECONDS or self._must_refresh(began):
            await self._walk(began, wall)
        await self._tell()
        await self._note_progress(began, wall)

    async def _note_progress(self, began: float, wall: datetime) -> None:
        """All that was written before `through` has been judged; who takes over reads on from the
        cursor of a round before what waits."""
        oldest = min((at for at, _ in self._pending), default=began)
        before = [cursor for at, cursor in self._cursors if at < oldest]
        if len(before) > 1:
            self._lease.value["cursor"] = before[-2]
            self._cursors = self._cursors[len(before) - 2 :]
        through = wall - timedelta(seconds=began - oldest + 0.5)
        self._lease.value["through"] = through.isoformat()
        await self._lease.renew(utc_now())

    # What was touched

    async def _pass_on(self, wall: datetime) -> None:
        """Tell the worker that watches."""
        spans = self._touched.take()
        if not spans:
            return
        self._sequence += 1
        known = heard((await self._store.states(TOUCHED)).get(self._holder) or {})
        recent = spans if self._sequence % 30 == 0 else known
        joined(recent, spans)
        state = {
            "at": wall.isoformat(),
            "number": self._sequence,
            "newest": self._touched.newest,
            "retractions": self._touched.retractions,
            "spans": told(recent),
        }
        await self._store.put_state(TOUCHED, self._holder, state)

    async def _others(self) -> Spans:
        """What other workers told since the last time."""
        spans: Spans = {}
        for name, state in (await self._store.states(TOUCHED)).items():
            stamp = (state.get("at"), state.get("number"))
            if name == self._holder or self._heard.get(name) == stamp:
                continue
            self._heard[name] = stamp
            joined(spans, heard(state))
            newest = state.get("newest")
            if isinstance(newest, int | float):
                self._touched.newest = max(self._touched.newest, float(newest))
            self._retractions += bool(state.get("retractions"))
        return spans

    def _collect(self, others: Spans, began: float) -> None:
        spans = self._touched.take()
        joined(spans, others)
        if not spans:
            return
        self._came = began
        self._note_newest({at for some in spans.values() for at in some})
        self._pending.append((began - self._again, spans))
        self._pending.append((began, spans))

    def _note_newest(self, starts: Iterable[int]) -> None:
        """A post from the future moves no clock."""
        wall = time.time()
        limit = wall + LIVE.total_seconds()
        if self._touched.newest > limit:
            self._touched.newest = 0.0
        newest = max(self._touched.newest, *(at for at in (0, *starts) if at <= limit))
        self._newest = max(self._newest, newest)
        if wall - self._newest < LIVE.total_seconds():
            self._live = True

    def _due(self, began: float) -> Spans:
        due: Spans = {}
        oldest = min((at for at, _ in self._pending), default=began)
        busy = began - self._came < self._again
        if busy and not self._live and began - oldest < REPLAY_SECONDS:
            return due
        for at, spans in self._pending:
            if at + self._again <= began:
                joined(due, spans)
        self._pending = [one for one in self._pending if one[0] + self._again > began]
        return due

    def _now(self) -> float:
        """By the posts' own clock."""
        if self._live:
            return time.time()
        if time.monotonic() - self._came >= self._again:  # the stream has ended
            return bucket(self._newest) + BUCKET_SECONDS
        return self._newest

    # What is known

    async def _begin(self, began: float, wall: datetime) -> None:
        """Take over: what was told, what was written since the last round of whoever watched, and
        the past of topics that are alive."""
        self._engine = Engine(windows=_windows(self._settings))
        self._watched = {}
        self._told = await book.told(self._store)
        self._heard, self._pending = {}, []
        self._cursors = []
        cursor = str(self._lease.value.get("cursor") or "")
        spans = await self._since(cursor) if cursor else {}
        self._catch_up = (began + CATCH_UP_SECONDS, cursor)
        week = Filter(since=wall - timedelta(days=7), until=wall + LIVE)
        for found in await self._store.top(week, "topic", limit=AT_START):
            spans.setdefault(found.value, set()).add(bucket(wall.timestamp()))
        if not cursor:
            await self._all_of(spans, wall)
        if spans:
            self._note_newest({at for some in spans.values() for at in some})
            self._pending.append((began - self._again, spans))

    async def _all_of(self, spans: Spans, wall: datetime) -> None:
        """Nobody watched before: the last two days of every topic that has any mention."""
        until = wall + LIVE
        for found in await self._store.top(Filter(until=until), "topic", limit=AT_START):
            where = Filter(topics=(found.value,), until=until)
            page = await self._store.search(where, limit=1)
            for one in page.mentions:
                last = bucket(one.post.created_at.timestamp())
                spans.setdefault(found.value, set()).update((last - 48 * HOUR, last))

    async def _caught_up(self, began: float) -> Spans:
        """A search engine shows what was written just before we began a moment later only."""
        due, cursor = self._catch_up
        if not cursor or began < due:
            return {}
        self._catch_up = (0.0, "")
        return await self._since(cursor)

    async def _since(self, cursor: str) -> Spans:
        """What was stored after that round. Deletions don't show; the walk sees them."""
        touched = Touched()
        with contextlib.suppress(StoreError):  # the cursor of a store that was built anew
            while True:
                page = await self._store.arrivals(cursor, where=Filter(), limit=_RECOVERED)
                touched.note(page.mentions)
                cursor = page.cursor
                if len(page.mentions) < _RECOVERED:
                    break
        return touched.take()

    def _adopt_topics(self) -> None:
        topics = self._topics()
        if len(topics) == len(self._watched) and all(
            self._watched.get(name) is topic for name, topic in topics.items()
        ):
            return
        for name in self._watched.keys() - topics.keys():
            self._engine.forget(name)
            self._engine.watching.pop(name, None)
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
            if change.incident.version > self._told.get(key, 0):
                self._untold.setdefault(key, change.event)
            if again := woken(known, wall):
                await self._keep(again)
        gone = [one for one in self._engine.all() if one.id not in found]
        for one in gone:
            self._engine.incidents[one.topic].pop(one.id)
        if wall >= self._sweep_at:
            self._sweep_at = wall + timedelta(days=1)
            incidents = [change.incident for change in found.values()]
            await book.drop_old(self._store, incidents, wall, self._settings.retention_days)

    # Judging

    async def _judge(self, due: Spans, wall: datetime) -> None:
        limit = max(time.time(), self._newest) + HOUR
        due = {name: {at for at in some if at <= limit} for name, some in due.items()}
        anew: dict[str, int] = {}
        known: dict[str, set[int]] = {}
        for topic, some in due.items():
            if some and topic in self._watched:
                if self._engine.knows(topic, min(some)):
                    known[topic] = some
                else:
                    anew[topic] = min(some)
        for topic, start in anew.items():
            await self._load(topic, start, wall)
            await self._lease.renew(utc_now())
        recent = bucket(self._newest) - HOUR
        young = {topic: some for topic, some in known.items() if min(some) >= recent}
        await self._advance(young, wall)
        await self._advance({t: some for t, some in known.items() if t not in young}, wall)

    async def _load(self, topic: str, start: int, wall: datetime) -> None:
        """A topic's whole past. Who wrote is asked for only where that is judged: it costs more."""
        judged = self._engine.judged_from(topic, start - HOUR)
        until = max(self._now(), self._newest, start) + HOUR
        split = moment(bucket(judged) - 26 * HOUR)
        first = moment(max(0.0, start - MEMORY))
        told_of = await self._store.counts([topic], first, split, people=False)
        told_of += await self._store.counts([topic], split, moment(until))
        counts = await self._known_authors({topic: _by_start(told_of)})
        changes = await asyncio.to_thread(
            self._engine.load, topic, counts[topic], self._now(), wall, judged_from=judged
        )
        await self._keep_all(changes)

    async def _advance(self, known: Mapping[str, set[int]], wall: datetime) -> None:
        if not known:
            return
        since = moment(min(min(some) for some in known.values()))
        until = moment(max(max(some) for some in known.values()) + BUCKET_SECONDS)
        found: dict[str, dict[int, Counts]] = {
            topic: dict.fromkeys(some, Counts()) for topic, some in known.items()
        }
        for one in await self._store.counts(list(known), since, until):
            found[one.topic][one.start // 1000] = one.counts
        found = await self._known_authors(found)
        await self._stories(known)
        for topic, counts in found.items():
            changes = await asyncio.to_thread(
                self._engine.advance, topic, counts, self._now(), wall
            )
            if changes is None:
                await self._load(topic, min(known[topic]), wall)
            else:
                await self._keep_all(changes)

    async def _known_authors(
        self, found: dict[str, dict[int, Counts]]
    ) -> dict[str, dict[int, Counts]]:
        """An author who wrote about the topic before is no news."""
        for topic, counts in found.items():
            for start, one in counts.items():
                if one.followers < LOUD or not one.loudest:
                    continue
                before = Filter(topics=(topic,), author=one.loudest, until=moment(start))
                if (await self._store.search(before, limit=1)).mentions:
                    counts[start] = msgspec.structs.replace(one, loudest="")
        return found

    async def _stories(self, known: Mapping[str, set[int]]) -> None:
        """Negative stories that many repeat within the hour and nobody told in the hours before."""
        ends = {topic: max(some) + BUCKET_SECONDS for topic, some in known.items()}
        end = max(ends.values())
        topics = [topic for topic, last in ends.items() if last > end - _STORY_WINDOW]
        since = moment(end - _STORY_WINDOW)
        for one in await self._store.stories(topics, since, moment(end), least=_STORY_LEAST):
            before = await self._store.stories(
                [one.topic], moment(end - 24 * HOUR), since, least=max(2, one.total // 10)
            )
            if all(old.story != one.story for old in before):
                self._engine.tell(one.topic, [_story(one.total, ends[one.topic])])

    async def _walk(self, began: float, wall: datetime) -> None:
        """All topics: time passes for those of which nothing comes, and what was taken back is
        counted anew."""
        refresh = self._must_refresh(began)
        self._walked = began
        if refresh:
            self._refreshed, self._retractions = began, 0
            self._touched.retractions = 0
        for topic in self._engine.topics:
            if refresh:
                await self._recount(topic, wall)
            elif self._live:
                await self._keep_all(self._engine.advance(topic, {}, self._now(), wall) or [])

    async def _recount(self, topic: str, wall: datetime) -> None:
        since = self._engine.base(topic)
        counts = dict.fromkeys(self._engine.buckets(topic, since), Counts())
        found = await self._store.counts([topic], moment(since), moment(self._now() + HOUR))
        counts |= _by_start(found)
        counts = (await self._known_authors({topic: counts}))[topic]
        await self._keep_all(self._engine.advance(topic, counts, self._now(), wall) or [])

    def _must_refresh(self, began: float) -> bool:
        some = self._retractions or self._touched.retractions
        return bool(some) and began - self._refreshed >= REFRESH_SECONDS

    # Telling

    async def _keep_all(self, changes: Iterable[Change]) -> None:
        for change in changes:
            await self._keep(await self._explained(change))
            if change.event == "opened":
                await self._merge(change.incident)

    async def _explained(self, change: Change) -> Change:
        if self._explain is None or change.event not in ("opened", "grown"):
            return change
        evidence = await self._explain(change.incident)
        one = msgspec.structs.replace(change.incident, evidence=evidence)
        return Change(one, change.event)

    async def _keep(self, change: Change) -> None:
        """What happened and was not told yet is not covered up by figures that change after it."""
        one = change.incident
        event = self._untold.get(one.id, change.event)
        if change.event != "updated":
            event = change.event
        self._untold[one.id] = event
        self._engine.keep(change)
        await book.keep(self._store, Change(one, event))

    async def _merge(self, one: Incident) -> None:
        """Into another topic's incident that is open and told by the same posts."""
        for other in self._engine.all():
            if other.topic == one.topic or not _overlap(one, other):
                continue
            if shared(await self._posts(one), await self._posts(other)):
                lead, part = sorted((one, other), key=lambda each: (each.opened_at, each.id))
                for change in merged(lead, part):
                    await self._keep(change)
                return

    async def _posts(self, one: Incident) -> list[str]:
        where = Filter(
            topics=(one.topic,),
            sentiments=("neg",) if one.kind == "negative-spike" else (),
            since=one.began_at,
            until=one.until,
        )
        page = await self._store.search(where, limit=_POSTS)
        return [mention.post.id for mention in page.mentions]

    async def _tell(self) -> None:
        """Publish and hand on what was stored and not yet told, in order of their opening."""
        if not self._untold:
            return
        untold = [
            change
            for change in (await book.changes(self._store)).values()
            if change.incident.version > self._told.get(change.incident.id, 0)
        ]
        if not untold:
            return
        untold.sort(key=lambda change: (change.incident.opened_at, change.incident.id))
        await self._publish([change.incident for change in untold])
        for change in untold:
            await self._on_change(change.incident, change.event)
            await book.note_told(self._store, change.incident)
            self._told[change.incident.id] = change.incident.version
            self._untold.pop(change.incident.id, None)


def _overlap(one: Incident, other: Incident) -> bool:
    if one.kind != other.kind or one.kind in ("rule", "urgent", "silence", "volume-drop"):
        return False
    if other.status in ("resolved", "withdrawn"):
        return False
    return one.began_at < other.until and other.began_at < one.until


def _windows(settings: Alerts) -> list[Window]:
    return [
        Window(one.begins.timestamp(), one.ends.timestamp(), tuple(one.topics))
        for one in settings.maintenance
    ]


def _story(total: int, end: float) -> Reading:
    return Reading(
        kind="story",
        start=bucket(end - 1),
        buckets=_STORY_WINDOW // BUCKET_SECONDS,
        score=float(total) ** 0.5,
        observed=total,
        expected=0.0,
        high=_STORY_LEAST,
    )


def _by_start(found: Iterable[TopicCounts]) -> dict[int, Counts]:
    return {one.start // 1000: one.counts for one in found}
