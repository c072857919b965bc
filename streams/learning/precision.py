"""How much of what a topic catches is meant: estimated from a random sample that people judge.

The sample has an order that knows nothing of the posts. Only its beginning counts, up to the first
mention that nobody has judged: what people chose to look at elsewhere can't lean on the figure.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from streams.learning.intervals import Share, needed, share
from streams.records import Label, Mention

WANTED: Final = 0.10
"""Half the width of the interval that is asked for."""
_GUESS: Final = 0.8
_WEIGHT: Final = 10
"""Before any are judged, a topic is taken to be as precise as that, with the weight of so many."""


class Precision(msgspec.Struct, frozen=True, kw_only=True):
    """The share of relevant mentions of `population`, and how many `more` must be judged until it
    is known within ten points."""

    relevant: Share
    population: int
    more: int


def relevance(label: Label | None) -> bool | None:
    """What a label says of a mention's belonging to its topic: `None` while nobody judged.

    Who corrects the sentiment, or is done with a mention as it is, lets it belong.
    """
    if label is None:
        return None
    if label.spam or label.relevant is False:
        return False
    return True if label.relevant or label.sentiment or label.done else None


def judged(sample: Iterable[Mention]) -> list[bool]:
    """The relevance of the sample's beginning, up to the first mention nobody has judged."""
    found: list[bool] = []
    for mention in sample:
        said = relevance(mention.label)
        if said is None:
            break
        found.append(said)
    return found


def precision(relevances: Iterable[bool], population: int) -> Precision:
    """The estimate after these judgements of a sample of `population` mentions."""
    said = list(relevances)
    hits, of = sum(said), len(said)
    whole = max(population, of)
    found = share(hits, of, population=whole)
    likely = (hits + _GUESS * _WEIGHT) / (of + _WEIGHT)
    more = 0 if found.half_width <= WANTED else max(1, needed(likely, WANTED, whole) - of)
    return Precision(relevant=found, population=whole, more=min(more, whole - of))
