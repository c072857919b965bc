"""Lists that come newest first and tell when: read back to a moment, and turned oldest first.

Lists without an order are known by the ids that were seen (`Memory`). `connectors.newest_first`
knows lists in order by their newest ids, and `connectors.listings` sees what changes in them; here
each entry has a cursor of its own, and long lists and threads keep short marks.
"""

import hashlib
from collections.abc import AsyncIterable, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

import msgspec

from connectors.base import Gap

OVERLAP: Final = 3_600.0
"""Seconds that an entry may take until its list shows it, as one that had to be approved."""
_KEPT: Final = 100


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a list was read: its newest moment `at`, in seconds since 1970; the `floor`, before
    which nothing is looked for; and the keys of what was read since then, with their moments. Its
    text goes into a cursor."""

    at: float = 0.0
    floor: float = 0.0
    rows: tuple[tuple[float, str], ...] = ()

    @classmethod
    def of(cls, text: object) -> Self:
        """The mark that was written so; the beginning for anything else."""
        try:
            at, floor, *rows = text.split(" ") if isinstance(text, str) else [""]
            pairs = [row.rpartition("=") for row in rows]
            return cls(float(at), float(floor), tuple((float(one), key) for key, _, one in pairs))
        except ValueError:
            return cls()

    def __str__(self) -> str:
        rows = (f"{key}={at!r}" for at, key in self.rows)
        return " ".join((repr(self.at), repr(self.floor), *rows))

    def knows(self, at: float, key: str) -> bool:
        return at < self.floor or any(key == one for _, one in self.rows)

    def past(self, at: float, key: str) -> "Mark":
        """The mark once this one is read, too: one of at most a hundred whose keys are kept."""
        newest = max(self.at, at)
        floor = max(self.floor, newest - OVERLAP)
        rows = sorted(row for row in {*self.rows, (at, key)} if row[0] >= floor)[-_KEPT:]
        if len(rows) == _KEPT:
            floor = rows[0][0]
        return Mark(newest, floor, tuple(rows))


@dataclass(frozen=True, slots=True)
class Fresh:
    """Entries and the mark after each, oldest first. `whole` is false where older ones that were
    not read either are left: more than `most`."""

    entries: list[tuple[Any, Mark]]
    whole: bool = True

    def gap(self, path: str, mark: Mark) -> Gap | None:
        """What lies between `mark` and the oldest entry, where not all was read. A list that is
        read for the first time has none."""
        if self.whole or not mark.at:
            return None
        since, until = (
            datetime.fromtimestamp(one.at, UTC).isoformat() for one in (mark, self.entries[0][1])
        )
        return Gap(since=since, until=until, reason=f"{path} had more that is new than is read")


async def read_since(
    pages: AsyncIterable[list[Any]],
    mark: Mark,
    when: Callable[[Any], float | None],
    most: int,
) -> Fresh:
    """What `pages` has that `mark` does not know. Reads on until a page has only older entries,
    at most about `most` entries; a list that is sorted the other way is read to its end. An entry
    without a moment is put beside its older neighbour."""
    found: dict[str, tuple[float, Any]] = {}
    whole = True
    async for page in pages:
        timed = list(_timed(page, when))
        found |= {key: (at, one) for at, key, one in timed if not mark.knows(at, key)}
        falling = bool(timed) and timed[0][0] <= timed[-1][0]  # `timed` is the page from its end
        if mark.at and falling and all(at < mark.floor for at, _, _ in timed):
            break
        if len(found) >= most:
            whole = False
            break
    entries = []
    for key, (at, one) in sorted(found.items(), key=lambda item: item[1][0]):
        mark = mark.past(at, key)
        entries.append((one, mark))
    return Fresh(entries, whole)


def _timed(
    page: Iterable[Any], when: Callable[[Any], float | None]
) -> Iterator[tuple[float, str, Any]]:
    moments = [(when(one), one) for one in page]
    known = [at for at, _ in moments if at is not None]
    older = min(known, default=0.0)
    for at, one in reversed(moments):
        older = older if at is None else at
        yield older, _key(one), one


def _key(entry: Any) -> str:
    name = entry.get("id") if isinstance(entry, dict) else None
    if isinstance(name, str | int) and " " not in str(name):
        return str(name)
    return hashlib.blake2b(msgspec.json.encode(entry), digest_size=12).hexdigest()


class Memory:
    """Which entries of lists without an order were seen: the last so many of each list."""

    def __init__(self, known: Any, *, most: int = 1_000) -> None:
        self._most = most
        self._seen: dict[str, dict[str, None]] = {}
        if isinstance(known, dict):
            for name, keys in known.items():
                if isinstance(keys, list):
                    self._seen[str(name)] = dict.fromkeys(str(key) for key in keys)

    @property
    def state(self) -> dict[str, list[str]]:
        """For the cursor."""
        return {name: list(keys) for name, keys in self._seen.items()}

    def knows(self, name: str) -> bool:
        """Whether anything of this list was seen."""
        return bool(self._seen.get(name))

    def keep(self, names: Collection[str]) -> None:
        """Forget all other lists."""
        self._seen = {name: keys for name, keys in self._seen.items() if name in names}

    def learn(self, name: str, entries: Iterable[Any]) -> None:
        """What was seen now counts as the newest."""
        seen = self._seen.setdefault(name, {})
        for entry in entries:
            key = _key(entry)
            seen.pop(key, None)
            seen[key] = None
        while len(seen) > self._most:
            del seen[next(iter(seen))]

    async def unknown(
        self, name: str, pages: AsyncIterable[list[Any]], most: int
    ) -> tuple[list[Any], bool]:
        """What was not seen before, last page first, and whether that is all: pages are read until
        one holds nothing new, or about `most` entries are found. `learn` them once they are
        safe."""
        seen = self._seen.get(name, {})
        found: dict[str, Any] = {}
        async for page in pages:
            new = {key: one for one in page if (key := _key(one)) not in seen}
            fresh = new.keys() - found.keys()
            found |= new
            if page and not fresh:
                break
            if len(found) >= most:
                return list(found.values())[::-1], False
        return list(found.values())[::-1], True
