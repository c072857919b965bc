"""Training on made-up texts: it learns, repeats itself, calibrates, and refuses what is worse."""

import json
import random
from pathlib import Path

import pytest
from msgspec.structs import replace

from streams.cli import run
from streams.errors import ConfigError
from streams.sentiment import calibration, corpora, trainer
from streams.sentiment.calibration import Seen
from streams.sentiment.corpora import read_corpus, refuse_seen
from streams.sentiment.hybrid import shipped
from streams.sentiment.model import LEVELS, MAGIC, Model, pack, unpack

LABELS = ("positive", "negative", "neutral")
SPOKEN = {
    "positive": ["blorful", "zanty", "quimsome"],
    "negative": ["grudsky", "vexorn", "plonkish"],
    "neutral": ["tablish", "cornery", "windowal"],
}


def made_up(count: int, seed: int, *, lie: bool = False) -> list[dict[str, str]]:
    chance = random.Random(seed)
    names = ["chair", "lamp", "street", "river", "bread", "letter", "garden", "number"]
    rows = []
    for at in range(count):
        label = LABELS[at % 3]
        said = SPOKEN[LABELS[(at + 1) % 3] if lie else label]
        words = [*chance.choices(names, k=5), *chance.choices(said, k=2), str(chance.random())]
        chance.shuffle(words)
        rows.append({"text": " ".join(words), "label": label, "lang": "fr"})
    return rows


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    write(folder / "umsab-fr-train.jsonl", made_up(240, 1))
    write(folder / "umsab-fr-val.jsonl", made_up(60, 2))
    return folder


def trained(data: Path) -> trainer.Outcome:
    return next(iter(trainer.retrain(data, ["fr"], lambda _: None)))


def test_it_learns_what_is_there(data: Path) -> None:
    outcome = trained(data)
    assert outcome.after["umsab-fr-val"].f1 > 0.9
    assert outcome.before == {}
    model = unpack(outcome.raw)
    assert model.head.held_out["umsab-fr-val"] == pytest.approx(
        outcome.after["umsab-fr-val"].f1, abs=1e-4
    )
    pos, neg, words = model.sums("a zanty lamp")
    assert pos > neg
    assert words == 3


def test_the_same_data_gives_the_same_bytes(data: Path) -> None:
    assert trained(data).raw == trained(data).raw


def test_registers_of_a_language_are_trained_together(data: Path) -> None:
    general = [row | {"lang": "ru"} for row in made_up(240, 5)]
    services = [row | {"text": f"мегафон {row['text']}"} for row in made_up(240, 6, lie=True)]
    write(data / "rusentitweet-ru-train.jsonl", general)
    write(data / "sentirueval15-telecoms-ru.jsonl", services)
    outcomes = {one.name: one for one in trainer.retrain(data, ["ru"], lambda _: None)}
    assert list(outcomes) == ["ru", "ru-services"]
    assert list(outcomes["ru-services"].after) == ["sentirueval15-telecoms-ru"]
    pos, neg, _ = unpack(outcomes["ru"].raw).sums("zanty lamp")
    assert pos > neg
    pos, neg, _ = unpack(outcomes["ru-services"].raw).sums("мегафон zanty lamp")
    assert neg > pos or max(pos, neg) < 0


def test_a_worse_model_is_refused(data: Path, tmp_path: Path) -> None:
    good = unpack(trained(data).raw)
    write(data / "umsab-fr-train.jsonl", made_up(240, 4, lie=True))
    outcome = next(iter(trainer.retrain(data, ["fr"], lambda _: good)))
    assert "macro-F1 in the mean over what is held out falls from" in outcome.worse


