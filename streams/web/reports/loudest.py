"""The posts of a report: the latest of each author with most followers."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

import msgspec

from streams.alerts.key_posts import Read, key_post, read
from streams.alerts.records import KeyPost
from streams.store.port import Counts, Store
from streams.web.reports.asked import Asked

MOST_POSTS: Final = 8
_MOST_READ: Final = 1_000
_HOUR: Final = timedelta(hours=1)


async def loudest(
    store: Store, asked: Asked, topics: Sequence[str], counts: Iterable[Counts]
) -> list[KeyPost]:
    """`counts` are those of each topic over all of the time. Raises `StoreError`.

    Who is loudest in a topic has so many followers: enough of these are a bar that all must pass.
    Where there are too few topics for a bar, or too much passes it, the loudest of each hour are
    asked for, which costs more.
    """
    known = _followers(counts)
    bar = sorted(known.values(), reverse=True)[:MOST_POSTS]
    if len(bar) == MOST_POSTS:
        where = msgspec.structs.replace(asked.where, least_followers=bar[-1])
        page = await store.search(where, limit=_MOST_READ)
        if not page.cursor:
            return _of_each(read(one, ()) for one in page.mentions)
    found = await store.counts(topics, asked.since, asked.until, step=_HOUR) if topics else []
    known = _followers(one.counts for one in found)
    posts = []
    for name in sorted(known, key=lambda name: (-known[name], name))[:MOST_POSTS]:
        page = await store.search(msgspec.structs.replace(asked.where, author=name), limit=1)
        posts += [key_post(read(one, ()), 1) for one in page.mentions]
    return posts


def _followers(counts: Iterable[Counts]) -> dict[str, int]:
    """The followers of those who were the loudest of something."""
    known: dict[str, int] = {}
    for one in counts:
        if one.loudest and one.followers:
            known[one.loudest] = max(one.followers, known.get(one.loudest, 0))
    return known


def _of_each(reads: Iterable[Read]) -> list[KeyPost]:
    """The first of each author, the loudest authors first: `reads` are the newest first."""
    posts: dict[str, Read] = {}
    known: dict[str, int] = {}
    for one in reads:
        name = one.author.casefold()
        if not name:
            continue
        posts.setdefault(name, one)
        known[name] = max(one.mention.post.author.followers or 0, known.get(name, 0))
    names = sorted(known, key=lambda name: (-known[name], name))[:MOST_POSTS]
    return [key_post(posts[name], 1) for name in names]
