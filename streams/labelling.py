"""Labels by people: compared with what they saw, kept, journalled, and taken back.

A label that somebody else set meanwhile is never overwritten in silence: each change tells the
label its author saw (`seen`), and where the ledger has another one it is a conflict, unless both
say the same. One lock orders the changes of a process. Two processes (two web servers, or a
command beside one) may still both read the ledger before either writes: within those few
milliseconds the later label wins, and the journal has both.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Final

import msgspec

from connectors.errors import Retriable
from connectors.kafka import BatchSender, acknowledged
from connectors.post import utc_now
from streams import records
from streams.broker import Topics, ensure_topics, started_producer
from streams.errors import BrokerUnavailable, StoreError, VeilleError
from streams.headers import new_sender
from streams.label_changes import (
    Change,
    Outcome,
    State,
    Undo,
    entry_of,
    journalled_time,
    outcome_of,
    restoring,
    turns,
)
from streams.records import Label, Mention
from streams.settings import Kafka, Settings
from streams.store.journal import EntryFilter
from streams.store.port import Filter, Store
from streams.store.rules import label_time, millis

__all__ = ["MOST", "Change", "Labelling", "Outcome", "State", "Stroke", "TooMany", "Undo"]

MOST: Final = 10_000
"""Mentions that one stroke may change."""
AT_ONCE: Final = 500
_READ_AT_ONCE: Final = 50
_READ_BACK: Final = 200  # entries of a mention that are searched for the one to undo


class TooMany(VeilleError):
    """More mentions fit than one stroke may change."""


class Stroke(msgspec.Struct, frozen=True, kw_only=True):
    """How far one stroke over many mentions has come. `batch` takes it back as a whole."""

    batch: str
    of: int
    kept: int = 0
    conflicts: int = 0
    gone: int = 0

    @property
    def done(self) -> int:
        return self.kept + self.conflicts + self.gone


class Labelling:
    """Changes of labels over one store. `settings` tell where labels are safe: in Kafka and in the
    store, or with a broker that forgets (or without settings) in the store alone."""

    def __init__(self, store: Store, settings: Settings | None = None) -> None:
        self._store = store
        self._kafka = None if settings is None or settings.embedded_broker else settings.kafka
        self._lock = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._sender: BatchSender | None = None

    async def __aenter__(self) -> "Labelling":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leave the broker, if it was needed."""
        await self._stack.aclose()
        self._sender = None

    async def change(
        self, changes: Sequence[Change], *, by: str, action: str = "label.set", batch: str = ""
    ) -> list[Outcome]:
        """Keep what is no conflict, and tell of each change what became of it, in order. Entries
        of the journal carry `batch` as their note. Raises `VeilleError`; nothing is kept then, or
        is found kept when the same is asked again."""
        found: list[Outcome] = []
        async with self._lock:
            for turn in turns(changes):
                mentions = {
                    mention.id: mention
                    for mention in await self._mentions(c.mention_id for c in turn)
                }
                found += await self._turn(turn, mentions, by=by, action=action, batch=batch)
        return found

    async def undo(self, items: Sequence[Undo], *, by: str) -> list[Outcome]:
        """Restore what was before each decision. Undoing is itself a change that others can be
        quicker than."""
        restored = [await self._before(item) for item in items]
        outcomes = iter(
            await self.change([one for one in restored if one], by=by, action="label.undo")
        )
        return [
            Outcome(mention_id=item.mention_id, state="gone") if one is None else next(outcomes)
            for item, one in zip(items, restored, strict=True)
        ]

    async def everything(self, where: Filter, change: Change, *, by: str) -> AsyncIterator[Stroke]:
        """Say the same of all that fit, and tell after each page how far it is. `change` names no
        mention. Mentions that somebody changes meanwhile are conflicts, and stay theirs. Newest
        first, an order that no label changes.

        Raises `TooMany` for more than 10,000.
        """
        total = (await self._store.count(where)).total
        if total > MOST:
            raise TooMany(
                f"{total:,} mentions fit, and one stroke changes {MOST:,} at most. "
                "Remedy: narrow the filters, by period or topic"
            )
        stroke = Stroke(batch=f"{millis(utc_now())}-{uuid.uuid4().hex[:12]}", of=total)
        yield stroke
        cursor = ""
        while stroke.done < MOST:
            page = await self._store.search(where, limit=AT_ONCE, cursor=cursor)
            if page.mentions:
                stroke = await self._page(stroke, page.mentions, change, by)
                yield stroke
            if not (cursor := page.cursor):
                return

    async def undo_batch(self, batch: str, *, by: str) -> AsyncIterator[Stroke]:
        """Take a stroke back; only one's own, and only where nothing was changed since."""
        changed = await self._changed_in(batch, by)
        stroke = Stroke(batch=batch, of=len(changed))
        yield stroke
        for start in range(0, len(changed), AT_ONCE):
            outcomes = await self.change(
                changed[start : start + AT_ONCE], by=by, action="label.undo"
            )
            stroke = _counted(stroke, outcomes)
            yield stroke

    async def _page(
        self, stroke: Stroke, mentions: Sequence[Mention], change: Change, by: str
    ) -> Stroke:
        changes = [
            msgspec.structs.replace(change, mention_id=one.id, seen=label_time(one.label))
            for one in mentions
        ]
        known = {one.id: one for one in mentions}
        async with self._lock:
            outcomes = await self._turn(
                changes, known, by=by, action="label.set", batch=stroke.batch
            )
        return _counted(stroke, outcomes)

    async def _changed_in(self, batch: str, by: str) -> list[Change]:
        start = _begun(batch)
        where = EntryFilter(actions=("label.set",), by=by, since=start)
        found: list[Change] = []
        cursor = ""
        while start is not None:
            page = await self._store.entries(where, limit=1_000, cursor=cursor)
            found += [restoring(one) for one in page.entries if one.note == batch]
            if not (cursor := page.cursor) or len(found) >= MOST:
                break
        return found

    async def _before(self, item: Undo) -> Change | None:
        """The change that restores what was before the decision; `None` where none is on record."""
        where = EntryFilter(actions=("label.",), subjects=(item.mention_id,))
        page = await self._store.entries(where, limit=_READ_BACK)
        of = item.of or item.seen
        for entry in page.entries:
            if journalled_time(entry.after) == of:
                restored = restoring(entry)
                return msgspec.structs.replace(restored, seen=item.seen, note=item.note)
        return None

    async def _mentions(self, ids: Iterable[str]) -> list[Mention]:
        wanted, found = list(ids), list[Mention | None]()
        for start in range(0, len(wanted), _READ_AT_ONCE):
            some = wanted[start : start + _READ_AT_ONCE]
            found += await asyncio.gather(*map(self._store.get, some))
        return [one for one in found if one is not None]

    async def _turn(
        self,
        changes: Sequence[Change],
        mentions: dict[str, Mention],
        *,
        by: str,
        action: str,
        batch: str,
    ) -> list[Outcome]:
        """Changes of different mentions, under the lock."""
        ledger = await self._store.labels([change.mention_id for change in changes])
        now = utc_now()
        outcomes = [
            outcome_of(change, mentions, ledger.get(change.mention_id), by=by, now=now)
            for change in changes
        ]
        made = [one for one in outcomes if one.state == "kept" and one.label is not one.before]
        await self._store.add_entries(
            [
                entry_of(one, mentions[one.mention_id], by=by, at=now, action=action, note=batch)
                for one in made
            ]
        )
        await self._keep([one.label for one in made if one.label is not None])
        return outcomes

    async def _keep(self, labels: Sequence[Label]) -> None:
        """To where they are safe, then to where they are seen at once."""
        if not labels:
            return
        if self._kafka is not None:
            await self._send(self._kafka, labels)
        for refused in await self._store.add_labels(labels):
            raise StoreError(f"{refused.label.mention_id!r}: {refused.reason}")

    async def _send(self, kafka: Kafka, labels: Sequence[Label]) -> None:
        items = [(label.mention_id.encode(), records.encode(label)) for label in labels]
        if self._sender is None:
            await ensure_topics(kafka)
            producer = await started_producer(kafka)
            self._stack.push_async_callback(producer.stop)
            self._sender = new_sender(producer, kafka)
        try:
            await acknowledged(await self._sender.send(Topics.of(kafka.prefix).labels, items))
        except Retriable as error:
            raise BrokerUnavailable(
                f"labels were not kept: {error}. Remedy: see to the broker, and say it again"
            ) from error


def _begun(batch: str) -> datetime | None:
    """When a stroke began: its name says so."""
    with contextlib.suppress(ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(int(batch.partition("-")[0]) / 1000, UTC)
    return None


def _counted(stroke: Stroke, outcomes: Iterable[Outcome]) -> Stroke:
    states = [one.state for one in outcomes]
    return msgspec.structs.replace(
        stroke,
        kept=stroke.kept + states.count("kept"),
        conflicts=stroke.conflicts + states.count("conflict"),
        gone=stroke.gone + states.count("gone"),
    )
