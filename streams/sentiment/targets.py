"""Towards a target: where its names stand in a text, and how near to them each word is."""

import functools
import math
import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from streams.sentiment.model import Part, Towards

_MOST: Final = 200  # names of a target, and places of them in a text, that are looked at
_ENDINGS: Final = {"ru": r"\w{0,3}", "de": r"\w{0,2}"}  # of a name's cases, from four letters up

_SENTENCE: Final = re.compile(r"[.!?…]+(?=\s|$)|\n+")
_CONTRAST: Final = re.compile(
    r"\b(?:but|however|whereas|while|although|though|unlike|mais|pourtant|cependant|tandis que"
    r"|alors que|но|однако|зато|а|тогда как|aber|jedoch|dagegen|während|pero|mientras|aunque|mas"
    r"|porém|enquanto|ma|però|mentre|invece)\b|;",
    re.IGNORECASE,
)


def places(text: str, names: Sequence[str], lang: str) -> list[tuple[int, int]]:
    """Where the names stand, in order, without overlap; upper and lower case are alike."""
    pattern = _pattern(tuple(names[:_MOST]), lang)
    if pattern is None:
        return []
    found = []
    for match in pattern.finditer(text):
        found.append(match.span())
        if len(found) == _MOST:
            break
    return found


@functools.lru_cache(maxsize=256)
def _pattern(names: tuple[str, ...], lang: str) -> re.Pattern[str] | None:
    spelled = sorted({name.strip()[:200] for name in names if name.strip()}, key=len, reverse=True)
    if not spelled:
        return None
    ending = _ENDINGS.get(lang, "")
    alike = "|".join(
        r"[\s_-]*".join(map(re.escape, name.lstrip("@#").split()))
        + (ending if len(name) > 3 and name[-1].isalpha() else "")
        for name in spelled
    )
    return re.compile(rf"(?<!\w)[@#]?(?:{alike})(?:['’]s)?(?!\w)", re.IGNORECASE)


def weighed(
    text: str, parts: Sequence[Part], found: Sequence[tuple[int, int]], towards: Towards
) -> list[Part]:
    """The parts, each by how much it speaks of what stands at `found`; its own names not at all."""
    tokens = [part for part in parts if part.start >= 0 and part.note != "pair"]
    nearness = _nearness(text, tokens, found, towards)
    near = dict(zip((part.start for part in tokens), nearness, strict=True))
    stretch = math.sqrt(len(tokens) / max(1.0, sum(nearness)))
    whole = towards.whole

    def factor(part: Part) -> float:
        if part.start < 0:
            return 1.0
        close = near[part.start]
        if part.note == "pair":
            close = min(close, near[_last_start(starts, part.end)])
        return (whole + (1 - whole) * close * stretch) if close else 0.0

    starts = [part.start for part in tokens]
    scaled = [(part, factor(part)) for part in parts]
    told = [Part(p.start, p.end, p.pos * by, p.neg * by, p.note) for p, by in scaled]
    return [*told, Part(-1, -1, towards.positive, towards.negative, "towards a target")]


def _last_start(starts: Sequence[int], end: int) -> int:
    """Of the token that ends at `end`."""
    return starts[bisect_left(starts, end) - 1]


def _nearness(
    text: str,
    tokens: Sequence[Part],
    found: Sequence[tuple[int, int]],
    towards: Towards,
) -> list[float]:
    """From 0 (a name of the target) to 1 (beside one), for each token.

    Two sweeps: what is near a name before it, and what is near one after it.
    """
    borders = sorted(
        [(match.end(), towards.sentence) for match in _SENTENCE.finditer(text)]
        + [(match.start(), towards.contrast) for match in _CONTRAST.finditer(text)]
    )
    step = math.exp(-1 / towards.reach)
    own = _own(tokens, found)
    gaps = _gaps(tokens, borders)
    near = [0.0] * len(tokens)
    for order in (range(len(tokens)), range(len(tokens) - 1, -1, -1)):
        forward = order.step > 0
        level = 0.0
        for at in order:
            level *= step * gaps[at if forward else at + 1]
            if own[at]:
                level = 1.0 / step
            near[at] = max(near[at], level * step)
    return [0.0 if mine else max(level, 1e-9) for level, mine in zip(near, own, strict=True)]


def _own(tokens: Sequence[Part], found: Sequence[tuple[int, int]]) -> list[bool]:
    own, place = [], 0
    for token in tokens:
        while place < len(found) and found[place][1] <= token.start:
            place += 1
        own.append(place < len(found) and found[place][0] < token.end)
    return own


def _gaps(tokens: Sequence[Part], borders: Sequence[tuple[int, float]]) -> list[float]:
    """By what to multiply between each token and the one before it, one more at the end."""
    gaps, place = [], 0
    for token in tokens:
        gap = 1.0
        while place < len(borders) and borders[place][0] <= token.start:
            gap *= borders[place][1]
            place += 1
        gaps.append(gap)
    return [*gaps, 1.0]
