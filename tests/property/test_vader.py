"""Our VADER against the library itself, on texts made of what its rules look at: no difference."""

import random
import time
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from vaderSentiment import vaderSentiment as library  # noqa: N813 - a module

from streams.sentiment.vader import EMOJI as EMOJI_BLOCKS
from streams.sentiment.vader import RARE, Vader

analyzer = library.SentimentIntensityAnalyzer()
vader = Vader()

LEXICON = sorted(analyzer.lexicon)
EMOJI = sorted(analyzer.emojis)
PHRASES = [*library.SPECIAL_CASES, *(name for name in library.BOOSTER_DICT if " " in name)]
RULED = sorted(
    {*library.NEGATE, *library.BOOSTER_DICT, *library.SPECIAL_CASES, *" ".join(PHRASES).split()}
    | {"no", "or", "nor", "but", "least", "at least", "very least", "at", "very", "so", "this"}
    | {"never so", "never this", "without doubt", "without a doubt", "kind of", "hadn't", "xn't"}
)
PLAIN = [
    "table",
    "the",
    "a",
    "I",
    "Paris",
    "стол",
    "é",
    "ß",
    "İ",
    "ΑΣ",
    "x",
    "don’t",
    "42",
    "\ud800",
]
EDGES = ["", "!", "!!!", "?", "??", "?!?", "...", "'", '"', ",", ":", ")", "(", "*", "-", "@", "#"]
SPACES = [" ", " ", " ", "  ", "\n", "\t", "\u00a0", "\u2003", "\u200b", "\x1c", "\0", ""]
CASES: list[Callable[[str], str]] = [str, str, str, str.upper, str.title, str.swapcase]


def compare(text: str) -> None:
    expected = analyzer.polarity_scores(text)
    assert vader.polarity(text)._asdict() == expected, repr(text)
    assert vader.compound(text)[0] == expected["compound"], repr(text)


words = st.one_of(
    st.sampled_from(RULED),
    st.sampled_from(LEXICON),
    st.sampled_from(EMOJI),
    st.sampled_from(PLAIN),
)
tokens = st.builds(
    lambda before, word, case, after: before + case(word) + after,
    st.sampled_from(EDGES),
    words,
    st.sampled_from(CASES),
    st.sampled_from(EDGES),
)
posts = st.lists(st.tuples(tokens, st.sampled_from(SPACES)), max_size=14).map(
    lambda pairs: "".join(token + space for token, space in pairs)
)


@settings(max_examples=1_500, deadline=None)
@given(posts)
@example("never so good but never this bad, at least the shit was to die for")
@example("my heart is a beating heart, still a kind of kiss of death for us all")
@example("GOOD bad, the best: SO nice but Very GOOD")
@example("VERY GOOD, NOT BAD")
@example("they shouldn't've and didn'ttt, K\u212aI\u212a LI\u212aE n't good GOODN'T bad")
@example("good good good but good bad bad good GOOD")
@example("NO problem, no good or bad, no GOOD nor bad")
@example("\U0001f600good \U0001f600\U0001f493 x\u2764\ufe0f")
def test_scores_equal_the_library_on_built_posts(text: str) -> None:
    compare(text)


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=60))
def test_scores_equal_the_library_on_any_text(text: str) -> None:
    compare(text)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["good", "bad", "nice", "BAD", "ok!", "but", "x"]), max_size=150))
def test_scores_equal_the_library_on_long_texts_with_many_equal_values(parts: list[str]) -> None:
    compare(" ".join(parts))


def test_scores_equal_the_library_on_twenty_thousand_seeded_posts() -> None:
    chance = random.Random(20_240)
    kinds = (RULED, RULED, LEXICON, LEXICON, PLAIN, PLAIN, PLAIN, EMOJI)
    for _ in range(20_000):
        parts: list[str] = []
        for _ in range(chance.randrange(1, 12)):
            case = chance.choice(CASES)
            parts += case(chance.choice(chance.choice(kinds))), chance.choice(EDGES)
            parts.append(chance.choice(SPACES))
        compare("".join(parts))


def test_every_phrase_has_a_rare_word() -> None:
    for phrase in PHRASES:
        parts = phrase.split()
        assert len(parts) == 1 or RARE.intersection(parts), phrase
        assert len(parts) == 1 or parts[0] not in analyzer.lexicon or parts[0] in RARE, phrase


def test_every_emoji_lies_in_the_blocks_that_are_searched() -> None:
    assert all(EMOJI_BLOCKS.match(emoji) for emoji in EMOJI if len(emoji) == 1)


def test_no_booster_weighs_by_itself() -> None:
    """The linear engine relies on it: what scales is never scored."""
    assert not analyzer.lexicon.keys() & library.BOOSTER_DICT.keys()


def test_explain_gives_the_valences_that_are_summed() -> None:
    found = vader.explain("The food was GOOD, but not the service: awful!")
    assert [word for word, _ in found] == ["good", "awful"]
    assert found[0][1] == pytest.approx((1.9 + 0.733) * 0.5)
    assert found[1][1] == pytest.approx(-2.0 * 1.5 * -0.74)
    assert vader.explain("a table") == []


def test_more_spellings_than_are_remembered_change_nothing() -> None:
    """Enough of them to fill the memory and to have it start afresh, more than once."""
    chance = random.Random(7)
    small = Vader(remembered=60)
    text = "not so good, but never this BAD!"
    before = small.polarity(text)
    for _ in range(10):
        made = (f"good{''.join(chance.choices('.,!?', k=9))}" for _ in range(1_000))
        small.polarity(" ".join(made))
        assert small.polarity(text) == before


@pytest.mark.parametrize(
    "unit",
    [
        "good bad ",
        "but good bad ",
        "\U0001f600",
        "never so GOOD the shit ",
        "VERY GOOD ",
        "xn't good ",
        "no ",
        "a",
        "!",
        "\u0301",
        "good but nice bad great awful ",
    ],
)
def test_time_grows_no_faster_than_the_text(unit: str) -> None:
    """A quadratic engine takes 64 times as long for a text eight times as long."""
    short, long = unit * (8_192 // len(unit)), unit * (65_536 // len(unit))
    fresh = Vader()
    fresh.polarity(short)
    assert _seconds(fresh, long) < 24 * _seconds(fresh, short) + 0.01


def _seconds(engine: Vader, text: str) -> float:
    """The best of five runs: what else the machine does only ever adds."""
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        engine.polarity(text)
        taken.append(time.perf_counter() - start)
    return min(taken)
