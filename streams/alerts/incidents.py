"""Incidents: made of readings, and what becomes of them. A state machine without a clock or store.

Readings that touch are one episode; episodes of one topic that overlap are one crisis, whose
incident takes the kind that matters most. An incident that is known and overlaps in time is the
same one, though late posts move its start; one that nothing tells of any more is withdrawn.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, Protocol

import msgspec

from streams.alerts.readings import Reading
from streams.alerts.records import BUCKET_SECONDS, SEVERITIES, Incident, Kind, Severity
from streams.alerts.schedule import topic_fits

HOUR: Final = 3600
CALM: Final[Mapping[Kind, int]] = {
    "negative-spike": 3 * HOUR,
    "story": 3 * HOUR,
    "volume-spike": 3 * HOUR,
    "positive-spike": 3 * HOUR,
    "volume-drop": HOUR,
    "silence": BUCKET_SECONDS,
    "rating-drop": 6 * HOUR,
    "new-author": 3 * HOUR,
    "rule": HOUR,
    "urgent": HOUR,
}
"""Seconds without a reading after which it is over."""
AGAIN: Final = 12 * HOUR
"""What rings again so soon after its end is the same crisis, which opens again."""
_STATISTICAL: Final[tuple[Kind, ...]] = (
    "negative-spike", "story", "rating-drop", "volume-spike", "positive-spike", "new-author",
)  # fmt: skip
"""Kinds that may tell of one crisis, what matters most first."""
_STEPS: Final = (2.0, 5.0)
"""Surprise beyond what rings, for high and for critical."""

Event = Literal["opened", "updated", "grown", "resolved", "reopened", "withdrawn", "handled"]


class Change(msgspec.Struct, frozen=True):
    """An incident as it is now and what happened to it. `grown`: by a severity; `handled`: by a
    person; `updated`: figures alone, which nobody need be told."""

    incident: Incident
    event: Event


class OnChange(Protocol):
    """Told of every change once it is stored, at least once; the same one has the same version."""

    async def __call__(self, incident: Incident, event: Event) -> None: ...


class Episode(msgspec.Struct, kw_only=True):
    """Readings of one kind and rule that touch. Seconds; `first` is the bucket that rang first,
    `last` that of the last reading."""

    kind: Kind
    rule: str
    first: int
    began: int
    last: int
    peak: Reading
    rung: Reading
    parts: list["Episode"] = []

    def over(self, now: float) -> bool:
        return self.last + BUCKET_SECONDS + CALM[self.kind] <= now


def moment(seconds: float) -> datetime:
    """That time, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def incident_id(topic: str, kind: str, rule: str, first: int) -> str:
    """The same for the same topic, kind, rule and first bucket: 16 hexadecimal characters."""
    raw = "\0".join((topic, kind, rule, str(first))).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(raw, digest_size=8).hexdigest()


def episodes(readings: Iterable[Reading]) -> list[Episode]:
    """Of readings in the order of their time. One begins where one rings, and what rings within
    `AGAIN` of its end goes on with it."""
    running: dict[tuple[str, str], Episode] = {}
    found: list[Episode] = []
    for one in readings:
        key = _family(one)
        known = running.get(key)
        if known and one.start <= known.last + _waits(known, one):
            _extend(known, one)
        elif one.rings:
            began = one.start - (one.buckets - 1) * BUCKET_SECONDS
            running[key] = Episode(
                kind=one.kind, rule=one.rule, first=one.start, began=began, last=one.start,
                peak=one, rung=one,
            )  # fmt: skip
            found.append(running[key])
    return found


def _waits(known: Episode, one: Reading) -> int:
    """Seconds after its last reading in which this one goes on with it."""
    return AGAIN if one.rings else BUCKET_SECONDS + CALM[known.kind]


def _family(one: Reading) -> tuple[str, str]:
    """Silence is the end of a fall, and each loud author a story of their own."""
    if one.kind in ("silence", "volume-drop"):
        return "drop", ""
    return one.kind, one.rule or one.author


