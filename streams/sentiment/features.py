"""What the `hybrid` engine sees of a text: tokens, and the hashed features of a token.

Everything here is the same in training and at run time, and on every machine: hashes are CRC-32,
never Python's own, which differ from process to process.
"""

import math
import re
from collections.abc import Sequence
from typing import Final
from zlib import crc32

from streams.sentiment import phrases

WORD_BITS: Final = 18  # buckets of words and of letter sequences, as a power of two
PAIR_BITS: Final = 17  # buckets of pairs of words
WORD_MASK: Final = (1 << WORD_BITS) - 1
PAIR_MASK: Final = (1 << PAIR_BITS) - 1

_LONGEST: Final = 32  # letters of a word that are looked at
_WIDTHS: Final = (6, 8, 10)  # bytes of sequences of 3, 4 and 5 letters, a word's borders counted

_EMOJI: Final = (
    "\u203c\u2049\u2190-\u21ff\u2300-\u27bf\u2900-\u2bff\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001faff"
)
_MOUTHS: Final = r"[)(\]\[DPpdoO3*/\\|}{$cC@]"

# The order is the order of preference: words, links, names, hashtags, emoticons, numbers, emoji,
# marks. Every alternative is linear.
TOKEN: Final = re.compile(
    r"(?!https?\b|www\.)[^\W\d_]+(?:['’`*-]+[^\W\d_]+)*"
    r"|https?\S*|www\.\S+|@\w+|#\w+"
    rf"|[:;=8][-'^,~]{{0,2}}{_MOUTHS}{{1,8}}(?!\w)|[)(\]\[]{{1,3}}[-'^]?[:;=]"
    r"|<3+|</3|\^[_.-]?\^|-_+-|\){2,}|\({2,}"
    r"|\d+"
    rf"|[{_EMOJI}]"
    r"|[!?]+|\.{2,}|[….,;:()\"“”«»—–*+%$€£&]"
)
_LINK: Final = re.compile(r"https?(?:\Z|:)|www\.")
_LONG: Final = re.compile(r"(\w)\1{2,}")
_RUN: Final = re.compile(r"([^\w\s])\1+")

_CLAUSE_ENDS: Final = frozenset('.,;:!?…()—–"«»“”')
_CONTRASTING: Final = (
    "but however though although yet mais pourtant cependant но однако зато aber jedoch doch pero "
    "mas porém porem ma però tuttavia"
)
_CONTRAST: Final = frozenset(_CONTRASTING.split())
_NEGATIONS: Final = {
    "en": "no not never none nobody nothing neither nor cannot cant dont doesnt didnt isnt arent "
    "wasnt werent wont wouldnt shouldnt couldnt hasnt havent hadnt aint without hardly barely",
    "fr": "pas sans ni aucun aucune jamais rien peu plus personne guère guere",
    "es": "no ni sin nunca jamás jamas nada nadie tampoco ningún ninguna ninguno",
    "pt": "não nao nem sem nunca jamais nada ninguém n ñ num nenhum nenhuma",
    "it": "non né ne senza mai niente nulla nessuno nessuna nn mica",
    "de": "nicht kein keine keinen keiner keinem nie niemals ohne nix nichts weder noch net ned",
    "ru": "не ни без нет нету нельзя никогда ничего никто",
}
NEGATIONS: Final = {lang: frozenset(words.split()) for lang, words in _NEGATIONS.items()}

REACH: Final = 6  # words after a negation that stand under it, unless the clause ends before

# What a token is, beside its word: bits of its kind.
NEGATES: Final = 1
ENDS: Final = 2  # the reach of a negation
CONTRASTS: Final = 4
CAPITALS: Final = 8
ELONGATED: Final = 16
WORD: Final = 32
PHRASE: Final = 64  # a set phrase may turn on it
TURNS: Final = NEGATES | ENDS | CONTRASTS  # what ends a negation, or begins one anew

MARKS: Final = (
    "share of words in capitals",
    "capitals",
    "elongated words",
    "exclamation marks",
    "question marks",
    "length",
    "hashtags",
    "link",
    "mentions",
    "more brackets closed than opened",
    "closing brackets as a smile",
)


