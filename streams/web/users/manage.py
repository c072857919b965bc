"""`/users`: the admin's page of who may log in. No mail is needed: a link that invites is shown
once, for the admin to pass on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from connectors.post import utc_now
from streams.roles import ROLES, Role
from streams.users.records import User, UserError
from streams.web.users import ways
from streams.web.users.desk import Desk
from streams.web.visitor import require

_TOLD: Final = frozenset({"changed", "removed"})


class Row(NamedTuple):
    """A user as the page shows them."""

    user: User
    seen: datetime | None
    ways: Sequence[str]
    """How they log in: password, oidc, invited."""


class ManagePages:
    """The routes of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint, method in (
            ("", self.show, "GET"),
            ("", self.add, "POST"),
            ("/{name}/role", self.role, "POST"),
            ("/{name}/disable", self.disable, "POST"),
            ("/{name}/enable", self.enable, "POST"),
            ("/{name}/invite", self.invite, "POST"),
            ("/{name}/remove", self.remove, "POST"),
        ):
            app.add_api_route(
                ways.USERS + path,
                endpoint,
                methods=[method],
                include_in_schema=False,
                response_class=Response,
            )

    async def show(self, request: Request) -> Response:
        """All of them."""
        require(request, "admin")
        return await self._page(request)

    async def _page(
        self,
        request: Request,
        *,
        problem: str = "",
        link: str = "",
        about: str = "",
        typed: dict[str, str] | None = None,
    ) -> Response:
        told = request.query_params.get("told", "")
        return self._desk.page(
            request,
            "users.html",
            400 if problem else 200,
            rows=await self._rows(),
            roles=ROLES,
            problem=problem,
            link=link,
            about=about,
            typed=typed or {},
            told=told if told in _TOLD else "",
        )

    async def _rows(self) -> Sequence[Row]:
        now = utc_now()
        seen = await self._desk.last_seen()
        users = (await self._desk.people.all()).values()
        return [Row(user, seen.get(user.name), _ways(user, now)) for user in users]

    async def add(self, request: Request) -> Response:
        """They choose their password by the link."""
        by, given = await self._asked(request)
        try:
            user = await self._desk.people.add(
                given.get("name", ""),
                by=by,
                role=_role(given.get("role", "")),
                email=given.get("email", ""),
            )
        except UserError as error:
            return await self._page(request, problem=error.code, typed=given)
        return await self._link(request, user.name, by, reset=False)

    async def role(self, request: Request, name: str) -> Response:
        """Their sessions end, so that nobody acts in a role they no longer have."""
        by, given = await self._asked(request)
        return await self._change(request, name, by, role=_role(given.get("role", "")))

    async def disable(self, request: Request, name: str) -> Response:
        """Out at once."""
        by, _ = await self._asked(request)
        return await self._change(request, name, by, disabled=True)

    async def enable(self, request: Request, name: str) -> Response:
        """In again."""
        by, _ = await self._asked(request)
        return await self._change(request, name, by, disabled=False)

    async def invite(self, request: Request, name: str) -> Response:
        """The present password ends, and they choose another by the link."""
        by, _ = await self._asked(request)
        return await self._link(request, name, by, reset=True)

    async def remove(self, request: Request, name: str) -> Response:
        """With sessions and tokens."""
        by, _ = await self._asked(request)
        try:
            await self._desk.people.remove(name, by=by)
        except UserError as error:
            return await self._page(request, problem=error.code, about=name)
        await self._desk.tokens.drop_all(name, by=by)
        await self._desk.turn_out(name)
        return RedirectResponse(f"{ways.USERS}?told=removed", 303)

    async def _change(
        self, request: Request, name: str, by: str, **fields: Role | bool
    ) -> Response:
        try:
            await self._desk.people.change(name, by=by, **fields)
        except UserError as error:
            return await self._page(request, problem=error.code, about=name)
        await self._desk.turn_out(name)
        return RedirectResponse(f"{ways.USERS}?told=changed", 303)

    async def _link(self, request: Request, name: str, by: str, *, reset: bool) -> Response:
        try:
            secret = await self._desk.people.invite(name, by=by, now=utc_now(), reset=reset)
        except UserError as error:
            return await self._page(request, problem=error.code, about=name)
        await self._desk.turn_out(name)
        link = self._desk.address(request, f"{ways.INVITED}/{secret}")
        return await self._page(request, link=link, about=name)

    async def _asked(self, request: Request) -> tuple[str, dict[str, str]]:
        visitor = require(request, "admin")
        return visitor.name, dict(await self._desk.forms.read(request))


def _ways(user: User, now: datetime) -> Sequence[str]:
    ways = {"password": user.password, "oidc": user.subject, "invited": user.invited(now)}
    return [way for way, there in ways.items() if there]


def _role(given: str) -> Role:
    found = next((role for role in ROLES if role == given), None)
    if found is None:
        raise HTTPException(400, "There is no such role")
    return found
