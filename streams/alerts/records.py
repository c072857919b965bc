"""What alerts are made of: counts, verdicts, incidents and the evidence for them.

Times are UTC and by the posts' own clock, except where "wall" is said.
"""

from typing import Final, Literal

import msgspec

from connectors.post import Moment
from streams.alert_settings import Sensitivity, Severity
from streams.store.port import Counts

__all__ = [
    "BUCKET_SECONDS", "SEVERITIES", "SOURCE", "Counts", "Evidence", "Incident", "KeyPost", "Kind",
    "Sensitivity", "Severity", "Status", "Term", "Verdict",
]  # fmt: skip

BUCKET_SECONDS: Final = 300
"""Detection works in buckets of five minutes, aligned to the epoch; the last one is looked at
while it fills."""

SOURCE: Final = "source:"
"""Before the name of a source, where a subject is a topic or a source."""

SEVERITIES: Final[tuple[Severity, ...]] = ("low", "medium", "high", "critical")
Kind = Literal[
    "negative-spike",
    "volume-spike",
    "positive-spike",
    "volume-drop",
    "silence",
    "new-author",
    "rating-drop",
    "story",
    "rule",
    "urgent",
]
Status = Literal["open", "acknowledged", "snoozed", "resolved", "withdrawn"]


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What a detector says of a bucket. `score` is the surprise in powers of ten: how rarely, in
    so many buckets, a topic like this one comes to as much by chance (0: nothing to see). `low` and
    `high` bound what is usual; `severity` is `None` where nothing rings."""

    expected: float
    low: float
    high: float
    score: float = 0.0
    severity: Severity | None = None
    buckets: int = 1
    """How many buckets, up to this one, make the sum that is most surprising."""


class KeyPost(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A post that explains an incident, as it is stored: nothing is invented."""

    mention_id: str
    url: str = ""
    source: str = ""
    author: str = ""
    followers: int = 0
    text: str = ""
    created_at: Moment
    copies: int = 1
    """How many posts tell the same story."""
    tone: str = ""


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """A word that is new in the window: `score` is its log-odds against the topic's past, in
    standard deviations."""

    text: str
    count: int
    before: float
    """As many were expected from the topic's past."""
    score: float


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why, computed from stored posts."""

    posts: list[KeyPost] = []
    terms: list[Term] = []
    stories: int = 0
    authors: int = 0
    new_authors: int = 0
    first: KeyPost | None = None
    """Who started it: the earliest post of the largest story."""
    sources: list[tuple[str, int]] = []
    countries: list[tuple[str, int]] = []
    reach: int = 0


class Incident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that staff should know, from its opening to its end.

    `id` is made of topic, kind and the first bucket that rang, so that a replay opens none twice.
    `began_at` is where what is unusual starts, `opened_at` the bucket's end (or, within a bucket,
    the post) by which it was known, `until` the latest look: all by the posts' own clock.
    `observed`, `expected` and `high` are mentions of the window that told most, not of the whole
    incident.
    """

    id: str
    topic: str
    kind: Kind
    severity: Severity
    status: Status = "open"
    opened_at: Moment
    began_at: Moment
    until: Moment
    resolved_at: Moment | None = None
    observed: float = 0.0
    expected: float = 0.0
    high: float = 0.0
    score: float = 0.0
    share: float = 0.0
    """Negative share within the window; `usual_share` before."""
    usual_share: float = 0.0
    rule: str = ""
    """The rule's own text, for `rule` and `urgent`."""
    author: str = ""
    merged: list[str] = []
    """Ids of incidents that tell the same crisis: they are in this one and ring no more."""
    evidence: Evidence = Evidence()
    found_at: Moment | None = None
    """Wall: when Veille saw it first."""
    acknowledged_by: str = ""
    snoozed_until: Moment | None = None
    version: int = 0
    part_of: str = ""
    """Id of the incident that tells this one, too."""
    resolved_by: str = ""
    """Who declared it over; empty where it ended by itself."""
    source: str = ""
    """The source that it is about, over all topics; `topic` is empty then."""

    @property
    def subject(self) -> str:
        """What it is about: the topic's id, or `source:` and the source's name."""
        return self.topic or f"{SOURCE}{self.source}"
