"""`veille worker`: runs the Faust application until told to stop, or until it crashes.

A crash ends the process with exit code 1: whoever started it (the embedded supervisor, Docker,
systemd) starts it again, and it goes on from what is committed.
"""

import asyncio
import gc
import logging
import os
import sys
import threading
from collections.abc import Collection
from typing import Any

import faust

from streams.alerts.watching import check as check_rules
from streams.app import ROLES, create_app
from streams.archive import open_archive
from streams.avro_copy import open_writers
from streams.broker import ensure_topics
from streams.channels.opening import open_channels
from streams.checks import check_topics
from streams.errors import BrokerUnavailable
from streams.heartbeat import made_anew
from streams.settings import Settings
from streams.store import open_store
from streams.store.port import Store
from streams.watch import TopicsFile

log = logging.getLogger(__name__)

BROKER_PATIENCE_SECONDS = 120.0
STOP_SECONDS = 8.0
SWITCH_SECONDS = 0.0005
"""Python's 5 ms would let busy agents keep the consumer's thread waiting at each hand-over."""


def run_worker(
    settings: Settings,
    topics_file: TopicsFile,
    *,
    instance: str = "",
    roles: Collection[str] = ROLES,
    store: Store | None = None,
) -> int:
    """Run until SIGTERM or Ctrl-C (0) or a crash (1). Raises `VeilleError` at the start.

    `store`, not opened yet, stands in for that of the settings.
    """
    topics = topics_file.load()
    check_rules(topics, topics_file.path)
    settings.data_dir.mkdir(parents=True, exist_ok=True)  # Faust makes a folder of its own in it
    sys.setswitchinterval(SWITCH_SECONDS)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    store = store or open_store(settings)
    channels = loop.run_until_complete(open_channels(settings)) if settings.alerts.enabled else []
    loop.run_until_complete(store.open())
    try:
        lives = loop.run_until_complete(_broker_ready(settings))
        anew = loop.run_until_complete(made_anew(store, instance, lives))
        if anew:
            log.warning(
                "made anew: %s; the place in the group is not kept", ", ".join(sorted(anew))
            )
        avro = loop.run_until_complete(open_writers(settings.kafka)) if "index" in roles else {}
        app = create_app(
            settings,
            topics,
            store,
            instance=instance,
            roles=roles,
            topics_file=topics_file,
            lives=lives,
            keep_place=not anew,
            channels=channels,
            archive=open_archive(settings) if settings.embedded_broker else None,
            avro=avro,
        )
    except BaseException:
        loop.run_until_complete(store.close())
        raise
    _calm_collector()
    return _run(app, store, loop)


def _calm_collector() -> None:
    """What is loaded by now stays for good: the garbage collector need not look at it again,
    and records hold no cycles, so that it need not look often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


class _Worker(faust.Worker):  # type: ignore[misc]  # Faust is untyped here
    """Faust's worker, which closes the store after the agents have stopped."""

    def __init__(self, app: faust.App, store: Store, loop: asyncio.AbstractEventLoop) -> None:
        self._store = store
        super().__init__(
            app,
            loop=loop,
            loglevel=logging.WARNING,
            quiet=True,
            override_logging=False,
            redirect_stdouts=False,
        )
        self.spinner = None  # it writes terminal codes even to files

    def _schedule_shutdown(self, signal: Any) -> None:
        """Stop in order, but not without end: a broker that is gone would be waited for."""
        timer = threading.Timer(STOP_SECONDS, _give_up)
        timer.daemon = True
        timer.start()
        super()._schedule_shutdown(signal)

    async def on_shutdown(self) -> None:
        await super().on_shutdown()
        await self.app.abandon()
        await self._store.close()


def _give_up() -> None:
    log.error("not stopped in %.0f s; what was not acknowledged will be done again", STOP_SECONDS)
    os._exit(1)


def _run(app: faust.App, store: Store, loop: asyncio.AbstractEventLoop) -> int:
    try:
        _Worker(app, store, loop).execute_from_commandline()
    except SystemExit as end:
        code = end.code
    except Exception:
        log.exception("the worker stops; what was not acknowledged will be done again")
        return 1
    return 1 if app.crashed or code else 0


async def _broker_ready(settings: Settings) -> dict[str, str]:
    """Wait for the broker, telling so; create topics on a real one, and refuse those that would
    lose data. Gives the life of each topic. Raises `VeilleError`."""
    if settings.embedded_broker:
        return {}
    waited = 0.0
    while True:
        try:
            await ensure_topics(settings.kafka)
            return await check_topics(settings.kafka)
        except BrokerUnavailable as error:
            if waited >= BROKER_PATIENCE_SECONDS:
                raise
            print(f"veille worker: {error}; trying again", file=sys.stderr, flush=True)  # noqa: T201  # for the person
            await asyncio.sleep(3)
            waited += 3
