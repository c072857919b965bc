"""Sums of the windows that end with a bucket: what came, and what was expected."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from streams.alerts.hours import BUCKETS_AN_HOUR, HOUR, NOTHING, WINDOWS, Row
from streams.alerts.readings import GRADE_BUCKETS, Sums
from streams.alerts.records import BUCKET_SECONDS, Counts

Buckets = Mapping[int, Counts]
Expected = Callable[[int], Row]
"""Of the bucket that starts at this second: fractions that add up without rounding."""

_EMPTY: Final = Counts()
_LONGEST: Final = max(WINDOWS)
_QUARTER: Final = min(WINDOWS)
_HOURS: Final = tuple(buckets // BUCKETS_AN_HOUR for buckets in WINDOWS[1:])


class Windows:
    """Carried along bucket by bucket, from `start` on."""

    def __init__(self, buckets: Buckets, expected: Expected, start: int) -> None:
        self._buckets = buckets
        self._expected = expected
        self.sums = tuple(Sums() for _ in WINDOWS)
        self.grades = (0.0, 0.0)
        self._rated = any(one.rated for one in buckets.values())
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
        counts, row = self._buckets.get(at, _EMPTY), self._expected(at)
        for buckets, sums in zip(WINDOWS, self.sums, strict=True):
            gone = at - buckets * BUCKET_SECONDS
            old, before = _EMPTY, NOTHING
            if gone >= self._first:
                old, before = self._buckets.get(gone, _EMPTY), self._expected(gone)
            sums.total += counts.total - old.total
            sums.neg += counts.neg - old.neg
            sums.pos += counts.pos - old.pos
            sums.all_expected += row[0] - before[0]
            sums.neg_expected += row[1] - before[1]
            sums.pos_expected += row[2] - before[2]

    def _grade(self, at: int, sign: int) -> None:
        one = self._buckets.get(at, _EMPTY)
        rated, total = self.grades
        self.grades = rated + sign * one.rated, total + sign * one.rating_sum


class HourEnds:
    """The same at the ends of the hours from `first` to `last` alone, which is all that learning
    asks for: hours are added up, not buckets."""

    def __init__(self, buckets: Buckets, expected: Expected, first: int, last: int) -> None:
        self._buckets = buckets
        self._expected = expected
        start = first - _LONGEST * BUCKET_SECONDS
        self._came = {at: [0, 0, 0] for at in range(start, last, HOUR)}
        for at, one in buckets.items():
            if came := self._came.get(at - at % HOUR):
                came[0] += one.total
                came[1] += one.neg
                came[2] += one.pos

    def sums(self, at: int) -> list[Sums]:
        """Of the windows that end where the hour `at` begins."""
        row, quarter = self._expected(at - HOUR), Sums()
        for start in range(at - _QUARTER * BUCKET_SECONDS, at, BUCKET_SECONDS):
            one = self._buckets.get(start, _EMPTY)
            _add(quarter, (one.total, one.neg, one.pos), row, 1)
        found, every, before = [quarter], Sums(), 0
        for hours in _HOURS:
            for start in range(at - hours * HOUR, at - before * HOUR, HOUR):
                _add(every, self._came[start], self._expected(start), BUCKETS_AN_HOUR)
            before = hours
            found.append(_copied(every))
        return found


def _add(sums: Sums, came: Sequence[int], row: Row, buckets: int) -> None:
    sums.total += came[0]
    sums.neg += came[1]
    sums.pos += came[2]
    sums.all_expected += buckets * row[0]
    sums.neg_expected += buckets * row[1]
    sums.pos_expected += buckets * row[2]


def _copied(one: Sums) -> Sums:
    return Sums(one.total, one.neg, one.pos, one.all_expected, one.neg_expected, one.pos_expected)
