"""Lexemes to a tree. NOT binds tightest, then AND, then OR; strict sets, no optional clauses."""

from typing import Final, Literal

from streams.criteria import lexer
from streams.criteria.complaint import query_error
from streams.criteria.lexer import Lexeme
from streams.criteria.syntax import Node, Not, both, either
from streams.criteria.terms import phrase, word
from streams.errors import QueryError

MAX_DEPTH: Final = 100
MAX_QUERY: Final = 1_000_000
"""Longest query in characters: 10,000 terms of 100."""

Operator = Literal["AND", "OR"]

_OPERAND: Final = 'a word, a "phrase", #tag or ('


def parse(query: str, *, default: Operator = "AND") -> Node:
    """The tree of a query; `default` joins clauses that merely stand side by side.

    Raises `QueryError`, whose text shows the place. Time and memory are linear in the query.
    """
    if len(query) > MAX_QUERY:
        problem = f"the query has {len(query):,} characters, more than {MAX_QUERY:,}"
        raise query_error(
            query, MAX_QUERY, problem, expected="the end", remedy="split it into several topics"
        )
    return _Parser(query, default).tree()


class _Parser:
    """Recursive descent; each bracket costs three frames, and MAX_DEPTH bounds the brackets."""

    def __init__(self, query: str, default: Operator) -> None:
        self._query = query
        self._lexemes = lexer.lexemes(query)
        self._at = 0
        self._any = default == "OR"
        self._open: list[Lexeme] = []

    def tree(self) -> Node:
        if self._next.kind == "end":
            raise self._error(
                "the query is empty", expected=_OPERAND, remedy="say what to look for"
            )
        node = self._disjunction()
        if self._next.kind == ")":
            raise self._error(
                "this ) closes nothing", expected="the end, or another clause", remedy="delete it"
            )
        return node

    @property
    def _next(self) -> Lexeme:
        return self._lexemes[self._at]

    def _take(self) -> Lexeme:
        self._at += 1
        return self._lexemes[self._at - 1]

    def _disjunction(self) -> Node:
        """Clauses joined by OR; with OR as the default, `+a` and `-a` hold for all of them."""
        clauses: list[Node] = []
        always: list[Node] = []
        joined = False
        while True:
            held = self._any and not joined and self._next.kind in {"plus", "not"}
            (always if held else clauses).append(self._conjunction())
            if joined := self._next.kind == "or":
                self._take()
            elif self._next.kind in {"end", ")"}:
                break
        return both([*([either(clauses)] if clauses else []), *always])

    def _conjunction(self) -> Node:
        """Clauses joined by AND, or by nothing where that means AND."""
        clauses = [self._clause()]
        while True:
            if self._next.kind == "and":
                self._take()
            elif self._any or self._next.kind in {"or", "end", ")"}:
                return both(clauses)
            clauses.append(self._clause())

    def _clause(self) -> Node:
        negated = False
        while self._next.kind in {"not", "plus"}:
            negated ^= self._take().kind == "not"
        node = self._operand()
        return _negation(node) if negated else node

    def _operand(self) -> Node:
        lexeme = self._next
        if lexeme.kind == "(":
            return self._group()
        if lexeme.kind not in {"word", "phrase"}:
            raise self._missing(lexeme)
        self._take()
        if lexeme.kind == "word":
            return word(self._query, lexeme)
        return phrase(self._query, lexeme)

    def _group(self) -> Node:
        opening = self._next
        if len(self._open) == MAX_DEPTH:
            raise self._error(
                f"brackets are nested more than {MAX_DEPTH} deep",
                expected="a word or a phrase",
                remedy="take out the brackets that are not needed",
            )
        self._open.append(self._take())
        node = self._disjunction()
        if self._next.kind == "end":
            raise query_error(
                self._query,
                opening.start,
                "this ( is never closed",
                expected="a closing )",
                remedy="add ) where the group ends",
            )
        self._take()
        self._open.pop()
        return node

    def _missing(self, lexeme: Lexeme) -> QueryError:
        before = self._lexemes[self._at - 1].raw if self._at else ""
        found = {"end": "the query ends", ")": "this ) stands"}.get(lexeme.kind)
        problem = f"{found or f'{lexeme.raw} stands'} where something to look for is missing"
        remedy = f"complete or delete the {before}" if before else f"delete the {lexeme.raw}"
        if lexeme.raw.isalpha():
            remedy += f', or write "{lexeme.raw}" to search for the word'
        return self._error(problem, expected=_OPERAND, remedy=remedy)

    def _error(self, problem: str, *, expected: str, remedy: str) -> QueryError:
        return query_error(self._query, self._next.start, problem, expected=expected, remedy=remedy)


def _negation(node: Node) -> Node:
    return node.child if isinstance(node, Not) else Not(node)
