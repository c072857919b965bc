"""The weights of one language: how they are kept in a file, and what a token weighs by them.

A model is additive: the two figures of a text, *for positive* and *for negative* (natural
logarithms of how much likelier than neutral), are sums over its words, pairs of words and marks. So
each word is weighed once and remembered, and every score can be taken apart again.

The file is JSON and tables of signed bytes, compressed: `2 ** WORD_BITS` times two (for positive,
for negative) for words and letter sequences, `2 ** PAIR_BITS` times two for pairs, and the words of
the lists with what they add. A byte times its own size times its table's scale is the weight: fine
steps near zero, where most weights are, and room for the few that are large.
"""

import math
import re
import sys
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from streams.errors import ConfigError
from streams.sentiment import features, phrases

MAGIC: Final = b"veille-sentiment-2\n"
_REMEMBERED: Final = 16_384  # words of one language, some 5 MB
_PATIENCE: Final = 4  # how many times its room may be missed before the store starts afresh
_MAX_TOKEN: Final = 64
# What each signed byte stands for; a negative one indexes from the end.
LEVELS: Final = [float(b * abs(b)) for b in (*range(128), *range(-128, 0))]
_PHRASE: Final = "in a set phrase"


class Towards(msgspec.Struct, frozen=True):
    """How a text is judged towards a target: how fast words count less away from it, by what a
    sentence's or a contrast's border multiplies, how much the rest of the post counts, what is
    added to positive and negative, and what is taken from the log-odds of being right."""

    reach: float = 6.0
    sentence: float = 0.3
    contrast: float = 0.1
    whole: float = 0.15
    positive: float = -0.1
    negative: float = 0.2
    doubt: float = 0.3


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """All of a model but its tables. Pairs are (for positive, for negative)."""

    lang: str
    bias: tuple[float, float]
    marks: list[tuple[float, float]]
    word_scale: float
    pair_scale: float
    list_scale: float
    listed: int
    confidence: dict[str, tuple[float, float]] = {}
    towards: Towards = Towards()
    held_out: dict[str, float] = {}
    trained_on: str = ""


class Tables(NamedTuple):
    """Signed bytes: for positive and for negative by turns, of words and of pairs; the keys of
    listed words in order, and four bytes for each: what it adds, and what under a negation."""

    words: bytes
    pairs: bytes
    keys: Sequence[int]
    listed: Sequence[int]


Weighed = tuple[float, float, float, float, int, int]
"""A token: for positive, for negative, both under a negation, its bucket, its kind."""


class Part(NamedTuple):
    """What a stretch of a text adds to the two figures; -1 for what has no place in it."""

    start: int
    end: int
    pos: float
    neg: float
    note: str


def pack(head: Head, tables: Tables) -> bytes:
    """The bytes of a model's file; the same for the same weights."""
    parts = [msgspec.json.encode(head), b"\n"]
    parts += [
        tables.words,
        tables.pairs,
        _little("I", tables.keys),
        array("b", tables.listed).tobytes(),
    ]
    return MAGIC + zlib.compress(b"".join(parts), 9)


def unpack(raw: bytes) -> "Model":
    """Raises `ConfigError` for what is no model, or one of another version."""
    try:
        line, _, body = zlib.decompress(raw.removeprefix(MAGIC)).partition(b"\n")
        head = msgspec.json.decode(line, type=Head)
        tables = _cut(body, head.listed)
    except (ValueError, zlib.error) as error:
        raise ConfigError(
            f"sentiment model: {error}. Remedy: `veille sentiment train`, or install Veille anew"
        ) from None
    return Model(head, tables)


def _cut(body: bytes, listed: int) -> Tables:
    words, pairs = 1 << features.WORD_BITS, 1 << features.PAIR_BITS
    if len(body) != 2 * words + 2 * pairs + 8 * listed:
        raise ValueError(f"{len(body):,} bytes of tables: not what its head says")
    at = 2 * (words + pairs)
    keys = array("I", body[at : at + 4 * listed])
    if sys.byteorder == "big":
        keys.byteswap()
    return Tables(
        body[: 2 * words], body[2 * words : at], keys, array("b", body[at + 4 * listed :])
    )


