"""Whatever comes in, the detector holds on to what it promises."""

import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.alerts.detector import MOST_COUNT, Bucket, Detector
from streams.alerts.tails import share_surprise, surprise
from tests.support.counts import MIDNIGHT, buckets, counts

numbers = st.floats(allow_nan=True, allow_infinity=True)
small = st.integers(0, 400)
odd = st.builds(Bucket, numbers, numbers, st.none() | numbers)
even = st.lists(st.tuples(small, small), max_size=200)


def trained(days: float = 3.0) -> Detector:
    detector = Detector()
    for bucket in buckets(counts(4, days, 1, dispersion=0.3)):
        detector.update(bucket)
    return detector


TRAINED = trained().state()
AFTER = MIDNIGHT + 3 * 86_400


def size(value: object) -> int:
    """Numbers within."""
    if isinstance(value, dict):
        return sum(size(one) for one in value.values())
    return sum(size(one) for one in value) if isinstance(value, list) else 1


@given(st.lists(odd, max_size=30))
def test_never_raises_and_stays_finite(series: list[Bucket]) -> None:
    detector = Detector.restore(TRAINED)
    for bucket in series:
        for verdict in (detector.peek(bucket), detector.update(bucket)):
            assert all(map(math.isfinite, (verdict.expected, verdict.low, verdict.high)))
            assert 0.0 <= verdict.score < 1000.0
            assert verdict.low <= verdict.high
            assert verdict.severity is None or verdict.high <= min(bucket.count, MOST_COUNT)
    assert size(detector.state()) == size(TRAINED)
    json.dumps(detector.state(), allow_nan=False)


@given(even, st.sampled_from(["low", "normal", "high"]), st.sampled_from([60, 300, 3600]))
@settings(max_examples=50)
def test_the_same_buckets_give_the_same_verdicts_after_any_restart(
    series: list[tuple[int, int]], sensitivity: str, seconds: int
) -> None:
    one = Detector(sensitivity, seconds)  # type: ignore[arg-type] # one of the three
    other = Detector(sensitivity, seconds)  # type: ignore[arg-type] # one of the three
    for index, (count, more) in enumerate(series):
        bucket = Bucket(index * seconds, count, count + more)
        verdict = one.update(bucket)
        other = Detector.restore(json.loads(json.dumps(other.state())))
        assert other.update(bucket) == verdict
    assert one.state() == other.state()


@given(even, small, small, small)
@settings(max_examples=100)
def test_more_in_a_bucket_never_lowers_its_score(
    series: list[tuple[int, int]], count: int, more: int, others: int
) -> None:
    detector = Detector.restore(TRAINED)
    for index, (came, rest) in enumerate(series):
        detector.update(Bucket(AFTER + 300 * index, came, came + rest))
    at = AFTER + 300 * len(series)
    fewer = detector.peek(Bucket(at, count, count + others)).score
    assert detector.peek(Bucket(at, count + more, count + more + others)).score >= fewer - 1e-9
    assert detector.peek(Bucket(at, count)).score <= detector.peek(Bucket(at, count + more)).score


@given(st.floats(0.001, 1e6), st.floats(0.0, 5.0), st.integers(0, 10_000), st.integers(1, 1000))
def test_tails_rise_with_the_count(mean: float, dispersion: float, count: int, more: int) -> None:
    assert surprise(count, mean, dispersion) <= surprise(count + more, mean, dispersion) + 1e-9


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.01, 0.99), st.floats(0.0, 1.0))
def test_shares_rise_with_the_count(count: int, others: int, share: float, spread: float) -> None:
    fewer = share_surprise(count, count + others, share, spread)
    assert fewer <= share_surprise(count + 1, count + others + 1, share, spread) + 1e-9
