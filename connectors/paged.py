"""Lists that run from their newest entry back, page by page, until a moment in time."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from connectors.post import Post
from connectors.slices import Slice

Page = tuple[Sequence[Any], str]
"""The entries of a page, and what to ask for the following one: empty at the end."""


async def back(
    fetch: Callable[[str], Awaitable[Page]],
    since: datetime,
    until: datetime,
    at: Callable[[Any], datetime | None],
    *,
    most: int = 20,
) -> Slice[Any]:
    """A list that runs from its newest entry back, read until `since`, at most `most` pages, and
    given oldest entry first. A page that only repeats what came before is the end."""
    found: dict[bytes, Any] = {}
    following, oldest = "", until
    for _ in range(most):
        page, following = await fetch(following)
        before = len(found)
        for item in page:
            found.setdefault(msgspec.json.encode(item), item)
        told = [moment for moment in map(at, page) if moment is not None]
        oldest = min([oldest, *told])
        ended = not following or len(found) == before
        if ended or (told and told[-1] < since):
            return Slice(since, until, [*found.values()][::-1])
    return Slice(since, oldest, [*found.values()][::-1], lost=True)


def moments(as_post: Callable[[Any, datetime], Post], now: datetime) -> Callable[[Any], Any]:
    """When an entry was published, for `back`; `None` where it can't be read."""

    def at(item: Any) -> datetime | None:
        try:
            return as_post(item, now).created_at
        except ValueError:
            return None

    return at
