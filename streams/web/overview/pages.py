"""The overview's routes: the page, its moving parts, and its charts drawn by the server."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from babel.dates import get_day_names
from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse, Response

from connectors.post import utc_now
from streams.criteria.topics import Topic
from streams.store.port import Store
from streams.web import charts, filters
from streams.web.i18n import _, locale, reading_for
from streams.web.overview.asked import PARAMETERS, SORTS, SPANS, Asked, read
from streams.web.overview.view import Overview, Overviews
from streams.web.overview.words import PERIODS, SORTED, VERDICTS
from streams.web.pages import Body, Pages, drawn
from streams.web.recent import Recent
from streams.web.visitor import Visitor, visitor_of

PATH: Final = "/"
VIEW_SECONDS: Final = 0.3
_FEED: Final = frozenset(filters.BY_NAME) - {one.name for one in PARAMETERS}
"""Filters of mentions that this page has not: links from before it was here have them."""


class OverviewPages:
    """The routes over one store. Views asked for within a blink of each other are shared."""

    def __init__(
        self, store: Store, pages: Pages, topics: Sequence[Topic], *, sample: bool
    ) -> None:
        self._pages = pages
        self._topics = topics
        self._sample = sample
        self._overviews = Overviews(store, topics)
        self._views: Recent[Overview] = Recent(VIEW_SECONDS)
        self._bodies: Recent[Body] = Recent(VIEW_SECONDS)
        self._drawings = charts.Drawings()

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint in (
            (PATH, self.index),
            ("/overview/parts", self.parts),
            ("/overview/chart.svg", self.chart),
            ("/overview/hours.svg", self.hours),
        ):
            app.add_api_route(path, endpoint, include_in_schema=False, response_class=Response)

    async def aclose(self) -> None:
        """Stop what is worked out behind the readers' backs."""
        await self._overviews.aclose()

    async def index(self, request: Request) -> Response:
        """The whole page, rendered once for all who ask in the same blink."""
        given = request.query_params
        if _FEED & given.keys() or given.get("range") == "all":
            return RedirectResponse(f"{filters.PATH}?{request.url.query}", 302)
        return await self._body(request, "overview.html")

    async def parts(self, request: Request) -> Response:
        """The page's moving parts, for the script to put in place."""
        return await self._body(request, "overview_parts.html")

    async def chart(self, request: Request) -> Response:
        """Mentions over time."""
        shown = await self._view(_asked(request, "theme", "size"), visitor_of(request))
        return await drawn(self._drawings, shown.chart, request)

    async def hours(self, request: Request) -> Response:
        """The hours of the week."""
        visitor = visitor_of(request)
        shown = await self._view(_asked(request, "theme", "size"), visitor)
        return await drawn(self._drawings, _hours(shown, visitor) or shown.chart, request)

    async def _body(self, request: Request, template: str) -> Response:
        asked, visitor = _asked(request), visitor_of(request)
        if asked.wall:
            visitor = msgspec.structs.replace(visitor, theme="dark")
        whole = template == "overview.html"  # with forms, which are of one session
        visitor = visitor if whole else visitor.alike
        body = await self._bodies.get(
            (template, asked, visitor, self._pages.forms.token if whole else ""),
            lambda: self._rendered(template, asked, visitor),
        )
        return body.response(request)

    async def _rendered(self, template: str, asked: Asked, visitor: Visitor) -> Body:
        shown = await self._view(asked, visitor)
        page = self._pages.render(template, visitor=visitor, **self._given(shown, visitor))
        return Body.of(page)

    async def _view(self, asked: Asked, visitor: Visitor) -> Overview:
        asked_alike = msgspec.structs.replace(asked, wall=False)
        found = await self._views.get(
            (asked_alike, visitor.zone, visitor.language),
            lambda: self._overviews.of(asked_alike, now=utc_now(), zone=visitor.tz),
        )
        return msgspec.structs.replace(found, asked=asked)

    def _given(self, shown: Overview, visitor: Visitor) -> dict[str, Any]:
        return {
            "view": shown,
            "asked": shown.asked,
            "now": shown.now,
            "periods": PERIODS,
            "spans": list(SPANS),
            "sorts": [(name, SORTED[name]) for name in SORTS],
            "choices": self._choices(shown.asked),
            "themes": charts.themes_json(),
            "hours": _hours(shown, visitor),
            "verdicts": VERDICTS,
            "asked_topics": [("topic", one) for one in shown.asked.topics],
            "sample": self._sample,
            "voices": sorted(shown.wall.tiles, key=lambda one: -one.counts.total)[:8],
        }

    def _choices(self, asked: Asked) -> list[tuple[str, str]]:
        ids = dict.fromkeys([*(topic.id for topic in self._topics), *asked.topics])
        return [(one, self._pages.named(one, "topic")) for one in ids]


def _asked(request: Request, *also: str) -> Asked:
    return read(request.query_params.multi_items(), also=also)


def _hours(shown: Overview, visitor: Visitor) -> dict[str, Any] | None:
    """The heat map, its days in the reader's language; nothing where nothing came."""
    if not shown.heat or not any(map(any, shown.heat)):
        return None
    with reading_for(visitor):
        days = get_day_names("abbreviated", context="stand-alone", locale=locale())
        return charts.hours_of_week(
            shown.heat, days=[days[n] for n in range(7)], measure=_("mentions an hour")
        )
