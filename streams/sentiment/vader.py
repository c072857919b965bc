"""VADER in linear time: every score equal to vaderSentiment 3.3.2's, its quirks included.

The rules are those of Hutto and Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment
Analysis of Social Media Text" (ICWSM 2014), as that library carries them out. Word list, emoji
list and rule words are read from the installed library, never copied. What differs is the work:
each distinct token is looked at once and remembered, and a word's rules are tried only where a
neighbour can set them off. `docs/decisions/0005-vader-linear.md` tells why.
"""

import functools
import heapq
import importlib.resources
import math
import string
from collections import defaultdict
from typing import Final, NamedTuple

from vaderSentiment import vaderSentiment as library  # noqa: N813 - a module, named by what it is to us

_BOOSTERS: Final[dict[str, float]] = library.BOOSTER_DICT
_IDIOMS: Final[dict[str, float]] = library.SPECIAL_CASES
_NEGATIONS: Final[frozenset[str]] = frozenset(library.NEGATE)
_CAPS: Final[float] = library.C_INCR
_NEGATED: Final[float] = library.N_SCALAR

# One word of each phrase, rare in running text: where none of them is near, no phrase is. A first
# word that weighs must be among them, because phrases are also looked for ahead of such a word.
# `test_every_phrase_has_a_rare_word` holds this to the library's lists.
RARE: Final = frozenset(
    {"shit", "bomb", "bad", "stop", "yeah", "kiss", "die", "beating", "enough", "kind", "sort"}
)
_ACTING: Final = RARE | {"so", "this", "never", "without", "doubt", "least", "no"}

# Every word that the rules name, which therefore must keep its spelling.
_NAMED: Final = _ACTING.union(
    {"but", "of", "or", "nor", "at", "very"},
    _NEGATIONS,
    *(phrase.split() for phrase in (*_IDIOMS, *_BOOSTERS)),
)

_FEW: Final = 32  # up to here a plain search is faster than heaps
_MAX_TOKEN: Final = 48  # longer tokens are looked at anew: they are rare and seldom repeat
_REMEMBERED: Final = 1 << 16  # tokens; some 12 MB when full
_PATIENCE: Final = 20  # times as many misses, and memory starts afresh


class Polarity(NamedTuple):
    """VADER's four scores, rounded as the library rounds them."""

    neg: float
    neu: float
    pos: float
    compound: float


_NOTHING: Final = Polarity(0.0, 0.0, 0.0, 0.0)
_NEUTRAL: Final = Polarity(0.0, 1.0, 0.0, 0.0)


class Word:
    """What the rules need to know of a token, wherever it stands.

    `valence` is `None` unless the token can carry sentiment itself; `acts` tells that it may
    change the valence of one of the three words after it.
    """

    __slots__ = (
        "acts",
        "looks_ahead",
        "lower",
        "negates",
        "rare",
        "scalar",
        "upper",
        "valence",
        "weighed",
    )

    def __init__(self, word: str, lexicon: dict[str, float]) -> None:
        lower = word.lower()
        self.lower = lower
        self.upper = word.isupper()
        self.weighed = lower in lexicon
        self.scalar = _BOOSTERS.get(lower, 0.0)
        self.valence = None if lower in _BOOSTERS else lexicon.get(lower)
        self.negates = lower in _NEGATIONS or "n't" in lower
        self.rare = lower in RARE
        self.looks_ahead = lower in {"no", "kind"}
        self.acts = bool(self.scalar) or self.negates or lower in _ACTING


# What has nothing to tell it by shares one of these two.
_PLAIN: Final = Word("a", {})
_SHOUTED: Final = Word("A", {})


class _Words(dict[str, Word]):
    """Raw token -> `Word`, filled as tokens are met, bounded in number and length.

    Frequent tokens come early and stay; what comes when it is full is looked at anew each time,
    until so much of that has come that the talk must have changed, and it starts afresh.
    """

    def __init__(self, lexicon: dict[str, float], room: int) -> None:
        super().__init__()
        self._room = room
        self._missed = 0
        self._lexicon = lexicon
        self._known = frozenset(lexicon) | _NAMED

    def __missing__(self, token: str) -> Word:
        stripped = token.strip(string.punctuation)
        if len(stripped) <= 2:
            stripped = token  # an emoticon, likely: its punctuation is its meaning
        lower = stripped.lower()
        if lower in self._known or "n't" in lower:
            word = Word(stripped, self._lexicon)
        else:
            word = _SHOUTED if stripped.isupper() else _PLAIN
        if len(self) < self._room:
            if len(token) <= _MAX_TOKEN:
                self[token] = word
        else:
            self._missed += 1
            if self._missed > _PATIENCE * self._room:
                self._missed = 0
                self.clear()
        return word


