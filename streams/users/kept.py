"""Users, sessions and tokens as documents of the store, and the journal of what changed them."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec

from connectors.post import utc_now
from streams.store.journal import Entry
from streams.store.port import Store
from streams.users.records import Session, Token, User

USER: Final = "user"
SESSION: Final = "session"
TOKEN: Final = "token"  # noqa: S105  # a kind of document
SEEN: Final = "seen"
"""When a session or a token was used last: apart, so that noting it brings none back to life."""


T = TypeVar("T", User, Session, Token)


async def every(store: Store, kind: str, shape: type[T]) -> dict[str, T]:
    """By key; what can't be read is nobody's."""
    return read(await store.states(kind), shape)


def read(states: dict[str, dict[str, Any]], shape: type[T]) -> dict[str, T]:
    found = {}
    for key, state in states.items():
        try:
            found[key] = msgspec.convert(state, shape, strict=False)
        except msgspec.ValidationError:
            continue
    return found


async def keep(store: Store, kind: str, key: str, value: T) -> None:
    await store.put_state(kind, key, msgspec.to_builtins(value))


async def drop(store: Store, kind: str, keys: Sequence[str]) -> None:
    """Also what was noted of their use."""
    if keys:
        await asyncio.gather(store.drop_states(kind, keys), store.drop_states(SEEN, keys))


async def note(
    store: Store, by: str, action: str, subject: str, *, before: Any = None, after: Any = None
) -> None:
    """Who did what, into the journal; where both are told, only what differs."""
    if isinstance(before, dict) and isinstance(after, dict):
        was, now = before, after
        before = {name: value for name, value in was.items() if now.get(name) != value}
        after = {name: value for name, value in now.items() if was.get(name) != value}
    entry = Entry(
        id=secrets.token_hex(16),
        at=utc_now(),
        by=by,
        action=action,
        subject=subject,
        before=msgspec.to_builtins(before),
        after=msgspec.to_builtins(after),
    )
    await store.add_entries([entry])
