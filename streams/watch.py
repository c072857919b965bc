"""Topics edited while Veille runs: the file is looked at once a second and changes are taken in.

The old version of a topic answers until the new one is ready; a file that can't be read changes
nothing, and says so.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from streams.criteria.loading import load_topics
from streams.criteria.matcher import Matcher
from streams.criteria.topics import Topic
from streams.errors import ConfigError

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 1.0
STEP: Final = 200
"""Topics compiled in one go before posts have their turn."""

Stamp = tuple[int, int, int]


class TopicsFile:
    """A topics file, and what it looked like when it was read last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: Stamp | None = None

    def load(self) -> list[Topic]:
        """Read it. Looked at before it is read: an edit meanwhile is an edit after. Raises
        `ConfigError`."""
        self._stamp = self._look()
        return load_topics(self.path)

    def changed(self) -> bool:
        """Whether it is another than the one read last; one that is not there is no other."""
        stamp = self._look()
        return stamp is not None and stamp != self._stamp

    def _look(self) -> Stamp | None:
        try:
            found = self.path.stat()
        except OSError:
            return None  # being replaced by an editor
        return found.st_mtime_ns, found.st_size, found.st_ino


class TopicsWatch:
    """Keeps a matcher, compiled from what `file` held, equal to what it holds."""

    def __init__(self, file: TopicsFile, matcher: Matcher) -> None:
        self._file = file
        self._matcher = matcher

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.refresh()

    async def refresh(self) -> int:
        """Take in what changed since the file was read; returns how many topics that were."""
        if not self._file.changed():
            return 0
        try:
            topics = await asyncio.to_thread(self._file.load)
        except ConfigError as error:
            log.error("topics stay as they were: %s", error)  # noqa: TRY400  # its text says it all
            return 0
        return await self._apply(topics)

    async def _apply(self, topics: Sequence[Topic]) -> int:
        known = dict(self._matcher.topics)
        gone = known.keys() - {topic.id for topic in topics}
        changed = [topic for topic in topics if _meaning(known.get(topic.id)) != _meaning(topic)]
        for number, topic in enumerate(changed):
            self._matcher.add(topic)
            if reason := self._matcher.disabled.get(topic.id):
                log.error("topic %s is disabled: %s", topic.id, reason)
            if number % STEP == STEP - 1:
                await asyncio.sleep(0)
        for name in gone:
            self._matcher.remove(name)
        if changed or gone:
            log.warning("topics: %d added or changed, %d removed", len(changed), len(gone))
        return len(changed) + len(gone)


def _meaning(topic: Topic | None) -> Topic | None:
    """A topic that has only moved to another line is the same."""
    return topic and msgspec.structs.replace(topic, line=0)
