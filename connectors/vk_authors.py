"""Who writes on VKontakte: people, and communities, whose numbers are negative."""

import re
from collections.abc import Mapping
from typing import Any, Final

from connectors.fields import count, mapping, mappings
from connectors.post import Author
from connectors.text import line

SITE: Final = "https://vk.com"


def authors(response: object) -> dict[int, Author]:
    """By their ids (communities' are negative), from what `extended` adds to a response."""
    fields = mapping(response)
    people = (_person(one) for one in mappings(fields.get("profiles"), 1000))
    communities = (_community(one) for one in mappings(fields.get("groups"), 1000))
    return {number: author for number, author in (*people, *communities) if number}


def author_of(number: object, known: Mapping[int, Author]) -> Author:
    """Who has this number, with no more than an address where nothing else is known."""
    found = whole(number)
    if not found:
        return Author()
    page = f"id{found}" if found > 0 else f"club{-found}"
    return known.get(found, Author(id=str(found), url=f"{SITE}/{page}"))


def whole(*values: object) -> int:
    """The first that is a whole number other than zero; 0 where none is."""
    for value in values:
        text = isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value)
        number = int(str(value)) if text else value
        if isinstance(number, int) and not isinstance(number, bool) and number:
            return number
    return 0


def _person(fields: dict[str, Any]) -> tuple[int, Author]:
    number = whole(fields.get("id"), fields.get("uid"))
    handle = line(fields.get("screen_name")) or line(fields.get("domain"))
    first, last = (
        line(fields.get("first_name"), html=True),
        line(fields.get("last_name"), html=True),
    )
    return number, Author(
        id=str(number),
        handle=handle,
        name=f"{first} {last}".strip(),
        bio=line(fields.get("about") or fields.get("status"), html=True),
        followers=count(fields.get("followers_count")),
        location=line(mapping(fields.get("city")).get("title")),
        url=f"{SITE}/{handle or f'id{number}'}",
        verified=_flag(fields.get("verified")),
    )


def _community(fields: dict[str, Any]) -> tuple[int, Author]:
    number = -abs(whole(fields.get("id"), fields.get("gid")))
    handle = line(fields.get("screen_name"))
    return number, Author(
        id=str(number),
        handle=handle,
        name=line(fields.get("name"), html=True),
        bio=line(fields.get("description") or fields.get("status"), html=True),
        followers=count(fields.get("members_count")),
        location=line(mapping(fields.get("city")).get("title")),
        url=f"{SITE}/{handle or f'club{-number}'}",
        verified=_flag(fields.get("verified")),
    )


def _flag(value: object) -> bool | None:
    return bool(value) if isinstance(value, int) else None
