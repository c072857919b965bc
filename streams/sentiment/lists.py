"""Word lists for training: what a word is worth before any example of it was seen.

A list is a file `lexicons/<lang>-<source>.tsv`, or `any-…` for every language, of words and values
from -1 to 1; a word that ends in `*` stands for all that begin so. What training makes of them is
in the models: none is read at run time. English words come from the installed vaderSentiment.
"""

import importlib.resources
from collections.abc import Iterator
from typing import Final

from streams.sentiment.features import plain

OWN: Final = ("own", "ownext", "emoji")
SLOTS: Final = 3  # lists of a language
COLUMNS: Final = 4 * SLOTS
_FEWEST: Final = 3  # letters before a `*`


class Lists:
    """The lists of one language, each in a slot of its own; the last is for what we wrote."""

    def __init__(self, lang: str) -> None:
        others: list[dict[str, float]] = [dict(_vader())] if lang == "en" else []
        self._own: dict[str, float] = {}
        self._beginnings: dict[str, float] = {}
        for name, rows in _files(lang):
            if name in OWN:
                whole = {word: value for word, value in rows.items() if word[-1] != "*"}
                ends = {word[:-1]: value for word, value in rows.items() if word[-1] == "*"}
                self._own = whole | self._own
                self._beginnings = ends | self._beginnings
            else:
                others.append(rows)
        self._others = others[: SLOTS - 1]

    def values(self, word: str) -> list[float]:
        """Of a plain word, in each slot; zeros for what no list has."""
        said = [rows.get(word, 0.0) for rows in self._others]
        own = self._own.get(word)
        rest = [0.0] * (SLOTS - 1 - len(said))
        return [*said, *rest, self._beginning(word) if own is None else own]

    def columns(self, word: str) -> list[float]:
        """Four features a slot, none negative, for a list may be surer of one side: how positive
        and how negative, and that it is either at all."""
        told: list[float] = []
        for value in self.values(word):
            told += (max(value, 0.0), max(-value, 0.0), 0.5 * (value > 0), 0.5 * (value < 0))
        return told

    def words(self) -> set[str]:
        """Every word that stands in a list whole."""
        return set(self._own).union(*self._others)

    def _beginning(self, word: str) -> float:
        for size in range(len(word), _FEWEST - 1, -1):
            if (value := self._beginnings.get(word[:size])) is not None:
                return value
        return 0.0


def _files(lang: str) -> Iterator[tuple[str, dict[str, float]]]:
    folder = importlib.resources.files("streams.sentiment").joinpath("lexicons")
    if not folder.is_dir():
        return
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        stem, _, kind = file.name.partition(".")
        if kind == "tsv" and stem.split("-")[0] in (lang, "any"):
            yield stem.split("-")[1], dict(_read(file.read_text(encoding="utf-8")))


def _read(text: str) -> Iterator[tuple[str, float]]:
    for line in text.splitlines():
        word, _, value = line.partition("\t")
        if value and " " not in word and not word.isdigit():
            yield (plain(word[:-1]) + "*" if word[-1] == "*" else plain(word)), float(value)


def _vader() -> Iterator[tuple[str, float]]:
    folder = importlib.resources.files("vaderSentiment")
    for line in folder.joinpath("vader_lexicon.txt").read_text(encoding="utf-8").splitlines():
        word, value, *_ = line.split("\t")
        if word.strip() and not word.strip().isdigit():  # all numbers are one word to us
            yield plain(word.strip()), float(value) / 4
