"""What every response and request passes: security headers, and a look at the `Host` header.

A page on the open web can point a name of its own at 127.0.0.1 (DNS rebinding) and would then read
Veille as its own origin. Such a request carries that name: only addresses, `localhost` and the
names an installation lists are answered. It can also send a form here from its own name (CSRF);
the browser then says so, and what would change something is refused.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSP: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^][\s/?#@:\\]+)(:\d{0,5})?")
"""Nothing that would turn into a path where an address is put together of it."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """ASGI middleware: refuses foreign hosts, adds the headers to everything else."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset(host.strip("[]").lower().rstrip(".") for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        app = self._app if known_host(host, self._hosts) else _refusal
        if scope["method"] not in _SAFE and from_elsewhere(Headers(scope=scope), host):
            app = _foreign_form
        await app(scope, receive, _with_headers(send))


def known_host(header: str, names: frozenset[str]) -> bool:
    """Whether a `Host` header is an address, `localhost` or one of `names`."""
    if not _HOST.fullmatch(header):
        return False
    name = _name(header)
    if name == "localhost" or name.endswith(".localhost") or name in names:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def from_elsewhere(headers: Mapping[str, str], host: str) -> bool:
    """Whether the browser says that another site's page sent the request."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin", "null")  # `null`: our own forms, for they tell no referrer
    return origin != "null" and urlsplit(origin).netloc.lower() != host.lower()


def _name(header: str) -> str:
    """The host without its port: `[::1]:8420` is `::1`."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower().rstrip(".")


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


_foreign_form = PlainTextResponse(
    "Veille takes no forms from other sites. Remedy: open the page here and send it from there.\n",
    status_code=403,
)
_refusal = PlainTextResponse(
    "Veille does not answer to this host name. Remedy: open it by its address or as localhost, "
    "or set web.host to this name.\n",
    status_code=421,
)
