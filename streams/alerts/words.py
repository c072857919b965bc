"""The words of a text that say what it is about."""

import re
from collections.abc import Collection
from itertools import islice
from typing import Final

from streams.alerts.stop_words import STOP_WORDS
from streams.charmap import Table

READ_CHARS: Final = 2_000
"""What a post is about is said by then."""

_LEFT_OUT: Final = re.compile(r"(?:https?://|www\.)\S+|(?<!\w)@[\w.-]+")
_WORD: Final = re.compile(r"#?\w+(?:['-]\w+)*")
_SHORTEST: Final = 3
_LONGEST: Final = 40
_MOST_PIECES: Final = 30_000
_TABLE: Final = Table(lambda char: char.lower() if char.isalnum() or char in "_#'-\u2019" else " ")


def folded(text: str) -> list[str]:
    """Every word in lower case, ё as е, hashtags with their sign."""
    return _WORD.findall(_plain(text))


def _plain(text: str) -> str:
    return text.casefold().replace("ё", "е").replace("\u2019", "'")


def prose(text: str) -> list[str]:
    """`folded` of a text's first 2,000 characters, addresses and names of accounts left out."""
    return folded(_unaddressed(text[:READ_CHARS]))


def _unaddressed(text: str) -> str:
    """In lower case, without addresses and names of accounts."""
    read = text.casefold()
    if "@" in read or "://" in read or "www." in read:
        read = _LEFT_OUT.sub(" . ", read)
    return read


def says_something(word: str, own: Collection[str] = ()) -> bool:
    """Whether it is of fair length, no number, no stop word, and none of `own`."""
    bare = word.lstrip("#")
    if not _SHORTEST <= len(bare) <= _LONGEST or bare.isdigit():
        return False
    return bare not in STOP_WORDS and bare not in own and bare.removesuffix("'s") not in own


def significant(text: str, most: int) -> tuple[str, ...]:
    """The first `most` different words that say something; hashtags without their sign."""
    found = dict.fromkeys(map(_SAYING.__getitem__, _pieces(text[:READ_CHARS]).split()))
    found.pop("", None)
    if " " in "".join(found):
        found = dict.fromkeys(" ".join(found).split())
    return tuple(found) if len(found) <= most else tuple(islice(found, most))


def _pieces(text: str) -> str:
    """The text with white space between words at least; a word is never cut."""
    found = _TABLE.apply(text) or text.casefold()
    if "@" in text or "://" in text or "www" in found:
        left = _unaddressed(text)
        return _TABLE.apply(left) or left
    return found


class _Saying(dict[str, str]):
    """The word of a piece of text that has no white space; empty where it says nothing. Of a
    piece with several words, all that say something, with spaces between them."""

    def __missing__(self, piece: str) -> str:
        words = [_plain(piece)] if piece.isalnum() else folded(piece)
        found = " ".join(word.lstrip("#") for word in words if says_something(word))
        if len(piece) <= _LONGEST:
            if len(self) >= _MOST_PIECES:
                self.clear()
            self[piece] = found
        return found


_SAYING: Final = _Saying()
