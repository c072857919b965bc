"""What Reddit's API says of a link (t3) or a comment (t1), as a `Post`."""

from datetime import datetime
from typing import Any, Final

from connectors import times
from connectors.anchors import with_addresses
from connectors.fields import count, mapping, mappings
from connectors.markup import decode_entities
from connectors.post import Author, Engagement, Kind, Post
from connectors.text import line, link, plain

_WEB: Final = "https://www.reddit.com"
_GONE: Final = ("[deleted]", "[removed]", "[ Removed by Reddit ]", "[deleted by user]")
_BODY: Final = {"t1": "body", "t3": "selftext"}
_KINDS: Final[dict[str, Kind]] = {"t1": "comment", "t3": "post"}
KINDS: Final = frozenset(_KINDS)


def is_gone(data: dict[str, Any]) -> bool:
    """Deleted by its author, or removed by moderators or by Reddit."""
    words = {line(data.get(name)) for name in ("body", "selftext", "title")}
    return bool(words & set(_GONE)) or bool(line(data.get("removed_by_category")))


def edited_at(data: dict[str, Any]) -> float:
    """Seconds since 1970; 0 for what was not edited, or so long ago that Reddit says `true`."""
    edited = data.get("edited")
    return (
        float(edited) if isinstance(edited, int | float) and not isinstance(edited, bool) else 0.0
    )


def name_of(kind: str, data: dict[str, Any]) -> str:
    """The fullname, such as `t3_1abc`; empty where it has none."""
    name, short = line(data.get("name")), line(data.get("id"))
    return name if name.startswith(f"{kind}_") else f"{kind}_{short}" if short else ""


def gone(name: str, created: datetime, now: datetime, url: str = "") -> Post:
    """A post that is not there any more."""
    return Post(
        id=f"reddit:{name}",
        source="reddit",
        kind=_KINDS[name[:2]],
        state="deleted",
        created_at=created,
        collected_at=now,
        updated_at=now,
        url=url,
    )


def read(kind: str, data: dict[str, Any], now: datetime) -> Post:
    """Times are those of `created_utc`: `created` is by another clock. Raises `ValueError`."""
    if kind not in KINDS:
        raise ValueError(f"{kind!r:.40} is neither a link nor a comment")
    name = name_of(kind, data)
    if not name:
        raise ValueError(f"the item has the id {data.get('id')!r:.40}")
    created = times.parse(data.get("created_utc"), now=now)
    url = _url(kind, data)
    if is_gone(data):
        return gone(name, created, now, url)
    text, truncated = _text(kind, data)
    edited = bool(data.get("edited"))
    parent, thread = line(data.get("parent_id")), line(data.get("link_id"))
    crossposted = line(data.get("crosspost_parent"))
    return Post(
        id=f"reddit:{name}",
        source="reddit",
        kind=_KINDS[kind],
        state="edited" if edited else "live",
        created_at=created,
        collected_at=now,
        updated_at=times.parse_or(edited_at(data) or None, created, now=now) if edited else None,
        url=url,
        title=line(data.get("title")),
        text=text,
        truncated=truncated,
        author=_author(data),
        engagement=Engagement(
            likes=count(data.get("ups", data.get("score"))), replies=count(data.get("num_comments"))
        ),
        parent_id=f"reddit:{parent}" if parent else "",
        thread_id=f"reddit:{thread}" if thread else "",
        repost_of=f"reddit:{crossposted}" if crossposted else "",
        media=_media(data),
    )


def _text(kind: str, data: dict[str, Any]) -> tuple[str, bool]:
    """The rendered text, else the Markdown; of a link alone, its address. A crosspost has the text
    of its original."""
    field = _BODY[kind]
    raw, rendered = data.get(field), data.get(f"{field}_html")
    if raw is not None and not isinstance(raw, str):
        raise ValueError(f"{field} is of type {type(raw).__name__}")
    if kind == "t1" and raw is None:
        raise ValueError("the comment has no body")
    if isinstance(rendered, str) and rendered.strip():
        # Without raw_json the markup itself is escaped.
        markup = decode_entities(rendered) if rendered.lstrip().startswith("&lt;") else rendered
        return plain(with_addresses(markup), html=True)
    if raw:
        return plain(raw, html=False)
    for original in mappings(data.get("crosspost_parent_list"))[:1]:
        if not is_gone(original):
            return _text("t3", {**original, "crosspost_parent_list": None})
    return (link(data.get("url_overridden_by_dest")) or _outside(data), False)


def _outside(data: dict[str, Any]) -> str:
    return "" if data.get("is_self") else link(data.get("url"))


def _author(data: dict[str, Any]) -> Author:
    """Nobody where the account is deleted."""
    handle = line(data.get("author"))
    if not handle or handle in _GONE:
        return Author()
    return Author(
        id=line(data.get("author_fullname")) or handle,
        handle=handle,
        name=handle,
        url=link(f"{_WEB}/user/{handle}"),
    )


def _url(kind: str, data: dict[str, Any]) -> str:
    """Comments of old payloads have no permalink."""
    path = line(data.get("permalink"))
    if path.startswith("/"):
        return link(_WEB + path)
    sub, short = line(data.get("subreddit")), line(data.get("id"))
    if kind == "t3":
        return link(f"{_WEB}/comments/{short}/") if short else ""
    thread = line(data.get("link_id")).removeprefix("t3_")
    if not (sub and thread and short):
        return ""
    return link(f"{_WEB}/r/{sub}/comments/{thread}/_/{short}/")


def _media(data: dict[str, Any]) -> list[str]:
    """Pictures in full size; their addresses are escaped with and without raw_json."""
    images = mappings(mapping(data.get("preview")).get("images"))
    found = [mapping(one.get("source")).get("url") for one in images]
    for each in mapping(data.get("media_metadata")).values():
        source = mapping(mapping(each).get("s"))
        found.append(source.get("u") or source.get("gif"))
    if data.get("post_hint") == "image":
        found.insert(0, data.get("url_overridden_by_dest") or data.get("url"))
    links = (link(decode_entities(one)) for one in found[:50] if isinstance(one, str))
    return [one for one in dict.fromkeys(links) if one]
