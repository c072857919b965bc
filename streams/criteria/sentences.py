"""Where sentences and paragraphs of a text begin. English, French and Russian; linear time."""

import re
from typing import Final

_END: Final = re.compile(r"[.!?…。！？؟।]+[\"'»”’)\]]*(?=\s)|[。！？]|\n")
_SURE: Final = "。！？।"  # signs of scripts without small letters
_AFTER: Final = re.compile(r"\s*[\"'«“‘(\[¿¡–—-]*\s*(.)?", re.DOTALL)
_WORD_BEFORE: Final = re.compile(r"[\w.&-]*\Z")
_LOOK_BACK: Final = 24
_BLANK_LINE: Final = re.compile(r"\n[^\S\n]*\n")
_BREAK: Final = re.compile(r"\n+")

ABBREVIATIONS: Final = frozenset(
    """
    mr mrs ms dr prof st jr sr vs etc inc ltd co corp no nos vol pp fig al approx dept est gen gov
    sen rep capt col sgt rev hon e.g i.e cf u.s u.k a.m p.m ph.d
    jan feb mar apr jun jul aug sep sept oct nov dec
    m mm mme mmes mlle mlles me mgr pr ste av bd boul chap ed éd env ex p.ex tél tel art hab janv
    févr avr juil déc c.-à-d n.b r.v
    г гг ул им руб коп тыс млн млрд трлн стр рис см ср т.е т.д т.п т.к т.н н.э д доц проф акад тов
    гр чел кв корп обл пр просп пер пл р респ напр др пр
    """.split()  # noqa: SIM905 (a hundred quoted words would be harder to read)
)
"""What a full stop may follow without ending a sentence, folded in case."""


def sentences(text: str) -> list[int]:
    """The offsets at which sentences begin, 0 first.

    A sentence ends at `.`, `!`, `?`, `…` before white space, and at the end of a line, unless a
    small letter follows; at `。`, `！`, `？` even without the space. A stop after an abbreviation
    or an initial ends nothing.
    """
    starts = [0]
    for end in _END.finditer(text):
        after = _AFTER.match(text, end.end())
        follows = after[1] if after else None
        if follows is None:
            continue
        if end[0][0] not in _SURE and (follows.islower() or follows in ",;:"):
            continue
        if end[0][0] == "." and _is_abbreviation(text, end.start(), end[0]):
            continue
        starts.append(end.end())
    return starts


def _is_abbreviation(text: str, at: int, mark: str) -> bool:
    if mark != ".":
        return False
    before = _WORD_BEFORE.search(text[max(0, at - _LOOK_BACK) : at])
    word = before[0] if before else ""
    return word.lower() in ABBREVIATIONS or (len(word) == 1 and word.isupper())


def paragraphs(text: str) -> list[int]:
    """The offsets at which paragraphs begin, 0 first: after blank lines, or, in a text that has
    none, after every line."""
    text = text.replace("\r\n", " \n").replace("\u2029", "\n").strip("\n")
    pattern = _BLANK_LINE if _BLANK_LINE.search(text) else _BREAK
    return [0, *(found.end() for found in pattern.finditer(text))]
