"""Text to tokens: word boundaries as Elasticsearch's standard tokenizer draws them.

The rules are those of UAX #29 as Lucene 9 applies them: letters, digits, underscores and combining
marks run together; `.`, `:` and apostrophes join letters, `.`, `,`, `;` and apostrophes join
digits; an emoji is a token. Where we differ, on purpose:

- in scripts written without spaces every character is a token (Lucene keeps runs of katakana,
  Thai, Lao, Khmer and Burmese whole, so that no word inside them can be found);
- U+202F, the narrow space of French typography, ends a word (Lucene glues it to the word);
- a token of any length is one token (Lucene cuts at 255).

Time is linear in the text: no pattern here backs up over more than one token.
"""

import re
import sys
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple
from unicodedata import category


class Token(NamedTuple):
    """A folded word at `text[start:end]`."""

    term: str
    start: int
    end: int


def _ranges(*categories: str, without: str = "") -> str:
    """The characters of some Unicode categories as the inside of a regex set."""
    wanted = frozenset(categories)
    found, start = [], -1
    for code in (*range(0x80, 0x1F000), *range(0xE0000, 0xE0200)):
        char = chr(code)
        inside = category(char) in wanted and char not in without
        if inside and start < 0:
            start = code
        elif not inside and start >= 0:
            found.append((start, code - 1))
            start = -1
    return "".join(f"{chr(a)}-{chr(b)}" for a, b in found)


_MARKS: Final = (
    _ranges("Mn", "Mc", "Me", "Cf", without="\u200b") + "\uff9e\uff9f\U0001f3fb-\U0001f3ff"
)
_NOT_WORDS: Final = _ranges("No")  # superscripts, fractions, circled digits
_CONNECTORS: Final = "_\u203f\u2040\u2054\ufe33\ufe34\ufe4d-\ufe4f\uff3f"
_SPACELESS: Final = (
    "\u2e80-\u2fd5\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303a\u3041-\u3096\u309b-\u309f"
    "\u30a0-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u32d0-\u32fe\u3300-\u3357\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9d\U0001b000-\U0001b167\U00020000-\U000323af"
    "\u0e01-\u0e4e\u0e81-\u0ecf\u0edc-\u0edf\u1000-\u103f\u1050-\u108f\u109a-\u109f\u1780-\u17d3"
    "\u17d7\u17dc\u17dd\u1950-\u19cf\u19de\u19df\u1a20-\u1a7c\u1aa0-\u1aad\ua9e0-\ua9ef\ua9fa-\ua9fe"
    "\uaa60-\uaadf\U00011700-\U0001172b"
)
_EMOJI: Final = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u2388\u23cf"
    "\u23e9-\u23f3\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2605\u2607-\u2612"
    "\u2614-\u2685\u2690-\u2705\u2708-\u2712\u2714\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747"
    "\u274c\u274e\u2753-\u2755\u2757\u2763-\u2767\u2795-\u2797\u27a1\u27b0\u27bf\u2934\u2935"
    "\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001f0ff"
    "\U0001f10d-\U0001f10f\U0001f12f\U0001f16c-\U0001f171\U0001f17e\U0001f17f\U0001f18e"
    "\U0001f191-\U0001f19a\U0001f200-\U0001f20f\U0001f21a\U0001f22f\U0001f232-\U0001f23a"
    "\U0001f249-\U0001f53d\U0001f546-\U0001f64f\U0001f680-\U0001f6ff\U0001f774-\U0001f77f"
    "\U0001f7d5-\U0001f7ff\U0001f90c-\U0001f945\U0001f947-\U0001faff"
)

# Joiners, and which of them stand between letters or between digits only.
_MID: Final = "'.\u2018\u2019\u2024\ufe52\uff07\uff0e"
_MID_LETTER: Final = ":\u00b7\u0387\u05f4\u2027\ufe13\ufe55\uff1a"
_MID_NUMBER: Final = ",;\u037e\u0589\u060c\u060d\u066c\u07f8\u2044\ufe10\ufe14\ufe50\ufe54\uff0c\uff1b"

_START: Final = rf"[^\W{_SPACELESS}{_NOT_WORDS}]"
_LETTER: Final = rf"[^\W\d_{_SPACELESS}{_NOT_WORDS}]"
_RUN: Final = rf"(?:[^\W{_SPACELESS}{_NOT_WORDS}]|[{_MARKS}{_CONNECTORS}])*"
_JOIN: Final = (
    rf"(?:[{_MID}{_MID_LETTER}{_MID_NUMBER}\"]"
    rf"(?:(?<=[^\W\d_][{_MID}{_MID_LETTER}])(?={_LETTER})"
    rf"|(?<=[{_MARKS}][{_MID}{_MID_LETTER}])(?={_LETTER})"
    rf"|(?<=\d[{_MID}{_MID_NUMBER}])(?=\d)"
    r"|(?<=[\u05d0-\u05ea]\")(?=[\u05d0-\u05ea]))"
    rf"{_RUN})*"
)
_ASCII_WORD: Final = re.compile(
    r"\w+(?:[.:',;](?:(?<=[A-Za-z][.:'])(?=[A-Za-z])|(?<=\d[.,;'])(?=\d))\w+)*", re.ASCII
)
_WORD: Final = re.compile(
    rf"(?:{_START}|[{_CONNECTORS}]){_RUN}{_JOIN}"
    rf"|[{_SPACELESS}][{_MARKS}]*"
    rf"|[{_EMOJI}][{_MARKS}]*(?:(?<=\u200d)[{_EMOJI}][{_MARKS}]*)*"
    r"|[\U0001f1e6-\U0001f1ff]{2}|[#*]\ufe0f?\u20e3"
)
_HASHTAG: Final = re.compile(rf"(?<![\w&/])[#\uff03](\w[\w{_MARKS}\u00b7]*)")
_SPACELESS_CHAR: Final = re.compile(rf"[{_SPACELESS}]")

_words_of_ascii: Final[Callable[[str], list[str]]] = _ASCII_WORD.findall
_words_of_any: Final[Callable[[str], list[str]]] = _WORD.findall
