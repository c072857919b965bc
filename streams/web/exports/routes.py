"""The files' addresses: `<page>/export.csv`, `/export.xlsx`, `/export.svg` and `/export.png`, with
the page's own filters."""

import math
import shutil
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import anyio
import msgspec
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from streams.store.port import Store
from streams.web import pictures
from streams.web.charts import Drawings, Theme
from streams.web.exports import csv_file, xlsx_file
from streams.web.exports.given import Given
from streams.web.exports.held import Held, Slots, unless_gone
from streams.web.exports.views import VIEWS, View
from streams.web.filters import BadFilter, Pair, Problem
from streams.web.i18n import _, number
from streams.web.pictures import Picture
from streams.web.visitor import Visitor, visitor_of

CSV: Final = "text/csv; charset=utf-8"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_PIECE: Final = 256 * 1024
_WIDTH: Final = (320, 2400)
_HEIGHT: Final = (160, 1600)
_SCALE: Final = (0.5, 4.0)
MOST_PIXELS: Final = 24_000_000
_NO_STORE: Final = {"Cache-Control": "no-store"}

Make = Callable[[Request, str], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


class ExportPages:
    """The routes over one store. `names` are the topics'; `most_rows` bounds the mentions of a
    file."""

    def __init__(
        self, store: Store, drawings: Drawings, names: Mapping[str, str], *, most_rows: int
    ) -> None:
        self._store = store
        self._drawings = drawings
        self._names = names
        self._most_rows = most_rows
        self._slots = Slots()

    def add_to(self, app: FastAPI) -> None:
        for name, view in VIEWS.items():
            for file, make in (
                ("export.csv", self.csv),
                ("export.xlsx", self.xlsx),
                ("export.svg", self.svg),
                ("export.png", self.png),
            ):
                app.add_api_route(
                    f"{view.path}/{file}",
                    _for_view(name, make),
                    include_in_schema=False,
                    response_class=Response,
                )

    async def csv(self, request: Request, name: str) -> Response:
        """The view's first table. `bom=1` puts a byte order mark first, for Excel."""
        given = await self._given(request, name)
        return await self.csv_of(name, given, mark=request.query_params.get("bom") == "1")

    async def csv_of(self, name: str, given: Given, *, mark: bool = False) -> Response:
        """The same for who has read the filters. Raises `HTTPException`."""
        await self._check_size(VIEWS[name], given)
        table = VIEWS[name].tables(self._store, given)[0]
        headers = _NO_STORE | _saved_as(name, given, "csv")
        lines = csv_file.lines(table, mark=mark)
        return Held(
            lines, self._slots.take(), headers=headers, media_type="text/csv; charset=utf-8"
        )

    async def xlsx(self, request: Request, name: str) -> Response:
        """All tables of the view, a sheet each."""
        return await self.xlsx_of(request, name, await self._given(request, name))

    async def xlsx_of(self, request: Request, name: str, given: Given) -> Response:
        """The same for who has read the filters. Raises `HTTPException`."""
        await self._check_size(VIEWS[name], given)
        give_back = self._slots.take()
        folder = Path(tempfile.mkdtemp(prefix="veille-export-"))
        path = folder / "export.xlsx"
        try:
            tables = VIEWS[name].tables(self._store, given)
            await unless_gone(request, xlsx_file.write(path, tables, given.visitor.tz))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            give_back()
            raise
        headers = _NO_STORE | _saved_as(name, given, "xlsx")
        headers["Content-Length"] = str(path.stat().st_size)
        return Held(_pieces(path), give_back, headers=headers, media_type=XLSX)

    async def svg(self, request: Request, name: str) -> Response:
        """The view's chart as SVG."""
        picture = await self._picture(request, name)
        drawn = await pictures.svg(self._drawings, picture)
        return Response(drawn, media_type="image/svg+xml", headers=_NO_STORE)

    async def png(self, request: Request, name: str) -> Response:
        """The view's chart as pixels, `scale` of them for one of `width` and `height`."""
        scale = _number(request.query_params.get("scale"), "scale", _SCALE, default=2.0)
        picture = await self._picture(request, name)
        if picture.width * picture.height * scale**2 > MOST_PIXELS:
            remedy = "Make width, height or scale smaller."
            raise _bad("scale", f"{scale:g}", "makes too large a picture", remedy)
        drawn = await pictures.png(self._drawings, picture, scale=scale)
        return Response(drawn, media_type="image/png", headers=_NO_STORE)

    async def _picture(self, request: Request, name: str) -> Picture:
        query = request.query_params
        width, height = query.get("width"), query.get("height")
        given = await self._given(request, name)
        picture = await VIEWS[name].picture(self._store, given)
        return msgspec.structs.replace(
            picture,
            theme=_theme(query.get("theme", "")),
            width=int(_number(width, "width", _WIDTH, default=picture.width)),
            height=int(_number(height, "height", _HEIGHT, default=picture.height)),
        )

    async def _given(self, request: Request, name: str) -> Given:
        return await self.read(name, request.query_params.multi_items(), visitor_of(request))

    async def read(self, name: str, pairs: Iterable[Pair], visitor: Visitor) -> Given:
        """The filters of a view. Raises `BadFilter`, `StoreError`."""
        given = await VIEWS[name].read(self._store, pairs, visitor)
        return msgspec.structs.replace(given, names=self._names)

    async def _check_size(self, view: View, given: Given) -> None:
        if not view.streams:
            return
        found = (await self._store.count(given.where)).total
        if found > self._most_rows:
            raise HTTPException(
                413,
                _(
                    "This view has %(n)s mentions, and a file of it may hold %(most)s. Remedy: "
                    "a shorter period or more filters, a larger web.export_rows, or "
                    "`veille export`, which has no limit",
                    n=number(found),
                    most=number(self._most_rows),
                ),
            )


def _for_view(name: str, make: Make) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await make(request, name)

    return endpoint


async def _pieces(path: Path) -> AsyncGenerator[bytes]:
    """The file, whose folder goes when it has been read, or nobody reads on."""
    try:
        async with await anyio.open_file(path, "rb") as file:
            while piece := await file.read(_PIECE):
                yield piece
    finally:
        shutil.rmtree(path.parent, ignore_errors=True)


def _saved_as(name: str, given: Given, ending: str) -> dict[str, str]:
    moment = given.now.astimezone(given.visitor.tz)
    saved = f"veille-{name}-{moment:%Y-%m-%d-%H%M}.{ending}"
    return {"Content-Disposition": f'attachment; filename="{saved}"'}


def _theme(given: str) -> Theme:
    if given not in ("", "light", "dark"):
        raise _bad("theme", given, "no such theme", "light or dark.")
    return "dark" if given == "dark" else "light"


def _number(given: str | None, name: str, between: tuple[float, float], *, default: float) -> float:
    if not given:
        return default
    try:
        found = float(given)
    except ValueError:
        found = math.nan
    least, most = between
    if not least <= found <= most:
        raise _bad(name, given, f"not a number from {least:g} to {most:g}", "Leave it out.")
    return found


def _bad(name: str, value: str, problem: str, remedy: str) -> BadFilter:
    return BadFilter([Problem(name, value[:80], problem, remedy)], ())
