"""The words of a text that say what it is about."""

import re
from collections.abc import Collection
from typing import Final

from streams.alerts.stop_words import STOP_WORDS

READ_CHARS: Final = 2_000
"""What a post is about is said by then."""

_LEFT_OUT: Final = re.compile(r"(?:https?://|www\.)\S+|(?<!\w)@[\w.-]+", re.IGNORECASE)
_WORD: Final = re.compile(r"#?\w+(?:['-]\w+)*")
_SHORTEST: Final = 3
_LONGEST: Final = 40


def folded(text: str) -> list[str]:
    """Every word in lower case, ё as е, hashtags with their sign."""
    plain = text.casefold().replace("ё", "е").replace("\u2019", "'")
    return _WORD.findall(plain)


def prose(text: str) -> list[str]:
    """`folded` of a text's first 2,000 characters, addresses and names of accounts left out."""
    return folded(_LEFT_OUT.sub(" . ", text[:READ_CHARS]))


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
        if says_something(word):
            found[word.lstrip("#")] = None
            if len(found) == most:
                break
    return tuple(found)
