"""A topic at a glance: how much, how bad, and how that is against its own past. Pure."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from streams.alerts.records import SEVERITIES, Incident
from streams.store.port import Bucket, Count, Counts, TopicCounts
from streams.web.overview.asked import Asked
from streams.web.overview.past import NOTHING, Before, Series, before
from streams.web.overview.sparkline import NO_LINE, Sparkline, sparkline
from streams.web.overview.usual import Share, Usual, negative_share, usual

_INCIDENT: Final = 10.0
"""What an open incident counts for, and each step of its severity again."""


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """`counts` are the mentions of the period, `day` those of the last 24 hours where that is
    another; `voice` is their part of all topics' (0 to 1). `net` is positive less negative in a
    hundred scored mentions, `None` where none is scored. `worth` orders the tiles."""

    topic: str
    counts: Count
    day: int | None
    usual: Usual
    share: Share
    net: int | None
    voice: float
    incidents: list[Incident]
    worth: float
    spark: Sparkline = NO_LINE

    @property
    def change(self) -> float | None:
        """How many times what is usual; `None` where that is not known, or nothing."""
        known = self.usual.verdict != "unknown" and self.usual.middle >= 1
        return self.counts.total / self.usual.middle if known else None


class Wall(msgspec.Struct, frozen=True, kw_only=True):
    """All tiles in their order, and the sum of their counts by step."""

    tiles: list[Tile]
    buckets: list[Bucket]
    totals: Count


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """The stretch that is shown, in steps; `until` is after `now`, for posts dated ahead."""

    since: datetime
    now: datetime
    until: datetime
    step: timedelta


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the store told: `counts` of the period by step, `days` the mentions of the last 24 hours
    by topic, what came in the hours of the past, and what is open."""

    counts: Sequence[TopicCounts] = ()
    days: Mapping[str, int] = {}
    past: Mapping[str, Series] = {}
    incidents: Sequence[Incident] = ()


def wall(
    topics: Sequence[str], asked: Asked, period: Period, known: Known, *, drawn: int = 60
) -> Wall:
    """All of them at a glance, in the order that is asked for, the first `drawn` with bars."""
    found: dict[str, list[TopicCounts]] = {topic: [] for topic in topics}
    for one in known.counts:
        found[one.topic].append(one)
    sums = {topic: _sum(one.counts for one in some) for topic, some in found.items()}
    totals = _sum(sums.values())
    open_of: dict[str, list[Incident]] = {}
    for incident in known.incidents:
        open_of.setdefault(incident.topic, []).append(incident)
    starts = steps(period)
    empty = [Bucket(start=datetime.fromtimestamp(at / 1000, UTC), total=0) for at in starts]
    tiles = [
        _tile(
            topic,
            sums[topic],
            day=known.days.get(topic),
            past=before(known.past.get(topic, NOTHING), asked.preset, period.since, period.now),
            whole=totals.total,
            incidents=open_of.get(topic, []),
        )
        for topic in topics
    ]
    tiles = ordered(tiles, asked.sort)
    for at, tile in enumerate(tiles[:drawn]):
        spark = sparkline(_buckets(starts, empty, found[tile.topic])[: _now(starts, period)])
        tiles[at] = msgspec.structs.replace(tile, spark=spark)
    return Wall(
        tiles=tiles,
        buckets=_buckets(starts, empty, known.counts),
        totals=totals,
    )


def _tile(
    topic: str,
    counts: Count,
    *,
    day: int | None,
    past: Before,
    whole: int,
    incidents: list[Incident],
) -> Tile:
    volume = usual(counts.total, past.totals, least=past.least)
    share = negative_share(counts.neg, counts.total, past.negatives, past.totals, least=past.least)
    scored = counts.pos + counts.neg + counts.neu
    return Tile(
        topic=topic,
        counts=counts,
        day=day,
        usual=volume,
        share=share,
        net=round(100 * (counts.pos - counts.neg) / scored) if scored else None,
        voice=counts.total / whole if whole else 0.0,
        incidents=incidents,
        worth=round(_worth(volume, share, incidents), 3),
    )


def _worth(volume: Usual, share: Share, incidents: Sequence[Incident]) -> float:
    """An open incident above all, the gravest first; then how far from usual it is."""
    grave = max((SEVERITIES.index(one.severity) + 1 for one in incidents), default=0)
    far = share.surprise + (volume.surprise if volume.verdict != "usual" else 0.0)
    return _INCIDENT * grave + min(far, _INCIDENT - 0.001)


_ORDERS: Final[Mapping[str, Callable[[Tile], tuple[float, ...]]]] = {
    "worth": lambda one: (-one.worth, -one.counts.neg, -one.counts.total),
    "volume": lambda one: (-one.counts.total,),
    "negative": lambda one: (-one.share.now, -one.counts.neg),
    "name": lambda _: (),
}


def ordered(tiles: Iterable[Tile], sort: str) -> list[Tile]:
    """Ties are broken by the topic."""
    key = _ORDERS[sort]
    return sorted(tiles, key=lambda one: (key(one), one.topic.casefold(), one.topic))


def steps(period: Period) -> list[int]:
    """Starts of the period's steps, in milliseconds, aligned to 1970 as the store's are."""
    width = round(period.step.total_seconds() * 1000)
    first = int(period.since.timestamp() * 1000) // width * width
    return list(range(first, int(period.until.timestamp() * 1000), width))


def _now(starts: Sequence[int], period: Period) -> int:
    """Where the steps after now begin."""
    return bisect_right(starts, period.now.timestamp() * 1000)


def _buckets(
    starts: Sequence[int], empty: Sequence[Bucket], counts: Iterable[TopicCounts]
) -> list[Bucket]:
    """The sum of these counts in each step."""
    at = {start: number for number, start in enumerate(starts)}
    buckets = list(empty)
    for one in counts:
        number = at.get(one.start)
        if number is not None:
            buckets[number] = _plus(buckets[number], one.counts)
    return buckets


def _plus(bucket: Bucket, more: Counts) -> Bucket:
    return Bucket(
        start=bucket.start,
        total=bucket.total + more.total,
        pos=bucket.pos + more.pos,
        neg=bucket.neg + more.neg,
        neu=bucket.neu + more.neu,
        unscored=bucket.unscored + more.unscored,
    )


def _sum(some: Iterable[Counts | Count]) -> Count:
    total = pos = neg = neu = unscored = 0
    for one in some:
        total += one.total
        pos += one.pos
        neg += one.neg
        neu += one.neu
        unscored += one.unscored
    return Count(value="", total=total, pos=pos, neg=neg, neu=neu, unscored=unscored)
