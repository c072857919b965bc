"""`/shared/…`: one view for whoever has the link, and nothing else of this installation.

The address gives no filters but the page to go on from, whose cursor is good for the link's own
question alone; what else stands in it is passed over. There are no forms that change anything, no
live feed and no way to other pages.
"""

import hashlib
import hmac
import math
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from connectors.post import utc_now
from streams.store.port import Store
from streams.users.attempts import Attempts
from streams.users.passwords import Passwords
from streams.web import pictures
from streams.web.charts import Drawings
from streams.web.exports.routes import ExportPages
from streams.web.exports.views import VIEWS
from streams.web.feeds import pages as feeds
from streams.web.forms import fields
from streams.web.i18n import reading_for
from streams.web.pages import Pages
from streams.web.reports import asked as reports
from streams.web.reports import shared_views, written
from streams.web.reports.making import Making
from streams.web.reports.shares import Share, Shares
from streams.web.visitor import VISITOR, Visitor, visitor_of

PATH: Final = "/shared/{secret}"
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",
}
_COOKIE: Final = "veille-shared"
_DAY: Final = 86_400


class SharedPages:
    """The routes over one store."""

    def __init__(
        self,
        store: Store,
        pages: Pages,
        *,
        shares: Shares,
        making: Making,
        exports: ExportPages,
        passwords: Passwords,
    ) -> None:
        self._store = store
        self._pages = pages
        self._shares = shares
        self._making = making
        self._exports = exports
        self._passwords = passwords
        self._attempts = Attempts()
        self._drawings = Drawings()

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint, method in (
            (PATH, self.show, "GET"),
            (PATH, self.unlock, "POST"),
            (PATH + "/export.csv", self.csv, "GET"),
            (PATH + "/export.xlsx", self.xlsx, "GET"),
            (PATH + "/export.png", self.png, "GET"),
            (PATH + "/feed.atom", self.feed, "GET"),
            (PATH + "/feed.rss", self.feed, "GET"),
        ):
            app.add_api_route(
                path, endpoint, methods=[method], include_in_schema=False, response_class=Response
            )

    async def show(self, request: Request, secret: str) -> Response:
        """The view."""
        share = await self._shares.find(secret)
        if share is None or share.over(utc_now()):
            return self._gone(share)
        visitor = _reader(request, share)
        with reading_for(visitor):
            if not _unlocked(request, share, secret):
                return self._html("shared_password.html", visitor, share=share, wrong=False, wait=0)
            cursor = request.query_params.get("cursor", "")
            if not cursor:
                await self._shares.count(secret, utc_now())
            return await self._view(share, visitor, secret, cursor)

    async def _view(self, share: Share, visitor: Visitor, secret: str, cursor: str) -> Response:
        name = shared_views.name_of(share.path)
        if name == "report":
            asked = reports.read(share.pairs, zone=share.zone, now=utc_now())
            report = await self._making.report(asked)
            page = await written.page(report, self._pages, self._drawings, visitor)
            return HTMLResponse(page.encode("utf-8", "replace"), headers=_HEADERS)
        common: dict[str, Any] = {"share": share, "stands": f"/shared/{secret}", "now": utc_now()}
        common |= written.numbers(visitor.tz)
        if name == "incident":
            found = await shared_views.of_incident(self._store, self._drawings, share, visitor)
            if found is None:
                return self._gone(None)
            return self._html("shared_incident.html", visitor, **common, **found)
        given = await shared_views.reading(self._exports, share, visitor, cursor)
        shown = await shared_views.of_view(self._store, self._drawings, share, given)
        return self._html("shared.html", visitor, **common, **shown)

    async def unlock(self, request: Request, secret: str) -> Response:
        """The password of a link that has one."""
        share = await self._shares.find(secret)
        if share is None or share.over(utc_now()):
            return self._gone(share)
        visitor = _reader(request, share)
        given = dict(await fields(request)).get("password", "")
        address = request.client.host if request.client else ""
        wait = self._attempts.wait(share.id, address)
        right = wait <= 0 and (await self._passwords.check(share.password, given)).right
        if not right:
            status = 429 if wait > 0 else 403
            told = {"share": share, "wrong": wait <= 0, "wait": math.ceil(max(0, wait))}
            return self._html("shared_password.html", visitor, status, **told)
        self._attempts.right(share.id, address)
        answer = Response(status_code=303, headers={**_HEADERS, "Location": f"/shared/{secret}"})
        answer.set_cookie(
            _COOKIE,
            _proof(share, secret),
            max_age=_DAY,
            path=f"/shared/{secret}",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
        return answer

    async def csv(self, request: Request, secret: str) -> Response:
        """The view's rows, where the link allows."""
        share, visitor = await self._taken_along(request, secret)
        given = await shared_views.reading(self._exports, share, visitor, "")
        mark = request.query_params.get("bom") == "1"
        return await self._exports.csv_of(shared_views.name_of(share.path), given, mark=mark)

    async def xlsx(self, request: Request, secret: str) -> Response:
        """Likewise, with what belongs to them."""
        share, visitor = await self._taken_along(request, secret)
        given = await shared_views.reading(self._exports, share, visitor, "")
        return await self._exports.xlsx_of(request, shared_views.name_of(share.path), given)

    async def png(self, request: Request, secret: str) -> Response:
        """Its chart."""
        share, visitor = await self._taken_along(request, secret)
        given = await shared_views.reading(self._exports, share, visitor, "")
        with reading_for(visitor):
            picture = await VIEWS[shared_views.name_of(share.path)].picture(self._store, given)
        drawn = await pictures.png(self._drawings, picture, scale=2)
        return Response(drawn, media_type="image/png", headers=_HEADERS)

    async def feed(self, request: Request, secret: str) -> Response:
        """A view of mentions as Atom or RSS: what is new in it comes to a feed reader."""
        share, visitor = await self._taken_along(request, secret)
        if shared_views.name_of(share.path) != "mentions":
            raise HTTPException(404, "There is no such file")
        given = await shared_views.reading(self._exports, share, visitor, "")
        feed = await feeds.read(
            self._store,
            given.open,
            limit=feeds.LIMIT,
            key=f"/shared/{share.id}",
            title=share.title or feeds.titled(share.pairs, given.names),
            link=f"{request.base_url}shared/{secret}",
        )
        form = request.scope["path"].rpartition(".")[2]
        return feeds.answer(request, feed, form, **{"X-Robots-Tag": _HEADERS["X-Robots-Tag"]})

    async def _taken_along(self, request: Request, secret: str) -> tuple[Share, Visitor]:
        """Raises `HTTPException` where that is not allowed."""
        share = await self._shares.find(secret)
        if share is None or share.over(utc_now()) or not share.files:
            raise HTTPException(404, "There is no such file")
        if shared_views.name_of(share.path) not in VIEWS or not _unlocked(request, share, secret):
            raise HTTPException(404, "There is no such file")
        return share, _reader(request, share)

    def _gone(self, share: Share | None) -> Response:
        page = self._pages.render("shared_gone.html", expired=share is not None, share=share)
        return HTMLResponse(page, 410 if share else 404, headers=_HEADERS)

    def _html(self, template: str, visitor: Visitor, status: int = 200, **given: Any) -> Response:
        page = self._pages.render(template, visitor=visitor, **given)
        return HTMLResponse(page.encode("utf-8", "replace"), status, headers=_HEADERS)


def _reader(request: Request, share: Share) -> Visitor:
    """Who reads by a link: nobody, in the link's zone and (unless `ui` says another) language."""
    carried = tuple(pair for pair in visitor_of(request).carried if pair[0] == "ui")
    language = dict(carried).get("ui", share.language)
    visitor = msgspec.convert(
        {"name": "", "role": "viewer", "language": language, "zone": share.zone,
         "theme": "light", "shared": share.id, "carried": carried},
        Visitor,
    )  # fmt: skip
    request.scope[VISITOR] = visitor
    return visitor


def _proof(share: Share, secret: str) -> str:
    """What only who gave the password has: another password makes another."""
    return hmac.new(share.password.encode(), secret.encode(), hashlib.sha256).hexdigest()


def _unlocked(request: Request, share: Share, secret: str) -> bool:
    if not share.password:
        return True
    given = request.cookies.get(_COOKIE, "")
    return hmac.compare_digest(given.encode(), _proof(share, secret).encode())
