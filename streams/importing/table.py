"""Rows of a table as they are read: numbered as a person counts them, each readable or with the
reason why it is not."""

import csv
from collections.abc import Iterator
from typing import NamedTuple

from connectors.lines import MAX_LINE_BYTES, Feed, LineReader, Readable
from connectors.rows import Record, Records
from streams.importing.layout import Layout


class Row(NamedTuple):
    """`number` counts from 1, the names of the columns not among them; `line` is where it begins in
    the file. Where `error` says something there are no cells."""

    number: int
    line: int
    cells: list[str]
    error: str = ""
    raw: bytes = b""


def rows_of(stream: Readable, layout: Layout, *, skip: int = 0) -> Iterator[Row]:
    """The rows after the first `skip`. Cells that are missing at the end are empty: spreadsheets
    leave them out. A few microseconds each, in flat memory; a record over 1 MiB is unreadable."""
    csv.field_size_limit(MAX_LINE_BYTES)
    feed = Feed(LineReader(stream))
    for _ in range(layout.skip):
        next(feed, None)
    width, number = len(layout.columns), 0
    for record in Records(feed, layout.delimiter):
        if not record.fields and not record.error:
            continue
        number += 1
        if number > skip:
            yield _row(number, record, feed, layout.delimiter, width)


def _row(number: int, record: Record, feed: Feed, delimiter: str, width: int) -> Row:
    cells, error, raw = record.fields, "", record.raw
    if record.error:
        cells = _unquoted(raw, delimiter, width)
        error = "" if cells else f"{_said(record.error)}"
    elif len(cells) > width:
        if any(cell.strip() for cell in cells[width:]):
            error = f"{len(cells)} cells, where there are {width} columns"
        cells = cells[:width]
    if error:
        return Row(number, record.line, [], error, raw or b"\n".join(feed.held))
    if len(cells) < width:
        cells += [""] * (width - len(cells))
    return Row(number, record.line, cells)


def _unquoted(raw: bytes, delimiter: str, width: int) -> list[str]:
    """The cells of a line whose quotes are no quotes; none where that does not fit either."""
    try:
        cells = raw.decode("utf-8").rstrip("\r").split(delimiter)
    except UnicodeDecodeError:
        return []
    return cells if len(cells) == width > 1 else []


def _said(error: Exception) -> str:
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else f"{error}"
