"""Posts beside the border of a query: what one change of it would let in.

Each variant of the query is looser in one thing: a word in other forms, a word as the beginning of
others, a phrase whose words may stand anywhere, two sides that may stand apart, one clause left
out, the languages left out. What only such a variant meets is a near miss, told under the first
variant that meets it.
"""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

import msgspec

from streams.criteria.describe import describe
from streams.criteria.parser import parse_topic
from streams.criteria.syntax import And, Beside, Near, Node, Not, Or, Phrase, Prefix, Sloppy, Word
from streams.criteria.syntax import both as all_of
from streams.criteria.topics import Topic
from streams.errors import QueryError

Kind = Literal["form", "prefix", "phrase", "apart", "excluded", "language", "clause"]

MOST: Final = 16
"""Variants that are tried."""
_LEAST_LETTERS: Final = 4


class Variant(NamedTuple):
    """A topic that is looser in one thing; `what` is the part of the query that is concerned."""

    kind: Kind
    what: str
    topic: Topic
    tree: Node


def variants(topic: Topic) -> list[Variant]:
    """At most `MOST`, those that change least first. Raises `QueryError`."""
    tree = parse_topic(topic)
    found = [*_forms(topic, tree), *_loosened(topic, tree), *_shortened(topic, tree)]
    if topic.languages:
        looser = msgspec.structs.replace(topic, languages=[])
        found.append(Variant("language", ", ".join(topic.languages), looser, tree))
    return found[:MOST]


def _forms(topic: Topic, tree: Node) -> Iterator[Variant]:
    if topic.stem:
        return
    try:
        stemmed = parse_topic(msgspec.structs.replace(topic, stem=True))
    except QueryError:
        return
    if stemmed != tree:
        yield Variant("form", "stem: true", topic, stemmed)


def _loosened(topic: Topic, tree: Node) -> Iterator[Variant]:
    """The whole query with every word, phrase or distance looser."""
    for kind in ("prefix", "phrase", "apart"):
        changed = _changed(tree, kind)
        if changed != tree:
            yield Variant(kind, "", topic, changed)


def _changed(node: Node, kind: Literal["prefix", "phrase", "apart"]) -> Node:
    """What is excluded stays as it is: looser, it would let in less."""
    match node:
        case And(parts):
            return all_of([_changed(part, kind) for part in parts])
        case Or(parts):
            return Or(tuple(_changed(part, kind) for part in parts))
        case Word(term) if kind == "prefix" and len(term) >= _LEAST_LETTERS:
            return Prefix(term)
        case Phrase(terms) | Sloppy(terms, _) if kind == "phrase":
            return And(tuple(map(Word, terms)))
        case Near(left, right, _, _) | Beside(left, right, _) if kind == "apart":
            return all_of([left, right])
        case _:
            return node


def _shortened(topic: Topic, tree: Node) -> Iterator[Variant]:
    """The query without one of the clauses that are joined by AND, exclusions first."""
    found: list[Variant] = []
    if isinstance(tree, And):
        for part, rest in _left_out(tree):
            found.append(Variant(_kind(part), _told(part), topic, rest))
    elif isinstance(tree, Or):
        for number, one in enumerate(tree.children):
            for part, rest in _left_out(one) if isinstance(one, And) else ():
                others = (*tree.children[:number], rest, *tree.children[number + 1 :])
                found.append(Variant(_kind(part), _told(part), topic, Or(others)))
    found.sort(key=lambda one: one.kind != "excluded")
    yield from found


def _left_out(tree: And) -> Iterator[tuple[Node, Node]]:
    for number, part in enumerate(tree.children):
        yield part, all_of([*tree.children[:number], *tree.children[number + 1 :]])


def _kind(part: Node) -> Kind:
    return "excluded" if isinstance(part, Not) else "clause"


def _told(part: Node) -> str:
    return describe(part.child if isinstance(part, Not) else part)
