"""Authors and sources whose mentions staff do not want to see: stored, but hidden.

The ledger is kept as states; every write asks it, so that new mentions are hidden as they come.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from connectors.post import Moment, Post
from streams.errors import StoreError
from streams.records import Label, Mention
from streams.store.rules import handle_key

KIND: Final = "hidden"
"""The kind of state that the ledger is kept as, by key."""
_MAX_KEY_BYTES: Final = 512


class Hidden(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An author, `source:handle` or `source:id`, or a whole source, by its name alone.

    Handles are compared in lower case and without `@`.
    """

    key: str
    at: Moment
    by: str = ""
    note: str = ""


class Ledger:
    """All that is hidden: a look-up costs less than a microsecond, nothing when it is empty."""

    def __init__(self, hidden: Iterable[Hidden] = ()) -> None:
        self.entries = sorted(hidden, key=lambda one: one.key)
        self._keys = {_key(*split_key(one.key)) for one in self.entries}

    @classmethod
    def of(cls, states: Mapping[str, dict[str, Any]]) -> "Ledger":
        """From the store's states of this kind."""
        return cls(msgspec.convert(state, Hidden) for state in states.values())

    def __bool__(self) -> bool:
        return bool(self._keys)

    def covers(self, post: Post) -> bool:
        """Whether the post's source or author is hidden."""
        if not self._keys:
            return False
        source, author = post.source, post.author
        return (
            source in self._keys
            or bool(author.handle and _key(source, author.handle) in self._keys)
            or bool(author.id and _key(source, author.id) in self._keys)
        )


def _key(source: str, author: str) -> str:
    return f"{source}:{handle_key(author)}" if author else source


def is_hidden(mention: Mention, ledger: Ledger) -> bool:
    """Whether only questions that ask for what is hidden find it."""
    return disowned(mention.label) or ledger.covers(mention.post)


def disowned(label: Label | None) -> bool:
    """Whether staff say that it does not belong here."""
    return label is not None and (label.relevant is False or label.spam)


def split_key(key: str) -> tuple[str, str]:
    """Source, and handle or id; no author where the whole source is meant. Raises `StoreError`
    for what names nobody."""
    source, colon, author = key.partition(":")
    if not source or (colon and not handle_key(author)):
        raise StoreError(f"{key[:80]!r}: not an author. Remedy: SOURCE:HANDLE, SOURCE:ID or SOURCE")
    return source, author.removeprefix("@")


def state_key(key: str) -> str:
    """The key of the state that keeps it. Raises `StoreError` for what can't be one."""
    found = _key(*split_key(key))
    try:
        size = len(found.encode())
    except UnicodeEncodeError as error:
        raise StoreError(f"{key[:80]!r}: not Unicode text: {error}") from None
    if size > _MAX_KEY_BYTES:
        raise StoreError(f"{key[:80]!r}: over {_MAX_KEY_BYTES} bytes")
    return found


def state_of(hidden: Hidden) -> dict[str, Any]:
    """The value of the state."""
    made: dict[str, Any] = msgspec.to_builtins(hidden)
    return made
