"""Cursors that belong to one question, and the buckets of a time line."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import msgspec

from streams.errors import StoreError
from streams.records import Mention, SentimentLabel
from streams.store.port import Bucket, Filter
from streams.store.rules import millis

MAX_BUCKETS: Final = 10_000
MAX_PAGE: Final = 1_000

Split = dict[SentimentLabel, int]


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended: `time` is milliseconds or a sequence number; `question` its owner."""

    question: str
    time: int
    id: str = ""


ARRIVALS: Final = ("arrivals", "arrivals and deletions")
"""The questions of arrivals: without and with what was deleted."""


def question(where: msgspec.Struct, kind: str) -> str:
    """A short name of the question, so that another's cursor is refused."""
    raw = repr((kind, where)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(raw, digest_size=9).hexdigest()


def encode_cursor(place: Place) -> str:
    """URL-safe text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def after(mention: Mention, where: Filter, order: Literal["newest", "oldest"]) -> str:
    """The cursor that a page ending with this mention has."""
    owner = question(where, f"search {order}")
    return encode_cursor(Place(owner, millis(mention.post.created_at), mention.id))


def decode_cursor(cursor: str, owner: str) -> Place:
    """Raises `StoreError` for a broken cursor or one of another question."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        place = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=Place)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise StoreError(f"cursor {cursor[:80]!r} is broken. Remedy: start without one") from None
    if place.question != owner or abs(place.time) > 2**62:
        raise StoreError("the cursor belongs to another search. Remedy: start without one")
    return place


def page_size(limit: int) -> int:
    """Between 1 and 1,000."""
    return max(1, min(limit, MAX_PAGE))


def step_millis(step: timedelta) -> int:
    """The step in whole milliseconds. Raises `StoreError` under one millisecond."""
    found = step // timedelta(milliseconds=1)
    if found < 1:
        raise StoreError(f"step {step}: below a millisecond. Remedy: a longer step")
    return found


def bounds(where: Filter, step: int, first: int, last: int) -> range:
    """Starts of all buckets in milliseconds, from `since` or the first mention to `until` or the
    last. Raises `StoreError` when there are more than 10,000."""
    low = millis(where.since) if where.since else first
    high = millis(where.until) - 1 if where.until else last
    starts = range(low // step * step, high // step * step + 1, step)
    if len(starts) > MAX_BUCKETS:
        raise StoreError(
            f"{len(starts):,} buckets of {step / 1000:g} s are too many (at most {MAX_BUCKETS:,}). "
            "Remedy: a longer step or a shorter time"
        )
    return starts


def timeline(
    where: Filter, step: int, counted: Mapping[tuple[int, SentimentLabel], int]
) -> list[Bucket]:
    """Buckets from counts by start and sentiment. Raises `StoreError` as `bounds` does."""
    found: dict[int, Split] = {}
    for (start, label), number in counted.items():
        found.setdefault(start, {})[label] = number
    if not found and not (where.since and where.until):
        return []
    first, last = min(found, default=0), max(found, default=0)
    return fill(bounds(where, step, first, last), found)


def fill(starts: range, found: Mapping[int, Split]) -> list[Bucket]:
    """One bucket for each start, empty ones included."""
    return [_bucket(start, found.get(start, {})) for start in starts]


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _bucket(start: int, split: Split) -> Bucket:
    try:
        moment = _EPOCH + timedelta(milliseconds=start)
    except OverflowError:  # the bucket of year 1 may begin before it
        moment = datetime.min.replace(tzinfo=UTC)
    return Bucket(start=moment, total=sum(split.values()), **split)
