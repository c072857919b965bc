"""Lexemes to a tree. NEAR binds tightest, then NOT, AND, OR; strict sets, no optional clauses."""

from typing import Final, Literal

from streams.criteria import fields, lexer, terms
from streams.criteria.complaint import query_error
from streams.criteria.fields import TEXT_FIELDS
from streams.criteria.lexer import Lexeme, unescape
from streams.criteria.nearness import joined
from streams.criteria.style import PLAIN, Style, style_of
from streams.criteria.subqueries import Inside
from streams.criteria.syntax import Node, Not, both, either
from streams.criteria.terms import Reading
from streams.criteria.topics import Topic
from streams.errors import QueryError

MAX_DEPTH: Final = 100
MAX_QUERY: Final = 1_000_000
"""Longest query in characters: 10,000 terms of 100."""

Operator = Literal["AND", "OR"]

_OPERAND: Final = 'a word, a "phrase", #tag, @handle, field:value or ('


def parse(query: str, *, default: Operator = "AND", style: Style = PLAIN) -> Node:
    """The tree of a query; `default` joins clauses that merely stand side by side.

    Raises `QueryError`, whose text shows the place. Time and memory are linear in the query.
    """
    return _Parser(Reading(query, style), default, Inside()).tree()


def parse_topic(topic: Topic) -> Node:
    """The tree of a topic's query, read as the topic wants it. Raises `QueryError`."""
    return parse(topic.query, default=topic.operator, style=style_of(topic))


