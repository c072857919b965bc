"""How a query is complained about: the line, a caret under the place, what was expected."""

import re
from typing import Final
from unicodedata import category, east_asian_width

from streams.errors import QueryError

_BEFORE: Final = 60
_AFTER: Final = 30
_NEWLINES: Final = re.compile(r"\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def query_error(query: str, at: int, problem: str, *, expected: str, remedy: str) -> QueryError:
    """An error whose text shows `query` with a caret under the character at offset `at`."""
    line, column, shown = _locate(query, at)
    where = f"line {line}, column {column}" if line > 1 else f"column {column}"
    message = f"{where}: {problem}\n{shown}\n  expected: {expected}\n  remedy: {remedy}"
    return QueryError(message, query=query, column=column, at=at)


def _locate(query: str, at: int) -> tuple[int, int, str]:
    """Line and column from 1, and the two lines to print; a long line is shown in part."""
    breaks = [m.end() for m in _NEWLINES.finditer(query, 0, at)]
    start = breaks[-1] if breaks else 0
    ended = _NEWLINES.search(query, at)
    end = ended.start() if ended else len(query)
    left, right = max(start, at - _BEFORE), min(end, at + _AFTER)
    head = ("…" if left > start else "") + _printable(query[left:at])
    tail = _printable(query[at:right]) + ("…" if right < end else "")
    caret = " " * sum(map(_cells, head)) + "^"
    return len(breaks) + 1, at - start + 1, f"    {head}{tail}\n    {caret}"


def _printable(text: str) -> str:
    return "".join(" " if c == "\t" else "�" if category(c)[0] == "C" else c for c in text)


def _cells(char: str) -> int:
    """How many columns of a terminal the character takes."""
    if category(char) in {"Mn", "Me"}:
        return 0
    return 2 if east_asian_width(char) in {"W", "F"} else 1
