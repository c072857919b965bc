"""What staff wrote beside an incident: entries of the journal."""

from typing import Final

import msgspec

from connectors.post import Moment
from streams.alerts.records import Incident
from streams.store.journal import Entry, EntryFilter
from streams.store.port import Store
from streams.web import journal

NOTED: Final = "incident.note"
MOST_TEXT: Final = 2_000
MOST_NOTES: Final = 100


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Who wrote what, when."""

    at: Moment
    by: str
    text: str


async def notes(store: Store, incident_id: str) -> list[Note]:
    """The latest, the oldest of them first. Raises `StoreError`."""
    where = EntryFilter(actions=(NOTED,), subjects=(incident_id,))
    found = (await store.entries(where, limit=MOST_NOTES)).entries
    return [_note(one) for one in reversed(found)]


def _note(entry: Entry) -> Note:
    return Note(at=entry.at, by=entry.by, text=entry.note)


async def add(store: Store, by: str, one: Incident, text: str) -> None:
    """Durable when it returns. Raises `StoreError`."""
    await journal.write(store, by, NOTED, one.id, topic=one.topic, note=text)


def cleaned(text: str) -> str:
    """A note's lines without what can't be seen, at most 2,000 characters; empty for nothing."""
    lines = (
        "".join(letter for letter in line if letter.isprintable()).rstrip()
        for line in text[: MOST_TEXT * 4].splitlines()
    )
    return "\n".join(lines).strip()[:MOST_TEXT]
