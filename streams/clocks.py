"""Clocks that run ahead: no record is newer than the moment the broker took it.

A version is content time, and a later one wins: one from the future would freeze its document
until that future has come. The broker's time of a record is kept with it, so that reading the
same record again, for a replay or a rebuild, gives the same version.
"""

from datetime import UTC, datetime
from typing import Final

import msgspec

from connectors.post import Post
from streams.records import Label, Mention, Record

TOLERANCE_MS: Final = 60_000
"""Clocks of a well-kept cluster differ by less: within it records stay as they are."""


def held_post(post: Post, taken_ms: int) -> Post:
    """The post as collected no later than the broker took it (milliseconds since 1970; 0 where
    that is not known), and so with a `version` no later than that."""
    if taken_ms <= 0 or post.collected_at.timestamp() * 1000 <= taken_ms + TOLERANCE_MS:
        return post
    taken = datetime.fromtimestamp(taken_ms / 1000, UTC)
    return msgspec.structs.replace(post, collected_at=taken)


def held_record(record: Record, taken_ms: int) -> Record:
    """The mention or retraction with a version no later than the broker took it."""
    if taken_ms <= 0 or record.version <= _ceiling(record, taken_ms) + TOLERANCE_MS:
        return record
    return msgspec.structs.replace(record, version=_ceiling(record, taken_ms))


def _ceiling(record: Record, taken_ms: int) -> int:
    """A staff label adds its own time to the version of a mention."""
    if not isinstance(record, Mention) or record.label is None:
        return taken_ms
    return taken_ms + min(taken_ms, int(record.label.labeled_at.timestamp() * 1000))


def held_label(label: Label, written_ms: int) -> Label:
    """A label no later than its record was written by the broker's clock."""
    if written_ms <= 0:
        return label
    written = datetime.fromtimestamp(written_ms / 1000, UTC)
    if label.labeled_at <= written:
        return label
    return msgspec.structs.replace(label, labeled_at=written)
