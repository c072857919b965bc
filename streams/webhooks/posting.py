"""One webhook: what arrives in the store is posted in that order, from a place that is kept.

The next mention is sent when the one before was taken, or set aside. The place is kept after each
few, so that after a crash those are posted again, with the same keys.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from connectors.errors import ConnectorError, WaitUntil
from connectors.post import Moment, utc_now
from connectors.text import line
from streams.alerts.schedule import topic_fits
from streams.channels.webhook import RefusedBody, Webhook
from streams.errors import StoreUnavailable
from streams.records import Mention
from streams.settings import Webhook as WebhookSettings
from streams.store.port import Filter, Store
from streams.store.rules import tombstone

PLACE: Final = "webhook"
"""The kind of states that keep places; the key is the webhook's id."""
DEAD: Final = "webhook-dead"
"""The kind of what was set aside; the key is the webhook's id, a colon and the mention's id."""
AT_ONCE: Final = 50
EVERY_SECONDS: Final = 1.0
"""How often the store is asked."""
TOLD_EVERY: Final = timedelta(seconds=15)
"""How often it is noted that nothing waits."""
FIRST_REST: Final = 1.0
LONGEST_REST: Final = 300.0
_ALL: Final = Filter()
"""A place among all arrivals stays one whichever topics are asked for tomorrow."""

_log = logging.getLogger(__name__)


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a webhook has come, how often it failed and since when it does. Nothing that waits
    arrived before `caught_up_at`."""

    cursor: str
    sent: int = 0
    dead: int = 0
    failures: int = 0
    sent_at: Moment | None = None
    caught_up_at: Moment | None = None
    failing_since: Moment | None = None
    error: str = ""


class Dead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was set aside, and why: ids alone, for what is erased must stand nowhere. A replay posts
    the mention as it is then."""

    webhook: str
    tombstone: Mention
    deletion: bool
    at: Moment
    error: str


def body_of(mention: Mention) -> tuple[str, bytes]:
    """The key, the same for the same version, and the bytes."""
    key = f"{mention.id}:{mention.version}"
    told = {"key": key, "event": event_of(mention), "mention": mention}
    return key, msgspec.json.encode(told)


def event_of(mention: Mention) -> str:
    return "deletion" if mention.deleted else "mention"


def gets(given: WebhookSettings, topic: str) -> bool:
    """Whether a webhook is for mentions of a topic."""
    return not given.topics or topic_fits(topic, given.topics)


async def places(store: Store) -> dict[str, Place]:
    """Of every webhook that ever ran. Raises `StoreError`."""
    return {
        key: msgspec.convert(state, Place) for key, state in (await store.states(PLACE)).items()
    }


async def dead_of(store: Store, webhook: str) -> dict[str, Dead]:
    """What was set aside of one, by key, oldest first. Raises `StoreError`."""
    states = await store.states(DEAD)
    found = {key: msgspec.convert(state, Dead) for key, state in states.items()}
    mine = {key: one for key, one in found.items() if one.webhook == webhook}
    return dict(sorted(mine.items(), key=lambda pair: pair[1].at))


