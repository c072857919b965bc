"""What a worker tells of itself, once a second, through the store: counts, lag, liveness."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.post import utc_now
from streams.accountant import Accountant
from streams.alerts.deaths import DeathWatch
from streams.errors import StoreError
from streams.ledger import Ledger
from streams.settings import Pipeline
from streams.store.patience import states_in_time
from streams.store.port import Store

EVERY_SECONDS = 1.0


async def made_anew(store: Store, instance: str, lives: Mapping[str, str]) -> set[str]:
    """Topics that are in another of their lives than when this worker last told of itself. Waits
    while the store is away."""
    known = (await states_in_time(store, "worker")).get(instance, {}).get("lives") or {}
    return {topic for topic, life in lives.items() if known.get(topic, life) != life}


class Heartbeat:
    """Writes the state `worker/<instance>`: the ledger, lag by topic, posts a second.

    A worker with a name goes on counting where the one before it with that name stopped; what
    that one did in its last second is counted again or not at all.
    """

    def __init__(
        self,
        app: Any,
        store: Store,
        ledger: Ledger,
        instance: str,
        settings: Pipeline,
        *,
        lives: Mapping[str, str],
    ) -> None:
        self._app = app
        self._store = store
        self._ledger = ledger
        self._named = bool(instance)
        self._instance = instance or f"{socket.gethostname()}-{os.getpid()}"
        self._lives = dict(lives)
        self._started = utc_now()
        self._before = (time.monotonic(), 0)
        self._deaths = DeathWatch(store, settings)
        self._accountant = Accountant(store)

    async def run(self) -> None:
        if self._named:
            await self._take_up()
        while not self._app.should_stop:
            with contextlib.suppress(StoreError):  # the index agent waits for it and says so
                await self._store.put_state("worker", self._instance, self.state())
                await self._deaths.look(utc_now())
                await self._accountant.look(utc_now())
            await asyncio.sleep(EVERY_SECONDS)

    async def _take_up(self) -> None:
        with contextlib.suppress(StoreError, msgspec.ValidationError):
            before = (await self._store.states("worker")).get(self._instance, {})
            self._ledger.add(msgspec.convert(before, Ledger))
            self._before = (time.monotonic(), self._ledger.posts)

    def state(self) -> dict[str, Any]:
        now, posts = time.monotonic(), self._ledger.posts
        rate = (posts - self._before[1]) / max(now - self._before[0], 0.001)
        self._before = (now, posts)
        return {
            "started_at": self._started.isoformat(),
            "seen_at": utc_now().isoformat(),
            "posts_per_second": round(rate, 1),
            "lag": self.lag(),
            "lives": self._lives,
            **msgspec.to_builtins(self._ledger),
        }

    def lag(self) -> dict[str, int]:
        """Records not yet finished with, by topic, over the partitions this worker holds."""
        consumer = self._app.consumer
        behind: dict[str, int] = {}
        for tp in consumer.assignment():
            end = consumer.highwater(tp)
            if end is not None:
                done = consumer._committed_offset[tp] or 0
                behind[tp.topic] = behind.get(tp.topic, 0) + max(0, end - done)
        return behind
