"""The engine `hybrid`: a trained linear model for each language, towards a target if one is named.

Every score is a sum over words, pairs of words and marks, so it can be told why
(`HybridScorer.explain`). What a model can't judge is `unscored` with a reason.
"""

import functools
import importlib.resources
import math
from collections.abc import Callable, Sequence
from typing import Final, Literal

import msgspec

from streams.records import Sentiment, SentimentLabel
from streams.sentiment import targets, vader
from streams.sentiment.explained import Contribution, Explained
from streams.sentiment.language import SUPPORTED, UNDETERMINED, identify, normalise
from streams.sentiment.model import Model, Part, probabilities, unpack
from streams.sentiment.registers import register

_READ: Final = 4_096  # characters that are judged: those from the start, or …
_AHEAD: Final = 1_024  # … from so many before the target, if it comes first beyond them
_SEARCHED: Final = 1 << 16  # characters a target is looked for in; posts carry no more bytes
_EVEN: Final = 0.05  # how near positive and negative are when a text is mixed …
_LOUD: Final = 2.5  # … and how much more each of them must say than neutral

_SHORT: Final = 16  # characters, below which letters are counted …
_FEWEST: Final = 2  # … and that many are needed

_CLEAR: Final = 0.8  # what emoji alone must say, in log-odds of positive to negative

_UNSURE: Final = (0.0, 1.0)  # confidence as the model has it


class HybridScorer:
    """Seven languages; emoji and emoticons alone are scored in any. `load` gives the model of a
    language, which may be called often."""

    name: Final = "hybrid"

    def __init__(self, load: Callable[[str], Model] | None = None) -> None:
        self._load = load or shipped

    def score(self, text: str, lang: str, target: Sequence[str] = ()) -> Sentiment:
        code = lang if lang in SUPPORTED else _language(text[:_READ], lang)
        text, _, found = _read(text, target, code)
        model = self._load(register(text, code) if code in SUPPORTED else "en")
        if found:
            parts = targets.weighed(text, model.parts(text), found, model.head.towards)
            pos, neg = sum([part.pos for part in parts]), sum([part.neg for part in parts])
            words = model.sums(text)[2]
        else:
            pos, neg, words = model.sums(text)
        if not words:
            return self._wordless(text)
        if code not in SUPPORTED:
            return self._unscored(_refusal(code))
        if len(text) < _SHORT and sum(map(str.isalpha, text)) < _FEWEST:
            return self._unscored("too little text")
        return self._judged(model, pos, neg, "target" if found else "post")

    def explain(self, text: str, lang: str, target: Sequence[str] = ()) -> Explained:
        """The same judgement, and what it adds up from: the weights' sum is the score."""
        sentiment = self.score(text, lang, target)
        if sentiment.label == "unscored":
            return Explained(sentiment, [])
        code = lang if lang in SUPPORTED else _language(text[:_READ], lang)
        read, start, found = _read(text, target, code)
        if sentiment.reason == _ALONE:
            end = start + len(read)
            return Explained(sentiment, [Contribution(read, start, end, sentiment.score)])
        model = self._load(register(read, code))
        parts = model.parts(read)
        if found:
            parts = targets.weighed(read, parts, found, model.head.towards)
        told = _contributions(read, parts)
        if start:
            told = [
                msgspec.structs.replace(one, start=one.start + start, end=one.end + start)
                if one.start >= 0
                else one
                for one in told
            ]
        return Explained(sentiment, told)

    def _judged(
        self, model: Model, pos: float, neg: float, scope: Literal["post", "target"]
    ) -> Sentiment:
        for_pos, for_neg, for_neu = probabilities(pos, neg)
        label: SentimentLabel = "neu"
        top = for_neu
        if for_pos > top:
            label, top = "pos", for_pos
        if for_neg > top:
            label, top = "neg", for_neg
        if pos > _LOUD and neg > _LOUD and abs(pos - neg) < _EVEN:
            return self._unscored("mixed beyond calling", scope)
        base, slope = model.head.confidence.get(label, _UNSURE)
        if scope == "target":
            base -= model.head.towards.doubt
        return Sentiment(
            label=label,
            score=round(for_pos - for_neg, 4),
            confidence=round(_sure(base + slope * _odds(top)), 3),
            engine=self.name,
            scope=scope,
        )

    def _wordless(self, text: str) -> Sentiment:
        if not text.strip():
            return self._unscored("no text")
        polarity, carriers = vader.shared().weigh(text)
        compound = polarity.compound or _brackets(text) or self._learnt(text)
        if (carriers or compound) and not any(map(str.isalpha, text)):
            label: SentimentLabel = "pos" if compound > 0 else "neg" if compound < 0 else "neu"
            sure = round(0.4 + 0.4 * abs(compound), 3)
            return Sentiment(
                label=label, score=compound, confidence=sure, engine=self.name, reason=_ALONE
            )
        if any(map(str.isalpha, text)):
            return self._unscored("only links or mentions")
        return self._unscored("no words, and no emoji that carries sentiment")

    def _learnt(self, text: str) -> float:
        """What training made of emoji that VADER does not know; 0 if it is little."""
        said = self._load("en").listed(text)
        return round(math.tanh(said / 3), 4) if abs(said) > _CLEAR else 0.0

    def _unscored(self, reason: str, scope: Literal["post", "target"] = "post") -> Sentiment:
        return Sentiment(label="unscored", engine=self.name, reason=reason, scope=scope)


