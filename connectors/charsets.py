"""Which encoding a document is really in, where its server, its prolog and its bytes disagree."""

import re
from typing import Final

_LOOKED_AT: Final = 256 * 1024
_PROLOG = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_HEADER = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9._-]{1,40})", re.IGNORECASE)
_HIGH_RUN = re.compile(rb"[\xc0-\xff]{3,}")
_HIGH = re.compile(rb"[\x80-\xff]")


def real_charset(body: bytes, content_type: str) -> str:
    """The encoding to read `body` in; empty where what is declared may be believed.

    What is UTF-8 to the last byte is UTF-8, whatever is said of it: other encodings do not look so
    by chance. What is not, is not, and where nothing else is declared, long runs of letters beyond
    ASCII are Russian.
    """
    if body.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return ""
    if _HIGH.search(body) is None:
        return ""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start > _LOOKED_AT:  # one bad byte far in a document of UTF-8
            return "utf-8"
    else:
        return "utf-8"
    declared = _declared(body, content_type)
    if declared and declared not in ("utf-8", "utf8", "us-ascii"):
        return ""
    return _cyrillic(body[:_LOOKED_AT])


def _declared(body: bytes, content_type: str) -> str:
    prolog = _PROLOG.match(body[:1024])
    if prolog:
        return prolog.group(1).decode("ascii").lower()
    header = _HEADER.search(content_type[:200])
    return header.group(1).lower() if header else ""


def _cyrillic(body: bytes) -> str:
    """windows-1251 has its small letters where KOI8-R has its capitals; small ones are more."""
    runs = b"".join(_HIGH_RUN.findall(body))
    if len(runs) < len(_HIGH.findall(body)) / 2:
        return ""
    small = sum(1 for byte in runs if byte >= 0xE0)
    return "windows-1251" if small >= len(runs) / 2 else "koi8-r"
