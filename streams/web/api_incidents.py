"""Incidents and back-tests for programs: under `/api/v1`, documented by OpenAPI."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from connectors.post import Moment, utc_now
from streams.alerts import book
from streams.alerts.backtest import Answer
from streams.alerts.deeds import Deed, deeds, find
from streams.alerts.incidents import moment
from streams.alerts.records import Incident, Sensitivity
from streams.store.port import Store
from streams.web.api import bad, described, limit_of, reply, store_of
from streams.web.backtest import Backtests
from streams.web.backtest import read as read_backtest
from streams.web.filters import Parameter
from streams.web.forms import body
from streams.web.incident_list import PARAMETERS, ordered, read
from streams.web.incident_notes import Note, notes
from streams.web.incidents import Act, acknowledging, do, resolving, snoozed_until, snoozing
from streams.web.reading import zone_named
from streams.web.visitor import require, signed


class IncidentList(msgspec.Struct, frozen=True, kw_only=True):
    """Incidents that fit, those not over first, and how many there are in all."""

    total: int
    incidents: list[Incident]


class IncidentStory(msgspec.Struct, frozen=True, kw_only=True):
    """One incident with its evidence, what people did to it, and what they noted."""

    incident: Incident
    deeds: list[Deed]
    notes: list[Note] = []


class BacktestAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """The alarms that a topic would have sent, by sensitivity. It is judged from `judged_from`."""

    topic: str
    since: datetime
    judged_from: datetime
    until: datetime
    weeks: float
    answers: Mapping[Sensitivity, Answer] = {}


class Doing(msgspec.Struct, frozen=True, kw_only=True):
    """What a program says when it acts: who, and for a snooze how long or until when. `zone` says
    whose `tomorrow` it is; that of `alerts` unless given."""

    by: str = ""
    for_: str = msgspec.field(default="", name="for")
    until: Moment | None = None
    zone: str = ""


RECORDS: Final = (IncidentList, IncidentStory, BacktestAnswers, Doing)
_LIMIT = Parameter("limit", "Limit", "How many, 1 to 200 (50 if absent).")
_BACKTEST: Final = (
    Parameter("topic", "Topic", "Id of a topic."),
    Parameter("days", "Days", "Back from its last mention: 1 to 730 (90 if absent)."),
)

router = APIRouter(prefix="/api/v1", tags=["incidents"])


def _acting() -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{Doing.__name__}"}
    body = {"content": {"application/json": {"schema": schema}}}
    return {**described(IncidentStory), "requestBody": body}


@router.get("/incidents", openapi_extra=described(IncidentList, *PARAMETERS, _LIMIT))
async def list_(request: Request) -> Response:
    """Incidents by topic, kind, severity, state and time."""
    which = read(request.query_params.multi_items(), also=("limit",))
    limit, now = limit_of(request.query_params), utc_now()
    known = await book.incidents(store_of(request))
    fitting = ordered(one for one in known if which.matches(one, now))
    return reply(IncidentList(total=len(fitting), incidents=fitting[:limit]))


@router.get("/incidents/{incident_id}", openapi_extra=described(IncidentStory))
async def show(request: Request, incident_id: str) -> Response:
    """One whole."""
    store = store_of(request)
    one = await find(store, incident_id)
    if one is None:
        raise HTTPException(404, "There is no such incident")
    return reply(await _story(store, one))


@router.post("/incidents/{incident_id}/acknowledge", openapi_extra=_acting())
async def acknowledge(request: Request, incident_id: str) -> Response:
    """Someone looks after it: nobody else is called."""
    by, _ = await _doing(request)
    return await _act(request, incident_id, *acknowledging(by))


@router.post("/incidents/{incident_id}/snooze", openapi_extra=_acting())
async def snooze(request: Request, incident_id: str) -> Response:
    """Silent for `for` (`1h`, `8h`, `tomorrow`), or until `until`."""
    (by, doing), now = await _doing(request), utc_now()
    zone = zone_named(doing.zone) if doing.zone else cast("ZoneInfo", request.app.state.zone)
    if zone is None:
        raise bad("zone", doing.zone, "no such time zone", "Write Europe/Paris or UTC.")
    until = doing.until or snoozed_until(doing.for_, now, zone)
    if until is None or until <= now:
        raise bad("for", doing.for_, "not how long", "Write 1h, 8h, tomorrow, or a later `until`.")
    return await _act(request, incident_id, *snoozing(until, by))


@router.post("/incidents/{incident_id}/resolve", openapi_extra=_acting())
async def resolve(request: Request, incident_id: str) -> Response:
    """Over, because someone says so."""
    by, _ = await _doing(request)
    return await _act(request, incident_id, *resolving(by))


async def _doing(request: Request) -> tuple[str, Doing]:
    """Who asks for what. Only as JSON: another site's page can't send that without asking first,
    and is refused."""
    visitor = require(request, "analyst")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "Send application/json")
    try:
        doing = msgspec.json.decode(await body(request) or b"{}", type=Doing)
    except msgspec.DecodeError as error:
        raise bad("body", "", str(error), 'Write {"by": "…"}.') from None
    return signed(visitor, doing.by), doing


async def _act(request: Request, incident_id: str, act: Act, deed: Deed) -> Response:
    store = store_of(request)
    known = await find(store, incident_id)
    done = await do(store, known, act, deed) if known else None
    if done is None:
        raise HTTPException(404, "There is no such incident")
    return reply(await _story(store, done))


async def _story(store: Store, one: Incident) -> IncidentStory:
    acts, written = await asyncio.gather(deeds(store, one.id), notes(store, one.id))
    return IncidentStory(incident=one, deeds=acts, notes=written)


@router.get("/backtest", openapi_extra=described(BacktestAnswers, *_BACKTEST))
async def backtest(request: Request) -> Response:
    """Which alarms a topic's own history would have sent: takes seconds, kept for minutes."""
    asked = read_backtest(request.query_params.multi_items())
    if not asked.topic:
        raise bad("topic", "", "missing", "Name one.")
    found = await cast("Backtests", request.app.state.backtests).of(asked.topic, asked.days)
    known = found.known
    if known is None:
        raise HTTPException(404, "Nothing is stored of this topic")
    return reply(
        BacktestAnswers(
            topic=known.topic,
            since=moment(known.since),
            judged_from=moment(known.judged_from),
            until=moment(known.until),
            weeks=round(known.weeks, 2),
            answers=found.answers,
        )
    )
