"""Language and sentiment of a text: pure functions, no broker, no store."""

from streams.sentiment.language import SUPPORTED, UNDETERMINED, Language, identify, normalise
from streams.sentiment.scorer import Scorer, build_scorer
from streams.sentiment.vader import Polarity, Vader

__all__ = [
    "SUPPORTED",
    "UNDETERMINED",
    "Language",
    "Polarity",
    "Scorer",
    "Vader",
    "build_scorer",
    "identify",
    "normalise",
]
