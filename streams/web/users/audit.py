"""`/audit`: who did what, when, and what was there before. For admins, as a page, CSV and JSON."""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import tzinfo
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from fastapi import FastAPI, Request
from starlette.responses import Response, StreamingResponse

from connectors.post import utc_now
from streams.exporting.rows import csv_rows
from streams.store.journal import Entry, EntryFilter, EntryPage
from streams.store.port import Store
from streams.web import api
from streams.web.filters import BadFilter, Pair, Parameter, Problem, moment
from streams.web.i18n import N_, _
from streams.web.users import ways
from streams.web.users.audit_told import ACTIONS, KINDS, changes
from streams.web.users.desk import Desk
from streams.web.visitor import require

SHOWN: Final = 50
MOST_ROWS: Final = 100_000
"""Of a CSV file: older ones by `until`."""
AT_ONCE: Final = 1000
MAX_VALUE: Final = 400
PARAMETERS: Final = (
    Parameter("by", N_("Who"), N_("Name of the user who acted.")),
    Parameter(
        "action", N_("What"), N_("An action such as `label.set`, or all of a kind: `label.`.")
    ),
    Parameter("subject", N_("To what"), N_("Id of what it was done to, such as a mention's.")),
    Parameter("topic", N_("Topic"), N_("Id of a topic.")),
    Parameter("since", N_("From"), N_("At or after: a date or an RFC 3339 time.")),
    Parameter("until", N_("Until"), N_("Before: a date or an RFC 3339 time.")),
)
_CURSOR: Final = Parameter("cursor", "Cursor", "Where the next page starts, as this one told.")
_LIMIT: Final = Parameter("limit", "Limit", "How many, 1 to 200 (50 if absent).")


class Asked(msgspec.Struct, frozen=True):
    """What the address asks for; `pairs` are its filters without the cursor."""

    where: EntryFilter
    pairs: tuple[Pair, ...]
    cursor: str = ""

    def link(self, **more: str) -> str:
        pairs = [*self.pairs, *((name, value) for name, value in more.items() if value)]
        return f"{ways.AUDIT}?{urlencode(pairs)}" if pairs else ways.AUDIT


class AuditPages:
    """The routes of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint in ((ways.AUDIT, self.show), (f"{ways.AUDIT}.csv", self.csv)):
            app.add_api_route(path, endpoint, include_in_schema=False, response_class=Response)
        app.add_api_route(
            "/api/v1/audit",
            self.json,
            tags=["users"],
            response_class=Response,
            openapi_extra=api.described(EntryPage, *PARAMETERS, _CURSOR, _LIMIT),
        )

    async def show(self, request: Request) -> Response:
        """The newest that fit."""
        visitor = require(request, "admin")
        asked = read(request.query_params.multi_items(), visitor.tz)
        found = await self._desk.store.entries(asked.where, limit=SHOWN, cursor=asked.cursor)
        values = dict(asked.pairs)
        action = values.get("action", "")
        kinds = KINDS if not action or action in KINDS else {action: action, **KINDS}
        return self._desk.page(
            request,
            "audit.html",
            rows=[(entry, changes(entry.before, entry.after)) for entry in found.entries],
            asked=asked,
            values=values,
            older=asked.link(cursor=found.cursor) if found.cursor else "",
            kinds=kinds,
            actions=ACTIONS,
            parameters=PARAMETERS,
        )

    async def csv(self, request: Request) -> Response:
        """All that fit, newest first, at most `MOST_ROWS`."""
        visitor = require(request, "admin")
        asked = read(request.query_params.multi_items(), visitor.tz)
        await self._desk.store.entries(asked.where, limit=1)  # an error is said, not cut off
        name = f"veille-audit-{utc_now():%Y-%m-%d}.csv"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        }
        lines = _lines(self._desk.store, asked.where)
        return StreamingResponse(lines, headers=headers, media_type="text/csv; charset=utf-8")

    async def json(self, request: Request) -> Response:
        """Who did what, newest first, before and after. Needs the role admin."""
        require(request, "admin")
        given = request.query_params
        asked = read([pair for pair in given.multi_items() if pair[0] != "limit"], ZoneInfo("UTC"))
        found = await self._desk.store.entries(
            asked.where, limit=api.limit_of(given), cursor=asked.cursor
        )
        return api.reply(found)


def read(given: Sequence[Pair], zone: tzinfo) -> Asked:
    """Raises `BadFilter` with every problem at once."""
    known = {one.name for one in PARAMETERS} | {"cursor"}
    problems, values = [], {}
    for name, value in given:
        if name not in known:
            names = ", ".join(sorted(known))
            problems.append(
                Problem(
                    name[:40], value[:80], _("no such filter"), _("Known: %(names)s.", names=names)
                )
            )
        elif name in values:
            problems.append(Problem(name, value[:80], _("given twice"), _("Keep one of the two.")))
        elif len(value) > (4_000 if name == "cursor" else MAX_VALUE):
            problems.append(Problem(name, value[:80], _("too long"), _("Write less.")))
        elif value.strip():
            values[name] = value.strip()
    times = {}
    for name in ("since", "until"):
        try:
            times[name] = moment(values[name], zone) if name in values else None
        except (ValueError, OverflowError):
            remedy = _("Write 2026-01-31 or 2026-01-31T08:00:00Z.")
            problems.append(Problem(name, values[name][:80], _("not a time"), remedy))
    if problems:
        raise BadFilter(problems, ())
    cursor = values.pop("cursor", "")
    where = EntryFilter(
        actions=tuple(filter(None, [values.get("action", "")])),
        subjects=tuple(filter(None, [values.get("subject", "")])),
        by=values.get("by", ""),
        topic=values.get("topic", ""),
        since=times["since"],
        until=times["until"],
    )
    return Asked(where, tuple(values.items()), cursor)


async def _lines(store: Store, where: EntryFilter) -> AsyncIterator[bytes]:
    yield csv_rows([["at", "by", "action", "subject", "topic", "before", "after", "note", "id"]])
    cursor, rows = "", 0
    while rows < MOST_ROWS:
        found = await store.entries(where, limit=AT_ONCE, cursor=cursor)
        yield csv_rows(list(_cells(found.entries)))
        rows, cursor = rows + len(found.entries), found.cursor
        if not cursor:
            return


def _cells(entries: Sequence[Entry]) -> Iterator[list[str]]:
    for one in entries:
        before, after = _json(one.before), _json(one.after)
        yield [
            *(one.at.isoformat(), one.by, one.action, one.subject),
            *(one.topic, before, after, one.note, one.id),
        ]


def _json(value: Any) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()
