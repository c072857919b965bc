"""Queries as Google Alerts and web searches take them. OR binds tighter than words side by side."""

import re
from typing import Final

from streams.criteria.importers.imported import Imported, Notes, Token, phrase, taken, with_signs
from streams.criteria.importers.ladder import Dialect, Reader

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<open>\() | (?P<close>\)) | (?P<or>OR(?![^\s()])|\|) | (?P<and>AND(?![^\s()])) |
      (?P<not>-(?=[^\s()-]|\()) | (?P<near>AROUND\(\d+\)) |
      (?P<field>[A-Za-z]+):(?=[^\s)/]) |
      (?P<phrase>["“”][^"“”]*["“”]) | (?P<word>(?:[^\s()"“”|])+) | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_REST: Final = re.compile(r"\ballin(title|text|url):\s*([^()]*[^()\s])", re.IGNORECASE)
_FIELDS: Final = {
    "site": "site:",
    "intitle": "title:",
    "intext": "",
    "inurl": "link:",
    "location": "place:",
    "before": "created:<=",
    "after": "created:>=",
}
_MOST_BETWEEN: Final = 5


def translate(query: str) -> Imported:
    """Our query. Raises `QueryError`."""
    query = _REST.sub(r"in\1:(\2)", query)
    return Reader(query, Dialect(("and", "or", "near"), _TOKEN, _near, _leaf)).imported()


def _near(operator: str) -> str:
    return f"NEAR/{re.sub(r'[^0-9]', '', operator)}"


def _leaf(field: str, token: Token, notes: Notes) -> str | None:
    name, text = field.lower(), token.text
    written = f"{field}:{text}" if field else text
    if name and name not in _FIELDS:
        notes.add(written, "left out: we have no such field")
        return None
    sign = _FIELDS.get(name, "")
    if token.kind == "phrase":
        return _phrase(sign, text[1:-1], written, notes)
    if sign in {"site:", "link:", "created:<=", "created:>="}:
        return taken(f"{sign}{text}", written, notes)
    if text.startswith("~"):
        notes.add(written, "its synonyms are not searched for: add them with OR")
    if text.strip("*") == "":
        notes.add(written, "left out: it stands for any word")
        return None
    if ".." in text.strip("."):
        notes.add(written, "a range of numbers: read as its two ends, one after the other")
    if text == "NOT":
        notes.add(text, "searched for as a word, as there: to exclude, write - before the word")
    words = (None if sign else with_signs(text.lstrip("+~"))) or phrase(text)
    return taken(f"{sign}{words}", written, notes, words) if words else None


def _phrase(sign: str, text: str, written: str, notes: Notes) -> str | None:
    """A `*` between quotes stands for one or more words: at most five here."""
    parts = [found for part in text.split("*") if (found := phrase(part))]
    if not parts:
        return None
    if len(parts) == 1:
        return taken(f"{sign}{parts[0]}", written, notes, parts[0])
    notes.add(written, f"* stands for at most {_MOST_BETWEEN} words here")
    near = f" ONEAR/{_MOST_BETWEEN} ".join(f"{sign}{part}" for part in parts)
    wider = " AND ".join(f"{sign}{part}" for part in parts)
    return taken(f"({near})", written, notes, f"({wider})")
