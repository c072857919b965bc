"""What VADER's sum is made of, with the place of each word in the text as it was given."""

import functools
import string
from collections.abc import Iterator, Mapping
from typing import Final

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from streams.sentiment.explained import Contribution
from streams.sentiment.vader import Vader, _emphasis

_NOWHERE: Final = (-1, -1)


def contributions(engine: Vader, text: str) -> list[Contribution]:
    """Each word or emoji that carries sentiment, with the valence that the rules leave it; then
    exclamation and question marks, which push the sum the way it leans."""
    weighed = engine.explain(text)
    alone = {word: dict(engine.explain(word)).get(word, 0.0) for word, _ in weighed}
    tokens = _tokens(text, _emojis())
    parts = []
    for word, weight in weighed:
        # Words come in the order of the text, and every token so spelled is among them.
        found = next(((at, to) for token, at, to in tokens if token == word), _NOWHERE)
        start, end = _core(text, *found, word)
        note = _note(alone[word], weight)
        parts.append(Contribution(text[start:end] if end > 0 else word, start, end, weight, note))
    total = sum(weight for _, weight in weighed)
    if total and (push := _emphasis(text)):
        weight = push if total > 0 else -push
        parts.append(Contribution("! and ?", -1, -1, weight, "exclamation and question marks"))
    return parts


def _core(text: str, start: int, end: int, word: str) -> tuple[int, int]:
    """The place of the word itself within that of a token; an emoji's name is not in the text."""
    inset = text[start:end].lower().find(word) if end > 0 else -1
    return (start, end) if inset < 0 else (start + inset, start + inset + len(word))


@functools.cache
def _emojis() -> Mapping[str, str]:
    """The names that the library spells emoji with."""
    names: dict[str, str] = SentimentIntensityAnalyzer().emojis
    return names


def _note(alone: float, weight: float) -> str:
    """How the neighbours changed what a word weighs by itself."""
    if abs(alone - weight) < 1e-9:
        return "as in the word list"
    if not weight:
        change = "silenced"
    elif (alone < 0) != (weight < 0):
        change = "turned"
    else:
        change = "strengthened" if abs(weight) > abs(alone) else "weakened"
    return f"{alone:+.1f} in the word list, {change} by its neighbours"


def _tokens(text: str, emojis: Mapping[str, str]) -> Iterator[tuple[str, int, int]]:
    """VADER's words, as it spells them, each with its place; a word of an emoji's name has the
    place of the emoji."""
    word: list[str] = []
    start = end = 0
    for at, piece in _pieces(text, emojis):
        if piece.isspace():
            if word:
                yield _stripped("".join(word)), start, end
            word = []
            continue
        start = start if word else at
        end = at + 1
        word.append(piece)
    if word:
        yield _stripped("".join(word)), start, end


def _pieces(text: str, emojis: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Characters with their places; an emoji is the words of its name, with blanks between."""
    before = " "
    for at, character in enumerate(text):
        name = emojis.get(character)
        if name is None:
            yield at, character
        else:
            if before != " ":
                yield at, " "
            for number, word in enumerate(name.split()):
                yield at, " " if number else ""
                yield at, word
        before = character


def _stripped(token: str) -> str:
    lower = token.lower()
    bare = lower.strip(string.punctuation)
    return bare if len(bare) > 2 else lower
