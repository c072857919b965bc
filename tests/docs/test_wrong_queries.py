"""Twenty wrong queries: every message names the cause, shows the place and offers a remedy."""

from collections import defaultdict
from pathlib import Path

import pytest

from streams.criteria.check import Finding, check
from streams.criteria.loading import load_topics

FILE = Path(__file__).with_name("wrong_queries.yaml")

# id: severity, column of the caret (0: none), what the message must say of cause and remedy
EXPECTED: dict[str, tuple[str, int, list[str]]] = {
    "open-bracket": ("error", 1, ["never closed", "add )"]),
    "open-quote": ("error", 6, ["never closed", 'add "']),
    "missing-operand": ("error", 21, ["this ) stands", "missing", "complete or delete the OR"]),
    "lone-minus": ("error", 6, ["a lone -", "close the gap"]),
    "only-not": ("error", 1, ["by what they do not say", "apple AND NOT pie"]),
    "or-not": ("error", 1, ["NOT joined by OR", "apple AND NOT pie"]),
    "too-short": ("error", 9, ["a* would match too much", "write more letters"]),
    "punctuation": ("error", 10, ["no word in this", "punctuation is not searched for"]),
    "never": ("warning", 1, ["bank* is wanted and excluded at once", "never matches", "delete"]),
    "own-word": ("warning", 1, ['every "red apple" is excluded by apple', "narrow NOT apple"]),
    "dead-alternative": ("warning", 12, ["NOT job excludes it", "delete job"]),
    "look-alike": ("warning", 1, ["letter 1, “а”, is Cyrillic small a", "in one alphabet"]),
    "spoken": ("warning", 6, ["“or” is searched for as a word", "write OR"]),
    "mixed": ("advice", 14, ["read as (acme OR (apex AND refund))", "a AND (b OR c)"]),
    "twice": ("warning", 11, ["refund stands twice", "delete one"]),
    "subsumed": ("advice", 12, ["refund* finds all that refunds finds", "delete refunds"]),
    "forms": ("advice", 1, ["банк → банка, банку, банком", "комиссии", "банк* комисси*"]),
    "apostrophe": ("advice", 10, ["l'eau is one word", "(eau OR l'eau OR d'eau)"]),
    "script": ("warning", 9, ["in Cyrillic", "keeps Russian posts out", "add ru"]),
    "sample": ("error", 0, ["does not match", "refund: not in", "refund* would find", "widen"]),
}


@pytest.fixture(scope="module")
def findings() -> dict[str, list[Finding]]:
    found: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in check(load_topics(FILE), advice=True):
        found[finding.topic].append(finding)
    return found


def test_there_are_twenty() -> None:
    assert len(EXPECTED) == 20
    assert [topic.id for topic in load_topics(FILE)] == list(EXPECTED)


@pytest.mark.parametrize("topic", EXPECTED)
def test_the_message_is_worth_reading(topic: str, findings: dict[str, list[Finding]]) -> None:
    severity, column, parts = EXPECTED[topic]
    fitting = [one for one in findings[topic] if all(part in one.message for part in parts)]
    assert fitting, "\n".join(one.message for one in findings[topic])
    said = fitting[0]
    assert said.severity == severity
    assert "remedy: " in said.message
    line = said.line or 0
    assert f"id: {topic}\n" in FILE.read_text("utf-8").splitlines(keepends=True)[line - 1]
    if column:
        first, shown, caret = said.message.splitlines()[:3]
        assert first.startswith(f"column {column}: ")
        assert caret.index("^") == column - 1 + len(shown) - len(shown.lstrip())
        assert "expected: " in said.message


def test_nothing_is_wrong_with_what_is_right(findings: dict[str, list[Finding]]) -> None:
    errors = {topic for topic, some in findings.items() if any(f.severity == "error" for f in some)}
    assert errors == {topic for topic, (severity, _, _) in EXPECTED.items() if severity == "error"}
