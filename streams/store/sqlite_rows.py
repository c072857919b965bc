"""A mention as a row of the SQLite store: what it is found, counted and put in order by."""

import hashlib
from typing import Any, Final
from zlib import crc32

import msgspec

from connectors.post import Post
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
    names: str
    body: bytes
    hidden: bool


def ready(mention: Mention, body: bytes, *, hidden: bool = False) -> Ready:
    """`hidden` says that its author or source is; a label may hide it as well."""
    post, facts, label = mention.post, rules.facts(mention), mention.label
    links = _links(post)
    post_key = short_hash(post.id)
    row = (
        short_hash(mention.id),
        post_key,
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
        1 if hidden or disowned(label) else 0,  # SQLite takes bools five times as long
        1 if label and label.done else 0,
        1 if facts.judged else 0,
        worth(mention),
        mention.story,
        *links,
        int(facts.url, 16) if facts.url else None,
        max(0, min(post.author.followers or 0, _MAX_FOLLOWERS)),
        post.rating.value if post.rating else None,
        post.rating.best if post.rating else None,
        _listed(facts.tags),
        label.assigned if label else "",
    )
    found = _names(post_key, facts, mention.story, links)
    return Ready(mention, facts.content, row, words(mention), found, body, hidden)


def names(mention: Mention) -> str:
    """The words by which a mention is found by post, author, story, thread or URL."""
    post = mention.post
    return _names(short_hash(post.id), rules.facts(mention), mention.story, _links(post))


def _names(post: int, facts: rules.Facts, story: str, links: tuple[int | None, ...]) -> str:
    found = [f"p{post:x}"]
    if facts.handle:
        found.append(name_of("a", facts.handle))
    if facts.author_id and facts.author_id != facts.handle:
        found.append(name_of("a", facts.author_id))
    if story:
        found.append(name_of("s", story))
    found += [f"t{key:x}" for key in links if key]
    if facts.url:
        found.append(f"u{facts.url}")
    return " ".join(found)


def name_of(kind: str, value: str) -> str:
    """One such word: short, and so shared by others now and then. Columns tell them apart."""
    return f"{kind}{crc32(value.encode('utf-8', 'replace')):x}"


def _links(post: Post) -> tuple[int | None, int | None, int | None]:
    thread, parent = post.thread_id, post.parent_id
    return (
        short_hash(thread) if thread else None,
        short_hash(parent) if parent and parent != thread else None,
        short_hash(post.repost_of) if post.repost_of else None,
    )


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
