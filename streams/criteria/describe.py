"""A part of a query as one would write it, for messages and explanations."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import inf, nextafter
from typing import Final
from unicodedata import category

from streams.criteria.syntax import (
    And,
    Beside,
    Equals,
    Flag,
    Hashtag,
    Mention,
    Near,
    Node,
    Not,
    Or,
    Pattern,
    Phrase,
    Prefix,
    Range,
    Site,
    Sloppy,
    Stem,
    Within,
    Word,
    Written,
)

SHOWN: Final = 60
_FIRST: Final = 5
_STEERING: Final = frozenset({"Cc", "Cs"})


def describe(node: Node, limit: int = SHOWN) -> str:
    """The part in the language's own words, cut to `limit` characters."""
    return shortened(_written(node, limit), limit)


def shortened(text: str, limit: int = SHOWN) -> str:
    """At most `limit` characters of the text, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def printable(text: str) -> str:
    """The text without characters that steer a terminal; lines and tabs stay."""
    return "".join(c if c in "\n\t" or category(c) not in _STEERING else "�" for c in text)


def children(node: Node) -> tuple[Node, ...]:
    """The parts of a part, whatever its kind; none for a word."""
    match node:
        case And(parts) | Or(parts):
            return parts
        case Not(child):
            return (child,)
        case Near(left, right) | Beside(left, right):
            return (left, right)
        case _:
            return ()


def kind(node: Node) -> str:
    """`and`, `or`, `not`, `word`, `phrase`, `prefix` …"""
    return type(node).__name__.lower()


def _written(node: Node, limit: int) -> str:
    match node:
        case Not(child):
            return f"NOT {_written(child, limit)}"
        case And(parts):
            return f"({_joined(' AND ', parts, limit)})"
        case Or(parts):
            return f"({_joined(' OR ', parts, limit)})"
        case Near(left, right, most, ordered):
            operator = f"{'O' if ordered else ''}NEAR/{most}"
            return f"({_written(left, limit)} {operator} {_written(right, limit)})"
        case Beside(left, right, unit):
            return f"({_written(left, limit)} {unit.upper()} {_written(right, limit)})"
        case _:
            return _leaf(node)


def _leaf(node: Node) -> str:  # noqa: PLR0911 (one line for each kind of leaf)
    match node:
        case Prefix(start):
            return f"{start}*"
        case Phrase(terms):
            return f'"{" ".join(terms)}"'
        case Sloppy(terms, slop):
            return f'"{" ".join(terms)}"~{slop}'
        case Written(terms, text, exact):
            quoted = f'"{text}"' if len(terms) > 1 else text
            return f"={quoted}" if exact else quoted
        case Within(field, leaf):
            return f"{field}:{_leaf(leaf)}"
        case Range(field, low, high):
            return _range(field, low, high)
        case _:
            return _short(node)


def _short(node: Node) -> str:  # noqa: PLR0911 (one line for each kind of leaf)
    match node:
        case Word(written) | Pattern(written) | Flag(written):
            return written
        case Hashtag(tag):
            return f"#{tag}"
        case Mention(handle):
            return f"@{handle}"
        case Stem(word):
            return f"stem:{word}"
        case Site(host):
            return f"site:{host}"
        case Equals(field, value):
            return f"{field}:{value}"
        case _:
            return kind(node)


def _range(field: str, low: float, high: float) -> str:
    if low == high:
        return f"{field}:{_bound(field, low)}"
    bounds = [_edge(">", low, nextafter(low, -inf))] if low > -inf else []
    bounds += [_edge("<", high, nextafter(high, inf))] if high < inf else []
    return " ".join(f"{field}:{sign}{_bound(field, value)}" for sign, value in bounds)


def _edge(sign: str, bound: float, beside: float) -> tuple[str, float]:
    """A bound left out is kept as the number beside it: the shorter of the two is meant."""
    return (sign, beside) if len(repr(beside)) < len(repr(bound)) else (f"{sign}=", bound)


def _bound(field: str, value: float) -> str:
    if field != "created":
        return f"{value:g}" if abs(value) < 10**6 else f"{value:.0f}"
    try:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{value:g}"


def _joined(operator: str, parts: Sequence[Node], limit: int) -> str:
    if len(parts) <= _FIRST or limit > SHOWN:
        return operator.join(_written(part, limit) for part in parts)
    first = operator.join(_written(part, limit) for part in parts[:_FIRST])
    return f"{first}{operator}… {len(parts) - _FIRST} more"
