"""Searches over VKontakte's public posts, cut in time until all that is found can be reached."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors.base import Gap, Step
from connectors.errors import Retriable
from connectors.fields import count, mapping
from connectors.searches import Packed, turn
from connectors.slices import Found, sliced
from connectors.vk_api import FIELDS, entries
from connectors.vk_authors import authors, whole
from connectors.vk_desk import Desk, dated
from connectors.vk_desk import Found as Item
from connectors.vk_posts import wall_post

METHOD: Final = "newsfeed.search"
_PAGE: Final = 200
_REACH: Final = 1000
"""Posts that a search gives, however many it finds."""
_OVERLAP: Final = timedelta(seconds=120)
"""Posts enter the search some time after they are published."""
_SECOND: Final = timedelta(seconds=1)


async def search(
    desk: Desk, queries: Sequence[Packed], *, hours: int, a_day: float, poll: float
) -> AsyncIterator[Step]:
    """Each query from the newest post that it found before, or `hours` back, up to now."""
    asked = {one.query for one in queries}
    desk.searches = {name: row for name, row in desk.searches.items() if name in asked}
    for one in turn(queries, desk.last):
        row = desk.searches.setdefault(one.query, {})
        if not desk.due(row.get("asked", 0.0), len(queries), a_day, poll):
            continue
        async for step in _one(desk, one.query, row, hours):
            yield step
        row["asked"] = desk.now.timestamp()
        desk.last = one.query
        yield Step(cursor=desk.cursor())


async def _one(desk: Desk, query: str, row: dict[str, float], hours: int) -> AsyncIterator[Step]:
    newest = row.get("at", 0.0)
    until = desk.now.replace(microsecond=0) + _SECOND
    if newest:
        since = datetime.fromtimestamp(newest, UTC) - _OVERLAP
    else:
        since = until - timedelta(hours=hours)

    async def find(begin: datetime, end: datetime) -> Found[Item]:
        return await _found(desk, query, begin, end)

    async for part in sliced(since, until, find):
        for found in sorted(part.items, key=lambda one: dated(one[0])):
            newest = max(newest, min(dated(found[0]), desk.now.timestamp()))
            for step in desk.steps(found, wall_post):
                yield step
        if part.lost:
            yield Step(gap=_gap(query, part.since, part.until))
        if newest:
            row["at"] = newest
        yield Step(cursor=desk.cursor())


async def _found(desk: Desk, query: str, begin: datetime, end: datetime) -> Found[Item]:
    """What the query finds in [`begin`, `end`); the first page alone where there is too much."""
    items: list[Item] = []
    seen: set[tuple[int, int]] = set()
    after, total = "", 0
    while True:
        response = await desk.api.call(METHOD, _params(query, begin, end, after))
        fields = mapping(response)
        if not isinstance(response, list) and "items" not in fields:
            raise Retriable(f"vk: {METHOD} answered no list of items")
        known = authors(response)
        page = [one for one in entries(response) if _name(one) not in seen]
        seen.update(_name(one) for one in page if all(_name(one)))
        items += [(one, known) for one in page]
        total = max(total, count(fields.get("total_count")) or count(fields.get("count")) or 0)
        if total > _REACH and end - begin > _SECOND and _obeyed(items, begin, end):
            return Found(items, whole=False)
        following = fields.get("next_from")
        if not page or not isinstance(following, str) or not following or len(items) >= _REACH:
            return Found(items, whole=total <= _REACH or not _obeyed(items, begin, end))
        after = following


def _params(query: str, begin: datetime, end: datetime, after: str) -> dict[str, str]:
    params = {
        "q": query,
        "count": str(_PAGE),
        "start_time": str(int(begin.timestamp())),
        "end_time": str(int(end.timestamp()) - 1),
        "extended": "1",
        "fields": FIELDS,
    }
    return {**params, "start_from": after} if after else params


def _name(item: object) -> tuple[int, int]:
    fields = mapping(item)
    return whole(fields.get("owner_id"), fields.get("source_id")), whole(fields.get("id"))


def _obeyed(items: Sequence[Item], begin: datetime, end: datetime) -> bool:
    """A server that does not heed the times asked for is not asked for shorter ones."""
    times = [dated(item) for item, _ in items]
    slack = 3600.0
    return all(begin.timestamp() - slack <= at <= end.timestamp() + slack for at in times if at)


def _gap(query: str, since: datetime, until: datetime) -> Gap:
    return Gap(
        since=since.isoformat(),
        until=until.isoformat(),
        reason=f"vk: more than {_REACH} posts in a second for '{query:.60}', some out of reach",
    )
