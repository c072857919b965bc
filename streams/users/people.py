"""Users: made, changed, invited, removed. Every change is asked of the store anew."""

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from connectors.post import utc_now
from streams.roles import Role
from streams.store.port import Store
from streams.users import kept
from streams.users.passwords import Passwords, refuse_weak
from streams.users.records import User, UserError, digest, login_name, may_go, new_secret

INVITED_FOR: Final = timedelta(days=7)
_MOST_EMAIL: Final = 254


class People:
    """The users of one store. Who changes them is told to each act as `by`."""

    def __init__(self, store: Store, passwords: Passwords) -> None:
        self._store = store
        self._passwords = passwords
        self._turn = asyncio.Lock()

    async def all(self) -> dict[str, User]:
        """By name."""
        found = await kept.every(self._store, kept.USER, User)
        return dict(sorted(found.items()))

    async def find(self, name: str) -> User:
        """Raises `UserError`."""
        return _known(await self.all(), name)

    async def add(
        self, name: str, *, by: str, role: Role = "viewer", email: str = "", subject: str = ""
    ) -> User:
        """Someone new, who has no password yet. Raises `UserError`."""
        user = User(
            name=login_name(name),
            role=role,
            email=clean_email(email),
            subject=subject,
            created_at=utc_now(),
        )
        async with self._turn:
            if user.name in await self.all():
                raise UserError(
                    "taken", f"there is a user {user.name!r} already. Remedy: another name"
                )
            await self._keep(user, None, "user.add", by)
        return user

    async def change(self, name: str, *, by: str, **fields: Any) -> User:
        """Other fields than the password. Raises `UserError` where no admin would be left."""
        if "email" in fields:
            fields["email"] = clean_email(fields["email"])
        async with self._turn:
            users = await self.all()
            before = _known(users, name)
            after = msgspec.structs.replace(before, **fields)
            if after == before:
                return after
            _lead(after, users)
            await self._keep(after, before, "user.change", by)
        return after

    async def follow(self, name: str, *, by: str, **fields: Any) -> User:
        """As `change`, where somebody else's word counts: also for the last admin."""
        async with self._turn:
            before = _known(await self.all(), name)
            after = msgspec.structs.replace(before, **fields)
            if after != before:
                await self._keep(after, before, "user.change", by)
        return after

    async def set_password(self, name: str, password: str, *, by: str) -> User:
        """Any invitation ends. Raises `UserError` for a weak one."""
        refuse_weak(password, name)
        hashed = await self._passwords.hash(password)
        return await self._change_access(
            name, "user.password", by, password=hashed, invitation="", invited_until=None
        )

    async def renew_hash(self, name: str, before: str, hashed: str) -> None:
        """The same password, hashed by today's parameters, unless it was changed meanwhile."""
        async with self._turn:
            user = (await self.all()).get(name)
            if user and user.password == before:
                await kept.keep(
                    self._store,
                    kept.USER,
                    name,
                    msgspec.structs.replace(user, password=hashed),
                )

    async def invite(self, name: str, *, by: str, now: datetime, reset: bool = False) -> str:
        """The secret of a link that lets them choose a password, once. With `reset` the present
        one ends at once."""
        secret = new_secret()
        fields: dict[str, Any] = {"invitation": digest(secret), "invited_until": now + INVITED_FOR}
        if reset:
            fields["password"] = ""
        await self._change_access(name, "user.invite", by, **fields)
        return secret

    async def invited(self, secret: str, now: datetime) -> User | None:
        """Whom this link invites."""
        wanted = digest(secret)
        users = (await self.all()).values()
        return next((u for u in users if u.invitation == wanted and _open(u, now)), None)

    async def remove(self, name: str, *, by: str) -> None:
        """Raises `UserError` where no admin would be left."""
        async with self._turn:
            users = await self.all()
            user = _known(users, name)
            if not may_go(user, users.values()):
                raise _last()
            await kept.drop(self._store, kept.USER, [name])
            await kept.note(self._store, by, "user.remove", name, before=told(user))

    async def _change_access(self, name: str, action: str, by: str, **fields: Any) -> User:
        async with self._turn:
            users = await self.all()
            before = _known(users, name)
            after = msgspec.structs.replace(before, **fields)
            await self._keep(after, before, action, by)
        return after

    async def _keep(self, user: User, before: User | None, action: str, by: str) -> None:
        await kept.keep(self._store, kept.USER, user.name, user)
        was = told(before) if before else None
        await kept.note(self._store, by, action, user.name, before=was, after=told(user))


def _last() -> UserError:
    return UserError(
        "last-admin",
        "this is the last admin who can log in. Remedy: make somebody else an admin first",
    )


def told(user: User) -> dict[str, Any]:
    """What the journal says of a user: whether there is a password, never which. What says nothing
    is left out."""
    every = {
        "role": user.role,
        "email": user.email,
        "disabled": user.disabled,
        "password": bool(user.password),
        "invited_until": user.invited_until,
        "subject": user.subject,
        "language": user.language,
        "zone": user.zone,
    }
    return {name: value for name, value in every.items() if value}


def clean_email(given: str) -> str:
    """Lower-case, on one line. Raises `UserError`."""
    email = given.strip().lower()
    if not email:
        return ""
    before, _, domain = email.rpartition("@")
    if not before or "@" in before or "." not in domain or not email.isprintable() or " " in email:
        raise UserError("email", f"{given[:80]!r} is no e-mail address. Remedy: name@example.org")
    if len(email) > _MOST_EMAIL:
        raise UserError("email", "the e-mail address is too long. Remedy: at most 254 letters")
    return email


def _known(users: dict[str, User], name: str) -> User:
    found = users.get(name)
    if found is None:
        raise UserError("unknown", f"there is no user {name[:80]!r}. Remedy: veille users list")
    return found


def _open(user: User, now: datetime) -> bool:
    return user.invited(now) and not user.disabled


def _lead(after: User, users: dict[str, User]) -> None:
    """Raises `UserError` where this change would leave no admin who can log in."""
    before = users[after.name]
    if may_go(before, users.values()):
        return
    if after.disabled or after.role != "admin":
        raise _last()
