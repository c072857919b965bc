"""The forms that French and Russian words take, as far as their endings tell: for proposals.

These are guesses for a person to read, never what is searched for: `stem: true` is for that.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

_CYRILLIC: Final = re.compile("[а-яё]+")
_VOWELS: Final = "аеёиоуыэюя"
_SHORTEST: Final = 4
_LONGEST: Final = 40  # longer ones are no words, and cost the square of their length

_RUSSIAN: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("ия", ("ии", "ию", "ией", "ий", "иям")),
    ("ие", ("ия", "ию", "ием", "ии", "ий")),
    ("ый", ("ого", "ому", "ым", "ая", "ую", "ые", "ых")),
    ("ий", ("его", "ему", "им", "яя", "ие", "их")),
    ("ая", ("ой", "ую", "ый", "ое", "ые", "ых")),
    ("ка", ("ки", "ке", "ку", "кой", "ок")),
    ("га", ("ги", "ге", "гу", "гой")),
    ("а", ("ы", "е", "у", "ой", "ам")),
    ("я", ("и", "е", "ю", "ей", "ям")),
    ("ь", ("я", "и", "ю", "ем", "ей", "ям")),
    ("й", ("я", "ю", "ем", "е", "и", "ев")),
    ("о", ("а", "у", "ом", "е")),
)
_NO_FORMS: Final = ("е", "ё", "и", "у", "ы", "э", "ю")  # метро-like names, plurals, verbs: no guess
_AFTER_CONSONANT: Final = ("а", "у", "ом", "е", "ы", "ов")
_AFTER_HUSHING: Final = ("а", "у", "ом", "е", "и", "ей")
_AFTER_VELAR: Final = ("а", "у", "ом", "е", "и", "ов")

_FRENCH: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("eau", ("eaux",)),
    ("al", ("aux", "ale", "ales")),
    ("eux", ("euse", "euses")),
    ("if", ("ifs", "ive", "ives")),
    ("er", ("é", "ée", "és", "ées")),
    ("é", ("ée", "és", "ées")),
    ("e", ("es",)),
)
_NOUNS_IN_AL: Final = re.compile(
    "animal|arsenal|canal|cheval|général|hôpital|journal|local|mal|métal|signal|terminal|tribunal|"
    "capital|cristal|idéal|littoral|maréchal|minéral|rival|total|végétal"
)
_FRENCH_WORD: Final = re.compile("[a-zà-öø-ÿœ]+")


def russian_forms(word: str) -> list[str]:
    """`банк` → банка, банку, банком …; empty if the word shows no ending that is known."""
    if len(word) < _SHORTEST or not _CYRILLIC.fullmatch(word) or word.endswith(_NO_FORMS):
        return []
    for ending, others in _RUSSIAN:
        if word.endswith(ending):
            return [word[: -len(ending)] + other for other in others]
    if word[-1] in "жчшщ":
        return [word + other for other in _AFTER_HUSHING]
    if word[-1] in "гкх":
        return [word + other for other in _AFTER_VELAR]
    return [word + other for other in _AFTER_CONSONANT]


def french_forms(word: str) -> list[str]:
    """`remboursement` → remboursements; empty for short words and those with -s, -x, -z."""
    if len(word) < _SHORTEST or not _FRENCH_WORD.fullmatch(word):
        return []
    if _NOUNS_IN_AL.fullmatch(word):
        return [f"{word[:-1]}ux"]
    for ending, others in _FRENCH:
        if word.endswith(ending):
            return [word[: -len(ending)] + other for other in others]
    return (
        []
        if word.endswith(("s", "x", "z", "ent", "ez", "ait")) and not word.endswith("ment")
        else [f"{word}s"]
    )


def common_start(word: str, forms: list[str]) -> str:
    """The beginning that all of them share."""
    return min((_shared(word, form) for form in forms), key=len, default=word)


def _shared(one: str, other: str) -> str:
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return one[:length]


def missing_forms(
    words: list[str], starts: set[str], forms_of: Callable[[str], list[str]]
) -> Iterator[tuple[str, list[str]]]:
    """Words of which no other form is asked for, by word or by beginning; with their forms."""
    words = [word for word in words if len(word) <= _LONGEST]
    begun = Counter(word[:length] for word in set(words) for length in range(3, len(word) + 1))
    for word in dict.fromkeys(words):
        forms = forms_of(word)
        stem = common_start(word, forms)
        if not forms or begun[stem[: max(3, len(stem))]] > 1:
            continue
        if not any(word[:length] in starts for length in range(2, len(word) + 1)):
            yield word, forms
