"""Links of HTML whose words hide where they lead: the address goes into brackets after them."""

import re
from typing import Final

from connectors.markup import decode_entities
from connectors.text import line

_ANCHOR: Final = re.compile(
    r"""<a\s[^>]{0,500}?href=["'](https?://[^"']{1,2000})["'][^>]{0,500}>(.{0,2000}?)</a>""",
    re.DOTALL | re.IGNORECASE,
)


def with_addresses(markup: str) -> str:
    """`<a href="https://e.example/x">here</a>` reads `here (https://e.example/x)` as plain text;
    an address that shows already, and the links of #tags and @names, stay as they are."""
    return _ANCHOR.sub(_whole, markup)


def _whole(found: re.Match[str]) -> str:
    address, shown = decode_entities(found.group(1)), line(found.group(2), html=True, limit=2_000)
    bare = address.partition("://")[2].rstrip("/")
    known = shown.rstrip("/.… ").partition("://")[2] or shown.rstrip("/.… ")
    if not shown or shown.startswith(("#", "@")) or bare.startswith(known):
        return found.group(0)
    return f"{found.group(0)} ({found.group(1)})"
