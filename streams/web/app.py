"""The pages and the JSON API as one FastAPI app, made by `create_app`."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.responses import HTMLResponse, JSONResponse, Response

from connectors.post import utc_now
from streams.archive.port import Archive
from streams.criteria.topics import Topic
from streams.errors import StoreError, StoreUnavailable, VeilleError
from streams.labelling import Labelling
from streams.settings import Alerts, Settings, Web
from streams.store.port import Store
from streams.web import api, api_export, api_incidents, assets, i18n, metrics
from streams.web.backtest import BacktestPages, Backtests
from streams.web.charts import Drawings
from streams.web.exports.held import Slots
from streams.web.exports.routes import XLSX, ExportPages
from streams.web.feeds.pages import FeedPages
from streams.web.filters import BadFilter
from streams.web.guard import Guard
from streams.web.i18n import _
from streams.web.incidents import IncidentPages
from streams.web.letters import LetterPages, Replay
from streams.web.live import Hub
from streams.web.mentions import RETRY, MentionPages
from streams.web.overview.pages import OverviewPages
from streams.web.pages import Pages
from streams.web.posts import place as post_places
from streams.web.posts.place import PostPlaces, add_posts
from streams.web.preferences import PreferencePages
from streams.web.reading import Reading
from streams.web.reports.adding import add_reports
from streams.web.reports.routes import ReportPages
from streams.web.sources import pages as sources_pages
from streams.web.sources.pages import SourcePages
from streams.web.topics import api as api_topics
from streams.web.topics.adding import add_topics
from streams.web.topics.live import Names, live
from streams.web.topics.room import Room
from streams.web.triage import api as triage_api
from streams.web.triage.pages import TriagePages
from streams.web.users import me
from streams.web.users.pages import UserPages

_log = logging.getLogger(__name__)


def create_app(
    store: Store,
    *,
    topics: Sequence[Topic] = (),
    sample: bool = False,
    hosts: Sequence[str] = (),
    replay: Replay | None = None,
    alerts: Alerts = Alerts(),
    settings: Settings | None = None,
    login: bool | None = None,
    topics_file: Path | None = None,
    archive: Archive | None = None,
) -> FastAPI:
    """The app over an open store and archive, which stay the caller's to close.

    `topics` give display names; `sample` says that the sample source runs; `hosts` are names
    besides addresses and `localhost` that the pages answer to; `replay` sends dead letters again;
    `alerts` are the settings that back-tests go by, and the zone of who tells none; `settings`
    have the rest; `login` says whether people log in, where it is not for those to say.
    `topics_file` is followed, and changed by the topics' pages.
    """
    app = FastAPI(
        title="Veille",
        description="What people write, as it is written: mentions, counts, sources.",
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        lifespan=_lifespan,
    )
    topics = live(topics, topics_file)
    pages = Pages(topics)
    hub = Hub(store, pages.card)
    app.state.store = store
    app.state.archive = archive
    app.state.pages = pages
    app.state.webhooks = settings.webhooks if settings else []
    app.state.hub = hub
    _add_routes(app)
    web = settings.web if settings else Web(login="off")
    exports = _add_exports(app, store, Names(topics), web)  # before pages that take any name
    app.state.reports = add_reports(app, store, pages, topics, exports, public_url=web.public_url)
    app.state.overview = OverviewPages(store, pages, topics, sample=sample)
    app.state.overview.add_to(app)
    PreferencePages(pages).add_to(app)
    app.state.mentions = MentionPages(store, pages, topics, hub, sample=sample)
    app.state.mentions.add_to(app)
    labelling = Labelling(store, settings)
    add_posts(app, store, pages, topics, settings=settings, labelling=labelling)
    LetterPages(store, pages, replay).add_to(app)
    sources = SourcePages(
        store,
        pages,
        settings.sources if settings else None,
        archive=lambda: getattr(app.state, "archive", None),
        can_replay=replay is not None,
    )
    sources.add_to(app)
    app.state.sources = sources
    app.state.zone = ZoneInfo(alerts.zone)
    IncidentPages(store, pages, topics).add_to(app)
    tests = Backtests(store, topics, alerts)
    app.state.backtests = tests
    BacktestPages(tests, pages).add_to(app)
    users = UserPages(store, pages, web, login=web.login_needed() if login is None else login)
    app.state.users = users
    users.add_to(app)
    app.state.triage = TriagePages(store, pages, topics, labelling)
    app.state.triage.add_to(app)
    add_topics(app, store, pages, topics, settings)
    app.include_router(api.router)
    app.include_router(api_incidents.router)
    app.include_router(api_export.router)
    records = (*api_incidents.RECORDS, *sources_pages.RECORDS, *triage_api.RECORDS, *me.RECORDS)
    more = (*api_export.RECORDS, *api_topics.RECORDS, *post_places.RECORDS)
    api.describe(app, *records, *more)
    pages.navigation.look_at(app)
    _add_errors(app)
    users.gate(app, _explained)
    app.add_middleware(Reading, zone=alerts.zone)
    as_it_is = (*DEFAULT_EXCLUDED_CONTENT_TYPES, XLSX)
    app.add_middleware(
        GZipMiddleware, minimum_size=1000, compresslevel=5, exclude_content_types=as_it_is
    )
    users.watch(app)
    app.add_middleware(Guard, hosts=hosts)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    i18n.load()
    preparing = asyncio.create_task(assets.prepare())
    following = asyncio.create_task(cast("Room", app.state.topics).run())
    yield
    await cast("Hub", app.state.hub).aclose()
    await cast("UserPages", app.state.users).aclose()
    await cast("OverviewPages", app.state.overview).aclose()
    await cast("MentionPages", app.state.mentions).aclose()
    await cast("ReportPages", app.state.reports).aclose()
    await cast("SourcePages", app.state.sources).aclose()
    await cast("TriagePages", app.state.triage).aclose()
    await cast("PostPlaces", app.state.posts).aclose()
    following.cancel()
    await cast("Room", app.state.topics).aclose()
    await asyncio.gather(preparing, following, return_exceptions=True)


def _add_exports(app: FastAPI, store: Store, names: Names, web: Web) -> ExportPages:
    exports = ExportPages(store, Drawings(), names, most_rows=web.export_rows)
    exports.add_to(app)
    FeedPages(store, names, public_url=web.public_url).add_to(app)
    app.state.exporting = Slots()
    return exports


def _add_routes(app: FastAPI) -> None:
    app.add_api_route("/static/{name}", static, include_in_schema=False, response_class=Response)
    app.add_api_route("/healthz", healthz, tags=["health"], response_class=JSONResponse)
    app.add_api_route("/metrics", figures, include_in_schema=False, response_class=Response)


def _pages(request: Request) -> Pages:
    return cast("Pages", request.app.state.pages)


async def static(request: Request, name: str) -> Response:
    """The page's script, style and icon, and the chart bundle."""
    return await assets.respond(name, request.headers)


