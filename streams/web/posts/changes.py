"""What an edit changed, word by word."""

import difflib
import re
from typing import Final, Literal, NamedTuple

_WORDS: Final = re.compile(r"\s+|\w+|[^\w\s]")
_MOST: Final = 4_000
"""Words of a version that are compared: beyond, comparing takes long."""

Did = Literal["same", "gone", "new"]


class Piece(NamedTuple):
    """A stretch of words that stayed, went or came."""

    did: Did
    text: str


def word_changes(before: str, after: str) -> list[Piece]:
    """The way from one text to the other. What is over 4,000 words is left out at the end."""
    old, new = _WORDS.findall(before)[:_MOST], _WORDS.findall(after)[:_MOST]
    found: list[Piece] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=len(old) + len(new) > 1_000)
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "equal":
            found.append(Piece("same", "".join(old[i:j])))
            continue
        if i < j:
            found.append(Piece("gone", "".join(old[i:j])))
        if k < m:
            found.append(Piece("new", "".join(new[k:m])))
    return found


def shortened(pieces: list[Piece], around: int = 60) -> list[Piece]:
    """Long stretches that stayed, cut to their ends."""
    found = []
    for number, (did, text) in enumerate(pieces):
        if did == "same" and len(text) > 3 * around:
            start = text[:around] if number else ""
            end = text[-around:] if number < len(pieces) - 1 else ""
            found.append(Piece(did, f"{start} … {end}"))
        else:
            found.append(Piece(did, text))
    return found
