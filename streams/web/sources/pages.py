"""The page of sources and health, its moving parts, and the same as JSON."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from connectors.base import Source as Configured
from connectors.post import utc_now
from streams.balance import by_source
from streams.store.port import Store
from streams.web.api import described, reply
from streams.web.filters import BadFilter, Pair, Problem, one_of
from streams.web.i18n import _
from streams.web.overview.sparkline import bars
from streams.web.pages import Body, Pages
from streams.web.recent import Recent
from streams.web.sources.rows import Row
from streams.web.sources.view import HasSize, Observer, SourcesHealth
from streams.web.visitor import Visitor, visitor_of

PATH: Final = "/sources"
VIEW_SECONDS: Final = 0.5
Show = Literal["all", "trouble", "on", "off"]
SHOWS: Final[tuple[Show, ...]] = ("all", "trouble", "on", "off")
RECORDS: Final = (SourcesHealth,)


class SourcePages:
    """The routes over one store."""

    def __init__(
        self,
        store: Store,
        pages: Pages,
        configured: Sequence[Configured] | None,
        *,
        archive: Callable[[], HasSize | None],
        can_replay: bool,
    ) -> None:
        """`configured` are the sources of the settings, `None` where these are not known;
        `archive` gives that of raw posts, where there is one."""
        self._pages = pages
        self._can_replay = can_replay
        self._observer = Observer(store, configured, archive)
        self._views: Recent[SourcesHealth] = Recent(VIEW_SECONDS, most=1)
        self._bodies: Recent[Body] = Recent(VIEW_SECONDS)

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint in ((PATH, self.index), (PATH + "/parts", self.parts)):
            app.add_api_route(path, endpoint, include_in_schema=False, response_class=Response)
        router = APIRouter(prefix="/api/v1", tags=["health"])
        router.add_api_route("/health", self.json, openapi_extra=described(SourcesHealth))
        app.include_router(router)

    async def aclose(self) -> None:
        """Stop what is worked out behind the readers' backs."""
        await self._observer.aclose()

    async def index(self, request: Request) -> Response:
        """The whole page."""
        return await self._body(request, "sources.html", visitor_of(request))

    async def parts(self, request: Request) -> Response:
        """What moves of it, for the script to put in place."""
        return await self._body(request, "sources_parts.html", visitor_of(request))

    async def json(self, request: Request) -> Response:
        """Sources with rhythm, coverage and gaps, workers, ledger, dead letters by reason, what
        the store and the archive hold."""
        read(request.query_params.multi_items(), known=())
        return reply(await self._look())

    async def _look(self) -> SourcesHealth:
        return await self._views.get("", lambda: self._observer.look(utc_now()))

    async def _body(self, request: Request, template: str, visitor: Visitor) -> Response:
        show = read(request.query_params.multi_items())
        body = await self._bodies.get(
            (template, show, visitor, self._pages.forms.token),
            lambda: self._rendered(template, show, visitor),
        )
        return body.response(request)

    async def _rendered(self, template: str, show: Show, visitor: Visitor) -> Body:
        found = await self._look()
        given: dict[str, Any] = {
            "view": found,
            "rows": [row for row in found.sources if shown(row, show)],
            "show": show,
            "shows": SHOWS,
            "now": found.at,
            "bars": bars,
            "ledger_lines": by_source(found.ledger.lines) if found.ledger else [],
            "can_replay": self._can_replay and visitor.may("admin"),
            "can_drop": visitor.may("admin"),
        }
        return Body.of(self._pages.render(template, visitor=visitor, **given))


def shown(row: Row, show: Show) -> bool:
    """Whether a row is among those that are asked for."""
    off = row.source.state == "disabled"
    return {
        "all": True,
        "trouble": row.bad or row.quiet or bool(row.gaps),
        "on": not off,
        "off": off,
    }[show]


def read(given: Sequence[Pair], *, known: Sequence[str] = ("show",)) -> Show:
    """Which sources an address asks for. Raises `BadFilter`."""
    problems: list[Problem] = []
    chosen: Show = "all"
    for name, value in given:
        if not value.strip():
            continue
        if name not in known:
            remedy = _("There are no filters here.")
            if known:
                remedy = _("Known: %(names)s.", names=", ".join(known))
            problems.append(Problem(name[:40], value[:80], _("no such filter"), remedy))
        elif (found := next((one for one in SHOWS if one == value), None)) is None:
            problem = _("no such value of %(name)s", name=name)
            problems.append(Problem(name, value[:80], problem, one_of(SHOWS)))
        else:
            chosen = found
    if problems:
        raise BadFilter(problems, ())
    return chosen
