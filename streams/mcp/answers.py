"""What the tools answer."""

from datetime import datetime

import msgspec

from streams.mcp.telling import Happened, Told, Value
from streams.records import SentimentLabel
from streams.store.port import Bucket, Dimension


class Found(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of mentions. `cursor` asks for the next one; there is none at the end."""

    mentions: list[Told]
    cursor: str = ""


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """How many mentions fit, split by sentiment."""

    total: int
    pos: int
    neg: int
    neu: int
    unscored: int


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """Mentions per step of time, split by sentiment; steps without any are left out."""

    since: datetime
    until: datetime
    step_seconds: int
    buckets: list[Bucket]


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """The most frequent values of a dimension."""

    by: Dimension
    values: list[Value]


class Incidents(msgspec.Struct, frozen=True, kw_only=True):
    """Incidents that fit, those not over first, and how many there are in all."""

    total: int
    incidents: list[Happened]


class Watched(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A topic and its last seven days; without a query where it is watched no more."""

    id: str
    name: str = ""
    query: str = ""
    languages: list[str] = []
    total: int = 0
    pos: int = 0
    neg: int = 0


class Topics(msgspec.Struct, frozen=True, kw_only=True):
    """Topics, the busiest first, and how many there are in all."""

    total: int
    topics: list[Watched]


class Spoke(msgspec.Struct, frozen=True, kw_only=True):
    """A word of the post that made its score."""

    untrusted: str
    weight: float


class Matched(msgspec.Struct, frozen=True, kw_only=True):
    """A word of the post that met its topic."""

    untrusted: str


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """A clause of the topic's query that the post does not meet now; the reason may quote it."""

    query: str
    untrusted: str


class Explained(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A mention whole; why it meets its topic, and what made its sentiment, by today's topic and
    engine. `objection` stands for what could not be tried."""

    mention: Told
    met: bool = False
    words: list[Matched] = []
    missing: list[Missing] = []
    objection: str = ""
    engine: str = ""
    engine_sentiment: SentimentLabel = "unscored"
    engine_score: float = 0.0
    spoke: list[Spoke] = []


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """A label that was kept, as the mention has it now."""

    mention: Told
