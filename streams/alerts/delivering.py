"""Delivers what a channel has in the outbox, at the channel's own pace.

At least once: what was sent but not yet marked when the process died is sent again with the same
key.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from connectors.errors import ConnectorError, WaitUntil
from connectors.text import line
from streams.alert_settings import Delivery as DeliverySettings
from streams.alerts.channel import Channel
from streams.alerts.notices import Notice, Outbox
from streams.alerts.state import ALERT, AlertState
from streams.alerts.writing import Writer
from streams.errors import StoreError
from streams.store.port import Store

MOST_ATTEMPTS: Final = 60
SEND_SECONDS: Final = 75.0
STOP_SECONDS: Final = 5.0
DEAD_AFTER: Final = 3
"""Tries that failed in a row before `veille status` says so."""

_log = logging.getLogger(__name__)


class Delivering:
    """One channel's share of the outbox. `rest_after` so many tries it is tried again."""

    def __init__(
        self,
        store: Store,
        settings: DeliverySettings,
        channel: Channel,
        outbox: Outbox,
        writer: Writer,
        *,
        now: Callable[[], datetime],
        look_seconds: float,
        rest_after: Callable[[int], timedelta],
    ) -> None:
        self._store = store
        self._settings = settings
        self._channel = channel
        self._outbox = outbox
        self._writer = writer
        self._now = now
        self._look_seconds = look_seconds
        self._rest_after = rest_after
        self._news = asyncio.Event()
        self._failures = 0
        self._sent: set[str] = set()  # not again by this process, whatever becomes of the record

    def wake(self) -> None:
        """There is something new in the outbox."""
        self._news.set()

    async def run(self) -> None:
        """Send what is due until cancelled. No failure ends it."""
        while True:
            self._news.clear()
            waiting = self._outbox.waiting(self._channel.id)
            waiting = [notice for notice in waiting if notice.key not in self._sent]
            due = [notice for notice in waiting if notice.due_at <= self._now()]
            if due:
                try:
                    await self._send(_together(due))
                except Exception:  # noqa: BLE001 # a defect in one message must not silence the channel
                    _log.exception("channel %s", self._channel.id)
                    await asyncio.sleep(self._look_seconds)
                continue
            seconds = self._look_seconds
            if waiting:
                until = (waiting[0].due_at - self._now()).total_seconds()
                seconds = min(max(until, 0.01), seconds)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), seconds)

    async def _send(self, notices: list[Notice]) -> None:
        now = self._now()
        for notice in notices:
            if notice.expires_at <= now:
                await self._outbox.change(notice, status="expired")
        notices = [notice for notice in notices if notice.expires_at > now]
        if not notices:
            return
        try:
            delivery = await self._writer.delivery(notices, self._channel, self._settings)
            async with asyncio.timeout(SEND_SECONDS):
                answer = await self._channel.send(delivery)
            sent_at = self._now()
            self._sent |= {notice.key for notice in notices}
        except (ConnectorError, StoreError, TimeoutError, OSError) as error:
            await self._failed(notices, error)
        except Exception as error:  # noqa: BLE001 # a defect is a failure too: kept and seen
            _log.exception("channel %s", self._channel.id)
            await self._failed(notices, error)
        else:
            await _to_its_end(self._succeeded(notices, answer, sent_at))

    async def _succeeded(self, notices: list[Notice], answer: str, sent_at: datetime) -> None:
        for notice in notices:
            await self._outbox.change(
                notice,
                status="delivered",
                attempts=notice.attempts + 1,
                delivered_at=sent_at,
                answer=line(answer, limit=300),
                incident=notice.done(),
                last_error="",
            )
        if self._failures >= DEAD_AFTER:
            await self._store.put_state(ALERT, f"channel:{self._channel.id}", {})
        self._failures = 0

    async def _failed(self, notices: list[Notice], error: Exception) -> None:
        why = line(str(error), limit=300) or type(error).__name__
        _log.warning("channel %s: %s", self._channel.id, why)
        due = self._next_try(notices, error)
        for notice in notices:
            attempts = notice.attempts + 1
            over = attempts >= MOST_ATTEMPTS
            await self._outbox.change(
                notice,
                status="failed" if over else "waiting",
                attempts=attempts,
                last_error=why,
                due_at=due,
            )
        self._failures += 1
        if self._failures == DEAD_AFTER:
            await self._tell_of_dead(why)

    def _next_try(self, notices: list[Notice], error: Exception) -> datetime:
        """Later each time, or when the server asks for it, and once more before it expires."""
        attempts = max(notice.attempts for notice in notices) + 1
        due = self._now() + self._rest_after(attempts)
        if not isinstance(error, WaitUntil):
            return due
        last = min(notice.expires_at for notice in notices) - timedelta(minutes=1)
        return max(due, min(error.moment, last))

    async def _tell_of_dead(self, why: str) -> None:
        kind = f"channel:{self._channel.id}"
        text = (
            f"Alerts don't reach the channel {self._channel.id}: {why}. Remedy: veille alerts test"
        )
        state = AlertState(kind=kind, since=self._now(), text=f"{text} {self._channel.id}")
        await self._store.put_state(ALERT, kind, msgspec.to_builtins(state))


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Also when we are stopped meanwhile: an orderly stop must not make a message come twice."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=STOP_SECONDS)
        raise


def _together(due: list[Notice]) -> list[Notice]:
    """What goes out as one message: the first that is due, or all that waited for quiet hours to
    end and were never tried apart."""
    held = [notice for notice in due if notice.held]
    if len(held) > 1 and due[0].held:
        return held
    return due[:1]
