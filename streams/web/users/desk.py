"""What the pages of users share: who is asked, how they are let in, how a page is sent."""

from datetime import datetime, timedelta
from typing import Any, Final, Literal

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from connectors.post import utc_now
from streams.settings import Web
from streams.store.port import Store
from streams.users.attempts import Attempts
from streams.users.known import Found, Known
from streams.users.passwords import Passwords
from streams.users.people import People
from streams.users.records import User, digest
from streams.users.sessions import Sessions
from streams.users.tokens import Tokens
from streams.web.pages import Pages
from streams.web.users import cookies
from streams.web.users.access import FOUND
from streams.web.visitor import visitor_of

_MOST_BROWSER: Final = 200


class Desk:
    """The users of one store, as the pages ask them. `login`: whether people log in at all."""

    def __init__(self, store: Store, pages: Pages, web: Web, *, login: bool) -> None:
        self.store = store
        self.web = web
        self.login = login
        self.passwords = Passwords()
        self.people = People(store, self.passwords)
        self.sessions = Sessions(store, lasting=web.lasting)
        self.tokens = Tokens(store)
        self.known = Known(store, idle=timedelta(hours=web.idle_hours))
        self.attempts = Attempts()
        self.forms = pages.forms
        self._pages = pages

    def secure(self, request: Request) -> bool:
        return cookies.is_secure(request.scope, self.web.public_url)

    def address(self, request: Request, path: str) -> str:
        """As somebody elsewhere opens it: where `web.public_url` does not say, as this request
        came, whose `Host` the guard has looked at."""
        here = f"{request.scope['scheme']}://{request.headers.get('host', '')}"
        return (self.web.public_url.rstrip("/") or here) + path

    async def turn_out(self, name: str) -> None:
        """End every session of a user whose rights changed."""
        await self.sessions.end_all(name)
        self.known.forget()

    async def last_seen(self) -> dict[str, datetime]:
        """When each user was there last, by name, of the sessions that are kept."""
        found: dict[str, datetime] = {}
        seen = await self.known.seen()
        for one in await self.sessions.all():
            at = max(seen.get(one.id, one.began_at), one.began_at)
            found[one.user] = max(at, found.get(one.user, at))
        return found

    async def enter(
        self,
        request: Request,
        user: User,
        *,
        by: Literal["password", "invitation", "oidc"],
        to: str,
    ) -> Response:
        """A session of their own, in place of the one there was."""
        await self.leave(request, by=user.name)
        secret = await self.sessions.begin(
            user,
            now=utc_now(),
            address=address_of(request),
            browser=request.headers.get("user-agent", "")[:_MOST_BROWSER],
            by=by,
        )
        self.known.forget()
        answer = RedirectResponse(to, 303, {"Cache-Control": "no-store"})
        self.keep_cookie(request, answer, secret)
        return answer

    def keep_cookie(self, request: Request, answer: Response, secret: str) -> None:
        seconds = int(self.web.lasting.total_seconds())
        secure = self.secure(request)
        cookies.give(answer, cookies.SESSION, secret, secure=secure, seconds=seconds)

    async def leave(self, request: Request, *, by: str) -> None:
        """End the session that this request came with."""
        secret = cookies.given(request.scope, cookies.SESSION, secure=self.secure(request))
        if secret:
            await self.sessions.end(digest(secret), by=by)
            self.known.forget()

    def page(self, request: Request, template: str, status: int = 200, **given: Any) -> Response:
        body = self._pages.render(
            template,
            visitor=visitor_of(request),
            now=utc_now(),
            login=self.login,
            **given,
        )
        headers = {"Cache-Control": "no-store"}
        return Response(
            body.encode("utf-8", "replace"), status, headers=headers, media_type="text/html"
        )


def found_of(request: Request) -> Found | None:
    """Who is logged in; `None` also where nobody has to."""
    found = request.scope.get(FOUND)
    return found if isinstance(found, Found) else None


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""
