"""Logging in and out, by name and password, and the links that invite: plain forms, no script."""

import math
from typing import Final
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse, Response

from connectors.post import utc_now
from streams.settings import Oidc
from streams.users import kept
from streams.users.passwords import LEAST
from streams.users.records import User, UserError
from streams.web.forms import fields
from streams.web.users import cookies, ways
from streams.web.users.desk import Desk, address_of, found_of

_MOST_WAITING: Final = 40


class LoginPages:
    """The routes of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._waiting = 0

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint, method in (
            (ways.LOGIN, self.show, "GET"),
            (ways.LOGIN, self.log_in, "POST"),
            (ways.LOGOUT, self.log_out, "POST"),
            (ways.INVITED + "/{secret}", self.invited, "GET"),
            (ways.INVITED + "/{secret}", self.accept, "POST"),
        ):
            app.add_api_route(
                path, endpoint, methods=[method], include_in_schema=False, response_class=Response
            )

    async def show(self, request: Request) -> Response:
        """The form; who is in already goes on."""
        back = ways.local(request.query_params.get("next", "/"))
        if not self._desk.login or found_of(request):
            return RedirectResponse(back, 303)
        return await self.form(request, back)

    async def form(
        self, request: Request, back: str, *, problem: str = "", name: str = "", wait: int = 0
    ) -> Response:
        """The page, with what went wrong."""
        status = {"": 200, "wait": 429}.get(problem, 403)
        answer = self._desk.page(
            request,
            "login.html",
            status,
            back=back,
            problem=problem,
            name=name[:64],
            wait=wait,
            told=request.query_params.get("told", ""),
            anyone=await self._desk.known.anyone(),
            issuer=label_of(self._desk.web.oidc),
            elsewhere=self._elsewhere(request),
        )
        if wait:
            answer.headers["Retry-After"] = str(wait)
        return answer

    def _elsewhere(self, request: Request) -> str:
        """Where to go instead: a cookie meant for https does not come back over http."""
        public = self._desk.web.public_url
        over_https = request.scope.get("scheme") == "https"
        return public if public.startswith("https:") and not over_https else ""

    async def log_in(self, request: Request) -> Response:
        """Wrong names and wrong passwords look the same, and take the same time."""
        given = dict(await fields(request))
        name, password = given.get("name", "").strip().lower(), given.get("password", "")
        back = ways.local(given.get("next", "/"))
        if not self._desk.login:
            return RedirectResponse(back, 303)
        if not self._ours(request, given.get("token", "")):
            return await self.form(request, back, problem="stale", name=name)
        wait = self._desk.attempts.wait(name, address_of(request))
        if wait > 0 or self._waiting >= _MOST_WAITING:
            seconds = max(1, math.ceil(wait))
            return await self.form(request, back, problem="wait", name=name, wait=seconds)
        user = await self._checked(name, password)
        if user is None:
            await self._note_failure(request, name)
            return await self.form(request, back, problem="wrong", name=name)
        self._desk.attempts.right(name, address_of(request))
        return await self._desk.enter(request, user, by="password", to=back)

    def _ours(self, request: Request, token: str) -> bool:
        """Whether our own page sent it. A browser that says so is believed: who is not in yet has
        the token of a process, and there may be several, or a new one."""
        says_so = request.headers.get("sec-fetch-site") == "same-origin"
        return says_so or found_of(request) is not None or self._desk.forms.is_ours(token)

    async def _checked(self, name: str, password: str) -> User | None:
        self._waiting += 1
        try:
            user = (await self._desk.people.all()).get(name)
            kept_hash = "" if user is None or user.disabled else user.password
            right, renewed = await self._desk.passwords.check(kept_hash, password)
        finally:
            self._waiting -= 1
        if renewed:
            await self._desk.people.renew_hash(name, kept_hash, renewed)
        return user if right else None

    async def _note_failure(self, request: Request, name: str) -> None:
        after = {"address": address_of(request)}
        await kept.note(self._desk.store, "", "user.refused", name[:64], after=after)

    async def log_out(self, request: Request) -> Response:
        """The guard lets no other site ask for it."""
        found = found_of(request)
        await self._desk.leave(request, by=found.user.name if found else "")
        answer = RedirectResponse(f"{ways.LOGIN}?told=out", 303)
        cookies.take(answer, cookies.SESSION, secure=self._desk.secure(request))
        return answer

    async def invited(self, request: Request, secret: str) -> Response:
        """Choose a password."""
        user = await self._desk.people.invited(secret, utc_now())
        return self._choose(request, user)

    def _choose(self, request: Request, user: User | None, problem: str = "") -> Response:
        status = 404 if user is None else 400 if problem else 200
        return self._desk.page(
            request, "invited.html", status, user=user, problem=problem, least=LEAST
        )

    async def accept(self, request: Request, secret: str) -> Response:
        """The chosen password counts, the link does no longer, and they are in."""
        given = dict(await fields(request))
        user = await self._desk.people.invited(secret, utc_now())
        if user is None:
            return self._choose(request, None)
        password = given.get("password", "")
        if password != given.get("again", ""):
            return self._choose(request, user, "differ")
        try:
            user = await self._desk.people.set_password(user.name, password, by=user.name)
        except UserError as error:
            return self._choose(request, user, error.code)
        await self._desk.sessions.end_all(user.name)
        if not self._desk.login:
            return RedirectResponse("/", 303)
        return await self._desk.enter(request, user, by="invitation", to="/")


def label_of(settings: Oidc | None) -> str:
    """What the button of OpenID Connect says; empty: there is none."""
    return (settings.label or urlsplit(settings.issuer).hostname or "") if settings else ""
