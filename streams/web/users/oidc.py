"""Logging in by OpenID Connect: two addresses, one that leads to the issuer and one it leads back
to."""

import base64
import binascii
from typing import Final

import msgspec
from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse, Response

from streams.settings import Oidc
from streams.users import kept
from streams.users.oidc import Flow, Issuer
from streams.users.oidc_users import user_of
from streams.users.records import UserError
from streams.web.users import cookies, ways
from streams.web.users.desk import Desk, address_of
from streams.web.users.login import LoginPages

COOKIE: Final = "veille-oidc"
SECONDS: Final = 600
CALLBACK: Final = f"{ways.OIDC}/callback"


class OidcPages:
    """The routes of one desk."""

    def __init__(self, desk: Desk, login: LoginPages, settings: Oidc) -> None:
        self._desk = desk
        self._login = login
        self._settings = settings
        self._issuer = Issuer(settings)

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint in ((f"{ways.OIDC}/login", self.start), (CALLBACK, self.finish)):
            app.add_api_route(path, endpoint, include_in_schema=False, response_class=Response)

    async def start(self, request: Request) -> Response:
        """To the issuer."""
        back = ways.local(request.query_params.get("next", "/"))
        try:
            to, flow = await self._issuer.start(self._desk.address(request, CALLBACK), back)
        except UserError as error:
            return await self._login.form(request, back, problem=error.code)
        answer = RedirectResponse(to, 303, {"Cache-Control": "no-store"})
        secure = self._desk.secure(request)
        cookies.give(answer, COOKIE, packed(flow), secure=secure, seconds=SECONDS)
        return answer

    async def finish(self, request: Request) -> Response:
        """From the issuer: in, or back to the login with what went wrong."""
        secure = self._desk.secure(request)
        flow = unpacked(cookies.given(request.scope, COOKIE, secure=secure))
        back = ways.local(flow.back)
        try:
            claims = await self._issuer.finish(
                flow, request.query_params, self._desk.address(request, CALLBACK)
            )
            user = await user_of(self._desk.people, self._settings, claims)
        except UserError as error:
            after = {"address": address_of(request), "why": str(error)[:300]}
            await kept.note(self._desk.store, "", "user.refused", "oidc", after=after)
            answer = await self._login.form(request, back, problem=error.code)
        else:
            answer = await self._desk.enter(request, user, by="oidc", to=back)
        cookies.take(answer, COOKIE, secure=secure)
        return answer


def packed(flow: Flow) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(flow)).decode().rstrip("=")


def unpacked(cookie: str) -> Flow:
    """A flow that fits no answer, for what is none."""
    try:
        return msgspec.json.decode(
            base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4)), type=Flow
        )
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return Flow("", "", "")
