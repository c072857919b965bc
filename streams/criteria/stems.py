"""Stems of words: the part that their forms have in common, by Snowball's rules."""

from functools import cache, lru_cache
from threading import Lock
from typing import Any, Final

from streams.criteria.folding import fold
from streams.criteria.languages import primary
from streams.criteria.syntax import Stem

NAMES: Final = {
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "it": "italian",
    "pt": "portuguese",
    "ru": "russian",
}
_LONGEST: Final = 60
_SHORTEST: Final = 3
_KEPT: Final = 4
_APOSTROPHES: Final = str.maketrans("\u2018\u2019\uff07", "'''")
_lock: Final = Lock()  # a stemmer keeps its word in itself


@cache
def _stemmer(language: str) -> Any:
    import snowballstemmer  # noqa: PLC0415 (50 ms that topics without stems need not wait for)

    return snowballstemmer.stemmer(NAMES[language])


@lru_cache(maxsize=100_000)
def stem(language: str, written: str) -> str:
    """The folded stem of a word as written, for its accents count (`mangé`, `mange`): 20 µs.

    A word that is too long for a word is its own stem.
    """
    word = written.translate(_APOSTROPHES).lower()
    if len(word) > _LONGEST:
        return fold(word)
    with _lock:
        found: str = _stemmer(language).stemWord(word)
    return fold(found) if found else fold(word)


def stemmed(written: str, languages: tuple[str, ...]) -> Stem | None:
    """The leaf for all forms of a word, in these languages or in all; None for one too short.

    The forms have to begin as the word and its stems do, but for one letter: what the index
    looks for. So `cheval` finds `chevaux`, and `go` does not find `went`.
    """
    folded = fold(written)
    wanted = [code for code in map(primary, languages) if code in NAMES]
    if languages and not wanted:
        return None
    stems = tuple((code, stem(code, written)) for code in sorted(wanted or NAMES))
    start = _shared([folded, *(found for _, found in stems)])
    start = start[:-1] if len(start) >= _KEPT else start
    if len(folded) < _SHORTEST or len(start) < _SHORTEST - 1 or not folded[:2].isalpha():
        return None
    return Stem(folded, start, stems, bool(wanted))


def _shared(words: list[str]) -> str:
    """What all the words begin with."""
    first, last = min(words), max(words)
    ends = (at for at, char in enumerate(first) if last[at : at + 1] != char)
    return first[: next(ends, len(first))]


def fits(leaf: Stem, written: str, folded: str, language: str) -> bool:
    """Whether a word of a post in `language` (`primary`) is a form of the leaf's word."""
    if not folded.startswith(leaf.start):
        return False
    if folded == leaf.word:
        return True
    if language in NAMES:
        wanted = next((found for code, found in leaf.stems if code == language), None)
        return wanted is not None and stem(language, written) == wanted
    return leaf.guess and any(stem(code, written) == found for code, found in leaf.stems)
