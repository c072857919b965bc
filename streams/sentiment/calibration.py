"""After training: where the borders between labels lie, and how often a judgement is right.

Both are read off texts held out, one language at a time. Plain Python: a few thousand texts.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from streams.sentiment.corpora import BY_NAME, LABELLED, LABELS, Example
from streams.sentiment.model import Model, probabilities

_STEP: Final = 0.05
_WIDEST: Final = 1.0  # how far a border may move
_PRICE: Final = 5.0  # of moving a border by one, in macro-F1 times texts
_FEW: Final = 5.0  # texts that speak for taking the model's own confidence
_CAUTION: Final = 0.1  # log-odds less: what is to be judged is newer than what was held out
_SURE_OF: Final = 0.7
_BINS: Final = 10


class Seen(NamedTuple):
    """A text held out: the model's two figures and what is right."""

    pos: float
    neg: float
    label: int


class Figures(NamedTuple):
    """Means over the classes that occur, and how far confidence is from the share of right."""

    texts: int
    accuracy: float
    recall: float
    f1: float
    error: float
    sure: float
    """Accuracy where confidence is 0.7 or more; 0 if it never is."""


def seen(model: Model, examples: Iterable[Example]) -> list[Seen]:
    return [Seen(*model.sums(one.text)[:2], one.label) for one in examples]


def placed(model: Model, held_out: Mapping[str, Sequence[Seen]]) -> Model:
    """The model with its borders moved to where they serve the sets best."""
    pos, neg = _borders(held_out)
    bias = (round(model.head.bias[0] + pos, 5), round(model.head.bias[1] + neg, 5))
    return Model(msgspec.structs.replace(model.head, bias=bias), model.tables)


def _borders(sets: Mapping[str, Sequence[Seen]]) -> tuple[float, float]:
    """What to add to positive and negative: by turns, each where it helps most.

    A move has to pay: the fewer texts, the more, lest borders follow chance.
    """
    count = sum(map(len, sets.values()))
    if not count:
        return 0.0, 0.0
    steps = int(_WIDEST / _STEP)
    moves = [round(_STEP * step, 2) for step in range(-steps, steps + 1)]

    def worth(pos: float, neg: float) -> float:
        return _worth(sets, pos, neg) - _PRICE / count * (abs(pos) + abs(neg))

    pos = neg = 0.0
    for _ in range(2):
        pos = max(moves, key=lambda move: worth(move, neg))
        neg = max(moves, key=lambda move: worth(pos, move))
    return pos, neg


def _worth(sets: Mapping[str, Sequence[Seen]], pos: float, neg: float) -> float:
    """Of borders: macro-F1, counted as if each label were as common as the others, because what is
    to be judged has other shares of them; as they come only where one always prevails."""
    total = says = 0.0
    for name, rows in sets.items():
        source = BY_NAME.get(name, LABELLED)
        tally: Sequence[Sequence[float]] = _tally(rows, pos, neg)
        if not source.skewed:
            tally = [[cell / max(1, sum(row)) for cell in row] for row in tally]
        total += source.say * macro(tally)[1]
        says += source.say
    return total / says


def _tally(rows: Iterable[Seen], pos: float = 0.0, neg: float = 0.0) -> list[list[int]]:
    """Rows by the right label, columns by the given one."""
    tally = [[0] * 3 for _ in LABELS]
    for row in rows:
        a, b = row.pos + pos, row.neg + neg
        tally[row.label][0 if a > 0 and a > b else 1 if b > 0 and b >= a else 2] += 1
    return tally


def macro(tally: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Mean recall and mean F1 over the labels that occur."""
    recalls, scores = [], []
    for at, row in enumerate(tally):
        if there := sum(row):
            recalls.append(row[at] / there)
            scores.append(2 * row[at] / (there + sum(other[at] for other in tally)))
    return sum(recalls) / max(1, len(recalls)), sum(scores) / max(1, len(scores))


def confidence(sets: Mapping[str, Sequence[Seen]]) -> dict[str, tuple[float, float]]:
    """For each label, the line from the odds of the model to the odds of being right, a little
    below what is held out says."""
    points: dict[str, list[tuple[float, float, float]]] = {label: [] for label in LABELS}
    for name, rows in sets.items():
        for row in rows:
            three = probabilities(row.pos, row.neg)
            top = max(range(3), key=three.__getitem__)
            say = BY_NAME.get(name, LABELLED).say
            point = _odds(three[top]), float(top == row.label), say / len(rows)
            points[LABELS[top]].append(point)
    return {label: _line(of_label) for label, of_label in points.items() if len(of_label) > 20}


def _line(points: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """Logistic regression on one figure (Platt), by Newton's steps, held a little near (0, 1)."""
    base, slope = 0.0, 1.0
    total, held = sum(weight for *_, weight in points), _FEW / len(points)
    for _ in range(30):
        g0, g1, h00, h01, h11 = base * held, (slope - 1) * held, held, 0.0, held
        for odds, right, weight in points:
            share = 1 / (1 + math.exp(-base - slope * odds))
            miss, curve = (share - right) * weight / total, share * (1 - share) * weight / total
            g0, g1 = g0 + miss, g1 + miss * odds
            h00, h01, h11 = h00 + curve, h01 + curve * odds, h11 + curve * odds * odds
        by = h00 * h11 - h01 * h01
        base, slope = base - (h11 * g0 - h01 * g1) / by, slope - (h00 * g1 - h01 * g0) / by
    return round(base - _CAUTION, 4), round(slope, 4)


def _odds(share: float) -> float:
    share = min(max(share, 1e-6), 1 - 1e-6)
    return math.log(share / (1 - share))


def figures(model: Model, rows: Sequence[Seen]) -> Figures:
    """How good the model is on texts held out."""
    tally = _tally(rows)
    recall, f1 = macro(tally)
    judged = [_judged(model, row) for row in rows]
    sure = [right for confidence, right in judged if confidence >= _SURE_OF]
    return Figures(
        texts=len(rows),
        accuracy=sum(tally[at][at] for at in range(3)) / max(1, len(rows)),
        recall=recall,
        f1=f1,
        error=_error(judged),
        sure=sum(sure) / len(sure) if sure else 0.0,
    )


def _judged(model: Model, row: Seen) -> tuple[float, bool]:
    three = probabilities(row.pos, row.neg)
    top = max(range(3), key=three.__getitem__)
    base, slope = model.head.confidence.get(LABELS[top], (0.0, 1.0))
    return 1 / (1 + math.exp(-base - slope * _odds(three[top]))), top == row.label


def _error(judged: Sequence[tuple[float, bool]]) -> float:
    """Expected calibration error over ten bins of equal width."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(_BINS)]
    for confidence, right in judged:
        bins[min(int(confidence * _BINS), _BINS - 1)].append((confidence, right))
    gaps = (abs(sum(c - r for c, r in each)) for each in bins)
    return sum(gaps) / max(1, len(judged))