def _little(code: str, values: Sequence[int]) -> bytes:
    packed = array(code, values)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def _sides(table: bytes) -> tuple[Sequence[int], Sequence[int]]:
    """What a table holds for positive, and what for negative."""
    signed = memoryview(table).cast("b")
    return signed[::2], signed[1::2]


class Model:
    """One language's weights. It may serve many threads; it remembers words, never texts."""

    def __init__(self, head: Head, tables: Tables) -> None:
        self.head = head
        self.tables = tables
        self._words = _sides(tables.words)
        self._pairs = _sides(tables.pairs)
        self.look_up = _Words(self).__getitem__

    def weigh(self, token: str) -> Weighed:
        """What the token weighs, worked out anew."""
        word = features.plain(token)
        head, (positive, negative) = self.head, self._words
        raw = word.encode("utf-16-le", "surrogatepass")
        bucket, negated = features.word_bucket(raw), features.negated_bucket(raw)
        letters = features.letter_buckets(word)
        share = features.letter_share(len(letters), head.lang)
        scale = head.word_scale
        levels, level = LEVELS, LEVELS.__getitem__
        in_letters = sum(map(level, map(positive.__getitem__, letters)))
        pos = scale * (levels[positive[bucket]] + share * in_letters)
        in_letters = sum(map(level, map(negative.__getitem__, letters)))
        neg = scale * (levels[negative[bucket]] + share * in_letters)
        said = self._listed(word)
        return (
            pos + said[0],
            neg + said[1],
            pos + scale * levels[positive[negated]] + said[2],
            neg + scale * levels[negative[negated]] + said[3],
            bucket,
            features.kind(token, word, head.lang),
        )

    def _listed(self, word: str) -> tuple[float, float, float, float]:
        keys, scale = self.tables.keys, self.head.list_scale
        key = features.key(features.listed(word))
        at = bisect_left(keys, key)
        if at == len(keys) or keys[at] != key:
            return (0.0, 0.0, 0.0, 0.0)
        one, two, three, four = (
            scale * LEVELS[byte] for byte in self.tables.listed[4 * at : 4 * at + 4]
        )
        return one, two, three, four

    def listed(self, text: str) -> float:
        """How much more positive than negative its tokens are by the lists alone."""
        said = [self._listed(features.plain(token)) for token in features.TOKEN.findall(text)]
        return sum([four[0] - four[1] for four in said])

    def sums(self, text: str) -> tuple[float, float, int]:
        """For positive, for negative, and of how many words: the quick way, without places."""
        words = list(map(self.look_up, features.TOKEN.findall(text)))
        pos = neg = pair_pos = pair_neg = 0.0
        left = seen = capitals = elongated = spoken = 0
        before = -1
        pairs_pos, pairs_neg = self._pairs
        mask, levels, ordinary = features.PAIR_MASK, LEVELS, features.WORD
        for word_pos, word_neg, under_pos, under_neg, bucket, kind in words:
            if before >= 0:
                pair = (before * 40_503 + bucket) & mask
                pair_pos += levels[pairs_pos[pair]]
                pair_neg += levels[pairs_neg[pair]]
            before = bucket
            if kind == ordinary:
                spoken += 1
            elif kind:
                seen |= kind
                spoken += (kind & ordinary) // ordinary
                capitals += kind & features.CAPITALS
                elongated += kind & features.ELONGATED
                if kind & features.TURNS:
                    left = features.REACH if kind & features.NEGATES else 0
                    pos += word_pos
                    neg += word_neg
                    continue
            if left:
                left -= 1
                pos += under_pos
                neg += under_neg
            else:
                pos += word_pos
                neg += word_neg
        if seen & features.PHRASE and phrases.find(text, self.head.lang):
            parts = self.parts(text)
            return sum([part.pos for part in parts]), sum([part.neg for part in parts]), spoken
        count = len(words)
        scale = self.head.pair_scale * features.PAIR_SHARE
        norm = features.norm(count)
        marked = features.marks(
            text,
            count,
            spoken,
            capitals // features.CAPITALS,
            elongated // features.ELONGATED,
        )
        pos, neg = (pos + scale * pair_pos) * norm, (neg + scale * pair_neg) * norm
        for value, (for_pos, for_neg) in zip(marked, self.head.marks, strict=True):
            if value:
                pos += value * for_pos
                neg += value * for_neg
        bias_pos, bias_neg = self.head.bias
        return pos + bias_pos, neg + bias_neg, spoken

    def parts(self, text: str) -> list[Part]:
        """What `sums` adds up, one by one: tokens, pairs, marks and bias, in this order."""
        found = list(features.TOKEN.finditer(text))
        words = [self.look_up(match[0]) for match in found]
        kinds = [word[5] for word in words]
        norm = features.norm(len(words))
        parts = list(self._weighed(found, words, norm))
        if any(kind & features.PHRASE for kind in kinds):
            parts = _with_phrases(parts, phrases.find(text, self.head.lang), norm)
        bits = (features.WORD, features.CAPITALS, features.ELONGATED)
        counts = (sum(1 for kind in kinds if kind & bit) for bit in bits)
        marked = features.marks(text, len(words), *counts)
        for name, value, (pos, neg) in zip(features.MARKS, marked, self.head.marks, strict=True):
            if value:
                parts.append(Part(-1, -1, value * pos, value * neg, name))
        parts.append(Part(-1, -1, *self.head.bias, "bias"))
        return parts

    def _weighed(
        self, found: Sequence[re.Match[str]], words: Sequence[Weighed], norm: float
    ) -> Iterator[Part]:
        """Tokens, then pairs."""
        under = features.negated([word[5] for word in words])
        for match, word, negated in zip(found, words, under, strict=True):
            pos, neg = (word[2], word[3]) if negated else (word[0], word[1])
            note = "negated" if negated else ""
            yield Part(match.start(), match.end(), pos * norm, neg * norm, note)
        positive, negative = self._pairs
        scale = self.head.pair_scale * features.PAIR_SHARE * norm
        for at in range(1, len(words)):
            pair = features.pair_bucket(words[at - 1][4], words[at][4])
            pos, neg = LEVELS[positive[pair]] * scale, LEVELS[negative[pair]] * scale
            yield Part(found[at - 1].start(), found[at].end(), pos, neg, "pair")


