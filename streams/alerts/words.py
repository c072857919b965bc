"""The words of a text that say what it is about."""

import functools
import re
from collections.abc import Collection
from typing import Final

from streams.alerts.stop_words import STOP_WORDS

READ_CHARS: Final = 2_000
"""What a post is about is said by then."""

_LEFT_OUT: Final = re.compile(r"(?:https?://|www\.)\S+|(?<!\w)@[\w.-]+")
_WORD: Final = re.compile(r"#?\w+(?:['-]\w+)*")
_SHORTEST: Final = 3
_LONGEST: Final = 40


def folded(text: str) -> list[str]:
    """Every word in lower case, ё as е, hashtags with their sign."""
    plain = text.casefold().replace("ё", "е").replace("\u2019", "'")
    return _WORD.findall(plain)


def prose(text: str) -> list[str]:
    """`folded` of a text's first 2,000 characters, addresses and names of accounts left out."""
    read = text[:READ_CHARS].casefold()
    if "@" in read or "://" in read or "www." in read:
        read = _LEFT_OUT.sub(" . ", read)
    return folded(read)


def says_something(word: str, own: Collection[str] = ()) -> bool:
    """Whether it is of fair length, no number, no stop word, and none of `own`."""
    bare = word.lstrip("#")
    if not _SHORTEST <= len(bare) <= _LONGEST or bare.isdigit():
        return False
    return bare not in STOP_WORDS and bare not in own and bare.removesuffix("'s") not in own


def significant(text: str, most: int) -> tuple[str, ...]:
    """The first `most` different words that say something; hashtags without their sign."""
    found: dict[str, None] = {}
    for word in prose(text):
        if bare := _significant(word):
            found[bare] = None
            if len(found) == most:
                break
    return tuple(found)


@functools.lru_cache(maxsize=20_000)
def _significant(word: str) -> str:
    return word.lstrip("#") if says_something(word) else ""
