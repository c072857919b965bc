"""The engine `hybrid`: labels, reasons, targets, explanations, bad input."""

import math
import random
import time

import pytest

from streams.sentiment.hybrid import HybridScorer, shipped
from streams.sentiment.language import SUPPORTED
from streams.sentiment.model import Model

PRAISED = {
    "en": "I love it, the staff were wonderful and everything works great",
    "fr": "J'adore, le personnel était génial et tout est magnifique, merci",
    "ru": "Очень нравится, отличный сервис, спасибо огромное, я люблю вас",
    "de": "Ich liebe es, wunderbar und super schön, danke",
    "es": "Me encanta, es genial y maravilloso, muchas gracias",
    "it": "Lo adoro, bellissimo e fantastico, grazie mille",
    "pt": "Adoro, é lindo e maravilhoso, muito obrigado",
}
BLAMED = {
    "en": "I hate it, the staff were horrible and everything is broken, awful",
    "fr": "Je déteste, c'est nul, horrible et honteux, quelle honte",
    "ru": "Ненавижу, ужасный сервис, отвратительно, бесит",
    "de": "Ich hasse es, schrecklich und scheiße, so schlecht",
    "es": "Lo odio, es horrible, una mierda y una vergüenza",
    "it": "Lo odio, che schifo, orribile e vergognoso",
    "pt": "Odeio, é horrível, péssimo, uma merda",
}


@pytest.fixture(scope="module")
def scorer() -> HybridScorer:
    return HybridScorer()


@pytest.mark.parametrize("lang", SUPPORTED)
def test_praise_and_blame_in_every_language(scorer: HybridScorer, lang: str) -> None:
    good, bad = scorer.score(PRAISED[lang], lang), scorer.score(BLAMED[lang], lang)
    assert (good.label, bad.label) == ("pos", "neg")
    assert good.score > 0 > bad.score
    assert (good.engine, good.scope, good.reason) == ("hybrid", "post", "")
    assert 0.5 < good.confidence <= 1


@pytest.mark.parametrize("tag", ["EN", "en-US", "en_GB", "eng", "", "klingon"])
def test_any_spelling_of_a_tag_and_none(scorer: HybridScorer, tag: str) -> None:
    assert scorer.score(PRAISED["en"], tag).label == "pos"


@pytest.mark.parametrize(
    ("text", "lang", "reason"),
    [
        ("", "en", "no text"),
        (" \n\u00a0\t", "ru", "no text"),
        ("https://shop.example/great/love", "en", "only links or mentions"),
        ("@happy @great: www.best.example", "und", "only links or mentions"),
        ("!?!", "en", "no words, and no emoji that carries sentiment"),
        ("🪨", "fr", "no words, and no emoji that carries sentiment"),
        ("12:30", "en", "no words, and no emoji that carries sentiment"),
        ("\u0301" * 10_000, "en", "no words, and no emoji that carries sentiment"),
        ("\0", "en", "no words, and no emoji that carries sentiment"),
        ("k.", "en", "too little text"),
        ("good xyzzy", "und", "language not identified"),
    ],
)
def test_nothing_to_judge_is_unscored(
    scorer: HybridScorer, text: str, lang: str, reason: str
) -> None:
    answer = scorer.score(text, lang)
    assert (answer.label, answer.reason, answer.score, answer.confidence) == (
        "unscored",
        reason,
        0.0,
        0.0,
    )
    assert scorer.explain(text, lang).contributions == []


def test_another_language_is_unscored_and_named(scorer: HybridScorer) -> None:
    answer = scorer.score("とても良いです", "ja")
    assert answer.label == "unscored"
    assert "language ja is not supported" in answer.reason


@pytest.mark.parametrize(
    ("text", "label"),
    [("😍😍", "pos"), ("😡", "neg"), (")))", "pos"), ("((", "neg"), (":)", "pos")],
)
@pytest.mark.parametrize("lang", ["en", "ru", "ja", "und"])
def test_emoji_alone_are_scored_in_any_language(
    scorer: HybridScorer, text: str, label: str, lang: str
) -> None:
    answer = scorer.score(text, lang)
    assert (answer.label, answer.reason) == (label, "emoji alone")


def test_what_a_negation_governs_counts_otherwise(scorer: HybridScorer) -> None:
    assert scorer.score("the food was good", "en").score > 0.3
    assert scorer.score("the food was not good", "en").score < -0.3


