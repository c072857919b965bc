"""The words of posts, and which of them are new: log-odds with an informative Dirichlet prior.

Monroe, Colaresi and Quinn, “Fightin' Words” (Political Analysis 16, 2008), equations 15 to 22: the
prior of a word is its share of all that was read, so that rare words need more to stand out.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from streams.alerts.records import Term
from streams.alerts.words import folded, prose, says_something
from streams.criteria.topics import Topic

PRIOR: Final = 500.0
"""Weight of the prior, in words."""
LEAST_SCORE: Final = 1.96
MOST_COPIES: Final = 3
"""A story told again and again counts as so many posts, lest its every word be news."""


class Counted(msgspec.Struct, frozen=True):
    """How many posts have each term; `weights` are the same with stories told often damped."""

    posts: int
    counts: Mapping[str, int]
    weights: Mapping[str, float]


def own_words(topic: Topic) -> frozenset[str]:
    """The words by which a topic finds its posts: of its query, its name and its targets."""
    written = [topic.query, topic.name, topic.id, *topic.target]
    written += [part.query for part in topic.queries.values()]
    return frozenset(word for text in written for word in folded(text[:20_000]))


def terms_of(text: str, own: Collection[str] = ()) -> frozenset[str]:
    """Words, hashtags and pairs of words that stand side by side; none of `own`, no stop words.
    Addresses and names of accounts are left out. Linear in the text's first 2,000 characters."""
    found: set[str] = set()
    before = ""
    for word in prose(text):
        if not says_something(word, own):
            before = ""
            continue
        found.add(word)
        if before and before != word and not word.startswith("#"):
            found.add(f"{before} {word}")
        before = "" if word.startswith("#") else word
    return frozenset(found)


def count(posts: Iterable[tuple[str, Collection[str]]]) -> Counted:
    """Count terms over posts, each given as its story and its terms."""
    counts: Counter[str] = Counter()
    weights: Counter[str] = Counter()
    copies: Counter[str] = Counter()
    read = 0
    for story, terms in posts:
        read += 1
        copies[story] += 1
        counts.update(terms)
        if copies[story] <= MOST_COPIES:
            weights.update(terms)
    return Counted(read, counts, weights)


def new_terms(window: Counted, past: Counted, *, most: int = 8) -> list[Term]:
    """The terms that the window has and the past had not as much of, the surest first."""
    if not window.posts:
        return []
    here, there = sum(window.weights.values()), sum(past.weights.values())
    least = 2 if window.posts < 20 else 3
    found = [
        Term(
            text=text,
            count=seen,
            before=round(past.counts.get(text, 0) * window.posts / max(past.posts, 1), 2),
            score=round(score, 2),
        )
        for text, seen in window.counts.items()
        if seen >= least
        and (score := _log_odds(text, window.weights, here, past.weights, there)) >= LEAST_SCORE
    ]
    found.sort(key=lambda term: (-term.score, -term.count, term.text))
    return _without_parts(found[: most * 4])[:most]


def _log_odds(
    text: str,
    window: Mapping[str, float],
    here: float,
    past: Mapping[str, float],
    there: float,
) -> float:
    """The difference of log-odds in standard deviations."""
    seen, before = window.get(text, 0.0), past.get(text, 0.0)
    prior = PRIOR * (seen + before) / (here + there)
    odds = math.log((seen + prior) / max(here + PRIOR - seen - prior, 1e-9))
    odds -= math.log((before + prior) / max(there + PRIOR - before - prior, 1e-9))
    return odds / math.sqrt(1 / (seen + prior) + 1 / (before + prior))


def _without_parts(terms: Sequence[Term]) -> list[Term]:
    """Say a thing once: no word that a pair says as well, no two pairs that share a word and its
    number, no word beside its hashtag."""
    pairs = [term for term in terms if " " in term.text]
    kept: list[Term] = []
    for term in terms:
        part_of = (
            pair
            for pair in pairs
            if term.text in pair.text.split(" ") and pair.count >= 0.7 * term.count
        )
        if next(part_of, None) or any(_says_the_same(term.text, other.text) for other in kept):
            continue
        kept.append(term)
    return kept


def _says_the_same(text: str, other: str) -> bool:
    if text.lstrip("#") == other.lstrip("#"):
        return True
    mine, others = set(text.split(" ")), set(other.split(" "))
    return len(mine) == len(others) == 2 and bool(mine & others)
