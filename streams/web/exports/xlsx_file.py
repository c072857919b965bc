"""Tables as an XLSX workbook, written row by row into a temporary file.

What was typed stays what it was: numbers are numbers, times are times in the reader's zone (which
the head names: spreadsheets know no zones), and text is text, never a formula or a link.
"""

import asyncio
import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from streams.web.exports.tables import Column, Row, Table

MOST_ROWS: Final = 1_048_575
"""Rows below the head that a sheet has room for: what is more goes on in another sheet."""
MOST_UNITS: Final = 32_767
"""UTF-16 code units that a cell has room for."""
_FIRST_YEAR: Final = 1900
_WIDEST_WHOLE: Final = 2**53
_FORMATS: Final = {"time": "yyyy-mm-dd hh:mm:ss", "share": "0.0 %", "number": "General"}


async def write(
    path: Path, tables: Sequence[Table], zone: ZoneInfo, *, most_rows: int = MOST_ROWS
) -> None:
    """All tables, a sheet each or more. Raises `StoreError`."""
    book = _Book(path, zone, most_rows)
    try:
        for table in tables:
            book.begin(table)
            async for page in table.rows():
                await asyncio.to_thread(book.add, page)
    except BaseException:
        book.abandon()
        raise
    await asyncio.to_thread(book.close)


class _Book:
    """One workbook; the sheet that is written to is the last."""

    def __init__(self, path: Path, zone: ZoneInfo, most_rows: int) -> None:
        self._zone = zone
        self._most = most_rows
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "tmpdir": str(path.parent),
        }
        self._book = xlsxwriter.Workbook(str(path), options)
        self._head = self._book.add_format({"bold": True, "bottom": 1})
        self._formats = {
            kind: self._book.add_format({"num_format": written})
            for kind, written in _FORMATS.items()
        }
        self._names: set[str] = set()
        self._table: Table | None = None
        self._sheet: Worksheet | None = None
        self._row = 0

    def begin(self, table: Table) -> None:
        self._table, self._row = table, 0
        self._sheet = self._new_sheet(table)

    def add(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._add(row)

    def close(self) -> None:
        self._book.close()

    def abandon(self) -> None:
        """Close what is open without writing the file: its folder goes."""
        for sheet in self._book.worksheets():
            if sheet.row_data_fh:
                sheet.row_data_fh.close()
        self._book.fileclosed = True

    def _add(self, row: Row) -> None:
        assert self._table is not None  # noqa: S101 # begun before
        if self._row == self._most:
            self.begin(self._table)
        assert self._sheet is not None  # noqa: S101 # begun before
        self._row += 1
        for at, (column, value) in enumerate(zip(self._table.columns, row, strict=True)):
            self._cell(self._sheet, at, column, value)

    def _cell(self, sheet: Worksheet, at: int, column: Column, value: Any) -> None:
        place = (self._row, at)
        if value is None or value == "":
            return
        if isinstance(value, datetime):
            local = value.astimezone(self._zone).replace(tzinfo=None)
            if local.year >= _FIRST_YEAR:
                sheet.write_datetime(*place, local, self._formats["time"])
            else:  # before the first day that spreadsheets know
                sheet.write_string(*place, local.isoformat(" "))
        elif isinstance(value, bool):
            sheet.write_boolean(*place, value)
        elif isinstance(value, int | float) and _has_digits(value):
            sheet.write_number(*place, value, self._format(column))
        else:
            sheet.write_string(*place, fitting(str(value)))

    def _format(self, column: Column) -> Format:
        return self._formats.get(column.kind, self._formats["number"])

    def _new_sheet(self, table: Table) -> Worksheet:
        sheet = self._book.add_worksheet(self._name(table.name))
        sheet.freeze_panes(1, 0)
        for at, column in enumerate(table.columns):
            sheet.set_column(at, at, column.width)
            zone = f" ({self._zone.key})" if column.kind == "time" else ""
            sheet.write_string(0, at, column.name + zone, self._head)
        return sheet

    def _name(self, wanted: str) -> str:
        """One that no other sheet has, of at most 31 characters."""
        name, number = wanted, 1
        while name.casefold() in self._names:
            number += 1
            name = f"{wanted} {number}"
        self._names.add(name.casefold())
        return name


def _has_digits(value: float) -> bool:
    """Whether a spreadsheet keeps it as it is: its numbers are doubles."""
    return math.isfinite(value) and (isinstance(value, float) or abs(value) <= _WIDEST_WHOLE)


def fitting(text: str) -> str:
    """As much of a text as a cell has room for, without lone surrogates."""
    plain = text.encode("utf-8", "replace").decode()
    if len(plain) <= MOST_UNITS // 2:
        return plain
    units = plain.encode("utf-16-le")
    if len(units) <= 2 * MOST_UNITS:
        return plain
    return units[: 2 * (MOST_UNITS - 1)].decode("utf-16-le", "ignore") + "…"
