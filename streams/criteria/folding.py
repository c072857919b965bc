"""Folding: what makes two spellings of a word the same word.

Case, accents, compatibility forms and invisible characters do not count: `É` = `e`, `ё` = `е`,
`ﬁ` = `fi`, `ß` = `ss`, `œ` = `oe`, `’` = `'`. Cyrillic letters that only look like accented ones
stay themselves: `й` is not `и`, `ї` is not `і`.
"""

import re
from collections.abc import Sequence
from sys import intern
from typing import Final
from unicodedata import normalize

_KEPT: Final = re.compile("([йўїѓќ])")
_DROPPED: Final = re.compile(
    "[\u0300-\u036f"  # accents of Latin, Greek and Cyrillic
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Hebrew points
    "\u0610-\u061a\u0640\u064b-\u0652\u0670"  # Arabic vowel signs and the stretching stroke
    "\u00ad\u034f\u061c\u180e\u200c-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"  # unseen
    "\ufe00-\ufe0f\U000e0100-\U000e01ef]"  # variation selectors
)
_SIMPLE: Final = re.compile("[a-z0-9а-яђ-ћџ]+|[\u3400-\u9fff]")  # lower case is all there is to do
_LETTERS: Final = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "\u2018": "'"}
    | {"\u2019": "'", "\u200b": ""}
)


def fold(word: str) -> str:
    """The form in which words are compared. Never empty for a word that is not.

    Equal answers are one object: a hundred thousand topics and the posts share their words.
    """
    lower = word.lower()
    if word.isascii() or _SIMPLE.fullmatch(lower):
        return intern(lower)
    if _LATIN.fullmatch(lower):
        return intern(lower.translate(_BARE_LATIN))
    return intern(_folded(word))


def folded(words: Sequence[str]) -> list[str]:
    """`fold` of each: a third of the time where letters are neither Latin nor Cyrillic."""
    pieces = _folded("\n".join(words)).split("\n")
    return pieces if len(pieces) == len(words) and all(pieces) else list(map(fold, words))


def _folded(word: str) -> str:
    folded = normalize("NFKC", normalize("NFKC", word).casefold())
    parts = _KEPT.split(folded) if _KEPT.search(folded) else [folded]
    return "".join(_bare(part) for part in parts).translate(_LETTERS) or word


def _bare(part: str) -> str:
    if _KEPT.fullmatch(part):
        return part
    return normalize("NFC", _DROPPED.sub("", normalize("NFD", part)))


_LATIN: Final = re.compile("[a-z0-9ß-öø-ſ]+")  # each letter folds by itself
_BARE_LATIN: Final = {ord(letter): _folded(letter) for letter in map(chr, range(0xDF, 0x180))}
