"""Kibana's query language, as far as definitions use it, and what Kibana makes of it.

query := both ("or" both)*        both := negated ("and" negated)*
negated := ["not"] ("(" query ")" | field ":" values | field (">" | ">=" | "<" | "<=") value)
values := value | "(" a query of values alone ")"

A value in quotes is a phrase, one without is words; `*` stands for any letters, alone for any
value. Free text without a field, nested fields and wildcards in a field's name are not read.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

Query = dict[str, Any]
_TOKEN: Final = re.compile(
    r'\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<sign>>=|<=|[<>:()])'
    r'|(?P<word>(?:[^\s()<>:"{}\\]|\\.)+)|(?P<end>$))'
)
_RANGES: Final = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_WORDS: Final = ("and", "or", "not")


class KqlError(ValueError):
    """Not a query; the message quotes it and names the column and what was expected."""


class Is(msgspec.Struct, frozen=True):
    """A field has a value: as a phrase, or as words in which `*` stands for any letters."""

    field: str
    value: str
    phrase: bool


class Range(msgspec.Struct, frozen=True):
    """A field's value lies beyond another; `sign` is one of `>`, `>=`, `<`, `<=`."""

    field: str
    sign: str
    value: str


class And(msgspec.Struct, frozen=True):
    """Every one of several."""

    of: tuple["Node", ...]


class Or(msgspec.Struct, frozen=True):
    """At least one of several."""

    of: tuple["Node", ...]


class Not(msgspec.Struct, frozen=True):
    """What doesn't answer a query."""

    of: "Node"


Node = Is | Range | And | Or | Not


def parse(text: str) -> Node | None:
    """The tree of a query, none of an empty one. Raises `KqlError`."""
    if not text.strip():
        return None
    reader = _Reader(text)
    tree = reader.either(reader.clause)
    reader.end()
    return tree


def fields(node: Node | None) -> Iterator[str]:
    """Every field that is asked, in the order of the text."""
    match node:
        case Is() | Range():
            yield node.field
        case And() | Or():
            for part in node.of:
                yield from fields(part)
        case Not():
            yield from fields(node.of)


def query(node: Node | None, mapped: Callable[[str], str]) -> Query:
    """What Kibana asks of Elasticsearch; `mapped` gives a field's type in the mapping."""
    match node:
        case None:
            return {"match_all": {}}
        case And():
            return {"bool": {"filter": [query(part, mapped) for part in node.of]}}
        case Or():
            return _should(*(query(part, mapped) for part in node.of))
        case Not():
            return {"bool": {"must_not": query(node.of, mapped)}}
        case Range():
            return _should({"range": {node.field: {_RANGES[node.sign]: node.value}}})
        case Is():
            return _should(_is(node, mapped))


def _is(node: Is, mapped: Callable[[str], str]) -> Query:
    if node.phrase:
        return {"match_phrase": {node.field: node.value}}
    if node.value == "*":
        return {"exists": {"field": node.field}}
    kind = mapped(node.field)
    if "*" in node.value:
        if kind == "keyword":
            return {"wildcard": {node.field: {"value": node.value}}}
        escaped = re.sub(r'([+\-=&|!(){}\[\]^"~?:\\/])', r"\\\1", node.value)
        return {"query_string": {"fields": [node.field], "query": escaped}}
    if kind == "date":
        return {"range": {node.field: {"gte": node.value, "lte": node.value}}}
    return {"match": {node.field: node.value}}


def _should(*of: Query) -> Query:
    return {"bool": {"should": list(of), "minimum_should_match": 1}}


class _Reader:
    """Reads by recursive descent, one token ahead."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._next()

    def either(self, one: Callable[[], Node]) -> Node:
        parts = [self._both(one)]
        while self._is("or"):
            self._next()
            parts.append(self._both(one))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def clause(self) -> Node:
        """A query in parentheses, or a field and what is asked of it."""
        if self._word == "(" and self._kind == "sign":
            return self._inside(self.clause)
        field = self._text_of("the name of a field")
        if self._kind == "sign" and self._word in _RANGES:
            sign = self._word
            self._next()
            return Range(field, sign, self._value()[0])
        if self._kind != "sign" or self._word != ":":
            raise self._wrong("':' or a comparison after the field's name")
        self._next()
        return self._values(field)

    def end(self) -> None:
        if self._kind != "end":
            raise self._wrong("'and', 'or' or the end")

    def _values(self, field: str) -> Node:
        if self._word == "(" and self._kind == "sign":
            return self._inside(lambda: self._values(field))
        value, phrase = self._value()
        return Is(field, value, phrase)

    def _both(self, one: Callable[[], Node]) -> Node:
        parts = [self._negated(one)]
        while self._is("and"):
            self._next()
            parts.append(self._negated(one))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _negated(self, one: Callable[[], Node]) -> Node:
        if not self._is("not"):
            return one()
        self._next()
        return Not(one())

    def _inside(self, one: Callable[[], Node]) -> Node:
        self._next()
        tree = self.either(one)
        if self._word != ")" or self._kind != "sign":
            raise self._wrong("a closing parenthesis")
        self._next()
        return tree

    def _value(self) -> tuple[str, bool]:
        """A value, and whether it is a phrase. Words without quotes go on to the next sign."""
        if self._kind == "quoted":
            return self._text_of("a value"), True
        words = [self._text_of("a value")]
        while self._kind == "word" and self._word.lower() not in _WORDS:
            words.append(self._text_of("a value"))
        return " ".join(words), False

    def _text_of(self, wanted: str) -> str:
        if self._kind not in ("quoted", "word") or any(self._is(word) for word in _WORDS):
            raise self._wrong(wanted)
        found = self._word[1:-1] if self._kind == "quoted" else self._word
        self._next()
        return re.sub(r"\\(.)", r"\1", found)

    def _is(self, word: str) -> bool:
        return self._kind == "word" and self._word.lower() == word

    def _next(self) -> None:
        met = _TOKEN.match(self._text, self._at)
        self._start = self._at
        if met is None or met.lastgroup is None:
            self._kind, self._word = "other", self._text[self._at :].strip()
            self._start = len(self._text) - len(self._text[self._at :].lstrip())
            return
        self._kind, self._word = met.lastgroup, met[met.lastgroup]
        self._start, self._at = met.start(met.lastgroup), met.end()

    def _wrong(self, wanted: str) -> KqlError:
        found = self._word[:20] or "the end"
        return KqlError(
            f"KQL {self._text!r}, column {self._start + 1}: expected {wanted}, found {found!r}"
        )
