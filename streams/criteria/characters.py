"""The character classes that word boundaries hang on, as insides of regex sets.

The letters and marks are computed from Python's own Unicode tables when first needed (30 ms);
the rest are the exceptions that UAX #29 lists, checked against Lucene 9.12.
"""

import re
from functools import cache
from typing import Final
from unicodedata import category

SPACELESS: Final = (
    "\u2e80-\u2fd5\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303a\u3041-\u3096\u309b-\u309f"
    "\u30a0-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u32d0-\u32fe\u3300-\u3357\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9d\U0001b000-\U0001b167\U00020000-\U000323af"
    "\u0e01-\u0e4e\u0e81-\u0ecf\u0edc-\u0edf\u1000-\u103f\u1050-\u108f\u109a-\u109f\u1780-\u17d3"
    "\u17d7\u17dc\u17dd\u1950-\u19cf\u19de\u19df\u1a20-\u1a7c\u1aa0-\u1aad\ua9e0-\ua9ef\ua9fa-\ua9fe"
    "\uaa60-\uaadf\U00011700-\U0001172b"
)
"""Han, kana and the scripts of South-East Asia: written without spaces between words."""

EMOJI: Final = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u2388\u23cf"
    "\u23e9-\u23f3\u23f8-\u23fa\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2605\u2607-\u2612"
    "\u2614-\u2685\u2690-\u2705\u2708-\u2712\u2714\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747"
    "\u274c\u274e\u2753-\u2755\u2757\u2763-\u2767\u2795-\u2797\u27a1\u27b0\u27bf\u2934\u2935"
    "\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001f0ff"
    "\U0001f10d-\U0001f10f\U0001f12f\U0001f16c-\U0001f16f\U0001f18e\U0001f191-\U0001f19a"
    "\U0001f200-\U0001f20f\U0001f21a\U0001f22f\U0001f232-\U0001f23a\U0001f249-\U0001f53d"
    "\U0001f546-\U0001f64f\U0001f680-\U0001f6ff\U0001f774-\U0001f77f\U0001f7d5-\U0001f7ff"
    "\U0001f90c-\U0001f93a\U0001f93c-\U0001f945\U0001f947-\U0001faff"
)
SKIN_TONES: Final = "\U0001f3fb-\U0001f3ff"
FLAG_LETTERS: Final = "\U0001f1e6-\U0001f1ff"

CONNECTORS: Final = "_\u203f\u2040\u2054\ufe33\ufe34\ufe4d-\ufe4f\uff3f"

MID: Final = "'.\u2018\u2019\u2024\ufe52\uff07\uff0e"
MID_LETTER: Final = MID + ":\u00b7\u0387\u05f4\u2027\ufe13\ufe55\uff1a"
MID_NUMBER: Final = (
    MID + ",;\u037e\u0589\u060c\u060d\u066c\u07f8\u2044\ufe10\ufe14\ufe50\ufe54\uff0c\uff1b"
)
"""What joins two letters, and what joins two digits."""

PLAIN: Final = (
    "\\x00-\u00a8\u00aa-\u00ac\u00af-\u00b1\u00b4-\u00b6\u00b8\u00ba\u00bb\u00bf-\u02c1"
    "\u0370-\u037d\u0384-\u0386\u0388-\u0482\u048a-\u0530\u2000-\u200a\u2010-\u2023\u2025\u2026"
    "\u2028\u2029\u202f-\u203b\u20a0-\u20bf\u2116\u2190-\u2193"
)
"""Latin, Greek and Cyrillic with their punctuation, but nothing that needs a rule of its own."""

_TOP: Final = 0x1F000  # above lie emoji, Han, and the tags and selectors at _TAGS
_TAGS: Final = range(0xE0000, 0xE0200)
_BREAKS: Final = frozenset(map(ord, "\u200b"))


@cache
def letters() -> str:
    """What a word is made of, but digits: letters of the scripts written with spaces."""
    return _outside_spaceless("Lu", "Ll", "Lt", "Lm", "Lo", "Nl")


@cache
def digits() -> str:
    """The decimal digits of all scripts."""
    return _ranges(frozenset({"Nd"}))


@cache
def marks() -> str:
    """What belongs to the character before it: accents, vowel signs, joiners, selectors."""
    return _ranges(frozenset({"Mn", "Mc", "Me", "Cf"})) + "\uff9e\uff9f" + SKIN_TONES


def _outside_spaceless(*categories: str) -> str:
    spaceless = re.compile(f"[{SPACELESS}\uff9e\uff9f]")
    excluded = frozenset(c for c in range(0x2E80, 0x20000) if spaceless.match(chr(c)))
    excluded |= frozenset(c for c in range(0xE00, 0x1B00) if spaceless.match(chr(c)))
    return _ranges(frozenset(categories), excluded)


def _ranges(wanted: frozenset[str], excluded: frozenset[int] = _BREAKS) -> str:
    found: list[str] = []
    start = previous = -2
    for code in (*range(0x30, _TOP), *_TAGS):
        if category(chr(code)) not in wanted or code in excluded:
            continue
        if code != previous + 1:
            found.append(f"{chr(start)}-{chr(previous)}" if start > 0 else "")
            start = code
        previous = code
    return "".join(found) + f"{chr(start)}-{chr(previous)}"
