"""Why a text was judged as it was: the parts of it that spoke, and how loudly."""

import msgspec

from streams.records import Sentiment


class Contribution(msgspec.Struct, frozen=True):
    """A stretch of the text and what it says: `weight` > 0 for positive, < 0 for negative.

    `text[start:end]` of the text as given; -1 for what has no place in it, such as the bias.
    """

    text: str
    start: int
    end: int
    weight: float
    note: str = ""


class Explained(msgspec.Struct, frozen=True):
    """A judgement and what it adds up from, in the order of the text."""

    sentiment: Sentiment
    contributions: list[Contribution]