def _extend(episode: Episode, one: Reading) -> None:
    episode.last = max(episode.last, one.start)
    if (one.rings, one.score) > (episode.peak.rings, episode.peak.score):
        episode.peak = one
    if one.kind == "silence":
        episode.kind = "silence"


def crises(found: Sequence[Episode]) -> list[Episode]:
    """Episodes that overlap are one, of the kind that matters most; what was asked for by name
    stays apart."""
    apart = [one for one in found if one.kind not in _STATISTICAL]
    whole: list[Episode] = []
    together = (one for one in found if one.kind in _STATISTICAL)
    for one in sorted(together, key=lambda one: (one.first, _STATISTICAL.index(one.kind))):
        known = next((old for old in whole if one.began <= old.last + BUCKET_SECONDS), None)
        if known is None:
            whole.append(msgspec.structs.replace(one, parts=[one]))
        else:
            _join(known, one)
    return sorted(whole + apart, key=lambda one: (one.first, one.kind, one.rule))


def _join(known: Episode, one: Episode) -> None:
    known.parts.append(one)
    lead = min(known.parts, key=lambda part: (_STATISTICAL.index(part.kind), part.first))
    known.kind, known.peak, known.rung = lead.kind, lead.peak, lead.rung
    known.began = min(part.began for part in known.parts)
    known.first = lead.first
    known.last = max(part.last for part in known.parts)


def severity(peak: Reading, ring_at: float) -> Severity:
    """By how far the surprise goes beyond what rings; what staff asked for is as they asked."""
    if peak.kind == "urgent":
        return "high"
    if peak.kind in ("rule", "new-author"):
        return "medium"
    if peak.kind in ("volume-spike", "positive-spike", "volume-drop"):
        return "low" if peak.score < ring_at + _STEPS[1] else "medium"
    return SEVERITIES[1 + sum(peak.score >= ring_at + step for step in _STEPS)]


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as it was judged: from `since` on, as of `now` (seconds)."""

    topic: str
    crises: Sequence[Episode]
    since: float
    now: float
    ring_at: float


def reconcile(judged: Judged, known: Iterable[Incident], wall: datetime) -> Iterator[Change]:
    """What changes of the incidents of the topic. The same judgement again changes nothing."""
    here = [one for one in known if one.topic == judged.topic]
    left = {one.id: one for one in here if not is_part(one)}
    ids = {one.id for one in here}
    parts = [one for one in here if is_part(one) and one.part_of not in ids]
    for crisis in judged.crises:
        mine = [one for one in left.values() if _same(one, crisis)]
        if not mine and (part := next((one for one in parts if _same(one, crisis)), None)):
            if change := _change(part, _drawn(judged, crisis, part, wall)):
                yield change
            continue
        mine.sort(key=lambda one: (one.status == "withdrawn", one.opened_at, one.id))
        for one in mine:
            del left[one.id]
        drawn = _drawn(judged, crisis, mine[0] if mine else None, wall)
        for other in mine[1:]:
            if other.status != "withdrawn":
                drawn = _replace(drawn, merged=sorted({*drawn.merged, other.id}))
                yield end_as_part(other, drawn)
        if change := _change(mine[0] if mine else None, drawn):
            yield change
    for one in left.values():
        if one.status != "withdrawn" and _judgeable(one, judged):
            yield Change(_replace(one, status="withdrawn", version=one.version + 1), "withdrawn")


def is_part(one: Incident) -> bool:
    """Whether it was found to be a part of another one."""
    return bool(one.part_of)


def end_as_part(one: Incident, of: Incident) -> Change:
    """It is told with another one, and rings no more."""
    ended = _replace(
        one,
        status="resolved",
        resolved_at=one.resolved_at or one.until,
        part_of=of.id,
        version=one.version + 1,
    )
    return Change(ended, "updated")


def _same(one: Incident, crisis: Episode) -> bool:
    if _group(one.kind, one.rule) != _group(crisis.kind, crisis.rule):
        return False
    began, until = one.began_at.timestamp(), one.until.timestamp()
    return began <= crisis.last + AGAIN and crisis.began <= until + AGAIN


def _group(kind: Kind, rule: str) -> tuple[str, str]:
    if kind in ("silence", "volume-drop"):
        return "drop", ""
    return (kind, rule) if kind in ("rule", "urgent") else ("", "")


def _judgeable(one: Incident, judged: Judged) -> bool:
    return judged.since <= one.began_at.timestamp() and one.until.timestamp() <= judged.now + 600


def _drawn(judged: Judged, crisis: Episode, known: Incident | None, wall: datetime) -> Incident:
    """The incident as the crisis tells it now, with what people did to it."""
    over = crisis.over(judged.now)
    peak = crisis.peak
    others = {
        incident_id(judged.topic, part.kind, part.rule, part.first)
        for part in crisis.parts
        if part.kind != crisis.kind or part.first != crisis.first
    }
    mine = known.id if known else incident_id(judged.topic, crisis.kind, crisis.rule, crisis.first)
    drawn = Incident(
        id=mine,
        topic=judged.topic,
        kind=crisis.kind,
        severity=severity(peak, judged.ring_at),
        opened_at=moment(min(part.first for part in crisis.parts or [crisis]) + BUCKET_SECONDS),
        began_at=moment(crisis.began),
        until=moment(crisis.last + BUCKET_SECONDS),
        resolved_at=moment(crisis.last + BUCKET_SECONDS) if over else None,
        status="resolved" if over else "open",
        observed=peak.observed,
        expected=peak.expected,
        high=peak.high,
        score=peak.score,
        share=peak.share,
        usual_share=peak.usual_share,
        rule=peak.rule,
        author=peak.author,
        merged=sorted(others - {mine}),
        found_at=wall,
    )
    return _kept(drawn, known) if known else drawn


def _kept(drawn: Incident, known: Incident) -> Incident:
    """What is not the crisis's own: evidence, what people did, when it was found."""
    drawn = _replace(
        drawn,
        evidence=known.evidence,
        found_at=known.found_at,
        acknowledged_by=known.acknowledged_by,
        snoozed_until=known.snoozed_until,
        merged=sorted({*drawn.merged, *known.merged} - {known.id}),
        version=known.version,
    )
    if is_part(known) and not _outlives(drawn, known):
        of = known.part_of
        return _replace(drawn, status="resolved", resolved_at=known.resolved_at, part_of=of)
    if known.resolved_by:
        by = known.resolved_by
        return _replace(drawn, status="resolved", resolved_at=known.resolved_at, resolved_by=by)
    if drawn.status == "open" and known.status in ("acknowledged", "snoozed"):
        return _replace(drawn, status=known.status)
    return drawn


