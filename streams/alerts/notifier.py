"""Tells people: every change that matters becomes a notice in the outbox, and so do escalations and
digests when they are due.

At least once: a notice is stored before `on_change` returns, and marked after it was sent.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from connectors.post import utc_now
from streams.alert_settings import Delivery as DeliverySettings
from streams.alerts import book
from streams.alerts.channel import Channel
from streams.alerts.delivering import Delivering
from streams.alerts.incidents import is_part
from streams.alerts.notices import EXPIRES, RINGING, Notice, Outbox, first_rings, key_of
from streams.alerts.past import is_past
from streams.alerts.records import Incident
from streams.alerts.schedule import escalates, last_slot, quiet_until, receivers, rest
from streams.alerts.writing import Writer
from streams.errors import StoreError
from streams.store.patience import states_in_time
from streams.store.port import Store

TOLD: Final = frozenset({"opened", "grown", "reopened", "resolved", "withdrawn"})
"""Events that people are told of; `updated` and `handled` are for pages and programs."""
DIGEST_LATE: Final = timedelta(hours=2)
"""A digest that could not be sent for so long is left out: the next one is near."""
RECENT: Final = timedelta(days=1)
LOOK_SECONDS: Final = 15.0

_log = logging.getLogger(__name__)


class Notifier:
    """`on_change` is called for every change of an incident; `run` delivers until it is cancelled.
    One of an installation works at a time: where several run, `holds` tells whether it is this one.
    """

    def __init__(
        self,
        store: Store,
        settings: DeliverySettings,
        channels: Sequence[Channel],
        *,
        base_url: str = "",
        topic_names: Mapping[str, str] | None = None,
        holds: Callable[[], bool] = lambda: True,
        now: Callable[[], datetime] = utc_now,
        look_seconds: float = LOOK_SECONDS,
        rest_after: Callable[[int], timedelta] = rest,
    ) -> None:
        self._store = store
        self._settings = settings
        self._outbox = Outbox(store)
        writer = Writer(store, base_url, topic_names or {})
        self._channels = {
            channel.id: Delivering(
                store,
                settings,
                channel,
                self._outbox,
                writer,
                now=now,
                look_seconds=look_seconds,
                rest_after=rest_after,
            )
            for channel in channels
        }
        self._holds = holds
        self._now = now
        self._look_seconds = look_seconds
        self._loaded = False
        self._loading = asyncio.Lock()
        self._settled: set[tuple[str, int]] = set()

    async def on_change(self, incident: Incident, event: str) -> None:
        """Keep what is to be sent of it. Called again for the same version it does nothing."""
        await self._load()
        if event == "withdrawn" or (event == "updated" and incident.status == "resolved"):
            await self._drop_waiting(incident)
        if event not in TOLD or incident.status == "snoozed":
            return
        if event == "grown" and incident.status == "acknowledged":
            return
        if event in RINGING and await is_past(self._store, incident, self._now()):
            return
        for channel in self._receivers(incident, event):
            if event != "opened" or not self._knows_of(incident, channel):
                await self._add(incident, event, channel)

    def _receivers(self, incident: Incident, event: str) -> list[str]:
        """An end is told to those who know the beginning."""
        if event in RINGING:
            return [each for each in receivers(incident, self._settings) if each in self._channels]
        knowing = {
            notice.channel
            for notice in self._outbox.all()
            if notice.incident_id == incident.id
            and notice.event in {*RINGING, "escalated"}
            and notice.status in {"delivered", "waiting"}
        }
        return [channel for channel in self._channels if channel in knowing]

    def _knows_of(self, incident: Incident, channel: str) -> bool:
        """Whether its opening is told already, by whatever version; one that was taken back may
        open once more."""
        told = [
            notice
            for notice in self._outbox.all()
            if (notice.incident_id, notice.channel) == (incident.id, channel)
            and notice.event in {"opened", "withdrawn"}
            and notice.status != "dropped"
        ]
        last = max(told, key=lambda notice: notice.incident_version, default=None)
        return last is not None and last.event == "opened"

    async def _add(
        self, incident: Incident, event: str, channel: str, *, of: object = None, waited: int = 0
    ) -> None:
        now = self._now()
        zone = self._settings.zone
        free = quiet_until(now, self._settings.quiet_hours, incident.severity, zone)
        due = free or now
        notice = Notice(
            key=key_of(incident.id, channel, event, of or incident.version),
            channel=channel,
            event=event,
            severity=incident.severity,
            created_at=now,
            due_at=due,
            expires_at=due + EXPIRES,
            held=free is not None,
            waited=waited,
            incident=incident,
        )
        if await self._outbox.add(notice):
            self._channels[channel].wake()

    async def _drop_waiting(self, incident: Incident) -> None:
        """What turned out false, or is told with another incident, is not sent any more."""
        for notice in self._outbox.all():
            if notice.incident_id == incident.id and notice.status == "waiting":
                await self._outbox.change(notice, status="dropped")

    async def run(self) -> None:
        """Deliver until cancelled, for as long as `holds` says that it is us. A store that is away
        is waited for."""
        while True:
            try:
                await self._turn()
            except StoreError as error:
                _log.warning("messages wait: %s", error)
                await asyncio.sleep(min(1.0, self._look_seconds))

    async def _turn(self) -> None:
        while not self._holds():
            self._loaded = False  # another one writes the outbox now
            await asyncio.sleep(min(1.0, self._look_seconds))
        await self._load()
        await self._catch_up()
        await self._work()

    async def _work(self) -> None:
        works = [channel.run() for channel in self._channels.values()]
        tasks = [asyncio.create_task(work) for work in [*works, self._look()]]
        try:
            while self._holds():
                seconds = min(1.0, self._look_seconds)
                done, _ = await asyncio.wait(
                    tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION
                )
                for task in done:
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _load(self) -> None:
        async with self._loading:
            if not self._loaded:
                await self._outbox.load()
                self._loaded = True

    async def _catch_up(self) -> None:
        """Incidents that were stored, and whose notices were not, when a process died."""
        known = {(notice.incident_id, notice.event) for notice in self._outbox.all()}
        told = {incident for incident, _ in known}
        for incident in await self._incidents():
            fresh = (incident.found_at or incident.opened_at) > self._now() - RECENT
            if fresh and incident.status == "open" and incident.id not in told:
                await self.on_change(incident, "opened")
            over = incident.status in {"resolved", "withdrawn"} and incident.id in told
            new = (incident.id, incident.status) not in known
            if over and fresh and new and not is_part(incident):
                await self.on_change(incident, incident.status)

    async def _incidents(self) -> list[Incident]:
        return book.read(await states_in_time(self._store, book.INCIDENT))

    async def _look(self) -> None:
        """Escalations, digests and old notices, every few seconds."""
        while True:
            try:
                await self._escalate()
                await self._plan_digests()
                await self._outbox.prune(self._now())
            except Exception:  # noqa: BLE001 # tried again in a moment
                _log.exception("schedules")
            await asyncio.sleep(self._look_seconds)

    async def _escalate(self) -> None:
        due = list(self._unanswered())
        if not due:
            return
        now_open = {incident.id: incident for incident in await self._incidents()}
        for ring, number in due:
            self._settled.add((ring.key, number))
            step = self._settings.escalation[number]
            incident = now_open.get(ring.incident_id)
            if incident is None or not escalates(incident, step):
                continue
            of, waited = f"{number} of {ring.incident_version}", step.after_minutes
            for channel in (each for each in step.channels if each in self._channels):
                await self._add(incident, "escalated", channel, of=of, waited=waited)

    def _unanswered(self) -> Iterator[tuple[Notice, int]]:
        """What rang so long ago that a step is due, with the step's number."""
        now = self._now()
        for number, step in enumerate(self._settings.escalation):
            latest = now - timedelta(minutes=step.after_minutes)
            for ring in first_rings(self._outbox.all(), step.min_severity):
                new = (ring.key, number) not in self._settled
                if new and latest - RECENT < ring.rang_at <= latest:
                    yield ring, number

    async def _plan_digests(self) -> None:
        now = self._now()
        for number, digest in enumerate(self._settings.digest):
            until, since = last_slot(now, digest, self._settings.zone)
            if now - until > DIGEST_LATE:
                continue
            for channel in (each for each in digest.channels if each in self._channels):
                notice = Notice(
                    key=key_of("digest", number, digest.every, channel, until.isoformat()),
                    channel=channel,
                    event=f"digest-{digest.every}",
                    created_at=now,
                    due_at=until,
                    expires_at=until + EXPIRES,
                    digest=number,
                    since=since,
                    until=until,
                )
                if await self._outbox.add(notice):
                    self._channels[channel].wake()
