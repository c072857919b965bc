"""The query as a tree. Words are folded; `And` and `Or` are flat (no `And` in an `And`).

Three kinds of leaves: those that stand somewhere in a text (`Placed`: words, phrases, patterns,
tags), the same kept to one field (`Within`), and facts of the post as a whole (`Fact`).
"""

from collections.abc import Sequence
from itertools import chain
from typing import Literal, TypeAlias

import msgspec

TextField: TypeAlias = Literal["title", "text", "author", "bio", "place", "link"]
EqualField: TypeAlias = Literal["lang", "source", "kind", "country"]
MeasureField: TypeAlias = Literal[
    "rating", "followers", "likes", "reposts", "replies", "views", "created"
]


class Word(msgspec.Struct, frozen=True, gc=False):
    """One folded word."""

    term: str


class Prefix(msgspec.Struct, frozen=True, gc=False):
    """Any word that begins with the folded letters."""

    start: str


class Pattern(msgspec.Struct, frozen=True, gc=False):
    """Any word that fits, `term` being as in `Vocabulary.terms`, in one of four forms:

    `in?x*` (wildcards), `word~2` (edits), `/regex/`, and `'eau` (a part beside an apostrophe).
    """

    term: str


class Hashtag(msgspec.Struct, frozen=True, gc=False):
    """A folded hashtag, without its sign."""

    tag: str


class Mention(msgspec.Struct, frozen=True, gc=False):
    """A folded handle that the text names, without its sign."""

    handle: str


class Phrase(msgspec.Struct, frozen=True, gc=False):
    """At least two folded words, one straight after the other in one field."""

    terms: tuple[str, ...]


class Sloppy(msgspec.Struct, frozen=True, gc=False):
    """A phrase whose words may be moved by `slop` places in all, as in Lucene."""

    terms: tuple[str, ...]
    slop: int


class Written(msgspec.Struct, frozen=True, gc=False):
    """Words as they are written: with their signs (`C++`), or letter by letter (`=Apple`).

    `terms` are the folded words, `text` is what has to stand there; `exact` compares the letters
    (or their case and accents don't count), `signs` what stands around and between the words.
    """

    terms: tuple[str, ...]
    text: str
    exact: bool
    signs: bool


class Stem(msgspec.Struct, frozen=True, gc=False):
    """Words that begin with `start` and have the stem of `word` in the language of the post.

    `stems` holds it by language; `guess` lets posts of an unknown language try each of them.
    """

    word: str
    start: str
    stems: tuple[tuple[str, str], ...]
    guess: bool


Placed: TypeAlias = Word | Prefix | Pattern | Hashtag | Mention | Phrase | Sloppy | Written | Stem


class Within(msgspec.Struct, frozen=True, gc=False):
    """The leaf, in one field alone."""

    field: TextField
    leaf: Placed


class Site(msgspec.Struct, frozen=True, gc=False):
    """A link, in the text or of the post, to the host or to one below it."""

    host: str


class Equals(msgspec.Struct, frozen=True, gc=False):
    """A field of the post with exactly this value."""

    field: EqualField
    value: str


class Range(msgspec.Struct, frozen=True, gc=False):
    """A number of the post between two bounds, both included; times are seconds since 1970."""

    field: MeasureField
    low: float
    high: float


class Flag(msgspec.Struct, frozen=True, gc=False):
    """What a post has or is: `has:media`, `is:reply`."""

    name: str


Fact: TypeAlias = Site | Equals | Range | Flag


class Near(msgspec.Struct, frozen=True, gc=False):
    """Both sides in one text, apart from each other, with at most `most` words between them."""

    left: "Node"
    right: "Node"
    most: int
    ordered: bool


class Beside(msgspec.Struct, frozen=True, gc=False):
    """Both sides in one sentence or paragraph, apart from each other."""

    left: "Node"
    right: "Node"
    unit: Literal["sentence", "paragraph"]


class Not(msgspec.Struct, frozen=True, gc=False):
    """All posts but those of `child`."""

    child: "Node"


class And(msgspec.Struct, frozen=True, gc=False):
    """The posts that all children meet; at least two children."""

    children: tuple["Node", ...]


class Or(msgspec.Struct, frozen=True, gc=False):
    """The posts that any child meets; at least two children."""

    children: tuple["Node", ...]


Leaf: TypeAlias = Placed | Within | Fact
Node: TypeAlias = Leaf | Near | Beside | Not | And | Or


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


def nodes(tree: Node) -> list[Node]:
    """The tree and everything in it, in no particular order."""
    found = [tree]
    for node in found:  # which grows meanwhile
        match node:
            case Word() | Phrase():
                pass  # the usual case
            case And(children) | Or(children):
                found.extend(children)
            case Near(left, right) | Beside(left, right):
                found.extend((left, right))
            case Not(child) | Within(_, child):
                found.append(child)
            case _:
                pass
    return found
