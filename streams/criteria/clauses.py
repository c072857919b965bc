"""What a query's tree says about itself: clauses that never match, that say nothing new."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from streams.criteria.describe import children, describe
from streams.criteria.facts import SCALE
from streams.criteria.syntax import (
    And,
    Equals,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Prefix,
    Range,
    Sloppy,
    Within,
    Word,
)

MOST_NODES: Final = 300
"""Larger queries are only looked at for what costs linear time: every pair is too much there."""


class Flaw(NamedTuple):
    """`node` is where to look."""

    node: Node
    code: str
    problem: str
    expected: str
    remedy: str


def flaws(tree: Node) -> Iterator[Flaw]:
    """All that the tree shows, without repeats. Bounded time for any query."""
    inner = list(_inner(tree))
    small = sum(len(children(node)) for node in inner) <= MOST_NODES
    for node in inner:
        parts = children(node)
        twins = _twins(parts)
        yield from (_twice(node) for node in twins)
        if isinstance(node, And):
            yield from _clashing_facts(parts)
            yield from _contradictions(parts if small else parts[:MOST_NODES])
        yield from _off_scale(parts)
        if small:
            yield from _idle(node, list(dict.fromkeys(parts)))
        elif isinstance(node, Or):
            yield from _idle_words(parts)


def implies(one: Node, other: Node) -> bool:  # noqa: PLR0911 (one line for each pair of kinds)
    """Whether every post that meets `one` surely meets `other`; False also means "can't tell"."""
    if one == other:
        return True
    match one, other:
        case Or(parts), _:
            return all(implies(part, other) for part in parts)
        case _, And(parts):
            return all(implies(one, part) for part in parts)
        case And(parts), _ if any(implies(part, other) for part in parts):
            return True
        case _, Or(parts):
            return any(implies(one, part) for part in parts)
        case Not(denied), Not(wanted):
            return implies(wanted, denied)
        case Near(left, right), _:
            return implies(left, other) or implies(right, other)
        case Within("title" | "text", leaf), _:
            return implies(leaf, other)
    return _leaf_implies(one, other)


def _leaf_implies(one: Node, other: Node) -> bool:  # noqa: PLR0911 (as above)
    match one, other:
        case Word(term), Prefix(start):
            return term.startswith(start)
        case Prefix(longer), Prefix(start):
            return longer.startswith(start)
        case (Phrase(terms), Word(term)) | (Sloppy(terms, _), Word(term)):
            return term in terms
        case (Phrase(terms), Prefix(start)) | (Sloppy(terms, _), Prefix(start)):
            return any(term.startswith(start) for term in terms)
        case Phrase(longer), Phrase(terms):
            size = len(terms)
            return any(longer[at : at + size] == terms for at in range(len(longer) - size + 1))
        case (Phrase(terms), Sloppy(others, _)) | (Sloppy(terms, _), Sloppy(others, _)):
            slack = one.slop if isinstance(one, Sloppy) else 0
            return terms == others and isinstance(other, Sloppy) and slack <= other.slop
    return False


def _inner(tree: Node) -> Iterator[Node]:
    waiting = [tree]
    while waiting:
        node = waiting.pop(0)
        if parts := children(node):
            waiting += parts
            if isinstance(node, And | Or):
                yield node


def _twins(parts: Sequence[Node]) -> list[Node]:
    seen: set[Node] = set()
    twins: dict[Node, None] = {}
    for part in parts:
        if part in seen:
            twins[part] = None
        seen.add(part)
    return list(twins)


def _twice(node: Node) -> Flaw:
    shown = describe(node)
    return Flaw(
        node, "twice", f"{shown} stands twice side by side", "each clause once", "delete one"
    )


def _contradictions(parts: Sequence[Node]) -> Iterator[Flaw]:
    denied = [part.child for part in parts if isinstance(part, Not)]
    wanted = [part for part in parts if not isinstance(part, Not)]
    for out in denied:
        for node in wanted:
            if implies(node, out):
                yield _never(node, out)
                continue
            alternatives = node.children if isinstance(node, Or) else ()
            for part in alternatives:
                if implies(part, out):
                    yield _dead(part, out)


def _never(node: Node, out: Node) -> Flaw:
    a, b = describe(node), describe(out)
    how = f"{a} is wanted and excluded at once" if node == out else f"every {a} is excluded by {b}"
    return Flaw(
        node,
        "never",
        f"{how}: this part never matches",
        f"an exclusion that leaves some {a}",
        f"narrow NOT {b}, or delete it",
    )


def _dead(part: Node, out: Node) -> Flaw:
    a, b = describe(part), describe(out)
    return Flaw(
        part,
        "dead",
        f"{a} is one of the alternatives, but NOT {b} excludes it: it never helps",
        "alternatives that the exclusions leave alive",
        f"delete {a}, or narrow NOT {b}",
    )


def _clashing_facts(parts: Sequence[Node]) -> Iterator[Flaw]:
    """Two values that one field can't have at once."""
    values: dict[str, Equals] = {}
    ranges: dict[str, Range] = {}
    for part in parts:
        if isinstance(part, Equals):
            before = values.setdefault(part.field, part)
            if before.value != part.value:
                yield _clash(part, before)
        if isinstance(part, Range):
            other = ranges.setdefault(part.field, part)
            if max(part.low, other.low) > min(part.high, other.high):
                yield _clash(part, other)


