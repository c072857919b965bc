"""What answers are worth: accuracy, recall, F1, calibration; pure, so that tests reckon by hand."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

LABELS: Final = ("pos", "neg", "neu")
SURE: Final = 0.7
"""The confidence from which an answer should be right in 78 of a hundred."""

_BINS: Final = 10


class Answer(NamedTuple):
    """A label, or `unscored`; `confidence` is `None` from an engine that has none."""

    label: str
    confidence: float | None = None


class Figures(NamedTuple):
    """`error` is the expected calibration error, `sure` the accuracy where confidence is at least
    `SURE`, `share` how many texts that is; `None` where there is nothing to measure."""

    accuracy: float
    recall: float
    f1: float
    unscored: float
    error: float | None = None
    sure: float | None = None
    share: float | None = None


class Identified(NamedTuple):
    """How well languages are told; `called` is the share of texts in a language that is not
    supported which are called one that is."""

    right: float
    f1: float
    called: float | None


def figures(truth: Sequence[str], answers: Sequence[Answer]) -> Figures:
    """Recall and F1 are means over the classes that occur; an unscored text counts as wrong."""
    labels = [answer.label for answer in answers]
    right = Counter(label for label, given in zip(truth, labels, strict=True) if label == given)
    are, called = Counter(truth), Counter(labels)
    there = [label for label in LABELS if are[label]]
    judged = [
        (answer.confidence, answer.label == label)
        for label, answer in zip(truth, answers, strict=True)
        if answer.confidence is not None and answer.label != "unscored"
    ]
    sure = [hit for confidence, hit in judged if confidence >= SURE]
    return Figures(
        accuracy=right.total() / len(truth),
        recall=sum(right[label] / are[label] for label in there) / len(there),
        f1=sum(2 * right[label] / (are[label] + called[label]) for label in there) / len(there),
        unscored=called["unscored"] / len(labels),
        error=calibration_error(judged) if judged else None,
        sure=sum(sure) / len(sure) if sure else None,
        share=len(sure) / len(truth) if judged else None,
    )


def calibration_error(judged: Sequence[tuple[float, bool]]) -> float:
    """How far confidence is from accuracy, at the mean over texts: in ten bins of equal width the
    distance between mean confidence and the share of right answers (Naeini et al., AAAI 2015)."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for confidence, hit in judged:
        bins.setdefault(min(int(confidence * _BINS), _BINS - 1), []).append((confidence, hit))
    gaps = (
        abs(sum(confidence for confidence, _ in held) - sum(hit for _, hit in held))
        for held in bins.values()
    )
    return sum(gaps) / len(judged)


def identified(answers: Mapping[str, Sequence[str]], supported: Sequence[str]) -> Identified:
    """`answers` by the language texts are in. A text in a language that is not supported is told
    right as long as it isn't called one that is; F1 is a mean over supported languages."""
    pairs = [(code, answer) for code, given in answers.items() for answer in given]
    others = [answer for code, answer in pairs if code not in supported]
    hits = Counter(code for code, answer in pairs if code == answer)
    called = Counter(answer for _, answer in pairs)
    there = [code for code in answers if code in supported and answers[code]]
    wrong = sum(answer in supported for answer in others)
    right = sum(hits[code] for code in there) + len(others) - wrong
    each = [2 * hits[code] / (len(answers[code]) + called[code]) for code in there]
    return Identified(
        right=right / len(pairs),
        f1=sum(each) / len(each) if each else 0.0,
        called=wrong / len(others) if others else None,
    )
