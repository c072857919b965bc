"""The topics as their file has them now, for every page that asks."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, overload

import msgspec

from streams.criteria.topics import Topic
from streams.errors import ConfigError
from streams.topics.editing import Snapshot, TopicsEditor

EVERY_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)

Hear = Callable[[Snapshot, Snapshot], None]
"""Told of the file as it was and as it is."""


class Topics(Sequence[Topic]):
    """A sequence that follows a file; without a file, it stays as it was given.

    `error` says why the file can't be read; the topics then stay those read last.
    """

    def __init__(self, topics: Sequence[Topic] = (), path: Path | None = None) -> None:
        self._topics = tuple(topics)
        self._by_id = {topic.id: topic for topic in topics}
        self.editor = TopicsEditor(path) if path else None
        self.error = ""
        self._snapshot: Snapshot | None = None
        self._hear: list[Hear] = []
        if self.editor:
            self._take(self.editor)

    @overload
    def __getitem__(self, at: int) -> Topic: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Topic]: ...
    def __getitem__(self, at: int | slice) -> Topic | Sequence[Topic]:
        return self._topics[at]

    def __len__(self) -> int:
        return len(self._topics)

    def __iter__(self) -> Iterator[Topic]:
        return iter(self._topics)  # of one version, however long it takes

    @property
    def by_id(self) -> Mapping[str, Topic]:
        return self._by_id

    def name(self, topic: str) -> str:
        """What people call it."""
        found = self._by_id.get(topic)
        return (found.name if found else "") or topic

    def with_queries(self, topic: Topic) -> Topic:
        """A topic that is perhaps not saved yet, with the sub-queries that it may name."""
        queries = {name: one for known in self._topics for name, one in known.queries.items()}
        return msgspec.structs.replace(topic, queries=queries)

    def on_change(self, hear: Hear) -> None:
        """Call `hear` whenever the file holds something else."""
        self._hear.append(hear)

    async def run(self) -> None:
        """Look at the file once a second, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.refresh()

    async def refresh(self) -> None:
        """Take in what the file holds now."""
        if self.editor and self.editor.changed():
            heard = await asyncio.to_thread(self._take, self.editor)
            for hear in self._hear if heard else ():
                hear(*heard)

    @property
    def snapshot(self) -> Snapshot | None:
        """The file as it was read last."""
        return self._snapshot

    def _take(self, editor: TopicsEditor) -> tuple[Snapshot, Snapshot] | tuple[()]:
        """Read the file; the file before and now, if it holds something else."""
        try:
            now = editor.read()
        except ConfigError as error:
            if str(error) != self.error:
                _log.error("topics stay as they were: %s", error)  # its text says it all
            self.error = str(error)
            return ()
        before, self._snapshot, self.error = self._snapshot, now, ""
        self._topics = tuple(now.topics)
        self._by_id = {topic.id: topic for topic in now.topics}
        return (before, now) if before is not None and before.raw != now.raw else ()


class Names(Mapping[str, str]):
    """What people call each topic, by its id, as it is now."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics

    def __getitem__(self, topic: str) -> str:
        return self._topics.by_id[topic].name or topic

    def __iter__(self) -> Iterator[str]:
        return iter(self._topics.by_id)

    def __len__(self) -> int:
        return len(self._topics)


def live(topics: Sequence[Topic], path: Path | None = None) -> Topics:
    """As pages want them, however they are given."""
    return topics if isinstance(topics, Topics) else Topics(topics, path)
