"""What Discourse calls a post, as a post: its text without quoted ones, its place in the topic."""

import re
from collections import OrderedDict
from datetime import datetime
from typing import Any, Final

from connectors import times
from connectors.fields import count, mapping, mappings
from connectors.post import Author, Engagement, Post
from connectors.text import line, link, plain, tag

_REGULAR: Final = (1, 2)  # 3 is a small action, such as closing; 4 a whisper among the staff
_LIKE: Final = 2
_QUOTE: Final = re.compile(r'<aside class="quote.*?</aside>', re.DOTALL)
_LONGEST_WITH_QUOTES: Final = 200_000
_MEMORY: Final = 20_000


class Numbers:
    """Which post stands at which place of a topic: replies name the place."""

    def __init__(self) -> None:
        self._posts: OrderedDict[tuple[str, int, int], int] = OrderedDict()

    def learn(self, host: str, fields: dict[str, Any]) -> None:
        """Remember the place of this post."""
        numbers = [count(fields.get(name)) for name in ("topic_id", "post_number", "id")]
        topic, place, number = numbers
        if topic is not None and place is not None and number is not None:
            self._posts[host, topic, place] = number
            if len(self._posts) > _MEMORY:
                self._posts.popitem(last=False)

    def name(self, host: str, topic: int, place: int) -> str:
        """The id of the post at this place; by the place where that post was not seen."""
        number = self._posts.get((host, topic, place))
        return f"discourse:{host}/{f't/{topic}/{place}' if number is None else number}"


def post_of(host: str, site: str, item: Any, numbers: Numbers, now: datetime) -> Post | None:
    """The post of an item; `None` for what is no post of a person. Raises `ValueError`."""
    fields = mapping(item)
    number, topic = count(fields.get("id")), count(fields.get("topic_id"))
    if number is None:
        raise ValueError(f"the post has no id but {fields.get('id')!r:.60}")
    if count(fields.get("post_type")) not in (None, *_REGULAR):
        return None
    numbers.learn(host, fields)
    created = times.parse(fields.get("created_at"), now=now)
    place = count(fields.get("post_number")) or 1
    thread = f"discourse:{host}/t/{topic}" if topic is not None else ""
    parent = ""
    if place > 1 and topic is not None:
        parent = numbers.name(host, topic, count(fields.get("reply_to_post_number")) or 1)
    slug = line(fields.get("topic_slug")) or "-"
    url = f"{site}/t/{slug}/{topic}/{place}" if topic is not None else f"{site}/p/{number}"
    if fields.get("deleted_at") or fields.get("user_deleted") or fields.get("hidden") is True:
        return Post(
            id=f"discourse:{host}/{number}",
            source="discourse",
            kind="comment" if place > 1 else "post",
            state="deleted",
            created_at=created,
            collected_at=now,
            updated_at=times.parse_or(fields.get("deleted_at"), now, now=now),
            url=url,
            parent_id=parent,
            thread_id=thread,
        )
    text, truncated = _text(fields)
    edited = (count(fields.get("version")) or 1) > 1
    return Post(
        id=f"discourse:{host}/{number}",
        source="discourse",
        kind="comment" if place > 1 else "post",
        state="edited" if edited else "live",
        created_at=created,
        collected_at=now,
        updated_at=times.parse_or(fields.get("updated_at"), now, now=now) if edited else None,
        url=url,
        title=_title(fields),
        text=text,
        truncated=truncated,
        author=_author(host, site, fields),
        engagement=Engagement(
            likes=_likes(fields),
            replies=count(fields.get("reply_count")),
            views=count(fields.get("reads")),
        ),
        parent_id=parent,
        thread_id=thread,
        hashtags=_tags(fields.get("tags") or fields.get("topic_tags")),
    )


def _text(fields: dict[str, Any]) -> tuple[str, bool]:
    """The words of the author: HTML without what is quoted, else Markdown, else the beginning that
    a search gives."""
    cooked = fields.get("cooked")
    if isinstance(cooked, str):
        own = cooked if len(cooked) > _LONGEST_WITH_QUOTES else _QUOTE.sub("", cooked)
        return plain(own, html=True)
    raw = fields.get("raw")
    if isinstance(raw, str):
        return plain(raw, html=False)
    blurb = fields.get("blurb")
    if isinstance(blurb, str):
        text, _ = plain(blurb, html=True)
        return text, True
    raise ValueError("the post has no text")


def _title(fields: dict[str, Any]) -> str:
    """A reply has its topic's title as well: it says what the reply is about."""
    title = line(fields.get("topic_title"))
    return title or line(fields.get("topic_html_title"), html=True)


def _author(host: str, site: str, fields: dict[str, Any]) -> Author:
    handle = line(fields.get("username"))
    number = count(fields.get("user_id"))
    return Author(
        id=f"{host}/{number if number is not None else handle}" if handle else "",
        handle=handle,
        name=line(fields.get("name")) or line(fields.get("display_username")) or handle,
        url=link(f"{site}/u/{handle}") if handle else "",
    )


def _likes(fields: dict[str, Any]) -> int | None:
    if (given := count(fields.get("like_count"))) is not None:
        return given
    actions = fields.get("actions_summary")
    if not isinstance(actions, list):
        return None
    found = (count(one.get("count")) for one in mappings(actions) if one.get("id") == _LIKE)
    return next((one for one in found if one is not None), 0)


def _tags(value: object) -> list[str]:
    """Tags are names, or objects with one."""
    names = value if isinstance(value, list) else []
    found = (tag(mapping(one).get("name")) or tag(one) for one in names[:30])
    return [name for name in dict.fromkeys(found) if name]
