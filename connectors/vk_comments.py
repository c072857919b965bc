"""Comments under VKontakte's posts, in threads. All of a wall share one row of rising numbers, so
what is new has a number above the highest that was read."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from connectors.base import Gap, Step
from connectors.errors import Refused
from connectors.fields import count, mapping, mappings
from connectors.post import Author, Post
from connectors.vk_api import FIELDS, Api, Closed, entries
from connectors.vk_authors import authors, whole
from connectors.vk_desk import Desk, Found, Read
from connectors.vk_posts import wall_comment

_PAGE: Final = 100
_THREAD: Final = 10
_MOST_PAGES: Final = 10
_MOST_LOOKS: Final = 50


async def comments(desk: Desk) -> AsyncIterator[Step]:
    """New comments of the watched posts that are due, and of posts first seen with comments."""
    names = dict.fromkeys([*desk.talked_of, *desk.follow.due(desk.now, _MOST_LOOKS)])
    for name in list(names)[:_MOST_LOOKS]:
        try:
            look = await _look(desk.api, name, desk.follow.mark(name))
        except Closed:
            desk.follow.drop(name)
            continue
        except Refused as error:
            desk.context.on_note(f"comments can't be read: {error}")
            return
        for number in sorted(look.fresh):
            for step in desk.steps(look.fresh[number], _reader(name), watch=False):
                yield step
        for found in look.unnumbered:
            for step in desk.steps(found, _reader(name), watch=False):
                yield step
        if look.cut:
            yield Step(gap=_gap(name, look))
        desk.follow.looked(name, desk.now, len(look.fresh), look.mark)
        yield Step(cursor=desk.cursor())


@dataclass(slots=True)
class _Look:
    """What was found under one post. `newest` and `known` are of the look before."""

    newest: int
    known: int
    total: int = 0
    cut: bool = False
    fresh: dict[int, Found] = field(default_factory=dict)
    unnumbered: list[Found] = field(default_factory=list)
    threads: dict[int, int] = field(default_factory=dict)
    """Threads that hold more than was shown, with their sizes."""

    @property
    def mark(self) -> str:
        return f"{max(self.newest, *self.fresh, 0)}:{self.total}"

    @property
    def enough(self) -> bool:
        """All that was added since is found, going by the source's own count."""
        return len(self.fresh) >= self.total - self.known

    def take(self, items: list[Any], known: Mapping[int, Author]) -> None:
        """Keep what is new among these."""
        for item in items:
            number = _number(item)
            if number <= 0:
                self.unnumbered.append((item, known))
            elif number > self.newest:
                self.fresh.setdefault(number, (item, known))


async def _look(api: Api, name: str, mark: str) -> _Look:
    newest, _, known = mark.partition(":")
    look = _Look(int(newest or 0), int(known or 0))
    seen: set[int] = set()
    for page in range(_MOST_PAGES):
        response = await api.call("wall.getComments", _params(name, page))
        fields, items, people = mapping(response), entries(response), authors(response)
        numbers = {_number(one) for one in items}
        if not numbers - seen:
            break
        seen |= numbers
        look.take(items, people)
        if not page:
            look.total = count(fields.get("count")) or 0
        for top, inner, size in _threads(items):
            look.take(inner, people)
            if size > len(inner):
                look.threads[top] = size
            if "current_level_count" not in fields:
                look.total += size
        level = count(fields.get("current_level_count", fields.get("count"))) or 0
        if (look.enough and min(numbers) <= look.newest) or (page + 1) * _PAGE >= level:
            break
    else:
        look.cut = True
    for top in sorted(look.threads, reverse=True):
        if look.enough:
            break
        await _thread(api, name, top, look)
    return look


async def _thread(api: Api, name: str, top: int, look: _Look) -> None:
    for page in range(_MOST_PAGES):
        params = {**_params(name, page), "comment_id": str(top)}
        response = await api.call("wall.getComments", params)
        items = entries(response)
        before = len(look.fresh)
        look.take(items, authors(response))
        if len(look.fresh) == before or len(items) < _PAGE:
            return
    look.cut = True


def _number(item: object) -> int:
    return whole(mapping(item).get("id"), mapping(item).get("cid"))


def _threads(items: list[Any]) -> Iterator[tuple[int, list[Any], int]]:
    for item in items:
        thread = mapping(mapping(item).get("thread"))
        inner: list[Any] = list(mappings(thread.get("items")))
        yield _number(item), inner, count(thread.get("count")) or 0


def _params(name: str, page: int) -> dict[str, str]:
    owner, _, post = name.partition("_")
    return {
        "owner_id": owner,
        "post_id": post,
        "need_likes": "1",
        "sort": "desc",
        "count": str(_PAGE),
        "offset": str(page * _PAGE),
        "preview_length": "0",
        "thread_items_count": str(_THREAD),
        "extended": "1",
        "fields": FIELDS,
    }


def _reader(name: str) -> Read:
    def read(item: object, known: Mapping[int, Author], now: datetime) -> Post:
        return wall_comment(item, known, now, post=name)

    return read


def _gap(name: str, look: _Look) -> Gap:
    return Gap(
        since=f"comment {look.newest} of post {name}",
        until=f"comment {min(look.fresh, default=0)} of post {name}",
        reason=f"vk: more than {_MOST_PAGES * _PAGE} comments came between two looks",
    )
