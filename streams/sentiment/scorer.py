"""From a text to a `Sentiment`: the one verb of every engine, and the engines by name.

What an engine can't judge comes back `unscored` with a reason, never as a false neutral.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol, runtime_checkable

from streams.errors import ConfigError
from streams.records import Sentiment
from streams.sentiment import vader
from streams.sentiment.explained import Explained
from streams.sentiment.hybrid import HybridScorer
from streams.sentiment.language import UNDETERMINED, identify, normalise
from streams.sentiment.transformer import TransformerScorer
from streams.sentiment.vader_explained import contributions
from streams.settings import Sentiment as Sentiments

_READ: Final = 1 << 16  # characters judged; posts carry no more than as many bytes
_THRESHOLD: Final = 0.05  # VADER's own: below it a compound score is neutral

# The first word that is not a link or a mention. One token is read once, so this is linear.
_WORD: Final = re.compile(r"(?<!\S)(?!@|https?:|www\.)\S*?[^\W\d_]")
_LETTER: Final = re.compile(r"[^\W\d_]")


class Scorer(Protocol):
    """An engine. `lang` is a language tag, `und`, or empty where nobody looked; `target` holds
    the names the sentiment is wanted towards. Never raises on any text; 64 Ki characters are read.
    """

    def score(self, text: str, lang: str, target: Sequence[str] = ()) -> Sentiment: ...


@runtime_checkable
class Explainer(Protocol):
    """An engine that can tell what its answer, the same as that of `score`, is made of."""

    def explain(self, text: str, lang: str, target: Sequence[str] = ()) -> Explained: ...


class VaderScorer:
    """vaderSentiment's rules, for English; emoji and emoticons alone are scored in any language.

    It judges the whole post: the target is not looked at, and `scope` says so.
    """

    name: Final = "vader"

    def __init__(self) -> None:
        self._compound = vader.shared().compound

    def score(self, text: str, lang: str, target: Sequence[str] = ()) -> Sentiment:
        text = text[:_READ]
        if _WORD.search(text) is None:
            return self._wordless(text)
        if lang != "en" and (refusal := _refusal(text, lang)):
            return self._unscored(refusal)
        return self._judged(*self._compound(text))

    def explain(self, text: str, lang: str, target: Sequence[str] = ()) -> Explained:
        sentiment = self.score(text, lang, target)
        if sentiment.label == "unscored":
            return Explained(sentiment, [])
        return Explained(sentiment, contributions(vader.shared(), text[:_READ]))

    def _judged(self, compound: float, carriers: int, reason: str = "") -> Sentiment:
        if not carriers:
            return Sentiment(
                label="neu", confidence=0.5, engine=self.name, reason="no sentiment words"
            )
        if abs(compound) < _THRESHOLD:
            confidence, reason = 0.35, reason or "sentiment words in balance"
            return Sentiment(
                label="neu", score=compound, confidence=confidence, engine=self.name, reason=reason
            )
        return Sentiment(
            label="pos" if compound > 0 else "neg",
            score=compound,
            confidence=confidence_of(compound),
            engine=self.name,
            reason=reason,
        )

    def _wordless(self, text: str) -> Sentiment:
        if not text.strip():
            return self._unscored("no text")
        if _LETTER.search(text):
            return self._unscored("only links or mentions")
        compound, carriers = self._compound(text)
        if not carriers:
            return self._unscored("no words, and no emoji that carries sentiment")
        return self._judged(compound, carriers, "emoji alone")

    def _unscored(self, reason: str) -> Sentiment:
        return Sentiment(label="unscored", engine=self.name, reason=reason)


def confidence_of(compound: float) -> float:
    """How likely a positive or negative label is right: a line through the share of right labels
    by the strength of the score, measured on English posts (`docs/sentiment.md`)."""
    return round(0.25 + 0.6 * abs(compound), 3)


def _refusal(text: str, lang: str) -> str:
    """Why an engine for English leaves the text alone; empty if it is in English."""
    code = UNDETERMINED if lang == UNDETERMINED else normalise(lang) or identify(text).code
    if code == "en":
        return ""
    if code == UNDETERMINED:
        return "language not identified"
    return f"language {code} is not supported by the engine vader, which reads English"


def _hybrid(_: Sentiments) -> Scorer:
    return HybridScorer()


def _vader(_: Sentiments) -> Scorer:
    return VaderScorer()


def _transformers(settings: Sentiments) -> Scorer:
    if settings.model_dir is None:
        raise ConfigError(
            "sentiment engine 'transformers': no model. Remedy: sentiment.model_dir in "
            "veille.yaml, or --model-dir, names a directory with model.onnx"
        )
    return TransformerScorer(settings.model_dir, settings.codes, settings.target_as)


ENGINES: Final[Mapping[str, Callable[[Sentiments], Scorer]]] = MappingProxyType(
    {"hybrid": _hybrid, "vader": _vader, "transformers": _transformers}
)


def build_scorer(name: str = "", settings: Sentiments = Sentiments()) -> Scorer:
    """The engine of that name, or of the settings. Raises `ConfigError`: no such engine, or one
    that can't start."""
    name = name or settings.engine
    try:
        engine = ENGINES[name]
    except KeyError:
        known = ", ".join(sorted(ENGINES))
        raise ConfigError(
            f"sentiment engine {name!r}: no such engine. Remedy: one of {known}"
        ) from None
    return engine(settings)
