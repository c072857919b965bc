"""The engine `hybrid` over any text: bounds, the quick way equal to the slow, sums that add up."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.sentiment.hybrid import HybridScorer, shipped
from streams.sentiment.language import SUPPORTED

WORDS = (
    "good bad NOT never but , . ! ? :) ))) (( 😀 😡 @you #love http://a.example Velora n't sooo "
    "не плохо хорошо pas bien ne nicht gut no malo non bello não bom 12"
)
PIECES = st.sampled_from([*WORDS.split(), "\n", "\0", "\u0301", "\ud83d"])
TEXTS = st.one_of(
    st.text(st.characters(), max_size=80),
    st.lists(PIECES, max_size=25).map(" ".join),
    st.lists(PIECES, max_size=12).map("".join),
)
LANGS = st.sampled_from([*SUPPORTED, "", "und", "ja", "en-US", "nonsense"])
TARGETS = st.lists(st.one_of(st.just("Velora"), st.just("good"), st.text(max_size=5)), max_size=3)

scorer = HybridScorer()


@settings(max_examples=300)
@given(TEXTS, LANGS, TARGETS)
def test_an_answer_is_within_bounds(text: str, lang: str, target: list[str]) -> None:
    answer = scorer.score(text, lang, target)
    assert -1 <= answer.score <= 1
    assert 0 <= answer.confidence <= 1
    assert answer.engine == "hybrid"
    if answer.label == "unscored":
        assert answer.reason
        assert (answer.score, answer.confidence) == (0, 0)
    assert answer == scorer.score(text, lang, target)


@settings(max_examples=300)
@given(TEXTS, LANGS, TARGETS)
def test_what_explains_adds_up(text: str, lang: str, target: list[str]) -> None:
    told = scorer.explain(text, lang, target)
    assert told.sentiment == scorer.score(text, lang, target)
    total = math.fsum(one.weight for one in told.contributions)
    assert total == pytest.approx(told.sentiment.score, abs=2e-4)
    for one in told.contributions:
        assert one.start == one.end == -1 or one.text == text[one.start : one.end]


@settings(max_examples=300)
@given(TEXTS, st.sampled_from(SUPPORTED))
def test_the_quick_way_is_the_slow_way(text: str, lang: str) -> None:
    model = shipped(lang)
    pos, neg, _ = model.sums(text)
    parts = model.parts(text)
    assert pos == pytest.approx(math.fsum(part.pos for part in parts), abs=1e-9)
    assert neg == pytest.approx(math.fsum(part.neg for part in parts), abs=1e-9)
