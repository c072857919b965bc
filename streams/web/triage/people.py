"""Names to assign mentions to, and tags in use: those that people gave of late."""

import asyncio
from typing import Any, Final

import msgspec

from streams.store.journal import EntryFilter
from streams.store.port import Store
from streams.web.recent import Recent
from streams.web.triage.queue import latest

_SECONDS: Final = 5.0
_READ: Final = 500
_MOST: Final = 50


class InUse(msgspec.Struct, frozen=True):
    """Names and tags, those used most often first."""

    people: list[str]
    tags: list[str]


class Names:
    """Asked once for all who look within a few seconds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: Recent[InUse] = Recent(_SECONDS, most=1)

    async def in_use(self) -> InUse:
        return await self._known.get("", self._ask)

    async def _ask(self) -> InUse:
        users, entries = await asyncio.gather(
            self._store.states("user"),
            latest(self._store, EntryFilter(actions=("label.",)), _READ),
        )
        people, tags = dict.fromkeys(sorted(users), 0), dict[str, int]()
        for entry in entries:
            people[entry.by] = people.get(entry.by, 0) + 1
            for tag in _tags(entry.after):
                tags[tag] = tags.get(tag, 0) + 1
        return InUse(_most(people), _most(tags))


def _tags(after: Any) -> list[str]:
    found = after.get("tags", []) if isinstance(after, dict) else []
    return [tag for tag in found if isinstance(tag, str)]


def _most(counts: dict[str, int]) -> list[str]:
    ordered = sorted((name for name in counts if name), key=lambda name: (-counts[name], name))
    return ordered[:_MOST]
