"""Plans for what is decided by place, or by a fact of the post: asked when all terms are there."""

from typing import Protocol

from streams.criteria.document import Document, Hit
from streams.criteria.facts import holds
from streams.criteria.keys import terms_of
from streams.criteria.positions import MAX_PLACES, Place
from streams.criteria.proximity import area_of, beside, joined, leaves_of, within
from streams.criteria.syntax import (
    And,
    Beside,
    Equals,
    Fact,
    Flag,
    Mention,
    Near,
    Node,
    Not,
    Or,
    Pattern,
    Range,
    Site,
    Within,
)


class _Side(Protocol):
    def met(self, document: Document) -> bool: ...


class Somewhere:
    """A leaf that is more than a word: its terms say whether to look for its places."""

    __slots__ = ("_decided", "_leaf", "_own", "_terms")

    def __init__(self, leaf: Node) -> None:
        self._leaf = leaf
        self._own = not isinstance(leaf, Within) or leaf.field in {"title", "text"}
        self._terms = frozenset(term for terms in terms_of(leaf) for term in terms)
        self._decided = isinstance(leaf, Pattern | Mention)

    def met(self, document: Document) -> bool:
        """Whether the post meets it."""
        if self._own and not self._terms <= document.terms:
            return False
        return self._decided or bool(places(self._leaf, document))

    def hits(self, document: Document) -> frozenset[Hit]:
        """Where it stands in title and text."""
        return frozenset(places(self._leaf, document)) if self._own else frozenset()


class Joined:
    """Two sides in one place: tried when each is met by itself."""

    __slots__ = ("_node", "_sides")

    def __init__(self, node: Near | Beside, sides: tuple[_Side, _Side]) -> None:
        self._node = node
        self._sides = sides

    def met(self, document: Document) -> bool:
        """Whether the post meets it."""
        left, right = self._sides
        return left.met(document) and right.met(document) and bool(places(self._node, document))

    def hits(self, document: Document) -> frozenset[Hit]:
        """The leaves that stand in a place where the two are together."""
        if area_of(self._node) != "text":
            return frozenset()
        each = dict.fromkeys(leaves_of(self._node))
        leaves = [place for leaf in each for place in places(leaf, document)]
        return frozenset(within(leaves, places(self._node, document)))


class Told:
    """A fact of the post. Nothing in its texts shows it."""

    __slots__ = ("_fact",)

    def __init__(self, fact: Fact) -> None:
        self._fact = fact

    def met(self, document: Document) -> bool:
        """Whether the post meets it."""
        return holds(self._fact, document.post, document.language)

    def hits(self, _document: Document) -> frozenset[Hit]:
        """Nothing."""
        return frozenset()


def places(node: Node, document: Document) -> list[Place]:
    """Where a leaf, or leaves joined by place, stand: the first `MAX_PLACES`, sorted.

    They are remembered with the document, for what is met is asked again for its places.
    """
    found = document.places.get(id(node))
    if found is None:
        found = document.places[id(node)] = _found(node, document)
    return found


def _found(  # noqa: PLR0911 (one line for each kind of node)
    node: Node, document: Document
) -> list[Place]:
    match node:
        case Within("title" | "text" as name, leaf):
            number = 1 if name == "text" else 0
            return [place for place in document.area().places(leaf) if place[0] == number]
        case Within(name, leaf):
            return document.area(name).places(leaf)
        case Or(children):
            some = {place for child in children for place in places(child, document)}
            return sorted(some)[:MAX_PLACES]
        case Near(left, right):
            return joined(places(left, document), places(right, document), node)
        case Beside(left, right):
            area = document.area(area_of(node))
            return beside(places(left, document), places(right, document), node, area)
        case Not() | And() | Site() | Equals() | Range() | Flag():
            return []  # they stand nowhere; the parser does not join them by place
        case _:
            return document.area().places(node)
