"""Files of foreign queries to queries, and topics to a topics file."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import yaml

from streams.criteria.topics import Topic
from streams.errors import ConfigError

_BLANK_LINE: Final = re.compile(r"\n[ \t]*\n\s*")


class _Named(msgspec.Struct):
    """A query in a JSON file."""

    query: str
    name: str = ""


def split_queries(text: str, dialect: str) -> Iterator[tuple[str, str]]:
    """Name and query of each. JSON: a list of texts, or of objects with `name` and `query`.

    Otherwise one query a line, or, for Brandwatch, whose queries run over many lines, queries
    with a blank line between them. Raises `ConfigError`.
    """
    text = text.replace("\r\n", "\n").strip()
    if text.startswith('["') or re.match(r"\[\s*[{\"]", text):
        yield from _from_json(text)
        return
    pieces = _BLANK_LINE.split(text) if dialect == "brandwatch" else text.split("\n")
    for piece in pieces:
        if query := piece.strip():
            yield "", query


def _from_json(text: str) -> Iterator[tuple[str, str]]:
    try:
        rows = msgspec.json.decode(text, type=list[str | _Named])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise ConfigError(
            f'not a list of queries: {error}. Remedy: ["query", …] or [{{"name": …, "query": …}}]'
        ) from None
    for row in rows:
        yield ("", row) if isinstance(row, str) else (row.name, row.query)


def topics_file(topics: Sequence[Topic], *, as_json: bool) -> bytes:
    """The topics as `veille` reads them back, in YAML or JSON."""
    rows: dict[str, Any] = {"topics": msgspec.to_builtins(topics)}
    if as_json:
        return msgspec.json.format(msgspec.json.encode(rows)) + b"\n"
    written = yaml.safe_dump(rows, allow_unicode=True, sort_keys=False, width=96)
    return written.encode("utf-8", "replace")
