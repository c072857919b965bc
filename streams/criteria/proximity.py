"""NEAR, SENTENCE and PARAGRAPH over the places of their sides. Nearly linear in those.

Each place of one side is joined to the nearest of the other, on its right and on its left: that
decides every question of "at most so many words between", and keeps nested ones cheap.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, repeat
from typing import Final

from streams.criteria.positions import MAX_PLACES, Area, Place
from streams.criteria.syntax import Beside, Near, Node, Or, Within

_BITS: Final = 40


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
    firsts = [text << _BITS | first for text, first, _, _, _ in wholes]
    farthest = [-1, *accumulate((text << _BITS | last for text, _, last, _, _ in wholes), max)]
    before = map(bisect_right, repeat(firsts), [leaf[0] << _BITS | leaf[1] for leaf in leaves])
    return [
        leaf
        for leaf, at in zip(leaves, before, strict=True)
        if farthest[at] >= leaf[0] << _BITS | leaf[2]
    ]


def _pairs(left: Sequence[Place], right: Sequence[Place], most: int | None) -> set[Place]:
    """All numbers of words are made one with that of their text, for that is quick to compare."""
    apart = (1 << _BITS if most is None else most) + 1
    starts = [text << _BITS | first for text, first, _, _, _ in right]  # sorted, as `right` is
    lasts = [text << _BITS | last for text, _, last, _, _ in left]
    order = sorted(range(len(left)), key=lasts.__getitem__)
    ends = [lasts[number] for number in order]
    nexts = list(map(bisect_right, repeat(starts), ends))
    found = set()
    for number, end, at in zip(order, ends, nexts, strict=True):
        if at < len(starts) and starts[at] - end <= apart and starts[at] >> _BITS == end >> _BITS:
            text, first, _, start, _ = left[number]
            found.add((text, first, right[at][2], start, right[at][4]))
    for at, before in enumerate(map(bisect_left, repeat(ends), starts)):
        if not before or starts[at] - ends[before - 1] > apart or nexts[before - 1] == at:
            continue  # none before it, or too far, or found already
        text, first, _, start, _ = left[order[before - 1]]
        if text == right[at][0]:
            found.add((text, first, right[at][2], start, right[at][4]))
    return found


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
