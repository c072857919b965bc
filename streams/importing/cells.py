"""What stands in cells: traces of spreadsheets, counts as people write them, names of languages and
countries in words."""

import re
from functools import cache
from typing import Final

from babel import Locale

from connectors.markup import decode_entities

_LINKED: Final = re.compile(
    r'=\s*(?:HYPERLINK|ГИПЕРССЫЛКА|LIEN_HYPERTEXTE)\(\s*"([^"]*)".*\)', re.I
)
_AS_TEXT: Final = re.compile(r'="((?:[^"]|"")*)"')
_NOTHING: Final = frozenset(
    ("", "-", "—", "n/a", "na", "#n/a", "none", "null", "nan", "nil", "undefined", "unknown",
     "не определено", "не указано", "нет данных")
)  # fmt: skip
LONGEST_NOTHING: Final = max(map(len, _NOTHING))
_COUNT: Final = re.compile(r"(\d+(?:[.,]\d+)?)\s*(k|m|b|тыс|млн|т|м)?\.?", re.IGNORECASE)
_SCALE: Final = {
    "k": 1_000, "т": 1_000, "тыс": 1_000, "m": 10**6, "м": 10**6, "млн": 10**6, "b": 10**9,
}  # fmt: skip
_GROUPED: Final = re.compile(r"\d{1,3}(?:[,. '\u00a0\u202f]\d{3})+")
_SPACES: Final = re.compile(r"[\s'\u00a0\u202f]")
_CODE: Final = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]{2,8})*", re.I)
_LOCALES: Final = ("en", "fr", "ru", "de", "es", "it", "pt")
_YES: Final = frozenset(("true", "yes", "1", "y", "да"))
_NO: Final = frozenset(("false", "no", "0", "n", "нет"))


def clean(cell: str, *, entities: bool) -> str:
    """A cell as it was meant: without the apostrophe that keeps spreadsheets from calculating, the
    address of a `HYPERLINK`, and with HTML's entities decoded."""
    first = cell[:1]
    if first == "'" and cell[1:2] in ("=", "+", "-", "@"):
        cell = cell[1:]
    elif first == "=":
        if linked := _LINKED.fullmatch(cell.strip()):
            cell = linked.group(1)
        elif quoted := _AS_TEXT.fullmatch(cell.strip()):
            cell = quoted.group(1).replace('""', '"')
    if entities and "&" in cell:
        cell = decode_entities(cell)
    return cell


def is_nothing(cell: str) -> bool:
    """Whether a cell says in some word that there is nothing."""
    return cell.lower() in _NOTHING


def count(cell: str) -> int | None:
    """A count such as 1234, 1,234, 1 234, 1.2K or 12,0; `None` for what is none."""
    text = cell.strip()
    if text.isascii() and text.isdigit():
        return int(text) if len(text) < 16 else None
    if _GROUPED.fullmatch(text):
        return int(re.sub(r"\D", "", text))
    found = _COUNT.fullmatch(_SPACES.sub("", text))
    if found is None or len(text) > 20:
        return None
    number = float(found.group(1).replace(",", "."))
    return int(number * _SCALE.get((found.group(2) or "").lower(), 1))


def number(cell: str) -> float | None:
    """A number with a point or a comma; `None` for what is none."""
    try:
        found = float(cell.strip().replace(",", "."))
    except ValueError:
        return None
    return found if abs(found) < 1e15 else None


def flag(cell: str) -> bool | None:
    text = cell.strip().lower()
    return True if text in _YES else False if text in _NO else None


def language(cell: str) -> str:
    """An ISO 639 code, of a code or of a name in seven languages; empty for anything else."""
    text = cell.strip()
    found = _languages().get(text.casefold())
    if found:
        return found
    code = _CODE.fullmatch(text)
    return code.group(1).lower() if code and len(text) <= 11 else ""


def country(cell: str) -> str:
    """An ISO 3166-1 code of two letters, of a code or of a name in seven languages."""
    text = cell.strip()
    if len(text) == 2 and text.isascii() and text.isalpha():
        return text.upper()
    return _countries().get(text.casefold(), "")


@cache
def _languages() -> dict[str, str]:
    return {
        name.casefold(): code.partition("_")[0]
        for one in reversed(_LOCALES)
        for code, name in Locale.parse(one).languages.items()
        if "_" not in code
    }


@cache
def _countries() -> dict[str, str]:
    found = {
        name.casefold(): code
        for one in reversed(_LOCALES)
        for code, name in Locale.parse(one).territories.items()
        if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES
    }
    return found | _OTHER_NAMES


_NO_COUNTRIES: Final = frozenset(("EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"))
_OTHER_NAMES: Final = {
    "usa": "US", "united states of america": "US", "сша": "US", "uk": "GB", "great britain": "GB",
    "england": "GB", "russian federation": "RU", "российская федерация": "RU", "turkey": "TR",
    "czech republic": "CZ", "беларусь": "BY", "белоруссия": "BY", "south korea": "KR",
    "uae": "AE", "оаэ": "AE", "viet nam": "VN",
}  # fmt: skip
