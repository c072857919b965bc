"""A table as CSV: UTF-8, comma-separated, one page of rows in memory at a time."""

import asyncio
import codecs
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from typing import Any

from streams.exporting.rows import csv_rows
from streams.web.exports.tables import Row, Table


async def lines(table: Table, *, mark: bool = False) -> AsyncGenerator[bytes]:
    """The head and every row, page by page. `mark` puts a byte order mark first, by which Excel
    knows UTF-8. Times are RFC 3339 in UTC. Raises `StoreError`."""
    yield (codecs.BOM_UTF8 if mark else b"") + csv_rows([table.head])
    async for page in table.rows():
        if page:
            yield await asyncio.to_thread(_written, page)


def _written(rows: Sequence[Row]) -> bytes:
    return csv_rows([_plain(row) for row in rows])


def _plain(row: Row) -> list[Any]:
    return [one.astimezone(UTC).isoformat() if isinstance(one, datetime) else one for one in row]
