"""The language of rules, and the places it complains of."""

import pytest

from streams.alerts.records import Counts
from streams.alerts.rules import Rule, RuleError, parse


@pytest.mark.parametrize(
    ("text", "measure", "least", "seconds"),
    [
        ("negative >= 20 in 15m", "negative", 20, 900),
        ("mentions>=1,000 in 1h", "mentions", 1000, 3600),
        ("Share negative >= 50% in 1h", "share negative", 0.5, 3600),
        ("any mention by followers >= 100000", "followers", 100_000, 300),
        ("any mention by followers >= 100k", "followers", 100_000, 300),
        ("any mention", "any", 1, 300),
        ("reach >= 5000 in 1d", "reach", 5000, 86_400),
    ],
)
def test_rules_are_read(text: str, measure: str, least: float, seconds: int) -> None:
    found = parse(text)
    assert (found.text, found.measure, found.least, found.seconds) == (
        text, measure, least, seconds,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        ("", 1, "expected one of mentions"),
        ("anger >= 5 in 1h", 1, "expected one of mentions"),
        ("negative > 5 in 1h", 10, "expected >="),
        ("negative >= many in 1h", 13, "expected a number"),
        ("negative >= 5%  in 1h", 13, "expected a number"),
        ("negative >= 5", 15, "expected in"),
        ("negative >= 5 in 1m", 18, "from 5m to 24h"),
        ("negative >= 5 in 3w", 18, "from 5m to 24h"),
        ("share negative >= 50 in 1h", 19, "a percentage"),
        ("share negative >= 150% in 1h", 19, "a percentage"),
        ("share anger >= 50% in 1h", 7, "expected negative or positive"),
        ("negative >= 5 in 1h now", 21, "nothing more"),
        ("any mention by name >= 3", 16, "expected followers"),
    ],
)
def test_errors_name_the_place(text: str, column: int, problem: str) -> None:
    with pytest.raises(RuleError, match=problem) as told:
        parse(text)
    assert told.value.column == column
    lines = str(told.value).splitlines()
    assert lines[-1].index("^") == column + 1


def holds(rule: str, *counts: Counts) -> bool:
    return parse(rule).holds(counts)


def test_rules_hold() -> None:
    quiet, loud = Counts(total=4, neg=3), Counts(total=8, neg=4, unscored=2, followers=9)
    assert holds("negative >= 7 in 15m", quiet, loud)
    assert not holds("negative >= 8 in 15m", quiet, loud)
    assert holds("share negative >= 60% in 1h", loud)
    assert not holds("share negative >= 60% in 1h", quiet), "four posts are no share"
    assert holds("any mention by followers >= 9", quiet, loud)
    assert holds("any mention", quiet)
    assert not holds("any mention")
    assert Rule(text="", measure="negative", seconds=301).buckets == 2
