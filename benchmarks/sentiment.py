"""Speed of the `vader` engine against vaderSentiment as shipped, and accuracy over labelled files.

    python -m benchmarks.sentiment [--lang CODE] [--limit N] [FILE.jsonl ...]

Without files, speed is measured on posts made up here. A labelled file has a JSON object a line:
`{"text": ..., "label": "positive" | "negative" | "neutral"}` (or `pos`, `neg`, `neu`), and perhaps
`"lang"` and `"target"`. A text that an engine leaves unscored counts as wrong, and the majority
class is shown beside the engines.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from streams.sentiment import Vader, build_scorer, identify

LABELS = ("pos", "neg", "neu")


class Example(NamedTuple):
    text: str
    label: str
    lang: str
    target: tuple[str, ...]


class Figures(NamedTuple):
    accuracy: float
    recall: float
    f1: float
    unscored: float


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    files = {path: list(_examples(path, options.lang)) for path in options.files}
    texts = [example.text for examples in files.values() for example in examples] or _made_up()
    _print_speed(texts[: options.limit])
    if files:
        print(
            f"\n{'file':<32}{'engine':<10}{'n':>7}{'acc':>7}{'recall':>8}{'F1':>7}{'unscored':>10}"
        )
    for path, examples in files.items():
        if examples:
            _print_accuracy(path.stem, examples)
        else:
            print(f"{path.stem:<32}no labelled texts")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="*", type=Path, help="labelled JSONL files")
    parser.add_argument("--lang", default="", help="their language, where a line does not say")
    parser.add_argument("--limit", type=int, default=20_000, help="texts timed (default 20,000)")
    return parser


def _examples(path: Path, lang: str) -> Iterator[Example]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        row = json.loads(line)
        label = str(row.get("label", ""))[:3]
        if label not in LABELS:
            sys.exit(f"{path}:{number}: label {row.get('label')!r}: expected one of {LABELS}")
        target = row.get("target") or ()
        names = (target,) if isinstance(target, str) else tuple(target)
        yield Example(row["text"], label, row.get("lang", lang), names)


def _print_speed(texts: list[str]) -> None:
    shipped, ours, scorer = SentimentIntensityAnalyzer(), Vader(), build_scorer()
    work: dict[str, Callable[[str], object]] = {
        "vaderSentiment as shipped": shipped.polarity_scores,
        "vader, the same four scores": ours.polarity,
        "vader, whole sentiment": lambda text: scorer.score(text, "en"),
        "language": identify,
    }
    for text in texts:
        assert shipped.polarity_scores(text) == ours.polarity(text)._asdict(), text
    mean = sum(map(len, texts)) / len(texts)
    print(f"{len(texts):,} texts of {mean:.0f} characters; the scores are equal on every one")
    rates = {name: _rate(each, texts) for name, each in work.items()}
    base = rates["vaderSentiment as shipped"]
    for name, rate in rates.items():
        print(f"  {name:<30}{rate:>10,.0f} texts/s{rate / base:>8.1f} x")
    for name, text in _worst().items():
        milliseconds = 1000 / _rate(ours.polarity, [text])
        print(f"  10 kB of {name:<21}{milliseconds:>10.1f} ms")


def _rate(work: Callable[[str], object], texts: list[str]) -> float:
    """Texts a second in the best of three runs, warm: other work on the machine only slows."""
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        for text in texts:
            work(text)
        taken.append(time.perf_counter() - start)
    return len(texts) / min(taken)


def _worst() -> dict[str, str]:
    units = {
        "words that weigh": "good bad ",
        "emoji": "\U0001f600",
        "rules": "never so GOOD the shit ",
    }
    units |= {"contrast": "but good bad nice great ", "one word": "a"}
    return {name: unit * (10_000 // len(unit.encode())) for name, unit in units.items()}


def _print_accuracy(name: str, examples: list[Example]) -> None:
    scorer = build_scorer()
    truth = [example.label for example in examples]
    most = Counter(truth).most_common(1)[0][0]
    answers: dict[str, list[str]] = {
        "vader": [scorer.score(one.text, one.lang, one.target).label for one in examples],
        "majority": [most] * len(examples),
    }
    for engine, labels in answers.items():
        found = figures(truth, labels)
        print(
            f"{name[:31]:<32}{engine:<10}{len(truth):>7}{found.accuracy:>7.3f}"
            f"{found.recall:>8.3f}{found.f1:>7.3f}{found.unscored:>10.3f}"
        )


def figures(truth: Sequence[str], labels: Sequence[str]) -> Figures:
    """Accuracy, and recall and F1 as means over the three classes; unscored counts as wrong."""
    right = Counter(label for label, given in zip(truth, labels, strict=True) if label == given)
    is_, called = Counter(truth), Counter(labels)
    there = [label for label in LABELS if is_[label]]
    return Figures(
        accuracy=right.total() / len(truth),
        recall=sum(right[label] / is_[label] for label in there) / len(there),
        f1=sum(2 * right[label] / (is_[label] + called[label]) for label in there) / len(there),
        unscored=called["unscored"] / len(labels),
    )


def _made_up() -> list[str]:
    """20,000 posts of 8 to 20 words, a sixth of which speak of feelings or shape them."""
    chance = random.Random(1)
    heads = [f"{first}{second}" for first in "bcdfglmnprst" for second in "aeiou"]
    plain = [head + tail for head in heads for tail in ("nt", "sting", "rky", "ller", "ver")]
    spoken = (_FEELING + _SHAPING).split() * 3
    words = plain + spoken
    return [" ".join(chance.choices(words, k=chance.randrange(8, 21))) for _ in range(20_000)]


_FEELING = "great awful love hate good bad lost thanks sorry terrible happy problem 😀 😡 :) "
_SHAPING = "not never very so but this no GREAT! WORST?"


if __name__ == "__main__":
    main()
