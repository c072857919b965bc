"""JSON that changes something: read, and taken only from pages of ours and from programs."""

from typing import Final, TypeVar

import msgspec
from fastapi import Request
from starlette.exceptions import HTTPException

from streams.web.api import bad
from streams.web.forms import Forms, body

T = TypeVar("T")

TOKEN_HEADER: Final = "x-veille-token"  # noqa: S105 # the name of a header
"""Carries the token of the page's forms (`csrf` in templates)."""


async def read_json(request: Request, forms: Forms, kind: type[T]) -> T:
    """The body as `kind`. A browser must send the page's token; a program that names itself by
    `Authorization`, or has no cookie, need not. Raises `HTTPException`, `BadFilter`."""
    told = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if told != "application/json":
        raise HTTPException(415, "Send application/json")
    if _is_a_page(request) and not forms.is_ours(request.headers.get(TOKEN_HEADER, "")):
        raise HTTPException(403, "This page is out of date. Remedy: reload it")
    try:
        return msgspec.json.decode(await body(request) or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad("body", "", str(error)[:300], "See /api/v1/openapi.json.") from None


def _is_a_page(request: Request) -> bool:
    headers = request.headers
    return "authorization" not in headers and ("cookie" in headers or "sec-fetch-site" in headers)
