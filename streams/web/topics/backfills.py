"""Back-fills asked for on a page: one at a time, kept in the store, gone on with when asked."""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Final

import msgspec

from connectors.post import utc_now
from streams.beside import Beside, opened
from streams.criteria.topics import Topic
from streams.errors import ConfigError, StoreError, VeilleError
from streams.sentiment.scorer import Scorer
from streams.settings import Settings
from streams.store.port import Store
from streams.topics.backfill import Backfill, Filler
from streams.web.topics.live import Topics

KIND: Final = "job"
PREFIX: Final = "backfill:"
KEPT: Final = 30
"""Jobs that are remembered."""
_SAVE_SECONDS: Final = 2.0
NO_ARCHIVE: Final = (
    "No raw posts are kept. Remedy: store.keep_posts_days and store.keep_posts_mb above 0"
)

_log = logging.getLogger(__name__)


class Backfills:
    """The jobs of one store. One that a process left half done can be gone on with. `settings` tell
    where the broker is; without them mentions go to the store alone."""

    def __init__(
        self,
        store: Store,
        topics: Topics,
        archive: Callable[[], Any],
        scorer: Callable[[], Scorer],
        settings: Settings | None = None,
    ) -> None:
        self._store = store
        self._topics = topics
        self._archive = archive
        self._scorer = scorer
        self._settings = settings
        self._jobs: dict[str, Backfill] | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()
        self._reading = asyncio.Lock()

    async def all(self, topic: str = "") -> list[Backfill]:
        """Newest first. Raises `StoreError`."""
        jobs = (await self._known()).values()
        found = [job for job in jobs if not topic or job.topic == topic]
        return sorted(found, key=lambda job: job.began, reverse=True)

    async def get(self, job: str) -> Backfill | None:
        return (await self._known()).get(job)

    def is_running(self, job: Backfill) -> bool:
        """Whether this process works at it, or will."""
        return job.id in self._running

    async def start(self, topic: Topic, since: datetime, *, store: bool, by: str) -> Backfill:
        """Raises `ConfigError` where no posts are kept, or the same is under way."""
        if self._archive() is None:
            raise ConfigError(NO_ARCHIVE)
        if any(one.topic == topic.id and self.is_running(one) for one in await self.all()):
            raise ConfigError(f"one of {topic.id} is under way. Remedy: wait for it, or stop it")
        job = Backfill(
            id=uuid.uuid4().hex, topic=topic.id, since=since, began=utc_now(), store=store, by=by
        )
        (await self._known())[job.id] = job
        await self._save(job)
        await self._forget_old()
        self._go(job)
        return job

    async def go_on(self, job: Backfill) -> None:
        """From where it was left. Raises `ConfigError`."""
        if self._archive() is None:
            raise ConfigError(NO_ARCHIVE)
        if job.state != "done" and not self.is_running(job):
            job.state, job.error, job.ended = "waiting", "", None
            self._go(job)

    async def cancel(self, job: Backfill) -> None:
        """What is written stays."""
        task = self._running.get(job.id)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def aclose(self) -> None:
        """Leave them as they are, to be gone on with."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _go(self, job: Backfill) -> None:
        task = asyncio.create_task(self._work(job))
        self._running[job.id] = task
        task.add_done_callback(lambda _: self._running.pop(job.id, None))

    async def _work(self, job: Backfill) -> None:
        saved = 0.0

        async def tell(now: Backfill) -> None:
            nonlocal saved
            if time.monotonic() - saved > _SAVE_SECONDS:
                saved = time.monotonic()
                await self._save(now)

        try:
            async with self._turn:
                topic = self._topics.by_id.get(job.topic)
                if topic is None:
                    raise ConfigError(f"the topic {job.topic} is no more. Remedy: bring it back")
                async with self._beside(job) as beside:
                    filler = Filler(self._archive(), self._store, self._scorer, beside)
                    await filler.run(job, topic, tell)
        except VeilleError as error:
            job.state, job.error, job.ended = "failed", str(error), utc_now()
        except asyncio.CancelledError:
            job.state, job.ended = "cancelled", utc_now()
            raise
        finally:
            with contextlib.suppress(StoreError):
                await asyncio.shield(self._save(job))

    def _beside(self, job: Backfill) -> AbstractAsyncContextManager[Beside | None]:
        if self._settings is None or not job.store:
            return contextlib.nullcontext()
        return opened(self._settings, self._store, "backfill", _log.warning)

    async def _save(self, job: Backfill) -> None:
        await self._store.put_state(KIND, PREFIX + job.id, msgspec.to_builtins(job))

    async def _known(self) -> dict[str, Backfill]:
        async with self._reading:
            if self._jobs is None:
                self._jobs = await self._read()
        return self._jobs

    async def _read(self) -> dict[str, Backfill]:
        states = await self._store.states(KIND)
        found = {}
        for key, value in states.items():
            if not key.startswith(PREFIX):
                continue
            try:
                job = msgspec.convert(value, Backfill)
            except msgspec.ValidationError:
                continue  # of another version of Veille
            if not job.over:
                job.state = "cancelled"  # whoever did it is no more
            found[job.id] = job
        return found

    async def _forget_old(self) -> None:
        jobs = await self._known()
        for job in (await self.all())[KEPT:]:
            if not self.is_running(job):
                del jobs[job.id]
                await self._store.drop_states(KIND, [PREFIX + job.id])