class Vader:
    """The engine. One instance may serve many threads; it remembers words, up to `remembered` of
    them, and never texts."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        emojis = _read_list("emoji_utf8_lexicon.txt")
        lexicon = {word: float(rating) for word, rating in _read_list("vader_lexicon.txt").items()}
        self._look_up = _Words(lexicon, remembered).__getitem__
        self._emojis = {key: name for key, name in emojis.items() if len(key) == 1}

    def polarity(self, text: str) -> Polarity:
        """The same four figures as vaderSentiment's `polarity_scores(text)`.

        Takes time in proportion to the text (times a logarithm after a "but").
        """
        return self.weigh(text)[0]

    def weigh(self, text: str) -> tuple[Polarity, int]:
        """The scores, and how many words or emoji may have carried them."""
        if not text.isascii():
            text = _spelled(text, self._emojis)
        words = list(map(self._look_up, text.split()))
        places = [at for at, word in enumerate(words) if word.valence is not None]
        if not places:
            return (_NEUTRAL if words else _NOTHING), 0
        return _summed(_valences(words, places, text), len(words), text), len(places)

    def explain(self, text: str) -> list[tuple[str, float]]:
        """Each word that may carry sentiment, as VADER spells it, with its valence in place."""
        text = _spelled(text, self._emojis)
        words = list(map(self._look_up, text.split()))
        places = [at for at, word in enumerate(words) if word.valence is not None]
        valences = _valences(words, places, text)
        return [(words[at].lower, value) for at, value in zip(places, valences, strict=True)]


@functools.cache
def shared() -> Vader:
    """The one engine of this process: its lists take some 20 ms and 3 MB to read."""
    return Vader()


def _read_list(name: str) -> dict[str, str]:
    raw = importlib.resources.files("vaderSentiment").joinpath(name).read_bytes().decode("utf-8")
    rows = (line.strip().split("\t") for line in raw.rstrip("\n").split("\n") if line)
    return {row[0]: row[1] for row in rows}


def _spelled(text: str, emojis: dict[str, str]) -> str:
    """The text with each emoji written out in words, as the library does it character by
    character: a space goes before unless one is there, none goes after."""
    if text.isascii() or emojis.keys().isdisjoint(text):
        return text
    parts: list[str] = []
    before = " "
    for character in text:
        name = emojis.get(character)
        if name is not None and before != " ":
            parts.append(" ")
        parts.append(character if name is None else name)
        before = character
    return "".join(parts)


def _valences(words: list[Word], places: list[int], text: str) -> list[float]:
    """The valence of each word at `places`, the only ones that can have any."""
    mixed = 0 < sum([word.upper for word in words]) < len(words)
    valences = [_valence(words, at, mixed) for at in places]
    if "but" in text.lower():
        _weigh_but(words, places, valences)
    return valences


def _valence(words: list[Word], at: int, mixed: bool) -> float:  # noqa: C901 - the order of the rules is the specification
    """The valence of the word at `at` among its neighbours.

    `mixed` tells that the text has words in capitals and others that are not.
    """
    word = words[at]
    value = word.valence or 0.0
    one = words[at - 1] if at > 0 else _PLAIN
    two = words[at - 2] if at > 1 else _PLAIN
    three = words[at - 3] if at > 2 else _PLAIN
    acted = one.acts or two.acts or three.acts
    if word.looks_ahead:
        value = _before_next(words, at, value)
        if word.lower == "kind" and not value:
            return 0.0
    if acted and _after_no(one, two, three):
        value = (word.valence or 0.0) * _NEGATED
    if word.upper and mixed:
        value += _CAPS if value > 0 else -_CAPS
    if acted:
        value = _scaled(value, one, 1.0, mixed)
        if one.negates and not one.weighed:
            value *= _NEGATED
        value = _second(_scaled(value, two, 0.95, mixed), one, two)
    if at > 2 and not three.weighed:
        if acted:
            value = _third(_scaled(value, three, 0.9, mixed), one, two, three)
        if word.rare or one.rare or two.rare or three.rare:
            value = _phrases(words, at, value)
    if one.lower == "least" and two.lower not in ("at", "very"):
        value *= _NEGATED
    return value


def _before_next(words: list[Word], at: int, value: float) -> float:
    """Take the weight off "no" before a word that weighs, and off "kind" before "of"."""
    if at + 1 == len(words):
        return value
    after = words[at + 1]
    ruled_out = after.weighed if words[at].lower == "no" else after.lower == "of"
    return 0.0 if ruled_out else value


def _after_no(one: Word, two: Word, three: Word) -> bool:
    if one.lower == "no" or two.lower == "no":
        return True
    return three.lower == "no" and one.lower in ("or", "nor")


def _scaled(value: float, before: Word, nearness: float, mixed: bool) -> float:
    """`value` after a booster or a dampener; no booster is in the word list itself."""
    scalar = before.scalar
    if not scalar:
        return value
    if value < 0:
        scalar = -scalar
    if before.upper and mixed:
        scalar += _CAPS if value > 0 else -_CAPS
    return value + scalar * nearness


def _second(value: float, one: Word, two: Word) -> float:
    """What a negation two words before does."""
    if two.weighed:
        return value
    if two.lower == "never" and one.lower in ("so", "this"):
        return value * 1.25
    if two.lower == "without" and one.lower == "doubt":
        return value
    return value * _NEGATED if two.negates else value


def _third(value: float, one: Word, two: Word, three: Word) -> float:
    """What a negation three words before does, and "so" or "this" just before: the library's
    `and` binds tighter than its `or`, so these raise the valence without any "never"."""
    if one.lower in ("so", "this") or (three.lower == "never" and two.lower in ("so", "this")):
        return value * 1.25
    if three.lower == "without" and "doubt" in (one.lower, two.lower):
        return value
    return value * _NEGATED if three.negates else value


def _phrases(words: list[Word], at: int, value: float) -> float:
    """Set phrases up to and around the word at `at` (> 2), then boosters of two words."""
    three, two, one, zero, *ahead = (word.lower for word in words[at - 3 : at + 3])
    before = (f"{three} {two} {one}", f"{three} {two}", f"{two} {one}")
    for phrase in (f"{one} {zero}", f"{two} {one} {zero}", before[2], before[0], before[1]):
        if phrase in _IDIOMS:
            value = _IDIOMS[phrase]
            break
    for length in range(1, len(ahead) + 1):
        value = _IDIOMS.get(" ".join((zero, *ahead[:length])), value)
    for phrase in before:
        value += _BOOSTERS.get(phrase, 0.0)
    return value


def _weigh_but(words: list[Word], places: list[int], values: list[float]) -> None:
    """Halve what stands before the first "but", raise what stands after it.

    The library walks the list while it changes it and looks each value up by `list.index`: the
    change lands on the first *equal* value of the moment, not always on the word itself.
    """
    but = next((at for at, word in enumerate(words) if word.lower == "but"), None)
    if but is None:
        return
    factors = [0.5 if at < but else 1.5 for at in places]
    if len(values) > _FEW:
        _weigh_many(values, factors)
        return
    for value in values:
        first = values.index(value)
        values[first] = value * factors[first]


def _weigh_many(values: list[float], factors: list[float]) -> None:
    """The same with the places of each value in a heap, which costs no more than a sort."""
    places: defaultdict[float, list[int]] = defaultdict(list)
    for index, value in enumerate(values):
        places[value].append(index)
    for value in values:
        first = heapq.heappop(places[value])
        values[first] = value * factors[first]
        heapq.heappush(places[values[first]], first)


def _summed(valences: list[float], count: int, text: str) -> Polarity:
    """The four scores of `count` words, `valences` being those that may not be zero.

    Sums run in the library's order and steps: floating-point addition is not associative.
    """
    total = float(sum(valences))
    positive = negative = 0.0
    neutral = count - len(valences)
    for value in valences:
        if value > 0:
            positive += value + 1
        elif value < 0:
            negative += value - 1
        else:
            neutral += 1
    if "!" in text or "?" in text:
        emphasis = _emphasis(text)
        if total:
            total += emphasis if total > 0 else -emphasis
        if positive > -negative:
            positive += emphasis
        elif positive < -negative:
            negative -= emphasis
    whole = positive - negative + neutral
    return Polarity(
        round(-negative / whole, 3),
        round(neutral / whole, 3),
        round(positive / whole, 3),
        round(total / math.sqrt(total * total + 15), 4),
    )


def _emphasis(text: str) -> float:
    """What exclamation marks (up to four) and repeated question marks add."""
    asked = text.count("?")
    doubt = 0.0 if asked < 2 else 0.96 if asked > 3 else asked * 0.18
    return min(text.count("!"), 4) * 0.292 + doubt
