"""Documents that Kibana's dashboards and rules watch: one an incident, and samples of health.

They are written beside the states they are made of, which stay what Veille itself reads.
"""

import time
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from connectors.post import Moment
from connectors.state import SourceState
from streams.alerts.records import SEVERITIES, Incident
from streams.store.es_bulk import Item
from streams.store.es_ledger import state_id

INCIDENT: Final = "incident"
SAMPLED: Final = ("worker", "source")
SAMPLE_SECONDS: Final = 30
_MOST: Final = 20
_MINUTE: Final = 60.0


class _Pulse(msgspec.Struct):
    """A worker's state, as far as it is shown."""

    posts: int = 0
    mentions: int = 0
    stored: int = 0
    stale: int = 0
    retracted: int = 0
    missed: int = 0
    dead: int = 0

    started_at: Moment | None = None
    seen_at: Moment | None = None
    posts_per_second: float = 0.0
    lag: dict[str, int] = {}


def alert(index: str, key: str, state: dict[str, Any], version: int | None) -> Item | None:
    """The document of an incident's state; an empty state removes it. `None` for what is none."""
    if not state:
        return Item(index, state_id(INCIDENT, key), b"", version)
    event = str(state.get("event", ""))
    try:
        one = msgspec.convert({k: v for k, v in state.items() if k != "event"}, Incident)
    except msgspec.ValidationError:
        return None
    body = msgspec.json.encode(_alert(one, event))
    return Item(index, state_id(INCIDENT, key), body, version)


def _alert(one: Incident, event: str) -> dict[str, Any]:
    evidence = one.evidence
    last = one.resolved_at or one.until
    told = {
        "@timestamp": one.opened_at,
        "id": one.id,
        "topic": one.topic,
        "source": one.source,
        "kind": one.kind,
        "severity": one.severity,
        "severity_rank": SEVERITIES.index(one.severity),
        "status": one.status,
        "event": event,
        "title": title(one),
        "observed": one.observed,
        "expected": one.expected,
        "high": one.high,
        "score": one.score,
        "share": one.share,
        "usual_share": one.usual_share,
        "stories": evidence.stories,
        "authors": evidence.authors,
        "new_authors": evidence.new_authors,
        "reach": evidence.reach,
        "terms": [term.text for term in evidence.terms[:_MOST]],
        "sources": [name for name, _ in evidence.sources[:_MOST]],
        "countries": [name for name, _ in evidence.countries[:_MOST]],
        "posts": [post.mention_id for post in evidence.posts[:_MOST]],
        "rule": one.rule,
        "author": one.author,
        "part_of": one.part_of,
        "merged": one.merged,
        "began_at": one.began_at,
        "until": one.until,
        "opened_at": one.opened_at,
        "resolved_at": one.resolved_at,
        "found_at": one.found_at,
        "snoozed_until": one.snoozed_until,
        "updated_at": datetime.now(UTC),
        "acknowledged_by": one.acknowledged_by,
        "resolved_by": one.resolved_by,
        "minutes": max(0.0, (last - one.began_at).total_seconds() / _MINUTE),
        "version": one.version,
        "url": f"/incidents/{one.id}",
    }
    return {name: value for name, value in told.items() if value not in (None, "", [])}


def title(one: Incident) -> str:
    """What happened, in an English sentence."""
    what = one.kind.replace("-", " ").capitalize()
    about = one.topic or f"source {one.source}"
    seen, usual = f"{one.observed:,.6g}", f"{one.expected:,.6g}"
    return f"{what} of {about}: {seen} seen, {usual} expected ({one.severity})"


class Health:
    """Samples of what workers and sources tell of themselves: one each half minute and part."""

    def __init__(self, index: str) -> None:
        self._index = index
        self._next: dict[tuple[str, str], float] = {}

    def sample(self, kind: str, key: str, state: dict[str, Any]) -> Item | None:
        """A document when it is time for one. The same half minute's is written over."""
        now = time.time()
        if now < self._next.get((kind, key), 0.0):
            return None
        slot = int(now // SAMPLE_SECONDS)
        self._next[kind, key] = (slot + 1) * SAMPLE_SECONDS
        try:
            told = _worker(state) if kind == "worker" else _source(state)
        except msgspec.ValidationError:
            return None
        told |= {"@timestamp": datetime.fromtimestamp(now, UTC), "kind": kind, "id": key}
        kept = {name: value for name, value in told.items() if value not in (None, "")}
        return Item(self._index, state_id(kind, f"{key}@{slot}"), msgspec.json.encode(kept))


def _worker(state: dict[str, Any]) -> dict[str, Any]:
    told = msgspec.convert(state, _Pulse)

    def behind(topic: str) -> int:
        return sum(lag for name, lag in told.lag.items() if name.endswith(f".{topic}"))

    return {
        "state": "running",
        "started_at": told.started_at,
        "seen_at": told.seen_at,
        "rate": told.posts_per_second,
        "lag": sum(told.lag.values()),
        "lag_posts": behind("posts"),
        "lag_mentions": behind("mentions"),
        "posts": told.posts,
        "mentions": told.mentions,
        "stored": told.stored,
        "stale": told.stale,
        "retracted": told.retracted,
        "missed": told.missed,
        "dead_letters": told.dead,
    }


def _source(state: dict[str, Any]) -> dict[str, Any]:
    told = msgspec.convert(state, SourceState)
    return {
        "state": told.state,
        "connector": told.connector,
        "started_at": told.started_at,
        "posts": told.posts,
        "dead_letters": told.dead,
        "errors": told.errors,
        "gaps": len(told.gaps),
        "last_post_at": told.last_post_at,
        "message": told.reason[:1_000],
    }
