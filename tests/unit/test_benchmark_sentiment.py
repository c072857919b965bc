"""The benchmark's figures, worked out by hand, and its report over small files."""

import json
from pathlib import Path

import pytest

from benchmarks.sentiment import Report, main, report
from benchmarks.sentiment_engines import SHIPPED, Example, label_of, majority, peers
from benchmarks.sentiment_figures import Answer, calibration_error, figures, identified
from benchmarks.sentiment_files import examples, language_of, trained_on


def test_figures_by_hand() -> None:
    truth = ["pos", "pos", "neg", "neg", "neu", "neu"]
    said = ["pos", "neg", "neg", "neg", "pos", "unscored"]
    found = figures(truth, [Answer(label) for label in said])
    assert found.accuracy == pytest.approx(3 / 6)
    assert found.recall == pytest.approx((1 / 2 + 2 / 2 + 0) / 3)
    # F1: pos 2·1/(2+2), neg 2·2/(2+3), neu 0
    assert found.f1 == pytest.approx((1 / 2 + 4 / 5 + 0) / 3)
    assert found.unscored == pytest.approx(1 / 6)
    assert (found.error, found.sure, found.share) == (None, None, None)


def test_a_class_that_does_not_occur_is_left_out_of_the_means() -> None:
    found = figures(["pos", "neg"], [Answer("pos"), Answer("neu")])
    assert (found.recall, found.f1) == (0.5, 0.5)


def test_confidence_by_hand() -> None:
    truth = ["pos", "pos", "neg", "neg", "neu"]
    said = [
        Answer("pos", 0.9),
        Answer("neg", 0.7),
        Answer("neg", 0.75),
        Answer("neg", 0.3),
        Answer("unscored", 0.0),
    ]
    found = figures(truth, said)
    assert found.sure == pytest.approx(2 / 3)
    assert found.share == pytest.approx(3 / 5)
    # bins: .9 right; .7 wrong and .75 right; .3 right; the unscored text claims nothing
    gaps = abs(0.9 - 1) + abs(0.7 + 0.75 - 1) + abs(0.3 - 1)
    assert found.error == pytest.approx(gaps / 4)


def test_nothing_sure_is_nothing_measured() -> None:
    found = figures(["pos"], [Answer("pos", 0.5)])
    assert (found.sure, found.share) == (None, 0.0)


def test_the_calibration_error_by_hand() -> None:
    perfect = [(0.25, True), (0.25, False), (0.25, False), (0.25, False)]
    assert calibration_error(perfect) == 0
    assert calibration_error([(1.0, True), (1.0, True)]) == 0
    assert calibration_error([(1.0, False)]) == 1
    # two of .85 of which one is right, gap .35; two of .05, none right, gap .05
    mixed = [(0.85, True), (0.85, False), (0.05, False), (0.05, False)]
    assert calibration_error(mixed) == pytest.approx((0.7 + 0.1) / 4)
    # over- and under-confidence of one bin make up for each other; of two bins they don't
    assert calibration_error([(0.55, True), (0.55, False)]) == pytest.approx(0.05)
    assert calibration_error([(0.4, True), (0.6, False)]) == pytest.approx(0.6)


def test_languages_by_hand() -> None:
    answers = {"en": ["en", "en", "fr", "und"], "fr": ["fr", "fr"], "uk": ["uk", "bg", "ru", "und"]}
    found = identified(answers, ("en", "fr", "ru"))
    assert found.right == pytest.approx((2 + 2 + 3) / 10)
    # en 2·2/(4+2), fr 2·2/(2+3); Russian has no texts here
    assert found.f1 == pytest.approx((4 / 6 + 4 / 5) / 2)
    assert found.called == pytest.approx(1 / 4)
    assert identified({"en": ["en"]}, ("en",)).called is None


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("umsab-fr-val", "fr"),
        ("goemotions-en-dev", "en"),
        ("sentirueval15-banks-ru", "ru"),
        ("airlines", ""),
        ("french", ""),
        ("posts-uk-1", ""),
    ],
)
def test_the_language_is_in_the_name(name: str, code: str) -> None:
    assert language_of(name) == code