def test_two_targets_of_one_post(scorer: HybridScorer) -> None:
    text = "I love Velora, it is great, but Kestrin is awful and I hate it"
    praised, blamed = (scorer.score(text, "en", [name]) for name in ("velora", "Kestrin"))
    assert (praised.label, blamed.label) == ("pos", "neg")
    assert (praised.scope, blamed.scope) == ("target", "target")


def test_a_name_does_not_count_towards_itself(scorer: HybridScorer) -> None:
    text = "Hell Awful Energy opens a factory in town"
    assert scorer.score(text, "en", ["Hell Awful Energy"]).label == "neu"


def test_a_target_that_is_not_there(scorer: HybridScorer) -> None:
    answer = scorer.score(PRAISED["en"], "en", ["Kestrin", "", " "])
    assert (answer.scope, answer) == ("post", scorer.score(PRAISED["en"], "en"))


def test_the_start_of_a_long_text_is_judged_or_what_is_about_its_target(
    scorer: HybridScorer,
) -> None:
    filler = "The table stands in the hall. " * 400
    text = f"I love it, wonderful. {filler} Kestrin is awful, I hate it. {filler}"
    assert scorer.score(text, "en") == scorer.score(text[:4_096], "en")
    told = scorer.explain(text, "en", ["Kestrin"])
    assert (told.sentiment.label, told.sentiment.scope) == ("neg", "target")
    placed = [one for one in told.contributions if one.start >= 0]
    assert all(one.text == text[one.start : one.end] for one in placed)
    assert "awful" in [one.text for one in placed]


def test_posts_about_banks_and_operators_have_a_model_of_their_own() -> None:
    asked: list[str] = []

    def load(name: str) -> Model:
        asked.append(name)
        return shipped(name)

    scorer = HybridScorer(load)
    scorer.score("Какой хороший день", "ru")
    scorer.score("Сбербанк опять не работает", "ru")
    scorer.score("мой Мегафон молчит", "ru", ["Мегафон"])
    scorer.score("банк", "en")
    assert asked == ["ru", "ru-services", "ru-services", "en"]
    told = scorer.explain("Сбербанк опять не работает", "ru")
    assert told.sentiment.label == "neg"
    total = sum(one.weight for one in told.contributions)
    assert math.isclose(total, told.sentiment.score, abs_tol=1e-3)


def test_ten_thousand_letters_of_unseen_words_take_less_than_a_moment(
    scorer: HybridScorer,
) -> None:
    chance = random.Random(1)
    spent = []
    for _ in range(5):
        text = " ".join("".join(chance.choices("abcdefghijklmnop", k=6)) for _ in range(1_430))
        start = time.process_time()
        scorer.score(text, "en")
        spent.append(time.process_time() - start)
    assert min(spent) < 0.02


def test_a_target_in_a_case_of_its_name(scorer: HybridScorer) -> None:
    assert scorer.score("Отличный сервис в Мегафоне, спасибо", "ru", ["Мегафон"]).scope == "target"


@pytest.mark.parametrize("target", [(), ("Velora",)])
def test_an_explanation_adds_up_to_the_score(scorer: HybridScorer, target: tuple[str, ...]) -> None:
    text = "Velora is NOT soooo good, but I like it!! :) 😀 http://a.example"
    told = scorer.explain(text, "en", target)
    assert told.sentiment == scorer.score(text, "en", target)
    total = sum(one.weight for one in told.contributions)
    assert math.isclose(total, told.sentiment.score, abs_tol=1e-3)
    placed = [one for one in told.contributions if one.start >= 0]
    assert all(one.text == text[one.start : one.end] for one in placed)
    assert any(one.note == "negated" for one in placed)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 65_536,
        "é́" * 30_000,
        "a\u0301" * 10_000,
        "\ud83d" * 5_000 + " good",
        "\0good\0 " * 2_000,
        "not " * 10_000,
        "<p>&nbsp;</p>" * 3_000,
        "😀 x" * 5_000,
        "привет hello 你好 " * 2_000,
        ":" * 30_000,
        "(((" * 20_000 + "x",
        "a'" * 30_000,
        "a****" * 10_000,
    ],
    ids=range(13),
)
def test_bad_input_is_answered_in_bounded_time(scorer: HybridScorer, text: str) -> None:
    start = time.process_time()
    for target in ((), ("good", "a")):
        assert scorer.score(text, "en", target).label
    assert time.process_time() - start < 2
