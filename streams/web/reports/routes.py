"""`/reports`: choose a report, look at it, print it, and share any view by a link."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from connectors.post import utc_now
from streams.criteria.topics import Topic
from streams.store.port import Store
from streams.users.passwords import Passwords
from streams.web.cards import clip
from streams.web.charts import Drawings
from streams.web.filters import BadFilter, link
from streams.web.pages import Pages
from streams.web.recent import Behind
from streams.web.reports import asked as reading
from streams.web.reports import shared_views, written
from streams.web.reports.asked import Asked
from streams.web.reports.making import Making
from streams.web.reports.shares import LASTS, MOST_TITLE, Share, ShareError, Shares, address
from streams.web.views import Choices, choices
from streams.web.visitor import Visitor, require, visitor_of

PATH: Final = "/reports"
WEEKS: Final = 8
_TOPICS_SECONDS: Final = 60.0
_NO_STORE: Final = {"Cache-Control": "no-store"}


class ReportPages:
    """The routes over one store. `base_url` is where people reach the pages, if that is set."""

    def __init__(
        self,
        store: Store,
        pages: Pages,
        topics: Sequence[Topic],
        *,
        making: Making,
        shares: Shares,
        passwords: Passwords,
        base_url: str = "",
    ) -> None:
        self._store = store
        self._pages = pages
        self._topics = topics
        self._making = making
        self._shares = shares
        self._passwords = passwords
        self._base_url = base_url.rstrip("/")
        self._drawings = Drawings()
        self._known: Behind[Choices] = Behind(_TOPICS_SECONDS, most=1)

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint, method in (
            (PATH, self.show, "GET"),
            (shared_views.REPORT, self.weekly, "GET"),
            (PATH + "/share", self.share, "POST"),
            (PATH + "/share/{share_id}/drop", self.drop, "POST"),
        ):
            app.add_api_route(
                path, endpoint, methods=[method], include_in_schema=False, response_class=Response
            )

    async def aclose(self) -> None:
        """Stop what goes on behind the pages."""
        await self._known.aclose()

    async def show(self, request: Request) -> Response:
        """What there is to choose, the chosen report in short, and the shared links."""
        told = request.query_params.get("told", "")
        return await self._page(request, told="dropped" if told == "dropped" else "")

    async def weekly(self, request: Request) -> Response:
        """The report, made for paper."""
        visitor = visitor_of(request)
        asked = _asked(request, visitor)
        report = await self._making.report(asked)
        page = await written.page(report, self._pages, self._drawings, visitor)
        return HTMLResponse(page.encode("utf-8", "replace"), headers=_NO_STORE)

    async def share(self, request: Request) -> Response:
        """Make a link. Its secret is told once, on the page that answers."""
        visitor = require(request, "analyst")
        given = dict(await self._pages.forms.read(request))
        try:
            share, secret = await self._add(given, visitor)
        except ShareError as error:
            return await self._page(request, status=400, wrong=str(error), given=given)
        except BadFilter as error:
            return await self._page(request, status=400, wrong=_told(error), given=given)
        base = self._base_url or str(request.base_url).rstrip("/")
        return await self._page(request, made=share, url=f"{base}/shared/{secret}", given={})

    async def _add(self, given: dict[str, str], visitor: Visitor) -> tuple[Share, str]:
        path, pairs = address(given.get("address", ""))
        lasting, password = LASTS.get(given.get("lasts", "7d")), given.get("password", "")
        if lasting is None:
            raise ShareError(f"no such time. Remedy: one of {', '.join(LASTS)}")
        rolling = given.get("period") == "rolling"
        kept = await shared_views.settled(self._store, path, pairs, visitor, rolling=rolling)
        now = utc_now()
        share = Share(
            id=secrets.token_hex(6),
            path=path,
            pairs=kept,
            by=visitor.name,
            made_at=now,
            until=now + lasting,
            title=clip(given.get("title", ""), MOST_TITLE),
            files=given.get("files") == "1",
            password=await self._passwords.hash(password) if password else "",
            language=visitor.language,
            zone=visitor.zone,
        )
        return share, await self._shares.add(share, now=now)

    async def drop(self, request: Request, share_id: str) -> Response:
        """Revoke a link."""
        visitor = require(request, "analyst")
        await self._pages.forms.read(request)
        dropped = await self._shares.drop(share_id, by=visitor.name, now=utc_now())
        if dropped is None:
            raise HTTPException(404, "There is no such link")
        return RedirectResponse(f"{PATH}?told=dropped#links", 303)

    async def _page(self, request: Request, *, status: int = 200, **more: Any) -> Response:
        visitor = visitor_of(request)
        asked = _asked(request, visitor)
        head = await self._making.brief(asked)
        preview = await written.preview(head, self._pages, self._drawings, visitor)
        given = more.pop("given", {})
        page = self._pages.render(
            "reports.html",
            asked=asked,
            topics=await self._all_topics(),
            weeks=_weeks(utc_now(), asked, visitor),
            printable=link(asked.pairs, shared_views.REPORT),
            address=given.get("address")
            or request.query_params.get("share")
            or link(asked.pairs, shared_views.REPORT),
            given=given,
            lasts=LASTS,
            links=await self._shares.all() if visitor.may("analyst") else [],
            now=utc_now(),
            **{"wrong": "", "made": None, "url": "", "told": "", **more},
            **preview,
        )
        return HTMLResponse(page.encode("utf-8", "replace"), status, headers=_NO_STORE)

    async def _all_topics(self) -> list[str]:
        known = await self._known.get("", lambda: choices(self._store, self._topics), wait=2.0)
        return (known or Choices()).of("topic")


def _asked(request: Request, visitor: Visitor) -> Asked:
    pairs = request.query_params.multi_items() if request.method == "GET" else []
    own = [pair for pair in pairs if pair[0] not in ("told", "share")]
    return reading.read(own, zone=visitor.zone, now=utc_now())


def _weeks(now: datetime, asked: Asked, visitor: Visitor) -> list[tuple[str, str]]:
    """The last full weeks, and the chosen one, with their days."""
    today = now.astimezone(visitor.tz).date()
    names = [reading.week_named(today - timedelta(days=7 * back)) for back in range(WEEKS + 1)]
    found = []
    for week in dict.fromkeys([*names, *([asked.week] if asked.week else [])]):
        since, until = reading.week_of(week, visitor.tz)
        stretch = Asked(topics=(), since=since, until=until, zone=visitor.zone, week=week)
        found.append((week, written.period(stretch)))
    return found


def _told(error: BadFilter) -> str:
    return "; ".join(f"{one.parameter}: {one.problem}. {one.remedy}" for one in error.problems)