class Posting:
    """One webhook at work. `rest` says how many seconds to wait after so many failures."""

    def __init__(
        self,
        store: Store,
        given: WebhookSettings,
        webhook: Webhook,
        *,
        now: Callable[[], datetime] = utc_now,
        rest: Callable[[int], float] | None = None,
    ) -> None:
        self._store = store
        self._given = given
        self._webhook = webhook
        self._give_up = timedelta(hours=given.give_up_hours)
        self._now = now
        self._rest = rest or _rest
        self._place = Place(cursor="")
        self._away = False

    async def run(self) -> None:
        """Until cancelled. A store that is away is waited for."""
        begun = False
        while True:
            try:
                if not begun:
                    await self.begin()
                    begun = True
                if not await self.step():
                    await asyncio.sleep(EVERY_SECONDS)
                self._away = False
            except StoreUnavailable as error:
                if not self._away:
                    _log.warning("webhook %s: %s; asking again", self._given.id, error)
                self._away = True
                await asyncio.sleep(EVERY_SECONDS)

    async def begin(self) -> None:
        """Where it was left; at the present end where it never ran."""
        known = (await places(self._store)).get(self._given.id)
        if known is None:
            page = await self._store.arrivals("", where=_ALL, deleted=True)
            known = Place(cursor=page.cursor, caught_up_at=self._now())
        self._place = known
        await self._keep()

    async def step(self) -> bool:
        """Post what is wanted of the next few that arrived; whether there were any."""
        before, asked_at = self._place.cursor, self._now()
        page = await self._store.arrivals(before, where=_ALL, limit=AT_ONCE, deleted=True)
        for mention in page.mentions:
            if self._wanted(mention):
                await self._post(mention)
        if page.cursor == before:
            await self._caught_up(asked_at)
            return False
        self._place = msgspec.structs.replace(self._place, cursor=page.cursor)
        await self._keep()
        return True

    async def _caught_up(self, at: datetime) -> None:
        told = self._place.caught_up_at
        if told is None or at - told >= TOLD_EVERY:
            self._place = msgspec.structs.replace(self._place, caught_up_at=at)
            await self._keep()

    def _wanted(self, mention: Mention) -> bool:
        return gets(self._given, mention.topic) and event_of(mention) in self._given.events

    async def _post(self, mention: Mention) -> None:
        """Until it is taken, or set aside."""
        key, body = body_of(mention)
        failures = 0
        while True:
            try:
                await self._webhook.post(body, key=key, event=event_of(mention))
            except ConnectorError as error:
                failures += 1
                if await self._failed(mention, error):
                    return
                await asyncio.sleep(self._pause(failures, error))
            else:
                self._place = msgspec.structs.replace(
                    self._place,
                    sent=self._place.sent + 1,
                    sent_at=self._now(),
                    failing_since=None,
                    error="",
                )
                return

    async def _failed(self, mention: Mention, error: ConnectorError) -> bool:
        """Note it; whether the mention was set aside."""
        now, why = self._now(), line(str(error), limit=300)
        self._place = msgspec.structs.replace(self._place, failures=self._place.failures + 1)
        if isinstance(error, RefusedBody):
            await self._set_aside(mention, why, now)
            return True
        since = self._place.failing_since or now
        if self._place.error != why:
            _log.warning("webhook %s: %s", self._given.id, why)
        self._place = msgspec.structs.replace(self._place, failing_since=since, error=why)
        over = now - since >= self._give_up
        if over:
            await self._set_aside(mention, why, now)
        await self._keep()
        return over

    async def _set_aside(self, mention: Mention, why: str, now: datetime) -> None:
        one = Dead(
            webhook=self._given.id,
            tombstone=tombstone(mention, mention.version),
            deletion=mention.deleted,
            at=now,
            error=why,
        )
        key = f"{self._given.id}:{mention.id}"
        await self._store.put_state(DEAD, key, msgspec.to_builtins(one))
        self._place = msgspec.structs.replace(self._place, dead=self._place.dead + 1)

    def _pause(self, failures: int, error: ConnectorError) -> float:
        seconds = self._rest(failures)
        if isinstance(error, WaitUntil):
            asked = (error.moment - self._now()).total_seconds()
            seconds = max(seconds, min(asked, LONGEST_REST))
        return seconds

    async def _keep(self) -> None:
        state: dict[str, Any] = msgspec.to_builtins(self._place)
        await self._store.put_state(PLACE, self._given.id, state)


async def replay(store: Store, webhook: Webhook, key: str, one: Dead) -> str:
    """Post what was set aside, as it is now; then it is no more. Raises `ConnectorError`."""
    mention = await store.get(one.tombstone.id)
    if mention is None and not one.deletion:
        await store.drop_states(DEAD, [key])
        return f"{one.tombstone.id} is deleted by now"
    mention = mention or one.tombstone
    idempotency, body = body_of(mention)
    answer = await webhook.post(body, key=idempotency, event=event_of(mention))
    await store.drop_states(DEAD, [key])
    return answer


def _rest(failures: int) -> float:
    """Twice as long each time, up to five minutes, and never the same."""
    longest = min(FIRST_REST * 2.0 ** min(failures - 1, 16), LONGEST_REST)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # no secret
