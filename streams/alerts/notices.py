"""The outbox: what is to be sent to whom, kept in the store until it is known to have arrived."""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from connectors.post import Moment
from streams.alerts.records import Evidence, Incident, Severity
from streams.alerts.schedule import at_least
from streams.store.patience import states_in_time
from streams.store.port import Store

NOTICE: Final = "notice"
"""The kind of these states; the key is the notice's."""
RINGING: Final = frozenset({"opened", "grown", "reopened"})
EXPIRES: Final = timedelta(hours=24)
"""So long after it was due a message is tried."""
KEPT: Final = timedelta(days=30)
"""So long it can be looked up what became of a notice."""

_log = logging.getLogger(__name__)

Status = Literal["waiting", "delivered", "failed", "expired", "dropped"]


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message to one channel. Times by the wall clock.

    `key` is the idempotency key: the same whenever it is sent again. `incident` is as it was when
    this came about; a digest has `since` and `until` instead. `held` waited for the end of quiet
    hours, and comes with all others that did. `attempts`, `last_error`, `answer` and
    `delivered_at` tell what became of it.
    """

    key: str
    channel: str
    event: str
    status: Status = "waiting"
    severity: Severity = "low"
    created_at: Moment
    due_at: Moment
    expires_at: Moment
    held: bool = False
    waited: int = 0
    incident: Incident | None = None
    digest: int = -1
    since: Moment | None = None
    until: Moment | None = None
    attempts: int = 0
    last_error: str = ""
    answer: str = ""
    delivered_at: Moment | None = None
    version: int = 1

    @property
    def incident_id(self) -> str:
        return self.incident.id if self.incident else ""

    @property
    def incident_version(self) -> int:
        return self.incident.version if self.incident else 0

    @property
    def rang_at(self) -> datetime:
        """When it was sent or, where it could not be, when it should have been."""
        return self.delivered_at or (self.expires_at - EXPIRES)

    def done(self) -> Incident | None:
        """The incident without what only its message needed."""
        if self.incident is None:
            return None
        return msgspec.structs.replace(self.incident, evidence=Evidence())


def key_of(*parts: object) -> str:
    """An idempotency key of what a notice is about: 32 hexadecimal characters."""
    raw = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(raw, digest_size=16).hexdigest()


def first_rings(notices: Iterable[Notice], least: Severity) -> Iterator[Notice]:
    """Of each incident, and again of each time that it opened anew, the notice by which it first
    rang so gravely."""
    rings = [
        notice
        for notice in notices
        if notice.event in RINGING
        and notice.status != "dropped"
        and at_least(notice.severity, least)
    ]
    rings.sort(key=lambda ring: (ring.incident_id, ring.incident_version, ring.rang_at, ring.key))
    before: Notice | None = None
    for ring in rings:
        first = before is None or ring.incident_id != before.incident_id
        anew = ring.event == "reopened" and before and before.incident_version
        if first or (anew and anew != ring.incident_version):
            yield ring
        before = ring


def _read(key: str, told: dict[str, Any]) -> Notice | None:
    """What another version wrote and this one can't read is left alone."""
    try:
        return msgspec.convert(told, Notice)
    except msgspec.ValidationError as error:
        _log.warning("notice %s can't be read: %s", key, error)
        return None


class Outbox:
    """All notices of the last month, in memory and in the store. One process writes at a time;
    versions keep one that was thought dead from undoing what its successor did."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._notices: dict[str, Notice] = {}

    async def load(self) -> None:
        """Read all, anew; waits while the store is away."""
        self._notices.clear()
        for key, told in (await states_in_time(self._store, NOTICE)).items():
            if told and (notice := _read(key, told)):
                self._notices[key] = notice

    async def add(self, notice: Notice) -> bool:
        """Keep it, unless it is known; whether it is new. Durable when it returns."""
        if notice.key in self._notices:
            return False
        await self._put(notice)
        return True

    async def change(self, notice: Notice, **fields: Any) -> Notice:
        """Keep it with these fields. Durable when it returns."""
        changed = msgspec.structs.replace(notice, **fields, version=notice.version + 1)
        await self._put(changed)
        return changed

    async def _put(self, notice: Notice) -> None:
        self._notices[notice.key] = notice
        value: dict[str, Any] = msgspec.to_builtins(notice)
        await self._store.put_state(NOTICE, notice.key, value, version=notice.version)

    def get(self, key: str) -> Notice | None:
        return self._notices.get(key)

    def all(self) -> Iterable[Notice]:
        return list(self._notices.values())

    def waiting(self, channel: str) -> list[Notice]:
        """What a channel has to send, the earliest first."""
        found = [
            notice
            for notice in self._notices.values()
            if notice.channel == channel and notice.status == "waiting"
        ]
        return sorted(found, key=lambda notice: (notice.due_at, notice.created_at, notice.key))

    async def prune(self, now: datetime) -> None:
        """Forget what has been over for a month. States can't be taken away: they are emptied."""
        for notice in self.all():
            if notice.status != "waiting" and notice.created_at < now - KEPT:
                del self._notices[notice.key]
                await self._store.put_state(NOTICE, notice.key, {}, version=notice.version + 1)
