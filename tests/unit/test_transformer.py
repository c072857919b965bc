"""The engine `transformers` over a tiny model made here: real files, real inference."""

import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streams.errors import ConfigError
from streams.sentiment import build_scorer
from streams.sentiment.transformer import Asked, TransformerScorer, nothing_to_judge
from streams.settings import Sentiment as Sentiments
from tests.support.tiny_model import POSITIONS, require_transformers, write_model
from tests.support.veille import environment


@pytest.fixture(autouse=True)
def _extra() -> None:
    require_transformers()


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_transformers()
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def scorer(directory: Path) -> TransformerScorer:
    return TransformerScorer(directory)


def share(*logits: float) -> list[float]:
    """Softmax, worked out anew."""
    raised = [math.exp(logit) for logit in logits]
    return [value / sum(raised) for value in raised]


def test_the_answer_is_the_softmax_of_the_logits(scorer: TransformerScorer) -> None:
    good = scorer.score("The food: good", "en")
    negative, neutral, positive = share(-1, 0, 1)
    assert (good.label, good.engine, good.scope, good.reason) == ("pos", "transformers", "post", "")
    assert good.confidence == pytest.approx(positive, abs=6e-4)
    assert good.score == pytest.approx(positive - negative, abs=6e-4)
    assert scorer.score("awful food", "en").label == "neg"
    plain = scorer.score("the table", "en")
    assert (plain.label, plain.score) == ("neu", 0.0)
    assert plain.confidence == pytest.approx(1 / 3, abs=6e-4)
    assert neutral < positive


def test_many_are_answered_as_each_alone_and_in_order(scorer: TransformerScorer) -> None:
    texts = ["good", "", "the bad food", "great " * 40, "zzz", "table", "@only", "awful"] * 20
    asked = [Asked(text, "en") for text in texts]
    together = scorer.score_many(asked)
    assert together == [scorer.score(text, "en") for text in texts]
    assert [answer.label for answer in together[:8]] == [
        "pos",
        "unscored",
        "neg",
        "pos",
        "unscored",
        "neu",
        "unscored",
        "neg",
    ]
    assert scorer.score_many([]) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no text"),
        (" \n\t", "no text"),
        ("https://good.example @great", "only links or mentions"),
        ("12:30", "no words and no emoji"),
        ("\u0301" * 10_000, "no words and no emoji"),
        ("\0", "no words and no emoji"),
        ("xyzzy plugh", "no words that the model knows"),
    ],
)
def test_nothing_to_judge_is_unscored(scorer: TransformerScorer, text: str, reason: str) -> None:
    answer = scorer.score(text, "en")
    assert (answer.label, answer.score, answer.confidence) == ("unscored", 0.0, 0.0)
    assert answer.reason == reason


def test_emoji_alone_are_judged_in_any_language(directory: Path) -> None:
    scorer = TransformerScorer(directory, ["en"])
    assert scorer.score("😍", "ru").label == "pos"
    assert nothing_to_judge(":)") == nothing_to_judge(")))") == ""


def test_languages_that_it_was_not_made_for_are_unscored(directory: Path) -> None:
    scorer = TransformerScorer(directory, ["en", "pt-BR"])
    assert scorer.score("good", "en-US").label == "pos"
    assert scorer.score("good", "pt").label == "pos"
    french = scorer.score("good", "fr")
    assert (french.label, "language fr is not supported" in french.reason) == ("unscored", True)
    assert "set to en, pt" in french.reason
    assert scorer.score("good", "und").reason == "language not identified"
    assert scorer.score("The food here is good and the people are great", "").label == "pos"
    with pytest.raises(ConfigError, match=r"'klingon' is no language\. Remedy: codes"):
        TransformerScorer(directory, ["klingon"])


def test_any_language_is_judged_where_none_is_set(scorer: TransformerScorer) -> None:
    assert scorer.score("good", "und").label == "pos"


def test_the_target_is_told_as_the_second_text_of_a_pair(directory: Path) -> None:
    scorer = TransformerScorer(directory, target_as="pair")
    answer = scorer.score("Acmeron good", "en", ["Elsewhere", "acmeron"])
    assert (answer.scope, answer.reason) == ("target", "")
    assert answer.label == "neu", "the tiny model is neutral of pairs"
    missing = scorer.score("Acmeron good", "en", ["Vexil", " "])
    assert (missing.label, missing.scope) == ("pos", "post")
    assert missing.reason == "the target is not named in the text"
    assert scorer.score("good " * 100 + "Acmeron", "en", ["acmeron " * 40]).label == "pos"


