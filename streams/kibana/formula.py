"""Formulas of Lens, as far as definitions use them: metrics over documents, and arithmetic.

formula := term (("+" | "-") term)*      term := factor (("*" | "/") factor)*
factor  := number | "(" formula ")" | "-" factor | metric
metric  := name "(" [field] ["," "kql='" KQL "'"] ")"
"""

import re
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

Metric = Literal["count", "unique_count", "average", "sum", "min", "max"]
METRICS: Final[tuple[Metric, ...]] = ("count", "unique_count", "average", "sum", "min", "max")
Operator = Literal["+", "-", "*", "/"]
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>'(?:[^'\\]|\\.)*')|(?P<name>@?[A-Za-z_][\w.@]*)"
    r"|(?P<sign>[-+*/(),=])|(?P<end>$))"
)


class Number(msgspec.Struct, frozen=True):
    """A constant."""

    value: float


class Measure(msgspec.Struct, frozen=True):
    """A metric of a field (none: of the documents), over documents that answer `kql`."""

    metric: Metric
    field: str = ""
    kql: str = ""


class Operation(msgspec.Struct, frozen=True):
    """Two formulas and what is done with them."""

    operator: Operator
    left: "Formula"
    right: "Formula"


Formula = Number | Measure | Operation


def parse(text: str) -> Formula:
    """The tree of a formula. Raises `ValueError` that names the place and what was expected."""
    reader = _Reader(text)
    tree = reader.formula()
    reader.take("end", "an operator or the end")
    return tree


def measures(tree: Formula) -> list[Measure]:
    """Every different metric of a formula, in the order of the text."""
    return list(dict.fromkeys(_walk(tree)))


def _walk(tree: Formula) -> Iterator[Measure]:
    if isinstance(tree, Measure):
        yield tree
    elif isinstance(tree, Operation):
        yield from _walk(tree.left)
        yield from _walk(tree.right)


class _Reader:
    """Reads by recursive descent, one token ahead."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._next()

    def formula(self) -> Formula:
        tree = self._term()
        while self._kind == "sign" and self._word in "+-":
            tree = Operation(self._operator(), tree, self._term())
        return tree

    def take(self, kind: str, wanted: str, word: str = "") -> str:
        """The token at hand, which must be of that kind."""
        if self._kind != kind or (word and self._word != word):
            raise self._wrong(wanted)
        found = self._word
        if kind != "end":
            self._next()
        return found

    def _term(self) -> Formula:
        tree = self._factor()
        while self._kind == "sign" and self._word in "*/":
            tree = Operation(self._operator(), tree, self._factor())
        return tree

    def _factor(self) -> Formula:
        if self._kind == "number":
            return Number(float(self.take("number", "a number")))
        if self._kind == "name":
            return self._measure()
        if self._word == "-":
            self._next()
            return Operation("*", Number(-1.0), self._factor())
        self.take("sign", "a number, a metric or a parenthesis", "(")
        tree = self.formula()
        self.take("sign", "a closing parenthesis", ")")
        return tree

    def _measure(self) -> Measure:
        metric = next((one for one in METRICS if one == self._word), None)
        if metric is None:
            raise self._wrong(f"one of {', '.join(METRICS)}")
        self._next()
        self.take("sign", "an opening parenthesis", "(")
        field = kql = ""
        while self._word != ")":
            name = self.take("name", "a field or kql='…'")
            if name == "kql" and self._word == "=":
                self._next()
                kql = re.sub(r"\\(.)", r"\1", self.take("text", "KQL within ' and '")[1:-1])
            else:
                field = name
            if self._word != ")":
                self.take("sign", "a comma or a closing parenthesis", ",")
        self._next()
        if bool(field) == (metric == "count"):
            raise ValueError(f"formula {self._text!r}: {metric} is asked of " + (
                "documents: it takes no field" if field else "a field: name it"
            ))  # fmt: skip
        return Measure(metric, field, kql)

    def _operator(self) -> Operator:
        signs: tuple[Operator, ...] = ("+", "-", "*", "/")
        found = next(sign for sign in signs if sign == self._word)
        self._next()
        return found

    def _next(self) -> None:
        met = _TOKEN.match(self._text, self._at)
        self._start = self._at
        if met is None or met.lastgroup is None:
            self._kind, self._word = "other", self._text[self._at :]
            return
        self._kind, self._word = met.lastgroup, met[met.lastgroup]
        self._start, self._at = met.start(met.lastgroup), met.end()

    def _wrong(self, wanted: str) -> ValueError:
        found = self._word[:20] or "the end"
        return ValueError(
            f"formula {self._text!r}, column {self._start + 1}: expected {wanted}, found {found!r}"
        )
