"""VADER in linear time: every score equal to vaderSentiment 3.3.2's, its quirks included.

The rules are those of Hutto and Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment
Analysis of Social Media Text" (ICWSM 2014), as that library carries them out. Word list, emoji
list and rule words are read from the installed library, never copied. What differs is the work:
tokens that no rule knows are passed over all at once, and a word's rules are tried only where a
neighbour can set them off. `docs/decisions/0005-vader-linear.md` tells why.
"""

import functools
import heapq
import importlib.resources
import math
import re
import string
from collections import defaultdict
from collections.abc import Callable
from itertools import compress, count
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

# Every word that changes others, which therefore must be found where it stands.
_NAMED: Final = _ACTING.union({"but"}, _NEGATIONS, _BOOSTERS)

# The blocks that the emoji of the library's list lie in, with what lies between them.
EMOJI: Final = re.compile("[©®\u203c-\u2b55\u3030-\u3299\U0001f004-\U0001f9ff]")

_FEW: Final = 32  # up to here a plain search is faster than heaps
_MAX_TOKEN: Final = 48  # longer tokens are looked at anew: they are rare and seldom repeat
_REMEMBERED: Final = 1 << 14  # tokens; some 4 MB when full
_PUNCTUATION: Final = string.punctuation.encode()


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
    change the valence of one of the three words after it, `minds` that its own valence may depend
    on more than those.
    """

    __slots__ = (
        "acts",
        "looks_ahead",
        "lower",
        "minds",
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
        self.minds = self.upper or self.rare or self.looks_ahead
        self.acts = bool(self.scalar) or self.negates or lower in _ACTING


_PLAIN: Final = Word("", {})


class _Words(dict[str, Word | None]):
    """Raw token -> `Word`, or `None` where no rule knows it; bounded in number and length.

    Only tokens whose shape is a known word's are looked at and remembered: few others are, and no
    names or links. When it is full it starts afresh.
    """

    def __init__(self, lexicon: dict[str, float], room: int) -> None:
        super().__init__()
        self._room = room
        self._lexicon = lexicon
        self._known = frozenset(lexicon) | _NAMED
        self._is_known_shape = frozenset(map(_shape, self._known)).__contains__

    def among(self, tokens: list[str]) -> dict[int, Word]:
        """Place -> word, in order, of those among the tokens that the rules know."""
        if not tokens:
            return {}
        joined = " ".join(tokens).lower()
        shapes = _shape(joined).split(b" ")
        if "n't" in joined:  # a negation, whatever word it is of
            pairs = zip(joined.split(" "), shapes, strict=True)
            shapes = [b"" if "n't" in token else shape for token, shape in pairs]
        words: dict[int, Word] = {}
        for at in compress(count(), map(self._is_known_shape, shapes)):
            word = self[tokens[at]]
            if word is not None:
                words[at] = word
        return words

    def __missing__(self, token: str) -> Word | None:
        stripped = _bare(token)
        lower = stripped.lower()
        word = None
        if lower in self._known or "n't" in lower:
            word = Word(stripped, self._lexicon)
        if len(self) >= self._room:
            self.clear()
        if len(token) <= _MAX_TOKEN:
            self[token] = word
        return word


def _shape(text: str) -> bytes:
    """A text in lower case without its punctuation, all of it at once: equal for all spellings of a
    word, and empty for most emoticons."""
    return text.encode("utf-8", "replace").translate(None, _PUNCTUATION)


def _bare(token: str) -> str:
    """The token without the punctuation around it, unless little is left: of an emoticon,
    likely, whose punctuation is its meaning."""
    stripped = token.strip(string.punctuation)
    return token if len(stripped) <= 2 else stripped


class Vader:
    """The engine. One instance may serve many threads; it remembers spellings of known words, up
    to `remembered` of them, and never texts."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        emojis = _read_list("emoji_utf8_lexicon.txt")
        lexicon = {word: float(rating) for word, rating in _read_list("vader_lexicon.txt").items()}
        self._among = _Words(lexicon, remembered).among
        self._spell = _speller({key: name for key, name in emojis.items() if len(key) == 1})

    def polarity(self, text: str) -> Polarity:
        """The same four figures as vaderSentiment's `polarity_scores(text)`.

        Takes time in proportion to the text (times a logarithm after a "but").
        """
        return self.weigh(text)[0]

    def weigh(self, text: str) -> tuple[Polarity, int]:
        """The scores, and how many words or emoji may have carried them."""
        if not text.isascii():
            text = self._spell(text)
        tokens = text.split()
        valences = _valences(self._among(tokens), tokens)
        if not valences:
            return (_NEUTRAL if tokens else _NOTHING), 0
        return _summed(valences, len(tokens), text), len(valences)

    def compound(self, text: str) -> tuple[float, int]:
        """The last of the four scores alone, in less time, and as many words."""
        if not text.isascii():
            text = self._spell(text)
        tokens = text.split()
        valences = _valences(self._among(tokens), tokens)
        if not valences:
            return 0.0, 0
        return _compound(sum(valences), _emphasis(text)), len(valences)

    def explain(self, text: str) -> list[tuple[str, float]]:
        """Each word that may carry sentiment, as VADER spells it, with its valence in place."""
        tokens = self._spell(text).split()
        words = self._among(tokens)
        carriers = [word.lower for word in words.values() if word.valence is not None]
        return list(zip(carriers, _valences(words, tokens), strict=True))


@functools.cache
def shared() -> Vader:
    """The one engine of this process: its lists take some 20 ms and 3 MB to read."""
    return Vader()