def test_the_target_is_told_as_a_prefix(directory: Path) -> None:
    scorer = TransformerScorer(directory, target_as="prefix")
    answer = scorer.score("acmeron bad", "en", ["Acmeron"])
    assert (answer.label, answer.scope) == ("neg", "target")


def test_the_target_is_left_out_where_the_model_takes_none(scorer: TransformerScorer) -> None:
    answer = scorer.score("acmeron bad", "en", ["Acmeron"])
    assert (answer.label, answer.scope, answer.reason) == ("neg", "post", "")


def test_a_long_text_is_cut_to_the_length_of_the_model(scorer: TransformerScorer) -> None:
    read = POSITIONS - 2  # its own two marks
    within = "table " * (read - 1) + "great"
    beyond = "table " * read + "great"
    assert scorer.score(within, "en").label == "pos"
    assert scorer.score(beyond, "en").label == "neu"


@pytest.mark.parametrize(
    "unit", ["a", "good ", "😀", "\u0301", "<a>", "&amp;", "\ud800", "\0", "хорошо ", "https", "."]
)
def test_any_64_kib_are_answered_in_bounded_time(scorer: TransformerScorer, unit: str) -> None:
    text = unit * (65_536 // len(unit))
    start = time.perf_counter()
    answer = scorer.score(text, "en", [unit, text])
    assert time.perf_counter() - start < 1
    assert answer.label != "unscored" or answer.reason


def test_threads_may_share_it(scorer: TransformerScorer) -> None:
    answers: list[str] = []

    def ask(text: str) -> None:
        answers.append(scorer.score(text, "en").label)

    work = [threading.Thread(target=ask, args=[text]) for text in ["good", *["awful"] * 8]]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join(10)
    assert sorted(answers) == ["neg"] * 8 + ["pos"]


@pytest.mark.parametrize("file", ["model.onnx", "onnx/model.onnx", "onnx/model_quantized.onnx"])
def test_the_model_is_found_in_either_place(tmp_path: Path, file: str) -> None:
    write_model(tmp_path, file=file)
    assert TransformerScorer(tmp_path).score("good", "en").label == "pos"


def test_a_graph_without_segments_and_of_short_numbers(tmp_path: Path) -> None:
    write_model(tmp_path, inputs=("input_ids", "attention_mask"), kind="INT32")
    assert TransformerScorer(tmp_path, target_as="pair").score("good", "en").label == "pos"


@pytest.mark.parametrize(
    "labels",
    [
        {"0": "negative", "1": "neutral", "2": "positive"},
        {"0": "NEG", "1": "NEU", "2": "POS"},
        {"2": "Very Positive", "1": "Neutral", "0": "very negative"},
        {"0": "1 star", "1": "3 stars", "2": "5 stars"},
        {"0": "2", "1": "3", "2": "4"},
    ],
)
def test_classes_are_told_by_their_names(tmp_path: Path, labels: dict[str, str]) -> None:
    scorer = TransformerScorer(write_model(tmp_path, labels=labels))
    found = [scorer.score(text, "en").label for text in ("awful", "great")]
    assert found == ["neg", "pos"]


def test_the_order_of_classes_is_the_models(tmp_path: Path) -> None:
    labels = {"0": "positive", "1": "neutral", "2": "negative"}
    scorer = TransformerScorer(write_model(tmp_path, labels=labels))
    assert scorer.score("great", "en").label == "neg"


def test_five_stars_share_three_classes(tmp_path: Path) -> None:
    stars = {str(n): f"{n + 1} star{'s' * (n > 0)}" for n in range(5)}
    scorer = TransformerScorer(write_model(tmp_path, labels=stars, classes=5))
    answer = scorer.score("awful", "en")  # logits 2, 0, -2, 0, 0
    one, two, three, four, five = share(2, 0, -2, 0, 0)
    assert answer.label == "neg"
    assert answer.confidence == pytest.approx(one + two, abs=6e-4)
    assert answer.score == pytest.approx(four + five - one - two, abs=6e-4)
    assert three < one


def test_a_model_without_a_neutral_class_never_says_neutral(tmp_path: Path) -> None:
    labels = {"0": "NEGATIVE", "1": "POSITIVE"}
    scorer = TransformerScorer(write_model(tmp_path, labels=labels, classes=2))
    assert scorer.score("awful", "en").label == "neg"


def _nothing(_: Path) -> None:
    pass


def _without(name: str) -> Callable[[Path], None]:
    return lambda path: (path / name).unlink()


def _with(name: str, content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        (path / name).write_bytes(content)

    return write


@pytest.mark.parametrize(
    ("options", "harm", "message"),
    [
        ({}, _without("model.onnx"), r"model\.onnx: no such file\. Remedy: optimum-cli export"),
        ({}, _without("tokenizer.json"), r"tokenizer\.json: no such file\. Remedy: save"),
        ({}, _without("config.json"), r"config\.json: no such file\. Remedy: copy"),
        ({}, _with("model.onnx", b"GIF89a"), r"model\.onnx: .+ Remedy: export"),
        ({}, _with("model.onnx", b""), r"model\.onnx: .+ Remedy: export"),
        ({}, _with("tokenizer.json", b"{}"), r"tokenizer\.json: .+ Remedy: copy"),
        ({}, _with("config.json", b"\xff{"), r"config\.json: .+ Remedy: copy"),
        ({}, _with("config.json", b"[]"), r"config\.json: .+ Remedy: copy"),
        ({"labels": {}}, _nothing, r"config\.json: id2label has the classes \[\]\. Remedy: name"),
        (
            {"labels": {"0": "LABEL_0", "1": "LABEL_1"}},
            _nothing,
            r"config\.json: id2label calls a class 'LABEL_0'\. Remedy: name the classes negative",
        ),
        (
            {"labels": {"0": "neutral", "1": "positive"}},
            _nothing,
            r"config\.json: id2label has the classes \['neutral', 'positive'\]",
        ),
        ({"labels": {"zero": "neg"}}, _nothing, r"config\.json: id2label has keys that are no"),
        (
            {"labels": {"0": "neg", "1": "pos"}},
            _nothing,
            r"model\.onnx: answers two texts with numbers of shape \(2, 3\).+names 2 classes",
        ),
        ({"positions": 16}, _nothing, r"model\.onnx: can't read texts of up to 32 tokens"),
        ({"fixed": 1}, _nothing, r"model\.onnx: can't read texts.+dynamic axes"),
        ({"kind": "FLOAT"}, _nothing, r"model\.onnx: (wants the input|.+Remedy: export)"),
        (
            {"inputs": ("input_ids", "attention_mask", "pixel_values")},
            _nothing,
            r"model\.onnx: wants the input 'pixel_values'",
        ),
        (
            {"config": {"max_position_embeddings": 0}},
            _nothing,
            r"config\.json: max_position_embeddings 0 .+ out of range\. Remedy",
        ),
    ],
)
def test_what_is_wrong_with_a_directory_is_said_at_the_start(
    tmp_path: Path, options: dict[str, Any], harm: Callable[[Path], None], message: str
) -> None:
    harm(write_model(tmp_path, **options))
    with pytest.raises(ConfigError, match=message):
        TransformerScorer(tmp_path)


def test_a_tokenizers_own_length_is_kept_to(tmp_path: Path) -> None:
    write_model(tmp_path, positions=POSITIONS)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 10}))
    scorer = TransformerScorer(tmp_path)
    assert scorer.score("table " * 7 + "great", "en").label == "pos"
    assert scorer.score("table " * 8 + "great", "en").label == "neu"


