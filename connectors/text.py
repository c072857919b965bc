"""Text as it enters Veille: plain, NFC, without control characters, bounded.

Everything a source sends passes here once. Linear in the input's length.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin, urlsplit

from connectors.markup import to_text
from connectors.post import MAX_EXTRA_CHARS, MAX_EXTRA_NAME, MAX_EXTRAS, MAX_TEXT_BYTES

_KEPT_CHARACTERS: Final = 4 * MAX_TEXT_BYTES
"""More than this is never looked at: normalising a long run of marks takes quadratic time."""
LONGEST_LINE: Final = 500
_LONGEST_LINK: Final = 2048
_MARKS_IN_A_ROW: Final = 30  # UAX #15, stream-safe text

# Control characters but \t and \n; bidirectional embeddings, overrides and isolates, which make
# a page show another text than the one stored; soft hyphens and byte order marks, which split
# words unseen; non-characters.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]+"
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_LINE_ENDS = re.compile("\r\n?|[\u2028\u2029\x85]")
# The look-behind keeps a long run of spaces without a line end linear.
_LOOSE_SPACE = re.compile(r"(?<![ \t])[ \t]*+\n[ \t]*+")
_MANY_LINES = re.compile(r"\n{3,}")
_ANY_SPACE = re.compile(r"\s+")


def plain(value: str, *, html: bool) -> tuple[str, bool]:
    """`value` as plain text of at most 64 KiB of UTF-8, and whether it was cut.

    With `html`, tags go, `<br>`, `<p>` and `<li>` become line ends, scripts and styles vanish,
    entities are decoded exactly once, and links that the page shows shortened are whole again.
    """
    if not html and value.isascii() and value.isprintable() and len(value) <= MAX_TEXT_BYTES:
        return value.strip(), False
    if html:
        text, stopped = to_text(value, _KEPT_CHARACTERS)
    else:
        text, stopped = value, False
    stopped = stopped or len(text) > _KEPT_CHARACTERS
    text = _clean(text[:_KEPT_CHARACTERS])
    if html:
        text = _MANY_LINES.sub("\n\n", _LOOSE_SPACE.sub("\n", text))
    text, cut = _cut(text.strip(), MAX_TEXT_BYTES)
    return text, stopped or cut


def line(value: object, *, html: bool = False, limit: int = LONGEST_LINE) -> str:
    """`value` as one line of at most `limit` characters: titles, names, handles.

    Anything that is no text is empty: sources send numbers and objects where names belong.
    """
    if not isinstance(value, str):
        return ""
    if len(value) <= limit and value.isascii() and value.isprintable() and not html:
        return " ".join(value.split()) if "  " in value else value.strip()
    text, _ = plain(value, html=html)
    text = _ANY_SPACE.sub(" ", text)
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def link(value: object, base: str = "") -> str:
    """`value` as an http(s) address, made absolute with `base`; empty for anything else, so that
    no `javascript:` reaches a page."""
    if not isinstance(value, str) or len(value) > _LONGEST_LINK:
        return ""
    text = _SURROGATES.sub("", _UNWANTED.sub("", value)).strip()
    try:
        whole = urljoin(base, text) if base and text else text
        parts = urlsplit(whole)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.netloc or " " in parts.netloc:
        return ""
    return _ANY_SPACE.sub("%20", whole)


def tag(value: object) -> str:
    """A hashtag without its `#`, at most 100 characters."""
    return line(value, limit=100).lstrip("#＃").strip()


def _clean(text: str) -> str:
    text = _LINE_ENDS.sub("\n", text).replace("\xa0", " ")
    text = _UNWANTED.sub("", text)
    text = _SURROGATES.sub("\ufffd", text)
    if text.isascii() or max(text) < "\u0300":  # nothing below U+0300 combines
        return text
    return unicodedata.normalize("NFC", _limit_marks(text))


def _limit_marks(text: str) -> str:
    """At most 30 combining marks in a row: more is vandalism, and slow to normalise."""
    if len(text) < 500:
        return text
    kept: list[str] = []
    run = 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) else 0
        if run <= _MARKS_IN_A_ROW:
            kept.append(character)
    return "".join(kept)


def extra(told: Mapping[str, object]) -> dict[str, str]:
    """`Post.extra` of what a source tells: the first 50 that have a name and a value, each on one
    line, names cut at 64 characters, values at 1,000. Numbers and truths are written as in JSON;
    what is neither they nor text is left out."""
    found: dict[str, str] = {}
    for key, value in told.items():
        name, text = line(key, limit=MAX_EXTRA_NAME), line(_written(value), limit=MAX_EXTRA_CHARS)
        if name and text:
            found.setdefault(name, text)
        if len(found) == MAX_EXTRAS:
            break
    return found


def _written(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < 2**63 else ""
    return repr(value) if isinstance(value, float) else value


def _cut(text: str, limit: int) -> tuple[str, bool]:
    if len(text) * 4 <= limit:
        return text, False
    raw = text.encode("utf-8")
    if len(raw) <= limit:
        return text, False
    return raw[:limit].decode("utf-8", "ignore").rstrip(), True
