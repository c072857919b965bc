"""VKontakte's walls: new and edited posts of each, and posts that are asked for again."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from connectors.base import Gap, Step
from connectors.errors import Refused, Retriable
from connectors.fields import count, mapping
from connectors.post import Post
from connectors.vk_api import FIELDS, Closed, entries
from connectors.vk_authors import SITE, authors, whole
from connectors.vk_desk import Desk, Found
from connectors.vk_posts import gone, wall_post

METHOD: Final = "wall.get"
_PAGE: Final = 100
_MOST_PAGES: Final = 20
_BATCH: Final = 50
_MOST_BATCHES: Final = 20
_NUMBERED = re.compile(r"(id|club|public|event)(\d{1,18})")


def wall(name: str) -> dict[str, str]:
    """The parameter that leads to a wall: `-1`, `club1`, `id1`, `apiclub` or its address."""
    short = name.split("?", 1)[0].rstrip("/").rsplit("/", 1)[-1].lstrip("@")
    if re.fullmatch(r"-?\d{1,18}", short):
        return {"owner_id": short}
    if found := _NUMBERED.fullmatch(short):
        return {"owner_id": found[2] if found[1] == "id" else f"-{found[2]}"}
    return {"domain": short}


async def walls(
    desk: Desk, names: Sequence[str], *, a_day: float, poll: float
) -> AsyncIterator[Step]:
    """What is new on each wall, oldest first. Raises `Closed` where none at all is open."""
    desk.walls = {name: row for name, row in desk.walls.items() if name in names}
    closed: list[Closed] = []
    for name in sorted(names, key=lambda one: desk.walls.get(one, {}).get("asked", 0.0)):
        row = desk.walls.setdefault(name, {})
        if not desk.due(row.get("asked", 0.0), len(names), a_day, poll):
            continue
        try:
            async for step in _wall(desk, name, row):
                yield step
        except Closed as error:
            desk.context.on_note(f"the wall {name} can't be read: {error}")
            closed.append(error)
        row["asked"] = desk.now.timestamp()
        yield Step(cursor=desk.cursor())
    if closed and len(closed) == len(names):
        raise closed[0]


async def _wall(desk: Desk, name: str, row: dict[str, float]) -> AsyncIterator[Step]:
    last, edited = int(row.get("last", 0)), int(row.get("edited", 0))
    fresh: dict[int, Found] = {}
    changed: list[Found] = []
    unnumbered: list[Found] = []
    for number in range(_MOST_PAGES):
        response = await desk.api.call(METHOD, _params(name, number))
        if not isinstance(response, list) and "items" not in mapping(response):
            raise Retriable(f"vk: {METHOD} answered no list of items")
        known, items = authors(response), entries(response)
        before = len(fresh)
        for item in items:
            post = whole(mapping(item).get("id"))
            if post > last:
                fresh[post] = (item, known)
            elif post <= 0:
                unnumbered.append((item, known))
            elif _edited(item) > edited:
                changed.append((item, known))
        reached = any(_met(item, last) for item in items)
        total = count(mapping(response).get("count")) or 0
        if not last or reached or len(fresh) == before or (number + 1) * _PAGE >= total:
            break
    else:
        yield Step(gap=_gap(name, last, min(fresh)))
    for found in [*changed, *unnumbered, *(fresh[post] for post in sorted(fresh))]:
        for step in desk.steps(found, wall_post):
            yield step
    newest = (_edited(item) for item, _ in [*changed, *fresh.values()])
    row["edited"] = float(max(edited, *newest, 0))
    row["last"] = float(max(last, *fresh, 0))


async def refresh(desk: Desk) -> AsyncIterator[Step]:
    """Posts whose hour, day or week is over: their counts, or that they are gone."""
    for _ in range(_MOST_BATCHES):
        names = desk.recheck.due(desk.now, _BATCH)
        if not names:
            return
        published = desk.recheck.state
        params = {"posts": ",".join(names), "extended": "1", "fields": FIELDS}
        try:
            response = await desk.api.call("wall.getById", params)
        except (Closed, Refused) as error:
            desk.context.on_note(f"counts can't be asked for again: {error}")
            return
        if not isinstance(response, list) and "items" not in mapping(response):
            raise Retriable("vk: wall.getById answered no list of items")
        known, still = authors(response), set[str]()
        for item in entries(response):
            fields = mapping(item)
            still.add(f"{whole(fields.get('owner_id'), fields.get('to_id'))}_{fields.get('id')}")
            for step in desk.steps((item, known), wall_post, watch=False):
                yield step
        for name in names:
            if name not in still:
                desk.follow.drop(name)
                yield Step(post=_deletion(desk, name, published[name][1]))
            desk.recheck.asked(name, desk.now)
        yield Step(cursor=desk.cursor())


def _deletion(desk: Desk, name: str, published: float) -> Post:
    created = datetime.fromtimestamp(published, UTC)
    return gone(f"vk:{name}", created, desk.now, url=f"{SITE}/wall{name}")


def _params(name: str, page: int) -> Mapping[str, str]:
    return {
        **wall(name),
        "count": str(_PAGE),
        "offset": str(page * _PAGE),
        "filter": "all",
        "extended": "1",
        "fields": FIELDS,
    }


def _met(item: object, last: int) -> bool:
    """A pinned post stands first, however old it is."""
    fields = mapping(item)
    return 0 < whole(fields.get("id")) <= last and fields.get("is_pinned") not in (1, True)


def _edited(item: object) -> int:
    return whole(mapping(item).get("edited"))


def _gap(name: str, last: int, first: int) -> Gap:
    return Gap(
        since=f"wall {name} post {last}",
        until=f"wall {name} post {first}",
        reason=f"vk: more than {_MOST_PAGES * _PAGE} posts came onto the wall between two passes",
    )