def plain(token: str) -> str:
    """The token as the model knows it: lower case, links and names as one word each, long
    letters and runs of marks cut to two."""
    if token[0] == "@":
        return "@user"
    if token[0] in "hw" and _LINK.match(token):
        return "http"
    if token.isdigit():
        return "0" if len(token) < 3 else "000"
    word = token[:_LONGEST].lower()
    if not word.isascii():
        word = word.replace("’", "'").replace("ё", "е")
    if word.isalpha():
        return _LONG.sub(r"\1\1", word) if _LONG.search(word) else word
    return _RUN.sub(r"\1\1", _LONG.sub(r"\1\1", word.replace("`", "'")))


def is_link(token: str) -> bool:
    return _LINK.match(token) is not None


def kind(token: str, word: str, lang: str) -> int:
    """The bits of a token whose plain word is `word`."""
    bits = 0
    if word in NEGATIONS[lang] or (lang == "en" and word.endswith("n't")):
        bits |= NEGATES
    if word[0] in _CLAUSE_ENDS:
        bits |= ENDS
    if word in _CONTRAST:
        bits |= CONTRASTS
    if word in phrases.TRIGGERS[lang]:
        bits |= PHRASE
    if word != "http" and (token[0].isalpha() or token[0] == "#"):
        bits |= WORD
        if len(token) > 2 and token.isupper():
            bits |= CAPITALS
        if _LONG.search(token[:_LONGEST]):
            bits |= ELONGATED
    return bits


def negated(kinds: Sequence[int]) -> list[bool]:
    """Which tokens stand under a negation, by the bits of each."""
    under, left = [], 0
    for bits in kinds:
        under.append(bool(left) and not bits & TURNS)
        if bits & TURNS:
            left = REACH if bits & NEGATES else 0
        elif left:
            left -= 1
    return under


def encoded(word: str) -> bytes:
    """Two bytes a letter (four beyond the first plane): what hashes are taken of."""
    return word.encode("utf-16-le", "surrogatepass")


def word_bucket(raw: bytes) -> int:
    """The bucket of an encoded word."""
    return crc32(raw, 1) & WORD_MASK


def negated_bucket(raw: bytes) -> int:
    """The bucket of an encoded word under a negation, beside its own."""
    return crc32(raw, 2) & WORD_MASK


def listed(word: str) -> str:
    """How a word stands in a list: without the sign of a hashtag."""
    return word.lstrip("#") or word


def key(word: str) -> int:
    """32 bits that stand for a word of a list."""
    return crc32(encoded(word), 3)


def letter_buckets(word: str) -> list[int]:
    """Buckets of the letter sequences of a plain word; none for what has no letters."""
    core = word.lstrip("#")
    if not core[:1].isalpha() or word == "http":
        return []
    raw = encoded(f"<{core}>")
    end, mask = len(raw) + 1, WORD_MASK
    return [
        crc32(raw[at : at + width]) & mask for width in _WIDTHS for at in range(0, end - width, 2)
    ]


def letter_share(count: int, lang: str) -> float:
    """What each of `count` letter sequences weighs beside their word."""
    return (1.4 if lang == "ru" else 0.7) / math.sqrt(count + 1)


PAIR_SHARE: Final = 0.3  # what a pair of words weighs beside a word


def pair_bucket(one: int, two: int) -> int:
    """The bucket of two neighbours by the buckets of each."""
    return (one * 40_503 + two) & PAIR_MASK


def norm(count: int) -> float:
    """What the sum over `count` tokens is multiplied by."""
    return 1 / math.sqrt(count) if count else 1.0


def marks(text: str, tokens: int, words: int, capitals: int, elongated: int) -> tuple[float, ...]:
    """Figures of the whole text, in the order of `MARKS`."""
    opened, closed = text.count("("), text.count(")")
    return (
        capitals / max(1, words),
        float(capitals > 0),
        min(elongated, 2) / 2,
        min(text.count("!"), 4) / 4,
        min(text.count("?"), 3) / 3,
        math.log1p(tokens) / 4,
        min(text.count("#"), 4) / 4,
        float("http" in text),
        min(text.count("@"), 3) / 3,
        float(closed > opened),
        float("))" in text),
    )
