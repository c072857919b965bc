"""Searches that reach only their first N results: cut in time until each part fits."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Found(Generic[Item]):
    """What a search of a time span gave. `whole` is false where there was more than can be
    reached."""

    items: Sequence[Item]
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Slice(Generic[Item]):
    """A part of the time asked for, with all that can be had of it; `lost` where even the shortest
    part held more."""

    since: datetime
    until: datetime
    items: Sequence[Item]
    lost: bool = False


async def sliced(
    since: datetime,
    until: datetime,
    find: Callable[[datetime, datetime], Awaitable[Found[Item]]],
    *,
    shortest: timedelta = timedelta(seconds=1),
) -> AsyncIterator[Slice[Item]]:
    """All of [`since`, `until`), oldest part first, each asked once it fits. The number of calls
    grows with the logarithm of how much too much there is."""
    waiting = [(since, until)]
    while waiting:
        begin, end = waiting.pop()
        found = await find(begin, end)
        if not found.whole and end - begin > shortest:
            middle = begin + (end - begin) / 2
            if shortest >= timedelta(seconds=1):
                middle = middle.replace(microsecond=0)
            if begin < middle < end:
                waiting += [(middle, end), (begin, middle)]
                continue
        yield Slice(begin, end, found.items, lost=not found.whole)
