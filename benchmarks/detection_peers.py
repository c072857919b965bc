"""Detectors that others use, fed the same counts in the same run."""

import math
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Final, NamedTuple

from streams.alerts.detector import Bucket, Detector
from streams.alerts.records import Sensitivity


class Peer(NamedTuple):
    """`make` gives a function of a bucket's start and count that returns its score; one over
    `rings_at`, its usual threshold, rings."""

    name: str
    make: Callable[[], Callable[[float, float], float]]
    rings_at: float


def ours(sensitivity: Sensitivity, seconds: float = 300) -> Callable[[float, float], float]:
    """Veille's detector: the score where it rings, else 0."""
    detector = Detector(sensitivity, seconds)

    def score(start: float, count: float) -> float:
        verdict = detector.update(Bucket(start, count))
        return verdict.score if verdict.severity else 0.0

    return score


def _z_score() -> Callable[[float, float], float]:
    """Mean and deviation of a day, fading."""
    mean, variance, seen = 0.0, 1.0, 0
    fade: Final = 1.0 / 288.0

    def score(_: float, count: float) -> float:
        nonlocal mean, variance, seen
        off = count - mean
        found = off / math.sqrt(variance + 1e-9) if seen > 576 else 0.0
        seen += 1
        weight = max(fade, 1.0 / seen)
        mean += weight * off
        variance += weight * (off * off - variance)
        return max(0.0, found)

    return score


def _largest() -> Callable[[float, float], float]:
    """A quarter of an hour against the largest of two days before it."""
    values: list[float] = []
    means: list[float] = []

    def score(_: float, count: float) -> float:
        values.append(count)
        mean = sum(values[-3:]) / 3
        top = max(means, default=math.inf)
        means.append(mean)
        del values[:-3], means[:-600]
        return max(0.0, math.log((mean + 2) / (top + 2))) if len(means) == 600 else 0.0

    return score


def peers() -> Iterator[Peer]:
    """Ours first; `river`'s where it is installed."""
    yield Peer("Veille, normal", lambda: ours("normal"), 0.0)
    yield Peer("adaptive z-score (1 day), z > 4", _z_score, 4.0)
    yield Peer("largest of two days before", _largest, 0.3)
    try:
        anomaly = import_module("river.anomaly")
    except ImportError:
        print("river is not installed: its detectors are left out. Remedy: pip install river")
        return
    yield Peer(
        "river GaussianScorer (288), > .9999",
        lambda: _river_supervised(anomaly.GaussianScorer(window_size=288, grace_period=100)),
        0.9999,
    )
    yield Peer(
        "river StandardAbsoluteDeviation, > 6",
        lambda: _river_supervised(anomaly.StandardAbsoluteDeviation()),
        6.0,
    )
    yield Peer(
        "river HalfSpaceTrees (288), > .95",
        lambda: _river(anomaly.HalfSpaceTrees(n_trees=10, height=6, window_size=288, seed=1)),
        0.95,
    )


def _river_supervised(model: Any) -> Callable[[float, float], float]:
    def score(_: float, count: float) -> float:
        found = float(model.score_one(None, count))
        model.learn_one(None, count)
        return found if math.isfinite(found) else 0.0

    return score


def _river(model: Any) -> Callable[[float, float], float]:
    def score(_: float, count: float) -> float:
        features = {"count": 1.0 - 1.0 / (1.0 + count)}  # its trees cut the unit interval
        found = float(model.score_one(features))
        model.learn_one(features)
        return found

    return score
