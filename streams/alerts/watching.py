"""How a topic is watched: its sensitivity, what rings, and what false alarms that may cost."""

from collections.abc import Iterable
from math import log10
from pathlib import Path
from typing import Final

import msgspec

from streams.alerts.records import Sensitivity
from streams.alerts.rules import Rule, RuleError, parse
from streams.criteria.topics import Topic
from streams.errors import ConfigError

LEAST_SCORE: Final[dict[Sensitivity, float]] = {"low": 5.2, "normal": 4.3, "high": 3.6}
"""Surprise at which a topic of its own rings, in powers of ten."""
TESTS_A_WEEK: Final = 2_000
"""Independent looks that a week of four windows, which overlap, amounts to: fitted on simulated
topics of 0.5 to 500 mentions a bucket, which ring falsely about once a month at `normal`."""
LEAST_MORE: Final[dict[Sensitivity, tuple[float, ...]]] = {
    "low": (9, 12, 15, 22),
    "normal": (6, 8, 10, 15),
    "high": (3, 4, 6, 9),
}
"""Negative mentions beyond the expected in each window, below which nobody is woken, however rare
that is: three posts about a topic without any are no crisis."""
TIMES_AS_MANY: Final[dict[Sensitivity, float]] = {"low": 20.0, "normal": 10.0, "high": 3.0}
"""Mentions against the expected, from which volume alone rings, be they glad or neutral."""


class Watching(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine is told of a topic."""

    sensitivity: Sensitivity = "normal"
    urgent: bool = False
    rules: tuple[Rule, ...] = ()


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """False alarms that all topics together may cost in a week, and how many topics share them."""

    weekly: float = 2.0
    topics: int = 1

    def score(self, sensitivity: Sensitivity) -> float:
        """Surprise at which a topic rings: its sensitivity's, and as much more as the topics are
        too many for the budget (Bonferroni's correction, which needs no order of the topics)."""
        shared = log10(TESTS_A_WEEK * max(1, self.topics) / max(self.weekly, 1e-3))
        return max(LEAST_SCORE[sensitivity], shared)

    def expected(self, sensitivity: Sensitivity = "normal") -> float:
        """False alarms a week to be expected of all topics, if all have this sensitivity."""
        found: float = self.topics * TESTS_A_WEEK * 10.0 ** -self.score(sensitivity)
        return found


def watching(topic: Topic, usual: Sensitivity = "normal", path: Path | None = None) -> Watching:
    """How a topic wants to be watched. Raises `ConfigError` that shows the rule that can't be
    read, and where it stands."""
    return Watching(
        sensitivity=topic.sensitivity or usual,
        urgent=topic.urgent,
        rules=tuple(_rule(topic, text, path) for text in topic.rules),
    )


def check(topics: Iterable[Topic], path: Path) -> None:
    """Raises `ConfigError` for the first rule that can't be read."""
    for topic in topics:
        watching(topic, path=path)


def _rule(topic: Topic, text: str, path: Path | None) -> Rule:
    try:
        return parse(text)
    except RuleError as error:
        where = f"{path or 'topics'}:{topic.line}" if topic.line else str(path or "topics")
        raise ConfigError(
            f"{where}: topic {topic.id}: rule, column {error.column}: {error}\n  remedy: write it "
            "like `negative >= 20 in 15m` or `any mention by followers >= 100000` (docs/alerts.md)"
        ) from None
