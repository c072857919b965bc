"""Whether a row of a damaged file is still what was written, which SQLite itself can't know."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from connectors import letters
from streams.records import Mention
from streams.store import journal, rules
from streams.store.salvage_table import Row
from streams.store.sqlite_rows import COLUMNS, columns

_mentions = msgspec.json.Decoder(Mention)
_TOLD: Final = frozenset(COLUMNS) - {"hidden", "worth"}
"""Columns that the body alone tells; a file of an older schema has fewer of them."""
_marks = msgspec.json.Decoder(list[rules.Watermark])


def reader(table: str) -> Callable[[Row], Any]:
    """What makes a mention of a row of `mentions`, and gives a row of another table as it is;
    `None` where it is not what was written."""
    if table == "mentions":
        return mention_of
    return lambda row: row if _readable(table, row) else None


def mention_of(row: Row) -> Mention | None:
    """The mention, where its bytes are still what was written, as far as its columns tell: SQLite
    keeps no checksums, so that another letter within a text is not seen."""
    try:
        mention = _mentions.decode(row["body"])
        known = columns(mention)
        return mention if all(known[name] == row[name] for name in _TOLD & row.keys()) else None
    except (msgspec.MsgspecError, ValueError, TypeError):
        return None


def _readable(table: str, row: Row) -> bool:
    """Whether it is a row of this table; every BLOB of ours is JSON."""
    try:
        for value in row.values():
            if isinstance(value, bytes):
                msgspec.json.decode(value)
        return _ROWS[table](row) if table in _ROWS else True
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError, AttributeError):
        return False


_ROWS: Final[dict[str, Callable[[Row], bool]]] = {
    "tombstones": lambda row: _mentions.decode(row["body"]).id == row["id"],
    "dead_letters": lambda row: letters.decode(row["body"]).id == row["id"],
    "retractions": lambda row: bool(_marks.decode(row["marks"])),
    "journal": lambda row: journal.decoded(row["body"]).id == row["id"],
    "states": lambda row: isinstance(msgspec.json.decode(row["value"]), dict),
}
