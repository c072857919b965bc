"""Sentiment and language: the table of goals for labelled files, speed, and memory.

    python -m benchmarks.sentiment [--lang CODE] [--limit N] [--model-dir DIR] [--json]
                                   [--trained-on DIR] [FILE ...]

A labelled file, `*.jsonl`, has a JSON object a line: `{"text": ..., "label": "positive" |
"negative" | "neutral"}` (or `pos`, `neg`, `neu`), and perhaps `"lang"` and `"target"`; with a
target the text is scored towards it. Its language is that of the line, or of the file's name
(`tweets-fr-val.jsonl`), or of `--lang`, or identified. A text left unscored counts as wrong.

No figure is measured on what the models were trained on, the data in `--trained-on`: near copies
of its texts are left out and counted, and a file that holds many of them is refused.

A file of a language, `fr.txt`, has a text a line, all in that language.

Without labelled files, speed is measured on posts made up here. Peers that are not installed are
named.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from benchmarks.sentiment_engines import SHIPPED, Engine, Example, engines, majority, peers
from benchmarks.sentiment_figures import Identified, figures, identified
from benchmarks.sentiment_files import TRAINED_ON, trained_on, unseen
from streams.sentiment import SUPPORTED, Vader, build_scorer, identify, normalise
from streams.settings import Sentiment

CUTS: Final = (0, 80, 60, 40, 20)
"""Characters that texts are cut to for the table of languages; 0: whole."""

_T = TypeVar("_T")
_SLOW: Final = 1.0  # seconds that a hundred texts may take before they are all that is timed


class Accuracy(NamedTuple):
    file: str
    engine: str
    texts: int
    accuracy: float
    recall: float
    f1: float
    unscored: float
    error: float | None
    sure: float | None
    share: float | None


class Speed(NamedTuple):
    """`times` is how many times as fast as vaderSentiment as shipped, on the same texts."""

    engine: str
    texts: int
    rate: float
    times: float


class Worst(NamedTuple):
    engine: str
    of: str
    milliseconds: float


class Told(NamedTuple):
    """How well languages are told of texts cut to so many characters; 0: whole."""

    cut: int
    texts: int
    right: float
    f1: float
    called: float | None


class Report(NamedTuple):
    accuracy: list[Accuracy]
    language: list[Told]
    speed: list[Speed]
    worst: list[Worst]
    memory: dict[str, float]
    missing: list[str]


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    if options.measure_memory:
        print(json.dumps(_grown(options.measure_memory, options.model_dir)))
        return
    labelled = any(path.suffix != ".txt" for path in options.files)
    seen = trained_on(options.trained_on) if labelled else set[bytes]()
    found = report(options.files, options.lang, options.limit, options.model_dir, seen)
    if options.json:
        print(json.dumps(_plain(found), ensure_ascii=False))
    else:
        _print(found)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="*", type=Path, help="labelled JSONL, or fr.txt and so on")
    parser.add_argument("--lang", default="", help="language, where neither line nor name has one")
    parser.add_argument("--limit", type=int, default=20_000, help="texts timed (default 20,000)")
    parser.add_argument("--model-dir", type=Path, help="a model for the engine transformers")
    parser.add_argument(
        "--trained-on", type=Path, default=TRAINED_ON, help=f"training data (default {TRAINED_ON})"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--measure-memory", default="", help=argparse.SUPPRESS)
    return parser


def report(
    files: Sequence[Path],
    lang: str,
    limit: int,
    model_dir: Path | None,
    seen: Set[bytes] = frozenset(),
) -> Report:
    """`seen` holds fingerprints of what the models were trained on."""
    own = engines(model_dir)
    others, missing = peers()
    labelled, left_out = _labelled(files, lang, seen)
    texts = {p.stem: p.read_text("utf-8").splitlines() for p in files if p.suffix == ".txt"}
    empty = [f"{name}: no labelled texts" for name, found in labelled.items() if not found]
    timed = [one for found in labelled.values() for one in found] or list(_made_up())
    assert_parity([one.text for one in timed[:limit]])
    return Report(
        accuracy=[
            row for name, found in labelled.items() for row in _judged(name, found, own | others)
        ],
        language=_told(texts),
        speed=_speeds(own | others, timed, limit),
        worst=_worst(own),
        memory={name: _memory(name, model_dir) for name in own},
        missing=missing + empty + left_out,
    )


def _labelled(
    files: Sequence[Path], lang: str, seen: Set[bytes]
) -> tuple[dict[str, list[Example]], list[str]]:
    """Texts by name of their file, and sentences on those left out because they were trained on."""
    labelled: dict[str, list[Example]] = {}
    told: list[str] = []
    for path in files:
        if path.suffix == ".txt":
            continue
        labelled[path.stem], copies = unseen(path, lang, seen)
        if copies:
            told.append(f"{path.stem}: left out {copies} that were trained on, or near copies")
    if labelled and not seen:
        told.append(
            "no training data, so texts that were trained on can't be left out. Remedy: "
            "--trained-on DIR"
        )
    return labelled, told


def _judged(name: str, found: list[Example], judges: Mapping[str, Engine]) -> Iterator[Accuracy]:
    if not found:
        return
    truth = [example.label for example in found]
    for engine, answer in {**judges, "majority class": majority(found)}.items():
        yield Accuracy(
            name, engine, len(found), *figures(truth, [answer(example) for example in found])
        )


def _told(texts: Mapping[str, list[str]]) -> list[Told]:
    for code in texts:
        if normalise(code) != code:
            sys.exit(f"{code}.txt: {code!r} is no language. Remedy: a name such as fr.txt")
    return [
        Told(cut, sum(map(len, texts.values())), *_identified(texts, cut)) for cut in CUTS if texts
    ]


def _identified(texts: Mapping[str, list[str]], cut: int) -> Identified:
    answers = {
        code: [identify(line[: cut or None]).code for line in lines]
        for code, lines in texts.items()
    }
    return identified(answers, SUPPORTED)


def assert_parity(texts: Sequence[str]) -> None:
    """The engine `vader` and vaderSentiment give the same four scores to every text."""
    shipped, ours = SentimentIntensityAnalyzer(), Vader()
    for text in texts:
        assert shipped.polarity_scores(text) == ours.polarity(text)._asdict(), text


def _speeds(judges: Mapping[str, Engine], timed: list[Example], limit: int) -> list[Speed]:
    """Each engine on the texts that it judges: to leave one alone takes no time."""
    rows = []
    for name, answer in judges.items():
        few = _slow(answer, timed)
        asked = [one for one in timed[: 100 if few else limit] if answer(one).label != "unscored"]
        if asked:
            rate, base = _rate(answer, asked), _rate(judges[SHIPPED], asked)
            rows.append(Speed(name, len(asked), rate, rate / base))
    words = [one.text for one in timed[:limit]]
    rate = _rate(identify, words)
    shipped = next(row.rate for row in rows if row.engine == SHIPPED)
    return [*rows, Speed("language", len(words), rate, rate / shipped)]


def _slow(answer: Engine, timed: list[Example]) -> bool:
    start = time.process_time()
    for one in timed[:100]:
        answer(one)
    return time.process_time() - start > _SLOW


def _rate(work: Callable[[_T], object], given: Sequence[_T]) -> float:
    """Items a second of one core, in the best of three runs, warm. The time is the processor's,
    so that other work on the machine matters less, and work on two cores counts twice."""
    taken = []
    for _ in range(3):
        start = time.process_time()
        for each in given:
            work(each)
        taken.append(time.process_time() - start)
    return len(given) / min(taken)


def _worst(own: Mapping[str, Engine]) -> list[Worst]:
    """The slowest 10 kB of each engine."""
    rows = []
    for name, answer in own.items():
        taken = [
            (1000 / _rate(answer, [Example(text, "", lang, ())]), of) for of, lang, text in _heavy()
        ]
        milliseconds, of = max(taken)
        rows.append(Worst(name, of, milliseconds))
    return rows


def _heavy() -> Iterator[tuple[str, str, str]]:
    units = {
        ("words that weigh", "en"): "good bad ",
        ("emoji", "en"): "\U0001f600",
        ("rules", "en"): "never so GOOD the shit ",
        ("contrast", "en"): "but good bad nice great ",
        ("one word", "en"): "a",
        ("short words", "fr"): "ne pas a ",
        ("negations", "ru"): "не без ни но хорошо ",
        ("combining marks", "de"): "e\u0301",
        ("ends of sentences", "es"): "no. ",
        ("mentions and links", "it"): "@a https://b ",
    }
    for (of, lang), unit in units.items():
        yield of, lang, unit * (10_000 // len(unit.encode()))


_SENTENCES: Final = {
    "en": "The staff were lovely, but the room was awful.",
    "fr": "Le personnel était charmant, mais la chambre ne l'était pas.",
    "ru": "Персонал приветливый, но номер ужасный.",
    "de": "Das Personal war nett, aber das Zimmer schrecklich.",
    "es": "El personal era amable, pero la habitación horrible.",
    "it": "Il personale era gentile, ma la camera orribile.",
    "pt": "A equipe era simpática, mas o quarto horrível.",
}


def _memory(name: str, model_dir: Path | None) -> float:
    """MB that an engine takes once it has judged a text in each language, in a process of its
    own."""
    command = [sys.executable, "-m", "benchmarks.sentiment", "--measure-memory", name]
    command += ["--model-dir", str(model_dir)] if model_dir else []
    return float(subprocess.run(command, check=True, capture_output=True).stdout)


def _grown(name: str, model_dir: Path | None) -> float:
    before = _held()
    scorer = build_scorer(name, Sentiment(model_dir=model_dir))
    for lang, sentence in _SENTENCES.items():
        scorer.score(sentence, lang)
    return _held() - before


def _held() -> float:
    """What this process holds in memory, in MB; where Linux doesn't tell, the most it ever did."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text("ascii").split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _plain(found: Report) -> dict[str, Any]:
    """The report as JSON knows it."""
    return {
        name: [row._asdict() for row in value]
        if isinstance(value, list) and name != "missing"
        else value
        for name, value in found._asdict().items()
    }


