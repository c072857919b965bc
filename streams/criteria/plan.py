"""A query compiled for questions about one post: sets first, phrases last."""

from typing import Final, Protocol

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


class Plan(Protocol):
    """Asked whether a post meets the query, and what in the post did."""

    def met(self, document: Document) -> bool: ...

    def hits(self, document: Document) -> frozenset[Hit]: ...


class AllOf:
    """All terms, and all the rest."""

    __slots__ = ("rest", "terms")

    def __init__(self, terms: frozenset[Hit], rest: tuple[Plan, ...]) -> None:
        self.terms = terms
        self.rest = rest

    def met(self, document: Document) -> bool:
        """Whether the post meets it."""
        if not self.terms <= document.terms:
            return False
        # A loop: a generator for `all` costs more than most of what it would ask.
        for plan in self.rest:  # noqa: SIM110
            if not plan.met(document):
                return False
        return True

    def hits(self, document: Document) -> frozenset[Hit]:
        """What met it; asked only when it is met."""
        if not self.rest:
            return self.terms
        return self.terms.union(*[plan.hits(document) for plan in self.rest])


class AnyOf:
    """One of the terms, or one of the rest."""

    __slots__ = ("rest", "terms")

    def __init__(self, terms: frozenset[Hit], rest: tuple[Plan, ...]) -> None:
        self.terms = terms
        self.rest = rest

    def met(self, document: Document) -> bool:
        """Whether the post meets it."""
        if not self.terms.isdisjoint(document.terms):
            return True
        for plan in self.rest:  # noqa: SIM110 (as above)
            if plan.met(document):
                return True
        return False

    def hits(self, document: Document) -> frozenset[Hit]:
        """Everything that met it, not only the first."""
        found = self.terms & document.terms
        if not self.rest:
            return found
        return found.union(*[plan.hits(document) for plan in self.rest if plan.met(document)])


class Adjacent:
    """A phrase."""

    __slots__ = ("terms",)

    def __init__(self, terms: tuple[str, ...]) -> None:
        self.terms = terms

    def met(self, document: Document) -> bool:
        """Whether the post meets it."""
        return document.has_phrase(self.terms)

    def hits(self, _document: Document) -> frozenset[Hit]:
        """The phrase."""
        return frozenset([self.terms])


class Without:
    """Not met by what meets the plan. Nothing in a post shows that something is missing."""

    __slots__ = ("plan",)

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def met(self, document: Document) -> bool:
        """Whether the post meets it."""
        return not self.plan.met(document)

    def hits(self, _document: Document) -> frozenset[Hit]:
        """Nothing."""
        return _NOTHING


def plan(node: Node) -> Plan:  # noqa: PLR0911 (one line for each kind of node)
    """The plan of a tree."""
    match node:
        case Not(child):
            return Without(plan(child))
        case Phrase(terms):
            return Adjacent(terms)
        case And(children):
            return AllOf(*_split(children))
        case Or(children):
            return AnyOf(*_split(children))
        case Word() | Prefix() | Hashtag():
            return AllOf(frozenset([term_of(node)]), ())
        case Near(left, right) | Beside(left, right):
            return Joined(node, (plan(left), plan(right)))
        case Site() | Equals() | Range() | Flag():
            return Told(node)
        case _:
            return Somewhere(node)


def _split(children: tuple[Node, ...]) -> tuple[frozenset[Hit], tuple[Plan, ...]]:
    """The terms among the children as one set, and plans for the others, the cheapest first."""
    rest = [c for c in children if not isinstance(c, Word | Prefix | Hashtag)]
    terms = (term_of(c) for c in children if isinstance(c, Word | Prefix | Hashtag))
    return frozenset(terms), tuple(plan(c) for c in sorted(rest, key=_effort))


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
