"""A view as tables: named columns of one type each, and rows that come page by page."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

Kind = Literal["text", "number", "share", "time"]
"""A share is a number from 0 to 1; a time is an aware `datetime`. Any cell may be `None`."""
Row = Sequence[Any]
Rows = Callable[[], AsyncIterator[Sequence[Row]]]


class Column(NamedTuple):
    """`width` is in characters, as spreadsheets count it."""

    name: str
    kind: Kind = "text"
    width: int = 14


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """`rows` asks for them anew each time it is called, and gives them in pages."""

    name: str
    columns: Sequence[Column]
    rows: Rows

    @property
    def head(self) -> list[str]:
        return [column.name for column in self.columns]


def fixed(rows: Sequence[Row]) -> Rows:
    """Rows that are there already."""

    async def pages() -> AsyncIterator[Sequence[Row]]:
        yield rows

    return pages
