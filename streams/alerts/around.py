"""Counts around an incident, beside what was usual at that time: learned from stored posts."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import msgspec

from streams.alerts.history import History
from streams.alerts.hours import WINDOWS, Usual
from streams.alerts.incidents import HOUR, moment
from streams.alerts.records import BUCKET_SECONDS, Counts, Incident, Kind
from streams.alerts.tails import chance_range
from streams.alerts.watching import Watching
from streams.store.port import Store, TopicCounts

NEGATIVE: Final[frozenset[Kind]] = frozenset({"negative-spike", "story", "rating-drop"})
"""Kinds that are about negative mentions; the others are about all."""
_RARE: Final = 2.0
"""The band ends where chance alone comes once in a hundred steps."""
_BEFORE: Final = 12 * HOUR
_AFTER: Final = 3 * HOUR
_MOST_STEPS: Final = 120
_STEPS: Final = (1, 3, 6, 12, 24, 72, 144, 288, 2016)
"""Widths of a bar, in buckets."""
_DAY: Final = 24 * HOUR
_LONGEST: Final = 14 * _DAY
_LEARNED: Final = 21 * _DAY
"""A third of what the engine reads: hours remember a fortnight, and a band is drawn in pixels."""
_QUARTER: Final = timedelta(minutes=15)
"""Whole hours and their last quarters are all that is learned from."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One bar: seconds, counts, and what was usual of the measured ones. Nothing is said of what
    is usual where it was not known yet."""

    start: int
    seconds: int
    total: int
    neg: int
    expected: float | None = None
    low: float = 0.0
    high: float = 0.0


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """The stretch of time that a chart shows."""

    negative: bool
    steps: list[Step]


async def around(store: Store, incident: Incident, *, now: datetime) -> Around:
    """From half a day before it began to some hours after it. Raises `StoreError`."""
    began, ended = incident.began_at.timestamp(), incident.until.timestamp()
    ended = min(max(ended, began + BUCKET_SECONDS), began + _LONGEST)
    latest = max(ended, min(now.timestamp(), ended + _AFTER))
    buckets = _width(latest - began + _BEFORE)
    width = buckets * BUCKET_SECONDS
    since = int(began - _BEFORE) // width * width
    until = -(-int(latest) // width) * width
    split = since // HOUR * HOUR
    first = moment(max(0, split - _LEARNED))
    learned, seen = await asyncio.gather(
        store.counts([incident.topic], first, moment(split), step=_QUARTER, people=False),
        store.counts([incident.topic], moment(split), moment(until), people=False),
    )
    found = [*learned, *seen]
    negative = incident.kind in NEGATIVE
    steps = await asyncio.to_thread(_steps, found, since, until, buckets, negative=negative)
    return Around(negative=negative, steps=steps)


def _width(seconds: float) -> int:
    """The finest step that needs no more bars than a chart has room for."""
    fine = (one for one in _STEPS if seconds / (one * BUCKET_SECONDS) <= _MOST_STEPS)
    return next(fine, _STEPS[-1])


def _steps(
    found: list[TopicCounts], since: int, until: int, buckets: int, *, negative: bool
) -> list[Step]:
    counts = {one.start // 1000: one.counts for one in found}
    first = min((at for at, one in counts.items() if one.total), default=since)
    history = History(first, until + _LONGEST)  # it only learns
    width = buckets * BUCKET_SECONDS
    steps: list[Step] = []
    for start in range(since, until, width):
        seen = [counts.get(at, Counts()) for at in range(start, start + width, BUCKET_SECONDS)]
        total, neg = sum(one.total for one in seen), sum(one.neg for one in seen)
        history.take({} if steps else counts, start + width - 1, 9.0, Watching())
        usual = _usual(history, start, buckets, int(negative))
        step = Step(start=start, seconds=width, total=total, neg=neg)
        if usual:
            expected, low, high = usual
            step = msgspec.structs.replace(step, expected=expected, low=low, high=high)
        steps.append(step)
    return steps


def _usual(
    history: History, start: int, buckets: int, series: int
) -> tuple[float, float, float] | None:
    """Expected, least and most of a step by chance."""
    known = history.usual(start)
    if known is None or not known.knows:
        return None
    times = range(start, start + buckets * BUCKET_SECONDS, BUCKET_SECONDS)
    expected = sum(history.expected(at)[series] for at in times)
    dispersion = _dispersion(known, series, buckets, expected)
    low, high = chance_range(expected, dispersion, _RARE)
    return expected, float(low), float(high)


def _dispersion(usual: Usual, series: int, buckets: int, expected: float) -> float:
    window = next((n for n, width in enumerate(WINDOWS) if width >= buckets), len(WINDOWS) - 1)
    return usual.dispersion(series, window, expected)
