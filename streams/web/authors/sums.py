"""Figures of one author, summed up from mentions and from buckets of an hour; pure."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from streams.records import Mention, SentimentLabel
from streams.store.port import Bucket, Count
from streams.store.rules import tag_key, tone


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Followers as a mention of that moment had them."""

    at: datetime
    followers: int


def most(
    mentions: Sequence[Mention], values: Callable[[Mention], Iterable[str]], limit: int
) -> list[Count]:
    """The most frequent values, ties broken by value, as `Store.top` has them."""
    found: dict[str, dict[SentimentLabel, int]] = {}
    for mention in mentions:
        for value in dict.fromkeys(filter(None, values(mention))):
            split = found.setdefault(value, {})
            split[tone(mention)] = split.get(tone(mention), 0) + 1
    counts = [
        Count(value=value, total=sum(split.values()), **split) for value, split in found.items()
    ]
    return sorted(counts, key=lambda one: (-one.total, one.value))[:limit]


def topics(mention: Mention) -> list[str]:
    return [mention.topic]


def langs(mention: Mention) -> list[str]:
    return [mention.lang]


def countries(mention: Mention) -> list[str]:
    return [mention.country]


def hashtags(mention: Mention) -> list[str]:
    return [tag_key(tag) for tag in mention.post.hashtags]


def by_hour(mentions: Iterable[Mention]) -> list[Bucket]:
    """The hours, in UTC, that hold something, oldest first."""
    starts = (
        (m.post.created_at.replace(minute=0, second=0, microsecond=0), tone(m)) for m in mentions
    )
    found: dict[datetime, dict[SentimentLabel, int]] = {}
    for start, label in starts:
        split = found.setdefault(start, {})
        split[label] = split.get(label, 0) + 1
    return [
        Bucket(start=start, total=sum(split.values()), **split)
        for start, split in sorted(found.items())
    ]


def by_day(hours: Iterable[Bucket]) -> list[Bucket]:
    """Buckets of an hour put together by the day in UTC, oldest first."""
    found: dict[datetime, Bucket] = {}
    for one in hours:
        day = one.start.replace(hour=0)
        before = found.get(day, Bucket(start=day, total=0))
        found[day] = Bucket(
            start=day,
            total=before.total + one.total,
            pos=before.pos + one.pos,
            neg=before.neg + one.neg,
            neu=before.neu + one.neu,
            unscored=before.unscored + one.unscored,
        )
    return [found[day] for day in sorted(found)]


def week(hours: Iterable[Bucket], zone: ZoneInfo, span: timedelta) -> list[list[float]]:
    """Mean mentions an hour by weekday, Monday first, and hour of that zone's clock."""
    sums = [[0.0] * 24 for _ in range(7)]
    for one in hours:
        if one.total:
            there = one.start.astimezone(zone)
            sums[there.weekday()][there.hour] += one.total
    weeks = max(1.0, span / timedelta(days=7))
    return [[n / weeks for n in day] for day in sums]


def reach(mentions: Iterable[Mention], points: int) -> list[Reach]:
    """In the order of time, where followers are told at all; so many moments at most."""
    found = {
        m.post.created_at: Reach(at=m.post.created_at, followers=m.post.author.followers)
        for m in mentions
        if m.post.author.followers is not None
    }
    ordered = [found[at] for at in sorted(found)]
    if len(ordered) <= points:
        return ordered
    step = (len(ordered) - 1) / (points - 1)
    return [ordered[round(n * step)] for n in range(points)]
