"""Rough words to the topics that a post with those words may meet."""

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from operator import itemgetter
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

from streams.criteria import rough
from streams.criteria.keys import Cover, Frequency, covers
from streams.criteria.patterns import Patterns, is_pattern, kind_of
from streams.criteria.rough import Rough
from streams.criteria.signals import is_fact
from streams.criteria.syntax import Node, Or

T = TypeVar("T")
P = TypeVar("P")
Places = tuple[tuple[str, tuple[str, ...]], ...]
"""Where an entry stands, in exact terms: under each key, behind any of its guards if there are
some."""

_MAX_GUARDS: Final = 8
_MAX_PAIRS: Final = 64
_LEVELS: Final = (6, 4, 3, 2)
"""Beginnings are looked up by so many of their letters: each length in use costs 0.7 µs a post."""
_SLOW: Final = 0.02
_MAX_REMEMBERED: Final = 50_000


_Beginning = Callable[[Any], Any]
"""The first letters of a rough word, as many as it was made for."""


class _Where(NamedTuple):
    """How a term is looked up: as a word (or a fact), by its beginning, or as a pattern."""

    kind: Literal["word", "start", "pattern"]
    value: Rough


class _Table(Generic[P]):
    """Things by how they are looked up: by a word or a fact, or by the beginning of a word."""

    __slots__ = ("starts", "words")

    def __init__(self) -> None:
        self.words: dict[Rough, P] = {}
        self.starts: dict[int, tuple[_Beginning, dict[Rough, P]]] = {}

    def __bool__(self) -> bool:
        return bool(self.words or self.starts)

    def under(self, where: _Where) -> dict[Rough, P]:
        """Where it stands, or would."""
        if where.kind == "word":
            return self.words
        length = len(where.value)
        return self.starts.setdefault(length, (itemgetter(slice(length)), {}))[1]

    def drop(self, where: _Where) -> None:
        """Take out what stands there."""
        table = self.under(where)
        table.pop(where.value, None)
        if where.kind == "start" and not table:
            del self.starts[len(where.value)]

    def everything(self) -> Iterator[P]:
        """All that stands here."""
        yield from self.words.values()
        for _, table in self.starts.values():
            yield from table.values()

    def carried(self, words: Iterable[Rough]) -> list[P]:
        """What stands under one of the words of a post, or under the beginning of one."""
        keys = self.words.keys() & words
        found = [self.words[key] for key in keys] if keys else []
        for beginning, table in self.starts.values():
            if begun := table.keys() & map(beginning, words):
                found += [table[key] for key in begun]
        return found


class _Posting(Generic[T]):
    """The entries under one key: those met by the key alone, and those that want a guard too."""

    __slots__ = ("alone", "guarded")

    def __init__(self) -> None:
        self.alone: tuple[T, ...] = ()
        self.guarded: _Table[tuple[T, ...]] = _Table()

    def __bool__(self) -> bool:
        return bool(self.alone or self.guarded)


class Index(Generic[T]):
    """Adding, removing and asking are independent of how many entries there are."""

    def __init__(self) -> None:
        self._keys: _Table[_Posting[T]] = _Table()
        self._matching: dict[Rough, _Posting[T]] = {}
        self._patterns = Patterns()
        self._met = _Met(self._patterns)

    def candidates(
        self, text: str, hashtags: Iterable[str] = (), facts: Collection[str] = ()
    ) -> set[T]:
        """Entries that a post does not rule out, by its text, the terms of the hashtags that its
        source lists, and its facts."""
        words = rough.words(text)
        if hashtags:
            words += rough.of_terms(hashtags)
        if facts:
            words += facts
        postings = self._keys.carried(words)
        if self._matching:
            postings += [
                self._matching[term] for term in self._met.terms(words, rough.joined(text))
            ]
        return _chosen(postings, words) if postings else set()

    def add(self, entry: T, places: Places) -> None:
        """Put the entry at its places."""
        for key, guards in places:
            where = _where(key)
            table = self._under(where)
            posting = table.get(where.value)
            if posting is None:
                posting = table[where.value] = _Posting()
                if where.kind == "pattern" and self._patterns.add(key):
                    self._met.clear()
            if not guards:
                posting.alone = (*posting.alone, entry)
            for guard in map(_where, guards):
                behind = posting.guarded.under(guard)
                behind[guard.value] = (*behind.get(guard.value, ()), entry)

    def remove(self, entry: T, places: Places) -> None:
        """Undo `add` with the same places."""
        for key, guards in places:
            where = _where(key)
            posting = self._under(where).get(where.value)
            if posting is None:
                continue  # two exact terms may be one rough term
            posting.alone = _without(posting.alone, entry)
            for guard in map(_where, guards):
                _remove(posting.guarded, guard, entry)
            if not posting:
                self._drop(where)

    def under(self, words: Iterable[Rough]) -> set[T]:
        """All entries that stand under one of these words."""
        found: set[T] = set()
        for word in self._keys.words.keys() & words:
            posting = self._keys.words[word]
            found.update(posting.alone, *posting.guarded.everything())
        return found

    def _under(self, where: _Where) -> dict[Rough, _Posting[T]]:
        return self._matching if where.kind == "pattern" else self._keys.under(where)

    def _drop(self, where: _Where) -> None:
        if where.kind != "pattern":
            self._keys.drop(where)
            return
        del self._matching[where.value]
        self._patterns.remove(str(where.value))
        self._met.clear()


