"""`/account`: what everyone may change of their own: password, language, zone, tokens, sessions."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from connectors.post import utc_now
from streams.roles import ROLES
from streams.users.known import Found
from streams.users.passwords import LEAST
from streams.users.records import SCOPES, UserError
from streams.web.reading import LANGUAGE_COOKIE, ZONE_COOKIE, zone_named, zones
from streams.web.users import ways
from streams.web.users.desk import Desk, address_of, found_of
from streams.web.visitor import LANGUAGES

DAYS: Final = (30, 90, 365, 0)
"""How long a token may be good; 0: for ever."""
_TOLD: Final = frozenset({"password", "reading", "dropped", "ended"})


class AccountPages:
    """The routes of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint, method in (
            ("", self.show, "GET"),
            ("/password", self.password, "POST"),
            ("/reading", self.reading, "POST"),
            ("/tokens", self.add_token, "POST"),
            ("/tokens/drop", self.drop_token, "POST"),
            ("/sessions/end", self.end_session, "POST"),
        ):
            app.add_api_route(
                ways.ACCOUNT + path,
                endpoint,
                methods=[method],
                include_in_schema=False,
                response_class=Response,
            )

    async def show(self, request: Request) -> Response:
        """All of it."""
        if not self._desk.login:
            return self._desk.page(request, "nobody.html")
        return await self._page(request, _mine(request))

    async def _page(
        self,
        request: Request,
        mine: Found,
        *,
        problem: str = "",
        token_problem: str = "",
        made: str = "",
    ) -> Response:
        now, name = utc_now(), mine.user.name
        told = request.query_params.get("told", "")
        return self._desk.page(
            request,
            "account.html",
            400 if problem or token_problem else 200,
            user=await self._desk.people.find(name),
            sessions=await self._desk.sessions.of(name, now),
            tokens=await self._desk.tokens.all(name),
            seen=await self._desk.known.seen(),
            present=mine.session,
            browser=browser_of,
            scopes=[scope for scope, role in SCOPES.items() if role in _up_to(mine)],
            days=DAYS,
            languages=LANGUAGES,
            zones=zones(),
            least=LEAST,
            problem=problem,
            token_problem=token_problem,
            made=made,
            told=told if told in _TOLD else "",
        )

    async def password(self, request: Request) -> Response:
        """The other sessions end, this one gets another cookie."""
        mine, given = await self._asked(request)
        user = await self._desk.people.find(mine.user.name)
        wait = self._desk.attempts.wait(user.name, address_of(request))
        if wait > 0:
            raise HTTPException(
                429, "Too many attempts. Wait and try again", {"Retry-After": str(int(wait) + 1)}
            )
        right = await self._desk.passwords.check(user.password, given.get("present", ""))
        if user.password and not right.right:
            return await self._page(request, mine, problem="wrong")
        self._desk.attempts.right(user.name, address_of(request))
        if given.get("password", "") != given.get("again", ""):
            return await self._page(request, mine, problem="differ")
        try:
            user = await self._desk.people.set_password(
                user.name, given.get("password", ""), by=user.name
            )
        except UserError as error:
            return await self._page(request, mine, problem=error.code)
        await self._desk.sessions.end_all(user.name, but=mine.session)
        return await self._desk.enter(request, user, by="password", to=_told("password"))

    async def reading(self, request: Request) -> Response:
        """What was once chosen in this browser gives way."""
        mine, given = await self._asked(request)
        language, zone = given.get("language", ""), given.get("zone", "")
        await self._desk.people.change(
            mine.user.name,
            by=mine.user.name,
            language=language if language in LANGUAGES else "",
            zone=zone if zone_named(zone) else "",
        )
        self._desk.known.forget()
        answer = RedirectResponse(_told("reading"), 303)
        for cookie in (LANGUAGE_COOKIE, ZONE_COOKIE):
            answer.delete_cookie(cookie, path="/")
        return answer

    async def add_token(self, request: Request) -> Response:
        """Shown once, in the answer itself."""
        mine, given = await self._asked(request)
        days = next((day for day in DAYS if str(day) == given.get("days")), DAYS[0])
        try:
            secret, _ = await self._desk.tokens.add(
                mine.user,
                given.get("name", ""),
                scopes=[given.get("scope", "")],
                now=utc_now(),
                by=mine.user.name,
                lasting=timedelta(days=days) if days else None,
            )
        except UserError as error:
            return await self._page(request, mine, token_problem=error.code)
        self._desk.known.forget()
        return await self._page(request, mine, made=secret)

    async def drop_token(self, request: Request) -> Response:
        """One of their own."""
        mine, given = await self._asked(request)
        name = mine.user.name
        await self._desk.tokens.drop(given.get("id", ""), of=name, by=name)
        self._desk.known.forget()
        return RedirectResponse(_told("dropped"), 303)

    async def end_session(self, request: Request) -> Response:
        """One of their own; without an id all but this one."""
        mine, given = await self._asked(request)
        name = mine.user.name
        if "id" in given:
            await self._desk.sessions.end(given["id"], of=name, by=name)
        else:
            await self._desk.sessions.end_all(name, but=mine.session)
        self._desk.known.forget()
        return RedirectResponse(_told("ended"), 303)

    async def _asked(self, request: Request) -> tuple[Found, dict[str, str]]:
        """Who asks, and what the form holds. Raises `HTTPException`."""
        mine = _mine(request)
        return mine, dict(await self._desk.forms.read(request))


def _mine(request: Request) -> Found:
    """Whoever logged in: a token could else make one that may more than itself."""
    found = found_of(request)
    if found is None or not found.session:
        raise HTTPException(403, "An account is changed by who logged in, not by a token")
    return found


def _up_to(mine: Found) -> Sequence[str]:
    return ROLES[: ROLES.index(mine.role) + 1]


def browser_of(agent: str) -> str:
    """`Firefox, Linux` of a user agent's long name; empty for one that is not known."""
    names = ("Edg/", "OPR/", "Firefox/", "Chrome/", "Safari/", "curl/")
    systems = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux")
    said = {"Edg/": "Edge", "OPR/": "Opera", "Mac OS X": "macOS"}
    found = [next((part for part in parts if part in agent), "") for parts in (names, systems)]
    return ", ".join(said.get(part, part.rstrip("/")) for part in found if part)


def _told(what: str) -> str:
    return f"{ways.ACCOUNT}?told={what}"
