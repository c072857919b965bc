"""`/api/v1/export`: every mention that fits as one stream, which goes on where it broke off."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from connectors.post import utc_now
from streams.exporting.rows import COLUMNS, csv_rows, flat
from streams.records import Mention, encode
from streams.store import paging
from streams.store.port import Filter, Page, Store
from streams.web.api import bad, described, store_of
from streams.web.exports.held import Held, Slots
from streams.web.filters import PARAMETERS, Parameter, Query, read

KINDS: Final = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
CURSOR: Final = "cursor"
_FORMAT: Final = Parameter("format", "Format", f"{' or '.join(KINDS)} (jsonl if absent).")
_CURSORS: Final = Parameter("cursors", "Cursors", "no: lines without the cursor to go on from.")

router = APIRouter(prefix="/api/v1", tags=["mentions"])

Lines = Callable[[Sequence[Mention]], bytes]


class ExportedMention(Mention, frozen=True, kw_only=True, omit_defaults=True, tag="mention"):
    """A line of the export: a mention, and the cursor that asks for those after it."""

    cursor: str = ""


def _described() -> dict[str, Any]:
    found = described(ExportedMention, *PARAMETERS, _FORMAT, _CURSORS)
    answer = found["responses"]["200"]
    (line,) = answer["content"].values()
    answer["content"] = {"application/x-ndjson": line, "text/csv": {"schema": {"type": "string"}}}
    return found


@router.get("/export", openapi_extra=_described())
async def export(request: Request) -> Response:
    """Every mention that fits, oldest first, one a line. Broken off, it goes on with the same
    parameters and the `cursor` of the last whole line that came."""
    query = read(request.query_params.multi_items(), also=("format", "cursors"))
    kind = _one_of(request, "format", tuple(KINDS))
    marked = _one_of(request, "cursors", ("yes", "no")) == "yes"
    store, now = store_of(request), utc_now()
    where = query.at(now)
    slots: Slots = request.app.state.exporting
    give_back = slots.take()
    try:
        first = await _page(store, where, query.cursor)
    except BaseException:
        give_back()
        raise
    after = _after(query, where, now) if marked else None
    lines = _csv(after) if kind == "csv" else _jsonl(after)
    head = b""
    if kind == "csv" and not query.cursor:
        head = csv_rows([[*COLUMNS, *[CURSOR] * marked]])
    pieces = _pieces(store, where, first, head, lines)
    return Held(pieces, give_back, headers={"Cache-Control": "no-store"}, media_type=KINDS[kind])


async def _page(store: Store, where: Filter, cursor: str) -> Page:
    return await store.search(where, limit=paging.MAX_PAGE, cursor=cursor, order="oldest")


async def _pieces(
    store: Store, where: Filter, page: Page, head: bytes, lines: Lines
) -> AsyncGenerator[bytes]:
    """A page in memory at a time. An error breaks the answer off: it never looks whole."""
    yield head
    while True:
        yield await asyncio.to_thread(lines, page.mentions)
        if not page.cursor:
            return
        page = await _page(store, where, page.cursor)


def _after(query: Query, where: Filter, now: datetime) -> Callable[[Mention], str]:
    return lambda mention: query.next_cursor(paging.after(mention, where, "oldest"), now)


def _jsonl(after: Callable[[Mention], str] | None) -> Lines:
    def line(mention: Mention) -> bytes:
        raw = encode(mention)
        if after is None:
            return raw + b"\n"
        return raw[:-1] + b',"cursor":' + msgspec.json.encode(after(mention)) + b"}\n"

    return lambda mentions: b"".join(map(line, mentions))


def _csv(after: Callable[[Mention], str] | None) -> Lines:
    def row(mention: Mention) -> Sequence[object]:
        return [*flat(mention), *([after(mention)] if after else [])]

    return lambda mentions: csv_rows([row(mention) for mention in mentions])


def _one_of(request: Request, name: str, known: Sequence[str]) -> str:
    value = request.query_params.get(name) or known[0]
    if value not in known:
        raise bad(name, value, "not one of its values", f"One of {', '.join(known)}.")
    return value


RECORDS: Final = (ExportedMention,)
