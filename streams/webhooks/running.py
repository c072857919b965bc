"""All webhooks of the settings at work, in one process of an installation at a time."""

import asyncio
import contextlib
import logging
import os
import socket
import uuid
from collections.abc import Sequence

from connectors.errors import ConnectorError
from connectors.post import utc_now
from streams.alerts.lease import Lease
from streams.channels.opening import open_webhook
from streams.channels.webhook import Webhook
from streams.errors import ConfigError, StoreUnavailable
from streams.settings import Settings
from streams.settings import Webhook as WebhookSettings
from streams.store import opened_store
from streams.webhooks.posting import Posting

LEASE = "webhooks"
RENEW_SECONDS = 4.0

_log = logging.getLogger(__name__)


async def opened(given: WebhookSettings, settings: Settings) -> Webhook:
    """Raises `ConfigError` that names it, what is wrong and the remedy."""
    try:
        return await open_webhook(given.channel, settings)
    except ConnectorError as error:
        raise ConfigError(f"webhooks: {given.id}: {error}") from None


def named(settings: Settings, webhook: str) -> WebhookSettings:
    """Raises `ConfigError` for one that does not exist."""
    for one in settings.webhooks:
        if one.id == webhook:
            return one
    known = ", ".join(one.id for one in settings.webhooks) or "none; add some under webhooks"
    raise ConfigError(f"no webhook {webhook!r}. Remedy: one of {known}")


async def run_webhooks(settings: Settings, stop: asyncio.Event) -> None:
    """Until `stop`. One webhook that fails holds up no other. Raises `VeilleError` at the start."""
    hooks = [(one, await opened(one, settings)) for one in settings.webhooks]
    async with opened_store(settings) as store:
        holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        lease = Lease(store, LEASE, holder)
        tasks: list[asyncio.Task[None]] = []
        try:
            while not stop.is_set():
                held = await _held(lease)
                if held and not tasks:
                    tasks = [asyncio.create_task(Posting(store, *one).run()) for one in hooks]
                elif not held and tasks:
                    await _ended(tasks)
                    tasks = []
                for task in tasks:
                    if task.done():
                        task.result()  # a defect ends the process, which is started again
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RENEW_SECONDS)
        finally:
            await _ended(tasks)


async def _held(lease: Lease) -> bool:
    try:
        held = await lease.hold(utc_now())
        if held:
            await lease.renew(utc_now())
    except StoreUnavailable as error:
        _log.warning("webhooks: %s", error)
        return lease.held
    return held


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
