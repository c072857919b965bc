"""The JSON API under `/api/v1`: the page's figures for programs. Documented by OpenAPI."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, get_args

import msgspec
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from connectors.letters import DeadLetter
from connectors.post import utc_now
from streams.source_gaps import Shade, shades
from streams.store.port import Bucket, Count, Dimension, Order, Page, Store
from streams.web import charts
from streams.web.filters import PARAMETERS, BadFilter, Parameter, Problem, Query, read
from streams.web.views import window, within


class OverTime(msgspec.Struct, frozen=True, kw_only=True):
    """Mentions per step of time; every step between `since` and `until` that has any."""

    since: datetime
    until: datetime
    step_seconds: int
    buckets: list[Bucket]
    gaps: list[Shade] = []
    """Stretches of this time in which a source gave nothing."""


class Top(msgspec.Struct, frozen=True, kw_only=True):
    """The most frequent values of a dimension."""

    by: Dimension
    values: list[Count]


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """What sources and workers last told of themselves, by id."""

    sources: dict[str, dict[str, Any]]
    workers: dict[str, dict[str, Any]]


class DeadLetters(msgspec.Struct, frozen=True, kw_only=True):
    """How many dead letters there are, and the newest. `raw` is base64."""

    total: int
    letters: list[DeadLetter]


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a request: one sentence, and each parameter's problem and remedy."""

    error: str
    problems: list[Problem] = []


_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_BY = Parameter("by", "By", f"One of {', '.join(get_args(Dimension))}.")
_LIMIT = Parameter("limit", "Limit", "How many, 1 to 200 (50 if absent).")
_ORDER = Parameter(
    "order", "Order", "One of newest (if absent), oldest, worth: what is worth a look first."
)
_STEP = Parameter("step", "Step", "Width of a bucket: a number and s, m, h or d. Default: by span.")
_FILTERS: Final = tuple(p for p in PARAMETERS if p.name != "cursor")

router = APIRouter(prefix="/api/v1", tags=["mentions"])


def reply(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def described(answer: type, *parameters: Parameter) -> dict[str, Any]:
    """What OpenAPI says of a route that reads its query string itself."""
    return {
        "parameters": [_parameter(p) for p in parameters],
        "responses": {"200": _answer(answer), "400": _answer(Refusal), "503": _answer(Refusal)},
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    one: dict[str, Any] = {"type": "string"}
    schema = {"type": "array", "items": one} if parameter.many else one
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.name == "by",
        "description": parameter.help,
        "schema": schema,
    }


def _answer(answer: type) -> dict[str, Any]:
    doc = (answer.__doc__ or "").split("\n\n")[0]
    schema = {"$ref": f"#/components/schemas/{answer.__name__}"}
    return {
        "description": " ".join(doc.split()),
        "content": {"application/json": {"schema": schema}},
    }


def describe(app: FastAPI, *records: type) -> None:
    """Add the records' schemas, and those of other routes, to the app's OpenAPI document."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        document = make()
        _, schemas = msgspec.json.schema_components(
            (Page, Count, OverTime, Top, Sources, DeadLetters, Refusal, *records),
            ref_template="#/components/schemas/{name}",
        )
        document.setdefault("components", {}).setdefault("schemas", {}).update(schemas)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def store_of(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _query(request: Request, *also: str) -> Query:
    return read(request.query_params.multi_items(), also=also)


def bad(name: str, value: str, problem: str, remedy: str) -> BadFilter:
    return BadFilter([Problem(name, value[:80], problem, remedy)], ())


def limit_of(given: Mapping[str, str]) -> int:
    value = given.get("limit", "50")
    if not re.fullmatch(r"\d{1,4}", value) or not 1 <= int(value) <= 200:
        raise bad("limit", value, "not a number from 1 to 200", "Page on with the cursor.")
    return int(value)


def order_of(given: Mapping[str, str]) -> Order:
    match given.get("order") or "newest":
        case "newest" | "oldest" | "worth" as order:
            return order
        case other:
            raise bad("order", other, "no such order", _ORDER.help)


def step_of(given: Mapping[str, str], span: timedelta) -> timedelta:
    value = given.get("step")
    if not value:
        return charts.step_for(span)
    found = re.fullmatch(r"(\d{1,6})([smhd])", value)
    if not found or not int(found[1]):
        raise bad("step", value, "not a width of time", "Write 30s, 5m, 1h or 1d.")
    step = timedelta(seconds=int(found[1]) * _UNITS[found[2]])
    if span / step > 10_000:
        raise bad("step", value, "makes more than 10,000 buckets", "Widen it or narrow the period.")
    return step


@router.get("/mentions", openapi_extra=described(Page, *PARAMETERS, _ORDER, _LIMIT))
async def mentions(request: Request) -> Response:
    """Mentions in an order. `cursor` of the answer asks for the next page; empty at the end."""
    query = _query(request, "order", "limit")
    limit, order = limit_of(request.query_params), order_of(request.query_params)
    now = utc_now()
    found = await store_of(request).search(
        query.at(now), limit=limit, cursor=query.cursor, order=order
    )
    return reply(Page(found.mentions, query.next_cursor(found.cursor, now)))


@router.get("/counts", openapi_extra=described(Count, *_FILTERS))
async def counts(request: Request) -> Response:
    """How many mentions, split by sentiment."""
    return reply(await store_of(request).count(_query(request).at(utc_now())))


@router.get("/over-time", openapi_extra=described(OverTime, *_FILTERS, _STEP))
async def over_time(request: Request) -> Response:
    """Mentions over time, split by sentiment; buckets are aligned to 1970 in UTC."""
    store, now = store_of(request), utc_now()
    where = _query(request, "step").at(now)
    since, until = await window(store, where, now=now)
    step = step_of(request.query_params, until - since)
    buckets = await store.over_time(within(where, since, until), step=step)
    return reply(
        OverTime(
            since=since,
            until=until,
            step_seconds=int(step.total_seconds()),
            buckets=buckets,
            gaps=await shades(store, since, until),
        )
    )


@router.get("/top", openapi_extra=described(Top, *_FILTERS, _BY, _LIMIT))
async def top(request: Request) -> Response:
    """The most frequent topics, sources, languages, authors, hashtags and so on."""
    query = _query(request, "by", "limit")
    by = request.query_params.get("by", "")
    if by not in get_args(Dimension):
        raise bad("by", by, "no such dimension", _BY.help)
    limit = limit_of(request.query_params)
    found = await store_of(request).top(query.at(utc_now()), by, limit=limit)  # type: ignore[arg-type]  # just checked
    return reply(Top(by=by, values=found))  # type: ignore[arg-type]  # just checked


@router.get("/sources", openapi_extra=described(Sources))
async def sources(request: Request) -> Response:
    """The state of every source and worker, as they last told it."""
    store = store_of(request)
    read(request.query_params.multi_items())
    return reply(
        Sources(sources=await store.states("source"), workers=await store.states("worker"))
    )


@router.get("/dead-letters", openapi_extra=described(DeadLetters, _LIMIT))
async def dead_letters(request: Request) -> Response:
    """What could not be processed, newest first, with reason, place and original bytes."""
    read(request.query_params.multi_items(), also=("limit",))
    total, letters = await store_of(request).dead_letters(limit=limit_of(request.query_params))
    return reply(DeadLetters(total=total, letters=letters))
