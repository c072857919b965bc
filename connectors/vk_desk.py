"""What the parts of one pass over VKontakte share: the API, what is remembered, how to read."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from connectors import http
from connectors.base import Context, Cursor, Step, unreadable
from connectors.fields import mapping
from connectors.follow import Follow, Recheck
from connectors.post import Author, Post
from connectors.quota import Quota
from connectors.text import line
from connectors.vk_api import Api
from connectors.vk_authors import whole

Read = Callable[[object, Mapping[int, Author], datetime], Post]
Found = tuple[Any, Mapping[int, Author]]
"""An item, and the authors that came with it."""

_MOST_RECHECKED: Final = 5_000
_MOST_TALKED: Final = 50


class Desk:
    """The cursor taken apart. Parts write into `searches` and `walls`, then yield `cursor()`."""

    def __init__(
        self,
        context: Context,
        api: Api,
        cursor: Cursor,
        quotas: Mapping[str, Quota],
        *,
        comments: bool,
        refresh: bool,
    ) -> None:
        fields = mapping(cursor)
        self.context, self.api = context, api
        self.now = http.current_time(context)
        self.searches: dict[str, dict[str, float]] = _numbers(fields.get("searches"))
        self.walls: dict[str, dict[str, float]] = _numbers(fields.get("walls"))
        self.last = line(fields.get("last"))
        self.follow = Follow(fields.get("follow"))
        self.recheck = Recheck(fields.get("recheck"), most=_MOST_RECHECKED)
        self.talked_of: list[str] = []
        """Posts first seen in this pass that have comments already."""
        self._quotas = quotas
        self._comments, self._refresh = comments, refresh
        self._told: set[tuple[str, int, str]] = set()

    def cursor(self) -> Cursor:
        """Where to resume from after what was yielded so far."""
        return {
            "searches": {name: dict(row) for name, row in self.searches.items()},
            "walls": {name: dict(row) for name, row in self.walls.items()},
            "last": self.last,
            "follow": self.follow.state,
            "recheck": self.recheck.state,
            "used": {name: quota.state for name, quota in self._quotas.items()},
        }

    def heard(self, now: datetime) -> None:
        """A stream was listened to until now: a search need not go back further."""
        self.now = now
        for row in self.searches.values():
            row["at"] = row["asked"] = now.timestamp()

    def steps(self, found: Found, read: Read, *, watch: bool = True) -> Iterator[Step]:
        """The item as a post, once a pass, or as a dead letter; `watch` its comments and counts."""
        item, known = found
        try:
            post = read(item, known, self.now)
        except ValueError as error:
            fields = mapping(item)
            place = (
                f"vk {fields.get('owner_id', '')!s:.24}_{fields.get('id', '(without id)')!s:.24}"
            )
            raw = msgspec.json.encode(item)
            yield unreadable(place, error, raw)
            return
        version = (post.id, post.version, post.state)
        if version in self._told:
            return
        self._told.add(version)
        if watch and post.kind == "post" and post.state != "deleted":
            self._watch(post)
        yield Step(post=post)

    def _watch(self, post: Post) -> None:
        name = native(post.id)
        if self._refresh:
            self.recheck.add(name, post.created_at, self.now)
        if not self._comments:
            return
        self.follow.add(name, self.now)
        unread = not self.follow.mark(name) and post.engagement.replies
        if unread and len(self.talked_of) < _MOST_TALKED:
            self.talked_of.append(name)

    def due(self, asked: float, many: int, a_day: float, poll: float) -> bool:
        """Whether one of `many` is asked again in this pass, so that a day's calls last a day."""
        rest = many * 86_400 / a_day
        return rest <= poll or self.now.timestamp() - asked >= rest


def native(name: str) -> str:
    """`-1_23` of `vk:-1_23`."""
    return name.removeprefix("vk:")


def dated(item: object) -> float:
    """When an item was published, in seconds since 1970; 0 where it does not say."""
    return float(max(0, min(whole(mapping(item).get("date")), 2**40)))


def _numbers(value: object) -> dict[str, dict[str, float]]:
    return {
        name: {key: float(one) for key, one in row.items() if isinstance(one, int | float)}
        for name, row in mapping(value).items()
        if isinstance(row, dict)
    }
