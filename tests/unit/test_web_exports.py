"""Views as files: what is in them, what is kept out of them, and who is made to wait."""

import asyncio
import contextlib
import csv
import io
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import httpx
import pytest
from starlette.exceptions import HTTPException

from connectors.post import Author
from streams.exporting.rows import COLUMNS, csv_rows
from streams.store.port import Filter, Page
from streams.store.sqlite import SqliteStore
from streams.web.app import create_app
from streams.web.charts import Drawings
from streams.web.exports import csv_file, xlsx_file
from streams.web.exports.held import Held, Slots
from streams.web.exports.routes import XLSX, ExportPages
from streams.web.exports.tables import Column, Table, fixed
from tests.browser.site import TOPICS, hostile, mention
from tests.support import outcry
from tests.support.mentions import opened

NOW = datetime.now(UTC).replace(microsecond=0)
BOOK = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        yield store


@pytest.fixture
async def client(store: SqliteStore) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(store, topics=TOPICS), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8420") as client:
        yield client


async def fill(store: SqliteStore, n: int = 40) -> None:
    labels = ("neg", "pos", "neu", "unscored")
    await store.write(
        [mention(i, sentiment=labels[i % 4], at=NOW - timedelta(minutes=i)) for i in range(n)]  # type: ignore[arg-type]  # labels
    )


def sheets(body: bytes) -> dict[str, list[list[Any]]]:
    """The cells of each sheet: text, or a number."""
    archive = zipfile.ZipFile(io.BytesIO(body))
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    names = [sheet.attrib["name"] for sheet in book.iter(f"{BOOK}sheet")]
    return {
        name: _cells(archive.read(f"xl/worksheets/sheet{n}.xml")) for n, name in enumerate(names, 1)
    }


def _cells(sheet: bytes) -> list[list[Any]]:
    root = ElementTree.fromstring(sheet)
    assert not list(root.iter(f"{BOOK}f")), "a formula"
    return [
        [
            "".join(t.text or "" for t in cell.iter(f"{BOOK}t"))
            if cell.attrib.get("t") == "inlineStr"
            else float(cell.findtext(f"{BOOK}v") or "nan")
            for cell in row.iter(f"{BOOK}c")
        ]
        for row in root.iter(f"{BOOK}row")
    ]