class _Parser:
    """Recursive descent; each bracket costs five frames, and MAX_DEPTH bounds the brackets."""

    def __init__(self, reading: Reading, default: Operator, inside: Inside) -> None:
        self._query = reading.query
        _refuse_length(self._query)
        self._reading = reading
        self._default = default
        self._any = default == "OR"
        self._inside = inside
        self._lexemes = lexer.lexemes(self._query)
        self._at = 0
        self._next = self._lexemes[0]
        self._depth = inside.depth
        inside.count(self._query, len(self._lexemes))

    def tree(self) -> Node:
        if self._next.kind == "end":
            raise self._empty()
        node = self._disjunction()
        if self._next.kind == ")":
            raise self._error(
                "this ) closes nothing", expected="the end, or another clause", remedy="delete it"
            )
        return node

    def _take(self) -> Lexeme:
        """The next lexeme, which is never the `end`; the one after it becomes the next."""
        taken = self._next
        self._at += 1
        self._next = self._lexemes[self._at]
        return taken

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
        """An operand, or several joined by NEAR and its like, perhaps negated."""
        negated = False
        while self._next.kind in {"not", "plus"}:
            negated ^= self._take().kind == "not"
        node = self._operand()
        while self._next.kind == "near":
            operator = self._take()
            node = joined(self._query, operator, (node, self._operand()))
        return _negation(node) if negated else node

    def _operand(self) -> Node:
        if self._next.kind == "field":
            return self._fielded()
        return self._group() if self._next.kind == "(" else self._leaf()

    def _fielded(self) -> Node:
        outer = self._reading
        while self._next.kind == "field":
            self._enter(self._take())
        node = self._operand()
        self._reading = outer
        return node

    def _enter(self, lexeme: Lexeme) -> None:
        name = fields.field_name(self._query, lexeme)
        if name == "stem":
            self._reading = self._reading._replace(stem=True)
        else:
            self._reading = self._reading._replace(field=name)

    def _leaf(self) -> Node:
        lexeme = self._next
        if lexeme.kind not in {"word", "phrase", "exact"}:
            raise self._missing(lexeme)
        self._take()
        field = self._reading.field
        if field == "hashtag":
            return terms.hashtag(self._reading, lexeme, unescape(lexeme.raw).lstrip("#＃"))
        if field and field not in TEXT_FIELDS:
            return fields.fact(fields.Value(self._query, field, lexeme))
        if lexeme.kind == "word":
            return self._word(lexeme)
        if self._reading.stem:
            raise terms.unstemmed(self._reading, lexeme)
        slop = self._take() if self._next.kind == "slop" else None
        read = terms.exactly if lexeme.kind == "exact" else None
        leaf = read(self._reading, lexeme) if read else terms.phrase(self._reading, lexeme, slop)
        return _scoped(leaf, field)

    def _word(self, lexeme: Lexeme) -> Node:
        name = lexeme.raw[1:] if lexeme.raw[:1] in {"@", "＠"} else ""
        if name in self._reading.style.queries:
            return self._subquery(lexeme)
        if lexeme.raw[-1:] == ":" and lexeme.raw[:-1].lower() in fields.ALL_FIELDS:
            self._refuse_empty(lexeme)
        return _scoped(terms.word(self._reading, lexeme), self._reading.field)

    def _refuse_empty(self, lexeme: Lexeme) -> None:
        """A field with a word after the gap is one, and a warning of `check`: this has none."""
        if self._next.kind in {"end", ")", "and", "or", "near"}:
            name = lexeme.raw[:-1]
            raise query_error(
                self._query,
                lexeme.start,
                f"nothing stands after {lexeme.raw}",
                expected=f"a value straight after the colon: {name}:value",
                remedy=f'complete or delete it, or write "{name}" to search for the word',
            )

    def _subquery(self, lexeme: Lexeme) -> Node:
        if self._depth == MAX_DEPTH:
            raise self._too_deep()
        return self._inside.tree(self._reading, lexeme, self._depth + 1, self._read)

    def _read(self, reading: Reading, inside: Inside) -> Node:
        return _Parser(reading, self._default, inside).tree()

    def _group(self) -> Node:
        opening = self._next
        if self._depth == MAX_DEPTH:
            raise self._too_deep()
        self._take()
        self._depth += 1
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
        self._depth -= 1
        return node

    def _empty(self) -> QueryError:
        sign = self._query.find("#")
        if sign < 0:
            return self._error(
                "the query is empty", expected=_OPERAND, remedy="say what to look for"
            )
        return query_error(
            self._query,
            sign,
            "the query is empty: a # with nothing straight after it begins a comment",
            expected=_OPERAND,
            remedy="write #tag without a gap, or say what to look for on a line of its own",
        )

    def _too_deep(self) -> QueryError:
        return self._error(
            f"brackets are nested more than {MAX_DEPTH} deep",
            expected="a word or a phrase",
            remedy="take out the brackets that are not needed",
        )

    def _missing(self, lexeme: Lexeme) -> QueryError:
        before = self._lexemes[self._at - 1].raw if self._at else ""
        found = {"end": "the query ends", ")": "this ) stands"}.get(lexeme.kind)
        problem = f"{found or f'{lexeme.raw} stands'} where something to look for is missing"
        remedy = f"complete or delete the {before}" if before else f"delete the {lexeme.raw}"
        if lexeme.raw.isalpha() or lexeme.kind == "near":
            remedy += f', or write "{lexeme.raw}" to search for the word'
        return self._error(problem, expected=_OPERAND, remedy=remedy)

    def _error(self, problem: str, *, expected: str, remedy: str) -> QueryError:
        return query_error(self._query, self._next.start, problem, expected=expected, remedy=remedy)


def _refuse_length(query: str) -> None:
    if len(query) > MAX_QUERY:
        problem = f"the query has {len(query):,} characters, more than {MAX_QUERY:,}"
        raise query_error(
            query, MAX_QUERY, problem, expected="the end", remedy="split it into several topics"
        )


def _scoped(node: Node, field: str) -> Node:
    """A leaf, or the two that elision makes of one, kept to a text field."""
    if not field:
        return node
    name = next((known for known in TEXT_FIELDS if known == field), None)
    return fields.scoped(node, name) if name else node


def _negation(node: Node) -> Node:
    return node.child if isinstance(node, Not) else Not(node)
