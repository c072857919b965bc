"""What both stores must agree on: which write wins, what a retraction kills, what is counted.

Pure functions over records; the order in which records arrive never matters.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from connectors.post import Author, Engagement, Post
from streams.records import Label, Mention, Record, Retraction, SentimentLabel

MAX_ID_BYTES: Final = 512
MAX_VERSION: Final = 2**63 - 1
WATERMARK_DAYS: Final = 60
"""How long a retraction is remembered against late older versions of its post."""

_MAX_TAGS: Final = 100
_MAX_TAG_CHARS: Final = 200
_encoder = msgspec.json.Encoder()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Watermark(msgspec.Struct, frozen=True, array_like=True):
    """One retraction of a post as remembered: older content, outside of `topics`, is gone."""

    version: int
    topics: tuple[str, ...] = ()

    def kills(self, topic: str, content: int) -> bool:
        """Whether a mention of this topic and content version is taken back."""
        return content < self.version and topic not in self.topics


class Facts(msgspec.Struct, frozen=True):
    """What is filtered and counted by, worked out once when a mention is written."""

    created: int
    """Milliseconds since 1970."""
    tone: SentimentLabel
    """The sentiment that counts: the staff's where there is one."""
    author: str
    handle: str
    """Lower-case, without `@`."""
    author_id: str
    hashtags: tuple[str, ...]
    content: int
    tags: tuple[str, ...]
    """Of staff, as they are compared."""
    judged: bool
    """Whether staff said that it is relevant or not, or what its sentiment is."""
    url: str
    """A short hash of the URL as it is compared; empty without one."""


def facts(mention: Mention) -> Facts:
    """The facts of a mention."""
    post, label = mention.post, mention.label
    return Facts(
        created=millis(post.created_at),
        tone=tone(mention),
        author=author_key(post),
        handle=handle_key(post.author.handle),
        author_id=post.author.id,
        hashtags=tag_keys(post.hashtags) if post.hashtags else (),
        content=content_version(mention),
        tags=tag_keys(label.tags) if label and label.tags else (),
        judged=_judged(label),
        url=url_hash(post.url) if post.url else "",
    )


def _judged(label: Label | None) -> bool:
    return label is not None and (label.relevant is not None or label.sentiment is not None)


def tag_keys(hashtags: Sequence[str]) -> tuple[str, ...]:
    """The first 100 hashtags as they are compared, each once."""
    return tuple(dict.fromkeys(filter(None, map(tag_key, hashtags[:_MAX_TAGS]))))


def tone(mention: Mention) -> SentimentLabel:
    """The sentiment that counts: a staff label wins over what was computed."""
    label = mention.label
    return label.sentiment if label and label.sentiment else mention.sentiment.label


def author_key(post: Post) -> str:
    """`source:handle`, `source:id` without a handle, empty for nobody."""
    name = post.author.handle.removeprefix("@") or post.author.id
    return f"{post.source}:{name}" if name else ""


def handle_key(handle: str) -> str:
    """A handle as it is compared."""
    return handle.removeprefix("@").lower()


def tag_key(tag: str) -> str:
    """A hashtag as it is compared and counted."""
    return tag.strip().removeprefix("#").casefold()


def url_key(url: str) -> str:
    """A URL as it is compared: without scheme, `www.`, trailing slash and fragment, its host in
    lower case."""
    scheme, colon, rest = url.strip().partition("://")
    bare = rest if colon and "/" not in scheme else url.strip()
    host, slash, path = bare.partition("#")[0].partition("/")
    return f"{host.lower().removeprefix('www.')}{slash}{path}".rstrip("/")


def url_hash(url: str) -> str:
    """12 hexadecimal characters of BLAKE2b: URLs may be longer than any index takes."""
    return address_hash(url_key(url))


def address_hash(address: str) -> str:
    """`url_hash` of a URL as it is compared."""
    return hashlib.blake2b(address.encode("utf-8", "replace"), digest_size=6).hexdigest()


def millis(moment: datetime) -> int:
    """Whole milliseconds since 1970, rounded down; a naive time is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    delta = aware - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def content_version(mention: Mention) -> int:
    """The version of the content alone, to compare with a retraction's.

    A staff label raises the version of a mention by its own time, not that of the content.
    """
    stamp = label_time(mention.label)
    if mention.version >= stamp:
        return mention.version - stamp
    return min(mention.version, mention.post.version)  # composed elsewhere, by another rule


def label_time(label: Label | None) -> int:
    """What a label adds to a mention's version: milliseconds since 1970, 0 without one."""
    return max(0, millis(label.labeled_at)) if label else 0


