"""A mention as a row of the SQLite store: what it is found, counted and put in order by."""

import hashlib
from typing import Any, Final

import msgspec

from streams.records import Mention
from streams.store import rules
from streams.store.hiding import disowned
from streams.store.text import fold
from streams.store.worth import worth

_FIRST: Final = (
    "key", "post_key", "id", "version", "content", "created", "topic", "tone", "source", "lang",
    "country", "kind", "author", "handle", "author_id", "post_id", "hashtags", "body",
)  # fmt: skip
NEW_COLUMNS: Final = (
    "hidden", "done", "judged", "worth", "story", "thread_key", "parent_key", "repost_key",
    "url_key", "followers", "rating", "best", "tags", "assigned",
)  # fmt: skip
"""Those that the third version of the schema added."""
COLUMNS: Final = (*_FIRST, *NEW_COLUMNS)
_MAX_FOLLOWERS: Final = 2**53


class Ready(msgspec.Struct, frozen=True):
    """A mention with all that its rows hold."""

    mention: Mention
    content: int
    row: tuple[Any, ...]
    words: tuple[str, str]
    body: bytes
    hidden: bool


def ready(mention: Mention, body: bytes, *, hidden: bool = False) -> Ready:
    """`hidden` says that its author or source is; a label may hide it as well."""
    post, facts, label = mention.post, rules.facts(mention), mention.label
    thread, parent = post.thread_id, post.parent_id
    row = (
        short_hash(mention.id),
        short_hash(post.id),
        mention.id,
        mention.version,
        facts.content,
        facts.created,
        mention.topic,
        facts.tone,
        post.source,
        mention.lang,
        mention.country,
        post.kind,
        facts.author,
        facts.handle,
        facts.author_id,
        post.id,
        _listed(facts.hashtags),
        body,
        hidden or disowned(label),
        label is not None and label.done,
        facts.judged,
        worth(mention),
        mention.story,
        short_hash(thread) if thread else None,
        short_hash(parent) if parent and parent != thread else None,
        short_hash(post.repost_of) if post.repost_of else None,
        int(facts.url, 16) if facts.url else None,
        max(0, min(post.author.followers or 0, _MAX_FOLLOWERS)),
        post.rating.value if post.rating else None,
        post.rating.best if post.rating else None,
        _listed(facts.tags),
        label.assigned if label else "",
    )
    return Ready(mention, facts.content, row, words(mention), body, hidden)


def _listed(values: tuple[str, ...]) -> str:
    return msgspec.json.encode(values).decode() if values else "[]"


def columns(mention: Mention) -> dict[str, Any]:
    """What the row of a mention holds, by column. Raises `ValueError` where it can't be JSON."""
    body, reason = rules.body(mention)
    if reason:
        raise ValueError(reason)
    return dict(zip(COLUMNS, ready(mention, body).row, strict=True))


def words(mention: Mention) -> tuple[str, str]:
    """Title and text as they are searched."""
    return fold(mention.post.title), fold(mention.post.text)


def short_hash(text: str) -> int:
    """56 bits of BLAKE2b: an index of these is small; equal ones are told apart by the text."""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=7).digest()
    return int.from_bytes(digest, "big")
