"""One topic's buckets and what was read from them; late posts are judged again.

What is read depends on the counts alone, not on the order in which they came.
"""

from array import array
from collections.abc import Mapping, Sequence
from typing import Final

from streams.alerts.hours import BUCKETS_AN_HOUR, HOUR, NOTHING, Row, Strayed, Usual
from streams.alerts.readings import Look, Reading, Sums, asked_for, statistical
from streams.alerts.records import BUCKET_SECONDS, Counts
from streams.alerts.watching import Watching
from streams.alerts.windows import HourEnds, Windows

LATE: Final = 48 * HOUR
"""Posts may come as late as this and are judged again from what is kept; those that come later
make the topic be read from the store anew."""
_KEPT: Final = LATE + 38 * HOUR
_FINE: Final = 2 * HOUR
_COARSE: Final = 6 * HOUR
_HOURS: Final = _KEPT // HOUR + 10
_AFTER: Final = 14 * 24 * HOUR
"""So long after its last mention a topic is looked at no more."""
_EMPTY: Final = Counts()
_FRACTION: Final = 65_536


class History:
    """The counts of the last days, what was usual before each of their hours, and all readings."""

    def __init__(self, first: int, judged_from: int = 0) -> None:
        self.first = first // HOUR * HOUR
        """From here on it is known what came."""
        self.judged_from = max(judged_from, self.first)
        """From here on it is judged; before, it is only learned what is usual."""
        self.last = self.first - BUCKET_SECONDS
        """The last bucket that was read."""
        self._newest = self.first
        self.readings: dict[int, tuple[Reading, ...]] = {}
        self.buckets: dict[int, Counts] = {}
        self._usual: dict[int, Usual] = {self.first: Usual()}
        self._expected = array("d", bytes(8 * 3 * _HOURS))
        self._ahead = NOTHING
        """Expected in the hour that is read, not rounded."""

    @property
    def base(self) -> int:
        """The first hour that can be judged again."""
        return next(iter(self._usual))

    def take(
        self, counts: Mapping[int, Counts], now: float, ring_at: float, watching: Watching
    ) -> bool:
        """These buckets hold this now; read all that they change, up to `now` (seconds). False,
        and nothing is done, where they are too old for that."""
        changed = [start for start, one in counts.items() if self.buckets.get(start, _EMPTY) != one]
        if any(start < self.base for start in changed):
            return False
        for start, one in counts.items():
            if one.total:
                self.buckets[start] = one
                self._newest = max(self._newest, start)
            else:
                self.buckets.pop(start, None)
        now = min(now, self._newest + _AFTER)
        end = int(now) // BUCKET_SECONDS * BUCKET_SECONDS
        start = min([*changed, max(self.last, self.first)])
        if end >= start:
            self._read(start, end, now, ring_at, watching)
        self._forget()
        return True

    def _read(self, start: int, end: int, now: float, ring_at: float, watching: Watching) -> None:
        hour = max(one for one in self._usual if one <= start)
        start = start if start < hour + HOUR else hour
        for later in [one for one in self._usual if one > hour]:
            del self._usual[later]
        self._expect(hour, self._usual[hour])
        quiet = min(self.judged_from, end) // HOUR * HOUR
        ends = HourEnds(self.buckets, self.expected, hour, quiet)
        for at in range(hour + HOUR, quiet + 1, HOUR):
            self._turn(at, ends.sums(at))
        if end >= self.judged_from:
            self._judge(max(start, quiet), end, now, ring_at, watching)
        self.last = max(self.last, end)
        for gone in [one for one in self.readings if one > self.last]:
            del self.readings[gone]

    def _judge(self, start: int, end: int, now: float, ring_at: float, watching: Watching) -> None:
        hour = max(self._usual)
        usual, windows = self._usual[hour], Windows(self.buckets, self.expected, start)
        longest = max((rule.buckets for rule in watching.rules), default=1)
        for at in range(start, end + 1, BUCKET_SECONDS):
            if at % HOUR == 0 and at > hour:
                usual = self._turn(at, windows.sums)
            windows.add(at)
            found: list[Reading] = []
            counts = self.buckets.get(at, _EMPTY)
            if usual.knows and at >= self.judged_from:
                look = Look(
                    start=at,
                    whole=at + BUCKET_SECONDS <= now,
                    usual=usual,
                    sums=windows.sums,
                    counts=counts,
                    grades=windows.grades,
                    ring_at=ring_at,
                    watching=watching,
                )
                found += statistical(look)
            if (watching.urgent or watching.rules) and at >= self.judged_from:
                found += asked_for(at, counts, self._recent(at, longest), watching)
            if found:
                self.readings[at] = tuple(found)
            else:
                self.readings.pop(at, None)

    def _turn(self, at: int, sums: Sequence[Sums]) -> Usual:
        """What is usual from the hour `at` on; the windows that end there hold `sums`."""
        usual = self._usual[at] = self._learn(at, self._usual[at - HOUR], sums)
        self._thin(at)
        self._expect(at, usual)
        return usual

    def _recent(self, at: int, buckets: int) -> list[Counts]:
        first = at - (buckets - 1) * BUCKET_SECONDS
        return [self.buckets.get(one, _EMPTY) for one in range(first, at + 1, BUCKET_SECONDS)]

    def _expect(self, hour: int, usual: Usual) -> None:
        at = hour // HOUR % _HOURS * 3
        self._ahead = usual.expected(hour // HOUR)
        self._expected[at : at + 3] = array("d", map(_exact, self._ahead))

    def expected(self, start: int) -> Row:
        """Of a bucket of the last days."""
        at = start // HOUR % _HOURS * 3
        every, negative, positive = self._expected[at : at + 3]
        return every, negative, positive

    def usual(self, start: int) -> Usual | None:
        """What was known before that hour, or some before it; `None` where that is kept no more."""
        return self._usual.get(max((one for one in self._usual if one <= start), default=0))

    def _learn(self, at: int, usual: Usual, sums: Sequence[Sums]) -> Usual:
        """With the hour that ends at `at`."""
        some = [self.buckets.get(at - (n + 1) * BUCKET_SECONDS, _EMPTY) for n in range(12)]
        row = (
            float(sum(one.total for one in some)),
            float(sum(one.neg for one in some)),
            float(sum(one.pos for one in some)),
        )
        known = usual.learned(at // HOUR - 1, row, _strayed(usual, sums), expected=self._ahead)
        return known.heard(
            sum(one.rated for one in some),
            sum(one.rating_sum for one in some),
            max(one.followers for one in some),
        )

    def _thin(self, hour: int) -> None:
        """States of the last hours are all kept, since most late posts are late by minutes; of
        those before, and of no more than two days, one of some hours."""
        states = self._usual
        for old in [one for one in states if one < hour - _FINE and one % _COARSE]:
            del states[old]
        for old in [one for one in states if one < hour - LATE - _COARSE]:
            del states[old]

    def settle(self, start: int) -> None:
        """What was read before is told and is judged no more."""
        if start > self.judged_from:
            self.judged_from = start
            self.readings = {at: some for at, some in self.readings.items() if at >= start}

    def _forget(self) -> None:
        first = self.last - _KEPT
        if next(iter(self.buckets), first) < first:
            self.buckets = {at: one for at, one in self.buckets.items() if at >= first}


def _strayed(usual: Usual, sums: Sequence[Sums]) -> Sequence[Sequence[Strayed]]:
    """How far the windows strayed, once the first day tells what to expect."""
    if usual.known <= 24:
        return ()
    return (
        [(one.total, one.all_expected) for one in sums],
        [(one.neg, one.neg_expected) for one in sums],
    )


def _exact(hourly: float) -> float:
    """A bucket's part as a fraction that adds up without rounding, whatever the order."""
    return round(hourly / BUCKETS_AN_HOUR * _FRACTION) / _FRACTION
