"""Tells buckets that are unusual for a topic: `Detector.update(bucket) -> Verdict`.

Three questions are put to each bucket, and all must be answered yes (docs/detector.md tells more):

1. Is it rare by chance? Sums of the last five minutes to six hours are held against what level,
   trend, hour and weekday make expected, by exact tails of counts whose spread was learnt.
2. Is it rare for this topic? Its own records of the past days raise the bar: what people write has
   heavy tails, for which no fixed probability holds.
3. Is it news? What has rung rings again only well above its own record.

Time and memory are constant: docs/detector.md has the figures.
"""

from math import ceil, isfinite, log10, sqrt
from typing import Any, Final

import msgspec

from streams.alerts.records import BUCKET_SECONDS, Sensitivity, Severity, Verdict
from streams.alerts.share import Share
from streams.alerts.sums import WINDOWS, Sums
from streams.alerts.usual import DAY, Usual

RINGS_AT: Final[dict[Sensitivity, float]] = {"low": 6.5, "normal": 4.55, "high": 3.8}
"""The score from which a bucket rings; docs/detector.md says what each costs in alarms a week."""
MOST_COUNT: Final = 1e12

_SEVERITIES: Final[tuple[tuple[float, Severity], ...]] = (
    (18.0, "critical"),
    (11.0, "high"),
    (7.0, "medium"),
)
_SILENT_DAYS: Final = 2.0
_SILENT_BUCKETS: Final = 48
_YOUNG_DAYS: Final = 4.0  # until then the bar is higher, by a power of ten at the start
_SPREAD_AFTER_DAYS: Final = 1.0
_RECORDS_AFTER_DAYS: Final = 0.5
_BOUND: Final = 3.0  # standard deviations above the expectation that a count is learnt up to
_RINGING_LEARNS: Final = 0.2  # weight of what is learnt in an event
_HOLD_DAYS: Final = 0.4  # an event is thought to last so long after it rang last
_IN_EVENT: Final = 2.0  # what goes on adds up: records count so often while an event is on
_RECORD_HALVES_DAYS: Final = 2.0
_BY_CHANCE: Final = 3.6  # records up to this are what chance alone gives in some days
_EXCESS: Final = 0.4  # the bar rises by so much for each power of ten above that


class Bucket(msgspec.Struct, frozen=True, gc=False):
    """`start` in seconds since 1970, and what came. `total` is the number of posts at large where
    `count` is that of negatives: their share is looked at too."""

    start: float
    count: float
    total: float | None = None


