"""What the Stack Exchange API calls question, answer and comment, as posts.

Questions and answers of a site share one space of numbers, comments have their own.
"""

from datetime import UTC, datetime
from typing import Any, Final

from connectors import times
from connectors.fields import count, mapping
from connectors.post import Author, Engagement, Post
from connectors.text import line, link, plain, tag

_TEXTS: Final = ("body", "body_markdown", "excerpt")
_HOSTS: Final = {
    "askubuntu": "askubuntu.com",
    "mathoverflow": "mathoverflow.net",
    "mathoverflow.net": "mathoverflow.net",
    "serverfault": "serverfault.com",
    "stackapps": "stackapps.com",
    "stackoverflow": "stackoverflow.com",
    "superuser": "superuser.com",
}


def native(site: str, number: object, *, comment: bool = False) -> str:
    """The id of a post: `stackexchange:site/12`, of a comment `stackexchange:site/comments/12`."""
    return f"stackexchange:{site}/{'comments/' if comment else ''}{number}"


def post_of(site: str, item: Any, now: datetime) -> Post:
    """The post of a question, an answer or a comment. Raises `ValueError`."""
    fields = mapping(item)
    body = next((one for one in map(fields.get, _TEXTS) if isinstance(one, str)), None)
    if body is None and not line(fields.get("title")):
        raise ValueError("the item has neither body nor title")
    text, truncated = plain(body or "", html=True)
    if (number := count(fields.get("comment_id"))) is not None:
        return _comment(site, fields, text, now)
    question = count(fields.get("question_id"))
    answer = count(fields.get("answer_id"))
    number = question if answer is None else answer
    if number is None:
        raise ValueError("the item has the id of no question, answer or comment")
    edited = fields.get("last_edit_date")
    root = native(site, question) if answer is not None and question is not None else ""
    kind = "questions" if answer is None else "a"
    return Post(
        id=native(site, number),
        source="stackexchange",
        kind="post" if answer is None else "comment",
        state="edited" if edited else "live",
        created_at=times.parse(fields.get("creation_date"), now=now),
        collected_at=now,
        updated_at=times.parse_or(edited, now, now=now) if edited else None,
        url=link(fields.get("link")) or f"https://{host(site)}/{kind}/{number}",
        title=line(fields.get("title"), html=True),
        text=text,
        truncated=truncated,
        author=_author(site, fields.get("owner")),
        engagement=Engagement(
            likes=count(fields.get("score")),
            replies=_replies(fields),
            views=count(fields.get("view_count")),
        ),
        parent_id=root,
        thread_id=root,
        hashtags=_tags(fields.get("tags")),
    )


def _comment(site: str, fields: dict[str, Any], text: str, now: datetime) -> Post:
    number = fields["comment_id"]
    parent = count(fields.get("post_id"))
    return Post(
        id=native(site, number, comment=True),
        source="stackexchange",
        kind="comment",
        created_at=times.parse(fields.get("creation_date"), now=now),
        collected_at=now,
        url=link(fields.get("link")) or f"https://{host(site)}/posts/comments/{number}",
        text=text,
        author=_author(site, fields.get("owner")),
        engagement=Engagement(likes=count(fields.get("score"))),
        parent_id=native(site, parent) if parent is not None else "",
    )


def removed(site: str, number: int, published: float, now: datetime, *, answer: bool) -> Post:
    """A question or an answer that is there no more."""
    return Post(
        id=native(site, number),
        source="stackexchange",
        kind="comment" if answer else "post",
        state="deleted",
        created_at=datetime.fromtimestamp(published, UTC),
        collected_at=now,
        updated_at=now,
    )


def host(site: str) -> str:
    """Where a site is read: `stackoverflow` is stackoverflow.com, `cooking` is
    cooking.stackexchange.com."""
    known = _HOSTS.get(site)
    if known:
        return known
    if site.endswith(".stackoverflow"):
        return f"{site}.com"
    return f"{site}.stackexchange.com"


def _author(site: str, value: object) -> Author:
    """Deleted accounts have a name and no number."""
    owner = mapping(value)
    number = count(owner.get("user_id"))
    return Author(
        id="" if number is None else f"{site}/{number}",
        name=line(owner.get("display_name"), html=True),
        url=link(owner.get("link")),
    )


def _replies(fields: dict[str, Any]) -> int | None:
    answers = count(fields.get("answer_count"))
    return count(fields.get("comment_count")) if answers is None else answers


def _tags(value: object) -> list[str]:
    names = value if isinstance(value, list) else []
    return [name for name in dict.fromkeys(tag(one) for one in names[:20]) if name]
