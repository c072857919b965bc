"""The journal of what people did: who, when, to what, and how it was before. Kept for ever.

An entry holds settings, labels and names of things, never the text of a post: what is erased
stands nowhere in it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from connectors.post import Moment
from streams.errors import StoreError

MAX_ENTRY_BYTES: Final = 1_000_000
"""Of an entry as JSON: a whole file of topics, before and after, has room."""
_MAX_ID_BYTES: Final = 512


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One act. `action` is `kind.verb` (`label.set`), `subject` the id of what it was done to;
    `before` and `after` are what is plain JSON."""

    id: str
    at: Moment
    by: str
    action: str
    subject: str
    topic: str = ""
    before: Any = None
    after: Any = None
    note: str = ""


class EntryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries: empty means "any". `since` is inclusive, `until` exclusive. An action that
    ends in `.` is a kind: `label.` takes `label.set` and `label.undo`."""

    actions: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    by: str = ""
    topic: str = ""
    since: datetime | None = None
    until: datetime | None = None


class EntryPage(msgspec.Struct, frozen=True):
    """Entries, newest first, and the opaque cursor of the next page (empty at the end)."""

    entries: list[Entry]
    cursor: str = ""


def encoded(entry: Entry) -> bytes:
    """As JSON. Raises `StoreError` for what can't be kept: no id, no JSON, or too large."""
    if not 0 < len(entry.id.encode("utf-8", "replace")) <= _MAX_ID_BYTES:
        raise StoreError(f"entry id {entry.id[:80]!r}: not of 1 to {_MAX_ID_BYTES} bytes")
    try:
        body = msgspec.json.encode(entry)
    except (UnicodeEncodeError, ValueError, msgspec.MsgspecError, TypeError) as error:
        raise StoreError(f"entry {entry.id[:80]!r}: can't be kept as JSON: {error}") from error
    if len(body) > MAX_ENTRY_BYTES:
        raise StoreError(
            f"entry {entry.id[:80]!r}: {len(body):,} bytes, at most {MAX_ENTRY_BYTES:,}. "
            "Remedy: say what changed, not all there is"
        )
    return body


def split_actions(actions: Sequence[str]) -> tuple[list[str], list[str]]:
    """Whole actions, and the kinds among them, which end in a point."""
    kinds = [action for action in actions if action.endswith(".")]
    return [action for action in actions if action not in kinds], kinds


_entries = msgspec.json.Decoder(Entry)


def decoded(body: bytes | str) -> Entry:
    """What `encoded` made."""
    return _entries.decode(body)
