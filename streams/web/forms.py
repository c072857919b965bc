"""Forms that change something: each carries a token of this process, which a page elsewhere can't
read."""

import hmac
import secrets
from typing import Final
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.exceptions import HTTPException

MOST_FORM_BYTES: Final = 64 * 1024


class Forms:
    """The token of this process, and the fields of forms that carry it."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(24)

    async def read(self, request: Request) -> list[tuple[str, str]]:
        """Raises `HTTPException` for a form that is not of ours, or too large."""
        given = parse_qsl((await body(request)).decode("utf-8", "replace"))
        token = next((value for name, value in given if name == "token"), "")
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            raise HTTPException(403, "This form is out of date. Remedy: reload the page")
        return given


async def body(request: Request) -> bytes:
    """All of it. Raises `HTTPException` for one that is too large."""
    found = b""
    async for piece in request.stream():
        found += piece
        if len(found) > MOST_FORM_BYTES:
            raise HTTPException(413, "Too much was sent at once")
    return found
