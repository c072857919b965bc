"""What others wrote, made fit to stand in our messages: it may say anything and do nothing."""

import re
from typing import Final

from connectors.text import line, link

# Marks that turn the direction of text, that nobody sees, and the tags of Unicode.
_UNSEEN: Final = re.compile(
    "[\u061c\u180e\u200b\u200e\u200f\u2028\u2029\u2060-\u2064\u206a-\u206f\U000e0000-\U000e007f]"
)
_MARKS: Final = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u20d0-\u20ff]{3})[\u0300-\u036f\u0483-\u0489\u20d0-\u20ff]+"
)

# What chats read as markup, as links with another text, or as a call to everyone.
_CHAT: Final = str.maketrans(
    {
        "<": "‹",
        ">": "›",
        "*": "∗",
        "_": "＿",
        "~": "∼",
        "`": "ˋ",
        "|": "ǀ",
        "[": "［",
        "]": "］",
        "\\": "＼",
    }
)
_ENTITY: Final = re.compile(r"&(?=#?\w{1,31};)")
_CALL: Final = re.compile(r"[@#!](?=\w)")
_WEB: Final = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}):(?=//|[^\s])")


def inline(text: str, limit: int = 300) -> str:
    """One line of at most `limit` characters, without what is not seen or turns the text."""
    bare = _UNSEEN.sub("", text[: 20 * limit])
    return line(_MARKS.sub(r"\1", bare), limit=limit)


def for_chat(text: str, limit: int = 300) -> str:
    """As `inline`, and nothing in it is markup, calls anyone, or becomes a link."""
    bare = inline(text, limit).translate(_CHAT)
    bare = _WEB.sub(r"\1꞉", _ENTITY.sub("＆", bare))
    return _CALL.sub(lambda found: found[0] + "\u2060", bare)


def address(url: str) -> str:
    """A link to http(s), as chats and mail may show it; empty for anything else."""
    found = link(url)
    if not found or re.search(r"[\s<>\"'`\\^{}|]", found):
        return ""
    return found
