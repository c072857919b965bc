"""A query compiled for questions about one post: sets first, phrases last."""

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from streams.criteria.document import Document, Hit
from streams.criteria.keys import term_of
from streams.criteria.places import Joined, Somewhere, Told
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
    Phrase,
    Prefix,
    Range,
    Site,
    Word,
)

_NOTHING: Final[frozenset[Hit]] = frozenset()
_FEW: Final = 16
"""A tuple of so many terms is a quarter of a set of them, and asked about as quickly."""


class Plan(Protocol):
    """Asked whether a post meets the query, and what in the post did."""

    def met(self, document: Document) -> bool: ...

    def hits(self, document: Document) -> frozenset[Hit]: ...


class Has(msgspec.Struct, frozen=True, gc=False):
    """One term."""

    term: str

    def met(self, document: Document) -> bool:
        """Whether the post meets it."""
        return self.term in document.terms

    def hits(self, _document: Document) -> frozenset[Hit]:
        """The term."""
        return frozenset([self.term])


class AllOf(msgspec.Struct, frozen=True, gc=False):
    """All terms, none of some others, and all the rest."""

    terms: tuple[str, ...]
    none: tuple[str, ...] | frozenset[str]
    rest: tuple[Plan, ...]

    def met(self, document: Document) -> bool:
        """Whether the post meets it."""
        terms = document.terms
        if not terms.issuperset(self.terms) or not terms.isdisjoint(self.none):
            return False
        # A loop: a generator for `all` costs more than most of what it would ask.
        for plan in self.rest:  # noqa: SIM110
            if not plan.met(document):
                return False
        return True

    def hits(self, document: Document) -> frozenset[Hit]:
        """What met it; asked only when it is met."""
        found: frozenset[Hit] = frozenset(self.terms)
        if not self.rest:
            return found
        return found.union(*[plan.hits(document) for plan in self.rest])


class AnyOf(msgspec.Struct, frozen=True, gc=False):
    """One of the terms, or one of the rest."""

    terms: tuple[str, ...] | frozenset[str]
    rest: tuple[Plan, ...]

    def met(self, document: Document) -> bool:
        """Whether the post meets it."""
        if not document.terms.isdisjoint(self.terms):
            return True
        for plan in self.rest:  # noqa: SIM110 (as above)
            if plan.met(document):
                return True
        return False

    def hits(self, document: Document) -> frozenset[Hit]:
        """Everything that met it, not only the first."""
        found: frozenset[Hit] = frozenset(document.terms.intersection(self.terms))
        if not self.rest:
            return found
        return found.union(*[plan.hits(document) for plan in self.rest if plan.met(document)])


class Adjacent(msgspec.Struct, frozen=True, gc=False):
    """A phrase."""

    terms: tuple[str, ...]

    def met(self, document: Document) -> bool:
        """Whether the post meets it."""
        return document.has_phrase(self.terms)

    def hits(self, _document: Document) -> frozenset[Hit]:
        """The phrase."""
        return frozenset([self.terms])


class Without(msgspec.Struct, frozen=True, gc=False):
    """Not met by what meets the plan. Nothing in a post shows that something is missing."""

    plan: Plan

    def met(self, document: Document) -> bool:
        """Whether the post meets it."""
        return not self.plan.met(document)

    def hits(self, _document: Document) -> frozenset[Hit]:
        """Nothing."""
        return _NOTHING


def plan(node: Node) -> Plan:  # noqa: PLR0911 (one line for each kind of node)
    """The plan of a tree."""
    match node:
        case Word() | Prefix() | Hashtag():
            return Has(term_of(node))
        case Phrase(terms):
            return Adjacent(terms)
        case And(children):
            wanted, unwanted = _parted(children)
            terms, rest = _split(wanted)
            return AllOf(terms, _few(unwanted), rest)
        case Or(children):
            terms, rest = _split(children)
            return AnyOf(_few(terms), rest)
        case Not(child):
            return Without(plan(child))
        case Near(left, right) | Beside(left, right):
            return Joined(node, (plan(left), plan(right)))
        case Site() | Equals() | Range() | Flag():
            return Told(node)
        case _:
            return Somewhere(node)


def _split(children: Sequence[Node]) -> tuple[tuple[str, ...], tuple[Plan, ...]]:
    """The different terms among the children, and plans for the others, the cheapest first."""
    terms: dict[str, None] = {}
    rest: list[Node] = []
    for child in children:
        if isinstance(child, _TERMS):
            terms[term_of(child)] = None
        else:
            rest.append(child)
    if len(rest) > 1:
        rest.sort(key=_effort)
    return tuple(terms), tuple(map(plan, rest))


def _parted(children: tuple[Node, ...]) -> tuple[list[Node], list[str]]:
    """What has to hold, and the terms that a post must not have."""
    wanted: list[Node] = []
    unwanted: list[str] = []
    for child in children:
        match child:
            case Not(Or(some)) if all(isinstance(one, _TERMS) for one in some):
                unwanted += [term_of(one) for one in some if isinstance(one, _TERMS)]
            case Not(Word() | Prefix() | Hashtag() as one):
                unwanted.append(term_of(one))
            case _:
                wanted.append(child)
    return wanted, unwanted


def _few(terms: Sequence[str]) -> tuple[str, ...] | frozenset[str]:
    return tuple(terms) if len(terms) <= _FEW else frozenset(terms)


_TERMS: Final = (Word, Prefix, Hashtag)


def _effort(node: Node) -> int:
    """How much it takes to answer: facts, sets of terms, phrases, places."""
    match node:
        case And(children) | Or(children):
            return max(map(_effort, children))
        case Not(child):
            return _effort(child)
        case Word() | Prefix() | Hashtag() | Mention() | Range() | Flag() | Equals():
            return 0
        case Phrase():
            return 1
        case Near() | Beside():
            return 3
        case _:
            return 2
