"""The one schema for everything people publish: `Post` and its parts.

Every connector emits `Post` records; every later stage reads them. Times are timezone-aware UTC
and travel as RFC 3339 text. What a source does not tell is missing (`None`, empty), never zero.
Fields are only ever added.
"""

import contextlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, TypeVar

import msgspec

Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""A whole number that every store can keep."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A point in time; one without a time zone is refused when it is read."""

Kind = Literal["post", "comment", "review", "article", "message", "video", "edit"]
State = Literal["live", "edited", "deleted"]

SCHEMA: Final = 1
"""The version of records that this code reads. Added fields leave it as it is; a producer that
breaks with it says `"schema": 2` in each record, or `post/2` in the header `SCHEMA_HEADER`."""
SCHEMA_HEADER: Final = "schema-version"

MAX_TEXT_BYTES: Final = 64 * 1024
"""Longest text a post carries, in UTF-8 bytes; what is longer is cut and marked `truncated`."""

MAX_EXTRAS: Final = 50
MAX_EXTRA_NAME: Final = 64
MAX_EXTRA_CHARS: Final = 1_000

ExtraName = Annotated[str, msgspec.Meta(max_length=MAX_EXTRA_NAME, pattern=r"^[^\x00-\x1f]+$")]
ExtraValue = Annotated[str, msgspec.Meta(max_length=MAX_EXTRA_CHARS)]
Extra = Annotated[dict[ExtraName, ExtraValue], msgspec.Meta(max_length=MAX_EXTRAS)]
"""What a platform or another tool tells beside our fields, by its own names. More than this is cut
by `connectors.text.extra` and refused in reading."""


class Author(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Who wrote a post. `id` is the source's own stable identifier; `followers` is a count."""

    id: str = ""
    handle: str = ""
    name: str = ""
    bio: str = ""
    followers: Whole | None = None
    location: str = ""
    url: str = ""
    verified: bool | None = None


class Engagement(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Counts as last seen at the source; `None` where the source does not tell."""

    likes: Whole | None = None
    reposts: Whole | None = None
    replies: Whole | None = None
    views: Whole | None = None


class Rating(msgspec.Struct, frozen=True, gc=False):
    """A review's grade: `value` out of `best` (4 of 5 stars is `Rating(4, 5)`)."""

    value: float
    best: float = 5.0


class Place(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Where a post was written: `country` is ISO 3166-1 alpha-2, `lat`/`lon` are WGS 84 degrees."""

    name: str = ""
    country: str = ""
    lat: float | None = None
    lon: float | None = None


class Post(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One version of something published.

    `id` is `source:native-id`, stable for the life of the post. `text` and `title` are plain text
    (see `connectors.text.plain`). `created_at` never changes between versions; `updated_at` is
    when this version came to be (an edit or a deletion) and is `None` for the first one.
    A deleted post keeps its `id` and loses its text and author.

    Times given in another zone are turned into UTC. Raises `ValueError` for a time without a zone.
    """

    id: str
    source: str
    created_at: Moment
    collected_at: Moment
    updated_at: Moment | None = None
    kind: Kind = "post"
    state: State = "live"
    url: str = ""
    title: str = ""
    text: str = ""
    truncated: bool = False
    lang: str = ""
    author: Author = Author()
    engagement: Engagement = Engagement()
    rating: Rating | None = None
    parent_id: str = ""
    thread_id: str = ""
    repost_of: str = ""
    hashtags: list[str] = []
    media: list[str] = []
    place: Place | None = None
    extra: Extra = {}

    def __post_init__(self) -> None:
        if self.created_at.tzinfo is not UTC:
            self._set_utc("created_at", self.created_at)
        if self.collected_at.tzinfo is not UTC:
            self._set_utc("collected_at", self.collected_at)
        if self.updated_at is not None and self.updated_at.tzinfo is not UTC:
            self._set_utc("updated_at", self.updated_at)

    def _set_utc(self, name: str, moment: datetime) -> None:
        if moment.tzinfo is None:
            raise ValueError(f"{name} {moment.isoformat()} has no time zone")
        try:
            msgspec.structs.force_setattr(self, name, moment.astimezone(UTC))
        except OverflowError:
            raise ValueError(f"{name} {moment.isoformat()} is outside the years 1-9999") from None

    @property
    def version(self) -> int:
        """Content time in milliseconds since 1970: the newer version of a post has the larger one.

        Never later than the moment of collection, so that an edit dated 2099 freezes nothing.
        """
        content = self.updated_at or self.created_at
        return max(0, int(min(content, self.collected_at).timestamp() * 1000))


def tombstone(
    source: str,
    native: str,
    created: datetime,
    now: datetime,
    *,
    kind: Kind = "post",
    url: str = "",
) -> Post:
    """The post `source:native` as it is once it is gone."""
    return Post(
        id=f"{source}:{native}",
        source=source,
        kind=kind,
        state="deleted",
        created_at=min(created, now),
        collected_at=now,
        updated_at=now,
        url=url,
    )


def utc_now() -> datetime:
    """The present moment, timezone-aware, in UTC."""
    return datetime.now(UTC)


T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Post)


def read(decoder: msgspec.json.Decoder[T], raw: bytes) -> T:
    """Decode what someone else may have written, with one kind of error for all that is wrong.

    Raises `msgspec.DecodeError` or its child `ValidationError`, where msgspec alone would also
    raise `UnicodeDecodeError` and, for JSON nested without measure, `RecursionError`.
    """
    try:
        return decoder.decode(raw)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"not UTF-8: {error}") from None
    except RecursionError:
        raise msgspec.DecodeError("nested too deeply") from None


class _Versioned(msgspec.Struct):
    schema: int = SCHEMA


_versioned_decoder = msgspec.json.Decoder(_Versioned)


def newer(raw: bytes, headers: Iterable[tuple[str, bytes | None]] = ()) -> str:
    """What to add to the reason where a record that can't be read says it is of a newer schema,
    by itself or in its headers."""
    told = _told(headers)
    with contextlib.suppress(msgspec.DecodeError):
        told = max(told, read(_versioned_decoder, raw).schema)
    if told <= SCHEMA:
        return ""
    return f"; it is of schema {told} and this Veille reads {SCHEMA}: update it, then replay"


def _told(headers: Iterable[tuple[str, bytes | None]]) -> int:
    """The number in `SCHEMA_HEADER`; 0 without one."""
    for name, value in headers:
        if name == SCHEMA_HEADER:
            number = (value or b"").rpartition(b"/")[2]
            return int(number) if number.isdigit() and len(number) < 10 else 0
    return 0


def encode(post: Post) -> bytes:
    """The post as one line of JSON, without the line's end.

    Raises `UnicodeEncodeError` for a lone surrogate, which `connectors.text.plain` removes.
    """
    return _encoder.encode(post)


def decode(raw: bytes) -> Post:
    """Read what `encode` wrote. Raises `msgspec.DecodeError` or its child `ValidationError`."""
    return read(_decoder, raw)
