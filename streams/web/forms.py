"""Forms that change something: each carries a token of the visitor's session, or of this process
where nobody logs in, which a page elsewhere can't read."""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.exceptions import HTTPException

from streams.web.i18n import _

MOST_FORM_BYTES: Final = 64 * 1024

_session: ContextVar[str] = ContextVar("session of this request", default="")


@contextmanager
def bound_to(session: str) -> Iterator[None]:
    """Meanwhile forms carry the token of the session with this secret; empty: of the process."""
    before = _session.set(session)
    try:
        yield
    finally:
        _session.reset(before)


class Forms:
    """The token of this request's forms, and the fields of forms that carry it."""

    def __init__(self) -> None:
        self._token = secrets.token_urlsafe(24)

    @property
    def token(self) -> str:
        """The same in every process that knows the session."""
        session = _session.get()
        if not session:
            return self._token
        return hmac.new(session.encode(), b"veille form", hashlib.sha256).hexdigest()

    def is_ours(self, token: str) -> bool:
        return hmac.compare_digest(token.encode("utf-8", "replace"), self.token.encode())

    async def read(self, request: Request, *, most: int = MOST_FORM_BYTES) -> list[tuple[str, str]]:
        """Raises `HTTPException` for a form that is not of ours, or larger than `most` bytes."""
        given = await fields(request, most=most)
        if not self.is_ours(next((value for name, value in given if name == "token"), "")):
            raise HTTPException(403, _("This form is out of date. Remedy: reload the page"))
        return given


async def fields(request: Request, *, most: int = MOST_FORM_BYTES) -> list[tuple[str, str]]:
    """Of a form, whoever sent it. Raises `HTTPException` for one that is too large."""
    return parse_qsl((await body(request, most=most)).decode("utf-8", "replace"))


async def body(request: Request, *, most: int = MOST_FORM_BYTES) -> bytes:
    """All of it. Raises `HTTPException` for one that is too large."""
    found = b""
    async for piece in request.stream():
        found += piece
        if len(found) > most:
            raise HTTPException(413, _("Too much was sent at once"))
    return found
