"""Queries as Brandwatch and tools like it write them: AND OR NOT, NEAR/n, {Exact}, fields."""

import re
from typing import Final

from streams.criteria.importers.imported import (
    Imported,
    Notes,
    Token,
    phrase,
    signs_dropped,
    taken,
)
from streams.criteria.importers.ladder import Dialect, Reader

_TOKEN: Final = re.compile(
    r"""\s*(?:<<<.*?>>>\s*)*(?:
      (?P<open>\() | (?P<close>\)) | (?P<and>AND(?![^\s()])) | (?P<or>OR(?![^\s()])) |
      (?P<not>NOT(?![^\s()])|-(?=[\w"(])) | (?P<near>NEAR/\d+f?(?![^\s()])) |
      (?P<field>[A-Za-z_]+):\s*(?=[^\s)]) | (?P<range>\[[^\]]*\]) | (?P<exact>\{[^}]*\}) |
      (?P<phrase>["“”][^"“”]*["“”](?:~\d+)?) | (?P<word>[^\s()"“”{}\[\]]+) | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_RANGE: Final = re.compile(r"\[\s*(\S+)\s+TO\s+(\S+)\s*\]")
_WILD: Final = re.compile(r"\w[*?]|[*?]\w")
_PIECE: Final = re.compile(r"[\w*?]+(?:['’.]\w+)*")
_OPERATOR: Final = re.compile(r"O?NEAR(?:/\d+)?|W/\d+")
_FIELDS: Final = {
    "title": "title:",
    "author": "author:",
    "site": "site:",
    "url": "link:",
    "links": "link:",
    "country": "country:",
    "language": "lang:",
    "lang": "lang:",
    "hashtags": "#",
    "at_mentions": "@",
}
_RANGES: Final = {"authorfollowers": "followers", "rating": "rating"}


def translate(query: str) -> Imported:
    """Our query. Raises `QueryError`."""
    return Reader(query, Dialect(("or", "and", "near"), _TOKEN, _near, _leaf)).imported()


def _near(operator: str) -> str:
    return f"O{operator[:-1]}" if operator.endswith("f") else operator


def _leaf(field: str, token: Token, notes: Notes) -> str | None:
    name = field.lower()
    written = f"{field}:{token.text}" if field else token.text
    if name in _RANGES and token.kind == "range":
        return _range(_RANGES[name], token.text, written, notes)
    if name and name not in _FIELDS and name != "raw":
        notes.add(written, "left out: we have no such field")
        return None
    if name == "raw":
        notes.add(written, "the signs that we look for are + # & $ % €; all others are left out")
        return taken('"' + token.text.strip('"{}').replace("\\", "\\\\") + '"', written, notes)
    if token.kind == "range":
        notes.add(written, "left out: a range belongs to a field of numbers")
        return None
    sign = _FIELDS.get(name, "")
    if sign in {"#", "@"}:
        return taken(f"{sign}{token.text.strip(chr(34)).lstrip('#@')}", written, notes)
    return _text(sign, token, written, notes)


def _text(sign: str, token: Token, written: str, notes: Notes) -> str | None:
    text = token.text
    if token.kind == "exact":
        words = phrase(text[1:-1])
        quoted = words if words and words.startswith('"') else f'"{words}"'
        return taken(f"{sign}={quoted}", written, notes, words) if words else None
    if token.kind == "phrase":
        inner, _, slop = text.replace("“", '"').replace("”", '"').rpartition('"')
        if _WILD.search(inner):
            return _wild_phrase(sign, inner[1:], slop, written, notes)
        words = phrase(inner[1:])
        slop = slop if words and words.startswith('"') else ""
        return taken(f"{sign}{words}{slop}", written, notes, words) if words else None
    if re.search(r"[*?]", text) or sign in {"site:", "link:", "country:", "lang:"}:
        return taken(f"{sign}{text}", written, notes)
    if sign and text[0] in "#@":
        text = text[1:]
    if text[0:1] in {"#", "@"}:
        return taken(text, written, notes, phrase(text))
    words = phrase(text)
    signs_dropped(text, words, notes)
    if _OPERATOR.fullmatch(text):
        notes.add(text, "searched for as a word: an operator of distance is NEAR/5 or NEAR/5f")
    return taken(f"{sign}{words}", written, notes, words) if words else None


def _wild_phrase(sign: str, text: str, slop: str, written: str, notes: Notes) -> str | None:
    """A phrase with `*` or `?` in it: the words one after the other, or near for `~5`."""
    parts = [part for part in _PIECE.findall(text) if part.strip("*?")]
    pieces = [f"{sign}{part if _WILD.search(part) else phrase(part)}" for part in parts]
    if len(pieces) < 2:
        return taken(pieces[0], written, notes) if pieces else None
    if slop:
        notes.add(written, f"the {slop[1:]} is counted between each two words here")
    near = f" NEAR/{slop[1:]} " if slop else " ONEAR/0 "
    wider = " AND ".join(pieces)
    return taken(f"({near.join(pieces)})", written, notes, f"({wider})")


def _range(field: str, text: str, written: str, notes: Notes) -> str | None:
    bounds = _RANGE.fullmatch(text)
    if bounds is None:
        notes.add(written, "left out: not a range of two numbers")
        return None
    return taken(f"({field}:>={bounds[1]} AND {field}:<={bounds[2]})", written, notes)
