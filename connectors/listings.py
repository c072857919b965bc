"""Lists that show the newest first and whose items change: the new, the edited, the unreachable.

`connectors.newest_first` pages back to what is known. Here pages are read on over a time in which
items may come late or change, and each is compared with what was read: what is listed again with
other words is an edit, whatever the source calls it, and keeps the time at which it was first
published.
"""

import contextlib
import dataclasses
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from connectors import http
from connectors.base import Context, Cursor, Gap, Option, Step, unreadable
from connectors.errors import Refused
from connectors.fields import mapping
from connectors.post import Post, encode
from connectors.text import line

BACKFILL: Final = Option(
    "backfill", "How many of the latest items of each list the first start reads.", 200
)
_MOST_KNOWN: Final = 500
_MOST_PAGES: Final = 200

Pages = AsyncGenerator[Sequence[Any], None]
Read = Callable[[str, Any], Post | None]
"""The post of an item of the list named so; `None` for what is no post. Raises `ValueError`."""


@dataclasses.dataclass(slots=True)
class _Row:
    """What is kept of an item: seconds since 1970 (`edited` is 0 for never), and digests."""

    moment: float
    created: float = 0.0
    edited: float = 0.0
    words: str = ""
    whole: str = ""


class Listing:
    """One list. Items filed more than `overlap` before the newest that was read are not looked
    for.

    `state` goes into the cursor and back in as `known`: `{"newest": seconds since 1970, "known":
    {id: [moment, created, edited, digest of the words, digest of all]}}`.
    """

    def __init__(
        self, context: Context, name: str, known: Any, *, backfill: int, overlap: timedelta
    ) -> None:
        fields = mapping(known)
        self._context, self._name, self._backfill = context, name, backfill
        self._overlap = overlap.total_seconds()
        newest = fields.get("newest")
        self._newest = float(newest) if isinstance(newest, int | float) else None
        self._known: dict[str, _Row] = {}
        for key, row in mapping(fields.get("known")).items():
            with contextlib.suppress(TypeError):
                self._known[key] = _Row(*row)
        self.missed: tuple[datetime, datetime] | None = None
        """Between what was read before and what could be reached now, once `steps` ended."""

    @property
    def state(self) -> dict[str, Any]:
        """For the cursor."""
        known = {key: list(dataclasses.astuple(row)) for key, row in self._known.items()}
        return {"newest": self._newest, "known": known}

    async def steps(self, pages: Pages, read: Read) -> AsyncIterator[Step]:
        """What can't be read, then what is new or changed, oldest first."""
        now = http.current_time(self._context)
        first, before = self._newest is None, self._newest or 0.0
        horizon = before - self._overlap
        found: dict[str, Post] = {}
        number = 0
        async with contextlib.aclosing(pages):
            async for page in pages:
                number += 1
                posts, dead = self._page(page, read, now)
                for step in dead:
                    yield step
                fresh = [post for post in posts if post.id not in found]
                found.update({post.id: post for post in reversed(fresh)})
                enough = len(found) >= self._backfill
                past = bool(posts) and _moment(posts[-1]) < horizon
                repeats = not fresh and not dead
                if (enough if first else past) or repeats or number >= _MOST_PAGES:
                    break
        ordered = sorted(found.values(), key=_moment)
        known = any(post.id in self._known for post in ordered)
        if ordered and not first and not known and _moment(ordered[0]) > before:
            self.missed = _utc(before), _utc(_moment(ordered[0]))
        for post in ordered:
            if first or post.id in self._known or _moment(post) >= horizon:
                told = self._told(post, now)
                if told is not None:
                    yield Step(post=told)
        if ordered:
            self._newest = max(before, _moment(ordered[-1]))
        latest = sorted(self._known.items(), key=lambda pair: pair[1].moment)[-_MOST_KNOWN:]
        self._known = dict(latest)

    def _page(
        self, page: Iterable[Any], read: Read, now: datetime
    ) -> tuple[list[Post], list[Step]]:
        posts: list[Post] = []
        dead: list[Step] = []
        for item in page:
            try:
                post = read(self._name, item)
            except ValueError as error:
                raw = msgspec.json.encode({"list": self._name, "item": item})
                digest = _digest(raw)
                if digest not in self._known:
                    self._known[digest] = _Row(now.timestamp())
                    dead.append(_dead(f"{self._name} item {digest}", error, raw))
                continue
            if post is not None:
                posts.append(post)
        return posts, dead

    def _told(self, post: Post, now: datetime) -> Post | None:
        """The post as it goes out: `None` for what was seen so, and for what is gone without ever
        having been seen."""
        words = _digest(repr((post.title, post.text, post.rating, post.state)).encode("utf-8"))
        row = self._known.get(post.id)
        if row is None:
            if post.state == "deleted":
                return None
            row = _Row(_moment(post), post.created_at.timestamp(), words=words)
        elif row.words != words:
            later = _moment(post) > row.created
            edited = _moment(post) if later else now.timestamp()
            row = dataclasses.replace(row, moment=_moment(post), edited=edited, words=words)
        post = _as_first_published(post, row)
        whole = _digest(encode(msgspec.structs.replace(post, collected_at=post.created_at)))
        if row.whole == whole:
            return None
        self._known[post.id] = dataclasses.replace(row, whole=whole)
        return post


async def read_lists(
    context: Context,
    cursor: Cursor,
    lists: Iterable[str],
    pages: Callable[[str], Pages],
    read: Read,
    *,
    backfill: int,
    overlap: timedelta,
    out_of_reach: str = "",
) -> AsyncIterator[Step]:
    """One pass over each list, with the cursor `{list: state}` after each. A list that the source
    refuses is noted and holds no other back; where all are refused, that is raised.

    `out_of_reach` says why items are lost where the source lists nothing that was read before;
    empty where a list may simply forget.
    """
    state, names, refused = dict(mapping(cursor)), list(lists), 0
    for name in names:
        listing = Listing(context, name, state.get(name), backfill=backfill, overlap=overlap)
        try:
            async for step in listing.steps(pages(name), read):
                yield step
        except Refused as error:
            refused += 1
            if refused == len(names):
                raise
            context.on_note(f"{name} can't be read: {error}")
            continue
        state[name] = listing.state
        gap = None
        if listing.missed and out_of_reach:
            since, until = (moment.isoformat() for moment in listing.missed)
            gap = Gap(since=since, until=until, reason=f"{name}: {out_of_reach}")
        yield Step(gap=gap, cursor=dict(state))


def reread(read: Read, raw: bytes) -> Post:
    """The post of a dead letter of a list. Raises `ValueError`."""
    letter = mapping(msgspec.json.decode(raw))
    post = read(line(letter.get("list")), letter.get("item"))
    if post is None:
        raise ValueError("the item is no post")
    return post


def _as_first_published(post: Post, row: _Row) -> Post:
    created = _utc(row.created)
    if not row.edited or post.state == "deleted":
        return msgspec.structs.replace(post, created_at=created)
    return msgspec.structs.replace(
        post, created_at=created, state="edited", updated_at=post.updated_at or _utc(row.edited)
    )


def _dead(place: str, error: ValueError, raw: bytes) -> Step:
    return unreadable(place, error, raw, limit=200)


def _moment(post: Post) -> float:
    return (post.updated_at or post.created_at).timestamp()


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _digest(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=6).hexdigest()