async def test_csv_has_every_mention_of_the_view(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await fill(store, 1_203)  # three pages
    answer = await client.get("/mentions/export.csv?range=all&sentiment=neg")
    assert answer.status_code == 200
    assert 'attachment; filename="veille-mentions-' in answer.headers["content-disposition"]
    head, *rows = csv.reader(io.StringIO(answer.text))
    assert head == list(COLUMNS)
    assert len({row[0] for row in rows}) == len(rows) == 301
    assert {row[COLUMNS.index("sentiment")] for row in rows} == {"neg"}


async def test_without_a_period_a_file_holds_what_the_page_shows(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    old = [mention(n, at=NOW - timedelta(days=3)) for n in range(3)]
    await store.write(old)
    assert (await client.get("/mentions/export.csv")).text.count("\n") == 1 + 3
    await store.write([mention(9, at=NOW - timedelta(minutes=1))])
    assert (await client.get("/mentions/export.csv")).text.count("\n") == 1 + 1


async def test_no_cell_of_a_file_is_a_formula(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    evil = '=HYPERLINK("http://evil.invalid","Kestrel")'
    await store.write([mention(1, text=evil), hostile(2)])
    body = (await client.get("/mentions/export.csv?range=all")).text
    row = next(row for row in csv.DictReader(io.StringIO(body)) if "HYPERLINK" in row["text"])
    assert row["text"] == "'" + evil
    book = (await client.get("/mentions/export.xlsx?range=all")).content
    names = zipfile.ZipFile(io.BytesIO(book)).namelist()
    assert not [name for name in names if "_rels/sheet" in name], "a link"
    assert any(evil in row for row in sheets(book)["mentions"])


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＠"])
def test_whatever_begins_a_formula_is_quoted(first: str) -> None:
    assert csv_rows([[f"{first}1", -1]]).decode() in (f"'{first}1,-1\n", f'"\'{first}1",-1\n')


async def test_a_byte_order_mark_is_there_for_excel_by_choice(client: httpx.AsyncClient) -> None:
    assert (await client.get("/mentions/export.csv?bom=1")).content.startswith(b"\xef\xbb\xbfid,")
    assert (await client.get("/mentions/export.csv")).content.startswith(b"id,")


async def test_xlsx_has_typed_cells_and_says_what_was_asked(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await fill(store)
    answer = await client.get("/mentions/export.xlsx?range=7d&topic=kestrel")
    assert answer.headers["content-type"] == XLSX
    assert "content-encoding" not in answer.headers, "compressed twice"
    book = sheets(answer.content)
    assert list(book) == ["mentions", "over time", "top", "asked"]
    head, *rows = book["mentions"]
    assert len(rows) == 40
    assert head[2] == "created_at (UTC)"
    epoch = datetime(1899, 12, 30, tzinfo=UTC)
    newest = epoch + timedelta(days=rows[0][2])
    assert abs(newest - NOW) < timedelta(seconds=1)
    assert sum(row[1] for row in book["over time"][1:]) == 40
    assert ["source", "rss", 40.0, 10.0, 10.0, 10.0, 10.0, 0.25] in book["top"]
    assert ["topic", "kestrel"] in book["asked"]


async def test_times_are_in_the_readers_zone(tmp_path: Path) -> None:
    at = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # Paris has just moved its clock to 3:30
    early = datetime(1066, 10, 14, tzinfo=UTC)
    table = Table(name="t", columns=[Column("when", "time")], rows=fixed([(at,), (early,)]))
    await xlsx_file.write(tmp_path / "t.xlsx", [table], ZoneInfo("Europe/Paris"))
    cells = sheets((tmp_path / "t.xlsx").read_bytes())["t"]
    assert cells[0] == ["when (Europe/Paris)"]
    shown = datetime(1899, 12, 30, tzinfo=UTC) + timedelta(days=cells[1][0])
    assert f"{shown:%Y-%m-%d %H:%M}" == "2026-03-29 03:30"
    assert cells[2][0].startswith("1066-10-14")


async def test_what_a_sheet_has_no_room_for_goes_on_in_another(tmp_path: Path) -> None:
    table = Table(
        name="many", columns=[Column("n", "number")], rows=fixed([(n,) for n in range(25)])
    )
    await xlsx_file.write(tmp_path / "t.xlsx", [table, table], ZoneInfo("UTC"), most_rows=10)
    book = sheets((tmp_path / "t.xlsx").read_bytes())
    assert list(book) == ["many", "many 2", "many 3", "many 4", "many 5", "many 6"]
    assert [len(rows) for rows in book.values()] == [11, 11, 6] * 2
    assert book["many 3"][1] == [20.0]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("x" * 40_000, "x" * 32_766 + "…"),
        ("😀" * 20_000, "😀" * 16_383 + "…"),
        ("lone \ud800", "lone ?"),
        (2**70, str(2**70)),
        (float("inf"), "inf"),
        ("\x00\ufffe", "_x0000__xFFFE_"),
    ],
)
async def test_odd_values_stay_in_their_cell(tmp_path: Path, value: Any, kept: str) -> None:
    table = Table(name="odd", columns=[Column("v")], rows=fixed([(value,)]))
    await xlsx_file.write(tmp_path / "t.xlsx", [table], ZoneInfo("UTC"))
    assert sheets((tmp_path / "t.xlsx").read_bytes())["odd"][1] == [kept]


async def test_a_file_that_fails_leaves_nothing(tmp_path: Path) -> None:
    async def rows() -> AsyncIterator[list[tuple[int]]]:
        yield [(1,)]
        raise RuntimeError("away")

    table = Table(name="t", columns=[Column("n")], rows=rows)
    with pytest.raises(RuntimeError):
        await xlsx_file.write(tmp_path / "t.xlsx", [table], ZoneInfo("UTC"))
    assert not (tmp_path / "t.xlsx").exists()


@pytest.mark.parametrize("view", ["mentions", "authors", "overview", "incidents"])
async def test_every_view_is_a_file(
    store: SqliteStore, client: httpx.AsyncClient, view: str
) -> None:
    await fill(store)
    await outcry.tell(store, outcry.incident(NOW))
    for file in ("export.csv", "export.xlsx", "export.svg?theme=dark", "export.png?scale=1"):
        answer = await client.get(f"/{view}/{file}")
        assert answer.status_code == 200, (file, answer.text)
        assert len(answer.content) > 100
        assert answer.headers["cache-control"] == "no-store"


async def test_overview_tells_the_change(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await store.write([mention(n, at=NOW - timedelta(hours=1)) for n in range(30)])
    await store.write([mention(n, at=NOW - timedelta(hours=30)) for n in range(50, 60)])
    body = (await client.get("/overview/export.csv?range=24h")).text
    row = next(csv.DictReader(io.StringIO(body)))
    assert (row["topic"], row["mentions"], row["change"]) == ("kestrel", "30", "2.0")


async def test_incidents_filters_hold(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await outcry.tell(store, outcry.incident(NOW), outcry.incident(NOW, id="b2", topic="rival"))
    body = (await client.get("/incidents/export.csv?topic=rival")).text
    assert [row["id"] for row in csv.DictReader(io.StringIO(body))] == ["b2"]


@pytest.mark.parametrize(
    "query",
    ["nonsense=1", "scale=9", "scale=nan", "width=1e9", "theme=pink", "since=never"],
)
async def test_what_can_not_be_read_is_told(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/mentions/export.png?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.text


async def test_a_picture_has_a_largest_size(client: httpx.AsyncClient) -> None:
    answer = await client.get("/mentions/export.png?width=2400&height=1600&scale=4")
    assert answer.status_code == 400


async def test_too_many_mentions_are_told_with_a_remedy(store: SqliteStore) -> None:
    await fill(store)
    pages = ExportPages(store, Drawings(), {}, most_rows=39)
    given = await reading(store)
    with pytest.raises(HTTPException, match=r"40 mentions.* may hold 39. Remedy"):
        await pages.csv_of("mentions", given)


async def reading(store: SqliteStore) -> Any:
    from streams.web.exports.given import mentions
    from streams.web.visitor import Visitor

    return await mentions(store, [("range", "all")], Visitor())


class Slow:
    """A store whose pages never end, each a moment later."""

    def __init__(self) -> None:
        self.asked = 0

    async def search(self, where: Filter, **_: Any) -> Page:
        self.asked += 1
        await asyncio.sleep(0)
        return Page([mention(self.asked)], "more")


async def test_a_third_file_at_once_is_told_to_come_back() -> None:
    slots = Slots(2)
    give_back, _ = slots.take(), slots.take()
    with pytest.raises(HTTPException) as refused:
        slots.take()
    assert refused.value.status_code == 503
    give_back()
    give_back()
    slots.take()
    with pytest.raises(HTTPException):
        slots.take()


async def test_a_file_ends_when_its_reader_goes_away() -> None:
    slots, closed, sent = Slots(1), asyncio.Event(), asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b"row\n"
                await asyncio.sleep(0)
        finally:
            closed.set()

    async def receive() -> dict[str, Any]:
        await sent.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message.get("body"):
            sent.set()

    answer = Held(pieces(), slots.take(), headers={}, media_type="text/csv")
    await asyncio.wait_for(answer({"type": "http", "asgi": {}}, receive, send), 10)
    assert closed.is_set()
    slots.take()


async def test_csv_asks_for_a_page_only_when_the_last_was_taken() -> None:
    from streams.exporting.rows import pages, values

    slow = Slow()

    async def rows() -> AsyncIterator[list[list[Any]]]:
        async for page in pages(slow, Filter()):  # type: ignore[arg-type]  # all that is asked of it
            yield [values(one) for one in page]

    table = Table(name="t", columns=[Column(name) for name in COLUMNS], rows=rows)
    lines = csv_file.lines(table)
    async with contextlib.aclosing(lines):
        for _ in range(4):
            await anext(lines)
    assert slow.asked == 3


async def test_an_author_with_a_hostile_name_is_drawn(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    name = 'a"]+alert(1)+["\u2028<script>'
    await store.write([mention(1, author=Author(id="x", handle=name))])
    drawn = await client.get("/authors/export.svg?range=all")
    assert drawn.status_code == 200
    assert "<script" not in drawn.text
