"""Posts and comments as WordPress's REST API gives them. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from connectors import times
from connectors.fields import count, mapping, mappings
from connectors.post import Author, Post
from connectors.text import line, link, plain, tag

_UNTOUCHED: Final = timedelta(minutes=1)
"""A post that is saved again this soon was not edited."""


@dataclass(frozen=True, slots=True)
class Site:
    """`name` stands in ids; `root` is the address under which lists are."""

    name: str
    root: str


def article(site: Site, item: dict[str, Any], now: datetime) -> Post:
    number = _number(item)
    created = times.parse(item.get("date_gmt") or item.get("date"), now=now)
    changed = times.parse_or(item.get("modified_gmt"), created, now=now)
    edited = changed - created > _UNTOUCHED
    text, truncated = plain(_rendered(item, "content") or _rendered(item, "excerpt"), html=True)
    embedded = mapping(item.get("_embedded"))
    authors = mappings(embedded.get("author"))
    pictures = mappings(embedded.get("wp:featuredmedia"))
    image = link(pictures[0].get("source_url") if pictures else "")
    image = image or link(item.get("jetpack_featured_media_url"))
    return Post(
        id=f"wordpress:{site.name}:{number}",
        source="wordpress",
        kind="article",
        state="edited" if edited else "live",
        created_at=created,
        collected_at=now,
        updated_at=changed if edited else None,
        url=link(item.get("link")),
        title=line(_rendered(item, "title"), html=True),
        text=text,
        truncated=truncated,
        author=_author(site, item.get("author"), authors[0] if authors else {}),
        hashtags=_terms(embedded),
        media=[image] if image else [],
    )


def comment(site: Site, item: dict[str, Any], now: datetime) -> Post:
    number, parent, thread = _number(item), count(item.get("parent")), count(item.get("post"))
    text, truncated = plain(_rendered(item, "content"), html=True)
    said = {"name": item.get("author_name"), "link": item.get("author_url")}
    post = f"wordpress:{site.name}:{thread}" if thread else ""
    return Post(
        id=f"wordpress:{site.name}:c{number}",
        source="wordpress",
        kind="comment",
        created_at=times.parse(item.get("date_gmt") or item.get("date"), now=now),
        collected_at=now,
        url=link(item.get("link")),
        text=text,
        truncated=truncated,
        author=_author(site, item.get("author"), said),
        parent_id=f"wordpress:{site.name}:c{parent}" if parent else post,
        thread_id=post,
    )


def _number(item: dict[str, Any]) -> int:
    number = count(item.get("id"))
    if number is None:
        raise ValueError(f"its id is {item.get('id')!r:.40}, not a number")
    return number


def _rendered(item: dict[str, Any], name: str) -> str:
    """A field as HTML; protected posts have an empty one."""
    value = item.get(name)
    shown = mapping(value).get("rendered") if isinstance(value, dict) else value
    if shown is not None and not isinstance(shown, str):
        raise ValueError(f"its {name} is {shown!r:.40}, not text")
    return shown or ""


def _author(site: Site, number: object, told: dict[str, Any]) -> Author:
    """By number where registered (0 is a guest), with what is told of the name."""
    known = count(number)
    name = line(told.get("name"), html=True)
    handle = line(told.get("slug"))
    identity = f"{site.name}:{known}" if known else name
    return Author(id=identity, handle=handle or name, name=name, url=link(told.get("link")))


def _terms(embedded: dict[str, Any]) -> list[str]:
    groups = embedded.get("wp:term")
    terms = (
        [term for group in groups for term in mappings(group)] if isinstance(groups, list) else []
    )
    names = (tag(line(term.get("name"), html=True)) for term in terms)
    return [name for name in dict.fromkeys(names) if name and name != "Uncategorized"][:50]
