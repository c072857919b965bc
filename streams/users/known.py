"""What requests are checked against: users, sessions and tokens as the store had them a moment
ago. A logout in one process shows in the others within `SECONDS`."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from streams.errors import StoreError
from streams.roles import Role, lesser
from streams.store.port import Store
from streams.users import kept
from streams.users.records import Session, Token, User, digest

SECONDS: Final = 4.0
MISSED_SECONDS: Final = 1.0
"""A secret that is not known may be new: the store is asked again, but no more often than this."""
AWAY_SECONDS: Final = 60.0
"""For so long what was known counts while the store is away."""
NOTED: Final = timedelta(minutes=5)
"""How exactly it is known when a session was used last."""


class _Snapshot(msgspec.Struct, frozen=True):
    at: float
    users: dict[str, User]
    sessions: dict[str, Session]
    tokens: dict[str, Token]
    seen: dict[str, datetime]


class Found(msgspec.Struct, frozen=True):
    """Whose secret it is, what they may do with it, and the session's id, if it is one's."""

    user: User
    role: Role
    session: str = ""


class Known:
    """The users of one store, for each request."""

    def __init__(
        self, store: Store, *, idle: timedelta, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._idle = idle
        self._clock = clock
        self._snapshot: _Snapshot | None = None
        self._forgotten = 0
        self._turn = asyncio.Lock()
        self._noting: set[asyncio.Task[None]] = set()

    def forget(self) -> None:
        """Ask the store at the next request: something was changed here."""
        self._snapshot = None
        self._forgotten += 1

    async def anyone(self) -> bool:
        """Whether there is any user yet. Raises `StoreError`."""
        return bool((await self._asked(SECONDS)).users)

    async def by_session(self, secret: str, now: datetime) -> Found | None:
        """Raises `StoreError`."""
        key = digest(secret)
        snapshot = await self._with("sessions", key)
        session = snapshot.sessions.get(key)
        user = snapshot.users.get(session.user) if session else None
        if session is None or user is None or user.disabled or session.until <= now:
            return None
        if session.began_at < user.created_at:  # of another, who had the name before
            return None
        seen = max(snapshot.seen.get(key, session.began_at), session.began_at)
        if now - seen > self._idle:
            return None
        self._note(snapshot, key, seen, now)
        return Found(user, user.role, key)

    async def by_token(self, secret: str, now: datetime) -> Found | None:
        """Raises `StoreError`."""
        key = digest(secret)
        snapshot = await self._with("tokens", key)
        token = snapshot.tokens.get(key)
        user = snapshot.users.get(token.user) if token else None
        if token is None or user is None or user.disabled or (token.until and token.until <= now):
            return None
        if token.created_at < user.created_at:
            return None
        seen = snapshot.seen.get(token.id, token.created_at)
        self._note(snapshot, token.id, seen, now)
        return Found(user, lesser(token.role, user.role))

    async def seen(self) -> dict[str, datetime]:
        """When sessions and tokens were used last, by id."""
        return dict((await self._asked(SECONDS)).seen)

    async def aclose(self) -> None:
        await asyncio.gather(*self._noting, return_exceptions=True)

    async def _with(self, what: str, key: str) -> _Snapshot:
        snapshot = await self._asked(SECONDS)
        return snapshot if key in getattr(snapshot, what) else await self._asked(MISSED_SECONDS)

    async def _asked(self, seconds: float) -> _Snapshot:
        """Not older than that, unless the store is away."""
        if (fresh := self._fresh(seconds)) is not None:
            return fresh
        async with self._turn:
            if (fresh := self._fresh(seconds)) is not None:
                return fresh
            before, forgotten = self._snapshot, self._forgotten
            try:
                found = await self._ask()
            except StoreError:
                if before is None or self._clock() - before.at > AWAY_SECONDS:
                    raise
                return before
            if forgotten == self._forgotten:  # else it may be from before what was changed
                self._snapshot = found
            return found

    def _fresh(self, seconds: float) -> _Snapshot | None:
        kept_one = self._snapshot
        return kept_one if kept_one and self._clock() - kept_one.at <= seconds else None

    async def _ask(self) -> _Snapshot:
        at = self._clock()
        users, sessions, tokens, seen = await asyncio.gather(
            *(self._store.states(kind) for kind in (kept.USER, kept.SESSION, kept.TOKEN, kept.SEEN))
        )
        return _Snapshot(
            at=at,
            users=kept.read(users, User),
            sessions=kept.read(sessions, Session),
            tokens={one.hash: one for one in kept.read(tokens, Token).values()},
            seen={key: moment for key, state in seen.items() if (moment := _moment(state))},
        )

    def _note(self, snapshot: _Snapshot, key: str, seen: datetime, now: datetime) -> None:
        """Without holding the request up: a store that is away would."""
        if now - seen < NOTED:
            return
        snapshot.seen[key] = now
        noting = asyncio.create_task(self._store.put_state(kept.SEEN, key, {"at": now}))
        self._noting.add(noting)
        noting.add_done_callback(self._noted)

    def _noted(self, task: asyncio.Task[None]) -> None:
        self._noting.discard(task)
        with contextlib.suppress(asyncio.CancelledError, StoreError):
            task.result()


def _moment(state: dict[str, Any]) -> datetime | None:
    try:
        return msgspec.convert(state.get("at"), datetime)
    except msgspec.ValidationError:
        return None
