"""What came of each topic in each hour of the last two months, and the same hours of weeks ago."""

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from streams.alerts.incidents import moment
from streams.store.port import Store
from streams.web.overview.usual import LEAST

HOUR: Final = 3600
WEEK: Final = timedelta(days=7)
WEEKS: Final = 4
SPAN: Final = timedelta(days=61)
"""Two periods of 30 days, and five of a week."""
_SLICE: Final = timedelta(days=7)
_SHIFTS: Final[Mapping[str, tuple[timedelta, ...]]] = {
    "1h": tuple(n * WEEK for n in range(1, WEEKS + 1)),
    "24h": tuple(n * WEEK for n in range(1, WEEKS + 1)),
    "7d": tuple(n * WEEK for n in range(1, WEEKS + 1)),
    "30d": (timedelta(days=30),),
}


class Series(msgspec.Struct, frozen=True):
    """One topic's hours that hold something: their starts in seconds, rising, and their counts."""

    starts: "array[int]"
    totals: "array[int]"
    negatives: "array[int]"

    @property
    def since(self) -> int:
        """From here on it is known."""
        return self.starts[0]

    def sums(self, since: float, until: float) -> tuple[float, float]:
        """All and negative mentions in that time; of an hour that lies in it partly, that part."""
        total = negative = 0.0
        for at in range(bisect_left(self.starts, since - HOUR + 1e-6), len(self.starts)):
            start = self.starts[at]
            if start >= until:
                break
            part = (min(start + HOUR, until) - max(start, since)) / HOUR
            total += part * self.totals[at]
            negative += part * self.negatives[at]
        return total, negative


NOTHING: Final = Series(array("q"), array("q"), array("q"))


class Before(msgspec.Struct, frozen=True):
    """The same time of some weeks before, the latest first."""

    totals: list[float] = []
    negatives: list[float] = []
    least: int = LEAST
    """So many must be known before something is said to be usual."""


async def read_past(store: Store, topics: Sequence[str], now: datetime) -> dict[str, Series]:
    """Of the topics that had anything. Asked week by week, so that a store with few readers has
    time for others. Raises `StoreError`."""
    until = moment(now.timestamp() // HOUR * HOUR)
    since, found = until - SPAN, dict[str, Series]()
    while since < until:
        end = min(until, since + _SLICE)
        step = timedelta(seconds=HOUR)
        for one in await store.counts(topics, since, end, step=step, people=False):
            known = found.get(one.topic)
            if known is None:
                known = found[one.topic] = Series(array("q"), array("q"), array("q"))
            known.starts.append(one.start // 1000)
            known.totals.append(one.counts.total)
            known.negatives.append(one.counts.neg)
        since = end
    return found


def before(series: Series, preset: str, since: datetime, until: datetime) -> Before:
    """The same stretch of the weeks before: those in which the topic was known already."""
    totals, negatives = [], []
    shifts = _SHIFTS.get(preset, ())
    for shift in shifts:
        begins, ends = (since - shift).timestamp(), (until - shift).timestamp()
        if series.starts and begins >= series.since:
            total, negative = series.sums(begins, ends)
            totals.append(total)
            negatives.append(negative)
    return Before(totals, negatives, min(LEAST, len(shifts)))


def week_of_hours(
    past: Mapping[str, Series], topics: Sequence[str], zone: ZoneInfo, now: datetime
) -> list[list[float]]:
    """Mean mentions an hour of all these topics over the last four weeks, by weekday (Monday
    first) and hour of the reader's clock."""
    since = int((now - WEEKS * WEEK).timestamp())
    hours: dict[int, int] = {}
    for topic in topics:
        series = past.get(topic, NOTHING)
        first = bisect_left(series.starts, since)
        for start, total in zip(series.starts[first:], series.totals[first:], strict=True):
            hours[start] = hours.get(start, 0) + total
    sums = [[0.0] * 24 for _ in range(7)]
    for start, total in hours.items():
        local = datetime.fromtimestamp(start, zone)
        sums[local.weekday()][local.hour] += total
    return [[n / WEEKS for n in hours] for hours in sums]
