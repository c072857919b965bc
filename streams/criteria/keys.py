"""Which terms a post must carry to have any chance with a query.

A query is met only by posts that carry at least one key of each of its `Cover`s. The cheapest
cover places the topic in the index, the next one guards it.
"""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Final

import msgspec

from streams.criteria.syntax import (
    And,
    Beside,
    Equals,
    Hashtag,
    Leaf,
    Mention,
    Near,
    Node,
    Not,
    Or,
    Pattern,
    Phrase,
    Prefix,
    Site,
    Sloppy,
    Stem,
    Within,
    Word,
    Written,
    nodes,
)

Frequency = Callable[[str], float]
"""The share of posts that carry a term, in [0, 1]."""


class Cover(msgspec.Struct, frozen=True, gc=False):
    """Terms one of which every post that meets the query carries; `cost` is their frequency."""

    keys: frozenset[str]
    cost: float


def covers(node: Node, frequency: Frequency) -> list[Cover]:
    """The query's covers, cheapest first; none if some posts without any of its words meet it."""
    return sorted(_required(node, frequency, negated=False), key=_cost)


def _cost(cover: Cover) -> float:
    return cover.cost


def term_of(leaf: Word | Prefix | Pattern | Hashtag | Mention) -> str:
    """The leaf as a term of `Vocabulary.terms`."""
    match leaf:
        case Word(term) | Pattern(term):
            return term
        case Prefix(start):
            return f"{start}*"
        case Hashtag(tag):
            return f"#{tag}"
        case Mention(handle):
            return f"@{handle}"


def prefixes(node: Node) -> set[str]:
    """What the query asks of words, wherever in it: their beginnings, and the terms of patterns."""
    found: set[str] = set()
    for part in nodes(node):
        match part:
            case Word():
                pass  # the usual case
            case Prefix(start) | Stem(_, start):
                found.add(start)
            case Pattern(term):
                found.add(term)
            case _:
                pass
    return found


def terms_of(node: Node) -> list[set[str]]:
    """Sets of terms; a post that meets the leaf has one of each. None for what has no words."""
    match node:
        case Word() | Prefix() | Pattern() | Hashtag() | Mention():
            return [{term_of(node)}]
        case Phrase(terms) | Sloppy(terms) | Written(terms):
            return [{term} for term in dict.fromkeys(terms)]
        case Stem(_, start):
            return [{f"{start}*"}]
        case Within(field, leaf):
            return terms_of(leaf) if field in {"title", "text"} else _elsewhere(field, leaf)
        case _:
            return []


def _elsewhere(field: str, leaf: Node) -> list[set[str]]:
    """The same for texts that are not the post's own: their words are terms with the field."""
    match leaf:
        case Word(term):
            return [{f"{field}={term}"}]
        case Phrase(terms) | Sloppy(terms) | Written(terms):
            return [{f"{field}={term}"} for term in dict.fromkeys(terms)]
        case _:
            return [{f"{field}=*"}]


def _required(node: Node, frequency: Frequency, *, negated: bool) -> list[Cover]:
    match node:
        case And(children) | Or(children):
            parts = (_required(child, frequency, negated=negated) for child in children)
            conjunction = isinstance(node, And) is not negated
            return list(chain.from_iterable(parts)) if conjunction else _union(parts)
        case Not(child):
            return _required(child, frequency, negated=not negated)
        case _ if negated:
            return []
        case Near(left, right) | Beside(left, right):
            return [
                *_required(left, frequency, negated=False),
                *_required(right, frequency, negated=False),
            ]
        case _:
            return _of_leaf(node, frequency)


def _of_leaf(node: Leaf, frequency: Frequency) -> list[Cover]:
    match node:
        case Word() | Prefix() | Pattern() | Hashtag() | Mention():
            term = term_of(node)
            return [Cover(frozenset((term,)), frequency(term))]
        case Phrase(terms):
            return [Cover(frozenset((t,)), frequency(t)) for t in dict.fromkeys(terms)]
        case Equals(field, value):
            return [Cover(frozenset([f"{field}={value}"]), _OF_FACTS)]
        case Site(host):
            return [Cover(frozenset([f"site={host}"]), _OF_FACTS)]
        case Within(field) if field not in {"title", "text"}:
            return [Cover(frozenset(terms), _OF_FACTS) for terms in terms_of(node)]
        case _:
            return [Cover(frozenset(t), sum(map(frequency, t))) for t in terms_of(node)]


def _union(parts: Iterable[list[Cover]]) -> list[Cover]:
    """One cover of a disjunction: the cheapest of each part, or none if a part has none."""
    keys: set[str] = set()
    cost = 0.0
    for part in parts:
        if not part:
            return []
        cheapest = part[0] if len(part) == 1 else min(part, key=_cost)
        keys |= cheapest.keys
        cost += cheapest.cost
    return [Cover(frozenset(keys), cost)]


_OF_FACTS: Final = 0.9
"""As if facts were frequent: looking for them costs something at every post, words are free."""

COMMON_WORDS: Final = frozenset(
    """
    a about all also an and are as at be been but by can do for from get good had has have he her
    his i if in is it its just like me more my new no not now of on one or our out say she so some
    than that the their them there they this time to today up us was we were what when which who
    will with would you your rt http https t.co www com
    au aux avec ce cette ces c'est dans de des du elle en est et il ils je la le les leur lui mais
    mon ne nous on ou par pas plus pour qu'il que qui sa se ses son sur tout tres un une vous y
    а бы быть в во вот вы да для до его ее если есть еще же за и из или к как когда кто ли мне мы
    на не нет но ну о об он она они от по при с так также там то тоже только ты у уже что чтобы
    это этот я
    """.split()  # noqa: SIM905 (150 quoted words would be harder to read)
)
_BY_LENGTH: Final = (0.2, 0.1, 0.03, 0.01, 0.005, 0.002, 0.001)


def guessed_frequency(term: str) -> float:
    """How common a term is, as far as its looks tell: short words and prefixes are frequent."""
    if term[0] in "#@" and len(term) > 1:
        return 0.0005
    if term[-1] == "*" and len(term) > 1:
        return 2 * _BY_LENGTH[min(len(term) - 2, len(_BY_LENGTH) - 1)]
    if term in COMMON_WORDS:
        return 0.1
    return _BY_LENGTH[min(len(term), len(_BY_LENGTH) - 1)]
