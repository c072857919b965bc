"""What a topic's mentions would be now, against what they are: pure."""

from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from streams.belonging import is_by_hand
from streams.records import Mention, SentimentLabel
from streams.store.rules import content_version
from streams.topics.excerpts import Excerpt, excerpt

Kind = Literal["added", "lost", "flipped", "rescored"]
Verdict = Literal["added", "lost", "flipped", "rescored", "same", "kept", "newer"]
"""`kept`: people put it here, or said that it belongs here. `newer`: the store has a later version
of the post."""
CHANGES: Final[dict[Verdict, Kind]] = {
    "added": "added",
    "lost": "lost",
    "flipped": "flipped",
    "rescored": "rescored",
}
"""The verdicts that something is written for."""
State = Literal["reading", "ready", "stored", "applied"]
"""`stored`: readers see it, and those who read Kafka do not yet."""
_SAMPLES: Final = 5
"""Shown of each kind."""
_MADE: Final = ("sentiment", "matched", "lang", "story", "country", "post")
"""Fields that the pipeline makes."""


class DayChange(msgspec.Struct):
    """What changes among the mentions of one day (UTC)."""

    added: int = 0
    lost: int = 0
    flipped: int = 0
    rescored: int = 0


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One change to look at: the sentiment before and after, empty where there is none."""

    kind: Kind
    mention_id: str
    post: Excerpt
    before: SentimentLabel | Literal[""] = ""
    after: SentimentLabel | Literal[""] = ""
    score_before: float | None = None
    score_after: float | None = None


class Difference(msgspec.Struct, kw_only=True):
    """What a run over the posts since a time found, and how far it has come.

    `read` posts were looked at; of those, mentions are `added`, `lost`, `flipped` (another
    sentiment), `rescored` (the same sentiment, something else about them changed) or the `same`.
    `kept` would be lost, had people not put them here or said that they belong here; `spoken` are
    flipped beneath a staff label, which goes on to win; `newer` are left alone, for the store has a
    later version of their post. Mentions whose post the archive no longer has are not looked at.
    """

    topic: str
    since: datetime
    began: datetime
    state: State = "reading"
    read: int = 0
    same: int = 0
    added: int = 0
    lost: int = 0
    flipped: int = 0
    rescored: int = 0
    kept: int = 0
    spoken: int = 0
    newer: int = 0
    turns: dict[str, int] = {}
    """How many went from one sentiment to another, such as `neu>neg`."""
    days: dict[str, DayChange] = {}
    samples: list[Sample] = []
    last: str = ""
    through: datetime | None = None

    @property
    def changes(self) -> int:
        return self.added + self.lost + self.flipped + self.rescored

    @property
    def progress(self) -> float:
        """The share of the time that was looked at, in [0, 1]."""
        if self.state != "reading":
            return 1.0
        if self.through is None:
            return 0.0
        whole = (self.began - self.since).total_seconds()
        return min(1.0, max(0.0, (self.began - self.through).total_seconds() / max(1.0, whole)))

    def note(self, verdict: Verdict, old: Mention | None, new: Mention | None) -> None:
        """Count it, by day and sentiment, and keep a sample of the first of each kind."""
        setattr(self, verdict, getattr(self, verdict) + 1)
        if (kind := CHANGES.get(verdict)) is None:
            return
        one = new or old
        assert one is not None  # noqa: S101 # a change has two sides, one of them at least
        day = one.post.created_at.astimezone(UTC).date().isoformat()
        counts = self.days.setdefault(day, DayChange())
        setattr(counts, kind, getattr(counts, kind) + 1)
        if verdict == "flipped" and old and new:
            turn = f"{old.sentiment.label}>{new.sentiment.label}"
            self.turns[turn] = self.turns.get(turn, 0) + 1
            self.spoken += old.label is not None and old.label.sentiment is not None
        if sum(sample.kind == kind for sample in self.samples) < _SAMPLES:
            self.samples.append(_sample(kind, one, old, new))


def verdict_of(old: Mention | None, new: Mention | None) -> Verdict | None:
    """`None` where there was nothing and there is nothing."""
    if new is None:
        if old is None:
            return None
        return "kept" if is_by_hand(old.label) else "lost"
    if old is None:
        return "added"
    if content_version(old) > content_version(new):
        return "newer"
    if old.sentiment.label != new.sentiment.label:
        return "flipped"
    alike = all(_bytes(getattr(old, name)) == _bytes(getattr(new, name)) for name in _MADE)
    return "same" if alike else "rescored"


def _bytes(value: Any) -> bytes:
    """As it is kept: what is read back from JSON is equal to what was written then only."""
    return msgspec.json.encode(value, order="deterministic")


def _sample(kind: Kind, one: Mention, old: Mention | None, new: Mention | None) -> Sample:
    return Sample(
        kind=kind,
        mention_id=one.id,
        post=excerpt(one.post, one.lang, one.matched),
        before=old.sentiment.label if old else "",
        after=new.sentiment.label if new else "",
        score_before=old.sentiment.score if old else None,
        score_after=new.sentiment.score if new else None,
    )
