"""What Lemmy's API lists, posts and comments with their authors, as posts.

Ids are local to an instance; `ap_id` is the same on all. Versions before 1.0 have `published` and a
`counts` beside the post, later ones `published_at` and the counts inside it.
"""

from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from connectors import times
from connectors.fields import count, mapping
from connectors.post import Author, Engagement, Post
from connectors.text import line, link, plain

_MEMORY: Final = 20_000
_IMAGES: Final = (".avif", ".gif", ".jpeg", ".jpg", ".png", ".webp")


class Instance:
    """What must be known of an instance to read its lists."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.languages: dict[int, str] = {}
        self._comments: OrderedDict[int, str] = OrderedDict()

    def learn(self, views: Iterable[Any]) -> None:
        """The names everywhere of comments, by their numbers here."""
        for view in views:
            said = mapping(mapping(view).get("comment"))
            said = mapping(said.get("comment")) or said
            number, name = count(said.get("id")), link(said.get("ap_id"))
            if number is not None and name:
                self._comments[number] = name
                if len(self._comments) > _MEMORY:
                    self._comments.popitem(last=False)

    def comment(self, number: int) -> str:
        """The id of a comment; by its number here where it was not seen."""
        return f"lemmy:{self._comments.get(number, f'{self.host}/comment/{number}')}"

    def language(self, number: object) -> str:
        """A code of ISO 639; 0 is undetermined."""
        code = self.languages.get(count(number) or 0, "")
        return "" if code == "und" else code


def post_of(instance: Instance, item: Any, now: datetime) -> Post | None:
    """The post of a listed view; `None` for communities and people. Raises `ValueError`."""
    view = mapping(item)
    nested = next(
        (v for k in ("comment", "post") if (v := mapping(view.get(k))) and "creator" in v), None
    )
    view = nested or view
    if not mapping(view.get("post")) and not mapping(view.get("comment")):
        if any(name in view for name in ("community", "person", "multi_community")):
            return None
        raise ValueError("the item is neither a post nor a comment")
    said = mapping(view.get("comment")) or mapping(view.get("post"))
    is_comment = bool(mapping(view.get("comment")))
    name = link(said.get("ap_id"))
    if not name:
        raise ValueError(f"the item has no usable ap_id but {said.get('ap_id')!r:.80}")
    thread = _thread(view) if is_comment else ""
    created = times.parse(_first(said, "published_at", "published"), now=now)
    changed = _first(said, "updated_at", "updated")
    gone = said.get("deleted") is True or said.get("removed") is True
    parent = _parent(instance, said, thread) if is_comment else ""
    if gone:
        return Post(
            id=f"lemmy:{name}",
            source="lemmy",
            kind="comment" if is_comment else "post",
            state="deleted",
            created_at=created,
            collected_at=now,
            updated_at=times.parse_or(changed, now, now=now),
            url=name,
            parent_id=parent,
            thread_id=thread,
        )
    text, truncated = _text(said, is_comment=is_comment)
    counts = {**said, **mapping(view.get("counts"))}
    return Post(
        id=f"lemmy:{name}",
        source="lemmy",
        kind="comment" if is_comment else "post",
        state="edited" if changed else "live",
        created_at=created,
        collected_at=now,
        updated_at=times.parse_or(changed, now, now=now) if changed else None,
        url=name,
        title="" if is_comment else line(said.get("name")),
        text=text,
        truncated=truncated,
        lang=instance.language(said.get("language_id")),
        author=_author(view.get("creator")),
        engagement=Engagement(
            likes=count(_first(counts, "upvotes", "score")),
            replies=count(counts.get("child_count" if is_comment else "comments")),
        ),
        parent_id=parent,
        thread_id=thread,
        media=[] if is_comment else _media(said),
    )


def _text(said: dict[str, Any], *, is_comment: bool) -> tuple[str, bool]:
    """The words, in Markdown; of a post that only links, the address."""
    if is_comment:
        content = said.get("content")
        if not isinstance(content, str):
            raise ValueError("the comment has no content")
        return plain(content, html=False)
    if not line(said.get("name")):
        raise ValueError("the post has no name")
    body = said.get("body")
    if isinstance(body, str) and body.strip():
        return plain(body, html=False)
    return link(said.get("url")), False


def _thread(view: dict[str, Any]) -> str:
    name = link(mapping(view.get("post")).get("ap_id"))
    return f"lemmy:{name}" if name else ""


def _parent(instance: Instance, said: dict[str, Any], thread: str) -> str:
    """The comment above, from the path `0.11.25` of numbers; the post above the first."""
    above = [count(step) for step in line(said.get("path")).split(".")[1:-1]]
    return instance.comment(above[-1]) if above and above[-1] is not None else thread


def _author(value: object) -> Author:
    person = mapping(value)
    page = link(_first(person, "ap_id", "actor_id"))
    name = line(person.get("name"))
    host = urlsplit(page).hostname if page else ""
    bio = person.get("bio")
    return Author(
        id=page,
        handle=f"{name}@{host}" if name and host else name,
        name=line(person.get("display_name")) or name,
        bio=line(bio) if isinstance(bio, str) else "",
        url=page,
    )


def _media(said: dict[str, Any]) -> list[str]:
    """Thumbnail, and the link where it is a picture."""
    found = [link(said.get("thumbnail_url"))]
    target = link(said.get("url"))
    if target and urlsplit(target).path.lower().endswith(_IMAGES):
        found.insert(0, target)
    return [one for one in dict.fromkeys(found) if one]


def _first(fields: dict[str, Any], *names: str) -> Any:
    return next((fields[name] for name in names if fields.get(name) is not None), None)
