"""ASGI middleware that knows who asks, by session cookie or `Authorization: Bearer`, and turns away
who may not: before any route is looked for, so that none can forget to."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qs

import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.post import utc_now
from streams.errors import StoreError
from streams.users.known import SECONDS, Found, Known
from streams.web.forms import bound_to
from streams.web.users import cookies, ways
from streams.web.visitor import PREFERRED, VISITOR, LacksRole, Visitor

NOBODY: Final = Visitor(name="", role="viewer")
FOUND: Final = "veille.found"
"""Where it stands in the scope whose request it is, as `streams.users.known` found."""
TROUBLE: Final = "veille.trouble"
"""Where it stands in the scope why that could not be found out."""
ENDLESS: Final = frozenset({"/live"})
"""What goes on being told to whoever asked once."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_BEARER: Final = "bearer "


Explain = Callable[[Request, Exception], Awaitable[Response]]
"""The answer that says what an error means."""


class Access:
    """Finds out who asks. Whether they may is for `Gate` to say."""

    def __init__(self, app: ASGIApp, *, known: Known, public_url: str) -> None:
        self._app = app
        self._known = known
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        secure = cookies.is_secure(scope, self._public_url)
        secret = cookies.given(scope, cookies.SESSION, secure=secure)
        found = None
        try:
            found = await self._find(scope, secret)
        except StoreError as error:
            scope[TROUBLE] = error
        scope[FOUND], scope[VISITOR] = found, visitor(found)
        if found:
            scope[PREFERRED] = {"language": found.user.language, "zone": found.user.zone}
        with bound_to(secret if found and found.session else ""):
            if found and scope["path"] in ENDLESS:
                await self._while_known(scope, receive, send, secret)
            else:
                await self._app(scope, receive, send)

    async def _while_known(self, scope: Scope, receive: Receive, send: Send, secret: str) -> None:
        """An answer without end ends with the right to it."""
        answering = asyncio.ensure_future(self._app(scope, receive, send))
        try:
            while not (await asyncio.wait({answering}, timeout=SECONDS))[0]:
                with contextlib.suppress(StoreError):  # the answer says by itself that it is away
                    if await self._find(scope, secret) is None:
                        break
            else:
                answering.result()
                return
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _find(self, scope: Scope, secret: str) -> Found | None:
        header = Headers(scope=scope).get("authorization", "")
        if header[: len(_BEARER)].lower() == _BEARER:
            return await self._known.by_token(header[len(_BEARER) :].strip(), utc_now())
        if scope["path"] in ways.FEEDS and (token := _in_address(scope)):
            return await self._reader(token)
        return await self._known.by_session(secret, utc_now()) if secret else None

    async def _reader(self, token: str) -> Found | None:
        """By a token that may only read: an address is kept and passed on by many programs."""
        found = await self._known.by_token(token, utc_now())
        return found if found and found.role == "viewer" else None


def _in_address(scope: Scope) -> str:
    query: str = scope["query_string"].decode("latin-1")
    return parse_qs(query).get(ways.IN_ADDRESS, [""])[0].strip()


class Gate:
    """Turns away who may not. Everything but the open paths needs a visitor that is known."""

    def __init__(self, app: ASGIApp, *, open_metrics: bool, explain: Explain) -> None:
        self._app = app
        self._open_metrics = open_metrics
        self._explain = explain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            refusal = await self._refusal(Request(scope, receive))
            await (refusal or self._app)(scope, receive, send)

    async def _refusal(self, request: Request) -> Response | None:
        path = request.scope["path"]  # never `request.url.path`, which `Host` has a part in
        if ways.is_open(path) or (path == "/metrics" and self._open_metrics):
            return None
        if (trouble := request.scope.get(TROUBLE)) is not None:
            return await self._explain(request, trouble)
        found = request.scope.get(FOUND)
        if found is None:
            return _unknown(request)
        if request.method in _SAFE or found.role != "viewer" or ways.is_ones_own(path):
            return None
        return await self._explain(request, LacksRole("analyst"))


def visitor(found: Found | None) -> Visitor:
    """As the pages are told."""
    if found is None:
        return NOBODY
    return Visitor(name=found.user.name, role=found.role, session=found.session[:16])


def _unknown(request: Request) -> Response:
    """To the login for people who open a page; for scripts and programs an answer they can read."""
    headers = request.headers
    fetched = headers.get("sec-fetch-dest", "document") not in ("document", "iframe")
    if ways.for_programs(request.scope["path"]) or fetched or "authorization" in headers:
        remedy = "Authorization: Bearer TOKEN"
        if request.scope["path"] in ways.FEEDS:
            remedy += f", or ?{ways.IN_ADDRESS}=TOKEN of one with the scope read alone"
        said = {"error": f"log in, or send a token. Remedy: {remedy}"}
        return Response(
            msgspec.json.encode(said),
            401,
            {"WWW-Authenticate": 'Bearer realm="Veille"', "Cache-Control": "no-store"},
            "application/json",
        )
    reads = request.method in _SAFE
    back = (
        ways.login_of(request.scope["path"], request.scope["query_string"].decode("latin-1"))
        if reads
        else ways.LOGIN
    )
    return RedirectResponse(back, 303, {"Cache-Control": "no-store"})
