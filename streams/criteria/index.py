"""Terms to the topics that a post with those terms may meet."""

from collections.abc import Iterable
from typing import Final, Generic, NamedTuple, TypeVar

from streams.criteria.keys import Cover

T = TypeVar("T")

_MAX_GUARDS: Final = 8
_MAX_PAIRS: Final = 64


class Place(NamedTuple):
    """Where an entry stands: under each key, behind any of the guards if there are some."""

    keys: frozenset[str]
    guards: frozenset[str]


class _Posting(Generic[T]):
    """The entries under one key: those met by the key alone, and those that want a guard too."""

    __slots__ = ("alone", "guarded")

    def __init__(self) -> None:
        self.alone: tuple[T, ...] = ()
        self.guarded: dict[str, tuple[T, ...]] = {}


class Index(Generic[T]):
    """Adding, removing and asking are independent of how many entries there are."""

    def __init__(self) -> None:
        self._postings: dict[str, _Posting[T]] = {}
        self._keys = self._postings.keys()

    def candidates(self, terms: set[str]) -> set[T]:
        """Entries that the terms do not rule out."""
        found: set[T] = set()
        for key in self._keys & terms:
            posting = self._postings[key]
            found.update(posting.alone)
            for guard in posting.guarded.keys() & terms:
                found.update(posting.guarded[guard])
        return found

    def add(self, entry: T, place: Place) -> None:
        """Put the entry where the place says."""
        for key in place.keys:
            posting = self._postings.setdefault(key, _Posting())
            if not place.guards:
                posting.alone = (*posting.alone, entry)
            for guard in place.guards:
                posting.guarded[guard] = (*posting.guarded.get(guard, ()), entry)

    def remove(self, entry: T, place: Place) -> None:
        """Undo `add` with the same place."""
        for key in place.keys:
            posting = self._postings[key]
            if not place.guards:
                posting.alone = _without(posting.alone, entry)
            for guard in place.guards:
                posting.guarded[guard] = _without(posting.guarded[guard], entry)
                if not posting.guarded[guard]:
                    del posting.guarded[guard]
            if not posting.alone and not posting.guarded:
                del self._postings[key]


def _without(entries: Iterable[T], entry: T) -> tuple[T, ...]:
    return tuple(other for other in entries if other is not entry)


def place(covers: list[Cover]) -> Place:
    """The place for a query with these covers, cheapest first; at least one."""
    keys = covers[0].keys
    for guards in (cover.keys for cover in covers[1:]):
        few = len(guards) <= _MAX_GUARDS and len(guards) * len(keys) <= _MAX_PAIRS
        if few and guards.isdisjoint(keys):
            return Place(keys, guards)
    return Place(keys, frozenset())
