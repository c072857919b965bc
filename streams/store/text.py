"""Text as both stores search it: folded once, here, so that they can't disagree.

Neither store's own analysis is used: SQLite tokenises the folded text at ASCII spaces and
Elasticsearch at white space, so a search means the same in both, on any version of either.
"""

import re
import unicodedata
from typing import Final

import msgspec

from streams.charmap import Table
from streams.errors import StoreError

MAX_TERMS: Final = 64
MAX_QUERY_CHARS: Final = 2_000
MAX_TOKEN_CHARS: Final = 64
"""Longer words are cut, in the index as in the query: stores split them at sizes of their own."""

_UNSPACED: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # kana
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
"""Scripts written without spaces: each character is a word, and a search word is a phrase."""

_WINDOW: Final = MAX_TOKEN_CHARS // 2

_LONG: Final = re.compile(rf"(\S{{{MAX_TOKEN_CHARS}}})\S+")
_PIECE: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
_QUOTES: Final = str.maketrans(dict.fromkeys("“”„«»", '"'))


class Term(msgspec.Struct, frozen=True):
    """One thing a text must hold: consecutive words, the last of them perhaps a prefix."""

    words: tuple[str, ...]
    prefix: bool = False


class _Folding(dict[int, str]):
    """What each character becomes, worked out when first met."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold_char(code)
        return folded


def _fold_char(code: int) -> str:
    char = chr(code)
    category = unicodedata.category(char)
    if 0x300 <= code <= 0x36F or 0xFE00 <= code <= 0xFE0F or category == "Cf":
        return ""
    if category == "Sk":
        return "" if code > 127 else " "
    if category == "So" or any(low <= code <= high for low, high in _UNSPACED):
        return f" {char} "
    return char if category[0] in "LMN" else " "


_FOLDING: Final = _Folding()


def fold(text: str) -> str:
    """Lower-case words without accents (ё is е, but й stays), white space between them.

    Emoji and characters of unspaced scripts are words of their own; punctuation is gone.
    """
    folded = _TABLE.apply(text)
    if folded is None:
        folded = fold_any(text)
    return _LONG.sub(r"\1", folded) if _has_long(folded) else folded


def fold_any(text: str) -> str:
    """`fold` of any text, whatever its characters, and with long words whole."""
    plain = unicodedata.normalize("NFKD", text).casefold().replace("и\u0306", "й")
    return unicodedata.normalize("NFC", plain.translate(_FOLDING))


def _fold_alone(char: str) -> str:
    return fold_any(char).strip() or " "


_TABLE: Final = Table(_fold_alone)


def _has_long(folded: str) -> bool:
    """Whether a word is over 64 characters: each such fills a window of 32."""
    for start in range(0, len(folded) - _WINDOW + 1, _WINDOW):
        if folded.find(" ", start, start + _WINDOW) < 0:
            return max(map(len, folded.split())) > MAX_TOKEN_CHARS
    return False


def parse(query: str) -> list[Term]:
    """The words and "phrases" of a search box; a word that ends in `*` is a prefix.

    Punctuation alone asks for nothing. Raises `StoreError` for more than 64 terms.
    """
    if len(query) > MAX_QUERY_CHARS:
        raise StoreError(f"the search has over {MAX_QUERY_CHARS} characters. Remedy: shorten it")
    terms = [term for term in map(_term, _PIECE.finditer(query.translate(_QUOTES))) if term.words]
    if len(terms) > MAX_TERMS:
        raise StoreError(f"the search has over {MAX_TERMS} words. Remedy: shorten it")
    return terms


def _term(piece: re.Match[str]) -> Term:
    phrase, word = piece.groups()
    if word is None:
        return Term(tuple(fold(phrase).split()))
    return Term(tuple(fold(word).split()), prefix=word.endswith("*"))
