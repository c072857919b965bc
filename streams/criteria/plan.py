"""A query compiled for questions about one post: sets first, phrases last."""

from typing import Protocol

from streams.criteria.document import Document
from streams.criteria.keys import term_of
from streams.criteria.syntax import And, Node, Not, Or, Phrase

Hit = str | tuple[str, ...]
"""A term or a phrase that a post carries."""


class Plan(Protocol):
    """Asked whether a post meets the query, and what in the post did."""

    def met(self, document: Document) -> bool: ...

    def hits(self, document: Document) -> set[Hit]: ...


class AllOf:
    """All terms, and all the rest."""

    __slots__ = ("rest", "terms")

    def __init__(self, terms: frozenset[str], rest: tuple[Plan, ...]) -> None:
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

    def hits(self, document: Document) -> set[Hit]:
        """What met it; asked only when it is met."""
        found: set[Hit] = set(self.terms)
        return found.union(*(plan.hits(document) for plan in self.rest))


class AnyOf:
    """One of the terms, or one of the rest."""

    __slots__ = ("rest", "terms")

    def __init__(self, terms: frozenset[str], rest: tuple[Plan, ...]) -> None:
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

    def hits(self, document: Document) -> set[Hit]:
        """Everything that met it, not only the first."""
        found: set[Hit] = set(self.terms & document.terms)
        met = (plan for plan in self.rest if plan.met(document))
        return found.union(*(plan.hits(document) for plan in met))


class Adjacent:
    """A phrase."""

    __slots__ = ("terms",)

    def __init__(self, terms: tuple[str, ...]) -> None:
        self.terms = terms

    def met(self, document: Document) -> bool:
        """Whether the post meets it."""
        return document.has_phrase(self.terms)

    def hits(self, _document: Document) -> set[Hit]:
        """The phrase."""
        return {self.terms}


class Without:
    """Not met by what meets the plan. Nothing in a post shows that something is missing."""

    __slots__ = ("plan",)

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def met(self, document: Document) -> bool:
        """Whether the post meets it."""
        return not self.plan.met(document)

    def hits(self, _document: Document) -> set[Hit]:
        """Nothing."""
        return set()


def plan(node: Node) -> Plan:
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
        case _:
            return AllOf(frozenset([term_of(node)]), ())


def _split(children: tuple[Node, ...]) -> tuple[frozenset[str], tuple[Plan, ...]]:
    """The terms among the children as one set, and plans for the others, phrases last."""
    rest = [c for c in children if isinstance(c, Not | And | Or | Phrase)]
    terms = (term_of(c) for c in children if not isinstance(c, Not | And | Or | Phrase))
    return frozenset(terms), tuple(plan(c) for c in sorted(rest, key=_has_phrase))


def _has_phrase(node: Node) -> bool:
    match node:
        case And(children) | Or(children):
            return any(_has_phrase(child) for child in children)
        case Not(child):
            return _has_phrase(child)
        case _:
            return isinstance(node, Phrase)
