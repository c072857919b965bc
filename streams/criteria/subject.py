"""A topic that parses, and where in its query the clauses stand: what the checks share."""

from typing import NamedTuple

from streams.criteria import lexer
from streams.criteria.cost import Sample
from streams.criteria.describe import children, describe
from streams.criteria.lexer import Lexeme, unescape
from streams.criteria.parser import parse
from streams.criteria.syntax import (
    Equals,
    Flag,
    Hashtag,
    Node,
    Phrase,
    Prefix,
    Range,
    Site,
    Sloppy,
    Word,
)
from streams.criteria.terms import folded_words
from streams.criteria.topics import Topic
from streams.errors import QueryError


class Subject(NamedTuple):
    """A topic that parses, and what the checks share about it."""

    topic: Topic
    tree: Node
    lexemes: list[Lexeme]
    sample: Sample | None
    places: dict[tuple[str, ...], int]
    facts: dict[Node, int]
    written: dict[str, str]

    def at(self, node: Node) -> int:
        """The offset of the clause in the query; 0 where it can't be told."""
        if node in self.facts:
            return self.facts[node]
        wanted = first_words(node)
        return self.places.get(wanted, self.places.get(wanted[:1], 0))


def subject(topic: Topic, tree: Node, sample: Sample | None) -> Subject:
    """With the folded words of each operand to its offset, and to how it is written."""
    lexemes = lexer.lexemes(topic.query)
    places: dict[tuple[str, ...], int] = {}
    written: dict[str, str] = {}
    for lexeme in lexemes:
        if lexeme.kind in {"word", "phrase", "exact"}:
            words = tuple(folded_words(unescape(lexeme.raw)))
            places.setdefault(words, lexeme.start)
            if lexeme.kind == "word" and len(words) == 1:
                written.setdefault(words[0], "" if lexeme.raw.isupper() else lexeme.raw.lower())
    return Subject(topic, tree, lexemes, sample, places, _facts(lexemes), written)


def _facts(lexemes: list[Lexeme]) -> dict[Node, int]:
    """The offsets of `lang:fr`, `rating:<2` and the like; of twins, the later one."""
    found: dict[Node, int] = {}
    field: Lexeme | None = None
    depth = 0
    for lexeme in lexemes:
        if lexeme.kind == "field":
            field, depth = lexeme, 0
        depth += (lexeme.kind == "(") - (lexeme.kind == ")")
        if field and lexeme.kind == "word":
            try:
                node = parse(f"{field.raw}{lexeme.raw}")
            except QueryError:
                node = None
            if isinstance(node, Equals | Range | Flag | Site):
                found[node] = lexeme.start if depth else field.start
        if field and depth <= 0 and lexeme.kind != "field":
            field = None
    return found


def first_words(node: Node) -> tuple[str, ...]:
    """The folded words of the first leaf, as the query has them."""
    while parts := children(node):
        node = parts[0]
    match node:
        case Word(term):
            return (term,)
        case Prefix(start):
            return (start,)
        case Hashtag(tag):
            return (tag,)
        case Phrase(terms) | Sloppy(terms, _):
            return terms
        case _:
            return tuple(folded_words(describe(node)))
