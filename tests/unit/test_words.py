"""Words end where the official test file of UAX #29 says, with the deviations named here."""

import re
from pathlib import Path
from typing import Final
from unicodedata import category

import pytest

from streams.criteria import characters, tokens

KEPT = Path(__file__).parents[1] / "fixtures" / "word-break-cases.txt"
WHOLE: Final = Path("/usr/share/unicode/auxiliary/WordBreakTest.txt")  # Debian's unicode-data

# Where we differ on purpose; what each pattern fits is left out of the comparison.
DEVIATIONS: Final = {
    "in scripts without spaces every character is a word": f"[{characters.SPACELESS}\u3031]",
    "an apostrophe or a sign with an accent of its own joins nothing": (
        rf"[{characters.MID_LETTER}{characters.MID_NUMBER}\"][\u0308\u00ad\u2060\u200d]"
    ),
    "an emoji is a word of its own, also where a joiner ties it to a letter": (
        f"[^{characters.EMOJI}]\u200d[{characters.EMOJI}]"
    ),
    "an apostrophe after a last Hebrew letter is no part of the word": (
        "[\u05d0-\u05ea][\u0308\u00ad\u2060\u200d]*['\u2019]"
    ),
}


def cases(path: Path) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    return [line for line in lines if line]


def pieces(case: str) -> list[str]:
    """The text between the breaks."""
    found = (re.findall("[0-9A-F]+", part) for part in case.split("÷"))
    return ["".join(chr(int(code, 16)) for code in codes) for codes in found if codes]


def bears_on_words(text: str) -> bool:
    return any(category(char)[0] in "LN" for char in text)


def official_words(case: str) -> list[str]:
    return [piece for piece in pieces(case) if bears_on_words(piece)]


def our_words(text: str) -> list[str]:
    return [text[a:b] for a, b in tokens.spans(text) if bears_on_words(text[a:b])]


def wrong(path: Path) -> list[str]:
    found = []
    for case in cases(path):
        text = "".join(pieces(case))
        if any(re.search(pattern, text) for pattern in DEVIATIONS.values()):
            continue
        if our_words(text) != official_words(case):
            found.append(f"{case}: {official_words(case)!a}, not {our_words(text)!a}")
    return found


def test_the_cases_that_bear_on_words() -> None:
    assert len(cases(KEPT)) > 100
    assert wrong(KEPT) == []


def test_the_whole_official_file() -> None:
    if not WHOLE.exists():
        pytest.skip("the whole file comes with Debian's package unicode-data")
    assert len(cases(WHOLE)) > 1500
    assert wrong(WHOLE) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("カタカナ", ["カ", "タ", "カ", "ナ"]),
        ("a'\u0308b", ["a", "b"]),
        ("\u05d0'", ["\u05d0"]),
        ("a\u202fb", ["a", "b"]),
        ("__", []),
    ],
)
def test_the_deviations_are_as_named(text: str, words: list[str]) -> None:
    assert [word for word in our_words(text) if word.strip("\u0308")] == words
