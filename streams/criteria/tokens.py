"""Text to tokens: word boundaries as Elasticsearch's standard tokenizer draws them.

The rules are those of UAX #29 as Lucene 9 applies them: letters, digits, underscores and combining
marks run together; `.`, `:` and apostrophes join letters, `.`, `,`, `;` and apostrophes join
digits; an emoji is a token. Where we differ, on purpose:

- in scripts written without spaces every character is a token (Lucene keeps runs of katakana,
  Thai, Lao, Khmer and Burmese whole, so that no word inside them can be found);
- U+202F, the narrow space of French typography, ends a word (Lucene glues it to the word);
- a token of any length is one token (Lucene cuts at 255), circled letters are none.

Three patterns give the same answer, each for the texts it is fast on: ASCII, European letters
with emoji, anything. Time is linear in the text: none backs up over more than one token.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from streams.criteria import characters as chars

_ASCII: Final = re.compile(
    r"\w+(?:[.:',;](?:(?<=[A-Za-z][.:'])(?=[A-Za-z])|(?<=\d[.,;'])(?=\d))\w+)*", re.ASCII
)
_EUROPEAN: Final = re.compile(
    r"\w+(?:[.:',;\u2018\u2019](?:"
    r"(?<=[^\W\d_][.:'\u2018\u2019])(?=[^\W\d_])|(?<=\d[.,;'\u2018\u2019])(?=\d))\w+)*"
)
_EMOJI: Final = re.compile(
    rf"[{chars.EMOJI}][{chars.SKIN_TONES}\ufe0f\u200d]*"
    rf"(?:(?<=\u200d)[{chars.EMOJI}][{chars.SKIN_TONES}\ufe0f\u200d]*)*"
    rf"|[{chars.FLAG_LETTERS}]{{2}}"
)
_NOT_PLAIN: Final = re.compile(f"[^{chars.PLAIN}]")
_NOT_EUROPEAN: Final = re.compile(
    rf"[^{chars.PLAIN}{chars.EMOJI}{chars.FLAG_LETTERS}\ufe0f\u200d]"
    rf"|(?<![{chars.EMOJI}\ufe0f])[\ufe0f\u200d{chars.SKIN_TONES}]"
)
_HASH_SIGNS: Final = ("#", "\uff03")


@cache
def _any_script() -> re.Pattern[str]:
    """The pattern for every text; built when first needed, for it takes 0.1 s."""
    word = chars.letters() + chars.digits() + chars.CONNECTORS
    marks, letter, digit = chars.marks(), chars.letters(), chars.digits()
    join = (
        rf"(?:[{chars.MID_LETTER}{chars.MID_NUMBER}\"](?:"
        rf"(?<=[{letter}{marks}][{chars.MID_LETTER}])(?=[{letter}])"
        rf"|(?<=[{digit}][{chars.MID_NUMBER}])(?=[{digit}])"
        rf"|(?<=[\u05d0-\u05ea]\")(?=[\u05d0-\u05ea]))[{word}{marks}]+)*"
    )
    return re.compile(
        rf"[{word}][{word}{marks}]*{join}"
        rf"|[{chars.SPACELESS}][{marks}]*"
        rf"|[{chars.EMOJI}][{marks}]*(?:(?<=\u200d)[{chars.EMOJI}][{marks}]*)*"
        rf"|[{chars.FLAG_LETTERS}]{{2}}|[#*]\ufe0f?\u20e3"
    )


@cache
def _hashtag() -> re.Pattern[str]:
    return re.compile(rf"[#\uff03](?<![\w&/].)(\w[\w{chars.marks()}\u00b7]*)")


def words(text: str) -> list[str]:
    """The words of a text as written, in no particular order."""
    if text.isascii():
        return _ASCII.findall(text)
    if not _NOT_PLAIN.search(text):
        return _EUROPEAN.findall(text)
    if not _NOT_EUROPEAN.search(text):
        return _EUROPEAN.findall(text) + _EMOJI.findall(text)
    return _any_script().findall(text)


def spans(text: str) -> list[tuple[int, int]]:
    """Where the words stand, in their order. A run of underscores alone is no word."""
    pattern = _ASCII if text.isascii() else _any_script()
    if not text.isascii() and not _NOT_PLAIN.search(text):
        pattern = _EUROPEAN
    found = [match.span() for match in pattern.finditer(text)]
    if "_" not in text:
        return found
    return [(start, end) for start, end in found if text[start:end].strip("_")]


def hashtags(text: str) -> Iterator[tuple[str, int, int]]:
    """Each hashtag without its sign, and where it stands with its sign.

    A `#` inside a word, an entity or an address (`a#b`, `&#39;`, `/#top`) makes no hashtag.
    """
    if any(sign in text for sign in _HASH_SIGNS):
        for found in _hashtag().finditer(text):
            yield found[1], found.start(), found.end()


def is_plain(word: str) -> bool:
    """Whether this is surely one word: only European letters and digits. The quick answer."""
    return word.isalnum() and (word.isascii() or not _NOT_PLAIN.search(word))


def is_spaceless(word: str) -> bool:
    """Whether the word is of a script in which every character is a token."""
    return bool(_spaceless().fullmatch(word))


@cache
def _spaceless() -> re.Pattern[str]:
    return re.compile(rf"(?:[{chars.SPACELESS}][{chars.marks()}]*)+")
