"""The conversation around a post: what is stored of it, and what met no topic but was kept."""

import asyncio
from collections.abc import Iterable
from typing import Final

import msgspec

from connectors.post import Post
from streams.archive.port import Archive, ArchiveError
from streams.records import Mention
from streams.store.port import Filter, Store

SHOWN: Final = 60


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A post of the thread; `mention` is the id of one where it met a topic, `depth` how many
    posts between stand above it."""

    post: Post
    mention: str = ""
    depth: int = 0
    this: bool = False


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """Its posts in the order of a conversation. `missing` names the post above that nobody has."""

    said: list[Said] = []
    missing: str = ""
    more: bool = False


async def thread_of(store: Store, archive: Archive | None, mention: Mention) -> Thread:
    """At most 60 posts, those nearest in time to the mention. Raises `StoreError`."""
    post = mention.post
    roots = dict.fromkeys(filter(None, (post.thread_id, post.parent_id, post.repost_of, post.id)))
    pages = await asyncio.gather(*(_stored(store, root) for root in roots))
    kept = await _kept(archive, roots)
    known = {one.id: Said(post=one) for one in kept}
    known |= {m.post.id: Said(post=m.post, mention=m.id) for page in pages for m in page}
    known[post.id] = Said(post=post, mention=mention.id, this=True)
    above = post.parent_id or post.repost_of or post.thread_id
    if len(known) == 1:
        return Thread(missing=above if above != post.id else "")
    ordered = sorted(known.values(), key=lambda one: (one.post.created_at, one.post.id))
    at = next(number for number, one in enumerate(ordered) if one.this)
    start = max(0, min(at - SHOWN // 2, len(ordered) - SHOWN))
    shown = ordered[start : start + SHOWN]
    return Thread(
        said=_nested(shown),
        missing="" if above in known or above == post.id else above,
        more=len(ordered) > SHOWN,
    )


async def _stored(store: Store, root: str) -> list[Mention]:
    where = Filter(thread=root, hidden="any")
    return (await store.search(where, limit=2 * SHOWN, order="oldest")).mentions


async def _kept(archive: Archive | None, roots: Iterable[str]) -> list[Post]:
    if archive is None or not archive.indexed:
        return []
    found: list[Post] = []
    try:
        for root in roots:
            found += [one for one in (await archive.versions(root))[-1:] if one.state != "deleted"]
            found += await archive.thread(root)
    except ArchiveError:
        return found
    return found


def _nested(said: list[Said]) -> list[Said]:
    """Answers under what they answer, in the order of time, at most 6 deep."""
    ids = {one.post.id for one in said}
    under: dict[str, list[Said]] = {}
    for one in said:
        above = next((id_ for id_ in (one.post.parent_id, one.post.repost_of) if id_ in ids), "")
        if not above and one.post.thread_id in ids and one.post.thread_id != one.post.id:
            above = one.post.thread_id
        under.setdefault("" if above == one.post.id else above, []).append(one)
    found: list[Said] = []
    placed: set[str] = set()
    waiting = [(one, 0) for one in reversed(under.get("", []))]
    while waiting:
        one, depth = waiting.pop()
        if one.post.id not in placed:
            placed.add(one.post.id)
            found.append(msgspec.structs.replace(one, depth=min(depth, 6)))
            waiting += [(next_, depth + 1) for next_ in reversed(under.get(one.post.id, []))]
    return found + [one for one in said if one.post.id not in placed]  # answers in a circle
