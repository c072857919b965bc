"""Where topics are changed: in their file, and with every change in the journal."""

import asyncio
import logging
from collections.abc import Mapping

from streams.errors import StoreError
from streams.store.port import Store
from streams.topics.editing import Edit, Snapshot, TopicsEditor, compared
from streams.topics.history import History, text_of
from streams.topics.layout import Value

NOTICE_SECONDS = 2.0
"""Who changes a file writes the journal just after; only then is a change one made by hand."""

_log = logging.getLogger(__name__)


class Desk:
    """One file of topics and its history. Writing is done in threads: disks take their time."""

    def __init__(self, editor: TopicsEditor, store: Store) -> None:
        self.editor = editor
        self.history = History(store)

    async def save(
        self, topic: str, fields: Mapping[str, Value], *, base: str, by: str, note: str = ""
    ) -> Edit:
        """As `TopicsEditor.save`."""
        edit = await asyncio.to_thread(self.editor.save, topic, fields, base=base)
        return await self._noted(edit, by=by, note=note)

    async def add(self, fields: Mapping[str, Value], *, by: str, note: str = "") -> Edit:
        edit = await asyncio.to_thread(self.editor.add, fields)
        return await self._noted(edit, by=by, note=note)

    async def remove(self, topic: str, *, base: str, by: str, note: str = "") -> Edit:
        edit = await asyncio.to_thread(self.editor.remove, topic, base=base)
        return await self._noted(edit, by=by, note=note)

    async def rollback(self, topic: str, entry: str, *, base: str, by: str, note: str = "") -> Edit:
        """Write a topic as a change left it, or as it was before it was removed. Raises
        `ConfigError` for a change that is not known, and `StoreError`."""
        version = await self.history.find(topic, entry)
        text = text_of(version)
        edit = await asyncio.to_thread(self.editor.restore, topic, text, base=base)
        told = note or f"to the version of {version.at:%Y-%m-%d %H:%M} UTC"
        return await self._noted(edit, by=by, note=told, action="topic.rollback")

    async def replace(self, raw: bytes, *, base: str, by: str, note: str = "") -> list[Edit]:
        """The whole file. As `TopicsEditor.replace`."""
        edits = await asyncio.to_thread(self.editor.replace, raw, base=base)
        for edit in edits:
            await self._noted(edit, by=by, note=note)
        return edits

    async def _noted(self, edit: Edit, *, by: str, note: str, action: str = "") -> Edit:
        if edit.before != edit.after:
            await self.history.note(edit, by=by, action=action, note=note)
        return edit

    async def known_base(self, topic: str, base: str) -> str | None:
        """The text of what a change was made from, by its digest: from here or the journal."""
        if found := self.editor.known(base):
            return found
        try:
            page = await self.history.of(topic)
        except StoreError:
            return None
        for entry in page.entries:
            for text in (entry.before, entry.after):
                if isinstance(text, str):
                    self.editor.remember(text)
        return self.editor.known(base)

    async def noticed(self, before: Snapshot, after: Snapshot) -> None:
        """The file holds something else. Never raises."""
        await asyncio.sleep(NOTICE_SECONDS)
        try:
            edits = await asyncio.to_thread(compared, before, after)
            await self.history.notice(edits)
            await self.history.saw(after)
        except StoreError as error:
            _log.warning("changes of topics are not in the journal yet: %s", error)

    async def start(self, now: Snapshot | None) -> None:
        """What changed while nobody looked. Never raises."""
        if now is None:
            return
        try:
            await self.history.catch_up(now)
        except StoreError as error:
            _log.warning("changes of topics are not in the journal yet: %s", error)
