"""Lists that show the newest first and can't be asked "since": paged back to what is known.

What was read last is known by several of its items, for a list goes on without one that was
deleted.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from connectors.fields import mapping

Item = TypeVar("Item")

_ANCHORS: Final = 100


@dataclass(frozen=True, slots=True)
class Anchors:
    """The newest items of a list as it was read last: their names, and the time of the newest in
    seconds since 1970."""

    names: tuple[str, ...] = ()
    newest: float = 0.0

    @classmethod
    def of(cls, known: Any) -> "Anchors":
        """From a cursor; none where it can't be read."""
        names, newest = mapping(known).get("names"), mapping(known).get("newest")
        if not isinstance(names, list) or not isinstance(newest, int | float):
            return cls()
        return cls(tuple(name for name in names if isinstance(name, str)), float(newest))

    @property
    def state(self) -> dict[str, Any]:
        """For the cursor."""
        return {"names": list(self.names), "newest": self.newest}

    def after(self, entries: "Sequence[Entry[Item]]") -> "Anchors":
        """With items that were read since, newest first."""
        fresh = [entry.name for entry in entries]
        newest = max([self.newest, *(entry.at for entry in entries)])
        return Anchors(tuple(dict.fromkeys([*fresh, *self.names]))[:_ANCHORS], newest)


@dataclass(frozen=True, slots=True)
class Entry(Generic[Item]):
    """An item, with what it is known by and its place in time (seconds since 1970; 0 where it
    tells none)."""

    name: str
    at: float
    item: Item


@dataclass(frozen=True, slots=True)
class Read(Generic[Item]):
    """`fresh` was not known; `again` was, and came on the same pages. Newest first. `whole` is
    false where the list ended, or was left, before anything known came."""

    fresh: Sequence[Entry[Item]]
    again: Sequence[Entry[Item]]
    whole: bool


async def read_back(
    pages: AsyncIterator[Sequence[Entry[Item]]],
    anchors: Anchors,
    *,
    overlap: float = 0.0,
    first: int = 1,
) -> Read[Item]:
    """Takes pages until one holds an item that is known, or older than the newest known by more
    than `overlap` seconds; without anchors, the `first` pages. Holds what it read in memory."""
    known = frozenset(anchors.names)
    fresh: dict[str, Entry[Item]] = {}
    again: list[Entry[Item]] = []
    taken = 0
    async for page in pages:
        taken += 1
        met = not known and taken >= first
        for entry in page:
            old = 0 < entry.at < anchors.newest - overlap
            met = met or entry.name in known or old
            if entry.name in known:
                again.append(entry)
            elif not old or not known:
                fresh.setdefault(entry.name, entry)
        if met:
            return Read([*fresh.values()], again, whole=True)
    return Read([*fresh.values()], again, whole=not known)
