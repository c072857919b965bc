"""Logins that last: begun, ended, and forgotten once they are over."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from streams.store.port import Store
from streams.users import kept
from streams.users.records import Session, User, digest, new_secret

AT_MOST: Final = 20
"""Of one user; the oldest end first."""


class Sessions:
    """The sessions of one store."""

    def __init__(self, store: Store, *, lasting: timedelta) -> None:
        self._store = store
        self._lasting = lasting

    async def begin(
        self,
        user: User,
        *,
        now: datetime,
        address: str = "",
        browser: str = "",
        by: Literal["password", "invitation", "oidc"] = "password",
    ) -> str:
        """The secret that the cookie holds."""
        secret = new_secret()
        session = Session(
            id=digest(secret),
            user=user.name,
            began_at=now,
            until=now + self._lasting,
            address=address,
            browser=browser,
            by=by,
        )
        await self._make_room(user.name, now)
        await kept.keep(self._store, kept.SESSION, session.id, session)
        await kept.note(self._store, user.name, "user.login", user.name, after={"by": by})
        return secret

    async def all(self) -> Sequence[Session]:
        """Also those that are over and not yet forgotten."""
        return list((await kept.every(self._store, kept.SESSION, Session)).values())

    async def of(self, name: str, now: datetime) -> list[Session]:
        """Those not over, the newest first."""
        mine = [one for one in await self.all() if one.user == name and now < one.until]
        return sorted(mine, key=lambda one: one.began_at, reverse=True)

    async def end(self, session_id: str, *, by: str, of: str = "") -> bool:
        """Whether it was there (and that user's)."""
        found = (await kept.every(self._store, kept.SESSION, Session)).get(session_id)
        if found is None or (of and found.user != of):
            return False
        await kept.drop(self._store, kept.SESSION, [session_id])
        await kept.note(self._store, by, "user.logout", found.user)
        return True

    async def end_all(self, name: str, *, but: str = "") -> None:
        """Every session of a user's, save one."""
        every = await self.all()
        await kept.drop(
            self._store,
            kept.SESSION,
            [one.id for one in every if one.user == name and one.id != but],
        )

    async def _make_room(self, name: str, now: datetime) -> None:
        every = await self.all()
        mine = sorted((s for s in every if s.user == name), key=lambda s: s.began_at)
        over = [one.id for one in every if one.until <= now]
        over += [one.id for one in mine[: max(0, len(mine) - AT_MOST + 1)]]
        await kept.drop(self._store, kept.SESSION, list(dict.fromkeys(over)))