class Detector:
    """Learns a topic's counts bucket by bucket. Pure: the same buckets give the same verdicts."""

    __slots__ = (
        "_age",
        "_day",
        "_fade",
        "_held",
        "_hold",
        "_last",
        "_numbers",
        "_quick",
        "_ready_at",
        "_rings_at",
        "_share",
        "_sums",
        "_usual",
        "seconds",
        "sensitivity",
    )

    def __init__(
        self, sensitivity: Sensitivity = "normal", seconds: float = BUCKET_SECONDS
    ) -> None:
        self.sensitivity: Sensitivity = sensitivity
        self.seconds = min(max(float(seconds), 1.0), float(DAY))
        self._rings_at = RINGS_AT[sensitivity]
        # More buckets a day are more chances to ring by chance.
        self._quick = max(0.0, log10(BUCKET_SECONDS / self.seconds))
        self._day = DAY / self.seconds
        self._hold = int(_HOLD_DAYS * self._day) + 1
        self._ready_at = max(_SILENT_DAYS * self._day, _SILENT_BUCKETS)
        self._fade = 0.5 ** (1.0 / (_RECORD_HALVES_DAYS * self._day))
        self._age = self._held = 0
        self._last: float | None = None
        # record; most of the part of a day at hand, and of the one before
        self._numbers = [0.0, 0.0, 0.0]
        self._usual = Usual(self.seconds)
        self._sums = Sums(self._day)
        self._share = Share(self._day)

    @property
    def ready(self) -> bool:
        """Whether it has seen enough to ring: two days, or 48 buckets where they are long."""
        return self._age > self._ready_at

    def update(self, bucket: Bucket) -> Verdict:
        """The verdict of a bucket that is over; learns from it.

        Buckets left out are unknown, not empty. One that is not later than the last, or has no
        count (NaN, less than nothing), is not learnt from: its verdict is that of `peek`, or
        silent.
        """
        start, count, total = bucket.start, bucket.count, bucket.total
        if not (isfinite(start) and count >= 0.0):
            return Verdict(0.0, 0.0, 0.0)
        last = self._last
        if last is not None:
            if start <= last:
                return self.peek(bucket)
            missing = int((start - last) / self.seconds + 0.5) - 1
            if missing > 0:
                self._skip(missing)
        self._last = start
        count = min(count, MOST_COUNT)
        expected = self._usual.expected(start)
        verdict, surprise = self._judge(count, total, expected)
        self._age += 1
        self._remember(surprise, verdict.severity is not None)
        self._learn(count, total, expected)
        return verdict

    def peek(self, bucket: Bucket, elapsed: float = 1.0) -> Verdict:
        """The verdict of a bucket that still fills, of which the part `elapsed` is over; learns
        nothing. It rings only where the bucket would ring if nothing more came: what is expected of
        the whole bucket is what the count is held against, and `elapsed` scales only the
        expectation that is told."""
        start, count, total = bucket.start, bucket.count, bucket.total
        if not (isfinite(start) and count >= 0.0):
            return Verdict(0.0, 0.0, 0.0)
        verdict, _ = self._judge(min(count, MOST_COUNT), total, self._usual.expected(start))
        part = min(max(elapsed, 0.0), 1.0)
        return Verdict(
            verdict.expected * part,
            verdict.low * part,
            verdict.high,
            verdict.score,
            verdict.severity,
            verdict.buckets,
        )

    def _judge(self, count: float, total: float | None, expected: float) -> tuple[Verdict, float]:
        score, surprise, longest = self._score(count, total, expected)
        severity: Severity | None = None
        if self._rings(score):
            severity = next((name for least, name in _SEVERITIES if score >= least), "low")
        far = self._far(expected)
        low = expected - far if expected > far else 0.0
        high = expected + far + 1.0
        if severity is not None:
            high = min(high, self._calm(count, total, expected))
            low = min(low, high)
        return Verdict(expected, low, high, score, severity, longest), surprise

    def _score(
        self, count: float, total: float | None, expected: float
    ) -> tuple[float, float, int]:
        """Score, surprise, and the length of the sum that is most surprising."""
        share = None
        if total is not None and total >= 0.0:
            share = self._share
            share.total = max(min(total, MOST_COUNT), count)
        unsure, age = self._usual.unsure, self._age + 1
        surprise, longest = self._sums.surprise(count, expected, unsure, age, share)
        if self._quick:
            surprise = max(0.0, surprise - self._quick)
        record = self._numbers[0] * (_IN_EVENT if self._held else 1.0)
        over = record - _BY_CHANCE
        score = surprise / (1.0 + _EXCESS * over) if over > 0.0 else surprise
        return score, surprise, longest

    def _rings(self, score: float) -> bool:
        return score >= self._rings_at and score >= self._rings_at + self._youth() and self.ready

    def _calm(self, count: float, total: float | None, expected: float) -> float:
        """The most, of a bucket that rings, that would not have rung beside the same other posts: 0
        where the buckets before it would have been enough."""
        calm, loud = 0, ceil(count)
        while loud - calm > 1:
            tried = (calm + loud) // 2
            beside = None if total is None else total - count + tried
            if self._rings(self._score(tried, beside, expected)[0]):
                loud = tried
            else:
                calm = tried
        self._score(count, total, expected)  # the share holds the bucket's own total again
        return float(calm)

    def _far(self, expected: float) -> float:
        """How far above the expectation a count is learnt, less one."""
        spread = (self._sums.dispersions[0] + self._usual.unsure) * expected
        return _BOUND * sqrt(expected * (1.0 + spread))

    def _youth(self) -> float:
        """How much the bar is raised while the spread of long sums rests on a few days."""
        left = _YOUNG_DAYS - self._age / self._day
        return max(0.0, left / (_YOUNG_DAYS - _SILENT_DAYS))

    def _remember(self, surprise: float, rang: bool) -> None:
        """Keeps the records: at once in an event, else some hours late, so that what grows slowly
        does not raise the bar for itself."""
        numbers = self._numbers
        numbers[0] *= self._fade
        if rang:
            self._held = self._hold
        if self._held:
            self._held -= 1
            numbers[0] = max(numbers[0], surprise)
        elif surprise > numbers[1] and self._age > _RECORDS_AFTER_DAYS * self._day:
            numbers[1] = surprise
        if self._age % (self._hold // 2 + 1) == 0:
            numbers[0] = max(numbers[0], numbers[2])
            numbers[2], numbers[1] = numbers[1], 0.0

    def _learn(self, count: float, total: float | None, expected: float) -> None:
        weight = _RINGING_LEARNS if self._held else 1.0
        most = expected + self._far(expected) + 1.0
        share = None
        if total is not None and total >= 0.0:
            share = self._share
            share.learn(count, weight)
        self._sums.add(count, expected, share.total if share else 0.0)
        if self._age > _SPREAD_AFTER_DAYS * self._day:
            self._sums.learn(self._age, self._usual.unsure, weight, share)
        bounded = count if count < most or self._age < 12 else most
        self._usual.learn(bounded, self._age, weight)

    def _skip(self, missing: int) -> None:
        for _ in range(min(missing, WINDOWS[-1] + 1)):
            self._sums.add(0.0, 0.0)
        self._numbers[0] *= self._fade ** min(missing, 1_000_000)

    def copy(self) -> "Detector":
        """Another one in the same state."""
        return Detector.restore(self.state())

    def state(self) -> dict[str, Any]:
        """Plain values that JSON can hold; some 5 kB."""
        return {
            "sensitivity": self.sensitivity,
            "seconds": self.seconds,
            "age": self._age,
            "held": self._held,
            "last": self._last,
            "records": list(self._numbers),
            "usual": self._usual.state(),
            "sums": self._sums.state(),
            "share": self._share.state(),
        }

    @classmethod
    def restore(cls, state: dict[str, Any], sensitivity: Sensitivity | None = None) -> "Detector":
        """From `state()`, with another sensitivity if wanted."""
        self = cls(sensitivity or state["sensitivity"], state["seconds"])
        self._age, self._held, self._last = state["age"], state["held"], state["last"]
        self._numbers = list(state["records"])
        self._usual.restore(state["usual"])
        self._sums.restore(state["sums"])
        self._share.restore(state["share"])
        return self