def outranks(new: Label, old: Label | None) -> bool:
    """Whether a label takes the place of another: the later one; a tie always ends the same."""
    return old is None or _rank(new) > _rank(old)


def _rank(label: Label) -> tuple[int, datetime, bytes]:
    return label_time(label), label.labeled_at, _encoder.encode(label)


def labelled(mention: Mention, label: Label | None) -> Mention:
    """The mention with the ledger's label and the version of both, unless its own is newer.

    Content time and label time are added up, and both only ever grow under one writer: whatever
    was written with less of either loses.
    """
    if label is None or not outranks(label, mention.label):
        return mention
    version = min(MAX_VERSION, content_version(mention) + label_time(label))
    return msgspec.structs.replace(mention, label=label, version=version)


def label_objection(label: Label) -> str:
    """Why no store will ever accept this label; empty when it will."""
    if not label.mention_id:
        return "mention_id: empty"
    if len(label.mention_id.encode("utf-8", "surrogatepass")) > MAX_ID_BYTES:
        return f"mention_id: over {MAX_ID_BYTES} bytes"
    if millis(label.labeled_at) < 0:
        return f"labeled_at: {label.labeled_at.isoformat()} is before 1970"
    if len(label.tags) > _MAX_TAGS or any(len(tag) > _MAX_TAG_CHARS for tag in label.tags):
        return f"tags: over {_MAX_TAGS}, or one of over {_MAX_TAG_CHARS} characters"
    texts = (label.mention_id, label.by, label.note, label.assigned, *label.tags)
    return _odd_text("the label", "\0".join(texts))


def remember(known: Sequence[Watermark], retraction: Retraction) -> list[Watermark]:
    """The watermarks of a post with one more retraction, newest first, without what is implied."""
    new = Watermark(retraction.version, tuple(sorted(set(retraction.topics))))
    if any(_implies(old, new) for old in known):
        return list(known)
    kept = [old for old in known if not _implies(new, old)]
    return sorted([*kept, new], key=lambda mark: (-mark.version, mark.topics))


def _implies(strong: Watermark, weak: Watermark) -> bool:
    return strong.version >= weak.version and set(strong.topics) <= set(weak.topics)


def killed(marks: Iterable[Watermark], topic: str, content: int) -> bool:
    """Whether any retraction of the post takes this mention back."""
    return any(mark.kills(topic, content) for mark in marks)


def killing_version(marks: Iterable[Watermark], topic: str, content: int, version: int) -> int:
    """The version of the tombstone of a killed mention: none older comes back, equal may.

    What a label added to `version` stays added.
    """
    newest = max([content, *(m.version for m in marks if m.kills(topic, content))])
    return min(MAX_VERSION, newest + version - content)


def tombstone(mention: Mention, version: int) -> Mention:
    """What stays of a deleted mention: ids and times; who wrote what is gone."""
    post, label = mention.post, mention.label
    blank = Post(
        id=post.id,
        source=post.source,
        created_at=post.created_at,
        collected_at=post.collected_at,
        updated_at=post.updated_at,
        kind=post.kind,
        state="deleted",
        author=Author(),
        engagement=Engagement(),
    )
    return Mention(
        id=mention.id,
        topic=mention.topic,
        post=blank,
        lang=mention.lang,
        sentiment=mention.sentiment,
        processed_at=mention.processed_at,
        version=version,
        label=Label(mention_id=mention.id, labeled_at=label.labeled_at) if label else None,
        deleted=True,
    )


def objection(record: Record) -> str:
    """Why no store will ever accept this record; empty when it will."""
    if isinstance(record, Retraction):
        texts = "\0".join((record.post_id, *record.topics))
        return _odd_version(record.version) or _odd_text("post_id or topics", texts)
    if len(record.id.encode("utf-8", "surrogatepass")) > MAX_ID_BYTES:
        return f"id: over {MAX_ID_BYTES} bytes"
    if not record.id:
        return "id: empty"
    return _odd_version(record.version)


def _odd_version(version: int) -> str:
    if 0 <= version <= MAX_VERSION:
        return ""
    return f"version: {version} is not between 0 and 2^63-1"


def _odd_text(field: str, value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        return f"{field}: not Unicode text: {error}"
    return ""


def body(mention: Mention) -> tuple[bytes, str]:
    """The mention as JSON and, where it can't be, why."""
    try:
        return _encoder.encode(mention), ""
    except (UnicodeEncodeError, msgspec.MsgspecError, ValueError, OverflowError) as error:
        return b"", f"it can't be written as JSON: {error}"
