"""Set phrases whose words say something else than the whole: "not bad", "pas mal", "так себе".

A hand-written table for each language, `phrases.tsv`. Where a phrase stands, its words and the
pairs they are in count for nothing, and the phrase adds a fixed weight of its own. Looked for only
in texts that hold one of the words that phrases turn on, so that other texts pay nothing.
"""

import importlib.resources
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

WEIGHT: Final = 10.0  # of a phrase of value 1: about that of a strong word


class Phrase(NamedTuple):
    start: int
    end: int
    value: float


class _Row(NamedTuple):
    value: float
    pattern: str
    turns_on: str


def _table() -> dict[str, list[_Row]]:
    """By language, in order: the first that fits at a place is taken."""
    text = importlib.resources.files("streams.sentiment").joinpath("phrases.tsv").read_text("utf-8")
    table: dict[str, list[_Row]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            lang, value, pattern, turns_on = line.split("\t")
            table.setdefault(lang, []).append(_Row(float(value), pattern, turns_on))
    return table


_TABLE: Final = _table()

TRIGGERS: Final = {
    lang: frozenset(" ".join(row.turns_on for row in rows).split()) for lang, rows in _TABLE.items()
}
"""Words that phrases turn on, as the model knows them."""


def _pattern(rows: Iterable[_Row]) -> re.Pattern[str]:
    spoken = "|".join(f"(?P<p{at}>{row.pattern})" for at, row in enumerate(rows))
    return re.compile(rf"(?<![\w#@])(?:{spoken})(?!\w)", re.IGNORECASE)


_PATTERNS: Final = {lang: _pattern(rows) for lang, rows in _TABLE.items()}
_PLAIN: Final = str.maketrans("’`ё", "''е")


def find(text: str, lang: str) -> list[Phrase]:
    """The set phrases of a text, in order, without overlap."""
    found = []
    for match in _PATTERNS[lang].finditer(text.translate(_PLAIN)):
        name = match.lastgroup
        if name is not None:
            found.append(Phrase(match.start(), match.end(), _TABLE[lang][int(name[1:])].value))
    return found