def _chosen(postings: list[_Posting[T]], words: list[Rough]) -> set[T]:
    found: set[T] = set()
    for posting in postings:
        if posting.alone:
            found.update(posting.alone)
        if posting.guarded:
            found.update(*posting.guarded.carried(words))
    return found


class _Met:
    """The patterns that words meet: remembered, for posts repeat their words. Bounded memory."""

    def __init__(self, patterns: Patterns) -> None:
        self._patterns = patterns
        self._known: dict[Rough, tuple[str, ...]] = {}

    def clear(self) -> None:
        self._known.clear()

    def terms(self, words: Iterable[Rough], exact: Iterable[str]) -> set[str]:
        """All patterns that one of the words meets."""
        if len(self._known) > _MAX_REMEMBERED:
            self._known.clear()
        found: set[str] = set()
        for word in {*words, *exact}:
            met = self._known.get(word)
            if met is None:
                met = self._known[word] = tuple(self._patterns.met(rough.decoded(word)))
            found.update(met)
        return found


def _where(term: str) -> _Where:
    """How the index looks for what a post with this exact term carries."""
    if is_fact(term):
        return _Where("word", term)
    start = term[:-1]
    if start and term[-1] == "*" and not is_pattern(start):
        return _beginning(start)
    if not is_pattern(term):
        return _Where("word", rough.encoded(rough.part(term)))
    if kind_of(term) == "elision":
        return _Where("word", rough.encoded(rough.part(term[1:])))
    return _Where("pattern", term)


def _beginning(start: str) -> _Where:
    """A `prefix*`: by its first letters, or by the whole words before its last joiner."""
    longest = rough.part(start)
    if not start.endswith(longest):
        return _Where("word", rough.encoded(longest))
    encoded = rough.encoded(longest)
    length = next((level for level in _LEVELS if level <= len(encoded)), len(encoded))
    return _Where("start", encoded[:length])


def _remove(guarded: _Table[tuple[T, ...]], guard: _Where, entry: T) -> None:
    table = guarded.under(guard)
    left = _without(table.get(guard.value, ()), entry)
    if left:
        table[guard.value] = left
    else:
        guarded.drop(guard)


def _without(entries: tuple[T, ...], entry: T) -> tuple[T, ...]:
    return tuple(other for other in entries if other is not entry)


def places(tree: Node, frequency: Frequency) -> Places:
    """Where a query belongs; nowhere if posts without any of its words meet it.

    Each alternative of a query has places of its own: for `"a b" OR "c d"` `a` guarded by `b` and
    `c` by `d` let through far less than `a` or `c` would.
    """
    found: dict[str, tuple[str, ...]] = {}
    cost = partial(_cost, frequency)
    for alternative in tree.children if isinstance(tree, Or) else (tree,):
        required = covers(alternative, cost)
        if not required:
            return ()
        guards = _guards(required)
        for key in required[0].keys:
            found[key] = _merged(found[key], guards) if key in found else guards
    return tuple(found.items())


def _cost(frequency: Frequency, term: str) -> float:
    """How much better another key would be: beginnings and patterns take time at every post."""
    return frequency(term) + (_SLOW if term[-1] in "*~/" or "?" in term else 0)


def _merged(some: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """Behind these or those: behind nothing, if either is nothing."""
    return tuple(dict.fromkeys((*some, *more))) if some and more else ()


def _guards(required: list[Cover]) -> tuple[str, ...]:
    """The cheapest cover after the keys that is small, has no patterns and none of the keys."""
    keys = required[0].keys
    for guards in (cover.keys for cover in required[1:]):
        few = len(guards) <= _MAX_GUARDS and len(guards) * len(keys) <= _MAX_PAIRS
        if few and guards.isdisjoint(keys) and all(_where(g).kind != "pattern" for g in guards):
            return tuple(guards)
    return ()
