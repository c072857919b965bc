"""A query in colours: what each stretch of it is to the language, also where it is wrong."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Final, Literal

import msgspec

from streams.criteria.fields import ALL_FIELDS
from streams.criteria.lexer import Stretch, stretches
from streams.criteria.matcher import anchored
from streams.criteria.topics import Topic
from streams.errors import QueryError

Colour = Literal[
    "operator", "not", "near", "bracket", "field", "value", "phrase", "tag", "handle", "subquery",
    "pattern", "word", "comment", "wrong",
]  # fmt: skip

_KINDS: Final[dict[str, Colour]] = {
    "and": "operator", "or": "operator", "plus": "operator", "not": "not", "near": "near",
    "slop": "near", "(": "bracket", ")": "bracket", "phrase": "phrase", "exact": "phrase",
    "comment": "comment", "wrong": "wrong",
}  # fmt: skip
_PATTERNS: Final = frozenset("*?~/")


class Token(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of the query, in UTF-16 code units as scripts count."""

    start: int
    end: int
    colour: Colour


class Highlighted(msgspec.Struct, frozen=True, kw_only=True):
    """The stretches of a query in order. `error` is the whole complaint, with place and remedy;
    `at` is where it is, -1 where there is none or it is in a sub-query."""

    tokens: list[Token] = []
    error: str = ""
    at: int = -1


def highlighted(topic: Topic) -> Highlighted:
    """Linear in the query."""
    query = topic.query
    places = _utf16(query)
    tokens = [Token(places[a], places[b], colour) for a, b, colour in _coloured(topic)]
    try:
        anchored(topic)
    except QueryError as error:
        at = places[min(error.at, len(query))] if error.query == query else -1
        return Highlighted(tokens=tokens, error=str(error), at=at)
    return Highlighted(tokens=tokens)


def _coloured(topic: Topic) -> Iterator[tuple[int, int, Colour]]:
    before = ""
    for one in stretches(topic.query):
        yield one.start, one.end, _colour(topic, one, before)
        before = one.kind


def _colour(topic: Topic, one: Stretch, before: str) -> Colour:
    raw = topic.query[one.start : one.end]
    if one.kind == "field":
        return "field" if raw[:-1].lower() in ALL_FIELDS else "wrong"
    if one.kind != "word":
        return _KINDS.get(one.kind, "word")
    if raw[:1] in "@＠":
        return "subquery" if raw[1:] in topic.queries else "handle"
    if raw[:1] in "#＃":
        return "tag"
    if _PATTERNS.intersection(raw):
        return "pattern"
    return "value" if before == "field" else "word"


def _utf16(text: str) -> list[int] | range:
    """Where each character and the end are, counted in UTF-16."""
    if text.isascii() or max(text) < "\U00010000":
        return range(len(text) + 1)
    return [0, *accumulate(2 if c >= "\U00010000" else 1 for c in text)]