def _outlives(drawn: Incident, part: Incident) -> bool:
    """Whether it goes on, long after it was found to be a part of another topic's: that one may be
    over, and then it rings by itself."""
    ended = part.resolved_at or part.until
    return drawn.status == "open" and drawn.until >= ended + timedelta(seconds=CALM[drawn.kind])


def _change(known: Incident | None, drawn: Incident) -> Change | None:
    if known is None:
        return Change(_replace(drawn, version=1), "opened")
    if drawn == known:
        return None
    drawn = _replace(drawn, version=known.version + 1)
    return Change(drawn, _event(known, drawn))


def _event(known: Incident, drawn: Incident) -> Event:
    if known.status == "withdrawn":
        return "opened"
    if drawn.status == "resolved":
        return "updated" if known.status == "resolved" else "resolved"
    if known.status == "resolved":
        return "reopened"
    if SEVERITIES.index(drawn.severity) > SEVERITIES.index(known.severity):
        return "grown"
    return "updated"


def _replace(one: Incident, **fields: object) -> Incident:
    return msgspec.structs.replace(one, **fields)


class Window(msgspec.Struct, frozen=True):
    """A maintenance window, in seconds; no topics means all, and `*` stands for any letters. What
    rings in it rings not."""

    start: float
    end: float
    topics: tuple[str, ...] = ()

    def covers(self, topic: str, at: float) -> bool:
        return self.start <= at < self.end and (not self.topics or topic_fits(topic, self.topics))
