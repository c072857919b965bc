"""Terms to the topics that a post with those terms may meet."""

from collections.abc import Callable, Collection, Iterable, KeysView
from typing import Final, Generic, TypeVar

from streams.criteria.keys import Cover, Frequency, covers
from streams.criteria.syntax import Node, Or

T = TypeVar("T")
Places = tuple[tuple[str, tuple[str, ...]], ...]
"""Where an entry stands: under each key, behind any of its guards if there are some."""
Carried = Callable[[Collection[str]], Iterable[str]]

_MAX_GUARDS: Final = 8
_MAX_PAIRS: Final = 64


class _Posting(Generic[T]):
    """The entries under one key: those met by the key alone, and those that want a guard too."""

    __slots__ = ("alone", "guarded")

    def __init__(self) -> None:
        self.alone: tuple[T, ...] = ()
        self.guarded: dict[str, tuple[T, ...]] | None = None


class Index(Generic[T]):
    """Adding, removing and asking are independent of how many entries there are."""

    def __init__(self) -> None:
        self._postings: dict[str, _Posting[T]] = {}

    @property
    def keys(self) -> KeysView[str]:
        """The keys, as they are at any time."""
        return self._postings.keys()

    def candidates(self, keys: Iterable[str], carried: Carried) -> set[T]:
        """Entries that a post does not rule out: those of its terms that are keys, and a way to
        ask which of some guards it carries."""
        found: set[T] = set()
        for key in keys:
            posting = self._postings.get(key)
            if posting is None:
                continue
            found.update(posting.alone)
            if posting.guarded:
                for guard in carried(posting.guarded):
                    found.update(posting.guarded[guard])
        return found

    def add(self, entry: T, places: Places) -> list[str]:
        """Put the entry at its places; the answer is the keys that are new."""
        new = [key for key, _ in places if key not in self._postings]
        for key, guards in places:
            posting = self._postings.setdefault(key, _Posting())
            if not guards:
                posting.alone = (*posting.alone, entry)
                continue
            if posting.guarded is None:
                posting.guarded = {}
            for guard in guards:
                posting.guarded[guard] = (*posting.guarded.get(guard, ()), entry)
        return new

    def remove(self, entry: T, places: Places) -> list[str]:
        """Undo `add` with the same places; the answer is the terms that are keys no more."""
        for key, guards in places:
            posting = self._postings[key]
            if not guards:
                posting.alone = _without(posting.alone, entry)
            for guard in guards:
                _remove_guarded(posting, guard, entry)
            if not posting.alone and not posting.guarded:
                del self._postings[key]
        return [key for key, _ in places if key not in self._postings]


def _remove_guarded(posting: _Posting[T], guard: str, entry: T) -> None:
    guarded = posting.guarded or {}
    guarded[guard] = _without(guarded[guard], entry)
    if not guarded[guard]:
        del guarded[guard]


def _without(entries: Iterable[T], entry: T) -> tuple[T, ...]:
    return tuple(other for other in entries if other is not entry)


def places(tree: Node, frequency: Frequency) -> Places:
    """Where a query belongs; nowhere if posts without any of its words meet it.

    Each alternative of a query has places of its own: for `"a b" OR "c d"` `a` guarded by `b` and
    `c` by `d` let through far less than `a` or `c` would.
    """
    found: dict[str, tuple[str, ...]] = {}
    for alternative in tree.children if isinstance(tree, Or) else (tree,):
        required = covers(alternative, frequency)
        if not required:
            return ()
        guards = _guards(required)
        for key in required[0].keys:
            found[key] = _merged(found[key], guards) if key in found else guards
    return tuple(found.items())


def _merged(some: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """Behind these or those: behind nothing, if either is nothing."""
    return tuple(dict.fromkeys((*some, *more))) if some and more else ()


def _guards(required: list[Cover]) -> tuple[str, ...]:
    """The cheapest cover after the keys that is small and has none of the keys in it."""
    keys = required[0].keys
    for guards in (cover.keys for cover in required[1:]):
        few = len(guards) <= _MAX_GUARDS and len(guards) * len(keys) <= _MAX_PAIRS
        if few and guards.isdisjoint(keys):
            return tuple(guards)
    return ()
