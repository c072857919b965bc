"""Mentions that are in a topic because people put them there, whatever its query finds: pure.

A person who adds a post or judges a mention says that it is relevant. What a whole file is said to
be of is marked instead of judged, so that no figure takes it for somebody's judgement.
"""

from datetime import UTC, datetime
from typing import Final

from streams.records import Label, Mention

BY_HAND: Final = "by hand"
"""The tag of mentions that were put into a topic without having been looked at one by one."""
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)


def put_by_hand(mention: Mention, by: str) -> Label:
    """The mark. The same each time, and older than whatever a person says of the mention."""
    post = mention.post
    at = max(_FIRST, min(post.created_at, post.collected_at))
    return Label(mention_id=mention.id, labeled_at=at, by=by, tags=[BY_HAND])


def is_by_hand(label: Label | None) -> bool:
    """Whether a mention stays in its topic though the query does not find it."""
    if label is None or label.relevant is False:
        return False
    return bool(label.relevant) or BY_HAND in label.tags
