"""How far two people agree: Cohen's kappa, over mentions of which the second opinion was blind.

Cohen, “A Coefficient of Agreement for Nominal Scales” (Educ. Psychol. Meas. 20, 1960); its variance
by Fleiss, Cohen and Everitt (Psychol. Bull. 72, 1969, equation 13).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from streams.learning.intervals import Z, wilson
from streams.learning.judgements import Judgement
from streams.records import SentimentLabel

Reading = Literal[
    "worse than chance", "slight", "fair", "moderate", "substantial", "almost perfect"
]
_READINGS: Final[tuple[tuple[float, Reading], ...]] = (
    (0.0, "worse than chance"),
    (0.2, "slight"),
    (0.4, "fair"),
    (0.6, "moderate"),
    (0.8, "substantial"),
    (1.0, "almost perfect"),
)
"""Landis and Koch, Biometrics 33 (1977): up to each kappa, the word for it."""

Pair = tuple[Hashable, Hashable]


class Kappa(msgspec.Struct, frozen=True, kw_only=True):
    """Agreement beyond chance, 1 at most, with its 95 % interval and a word how to read it."""

    value: float
    low: float
    high: float
    reading: Reading


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """Two people over the mentions that both judged. `None` where kappa is not defined: nobody
    judged, or both said the same of everything, so that chance alone explains it."""

    people: tuple[str, str]
    mentions: int
    same_relevance: int
    judged_relevance: int
    relevance: Kappa | None
    same_sentiment: int
    judged_sentiment: int
    sentiment: Kappa | None


class Disagreement(msgspec.Struct, frozen=True, kw_only=True):
    """A mention of which two people think differently, and nobody has decided since."""

    mention_id: str
    first: Judgement
    second: Judgement


class Compared(msgspec.Struct, frozen=True):
    """What two people said of a mention; the second had not seen the first's word."""

    first: Judgement
    second: Judgement
    settled: datetime | None = None
    """When somebody decided afterwards, seeing both."""


def kappa(pairs: Sequence[Pair]) -> Kappa | None:
    """Of the pairs' two answers; `None` where it is not defined."""
    n = len(pairs)
    if not n:
        return None
    left, right = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    by_chance = sum(left[key] * right[key] for key in left) / n**2
    if by_chance >= 1:
        return None
    same = sum(a == b for a, b in pairs)
    value = (same / n - by_chance) / (1 - by_chance)
    low, high = _interval(pairs, left, right, same / n, by_chance)
    return Kappa(value=value, low=low, high=high, reading=reading(value))


def _interval(
    pairs: Sequence[Pair],
    left: Counter[Hashable],
    right: Counter[Hashable],
    same: float,
    by_chance: float,
) -> tuple[float, float]:
    n = len(pairs)
    value = (same - by_chance) / (1 - by_chance)
    if same in (0.0, 1.0):  # the variance is 0, and says nothing: take that of the raw share
        ends = wilson(same * n, n)
        low, high = ((end - by_chance) / (1 - by_chance) for end in ends)
        return max(-1.0, min(low, value)), min(1.0, max(high, value))
    total = 0.0
    for (a, b), seen in Counter(pairs).items():
        if a == b:
            total += seen / n * ((1 - by_chance) - (left[a] + right[a]) / n * (1 - same)) ** 2
        else:
            total += seen / n * ((1 - same) * (right[a] + left[b]) / n) ** 2
    total -= (same * by_chance - 2 * by_chance + same) ** 2
    error = Z * math.sqrt(max(0.0, total) / n) / (1 - by_chance) ** 2
    return max(-1.0, value - error), min(1.0, value + error)


def reading(value: float) -> Reading:
    """The usual word for a kappa."""
    if value < 0:
        return "worse than chance"
    return next((word for most, word in _READINGS[1:] if value <= most), "almost perfect")


def compared(judgements: Iterable[Judgement]) -> list[Compared]:
    """For each two people and mention that both judged, what they said before either could have
    been told of the other's word. `judgements` come oldest first."""
    by_mention: defaultdict[str, list[Judgement]] = defaultdict(list)
    for one in judgements:
        by_mention[one.mention_id].append(one)
    found: list[Compared] = []
    for said in by_mention.values():
        latest: dict[str, Judgement] = {}
        for at, one in enumerate(said):
            if one.blind and one.by not in latest:
                settled = next((later.at for later in said[at + 1 :] if not later.blind), None)
                found += [Compared(other, one, settled) for other in latest.values()]
            latest[one.by] = one
    return found


def agreements(pairs: Iterable[Compared]) -> list[Agreement]:
    """For each two people; those with most in common first."""
    by_people: defaultdict[tuple[str, str], list[tuple[Judgement, Judgement]]] = defaultdict(list)
    for pair in pairs:
        one, other = sorted((pair.first, pair.second), key=lambda said: said.by)
        by_people[one.by, other.by].append((one, other))
    found = [_agreement(people, said) for people, said in by_people.items()]
    return sorted(found, key=lambda one: (-one.mentions, one.people))


def _agreement(people: tuple[str, str], said: Sequence[tuple[Judgement, Judgement]]) -> Agreement:
    relevance = [(a.relevant, b.relevant) for a, b in said if None not in (a.relevant, b.relevant)]
    tones: list[tuple[SentimentLabel | None, SentimentLabel | None]] = [
        (a.sentiment, b.sentiment) for a, b in said if None not in (a.sentiment, b.sentiment)
    ]
    return Agreement(
        people=people,
        mentions=len(said),
        same_relevance=sum(a == b for a, b in relevance),
        judged_relevance=len(relevance),
        relevance=kappa(relevance),
        same_sentiment=sum(a == b for a, b in tones),
        judged_sentiment=len(tones),
        sentiment=kappa(tones),
    )


def disagreements(pairs: Iterable[Compared]) -> list[Disagreement]:
    """What is still to be decided, the newest first."""
    found = [
        Disagreement(mention_id=pair.first.mention_id, first=pair.first, second=pair.second)
        for pair in pairs
        if pair.settled is None and _differ(pair.first, pair.second)
    ]
    return sorted(found, key=lambda one: one.second.at, reverse=True)


def _differ(first: Judgement, second: Judgement) -> bool:
    return any(
        None not in (a, b) and a != b
        for a, b in ((first.relevant, second.relevant), (first.sentiment, second.sentiment))
    )
