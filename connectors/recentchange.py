"""One change of a wiki, as Wikimedia's `mediawiki/recentchange` events tell it. Pure."""

import re
import unicodedata
from datetime import datetime
from typing import Any
from urllib.parse import quote

from connectors import times
from connectors.fields import count, mapping
from connectors.post import Author, Post
from connectors.text import line, link, plain
from connectors.wikitext import summary

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z]+)*")


def change_post(change: dict[str, Any], text: str, now: datetime) -> Post:
    """The change as a post: its summary, and `text`, what it wrote where that was asked for.
    Raises `ValueError`."""
    meta = mapping(change.get("meta"))
    wiki = line(change.get("wiki")) or line(change.get("server_name"))
    title = line(change.get("title"))
    if not wiki or not title:
        raise ValueError("the change names no wiki or no page")
    told = change.get("timestamp")
    comment = summary(change.get("comment")) or summary(change.get("log_action_comment"))
    whole, truncated = plain(f"{comment}\n\n{text}" if text else comment, html=False)
    host = line(change.get("server_name"))
    return Post(
        id=f"wikipedia:{wiki}:{_native_id(change, meta)}",
        source="wikipedia",
        kind="edit",
        created_at=times.parse(meta.get("dt") if told is None else told, now=now),
        collected_at=now,
        url=link(change.get("notify_url")) or _page(change) or link(meta.get("uri")),
        title=title,
        text=whole,
        truncated=truncated,
        lang=_language(host),
        author=_author(line(change.get("user")), change),
        thread_id=f"wikipedia:{wiki}:{title}",
    )


def _native_id(change: dict[str, Any], meta: dict[str, Any]) -> str:
    """An edit is its revision; what makes none is its log entry, else the event."""
    if revision := count(mapping(change.get("revision")).get("new")):
        return str(revision)
    if entry := count(change.get("log_id")):
        return f"log:{entry}"
    event = line(meta.get("id"), limit=100)
    recent = count(change.get("id"))
    if not event and recent is None:
        raise ValueError("the change has no revision, log entry or id")
    return f"event:{event}" if event else f"change:{recent}"


def _page(change: dict[str, Any]) -> str:
    server = link(change.get("server_url"))
    title = line(change.get("title")).replace(" ", "_")
    return link(change.get("title_url")) or (
        link(f"{server}/wiki/{quote(title)}") if server else ""
    )


def _author(name: str, change: dict[str, Any]) -> Author:
    server = link(change.get("server_url"))
    page = f"{server}/wiki/User:{quote(name.replace(' ', '_'))}" if server and name else ""
    return Author(id=name, handle=name, name=name, url=link(page))


def is_talk(change: dict[str, Any]) -> bool:
    space = count(change.get("namespace"))
    return space is not None and space % 2 == 1


def article(change: dict[str, Any]) -> str:
    """The article that a change is of; a talk page's is the one talked about."""
    title = str(change.get("title"))
    return folded(title.partition(":")[2] if is_talk(change) and ":" in title else title)


def wiki_names(change: dict[str, Any]) -> set[str]:
    """What people may call a change's wiki."""
    host = line(change.get("server_name")).lower()
    family = host.split(".")[-2:-1]
    return {line(change.get("wiki")).lower(), host, _language(host), *family} - {""}


def _language(host: str) -> str:
    """`www`, `commons` and `meta` are no languages."""
    labels = host.split(".")
    if len(labels) != 3 or labels[1] == "wikimedia" or labels[0] == "www":
        return ""
    return labels[0] if _LANGUAGE.fullmatch(labels[0]) else ""


def folded(text: str) -> str:
    """Without case and marks, so that nothing a topic wants is put aside for its spelling."""
    if text.isascii():
        return text.lower().strip()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in apart if not unicodedata.combining(each)).strip()
