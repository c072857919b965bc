"""What `veille import` does with what it reads: tries it, or hands it on."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext as nothing
from pathlib import Path
from typing import Any

from streams.commands.bars import counting
from streams.commands.common import warn
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic
from streams.importing.delivering import delivery
from streams.importing.indices import Index
from streams.importing.job import Item, Job, Report, Summary
from streams.importing.profiles import Profile
from streams.importing.reading import Plan, Wanted, items_of
from streams.importing.trying import Tried, try_out
from streams.pipeline import Pipeline
from streams.sentiment.scorer import build_scorer
from streams.settings import Settings
from streams.store import opened_store
from streams.store.port import Note


class Import:
    """One import with its bar; rows that can't be read go to `report`, where there is one."""

    def __init__(
        self,
        settings: Settings,
        topics: list[Topic],
        topic: str,
        *,
        report: Path | None,
        dry_run: bool,
        restart: bool,
        force: bool,
        quiet: bool,
    ) -> None:
        self._settings, self._topics, self._topic = settings, topics, topic
        self._report, self._dry_run = report, dry_run
        self._restart, self._force, self._quiet = restart, force, quiet

    async def file(self, found: Plan) -> Summary | Tried:
        """Of a file's rows."""
        mapper, name = found.mapper, found.profile.id
        if self._dry_run:
            return await self._try(items_of(found), name, mapper.fields, mapper.extra)

        def items(position: object) -> AsyncIterator[list[Item]]:
            return items_of(found, skip=position if isinstance(position, int) else 0)

        return await self._run(items, name, found.key)

    async def index(
        self,
        index: Index,
        wanted: Wanted,
        profiles: dict[str, Profile],
        keep: Callable[[Profile], None],
    ) -> Summary | Tried:
        """Of an index's documents."""
        try:
            await index.prepare(profiles, wanted)
            keep(index.profile)
            if self._dry_run:
                return await self._try(index.items(), index.profile.id, index.fields, index.extra)
            return await self._run(index.items, index.profile.id, index.key)
        finally:
            await index.close()

    async def _try(
        self,
        items: AsyncIterator[list[Item]],
        profile: str,
        fields: dict[str, list[str]],
        extra: list[str],
    ) -> Tried:
        tried = Tried(summary=Summary(profile=profile), fields=fields, extra=extra)
        with counting(quiet=self._quiet) as note:
            await try_out(items, self._topics, tried, _told(note))
        return tried

    async def _run(
        self, items: Callable[[object], AsyncIterator[list[Item]]], profile: str, key: str
    ) -> Summary:
        summary = Summary(profile=profile)
        with contextlib.closing(Report(self._report)) if self._report else nothing() as kept:
            async with opened_store(self._settings) as store:
                with counting(quiet=self._quiet) as note:
                    name, tell = f"{key}/{self._topic}", _told(note)
                    job = Job(store, name, report=kept, force=self._force, tell=tell)
                    begin = None if self._restart else await job.position()
                    summary.resumed = begin is not None
                    async with delivery(
                        self._settings, store, self._pipeline, topic=self._topic, note=warn
                    ) as to:
                        await job.run(items(begin), to, summary)
                        summary.waiting = to.waiting
        return summary

    def _pipeline(self) -> Pipeline:
        return Pipeline(
            compile_topics(self._topics), build_scorer(settings=self._settings.sentiment)
        )


def _told(note: Note) -> Callable[[Summary, Any], None]:
    """Rows for a bar; nobody knows of how many."""

    def tell(summary: Summary, position: Any) -> None:
        note("rows", position if isinstance(position, int) else summary.read, None)

    return tell
