"""NEAR, ONEAR, SENTENCE and PARAGRAPH: the nodes of the tree that join two sides by place."""

from typing import Final

from streams.criteria.complaint import query_error
from streams.criteria.lexer import Lexeme
from streams.criteria.proximity import area_of, leaves_of
from streams.criteria.syntax import (
    And,
    Beside,
    Equals,
    Flag,
    Near,
    Node,
    Not,
    Or,
    Range,
    Site,
    nodes,
)
from streams.errors import QueryError

DEFAULT_NEAR: Final = 10
"""Words that may stand between the sides of a NEAR that gives no number."""

MAX_NEAR: Final = 1000
MAX_CHAIN: Final = 10
"""Most of these operators one inside the other: `a NEAR b NEAR c` are two."""

_NOWHERE: Final = (And, Not, Site, Equals, Range, Flag)


def joined(query: str, operator: Lexeme, sides: tuple[Node, Node]) -> Node:
    """The node of an operator between two sides. Raises `QueryError`."""
    for side in sides:
        if any(isinstance(node, _NOWHERE) for node in nodes(side)):
            raise _no_place(query, operator)
    if len({area_of(leaf) for side in sides for leaf in leaves_of(side)}) > 1:
        raise query_error(
            query,
            operator.start,
            f"the two sides of this {operator.raw} are in different fields",
            expected="words of the same text on both sides",
            remedy=f"write author:(a {operator.raw} b), or AND",
        )
    if max(map(_chain, sides)) >= MAX_CHAIN:
        raise query_error(
            query,
            operator.start,
            f"more than {MAX_CHAIN} {operator.raw} one inside the other",
            expected="AND, OR or the end",
            remedy="join fewer of them, or use SENTENCE, PARAGRAPH or AND",
        )
    if operator.raw == "SENTENCE":
        return Beside(*sides, "sentence")
    if operator.raw == "PARAGRAPH":
        return Beside(*sides, "paragraph")
    return Near(*sides, _most(query, operator), operator.raw[0] == "O")


def _chain(node: Node) -> int:
    """How many of the operators stand one inside the other; only OR and they hold others here."""
    match node:
        case Near(left, right) | Beside(left, right):
            return 1 + max(_chain(left), _chain(right))
        case Or(children):
            return max(map(_chain, children))
        case _:
            return 0


def _most(query: str, operator: Lexeme) -> int:
    name, slash, digits = operator.raw.partition("/")
    if not slash:
        return DEFAULT_NEAR
    if digits.isascii() and digits.isdigit() and len(digits) <= 6 and int(digits) <= MAX_NEAR:
        return int(digits)
    raise query_error(
        query,
        operator.start,
        f"{operator.raw[:40]} gives no usable number of words",
        expected=f"the most words that may stand between, 0 to {MAX_NEAR}",
        remedy=f"write {name}/5, or PARAGRAPH or AND for what is farther apart",
    )


def _no_place(query: str, operator: Lexeme) -> QueryError:
    return query_error(
        query,
        operator.start,
        f"{operator.raw} joins what stands somewhere in the text, and one side of it has AND, NOT "
        "or a field without text in it",
        expected='words, "phrases" and groups of them with OR on both sides',
        remedy=f"take it out of the group: (a {operator.raw} b) AND NOT c",
    )
