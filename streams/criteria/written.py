"""What is compared as it stands in the text: signs beside words, and letters with their case."""

import re
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple
from unicodedata import normalize

from streams.criteria import tokens
from streams.criteria.syntax import Written

SIGNS: Final = "+#&$%€£¥₽"
_SIGN: Final = re.compile(rf"[{re.escape(SIGNS)}]|(?:(?<=\s)|^)\.(?=\w)")

Bounds = tuple[int, int]


class _Piece(NamedTuple):
    """A stretch of the query without white space that holds signs, and how many words it has.

    `before` and `after` are the signs around it, `between` those between its words, if any.
    """

    words: int
    before: str
    between: tuple[str, ...]
    after: str


def has_signs(text: str) -> bool:
    """Whether signs stand in the text that are looked for: `C++`, `.NET`, `$100`."""
    return bool(_SIGN.search(text))


def stands(leaf: Written, text: str, bounds: list[Bounds]) -> bool:
    """Whether the words of `text` at `bounds`, which fold to the leaf's, are written as it is."""
    if leaf.exact and any(
        normalize("NFC", text[start:end]) != wanted
        for (start, end), wanted in zip(bounds, _letters(leaf.text), strict=True)
    ):
        return False
    at = 0
    for piece in _pieces(leaf.text) if leaf.signs else ():
        if not _piece_stands(piece, text, bounds[at : at + piece.words]):
            return False
        at += piece.words
    return True


def extent(leaf: Written, bounds: list[Bounds]) -> Bounds:
    """Where the words at `bounds` stand together with their signs."""
    pieces = _pieces(leaf.text) if leaf.signs else ()
    before = len(pieces[0].before) if pieces else 0
    after = len(pieces[-1].after) if pieces else 0
    return bounds[0][0] - before, bounds[-1][1] + after


@lru_cache(maxsize=10_000)
def _letters(text: str) -> tuple[str, ...]:
    return tuple(normalize("NFC", text[start:end]) for start, end in tokens.spans(text))


@lru_cache(maxsize=10_000)
def _pieces(text: str) -> tuple[_Piece, ...]:
    return tuple(piece for part in text.split() if (piece := _piece(part)).words)


def _piece(part: str) -> _Piece:
    bounds = tokens.spans(part)
    if not bounds or not has_signs(part):
        return _Piece(len(bounds), "", ("",) * max(0, len(bounds) - 1), "")
    before, after = part[: bounds[0][0]], part[bounds[-1][1] :]
    first, last = _SIGN.search(before + "x"), [at for at, char in enumerate(after) if char in SIGNS]
    gaps = (part[end:start] for (_, end), (start, _) in pairwise(bounds))
    return _Piece(
        len(bounds),
        before[first.start() :] if first else "",
        tuple(gap if has_signs(gap) else "" for gap in gaps),
        after[: last[-1] + 1] if last else "",
    )


def _piece_stands(piece: _Piece, text: str, bounds: list[Bounds]) -> bool:
    start, end = bounds[0][0], bounds[-1][1]
    for at, gap in enumerate(piece.between):
        if gap and text[bounds[at][1] : bounds[at + 1][0]] != gap:
            return False
    if piece.before and not _ends_so(text[max(0, start - len(piece.before) - 1) : start], piece):
        return False
    if not piece.after:
        return True
    beyond = text[end + len(piece.after) : end + len(piece.after) + 1]
    return text.startswith(piece.after, end) and not _goes_on(beyond)


def _ends_so(before: str, piece: _Piece) -> bool:
    if not before.endswith(piece.before):
        return False
    beyond = before[: -len(piece.before)]
    return not _goes_on(beyond) and beyond != piece.before[0]


def _goes_on(char: str) -> bool:
    """Whether the character would be part of what is written: `C++` is not in `C+++` or `C++a`."""
    return char.isalnum() or (char != "" and char in SIGNS)
