"""A reader for languages of plain sets: operators in an order of strength, NOT before a clause."""

import re
from collections.abc import Callable
from typing import Literal, NamedTuple

from streams.criteria.importers.imported import (
    Imported,
    Notes,
    Token,
    all_of,
    any_of,
    deeper,
    finished,
    none_of,
    nothing_here,
    taken,
    unbalanced,
)

Rung = Literal["and", "or", "near"]


class Dialect(NamedTuple):
    """`rungs` from the loosest operator to the tightest.

    `token` matches white space and one token, its group named by kind, `end` at the end;
    `near` turns the text of a proximity operator into ours; `leaf` turns a field's name (or
    nothing) and the token after it into a clause of ours, or nothing.
    """

    rungs: tuple[Rung, ...]
    token: re.Pattern[str]
    near: Callable[[str], str]
    leaf: Callable[[str, Token, Notes], str | None]


class Reader:
    """Kinds of tokens: and or near not open close field end; all others are leaves."""

    def __init__(self, query: str, dialect: Dialect) -> None:
        self._query = query
        self._dialect = dialect
        self._tokens = _tokens(query, dialect.token)
        self._at = 0
        self._notes = Notes()

    def imported(self) -> Imported:
        """Our query. Raises `QueryError`."""
        clause = self._rung(0, "", 0)
        if self._next.kind != "end":
            raise unbalanced(self._query, self._next)
        return finished(self._query, clause, self._notes)

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _rung(self, number: int, field: str, depth: int) -> str | None:
        if number == len(self._dialect.rungs):
            return self._clause(field, depth)
        rung = self._dialect.rungs[number]
        parts = [self._rung(number + 1, field, depth)]
        while True:
            operator = self._take().text if self._next.kind == rung else ""
            implicit = rung == "and" and self._next.kind not in {"or", "near", "close", "end"}
            if not operator and not implicit:
                break
            part = self._rung(number + 1, field, depth)
            if rung == "near":
                parts = [self._near(operator, parts[0], part)]
            else:
                parts.append(part)
        return any_of(parts) if rung == "or" else all_of(parts)

    def _near(self, operator: str, left: str | None, right: str | None) -> str | None:
        if not left or not right:
            return left or right
        ours = self._dialect.near(operator)
        written = f"{left} {operator} {right}"
        wider = all_of([left, right])
        return taken(f"({left} {ours} {right})", written, self._notes, wider)

    def _clause(self, field: str, depth: int) -> str | None:
        token = self._take()
        if token.kind == "not":
            return none_of(self._clause(field, deeper(depth, self._query, token)))
        if token.kind == "field":
            return self._clause(token.text, depth)
        if token.kind in {"and", "or", "near"}:
            self._notes.add(token.text, "left out: nothing stands beside it")
            return self._clause(field, deeper(depth, self._query, token))
        if token.kind == "open":
            clause = self._rung(0, field, deeper(depth, self._query, token))
            if self._next.kind != "close":
                raise unbalanced(self._query, token)
            self._take()
            return clause
        if token.kind in {"close", "end"}:
            raise nothing_here(self._query, token)
        return self._dialect.leaf(field, token, self._notes)


def _tokens(query: str, pattern: re.Pattern[str]) -> list[Token]:
    found: list[Token] = []
    at = 0
    while not found or found[-1].kind != "end":
        token = pattern.match(query, at)
        if token is None or token.lastgroup is None:
            start = at + len(query[at:]) - len(query[at:].lstrip())
            raise unbalanced(query, Token("?", query[start : start + 1], start))
        kind = token.lastgroup
        found.append(Token(kind, token[kind], token.start(kind)))
        at = token.end()
    return found
