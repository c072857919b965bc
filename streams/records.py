"""The records that travel between Veille's parts: mentions, retractions, dead letters, labels.

All are `msgspec` structs, encoded as JSON. `docs/contracts/` holds their JSON Schemas, generated
by `python -m streams.contracts` and tested to be current. Fields are only ever added.
"""

import hashlib
from typing import Annotated, Final, Literal

import msgspec

from connectors.letters import DeadLetter
from connectors.post import Moment, Post, Whole, read

Version = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""Milliseconds since 1970, as the external version of a stored document."""

SentimentLabel = Literal["pos", "neg", "neu", "unscored"]
LABELS: Final[tuple[SentimentLabel, ...]] = ("pos", "neg", "neu", "unscored")


class Sentiment(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """How a text feels: `score` in [-1, 1], `confidence` in [0, 1].

    `unscored` comes with a `reason` and is never a false neutral. `scope` tells whether the
    score is towards the topic's target or of the whole post.
    """

    label: SentimentLabel
    score: float = 0.0
    confidence: float = 0.0
    engine: str = ""
    scope: Literal["post", "target"] = "post"
    reason: str = ""


class Span(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A stretch of a post that met the criteria: `text[start:end]` of the named field."""

    field: Literal["title", "text", "hashtags", "author", "url"]
    start: Whole
    end: Whole


class Label(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A correction by staff; it wins over what was computed, also after a replay.

    The latest by `labeled_at` counts, as a whole; one with nothing in it takes back what was said.
    What is not `relevant` or is `spam` is hidden: stored, but no question finds it unless it asks.
    `assigned` names who is to look at it; `done` says that someone decided, and nobody need look.
    """

    mention_id: str
    labeled_at: Moment
    by: str = ""
    sentiment: SentimentLabel | None = None
    relevant: bool | None = None
    note: str = ""
    tags: list[str] = []
    assigned: str = ""
    done: bool = False
    spam: bool = False


class Mention(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="mention"
):
    """A post that met a topic's criteria. One for each pair of topic and post.

    `version` orders writes of the same id: content time plus label time, in milliseconds.
    """

    id: str
    topic: str
    post: Post
    lang: str
    sentiment: Sentiment
    processed_at: Moment
    version: Version
    matched: list[Span] = []
    story: str = ""
    country: str = ""
    timezone: str = ""
    label: Label | None = None
    deleted: bool = False


class Retraction(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="retraction"
):
    """What an edit or a deletion takes back.

    Mentions of `post_id` with a version below `version`, in any topic but `topics`, are gone;
    a delayed older version of the post must not bring them back.
    """

    post_id: str
    version: Version
    topics: list[str] = []


Record = Mention | Retraction


def mention_id(topic: str, post_id: str) -> str:
    """The deterministic id of the pair: 32 hexadecimal characters (BLAKE2b-128)."""
    raw = f"{topic}\0{post_id}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(raw, digest_size=16).hexdigest()


_encoder = msgspec.json.Encoder()
_record_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def encode(record: Mention | Retraction | DeadLetter | Label) -> bytes:
    """The record as one line of JSON, without the line's end."""
    return _encoder.encode(record)


_label_decoder = msgspec.json.Decoder(Label)


def decode_label(raw: bytes) -> Label:
    """Read a message of `veille.labels`. Raises `msgspec.DecodeError` or its child."""
    return read(_label_decoder, raw)


def decode_record(raw: bytes) -> Mention | Retraction:
    """Read a message of `veille.mentions`. Raises `msgspec.DecodeError` or its child."""
    return read(_record_decoder, raw)
