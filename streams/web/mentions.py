"""The page of mentions: totals, chart, feed and panels for one set of filters, and what is live."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
from fastapi import FastAPI, Request
from starlette.responses import Response

from connectors.post import utc_now
from streams.criteria.topics import Topic
from streams.records import LABELS
from streams.store.port import Store
from streams.web import charts
from streams.web.filters import BY_NAME, PATH, Query, read
from streams.web.i18n import _
from streams.web.live import EventStream, Full, Hub
from streams.web.pages import PANEL_TITLES, PERIODS, Body, Pages, drawn
from streams.web.recent import Behind, Recent
from streams.web.views import PANELS, Choices, View, choices, view
from streams.web.visitor import Visitor, visitor_of

VIEW_SECONDS: Final = 0.3
CHOICES_SECONDS: Final = 60.0
CHOICES_WAIT: Final = 2.0
"""Seconds that the first page of all waits for what there is to choose from."""
RETRY: Final = {"Retry-After": "5"}


class Chip(NamedTuple):
    """A filter that is set, and the link that takes it away."""

    label: str
    value: str
    href: str


class Menu(NamedTuple):
    """One filter with several values to tick."""

    name: str
    label: str
    chosen: tuple[str, ...]
    options: list[tuple[str, str]]


class MentionPages:
    """The routes over one store. Views asked for within a blink of each other are shared."""

    def __init__(
        self, store: Store, pages: Pages, topics: Sequence[Topic], hub: Hub, *, sample: bool
    ) -> None:
        self._store = store
        self._pages = pages
        self._topics = topics
        self._hub = hub
        self._sample = sample
        self._drawings = charts.Drawings()
        self._views: Recent[View] = Recent(VIEW_SECONDS)
        self._bodies: Recent[Body] = Recent(VIEW_SECONDS)
        self._choices: Behind[Choices] = Behind(CHOICES_SECONDS, most=1)

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint in (
            (PATH, self.index),
            (PATH + "/parts", self.parts),
            (PATH + "/chart.svg", self.chart),
            ("/live", self.live),
        ):
            app.add_api_route(path, endpoint, include_in_schema=False, response_class=Response)

    async def aclose(self) -> None:
        """Stop what goes on behind the pages."""
        await self._choices.aclose()

    async def index(self, request: Request) -> Response:
        """The whole page, rendered and compressed once for all who ask in the same blink."""
        query = _query(request)
        visitor = _at_home(query, visitor_of(request))
        body = await self._bodies.get(
            ("index", query, visitor, self._pages.forms.token),
            lambda: self._index(query, visitor),
        )
        return body.response(request)

    async def parts(self, request: Request) -> Response:
        """The page's moving parts, for the script to put in place."""
        query = _query(request)
        visitor = _at_home(query, visitor_of(request).alike)
        body = await self._bodies.get(
            ("parts", query, visitor), lambda: self._parts(query, visitor)
        )
        return body.response(request)

    async def chart(self, request: Request) -> Response:
        """The chart drawn by the server, for browsers that run no script."""
        query = _query(request, "theme", "size")
        shown = await self._view(query)
        return await drawn(self._drawings, shown.chart, request)

    async def live(self, request: Request) -> Response:
        """New mentions as server-sent events. `Last-Event-ID` (a reconnect) wins over `after`."""
        query = _query(request, "after")
        after = request.headers.get("last-event-id") or request.query_params.get("after", "")
        try:
            visitor = _at_home(query, visitor_of(request).alike)
            client = self._hub.join(query, after[:4_000], visitor)
        except Full:
            return Response("too many open pages\n", 503, RETRY, media_type="text/plain")
        return EventStream(client)

    async def _view(self, query: Query) -> View:
        return await self._views.get(query, lambda: view(self._store, query, now=utc_now()))

    async def _index(self, query: Query, visitor: Visitor) -> Body:
        shown = await self._view(query)
        found = await self._choices.get(
            "", lambda: choices(self._store, self._topics), wait=CHOICES_WAIT
        )
        page = self._pages.render(
            "mentions.html",
            visitor=visitor,
            **self._moving(shown),
            chips=self._chips(query),
            menus=self._menus(query, found or Choices()),
            periods=PERIODS,
            themes=charts.themes_json(),
        )
        return Body.of(page)

    async def _parts(self, query: Query, visitor: Visitor) -> Body:
        given = self._moving(await self._view(query))
        return Body.of(self._pages.render("parts.html", visitor=visitor, **given))

    def _moving(self, shown: View) -> dict[str, Any]:
        return {
            "view": shown,
            "query": shown.query,
            "now": shown.now,
            "panels": [(by, PANEL_TITLES[by], shown.panels[by]) for by in PANELS],
            "sample": self._sample or shown.sample,
            "filtered": any(name not in {"range"} for name, value in shown.query.pairs),
        }

    def _chips(self, query: Query) -> list[Chip]:
        return [
            Chip(
                _(BY_NAME[name].label), self._pages.named(value, name), query.without((name, value))
            )
            for name, value in query.pairs
            if name != "range"
        ]

    def _menus(self, query: Query, found: Choices) -> list[Menu]:
        known: dict[str, list[str]] = {
            "topic": found.of("topic"),
            "sentiment": list(LABELS),
            "lang": found.of("lang"),
            "source": found.of("source"),
            "country": found.of("country"),
        }
        return [self._menu(query, name, values) for name, values in known.items()]

    def _menu(self, query: Query, name: str, values: list[str]) -> Menu:
        chosen = query.values(name)
        everything = dict.fromkeys([*values, *chosen])
        options = [(value, self._pages.named(value, name)) for value in everything]
        return Menu(name, _(BY_NAME[name].label), chosen, options)


def _query(request: Request, *also: str) -> Query:
    zone = visitor_of(request).tz
    return read(request.query_params.multi_items(), also=also, zone=zone)


def _at_home(query: Query, visitor: Visitor) -> Visitor:
    """Links of a page with times that name no zone say which is meant: they may be shared."""
    if not query.local or any(name == "tz" for name, value in visitor.carried):
        return visitor
    carried = (*visitor.carried, ("tz", visitor.zone))
    return msgspec.structs.replace(visitor, carried=carried)
