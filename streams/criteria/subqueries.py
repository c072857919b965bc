"""Sub-queries: parts of queries that have a name, written `@name`."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from streams.criteria.complaint import query_error
from streams.criteria.lexer import Lexeme
from streams.criteria.syntax import Node
from streams.criteria.terms import Reading
from streams.criteria.topics import Subquery
from streams.errors import QueryError

MAX_LEXEMES: Final = 200_000
"""Longest query, in words and signs, with its sub-queries written out."""

Read = Callable[[Reading, "Inside"], Node]
"""What reads the text of a sub-query, inside of it."""

_NAMED: Final = re.compile(r"[@＠]([^\s()\"“”„«»]+)")


class _Shared:
    """What all parts of one query share: how much was read, and the sub-queries read so far."""

    def __init__(self) -> None:
        self.read = 0
        self.known: dict[tuple[str, str, bool], tuple[Node, int]] = {}


class Inside:
    """Where in sub-queries the parser is: in which, one inside the other, and how deep."""

    def __init__(
        self, names: tuple[str, ...] = (), depth: int = 0, shared: _Shared | None = None
    ) -> None:
        self._names = names
        self._shared = shared or _Shared()
        self.depth = depth

    def tree(self, reading: Reading, lexeme: Lexeme, depth: int, read: Read) -> Node:
        """The tree of the sub-query that the lexeme names; `read` reads it, if it is new."""
        name = lexeme.raw[1:]
        key = (name, reading.field, reading.stem)
        if key not in self._shared.known:
            inside = self._enter(reading.query, lexeme, depth)
            before = self._shared.read
            with _named(name, reading.style.queries[name]) as text:
                node = read(reading._replace(query=text), inside)
            self._shared.known[key] = node, self._shared.read - before
            return node
        node, lexemes = self._shared.known[key]
        self.count(reading.query, lexemes)
        return node

    def _enter(self, query: str, lexeme: Lexeme, depth: int) -> "Inside":
        name = lexeme.raw[1:]
        if name in self._names:
            names = (*self._names[self._names.index(name) :], name)
            circle = " → ".join(f"@{one}" for one in names)
            raise query_error(
                query,
                lexeme.start,
                f"the sub-query @{name} leads back to itself: {circle}",
                expected="a sub-query that does not need this one",
                remedy=f"take @{name} out of one of them",
            )
        return Inside((*self._names, name), depth, self._shared)

    def count(self, query: str, lexemes: int) -> None:
        """Note what is read. Raises `QueryError` if it is too much, as doubling again and again."""
        self._shared.read += lexemes
        if self._shared.known and self._shared.read > MAX_LEXEMES:
            raise query_error(
                query,
                0,
                f"with its sub-queries written out, the query has over {MAX_LEXEMES:,} words",
                expected="fewer",
                remedy="name each sub-query once",
            )


@contextmanager
def _named(name: str, subquery: Subquery) -> Iterator[str]:
    """The text of a sub-query; errors inside say where they are."""
    try:
        yield subquery.query
    except QueryError as error:
        where = f"the sub-query @{name}" + (f" (line {subquery.line})" if subquery.line else "")
        message = f"in {where}, {error}"
        raise QueryError(message, query=error.query, column=error.column, at=error.at) from None


def needed(query: str, queries: Mapping[str, Subquery]) -> dict[str, Subquery]:
    """The sub-queries that a query names, and those that they name."""
    found: dict[str, Subquery] = {}
    waiting = [query]
    while waiting:
        for name in _NAMED.findall(waiting.pop()):
            if name in queries and name not in found:
                found[name] = queries[name]
                waiting.append(queries[name].query)
    return found