def _read_list(name: str) -> dict[str, str]:
    raw = importlib.resources.files("vaderSentiment").joinpath(name).read_bytes().decode("utf-8")
    rows = (line.strip().split("\t") for line in raw.rstrip("\n").split("\n") if line)
    return {row[0]: row[1] for row in rows}


def _speller(emojis: dict[str, str]) -> Callable[[str], str]:
    """Writes each emoji out in words, a space before and none after, as the library does.

    The library adds no second space; words are told apart by any number of them.
    """
    names = {emoji: " " + name for emoji, name in emojis.items()}

    return lambda text: EMOJI.sub(lambda match: names.get(match[0], match[0]), text)


def _valences(words: dict[int, Word], tokens: list[str]) -> list[float]:
    """The valence of each of the known words that can have any.

    Most texts have one or two, with nothing near that acts on them: the rules are entered only
    where a neighbour or the word itself asks for it.
    """
    valences: list[float] = []
    acted = -1  # the last place that the words before may act on
    before_but = None
    mixed = None
    for at, word in words.items():
        if mixed is None and word.upper:
            mixed = not all(map(str.isupper, tokens))
        value = word.valence
        if value is not None:
            if at <= acted or word.minds:
                value = _valence(words, at, tokens, mixed or False)
            valences.append(value)
        elif before_but is None and word.lower == "but":
            before_but = len(valences)
        if word.acts:
            acted = at + 3
    if before_but is not None:
        _weigh_but(valences, before_but)
    return valences


def _valence(words: dict[int, Word], at: int, tokens: list[str], mixed: bool) -> float:  # noqa: C901 - the order of the rules is the specification
    """The valence of the word at `at` among its neighbours.

    `mixed` tells that the text has words in capitals, up to this one, and others that are not.
    """
    word = words[at]
    value = valence = word.valence or 0.0
    one, two, three = (words.get(at - before, _PLAIN) for before in (1, 2, 3))
    acted = one.acts or two.acts or three.acts
    if word.looks_ahead:
        value = _before_next(words, at, tokens)
        if word.lower == "kind" and not value:
            return 0.0
    if acted and _after_no(one, two, three, tokens[at - 1]):
        value = valence * _NEGATED
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
            value = _phrases(tokens, at, value)
    if one.lower == "least" and (at < 2 or _bare(tokens[at - 2]).lower() not in ("at", "very")):
        value *= _NEGATED
    return value


def _before_next(words: dict[int, Word], at: int, tokens: list[str]) -> float:
    """Take the weight off "no" before a word that weighs, and off "kind" before "of"."""
    word = words[at]
    if at + 1 == len(tokens):
        ruled_out = False
    elif word.lower == "no":
        ruled_out = words.get(at + 1, _PLAIN).weighed
    else:
        ruled_out = _bare(tokens[at + 1]).lower() == "of"
    return 0.0 if ruled_out else word.valence or 0.0


def _after_no(one: Word, two: Word, three: Word, before: str) -> bool:
    """`before` is the token just before, which holds `one`."""
    if one.lower == "no" or two.lower == "no":
        return True
    return three.lower == "no" and _bare(before).lower() in ("or", "nor")


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


def _phrases(tokens: list[str], at: int, value: float) -> float:
    """Set phrases up to and around the word at `at` (> 2), then boosters of two words."""
    three, two, one, zero, *ahead = (_bare(token).lower() for token in tokens[at - 3 : at + 3])
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


def _weigh_but(values: list[float], before: int) -> None:
    """Halve what stands before the first "but", the first `before` of the values; raise the rest.

    The library walks the list while it changes it and looks each value up by `list.index`: the
    change lands on the first *equal* value of the moment, not always on the word itself.
    """
    if len(values) > _FEW:
        _weigh_many(values, before)
        return
    for value in values:
        first = values.index(value)
        values[first] = value * (0.5 if first < before else 1.5)


def _weigh_many(values: list[float], before: int) -> None:
    """The same with the places of each value in a heap, which costs no more than a sort."""
    places: defaultdict[float, list[int]] = defaultdict(list)
    for index, value in enumerate(values):
        places[value].append(index)
    for value in values:
        first = heapq.heappop(places[value])
        values[first] = value * (0.5 if first < before else 1.5)
        heapq.heappush(places[values[first]], first)


def _summed(valences: list[float], count: int, text: str) -> Polarity:
    """The four scores of `count` words, `valences` being those that may not be zero.

    Sums run in the library's order and steps: floating-point addition is not associative.
    """
    positive = negative = 0.0
    neutral = count - len(valences)
    for value in valences:
        if value > 0:
            positive += value + 1
        elif value < 0:
            negative += value - 1
        else:
            neutral += 1
    emphasis = _emphasis(text)
    if positive > -negative:
        positive += emphasis
    elif positive < -negative:
        negative -= emphasis
    whole = positive - negative + neutral
    return Polarity(
        round(-negative / whole, 3) if negative else 0.0,
        round(neutral / whole, 3),
        round(positive / whole, 3) if positive else 0.0,
        _compound(sum(valences), emphasis),
    )


def _compound(total: float, emphasis: float) -> float:
    """The sum of all valences, brought between -1 and 1."""
    if not total:
        return 0.0
    total += emphasis if total > 0 else -emphasis
    return round(total / math.sqrt(total * total + 15), 4)


def _emphasis(text: str) -> float:
    """What exclamation marks (up to four) and repeated question marks add."""
    doubt = 0.0
    if "?" in text:
        asked = text.count("?")
        doubt = 0.0 if asked < 2 else 0.96 if asked > 3 else asked * 0.18
    return min(text.count("!"), 4) * 0.292 + doubt if "!" in text else doubt
