"""`/api/v1/me`: whom a program acts as."""

import msgspec
from fastapi import FastAPI, Request
from starlette.responses import Response

from streams.roles import Role
from streams.store.journal import EntryPage
from streams.web import api
from streams.web.users.desk import Desk, found_of
from streams.web.visitor import Language, visitor_of


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what they may. `token`: whether by an API token; `login`: whether people log in
    here at all."""

    name: str
    role: Role
    language: Language
    zone: str
    token: bool
    login: bool


RECORDS = (Me, EntryPage)


class MePages:
    """The route of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_to(self, app: FastAPI) -> None:
        app.add_api_route(
            "/api/v1/me",
            self.show,
            tags=["users"],
            response_class=Response,
            openapi_extra=api.described(Me),
        )

    async def show(self, request: Request) -> Response:
        """Who asks, and what they may."""
        visitor, found = visitor_of(request), found_of(request)
        return api.reply(
            Me(
                name=visitor.name,
                role=visitor.role,
                language=visitor.language,
                zone=visitor.zone,
                token=found is not None and not found.session,
                login=self._desk.login,
            )
        )
