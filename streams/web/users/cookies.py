"""The session's cookie, and the short one that a login by OpenID Connect keeps meanwhile."""

from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

SESSION: Final = "veille-session"
_HOST: Final = "__Host-"
"""A browser keeps such a cookie only from this very host, and only over https."""
_MOST: Final = 4096


def given(scope: Scope, name: str, *, secure: bool) -> str:
    """The cookie's value; empty where there is none."""
    wanted = _named(name, secure=secure)
    for part in Headers(scope=scope).get("cookie", "").split(";"):
        key, _, value = part.strip().partition("=")
        if key == wanted and len(value) <= _MOST:
            return value
    return ""


def give(response: Response, name: str, value: str, *, secure: bool, seconds: int) -> None:
    """Not readable by scripts, not sent along with other sites' forms."""
    response.set_cookie(
        _named(name, secure=secure),
        value,
        max_age=seconds,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def take(response: Response, name: str, *, secure: bool) -> None:
    give(response, name, "", secure=secure, seconds=0)


def is_secure(scope: Scope, public_url: str) -> bool:
    """Whether the browser speaks https, to us or to the proxy before us."""
    return scope.get("scheme") == "https" or public_url.startswith("https:")


def _named(name: str, *, secure: bool) -> str:
    return f"{_HOST}{name}" if secure else name
