"""NEAR, SENTENCE and PARAGRAPH over the places of their sides. Nearly linear in those.

Each place of one side is joined to the nearest of the other, on its right and on its left: that
decides every question of "at most so many words between", and keeps nested ones cheap.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from streams.criteria.positions import MAX_PLACES, Area, Place
from streams.criteria.syntax import Beside, Near, Node, Or, Within


def joined(left: Sequence[Place], right: Sequence[Place], node: Near) -> list[Place]:
    """From the beginning of one side to the end of the other, for all pairs that are near."""
    found = _pairs(left, right, node.most)
    found = found if node.ordered else found | _pairs(right, left, node.most)
    return sorted(found)[:MAX_PLACES]


def beside(left: Sequence[Place], right: Sequence[Place], node: Beside, area: Area) -> list[Place]:
    """The same for all pairs of which both lie in one sentence or paragraph."""
    sides = [[p for p in side if area.unit(node.unit, p) is not None] for side in (left, right)]
    found = _pairs(sides[0], sides[1], None) | _pairs(sides[1], sides[0], None)
    return sorted(p for p in found if area.unit(node.unit, p) is not None)[:MAX_PLACES]


def within(leaves: Sequence[Place], wholes: Sequence[Place]) -> list[Place]:
    """The leaves that lie in one of the wholes, which are sorted."""
    firsts = [(whole.text, whole.first) for whole in wholes]
    farthest = list(accumulate(((whole.text, whole.last) for whole in wholes), max))
    kept = []
    for leaf in leaves:
        before = bisect_right(firsts, (leaf.text, leaf.first))
        if before and farthest[before - 1] >= (leaf.text, leaf.last):
            kept.append(leaf)
    return kept


def _pairs(left: Sequence[Place], right: Sequence[Place], most: int | None) -> set[Place]:
    by_first = sorted(right)
    firsts = [(place.text, place.first) for place in by_first]
    by_last = sorted(left, key=lambda place: (place.text, place.last, place.first))
    lasts = [(place.text, place.last) for place in by_last]
    found = set()
    for place in left:
        at = bisect_left(firsts, (place.text, place.last + 1))
        if at < len(by_first) and _near(place, by_first[at], most):
            found.add(_hull(place, by_first[at]))
    for place in right:
        at = bisect_left(lasts, (place.text, place.first)) - 1
        if at >= 0 and _near(by_last[at], place, most):
            found.add(_hull(by_last[at], place))
    return found


def _near(left: Place, right: Place, most: int | None) -> bool:
    if left.text != right.text:
        return False
    return most is None or right.first - left.last - 1 <= most


def _hull(left: Place, right: Place) -> Place:
    return Place(left.text, left.first, right.last, left.start, right.end)


def leaves_of(node: Node) -> list[Node]:
    """The leaves of what is joined by place: all that is neither a join nor an OR."""
    match node:
        case Near(left, right) | Beside(left, right):
            return [*leaves_of(left), *leaves_of(right)]
        case Or(children):
            return [leaf for child in children for leaf in leaves_of(child)]
        case _:
            return [node]


def area_of(node: Node) -> str:
    """The texts that a leaf, or what is joined by place, is looked for in; `text` for the post's.

    The parser sees to it that all leaves are in the same.
    """
    match node:
        case Near(left) | Beside(left):
            return area_of(left)
        case Or(children):
            return area_of(children[0])
        case Within(field) if field not in {"title", "text"}:
            return field
        case _:
            return "text"