def _off_scale(parts: Sequence[Node]) -> Iterator[Flaw]:
    for part in parts:
        if not isinstance(part, Range) or part.field == "created":
            continue
        if part.field == "rating" and (part.low > SCALE or part.high < 0):
            yield _no_rating(part)
        elif part.high < 0:
            yield Flaw(
                part,
                "never",
                f"{describe(part)} never holds: no post has fewer than 0 {part.field}",
                "a number from 0 on",
                f"delete it, or write {part.field}:0 for posts with none",
            )


def _no_rating(part: Range) -> Flaw:
    return Flaw(
        part,
        "never",
        f"{describe(part)} never holds: ratings are on a scale from 0 to {SCALE:g}, whatever the "
        "source's own",
        f"a rating of at most {SCALE:g}",
        "write the bound on that scale: 8 of 10 is 4",
    )


def _clash(part: Equals | Range, before: Equals | Range) -> Flaw:
    a, b = describe(before), describe(part)
    return Flaw(
        part,
        "never",
        f"no post is {a} and {b} at once: this part never matches",
        f"one value of {part.field}",
        f"join the values by OR, or delete one: ({a} OR {b})",
    )


def _idle(node: Node, parts: list[Node]) -> Iterator[Flaw]:
    """Clauses that change nothing, since another says as much or more."""
    for part in parts:
        if isinstance(part, Not):
            continue
        for other in parts:
            if other is part or isinstance(other, Not) or not implies(part, other):
                continue
            if implies(other, part) and parts.index(other) > parts.index(part):
                continue  # the two are the same: name the later one alone
            yield _found_already(part, other) if isinstance(node, Or) else _adds(part, other)
            break


def _idle_words(parts: Sequence[Node]) -> Iterator[Flaw]:
    """The same for a long list of alternatives: words and phrases beside prefixes and words."""
    words = {part.term: part for part in parts if isinstance(part, Word)}
    starts = {part.start: part for part in parts if isinstance(part, Prefix)}
    for part in parts:
        terms = part.terms if isinstance(part, Phrase) else ()
        terms = (part.term,) if isinstance(part, Word) else terms
        for term in terms:
            wider = words.get(term) if isinstance(part, Phrase) else None
            lengths = range(2, len(term) + 1)
            begun = next((starts[term[:n]] for n in lengths if term[:n] in starts), None)
            if wider or begun:
                yield _found_already(part, wider or begun or part)
                break


def _found_already(part: Node, other: Node) -> Flaw:
    a, b = describe(part), describe(other)
    return Flaw(
        part, "subsumed", f"{b} finds all that {a} finds", "alternatives that add", f"delete {a}"
    )


def _adds(part: Node, other: Node) -> Flaw:
    a, b = describe(part), describe(other)
    problem = f"{b} says nothing new beside {a}: every post with that has this"
    return Flaw(other, "idle", problem, "clauses that narrow", f"delete {b}")
