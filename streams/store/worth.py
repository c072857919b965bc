"""How much a look at a mention is worth, counted as time, so that an index can order the queue.

A mention is worth its `created_at` and some hours on top: how much newer another, plain one would
have to be to come first. What an hour is given for is a choice, told by `parts`.
"""

from math import log10
from typing import Final, Literal

import msgspec

from connectors.post import Engagement
from streams.records import Mention
from streams.store.rules import millis, tone

What = Literal["negative", "unscored", "uncertain", "reach", "engagement"]

HOUR: Final = 3_600_000
"""Milliseconds."""
NEGATIVE_HOURS: Final = 24.0
UNSCORED_HOURS: Final = 12.0
UNCERTAIN_HOURS: Final = 12.0
"""For a confidence of 0; none for one of 1."""
REACH_HOURS: Final = 6.0
"""For each power of ten of the author's followers: 36 for a million."""
ENGAGEMENT_HOURS: Final = 4.0
"""For each power of ten of what others did with it."""
_MOST: Final = 10**12


class Part(msgspec.Struct, frozen=True):
    """One reason to look, and the hours it is worth."""

    what: What
    hours: float


def worth(mention: Mention) -> int:
    """`created_at` and all hours on top, in milliseconds since 1970."""
    post = mention.post
    hours = _doubt(mention) + _reach(post.author.followers) + _response(post.engagement)
    if tone(mention) == "neg":
        hours += NEGATIVE_HOURS
    return millis(post.created_at) + round(hours * HOUR)


def parts(mention: Mention) -> list[Part]:
    """What the hours are for, the largest first; what staff said of the sentiment is certain."""
    doubt: What = "unscored" if mention.sentiment.label == "unscored" else "uncertain"
    found = [
        Part("negative", NEGATIVE_HOURS if tone(mention) == "neg" else 0.0),
        Part(doubt, _doubt(mention)),
        Part("reach", _reach(mention.post.author.followers)),
        Part("engagement", _response(mention.post.engagement)),
    ]
    return sorted((p for p in found if p.hours > 0), key=lambda part: (-part.hours, part.what))


def _doubt(mention: Mention) -> float:
    if mention.label and mention.label.sentiment:
        return 0.0
    if mention.sentiment.label == "unscored":
        return UNSCORED_HOURS
    return UNCERTAIN_HOURS * (1.0 - min(1.0, max(0.0, mention.sentiment.confidence)))


def _reach(followers: int | None) -> float:
    return REACH_HOURS * log10(1 + min(followers, _MOST)) if followers and followers > 0 else 0.0


def _response(told: Engagement) -> float:
    """A repost or a reply weighs as much as two likes, a view as a hundredth of one."""
    acts = 2 * ((told.reposts or 0) + (told.replies or 0))
    whole = (told.likes or 0) + acts + (told.views or 0) / 100
    return ENGAGEMENT_HOURS * log10(1 + min(whole, _MOST)) if whole > 0 else 0.0
