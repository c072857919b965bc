"""API tokens: made, listed, dropped. A token is shown once; only its hash is kept."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from streams.roles import at_least
from streams.store.port import Store
from streams.users import kept
from streams.users.records import SCOPES, Scope, Token, User, UserError, digest, new_secret

PREFIX = "veille_"
AT_MOST = 50
"""Of one user."""
_MOST_NAME = 60


class Tokens:
    """The API tokens of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self, user: str = "") -> list[Token]:
        """Of a user, or of all, the newest first."""
        every = (await kept.every(self._store, kept.TOKEN, Token)).values()
        fitting = [one for one in every if not user or one.user == user]
        return sorted(fitting, key=lambda one: one.created_at, reverse=True)

    async def add(
        self,
        user: User,
        name: str,
        *,
        scopes: Sequence[str],
        now: datetime,
        by: str,
        lasting: timedelta | None = None,
    ) -> tuple[str, Token]:
        """The token itself, and what is kept of it. Raises `UserError`."""
        secret = PREFIX + new_secret()
        token = Token(
            id=secrets.token_hex(6),
            name=_named(name),
            scopes=_allowed(scopes, user),
            hash=digest(secret),
            user=user.name,
            created_at=now,
            until=now + lasting if lasting else None,
        )
        if len(await self.all(user.name)) >= AT_MOST:
            raise UserError("many", f"{AT_MOST} tokens are enough. Remedy: drop one first")
        await kept.keep(self._store, kept.TOKEN, token.id, token)
        after = {"name": token.name, "scopes": token.scopes, "until": token.until}
        await kept.note(self._store, by, "token.add", f"{user.name}/{token.id}", after=after)
        return secret, token

    async def drop(self, token_id: str, *, by: str, of: str = "") -> Token | None:
        """It, where it was there (and that user's)."""
        found = (await kept.every(self._store, kept.TOKEN, Token)).get(token_id)
        if found is None or (of and found.user != of):
            return None
        await kept.drop(self._store, kept.TOKEN, [token_id])
        before = {"name": found.name, "scopes": found.scopes}
        subject = f"{found.user}/{token_id}"
        await kept.note(self._store, by, "token.drop", subject, before=before)
        return found

    async def drop_all(self, user: str, *, by: str) -> None:
        """Every token of a user who leaves."""
        for token in await self.all(user):
            await self.drop(token.id, by=by)


def _named(given: str) -> str:
    name = " ".join("".join(c for c in given if c.isprintable()).split())[:_MOST_NAME]
    if not name:
        raise UserError("token-name", "the token has no name. Remedy: say what it is for")
    return name


def _allowed(scopes: Sequence[str], user: User) -> tuple[Scope, ...]:
    """Raises `UserError` for a scope that is none, or beyond the user's role."""
    found: list[Scope] = [known for known in SCOPES if known in scopes]
    if not found or set(scopes) - set(SCOPES):
        raise UserError("scope", f"no such scope. Remedy: one of {', '.join(SCOPES)}")
    for scope in found:
        if not at_least(user.role, SCOPES[scope]):
            raise UserError(
                "scope-role",
                f"the scope {scope} needs the role {SCOPES[scope]}, and {user.name} is "
                f"{user.role}. Remedy: a lesser scope",
            )
    return tuple(found)
