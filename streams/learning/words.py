"""Words that part what is meant from what only reads like it, and what to change in the query.

Words are weighed by log-odds with an informative prior (Monroe, Colaresi and Quinn, “Fightin'
Words”, Political Analysis 16, 2008), counted by posts, for a query meets posts: so the prior is a
beta distribution, and posts without the word count in the variance. Words are cut and folded as
queries are, so that a suggestion catches what it was reckoned on.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from streams.alerts.stop_words import STOP_WORDS
from streams.alerts.terms import LEAST_SCORE
from streams.criteria import tokens
from streams.criteria.folding import folded
from streams.learning.intervals import Share, share

READ_CHARS: Final = 2_000
SHOWN: Final = 12
EXAMPLES: Final = 3
_LEAST: Final = 3
"""Posts that must have a word before anything is said of it."""
_PRIOR: Final = 10.0
"""Weight of the prior, in posts."""
_DEAR: Final = 4
"""How many irrelevant posts must go for one relevant post that is lost."""
_MOST_WORDS: Final = 8
_RECALL: Final = 0.8
"""A suggestion that loses more of what is meant is none."""
_GAIN: Final = 0.02
"""Of precision, that a suggestion must bring."""
_ADDRESS: Final = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_OPERATORS: Final = frozenset({"and", "or", "not", "near", "sentence"})


class Judged(msgspec.Struct, frozen=True):
    """A post that somebody judged: whether it belongs to the topic."""

    id: str
    text: str
    relevant: bool


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """A word or two, in how many relevant and irrelevant posts it stands, and how surely it parts
    them: in standard deviations, above 0 towards what is relevant. `posts` are examples."""

    text: str
    relevant: int
    irrelevant: int
    score: float
    posts: list[str]


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """What to add to the query, and how the judged posts would fare: the share of relevant ones
    among those still caught, and the share of relevant ones that still are."""

    query: str
    precision: Share
    recall: Share


class Parting(msgspec.Struct, frozen=True, kw_only=True):
    """What the judged posts of a topic teach; `precision` is that of the query as it is, on these
    posts."""

    precision: Share
    towards: list[Word]
    against: list[Word]
    suggestions: list[Suggestion]


def parting(posts: Sequence[Judged]) -> Parting:
    """The words that part these posts. Time: linear in their words."""
    counted = _Counted(posts)
    found = sorted(counted.words(), key=lambda word: (-abs(word.score), word.text))
    towards = [word for word in found if word.score > 0]
    against = [word for word in found if word.score < 0]
    return Parting(
        precision=share(counted.relevant, len(posts)),
        towards=towards[:SHOWN],
        against=against[:SHOWN],
        suggestions=list(_suggestions(counted, towards, against)),
    )


class _Counted:
    """The posts of each term, as sets of places in the list."""

    def __init__(self, posts: Sequence[Judged]) -> None:
        self.posts = posts
        self.meant = frozenset(at for at, post in enumerate(posts) if post.relevant)
        self.all = frozenset(range(len(posts)))
        having: defaultdict[str, set[int]] = defaultdict(set)
        for at, post in enumerate(posts):
            for term in terms(post.text):
                having[term].add(at)
        self.having = {term: frozenset(at) for term, at in having.items() if len(at) >= _LEAST}

    @property
    def relevant(self) -> int:
        return len(self.meant)

    def words(self) -> list[Word]:
        """Those that part the posts, each set of posts named once, by its shortest term."""
        relevant, irrelevant = self.relevant, len(self.posts) - self.relevant
        if not relevant or not irrelevant:
            return []
        found: list[Word] = []
        told: set[frozenset[int]] = set()
        for term in sorted(self.having, key=lambda one: (one.count(" "), len(one), one)):
            at = self.having[term]
            if at in told:
                continue
            with_ = len(at & self.meant)
            score = _log_odds(with_, relevant, len(at) - with_, irrelevant)
            if abs(score) >= LEAST_SCORE:
                told.add(at)
                found.append(self._word(term, at, with_, score))
        return found

    def _word(self, term: str, at: frozenset[int], with_: int, score: float) -> Word:
        examples = sorted(at & self.meant if score > 0 else at - self.meant)[:EXAMPLES]
        return Word(
            text=term,
            relevant=with_,
            irrelevant=len(at) - with_,
            score=round(score, 2),
            posts=[self.posts[place].id for place in examples],
        )


def _log_odds(seen: int, of: int, others: int, of_others: int) -> float:
    """The difference of log-odds of `seen` of `of` and `others` of `of_others`, in standard
    deviations; the prior is what both say together."""
    likely = (seen + others + 0.5) / (of + of_others + 1)
    with_, without = _PRIOR * likely, _PRIOR * (1 - likely)
    cells = (seen + with_, of - seen + without, others + with_, of_others - others + without)
    odds = math.log(cells[0] / cells[1]) - math.log(cells[2] / cells[3])
    return odds / math.sqrt(sum(1 / cell for cell in cells))


def terms(text: str) -> set[str]:
    """The words of a post that say something, and each two that follow each other."""
    text = _ADDRESS.sub(" ", text[:READ_CHARS])
    words = folded([text[start:end] for start, end in tokens.spans(text)])
    said = {word for word in words if _says_something(word)}
    both = {f"{a} {b}" for a, b in pairwise(words) if _says_something(a) and _says_something(b)}
    return said | both


def _says_something(word: str) -> bool:
    return (
        2 <= len(word) <= 40
        and not word.isdigit()
        and any(letter.isalpha() for letter in word)
        and word not in STOP_WORDS
    )


def written(term: str) -> str:
    """The term as it stands in a query: in quotes where it would be read otherwise."""
    plain = tokens.is_plain(term) and term not in _OPERATORS
    return term if plain else '"' + term.replace('"', "") + '"'


def changed(query: str, suggestion: Suggestion) -> str:
    """The query with what is suggested, whatever joins clauses that stand side by side."""
    more = suggestion.query if suggestion.query.startswith("AND") else f"AND {suggestion.query}"
    return f"({query.strip()}) {more}"


def _suggestions(
    counted: _Counted, towards: Sequence[Word], against: Sequence[Word]
) -> Iterable[Suggestion]:
    singles = [_without(counted, [word.text]) for word in against[:SHOWN]]
    together = _without(counted, _unwanted(counted, against))
    only = _only(counted, _wanted(counted, towards))
    seen: set[str] = set()
    for one in sorted(filter(None, [together, only, *singles]), key=lambda each: -_worth(each)):
        if one.query not in seen:
            seen.add(one.query)
            yield one


def _worth(one: Suggestion) -> float:
    """F1: what is better in both is first."""
    p, r = one.precision.value, one.recall.value
    return 2 * p * r / (p + r) if p + r else 0.0


def _without(counted: _Counted, words: Sequence[str]) -> Suggestion | None:
    if not words:
        return None
    named = " OR ".join(map(written, words))
    query = f"NOT {named}" if len(words) == 1 else f"NOT ({named})"
    gone = frozenset[int]().union(*(counted.having[word] for word in words))
    return _suggestion(counted, query, counted.all - gone)


def _only(counted: _Counted, words: Sequence[str]) -> Suggestion | None:
    if not words:
        return None
    named = " OR ".join(map(written, words))
    query = f"AND {named}" if len(words) == 1 else f"AND ({named})"
    return _suggestion(
        counted, query, frozenset[int]().union(*(counted.having[word] for word in words))
    )


def _suggestion(counted: _Counted, query: str, caught: frozenset[int]) -> Suggestion | None:
    hits = len(caught & counted.meant)
    made = Suggestion(
        query=query,
        precision=share(hits, len(caught)),
        recall=share(hits, counted.relevant),
    )
    before = counted.relevant / len(counted.posts)
    worthwhile = made.recall.value >= _RECALL and made.precision.value >= before + _GAIN
    return made if worthwhile else None


def _unwanted(counted: _Counted, against: Sequence[Word]) -> list[str]:
    """Words to exclude, each the one that takes most of what is irrelevant and spares the rest."""
    gone: frozenset[int] = frozenset()
    chosen: list[str] = []

    def gain(term: str) -> int:
        more = counted.having[term] - gone
        return len(more - counted.meant) - _DEAR * len(more & counted.meant)

    while len(chosen) < _MOST_WORDS and against:
        best = max((word.text for word in against), key=gain)
        if gain(best) < _LEAST - 1:
            break
        chosen.append(best)
        gone |= counted.having[best]
    return chosen


def _wanted(counted: _Counted, towards: Sequence[Word]) -> list[str]:
    """Words of which one must stand in a post, each the one that catches most of what is meant
    and is not caught yet."""
    caught: frozenset[int] = frozenset()
    chosen: list[str] = []

    def gain(term: str) -> int:
        more = counted.having[term] - caught
        return len(more & counted.meant) - len(more - counted.meant)

    while len(chosen) < _MOST_WORDS and towards:
        best = max((word.text for word in towards), key=gain)
        if gain(best) < 1:
            break
        chosen.append(best)
        caught |= counted.having[best]
    return chosen
