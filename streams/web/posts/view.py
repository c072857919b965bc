"""All that is known of one mention, asked of store and archive at once."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from connectors.post import Post
from streams.alerts import book
from streams.alerts.records import Incident
from streams.archive.port import Archive, ArchiveError
from streams.errors import ConfigError
from streams.records import Mention
from streams.store.hiding import Ledger, is_hidden
from streams.store.journal import Entry, EntryFilter
from streams.store.port import Filter, Store
from streams.store.worth import Part, parts
from streams.web.posts.changes import Piece, shortened, word_changes
from streams.web.posts.matches import Judged, TopicVerdicts
from streams.web.posts.thread import Thread, thread_of
from streams.web.posts.trying import Trying
from streams.web.recent import Recent

VERDICT_SECONDS: Final = 0.06
"""What holding the post against topics may take before the page is sent without the others."""
INCIDENT_SECONDS: Final = 10.0
_ENTRIES: Final = 20


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A story: how many mentions of the topic tell it, and who was first."""

    size: int
    first: Mention


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the post, and what it changed of the one before."""

    post: Post
    title: list[Piece] = []
    text: list[Piece] = []


class MentionView(msgspec.Struct, frozen=True, kw_only=True):
    """One mention and what surrounds it."""

    mention: Mention
    others: list[Mention]
    """Of the same post, in other topics."""
    thread: Thread
    verdicts: TopicVerdicts
    judged: Judged | None
    story: Told | None
    edits: list[Edit]
    journal: list[Entry]
    incidents: list[Incident]
    hidden: bool
    worth: list[Part]


class Views:
    """Views of mentions over one installation."""

    def __init__(self, store: Store, trying: Trying, archive: Callable[[], Archive | None]) -> None:
        self._store = store
        self._trying = trying
        self._archive = archive
        self._incidents: Recent[list[Incident]] = Recent(INCIDENT_SECONDS, most=1)

    async def of(self, mention_id: str) -> MentionView | None:
        """`None` for one that is not there, or deleted. Raises `StoreError`."""
        mention = await self._store.get(mention_id)
        if mention is None:
            return None
        archive = self._archive()
        around = asyncio.gather(
            self._others(mention),
            thread_of(self._store, archive, mention),
            self._story(mention),
            edits_of(archive, mention.post),
        )
        known = asyncio.gather(
            self._store.entries(
                EntryFilter(subjects=(mention.id, mention.post.id)), limit=_ENTRIES
            ),
            self._incidents.get("", lambda: book.incidents(self._store)),
            self._store.hidden(),
        )
        tried = asyncio.gather(
            self._trying.topics(mention.post, first=[mention.topic], seconds=VERDICT_SECONDS),
            self._judged(mention),
        )
        await asyncio.gather(around, known, tried)
        others, thread, story, edits = around.result()
        journal, incidents, ledger = known.result()
        verdicts, judged = tried.result()
        return MentionView(
            mention=mention,
            others=others,
            thread=thread,
            verdicts=verdicts,
            judged=judged,
            story=story,
            edits=edits,
            journal=journal.entries,
            incidents=[one for one in incidents if _holds(one, mention)],
            hidden=is_hidden(mention, Ledger(ledger)),
            worth=parts(mention),
        )

    async def _others(self, mention: Mention) -> list[Mention]:
        where = Filter(post_id=mention.post.id, hidden="any")
        page = await self._store.search(where, limit=100)
        return [one for one in page.mentions if one.id != mention.id]

    async def _judged(self, mention: Mention) -> Judged | None:
        try:
            return await self._trying.sentiment(mention.post, mention.topic)
        except ConfigError:
            return None

    async def _story(self, mention: Mention) -> Told | None:
        if not mention.story:
            return None
        where = Filter(topics=(mention.topic,), story=mention.story)
        counted, page = await asyncio.gather(
            self._store.count(where), self._store.search(where, limit=1, order="oldest")
        )
        if counted.total < 2 or not page.mentions:
            return None
        return Told(size=counted.total, first=page.mentions[0])


def _holds(one: Incident, mention: Mention) -> bool:
    if any(key.mention_id == mention.id for key in one.evidence.posts):
        return True
    return one.topic == mention.topic and one.began_at <= mention.post.created_at <= one.until


async def edits_of(archive: Archive | None, post: Post) -> list[Edit]:
    """The versions seen, oldest first; none where there is one only, or none is kept."""
    if archive is None or not archive.indexed:
        return []
    try:
        versions = await archive.versions(post.id)
    except ArchiveError:
        return []
    found: list[Edit] = []
    for before, after in zip([None, *versions], versions, strict=False):
        if before is None:
            found.append(Edit(post=after))
        elif (before.title, before.text) != (after.title, after.text):
            found.append(
                Edit(
                    post=after,
                    title=word_changes(before.title, after.title),
                    text=shortened(word_changes(before.text, after.text)),
                )
            )
    return found if len(found) > 1 else []
