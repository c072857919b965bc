"""The engines and their peers behind one verb: texts in, answers out."""

from collections import Counter
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from benchmarks.sentiment_figures import Answer
from streams.sentiment.scorer import ENGINES, Scorer, build_scorer
from streams.settings import Sentiment


class Example(NamedTuple):
    """A labelled text; the label is empty in texts that are only timed."""

    text: str
    label: str
    lang: str
    target: tuple[str, ...]


class Engine(Protocol):
    """Something that judges texts one by one, as the pipeline asks."""

    def __call__(self, example: Example, /) -> Answer: ...


SHIPPED: Final = "vaderSentiment as shipped"


def engines(model_dir: Path | None) -> dict[str, Engine]:
    """Veille's own, by name; one that can't start without a model is left out."""
    settings = Sentiment(model_dir=model_dir)
    names = [name for name in ENGINES if name != "transformers" or model_dir]
    return {name: scored_by(build_scorer(name, settings)) for name in names}


def scored_by(scorer: Scorer) -> Engine:
    def answer(example: Example) -> Answer:
        found = scorer.score(example.text, example.lang, example.target)
        return Answer(found.label, found.confidence)

    return answer


def peers() -> tuple[dict[str, Engine], list[str]]:
    """Other people's engines, and a sentence for each that is not installed."""
    found: dict[str, Engine] = {SHIPPED: _shipped()}
    missing = []
    for name, build in (("textblob", _textblob), ("afinn", _afinn)):
        try:
            found[name] = build()
        except ImportError:
            missing.append(f"{name} is not installed: pip install {name} to compare with it")
    return found, missing


def majority(examples: Sequence[Example]) -> Engine:
    """Says what most of these texts are, whatever the text."""
    most = Counter(example.label for example in examples).most_common(1)[0][0]
    return lambda _: Answer(most)


def _shipped() -> Engine:
    scores = SentimentIntensityAnalyzer().polarity_scores
    return lambda example: Answer(label_of(scores(example.text)["compound"], 0.05))


def _textblob() -> Engine:
    """The word list of pattern, which needs no corpus; for English, and used on everything."""
    polarity: Callable[[str], Any] = import_module("textblob.en").sentiment
    return lambda example: Answer(label_of(polarity(example.text)[0], 1e-9))


def _afinn() -> Engine:
    score: Callable[[str], float] = import_module("afinn").Afinn(emoticons=True).score
    return lambda example: Answer(label_of(score(example.text), 1e-9))


def label_of(score: float, threshold: float) -> str:
    return "pos" if score >= threshold else "neg" if score <= -threshold else "neu"
