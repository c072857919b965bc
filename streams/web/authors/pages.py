"""The pages of authors: who writes most in a period, and all about one; and the same as JSON."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from connectors.post import Author, utc_now
from streams.criteria.topics import Topic
from streams.store.port import Bucket, Count, Store
from streams.web import charts as drawing
from streams.web.api import described, reply
from streams.web.authors import charts
from streams.web.authors.sums import Reach
from streams.web.authors.view import (
    Authors,
    AuthorView,
    Sort,
    author_view,
    authors,
    sorted_by,
)
from streams.web.cards import card, safe_url
from streams.web.filters import PARAMETERS, Parameter, Query, link, read
from streams.web.i18n import N_, Words, _
from streams.web.pages import PERIODS, Body, Pages, drawn
from streams.web.recent import Recent
from streams.web.triage.hiding import HideNow, Hiding
from streams.web.visitor import require, visitor_of

PATH: Final = "/authors"
ONE: Final = PATH + "/{source}/{handle:path}"
SECONDS: Final = 5.0
PRESET: Final = "24h"
_SORT: Final = Parameter("sort", "Sort", "mentions, negative (how many) or reach (followers).")
_FILTERS: Final = tuple(p for p in PARAMETERS if p.name not in ("cursor", "author"))
ORDERS: Final = Words(
    {
        "mentions": N_("Most mentions"),
        "negative": N_("Most negative"),
        "reach": N_("Most followers"),
    }
)
TOLD: Final = Words(
    {
        "hidden": N_("Hidden: their mentions are left out of feeds, counts and alerts."),
        "shown": N_("Shown again."),
    }
)


class OneAuthor(msgspec.Struct, frozen=True, kw_only=True):
    """One author: all mentions counted, the last `days` by hour, and what is most frequent in the
    newest `read` mentions of ninety days."""

    source: str
    handle: str
    author: Author
    count: Count
    first: datetime | None
    last: datetime
    hidden: bool
    days: int
    read: int
    hours: list[Bucket]
    topics: list[Count]
    langs: list[Count]
    countries: list[Count]
    hashtags: list[Count]
    reach: list[Reach]


RECORDS: Final = (Authors, OneAuthor)


class AuthorPages:
    """The routes over one store."""

    def __init__(self, store: Store, pages: Pages, topics: Sequence[Topic]) -> None:
        self._store = store
        self._pages = pages
        self._topics = topics
        self._hiding = Hiding(store)
        self._lists: Recent[Authors] = Recent(SECONDS, most=64)
        self._views: Recent[AuthorView | None] = Recent(SECONDS, most=64)
        self._drawings = drawing.Drawings()

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint, method in (
            (PATH, self.list, "GET"),
            (PATH + "/hide", self.hide, "POST"),
            (PATH + "/chart/{which}/{source}/{handle:path}", self.chart, "GET"),
            (ONE, self.show, "GET"),
        ):
            app.add_api_route(
                path, endpoint, methods=[method], include_in_schema=False, response_class=Response
            )
        app.add_api_route(
            "/api/v1/authors", self.listed, tags=["mentions"],
            openapi_extra=described(Authors, *_FILTERS, _SORT), response_class=Response,
        )  # fmt: skip
        app.add_api_route(
            "/api/v1/authors/{source}/{handle:path}", self.told, tags=["mentions"],
            openapi_extra=described(OneAuthor), response_class=Response,
        )  # fmt: skip

    async def list(self, request: Request) -> Response:
        """Who writes most, is most negative or reaches most people, in a period."""
        query, sort = self._asked(request)
        found = await self._found(query, sort)
        pairs = [*query.pairs, *([("sort", sort)] if sort != "mentions" else [])]
        page = self._pages.render(
            "authors.html",
            found=found,
            query=query,
            pairs=pairs,
            preset=query.preset or ("" if query.timed else PRESET),
            periods={name: (word, _with(pairs, "range", name)) for name, word in PERIODS.items()},
            orders={name: (ORDERS[name], _with(pairs, "sort", name)) for name in ORDERS},
            topics=[(one.id, self._pages.named(one.id, "topic")) for one in self._topics],
            most=max((row.count.total for row in found.rows), default=1),
            now=utc_now(),
        )
        return Body.of(page).response(request)

    async def listed(self, request: Request) -> Response:
        """The authors of a period, in the order asked for; at most fifty."""
        query, sort = self._asked(request)
        return reply(await self._found(query, sort))

    async def show(self, request: Request, source: str, handle: str) -> Response:
        """All about one author."""
        cursor = request.query_params.get("cursor", "")[:4_000]
        view = await self._view(source, handle, cursor)
        told = TOLD.get(request.query_params.get("told", ""), "")
        page = self._pages.render("author.html", **self._given(view), told=told, cursor=cursor)
        return Body.of(page).response(request)

    async def told(self, source: str, handle: str) -> Response:
        """One author: counts, hours, topics, languages, places, hashtags, reach."""
        view = await self._view(source, handle)
        return reply(
            OneAuthor(
                source=source, handle=handle, author=view.author, count=view.count,
                first=view.first.post.created_at if view.first else None,
                last=view.last.post.created_at, hidden=view.hidden is not None,
                days=view.days, read=view.read,
                hours=[one for one in view.hours if one.total], topics=view.topics,
                langs=view.langs, countries=view.countries, hashtags=view.hashtags,
                reach=view.reach,
            )
        )  # fmt: skip

    async def chart(self, request: Request, which: str, source: str, handle: str) -> Response:
        """A chart drawn by the server, for browsers that run no script."""
        view = await self._view(source, handle)
        found = _charts(view).get(which)
        if found is None:
            raise HTTPException(404)
        return await drawn(self._drawings, found, request)

    async def hide(self, request: Request) -> Response:
        """Hide an author, or show them again; journalled."""
        visitor = require(request, "analyst")
        fields = dict(await self._pages.forms.read(request))
        source, handle = fields.get("source", "")[:200], fields.get("handle", "")[:300]
        hide = fields.get("act") != "show"
        wanted = HideNow(key=f"{source}:{handle}", hide=hide, note=fields.get("note", "")[:500])
        await self._hiding.set(wanted, by=visitor.name)
        self._views.forget_all()
        self._lists.forget_all()
        where = f"{PATH}/{quote(source, safe='')}/{quote(handle)}"
        return RedirectResponse(f"{where}?told={'hidden' if hide else 'shown'}", 303)

    def _asked(self, request: Request) -> tuple[Query, Sort]:
        zone = visitor_of(request).tz
        query = read(request.query_params.multi_items(), also=("sort",), zone=zone)
        return query, sorted_by(request.query_params.get("sort", ""))

    async def _found(self, query: Query, sort: Sort) -> Authors:
        return await self._lists.get(
            (query, sort), lambda: authors(self._store, query.at(utc_now(), PRESET), sort)
        )

    async def _view(self, source: str, handle: str, cursor: str = "") -> AuthorView:
        view = await self._views.get(
            (source, handle, cursor),
            lambda: author_view(
                self._store, source[:200], handle[:300], now=utc_now(), cursor=cursor
            ),
        )
        if view is None:
            raise HTTPException(404, _("No mention by this author is stored"))
        return view

    def _given(self, view: AuthorView) -> dict[str, Any]:
        where = f"{quote(view.source, safe='')}/{quote(view.handle)}"
        return {
            "view": view,
            "charts": _charts(view),
            "where": where,
            "cards": [card(one) for one in view.page.mentions],
            "query": read([("source", view.source), ("author", view.handle)]),
            "profile": safe_url(view.author.url),
            "themes": drawing.themes_json(),
            "now": utc_now(),
        }


def _charts(view: AuthorView) -> dict[str, dict[str, Any] | None]:
    return {
        "time": charts.over_time(view),
        "hours": charts.hours(view),
        "reach": charts.reach(view.reach),
    }


def _with(pairs: Sequence[tuple[str, str]], name: str, value: str) -> str:
    gone = {name, *(("since", "until") if name == "range" else ())}
    kept = [pair for pair in pairs if pair[0] not in gone]
    return link([*kept, (name, value)], PATH)