@pytest.mark.parametrize("length", [1e30, None, "long", float("inf"), -5])
def test_an_odd_length_of_a_tokenizer_is_no_harm(tmp_path: Path, length: Any) -> None:
    write_model(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": length}))
    assert TransformerScorer(tmp_path).score("great", "en").label == "pos"


def test_positions_that_begin_after_the_padding(tmp_path: Path) -> None:
    """A RoBERTa of 34 positions reads 32 tokens where its padding is the token 1."""
    config = {"model_type": "xlm-roberta", "max_position_embeddings": 34, "pad_token_id": 1}
    assert TransformerScorer(write_model(tmp_path, config=config)).score("good", "en").score > 0


def test_an_engine_is_built_from_settings(directory: Path) -> None:
    settings = Sentiments(engine="transformers", model_dir=directory, languages="en, ru")
    assert build_scorer(settings=settings).score("great", "en").engine == "transformers"
    with pytest.raises(ConfigError, match=r"no model\. Remedy: sentiment\.model_dir"):
        build_scorer("transformers")
    with pytest.raises(ConfigError, match=r"no such directory\. Remedy"):
        build_scorer("transformers", Sentiments(model_dir=directory / "no"))


def test_without_the_extra_the_command_is_named(directory: Path) -> None:
    program = (
        "import sys; sys.modules['onnxruntime'] = None; from streams.cli import run; "
        "sys.exit(run(sys.argv[1:]))"
    )  # None is what an import leaves of a package that is not there
    words = ["score", "--engine", "transformers", "--model-dir", str(directory), "good"]
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert b"pip install 'veille[transformers]'" in done.stderr
