"""Erasing a person or a post: from the store, its labels, dead letters and the archive, and for
good.

The erasure is kept first, so that from then on no write brings anything back; what is stored is
then written again and turns into tombstones. Broken off anywhere, it can be asked for again.
"""

import uuid
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import timedelta
from itertools import count
from typing import Any, Final

import msgspec

from connectors import post
from connectors.letters import DeadLetter
from connectors.post import Post, utc_now
from streams.archive.port import Archive
from streams.errors import ConfigError
from streams.records import Label, Mention, decode_record
from streams.store.erasures import Erased, author_keys, erasure, new_salt, post_key
from streams.store.hiding import split_key
from streams.store.letters import PAGE, every_letter
from streams.store.port import Filter, Store

_PAGE: Final = 500


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Whom or what to erase: an author of a source (`name` is an id, or `@handle`), or a post."""

    source: str = ""
    name: str = ""
    post_id: str = ""

    @property
    def kind(self) -> str:
        return "post" if self.post_id else "author"

    @property
    def keys(self) -> tuple[str, ...]:
        return (post_key(self.post_id),) if self.post_id else author_keys(self.source, self.name)

    @property
    def where(self) -> Filter:
        """Wider than the target: an author's filter takes ids, handles and keys alike."""
        if self.post_id:
            return Filter(post_id=self.post_id, hidden="any")
        name = self.name.removeprefix("@") or self.name
        return Filter(sources=(self.source,), author=name, hidden="any")


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What went, or with `dry_run` what would go."""

    kind: str
    mentions: int
    labels: int
    letters: int
    dry_run: bool
    posts: int = 0
    """Versions of posts in the archive."""
    audit: str = ""
    """The salted hash under which it is on record; empty with `dry_run`."""


def parse_author(text: str) -> Target:
    """`SOURCE:ID` or `SOURCE:@handle`. Raises `ConfigError`."""
    source, colon, name = text.partition(":")
    if not source or not colon or not name or name == "@":
        raise ConfigError(f"--author {text!r}: not an author. Remedy: SOURCE:ID or SOURCE:@handle")
    return Target(source=source, name=name)


async def erase(
    store: Store,
    target: Target,
    *,
    by: str,
    dry_run: bool = False,
    page: int = PAGE,
    archive: Archive | None = None,
) -> Report:
    """Erase, and put on record who asked, when and how much went; letters are read so many at a
    time. Raises `StoreError` and `ArchiveError`."""
    salts = (await store.erased()).salts or [new_salt()]
    now = utc_now()
    mine = Erased([erasure(key, salts[0], now) for key in target.keys])
    ids = await _ids_of(store, archive, target, mine) if target.name.startswith("@") else ()
    keys = dict.fromkeys([*target.keys, *ids])
    erasures = [erasure(key, salts[0], now) for key in keys]
    mine = Erased(erasures)
    if not dry_run:
        await store.add_erasures(erasures)
        await _forget_hidden(store, keys)
    mentions, labels = await _erase_mentions(store, target, mine, ids, dry_run=dry_run)
    theirs = _Theirs(target, mine, ids)
    if dry_run:
        letters = len(await theirs.letters(store, page))
    else:
        letters = await _erase_letters(store, theirs, page)
    report = Report(
        kind=target.kind,
        mentions=mentions,
        labels=labels,
        letters=letters,
        dry_run=dry_run,
        posts=await archive.erase(erasures, dry_run=dry_run) if archive else 0,
        audit="" if dry_run else erasures[0].hash,
    )
    if not dry_run:
        await _record(store, by, report)
    return report


async def _forget_hidden(store: Store, keys: Collection[str]) -> None:
    """The ledger of the hidden names people: whoever is erased needs no place in it."""
    for hidden in await store.hidden():
        source, name = split_key(hidden.key)
        theirs = (*author_keys(source, name), *author_keys(source, f"@{name}")) if name else ()
        if any(key in keys for key in theirs):
            await store.unhide(hidden.key)


async def _ids_of(
    store: Store, archive: Archive | None, target: Target, mine: Erased
) -> tuple[str, ...]:
    """The ids behind a handle: who changes the handle later stays erased."""
    ids: set[str] = set()
    if archive:
        ids |= {id_ for source, id_ in await archive.ids_of(mine) if source == target.source}
    async for mention in _stored(store, target.where):
        if mine.covers(mention.post) and mention.post.author.id:
            ids.add(mention.post.author.id)
    return tuple(key for id_ in sorted(ids) for key in author_keys(target.source, id_))


async def _stored(store: Store, where: Filter) -> AsyncIterator[Mention]:
    """Every mention that matches; to be written again as one goes."""
    cursor = ""
    while True:
        page = await store.search(where, limit=_PAGE, cursor=cursor)
        for mention in page.mentions:
            yield mention
        if not (cursor := page.cursor):
            return


async def _erase_mentions(
    store: Store, target: Target, mine: Erased, ids: Sequence[str], *, dry_run: bool
) -> tuple[int, int]:
    wheres = [target.where, *(_where_id(target, key) for key in ids)]
    found = {
        m.id: m for where in wheres async for m in _stored(store, where) if mine.covers(m.post)
    }
    labelled = [one for one in found.values() if one.label]
    if not dry_run:
        every = list(found.values())
        for start in range(0, len(every), _PAGE):
            await store.write(every[start : start + _PAGE])
        await store.add_labels([_taken_back(one) for one in labelled])
    return len(found), len(labelled)


def _where_id(target: Target, key: str) -> Filter:
    return Filter(sources=(target.source,), author=key.split("\0")[2], hidden="any")


def _taken_back(mention: Mention) -> Label:
    """A note may quote the person: nothing of the label stays but its time."""
    latest = mention.label.labeled_at if mention.label else mention.processed_at
    after = max(latest + timedelta(milliseconds=1), utc_now())
    return Label(mention_id=mention.id, labeled_at=after)


class _Theirs:
    """The letters in which the target can be read."""

    def __init__(self, target: Target, mine: Erased, ids: Sequence[str]) -> None:
        self._target, self._mine = target, mine
        self._names = [key.split("\0")[2] for key in ids]

    async def letters(self, store: Store, page: int) -> set[str]:
        """Their ids, of all that there are."""
        return {
            letter.id
            async for letter in every_letter(store, page=page)
            if holds(letter, self._target, self._mine, self._names)
        }


async def _erase_letters(store: Store, theirs: _Theirs, page: int) -> int:
    """How many went. Looks twice, and until nothing new is found: a letter that dies again while
    pages are turned moves to the first one."""
    gone, seen = 0, set[str]()
    for turn in count():
        found = await theirs.letters(store, page) - seen
        if turn and not found:
            break
        gone += await store.drop_dead_letters(sorted(found))
        seen |= found
    return gone


def holds(letter: DeadLetter, target: Target, mine: Erased, ids: Sequence[str] = ()) -> bool:
    """Whether the target can be read in the letter: as the post it holds, else as a quoted word.

    Bytes that are no JSON of ours are searched for the author's id or handle in quotes, in letters
    of that source and in those of unknown source.
    """
    held = _post_in(letter.raw)
    if held is not None:
        return mine.covers(held)
    words = [target.post_id] if target.post_id else [target.name.removeprefix("@"), *ids]
    if not target.post_id and letter.source not in ("", target.source):
        return False
    text = letter.raw.decode("utf-8", "replace").lower()
    return any(f'"{mark}{word.lower()}"' in text for word in words for mark in ("", "@") if word)


def _post_in(raw: bytes) -> Post | None:
    try:
        return post.decode(raw)
    except msgspec.DecodeError:
        pass
    try:
        record = decode_record(raw)
    except msgspec.DecodeError:
        return None
    if isinstance(record, Mention):
        return record.post
    return Post(id=record.post_id, source="", created_at=utc_now(), collected_at=utc_now())


async def _record(store: Store, by: str, report: Report) -> None:
    """Who, when, how much: without the name of whom."""
    line: dict[str, Any] = {
        "at": utc_now().isoformat(),
        "by": by,
        "kind": report.kind,
        "hash": report.audit,
        "mentions": report.mentions,
        "labels": report.labels,
        "letters": report.letters,
        "posts": report.posts,
    }
    await store.put_state("audit", f"{line['at']} {uuid.uuid4().hex[:8]}", line)
