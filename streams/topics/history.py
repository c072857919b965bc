"""What was done to topics, by whom, and how they were written before: kept in the journal."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from difflib import unified_diff
from hashlib import blake2b
from typing import Final

from connectors.post import utc_now
from streams.errors import ConfigError, StoreError
from streams.store.journal import MAX_ENTRY_BYTES, Entry, EntryFilter, EntryPage
from streams.store.port import Store
from streams.topics.editing import Edit, Snapshot, compared

FILE: Final = "the file"
"""Who changed a topic that was changed in the file itself."""
ACTIONS: Final = ("topic.",)
STATE: Final = "topics"
"""The kind of states that keep what a file held when it was looked at last."""
_MOST_TEXT: Final = MAX_ENTRY_BYTES // 4
_MOST_KEPT: Final = 4_000_000
_WAITING: Final = 10_000
_RECENT: Final = timedelta(minutes=10)
_PAGE: Final = 200
_PAGES: Final = 50

_log = logging.getLogger(__name__)


class History:
    """Over one store. What can't be written for now waits, and is written with the next."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[Entry] = []

    async def note(self, edit: Edit, *, by: str, action: str = "", note: str = "") -> None:
        """Keep what was done. Never raises: the file has the change."""
        self._waiting.append(_entry(edit, by=by, action=action, note=note, at=utc_now()))
        await self.flush()

    async def flush(self) -> None:
        """Write what waits."""
        del self._waiting[:-_WAITING]
        entries = list(self._waiting)
        if not entries:
            return
        try:
            await self._store.add_entries(entries)
        except StoreError as error:
            _log.warning("%d changes of topics wait for the journal: %s", len(entries), error)
            return
        self._waiting = [one for one in self._waiting if one not in entries]

    async def notice(self, edits: Sequence[Edit]) -> int:
        """Keep changes that were found in the file, those left out that are known; how many were
        kept. Raises `StoreError`."""
        await self.flush()
        now = utc_now()
        since = EntryFilter(actions=ACTIONS, since=now - _RECENT)
        recent = (await self._store.entries(since, limit=1_000)).entries
        known: dict[str, str] = {}
        for one in recent:
            known.setdefault(one.subject, one.after or "")  # the newest
        at = _time(edits[0].stamp, now) if edits else now
        fresh = [one for one in edits if known.get(one.topic) != one.after]
        await self._store.add_entries([_entry(one, by=FILE, at=at) for one in fresh])
        return len(fresh)

    async def catch_up(self, now: Snapshot) -> int:
        """Keep what changed in the file while nobody looked. Raises `StoreError`."""
        key = str(now.path.absolute())
        kept = (await self._store.states(STATE)).get(key, {}).get("text")
        if isinstance(kept, str):
            try:
                before = Snapshot(now.path, kept.encode())
                edits = compared(before, now) if before.raw != now.raw else []
            except (ConfigError, UnicodeEncodeError):
                edits = []
            if edits:
                await self.notice(edits)
        await self.saw(now)
        return 0 if not isinstance(kept, str) else len(edits)

    async def saw(self, now: Snapshot) -> None:
        """Remember what the file holds. Raises `StoreError`."""
        if len(now.raw) <= _MOST_KEPT:
            await self._store.put_state(STATE, str(now.path.absolute()), {"text": now.raw.decode()})

    async def of(self, topic: str, *, limit: int = 50, cursor: str = "") -> EntryPage:
        """The changes of a topic, newest first. Raises `StoreError`."""
        where = EntryFilter(actions=ACTIONS, subjects=(topic,))
        return await self._store.entries(where, limit=limit, cursor=cursor)

    async def find(self, topic: str, entry: str) -> Entry:
        """One of them; `entry` may be the beginning of its id, of eight letters or more. Raises
        `ConfigError` where there is none."""
        cursor = ""
        for _ in range(_PAGES):
            page = await self.of(topic, limit=_PAGE, cursor=cursor)
            for one in page.entries:
                if one.id == entry or (len(entry) >= 8 and one.id.startswith(entry)):
                    return one
            cursor = page.cursor
            if not cursor:
                break
        raise ConfigError(
            f"{topic} has no version {entry!r}. Remedy: `veille topics history {topic}` lists them"
        )


def text_of(entry: Entry) -> str:
    """How the topic was written after a change; before it, where it was removed."""
    for text in (entry.after, entry.before):
        if isinstance(text, str) and text:
            return text
    raise ConfigError("this version was too large to be kept. Remedy: choose another")


def difference(before: str, after: str, *, names: tuple[str, str] = ("before", "after")) -> str:
    """A unified diff of two texts of a topic; empty where they are the same."""
    lines = unified_diff(before.split("\n"), after.split("\n"), *names, lineterm="", n=3)
    return "\n".join(lines)


def _entry(edit: Edit, *, by: str, at: datetime, action: str = "", note: str = "") -> Entry:
    verb = "add" if not edit.before else "edit" if edit.after else "remove"
    texts = [text if len(text) <= _MOST_TEXT else "" for text in (edit.before, edit.after)]
    return Entry(
        id=_id(edit),
        at=at,
        by=by,
        action=action or f"topic.{verb}",
        subject=edit.topic,
        topic=edit.topic,
        before=texts[0] or None,
        after=texts[1] or None,
        note=note[:2_000],
    )


def _id(edit: Edit) -> str:
    """The same in every process that sees the change."""
    parts = (edit.topic, edit.before, edit.after, str(edit.stamp))
    return blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()


def _time(stamp: int, now: datetime) -> datetime:
    try:
        return min(datetime.fromtimestamp(stamp / 1e9, UTC), now) if stamp else now
    except (OverflowError, ValueError, OSError):
        return now
