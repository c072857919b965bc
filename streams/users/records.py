"""What is kept of users, sessions and API tokens. No secret is: of each only a hash."""

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

import msgspec

from streams.errors import VeilleError
from streams.roles import ROLES, Role, at_least

Scope = Literal["read", "label", "admin"]
"""What a token may: what a viewer, an analyst, an admin may."""
SCOPES: Final[dict[Scope, Role]] = {"read": "viewer", "label": "analyst", "admin": "admin"}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
_RESERVED: Final = frozenset({"local", "staff", "unknown"})


class UserError(VeilleError):
    """Refused, with the reason and a remedy; `code` is one word for it."""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(said)
        self.code = code


class User(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Someone who may log in. `password` is an argon2id hash; `invitation` the SHA-256 of a link
    that is good until `invited_until`; `subject` is `issuer subject` of OpenID Connect. Empty:
    none."""

    name: str
    created_at: datetime
    role: Role = "viewer"
    email: str = ""
    password: str = ""
    disabled: bool = False
    subject: str = ""
    language: str = ""
    zone: str = ""
    invitation: str = ""
    invited_until: datetime | None = None

    def invited(self, now: datetime) -> bool:
        return bool(self.invitation and self.invited_until and now < self.invited_until)


class Session(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One login. `id` is the SHA-256 of what the cookie holds."""

    id: str
    user: str
    began_at: datetime
    until: datetime
    address: str = ""
    browser: str = ""
    by: Literal["password", "invitation", "oidc"] = "password"


class Token(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An API token of a user's. `hash` is the SHA-256 of the whole token; `until` absent: for
    ever."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    hash: str
    user: str
    created_at: datetime
    until: datetime | None = None

    @property
    def role(self) -> Role:
        return max((SCOPES[scope] for scope in self.scopes), key=ROLES.index, default="viewer")


def login_name(given: str) -> str:
    """As it is kept: lower-case. Raises `UserError` for one that can't be."""
    name = given.strip().lower()
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise UserError(
            "name",
            f"{given[:80]!r} can't be a user's name. Remedy: letters a-z, digits and . _ @ + -, "
            "a letter or digit first, at most 64; not local, staff or unknown",
        )
    return name


def new_secret() -> str:
    """256 random bits, in letters that need no quoting."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """SHA-256 in hex: enough for what has 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def may_go(user: User, users: Iterable[User]) -> bool:
    """Whether an admin who can log in is left without this user."""
    return any(_can_lead(one) for one in users if one.name != user.name) or not _can_lead(user)


def _can_lead(user: User) -> bool:
    known = user.password or user.subject or user.invitation
    return bool(known) and not user.disabled and at_least(user.role, "admin")
