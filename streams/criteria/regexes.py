"""Wildcards and regular expressions over single words, in linear time: RE2, never back-tracking."""

from functools import lru_cache
from typing import Final

import re2

from streams.criteria.folding import fold

MAX_REGEX: Final = 1000
_MEMORY: Final = 1 << 20
_PROBES: Final = ("", "q", "zjxqv", "шцкзф", "90417", "wörtlichkeiten")
"""Words with nothing in common: a pattern that most of them meet tells nothing."""


class Rejected(ValueError):
    """The pattern can't be used; the text says why."""


@lru_cache(maxsize=50_000)
def compiled(term: str) -> "re2._Regexp[str]":
    """The expression that a folded word has to meet in full, for `/regex/` or `in?x*`.

    Raises `Rejected`.
    """
    if len(term) > 1 and term[0] == term[-1] == "/":
        return _compile(_folded(term[1:-1]))
    parts = {"*": "(?s:.*)", "?": "(?s:.)"}
    return _compile("".join(parts.get(char) or re2.escape(char) for char in term))


def meets(term: str, folded: str) -> bool:
    """Whether a folded word meets a `/regex/` or a wildcard."""
    # As bytes: for a text RE2's wrapper counts the characters before every group it finds.
    return compiled(term).fullmatch(folded.encode()) is not None


def is_boundless(term: str) -> bool:
    """Whether words that have nothing in common meet the expression."""
    return sum(meets(term, probe) for probe in _PROBES) > 1 or meets(term, "")


def _compile(pattern: str) -> "re2._Regexp[str]":
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "RE2 refuses it"
        raise Rejected(reason.decode() if isinstance(reason, bytes) else str(reason)) from None


def _folded(pattern: str) -> str:
    r"""The pattern in folded letters, for words are; what follows a backslash (`\W`) is kept."""
    out: list[str] = []
    escaped = False
    for char in pattern:
        folded = fold(char)
        keep = escaped or len(folded) != 1
        out.append(char if keep else folded)
        escaped = char == "\\" and not escaped
    return "".join(out)