_ALONE: Final = "emoji alone"


def _brackets(text: str) -> float:
    """`)))` is how Russian writes a smile."""
    return 0.4 if "))" in text else -0.4 if "((" in text else 0.0


@functools.cache
def shipped(lang: str) -> Model:
    """The model that comes with Veille: some 20 ms and 0.8 MB, once for the process."""
    folder = importlib.resources.files("streams.sentiment").joinpath("models")
    return unpack(folder.joinpath(f"{lang}.model").read_bytes())


def _read(text: str, target: Sequence[str], lang: str) -> tuple[str, int, list[tuple[int, int]]]:
    """What of the text is judged, where it begins, and where in it the target's names stand."""
    if not target:
        return text[:_READ], 0, []
    found = targets.places(text[:_SEARCHED], target, lang)
    if not found:
        return text[:_READ], 0, []
    first = max(0, found[0][0] - _AHEAD) if found[0][1] > _READ - _AHEAD else 0
    read = text[first : first + _READ]
    return read, first, [(a - first, b - first) for a, b in found if b - first <= len(read)]


def _language(text: str, lang: str) -> str:
    if lang == UNDETERMINED:
        return UNDETERMINED
    return normalise(lang) or identify(text).code


def _refusal(code: str) -> str:
    if code == UNDETERMINED:
        return "language not identified"
    return f"language {code} is not supported by the engine hybrid, which reads {_KNOWN}"


_KNOWN: Final = ", ".join(sorted(SUPPORTED))


def _odds(share: float) -> float:
    share = min(max(share, 1e-6), 1 - 1e-6)
    return math.log(share / (1 - share))


def _sure(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))


def _contributions(text: str, parts: Sequence[Part]) -> list[Contribution]:
    """Parts as shares of the score: P(positive) - P(negative) is the difference of the two
    figures times the logarithmic mean of the two probabilities."""
    pos, neg = sum([part.pos for part in parts]), sum([part.neg for part in parts])
    for_pos, for_neg, _ = probabilities(pos, neg)
    by = (for_pos - for_neg) / (pos - neg) if abs(pos - neg) > 1e-9 else for_pos
    told = [
        Contribution(
            text[part.start : part.end] if part.start >= 0 else part.note,
            part.start,
            part.end,
            (part.pos - part.neg) * by,
            part.note if part.start >= 0 else "",
        )
        for part in parts
    ]
    return [one for one in told if one.weight]