def _with_phrases(
    parts: Sequence[Part], found: Sequence[phrases.Phrase], norm: float
) -> list[Part]:
    """The parts of tokens and pairs, those in a set phrase worth nothing but its first token, which
    carries the phrase."""
    ends = [one.end for one in found]
    carried: set[int] = set()
    told = []
    for part in parts:
        at = bisect_right(ends, part.start)
        if at < len(found) and found[at].start < part.end:
            if part.note == "pair":
                told.append(part._replace(pos=0.0, neg=0.0))
            else:
                value = 0.0 if at in carried else phrases.WEIGHT * found[at].value * norm
                carried.add(at)
                told.append(part._replace(pos=value, neg=-value, note=_PHRASE))
        else:
            told.append(part)
    return told


class _Words(dict[str, Weighed]):
    """Token -> its weights, filled as tokens are met, bounded in number and length."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self._weigh = model.weigh
        self._missed = 0

    def __missing__(self, token: str) -> Weighed:
        first = token[0]
        if first == "@" or first.isdigit() or (first in "hw" and features.is_link(token)):
            word = features.plain(token)
            if word != token:  # there is no end of links, names and numbers: each kind is one word
                return self[word]
        weighed = self._weigh(token)
        if len(self) < _REMEMBERED:
            if len(token) <= _MAX_TOKEN:
                self[token] = weighed
            return weighed
        self._missed += 1
        if self._missed > _PATIENCE * _REMEMBERED:
            self._missed = 0
            self.clear()
        return weighed


def probabilities(pos: float, neg: float) -> tuple[float, float, float]:
    """Of positive, negative and neutral."""
    top = max(pos, neg, 0.0)
    three = math.exp(pos - top), math.exp(neg - top), math.exp(-top)
    whole = sum(three)
    return three[0] / whole, three[1] / whole, three[2] / whole