def write(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_examples_are_read_with_their_language_and_target(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a-de-b.jsonl",
        {"text": "x", "label": "positive"},
        {"text": "y", "label": "neu", "lang": "en", "target": "Vexil"},
        {"text": "z", "label": "neg", "target": ["A", "B"]},
    )
    assert list(examples(path, "fr")) == [
        Example("x", "pos", "de", ()),
        Example("y", "neu", "en", ("Vexil",)),
        Example("z", "neg", "de", ("A", "B")),
    ]
    other = write(tmp_path / "other.jsonl", {"text": "x", "label": "pos"})
    assert next(examples(other, "fr")).lang == "fr"
    with pytest.raises(SystemExit, match=r"bad\.jsonl:1: label 'glad': expected one of"):
        list(examples(write(tmp_path / "bad.jsonl", {"text": "x", "label": "glad"}), ""))


def test_peers_are_there_or_named() -> None:
    found, missing = peers()
    assert found[SHIPPED](Example("great", "", "en", ())) == Answer("pos")
    for name in ("textblob", "afinn"):
        assert (name in found) != any(sentence.startswith(name) for sentence in missing)
    most = majority([Example("", label, "", ()) for label in ("neg", "pos", "neg")])
    assert most(Example("great", "pos", "en", ())) == Answer("neg")
    assert [label_of(score, 0.05) for score in (0.05, 0.04, 0, -0.05)] == [
        "pos",
        "neu",
        "neu",
        "neg",
    ]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("files")
    rows: list[dict[str, object]] = [
        {"text": "a great day", "label": "pos"},
        {"text": "an awful day", "label": "pos"},
    ]
    (folder / "fr.txt").write_text("Le train est encore en retard ce matin\n" * 3, "utf-8")
    return [
        write(folder / "tiny-en.jsonl", *rows),
        write(folder / "none.jsonl"),
        folder / "fr.txt",
    ]


def test_the_report_holds_every_table(files: list[Path]) -> None:
    found: Report = report(files, "", 10, None)
    rows = {(row.file, row.engine): row for row in found.accuracy}
    assert {("tiny-en", name) for name in ("vader", SHIPPED, "majority class")} <= rows.keys()
    assert rows["tiny-en", "vader"].accuracy == 0.5
    assert rows["tiny-en", "majority class"].f1 == 1.0
    assert [row.cut for row in found.language] == [0, 80, 60, 40, 20]
    assert (found.language[0].right, found.language[0].called) == (1.0, None)
    speeds = {row.engine: row for row in found.speed}
    assert speeds[SHIPPED].rate > 0
    assert {"vader", "language"} < speeds.keys()
    assert found.worst[0].milliseconds > 0
    assert 0 <= found.memory["vader"] < 60
    assert "none: no labelled texts" in found.missing
    assert any(sentence.startswith("no training data") for sentence in found.missing)


@pytest.fixture
def training(tmp_path: Path) -> Path:
    """A folder of training data: twenty texts, the last of them short."""
    said = [*(f"the number {number} bus was late" for number in range(19)), "thanks"]
    rows: list[dict[str, object]] = [{"text": text, "label": "neg"} for text in said]
    write(tmp_path / "umsab-fr-train.jsonl", *rows)
    return tmp_path


def test_near_copies_of_training_texts_are_left_out(tmp_path: Path, training: Path) -> None:
    fresh: list[dict[str, object]] = [
        {"text": f"a great day, {number}", "label": "pos"} for number in range(30)
    ]
    path = write(tmp_path / "judge-en.jsonl", *fresh, {"text": "@a Thanks!", "label": "pos"})
    found = report([path], "", 5, None, trained_on(training))
    assert {row.texts for row in found.accuracy} == {30}
    assert "judge-en: left out 1 that were trained on, or near copies" in found.missing


def test_a_file_that_was_trained_on_is_refused(training: Path) -> None:
    path = training / "umsab-fr-train.jsonl"
    with pytest.raises(SystemExit, match=r"20 of 20 texts were trained on, such as .*Remedy"):
        main([str(path), "--trained-on", str(training)])


def test_it_prints_tables_or_json(
    files: list[Path], training: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--limit", "5", "--trained-on", str(training)]
    main([*map(str, files), *options])
    shown = capsys.readouterr().out
    assert "tiny-en" in shown
    assert "cut to 20 characters" in shown
    main([*map(str, files), *options, "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["accuracy"][0]["file"] == "tiny-en"
    assert told.keys() == {"accuracy", "language", "speed", "worst", "memory", "missing"}


def test_a_file_of_no_language_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("x", "utf-8")
    with pytest.raises(SystemExit, match=r"notes\.txt: 'notes' is no language\. Remedy"):
        report([path], "", 1, None)