async def healthz(request: Request) -> Response:
    """200 while the store answers, else 503."""
    try:
        await cast("Store", request.app.state.store).states("worker")
    except StoreError as error:
        return JSONResponse({"status": "store away", "reason": str(error)}, 503, RETRY)
    return JSONResponse({"status": "ok", "at": utc_now().isoformat()})


async def figures(request: Request) -> Response:
    """For Prometheus."""
    state = request.app.state
    text = await metrics.page(cast("Store", state.store), utc_now(), state.webhooks)
    headers = {"Cache-Control": "no-store", "Content-Type": metrics.CONTENT_TYPE}
    return Response(text, headers=headers)


def _html(body: str, status: int = 200) -> Response:
    return HTMLResponse(body, status, headers={"Cache-Control": "no-store"})


def _add_errors(app: FastAPI) -> None:
    app.add_exception_handler(BadFilter, _bad_filter)
    app.add_exception_handler(StoreError, _store_error)
    app.add_exception_handler(VeilleError, _not_now)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _our_fault)


def _for_program(request: Request) -> bool:
    return request.url.path.startswith("/api/")


async def _bad_filter(request: Request, error: Exception) -> Response:
    wrong = cast("BadFilter", error)
    if _for_program(request):
        return api.reply(api.Refusal(error=str(wrong), problems=wrong.problems), 400)
    return _html(_pages(request).bad_filter(wrong), 400)


async def _store_error(request: Request, error: Exception) -> Response:
    away = isinstance(error, StoreUnavailable)
    status = 503 if away else 400
    if _for_program(request):
        answer = api.reply(api.Refusal(error=str(error)), status)
    else:
        title = _("The store does not answer") if away else _("This can't be shown")
        answer = _html(_pages(request).trouble(title, str(error), retry=away), status)
    if away:
        answer.headers.update(RETRY)
    return answer


async def _not_now(request: Request, error: Exception) -> Response:
    if _for_program(request):
        return api.reply(api.Refusal(error=str(error)), 503)
    return _html(_pages(request).trouble(_("This can't be done now"), str(error)), 503)


async def _explained(request: Request, error: Exception) -> Response:
    """What the middleware found, which stands before the handlers of errors."""
    away = isinstance(error, StoreError)
    return await (_store_error if away else _http_error)(request, error)


async def _http_error(request: Request, error: Exception) -> Response:
    status = cast("HTTPException", error).status_code
    detail = i18n.gettext(str(cast("HTTPException", error).detail))
    if status == 404 and detail == "Not Found":  # the router's
        detail = _("Not found")
    if _for_program(request):
        return api.reply(api.Refusal(error=detail), status)
    said = {
        403: _("Go back, or log in as somebody who may."),
        404: _("There is no such page here."),
    }.get(status, _("Go back and try again."))
    answer = _html(_pages(request).trouble(detail, said), status)
    answer.headers.update(cast("HTTPException", error).headers or {})
    return answer


async def _our_fault(request: Request, error: Exception) -> Response:
    _log.error("%s failed", request.url.path, exc_info=error)
    said = _("Something went wrong on our side; the log says what.")
    if _for_program(request):
        return api.reply(api.Refusal(error=said), 500)
    return _html(_pages(request).trouble(_("This page failed"), said, retry=True), 500)
