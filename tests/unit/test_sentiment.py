"""The scorer: labels, reasons, and never a false neutral."""

import time
from typing import get_args

import pytest

from streams.errors import ConfigError
from streams.sentiment import Scorer, build_scorer
from streams.sentiment.scorer import ENGINES, confidence_of
from streams.settings import Sentiment as Sentiments

ENGLISH = "The staff were {} and the room was upstairs"


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return build_scorer("vader")


def test_english_is_scored(scorer: Scorer) -> None:
    good = scorer.score(ENGLISH.format("wonderful"), "en")
    bad = scorer.score(ENGLISH.format("horrible"), "en")
    assert (good.label, bad.label) == ("pos", "neg")
    assert good.score > 0.05 > -0.05 > bad.score
    assert (good.engine, good.scope, good.reason) == ("vader", "post", "")


def test_english_without_a_sentiment_word_is_neutral_and_says_so(scorer: Scorer) -> None:
    answer = scorer.score(ENGLISH.format("there"), "en")
    assert (answer.label, answer.score, answer.reason) == ("neu", 0.0, "no sentiment words")
    assert answer.confidence == 0.5


def test_words_in_balance_are_neutral_with_less_confidence(scorer: Scorer) -> None:
    answer = scorer.score("I like the food and dislike the noise", "en")
    assert -0.05 < answer.score < 0.05
    assert (answer.label, answer.reason) == ("neu", "sentiment words in balance")
    assert answer.confidence < 0.5


@pytest.mark.parametrize("lang", ["ru", "fr", "ja", "RU", "fr-CA", "rus"])
def test_another_language_is_unscored_and_named(scorer: Scorer, lang: str) -> None:
    answer = scorer.score("no good or bad in it", lang)
    assert (answer.label, answer.score, answer.confidence) == ("unscored", 0.0, 0.0)
    assert f"language {lang[:2].lower()} is not supported" in answer.reason


@pytest.mark.parametrize("lang", ["en", "EN", "en-US", "en_GB", "eng", "", "no-such-tag-as-this"])
def test_english_under_any_spelling_of_its_tag(scorer: Scorer, lang: str) -> None:
    assert scorer.score(ENGLISH.format("wonderful"), lang).label in {"pos", "unscored"}


def test_without_a_tag_the_language_is_identified(scorer: Scorer) -> None:
    assert scorer.score(ENGLISH.format("wonderful"), "").label == "pos"
    assert scorer.score(ENGLISH.format("wonderful"), "klingon").label == "pos"
    french = scorer.score("Le personnel était formidable et la chambre prête", "")
    assert french.label == "unscored"
    assert "language fr" in french.reason


def test_an_undetermined_language_is_unscored(scorer: Scorer) -> None:
    answer = scorer.score("good xyzzy", "und")
    assert (answer.label, answer.reason) == ("unscored", "language not identified")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no text"),
        (" \n\u00a0\t", "no text"),
        ("https://shop.example/great/love", "only links or mentions"),
        ("@happy @great: www.best.example", "only links or mentions"),
        ("🪨", "no words, and no emoji that carries sentiment"),
        ("12:30", "no words, and no emoji that carries sentiment"),
        ("\u0301" * 10_000, "no words, and no emoji that carries sentiment"),
        ("\0", "no words, and no emoji that carries sentiment"),
    ],
)
@pytest.mark.parametrize("lang", ["en", "ru", "und", "", "x" * 1_000])
def test_nothing_to_judge_is_unscored(scorer: Scorer, text: str, reason: str, lang: str) -> None:
    answer = scorer.score(text, lang)
    assert (answer.label, answer.score, answer.reason) == ("unscored", 0.0, reason)


@pytest.mark.parametrize("lang", ["en", "ru", "und", ""])
def test_emoji_alone_speak_every_language(scorer: Scorer, lang: str) -> None:
    answer = scorer.score("😍 :)", lang)
    assert (answer.label, answer.reason) == ("pos", "emoji alone")
    assert scorer.score("😢", lang).label == "neg"


def test_a_target_that_is_not_there_changes_nothing(scorer: Scorer) -> None:
    text = ENGLISH.format("wonderful")
    assert scorer.score(text, "en", ["Nowhere Ltd", "", "\ud800"]) == scorer.score(text, "en")
    assert scorer.score(text, "en", ["staff"]).scope == "post"


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "good ",
        "but good ",
        "😀",
        "\u0301",
        "<",
        "<a>",
        "@a ",
        "&amp;",
        "!",
        "x.",
        "\ud800",
        "\0",
        "хорошо good ",
        "no ",
        "https",
        ".",
    ],
)
@pytest.mark.parametrize("lang", ["en", "", "zz"])
def test_any_64_kib_are_answered_in_bounded_time(scorer: Scorer, unit: str, lang: str) -> None:
    text = unit * (65_536 // len(unit))
    start = time.perf_counter()
    answer = scorer.score(text, lang)
    assert time.perf_counter() - start < 1
    assert -1 <= answer.score <= 1
    assert 0 <= answer.confidence <= 1
    assert answer.label != "unscored" or answer.reason


def test_what_lies_beyond_64_ki_characters_is_not_read(scorer: Scorer) -> None:
    plain = "the table " * 6_553
    answer = scorer.score(plain + " " * 100 + "wonderful " * 100, "en")
    assert answer.reason == "no sentiment words"


def test_confidence_grows_with_the_strength_of_the_score() -> None:
    steps = [confidence_of(score / 100) for score in range(5, 101)]
    assert steps == sorted(steps)
    assert len(set(steps)) == len(steps)
    assert confidence_of(-0.5) == confidence_of(0.5)
    assert 0 < steps[0] < steps[-1] < 1


def test_settings_name_the_engines_there_are() -> None:
    assert set(get_args(Sentiments.model_fields["engine"].annotation)) == set(ENGINES)
    assert build_scorer().score("good", "en").engine == Sentiments().engine


def test_an_unknown_engine_is_named_with_the_remedy() -> None:
    with pytest.raises(ConfigError, match=r"'oracle': no such engine\. Remedy: one of .*vader"):
        build_scorer("oracle")