def _print(found: Report) -> None:
    _print_accuracy(found.accuracy)
    _print_language(found.language)
    print(f"\n{'speed, one core':<32}{'n':>7}{'texts/s':>10}{'× shipped':>11}")
    for speed in found.speed:
        print(f"{speed.engine:<32}{speed.texts:>7}{speed.rate:>10,.0f}{speed.times:>11.1f}")
    for worst in found.worst:
        print(f"{worst.engine}: worst 10 kB {worst.milliseconds:.1f} ms ({worst.of})")
    for name, megabytes in found.memory.items():
        print(f"{name}: {megabytes:.1f} MB once it has judged each language")
    for sentence in found.missing:
        print(sentence)


def _print_accuracy(rows: Sequence[Accuracy]) -> None:
    if rows:
        print("sentiment (unscored counts as wrong; ECE: calibration error; sure: confidence ≥ .7)")
        head = f"{'acc':>7}{'recall':>8}{'F1':>7}{'unscored':>10}{'ECE':>7}{'sure':>7}{'share':>7}"
        print(f"{'file':<32}{'engine':<27}{'n':>7}{head}")
    for row in rows:
        print(
            f"{row.file[:31]:<32}{row.engine:<27}{row.texts:>7}{row.accuracy:>7.3f}"
            f"{row.recall:>8.3f}{row.f1:>7.3f}{row.unscored:>10.3f}"
            f"{_share(row.error):>7}{_share(row.sure):>7}{_share(row.share):>7}"
        )


def _print_language(rows: Sequence[Told]) -> None:
    if rows:
        print(
            f"\n{'language, texts':<24}{'n':>7}{'right':>8}{'F1':>8}{'others called supported':>24}"
        )
    for row in rows:
        cut = f"cut to {row.cut} characters" if row.cut else "whole"
        print(f"{cut:<24}{row.texts:>7}{row.right:>8.3f}{row.f1:>8.3f}{_share(row.called):>24}")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _made_up() -> Iterator[Example]:
    """20,000 posts of 8 to 20 words, a sixth of which speak of feelings or shape them."""
    chance = random.Random(1)
    heads = [f"{first}{second}" for first in "bcdfglmnprst" for second in "aeiou"]
    plain = [head + tail for head in heads for tail in ("nt", "sting", "rky", "ller", "ver")]
    spoken = (_FEELING + _SHAPING).split() * 3
    words = plain + spoken
    for _ in range(20_000):
        yield Example(" ".join(chance.choices(words, k=chance.randrange(8, 21))), "", "en", ())


_FEELING = "great awful love hate good bad lost thanks sorry terrible happy problem 😀 😡 :) "
_SHAPING = "not never very so but this no GREAT! WORST?"


if __name__ == "__main__":
    main()