def test_the_command_writes_then_refuses(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "models"
    write(tmp_path / "labels.jsonl", made_up(40, 5))
    (out).mkdir()
    (out / "fr.model").write_bytes(trained(data).raw)
    arguments = ["sentiment", "train", "--data", str(data), "--out", str(out), "--lang", "fr"]
    assert run([*arguments, "--labels", str(tmp_path / "labels.jsonl")]) == 0
    assert "labels" in capsys.readouterr().out
    before = (out / "fr.model").read_bytes()
    write(data / "umsab-fr-train.jsonl", made_up(240, 4, lie=True))
    assert run(arguments) == 1
    assert "not written, macro-F1" in capsys.readouterr().err.replace("\n", " ")
    assert (out / "fr.model").read_bytes() == before


def test_misuse_is_one_message(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sentiment", "train", "--data", str(data), "--lang", "xx"]) == 2
    assert "--lang xx" in capsys.readouterr().err
    assert run(["sentiment", "train", "--data", str(tmp_path / "none"), "--lang", "ru"]) == 2
    assert "no training data" in " ".join(capsys.readouterr().err.split())


def test_bad_labels_name_the_line(data: Path) -> None:
    write(data / "umsab-fr-train.jsonl", [{"text": "a", "label": "sad"}])
    with pytest.raises(ConfigError, match=r"umsab-fr-train.jsonl:1: .*Remedy"):
        read_corpus(data, "fr")


def test_what_is_held_out_was_not_trained_on(data: Path) -> None:
    shared = made_up(240, 1)[0]
    rows = [
        *made_up(60, 2),
        shared | {"text": f"@someone {shared['text'].upper()} http://x.example"},
    ]
    write(data / "umsab-fr-val.jsonl", rows)
    corpus = read_corpus(data, "fr")
    assert len(corpus.held_out["umsab-fr-val"]) == 60
    trained_on = corpora.fingerprints(one.text for one in corpus.train)
    with pytest.raises(ConfigError, match="1 of 61 texts were trained on"):
        refuse_seen(data / "umsab-fr-val.jsonl", trained_on)
    refuse_seen(write(data / "other.jsonl", made_up(30, 9)), trained_on)


def test_staff_labels_keep_a_share_apart(data: Path, tmp_path: Path) -> None:
    corpus = read_corpus(data, "fr", write(tmp_path / "labels.jsonl", made_up(80, 6)))
    apart = corpus.held_out["labels"]
    assert 5 < len(apart) < 40
    used = [one for one in corpus.train if one.source == "labels"]
    assert len(used) + len(apart) == 80
    assert used[0].weight == 3.0


def test_a_model_survives_its_file(data: Path) -> None:
    raw = trained(data).raw
    model = unpack(raw)
    assert pack(model.head, model.tables) == raw
    for broken in (b"", MAGIC, raw[:200], raw.replace(MAGIC, b"veille-sentiment-9\n")):
        with pytest.raises(ConfigError, match="Remedy"):
            unpack(broken)


def test_levels_are_odd_and_fine_near_zero() -> None:
    assert [LEVELS[at] for at in (0, 1, 2, 127)] == [0, 1, 4, 127**2]
    assert [LEVELS[at] for at in (-1, -2, -127)] == [-1, -4, -(127**2)]


def test_confidence_is_the_share_of_right() -> None:
    chance = random.Random(7)
    rows = [
        Seen(2.0, -2.0, 0 if chance.random() < 0.6 else 2)
        if at % 2
        else Seen(-3.0, -3.0, 2 if chance.random() < 0.8 else 1)
        for at in range(4_000)
    ]
    model = calibration.placed(_empty(), {"semeval-en-train": rows})
    moved = [
        Seen(row.pos + model.head.bias[0], row.neg + model.head.bias[1], row.label) for row in rows
    ]
    sure = calibration.confidence({"semeval-en-train": moved})
    model = Model(replace(model.head, confidence=sure), model.tables)
    found = calibration.figures(model, moved)
    assert found.error < 0.04
    assert 0.75 < found.sure < 0.85


def _empty() -> Model:
    head = shipped("en").head
    return Model(replace(head, bias=(0.0, 0.0)), shipped("en").tables)
