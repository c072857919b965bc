"""What sources are told to search for, kept equal to a topics file that is edited meanwhile."""

import asyncio
import logging
from collections.abc import Sequence

from connectors.searches import Search
from streams.criteria.pushdown import searches
from streams.errors import ConfigError
from streams.watch import EVERY_SECONDS, TopicsFile

log = logging.getLogger(__name__)


class TopicSearches:
    """Call it for the searches of the topics. The file is first read when a source asks.

    A file that can't be read changes nothing, and says so.
    """

    def __init__(self, file: TopicsFile) -> None:
        self._file = file
        self._found: tuple[Search, ...] | None = None

    def __call__(self) -> Sequence[Search]:
        if self._found is None:
            self._found = ()
            self._read()
        return self._found

    async def keep(self) -> None:
        """Take edits in, a second after they are made at most."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.refresh()

    async def refresh(self) -> None:
        """Take in what changed since the file was read, if any source has asked."""
        if self._found is not None and self._file.changed():
            await asyncio.to_thread(self._read)

    def _read(self) -> None:
        try:
            found = searches(self._file.load())
        except ConfigError as error:
            log.error("searches stay as they were: %s", error)  # noqa: TRY400  # its text says it all
            return
        self._found = found.searches
        if found.wide:
            named = ", ".join(wide.topic for wide in found.wide[:20])
            log.warning("topics that sources can't search for (veille topics searches): %s", named)
