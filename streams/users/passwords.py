"""Passwords by argon2id, two at a time: each hash takes 64 MiB, and logins must not exhaust memory.
A name that nobody has costs as much time as one that somebody has."""

import asyncio
import unicodedata
from functools import cached_property
from typing import Final, NamedTuple

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from streams.users.records import UserError

LEAST: Final = 12
MOST: Final = 1024
AT_ONCE: Final = 2


class Checked(NamedTuple):
    """Whether a password is right; `renewed` is its hash by today's parameters, where the one that
    is kept has others."""

    right: bool
    renewed: str = ""


class Passwords:
    """Hashes and checks in threads."""

    def __init__(self, hasher: argon2.PasswordHasher | None = None) -> None:
        self.hasher = hasher or argon2.PasswordHasher()
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def hash(self, password: str) -> str:
        """Costs about 0.1 s."""
        async with self._turns:
            return await asyncio.to_thread(self.hasher.hash, _normal(password))

    async def check(self, kept: str, password: str) -> Checked:
        """`kept` is empty for one that nobody has."""
        async with self._turns:
            return await asyncio.to_thread(self._check, kept, password)

    def _check(self, kept: str, password: str) -> Checked:
        given, nobody = _normal(password), self._nobody
        try:
            self.hasher.verify(kept or nobody, given)
        except (VerificationError, InvalidHashError):
            return Checked(False)
        if not kept:
            return Checked(False)
        stale = self.hasher.check_needs_rehash(kept)
        return Checked(True, self.hasher.hash(given) if stale else "")

    @cached_property
    def _nobody(self) -> str:
        return self.hasher.hash("nobody has this password")


def refuse_weak(password: str, name: str) -> None:
    """Raises `UserError`: too short, too long, or the user's own name."""
    given = _normal(password)
    if len(given) < LEAST:
        raise UserError("short", f"the password is too short. Remedy: {LEAST} letters or more")
    if len(given) > MOST:
        raise UserError("long", f"the password is too long. Remedy: {MOST} letters at most")
    if given.casefold() == _normal(name).casefold():
        raise UserError("own-name", "the password is the name. Remedy: choose another")


def _normal(password: str) -> str:
    """One spelling of the same letters, whichever keyboard typed them."""
    clean = password[: MOST + 1].encode("utf-8", "replace").decode()
    return unicodedata.normalize("NFKC", clean)
