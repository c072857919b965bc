"""What is looked at again after it was first seen: comments of posts, counts, deletions.

Both keep their state in the source's cursor, bounded: what has waited longest without giving
anything is dropped first.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

_LOOK_AT_MOST: Final = 2_000
_FIRST: Final = 300.0
_SHORTEST: Final = 120.0
_LONGEST: Final = 7 * 86_400.0
_WANTED: Final = 5.0  # new comments that a look should find
_GROWS: Final = 2.0
_GIVE_UP: Final = 60 * 86_400.0
REFRESH_AFTER: Final = (3_600.0, 86_400.0, 7 * 86_400.0)
"""Seconds after a post's publication at which its counts are asked again."""


class Follow:
    """When the comments of each watched post are due. A lively thread is looked at every two
    minutes, a silent one ever more seldom, down to once a week, so that one that wakes up is seen;
    sixty days after its last comment it is let go."""

    def __init__(self, known: Any, *, most: int = _LOOK_AT_MOST) -> None:
        self._most = most
        # id: [due, rest, last new comment, mark]; times in seconds since 1970
        self._threads: dict[str, list[Any]] = {}
        if isinstance(known, Mapping):
            for name, row in known.items():
                if isinstance(name, str) and _row(row):
                    self._threads[name] = list(row)

    @property
    def state(self) -> dict[str, list[Any]]:
        """For the cursor."""
        return {name: list(row) for name, row in self._threads.items()}

    def add(self, name: str, now: datetime) -> None:
        """Watch this post; one that is watched already keeps its time."""
        if name in self._threads:
            return
        at = now.timestamp()
        self._threads[name] = [at + _FIRST, _FIRST, at, ""]
        while len(self._threads) > self._most:
            del self._threads[min(self._threads, key=lambda one: self._threads[one][2])]

    def drop(self, name: str) -> None:
        """It is gone."""
        self._threads.pop(name, None)

    def due(self, now: datetime, most: int = 50) -> list[str]:
        """Posts to look at now, the longest due first."""
        at = now.timestamp()
        found = [name for name, row in self._threads.items() if row[0] <= at]
        return sorted(found, key=lambda one: self._threads[one][0])[:most]

    def mark(self, name: str) -> str:
        """What the connector last wrote down: the newest comment that it knows."""
        row = self._threads.get(name)
        return str(row[3]) if row else ""

    def looked(self, name: str, now: datetime, fresh: int, mark: str = "") -> None:
        """So many new comments were found; the next look is due when some five more may be."""
        row = self._threads.get(name)
        if row is None:
            return
        at = now.timestamp()
        rest = row[1] * _WANTED / fresh if fresh else row[1] * _GROWS
        rest = min(max(rest, row[1] / 4, _SHORTEST), _LONGEST)
        last = at if fresh else row[2]
        if at - last > _GIVE_UP:
            del self._threads[name]
            return
        self._threads[name] = [at + rest, rest, last, mark or row[3]]


class Recheck:
    """Which posts are asked again, and when: at each of the ages `after`, in seconds (an hour, a
    day and a week), for their counts, and to see whether they are still there."""

    def __init__(
        self, known: Any, *, most: int = 20_000, after: Sequence[float] = REFRESH_AFTER
    ) -> None:
        self._most, self._after = most, tuple(after)
        self._due: dict[str, list[float]] = {}  # id: [due, published]
        if isinstance(known, Mapping):
            for name, row in known.items():
                if isinstance(name, str) and _pair(row):
                    self._due[name] = list(row)

    @property
    def state(self) -> dict[str, list[float]]:
        """For the cursor."""
        return {name: list(row) for name, row in self._due.items()}

    def add(self, name: str, published: datetime, now: datetime) -> None:
        """A post that was seen; one that is past its last age is not asked again."""
        born, at = published.timestamp(), now.timestamp()
        following = self._next(born, at)
        if following is None:
            return
        self._due.setdefault(name, [following, born])
        while len(self._due) > self._most:
            del self._due[next(iter(self._due))]

    def due(self, now: datetime, most: int = 100) -> list[str]:
        """Posts to ask again now, a batch at most."""
        at = now.timestamp()
        return [name for name, row in self._due.items() if row[0] <= at][:most]

    def asked(self, name: str, now: datetime) -> None:
        """It was asked again: due next at its next age, or never."""
        row = self._due.pop(name, None)
        if row is None:
            return
        at = now.timestamp()
        following = self._next(row[1], at)
        if following is not None:
            self._due[name] = [following, row[1]]

    def published(self, name: str) -> float | None:
        """Seconds since 1970, where the post is still to be asked."""
        row = self._due.get(name)
        return row[1] if row else None

    def _next(self, born: float, at: float) -> float | None:
        return next((born + age for age in self._after if born + age > at), None)


def _row(row: object) -> bool:
    return (
        isinstance(row, list)
        and len(row) == 4
        and all(isinstance(one, int | float) for one in row[:3])
        and isinstance(row[3], str)
    )


def _pair(row: object) -> bool:
    return (
        isinstance(row, list) and len(row) == 2 and all(isinstance(one, int | float) for one in row)
    )
