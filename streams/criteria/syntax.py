"""The query as a tree. Words are folded; `And` and `Or` are flat (no `And` in an `And`)."""

from collections.abc import Sequence
from itertools import chain
from typing import TypeAlias

import msgspec


class Word(msgspec.Struct, frozen=True):
    """One folded word."""

    term: str


class Prefix(msgspec.Struct, frozen=True):
    """Any word that begins with the folded letters."""

    start: str


class Hashtag(msgspec.Struct, frozen=True):
    """A folded hashtag, without its sign."""

    tag: str


class Phrase(msgspec.Struct, frozen=True):
    """At least two folded words, one straight after the other in one field."""

    terms: tuple[str, ...]


class Not(msgspec.Struct, frozen=True):
    """All posts but those of `child`."""

    child: "Node"


class And(msgspec.Struct, frozen=True):
    """The posts that all children meet; at least two children."""

    children: tuple["Node", ...]


class Or(msgspec.Struct, frozen=True):
    """The posts that any child meets; at least two children."""

    children: tuple["Node", ...]


Leaf: TypeAlias = Word | Prefix | Hashtag | Phrase
Node: TypeAlias = Leaf | Not | And | Or


def both(children: Sequence[Node]) -> Node:
    """All of these, flattened."""
    if len(children) == 1:
        return children[0]
    flat = (c.children if isinstance(c, And) else (c,) for c in children)
    return And(tuple(chain.from_iterable(flat)))


def either(children: Sequence[Node]) -> Node:
    """Any of these, flattened."""
    if len(children) == 1:
        return children[0]
    flat = (c.children if isinstance(c, Or) else (c,) for c in children)
    return Or(tuple(chain.from_iterable(flat)))
