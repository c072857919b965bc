"""One topic's buckets and what was read from them; late posts are judged again.

What is read depends on the counts alone, not on the order in which they came.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from streams.alerts.hours import BUCKETS_AN_HOUR, HOUR, NOTHING, WINDOWS, Row, Strayed, Usual
from streams.alerts.readings import GRADE_BUCKETS, Look, Reading, Sums, asked_for, statistical
from streams.alerts.records import BUCKET_SECONDS, Counts
from streams.alerts.watching import Watching

LATE: Final = 48 * HOUR
"""Posts may come as late as this and are judged again from what is kept; those that come later
make the topic be read from the store anew."""
_KEPT: Final = LATE + 26 * HOUR
_AFTER: Final = 14 * 24 * HOUR
"""So long after its last mention a topic is looked at no more."""
_EMPTY: Final = Counts()
_LONGEST: Final = max(WINDOWS)
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
        self._expected: dict[int, Row] = {}

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
        self.buckets.update(counts)
        self._newest = max([self._newest, *(at for at, one in counts.items() if one.total)])
        now = min(now, self._newest + _AFTER)
        end = int(now) // BUCKET_SECONDS * BUCKET_SECONDS
        start = min([*changed, max(self.last, self.first)])
        if end >= start:
            self._read(start, end, now, ring_at, watching)
        self._forget()
        return True

    def _read(self, start: int, end: int, now: float, ring_at: float, watching: Watching) -> None:
        windows = _Windows(self, start)
        hour = start // HOUR * HOUR
        for later in [one for one in self._usual if one > hour]:
            del self._usual[later]
        usual, longest = (
            self._usual[hour],
            max((rule.buckets for rule in watching.rules), default=1),
        )
        self._expect(hour, usual)
        for at in range(start, end + 1, BUCKET_SECONDS):
            if at % HOUR == 0 and at > hour:
                usual = self._usual[at] = self._learn(at, usual, windows)
                hour = at
                self._expect(hour, usual)
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
        self.last = max(self.last, end)
        for gone in [one for one in self.readings if one > self.last]:
            del self.readings[gone]

    def _recent(self, at: int, buckets: int) -> list[Counts]:
        first = at - (buckets - 1) * BUCKET_SECONDS
        return [self.buckets.get(one, _EMPTY) for one in range(first, at + 1, BUCKET_SECONDS)]

    def _expect(self, hour: int, usual: Usual) -> None:
        row = usual.expected(hour // HOUR)
        self._expected[hour] = _exact(row[0]), _exact(row[1]), _exact(row[2])

    def expected(self, start: int) -> Row:
        """Of a bucket."""
        return self._expected.get(start // HOUR * HOUR, NOTHING)

    def usual(self, start: int) -> Usual | None:
        """What was known before that hour; `None` where that is kept no more."""
        return self._usual.get(start // HOUR * HOUR)

    def _learn(self, at: int, usual: Usual, windows: "_Windows") -> Usual:
        """With the hour that ends at `at`."""
        some = [self.buckets.get(at - (n + 1) * BUCKET_SECONDS, _EMPTY) for n in range(12)]
        row = (
            float(sum(one.total for one in some)),
            float(sum(one.neg for one in some)),
            float(sum(one.pos for one in some)),
        )
        known = usual.learned(at // HOUR - 1, row, _strayed(usual, windows.sums))
        return known.heard(
            sum(one.rated for one in some),
            sum(one.rating_sum for one in some),
            max(one.followers for one in some),
        )

    def _forget(self) -> None:
        hour = self.last // HOUR * HOUR
        for old in [one for one in self._usual if one < hour - LATE and one < self.last]:
            if len(self._usual) > 1:
                del self._usual[old]
        for old in [one for one in self.buckets if one < self.last - _KEPT]:
            del self.buckets[old]
        for old in [one for one in self._expected if one < self.last - _KEPT]:
            del self._expected[old]


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


class _Windows:
    """Sums of the last buckets, carried along bucket by bucket."""

    def __init__(self, history: History, start: int) -> None:
        self._history = history
        self.sums = tuple(Sums() for _ in WINDOWS)
        self.grades = (0.0, 0.0)
        self._rated = any(one.rated for one in history.buckets.values())
        self._first = start - _LONGEST * BUCKET_SECONDS
        for at in range(self._first, start, BUCKET_SECONDS):
            self._shift(at)
        if self._rated:
            for at in range(start - GRADE_BUCKETS * BUCKET_SECONDS, start, BUCKET_SECONDS):
                self._grade(at, 1)

    def add(self, at: int) -> None:
        self._shift(at)
        if self._rated:
            self._grade(at, 1)
            self._grade(at - GRADE_BUCKETS * BUCKET_SECONDS, -1)

    def _shift(self, at: int) -> None:
        history = self._history
        counts, row = history.buckets.get(at, _EMPTY), history.expected(at)
        for buckets, sums in zip(WINDOWS, self.sums, strict=True):
            gone = at - buckets * BUCKET_SECONDS
            old, before = _EMPTY, NOTHING
            if gone >= self._first:
                old, before = history.buckets.get(gone, _EMPTY), history.expected(gone)
            sums.total += counts.total - old.total
            sums.neg += counts.neg - old.neg
            sums.pos += counts.pos - old.pos
            sums.all_expected += row[0] - before[0]
            sums.neg_expected += row[1] - before[1]
            sums.pos_expected += row[2] - before[2]

    def _grade(self, at: int, sign: int) -> None:
        one = self._history.buckets.get(at, _EMPTY)
        rated, total = self.grades
        self.grades = rated + sign * one.rated, total + sign * one.rating_sum
