"""The detector on made-up topics: silent in peace, awake in a crisis, once."""

import json
import math
from itertools import islice

import pytest

from streams.alerts.detector import RINGS_AT, Bucket, Detector
from streams.alerts.records import Sensitivity, Verdict
from streams.alerts.share import Share, share_test
from streams.alerts.tails import share_surprise, surprise
from tests.support.counts import DAY, MIDNIGHT, buckets, counts, season


def run(detector: Detector, series: list[Bucket]) -> list[Verdict]:
    return [detector.update(bucket) for bucket in series]


def rang(verdicts: list[Verdict]) -> list[int]:
    return [index for index, verdict in enumerate(verdicts) if verdict.severity]


@pytest.mark.parametrize(
    ("count", "mean", "dispersion", "tail"),
    [
        (1, 0.05, 0.0, 0.04877058),
        (3, 0.05, 0.5, 5.7e-5),
        (41, 20.0, 0.0, 2.541e-5),
        (60, 20.0, 0.2, 2.056e-3),
        (120, 80.0, 0.05, 0.0349),
    ],
)
def test_tails_are_those_of_the_laws(
    count: float, mean: float, dispersion: float, tail: float
) -> None:
    stats = pytest.importorskip("scipy.stats")
    law = stats.poisson(mean)
    if dispersion:
        law = stats.nbinom(1.0 / dispersion, 1.0 / (1.0 + dispersion * mean))
    exact = -math.log10(law.sf(count - 1))
    assert surprise(count, mean, dispersion) == pytest.approx(exact, rel=0.02, abs=0.01)
    assert 10.0**-exact == pytest.approx(tail, rel=0.35), "the case is what it seems"


def test_a_share_is_judged_by_the_binomial_law() -> None:
    stats = pytest.importorskip("scipy.stats")
    exact = -math.log10(stats.binom(20, 0.3).sf(13))
    assert share_surprise(14, 20, 0.3) == pytest.approx(exact, rel=0.1)
    assert share_test(14, 20, 0.3) < exact, "posts that are alike tell less"
    assert share_test(14, 20, 0.3, known=10) < share_test(14, 20, 0.3), "so does a short past"
    assert share_test(3, 20, 0.3) == 0.0


def test_silent_before_it_knows_and_useful_after_two_days() -> None:
    wild = Detector()
    early = [Bucket(MIDNIGHT + 300 * k, 1000 if k % 97 == 5 else 2) for k in range(2 * DAY)]
    assert rang(run(wild, early)) == []
    assert not Detector().ready

    quick = Detector()
    series = list(buckets(counts(20, 3, 5, spikes=[int(2.5 * DAY)])))
    found = rang(run(quick, series))
    assert found, "a threefold spike after two and a half days"
    assert int(2.5 * DAY) <= found[0] < int(2.5 * DAY) + 6


@pytest.mark.parametrize("rate", [0.05, 1.0, 20.0])
@pytest.mark.parametrize("dispersion", [0.0, 0.2])
def test_quiet_topics_ring_at_most_once_a_month(rate: float, dispersion: float) -> None:
    alarms = sum(
        len(rang(run(Detector(), list(buckets(counts(rate, 32, seed, dispersion=dispersion))))))
        for seed in range(2)
    )
    assert alarms <= 3, "in two months; one a month at most is the goal on the long average"


def test_a_threefold_spike_is_found_and_rings_once() -> None:
    start = 9 * DAY + 100
    verdicts = run(Detector(), list(buckets(counts(20, 10, 3, spikes=[start]))))
    found = [index for index in rang(verdicts) if start <= index < start + DAY]
    assert found, "missed"
    assert found[0] <= start + 5
    assert len(found) == 1, "one event rings once"


def test_the_season_is_no_alarm_and_is_learnt() -> None:
    detector = Detector()
    series = list(buckets(counts(50, 21, 4, seasonal=True)))
    assert len(rang(run(detector, series))) <= 1
    noon = MIDNIGHT + 22 * DAY * 300 + 43_200
    night = detector.peek(Bucket(noon - 12 * 3600 + 7200, 0)).expected
    assert detector.peek(Bucket(noon, 0)).expected > 2 * night


def test_a_slow_crisis_is_seen_by_its_sum() -> None:
    start = 9 * DAY
    series = list(buckets(counts(4, 9.5, 8, spikes=[start], times=1.8, lasting=72)))
    verdicts = run(Detector(), series)
    found = [index for index in rang(verdicts) if start <= index < start + 72]
    assert found
    assert verdicts[found[0]].buckets >= 12


def test_a_crisis_is_not_the_new_normal_in_an_hour_but_a_new_level_is_in_days() -> None:
    start = 9 * DAY
    detector = Detector()
    series = list(buckets(counts(20, 14, 6, spikes=[start], times=3.0, lasting=5 * DAY)))
    verdicts = run(detector, series)
    assert verdicts[start + 12].expected < 1.1 * verdicts[start - 1].expected
    assert verdicts[start + 4 * DAY].expected > 1.8 * verdicts[start - 1].expected
    assert len([index for index in rang(verdicts) if index >= start]) <= 3


def test_rare_topics_need_more_than_one_post_and_ring_for_ten() -> None:
    detector = Detector()
    quiet = [Bucket(MIDNIGHT + 300 * k, int(k % 41 == 0)) for k in range(4 * DAY)]
    assert rang(run(detector, quiet)) == []
    after = MIDNIGHT + 300 * 4 * DAY
    assert detector.peek(Bucket(after, 1)).severity is None
    assert detector.peek(Bucket(after, 10)).severity is not None


def test_peek_learns_nothing_and_foretells_the_update() -> None:
    detector = Detector()
    run(detector, list(buckets(counts(20, 6, 2))))
    before = detector.state()
    bucket = Bucket(MIDNIGHT + 300 * 6 * DAY, 150)
    early = detector.peek(bucket, 0.4)
    assert detector.state() == before
    assert early.severity
    full = detector.update(Bucket(bucket.start, 160))
    assert full.severity
    assert full.score >= early.score
    assert early.expected == pytest.approx(0.4 * full.expected)


def test_more_negatives_of_the_same_posts_count_by_their_share() -> None:
    detector = Detector()
    for index, count in enumerate(counts(3, 9, 7, dispersion=0.3)):
        detector.update(Bucket(MIDNIGHT + 300 * index, count, 4 * count + 2))
    at = MIDNIGHT + 300 * 9 * DAY
    for step in range(6):
        detector.update(Bucket(at + 300 * step, 6, 7))
    end = at + 300 * 6
    viral = detector.peek(Bucket(end, 6, 600)).score
    angry = detector.peek(Bucket(end, 6, 6)).score
    assert viral < angry


def test_the_usual_share_is_learnt() -> None:
    share = Share(DAY)
    for _ in range(300):
        share.total = 10.0
        share.learn(2.0, 1.0)
    assert share.usual == pytest.approx(0.2, abs=0.01)


def test_missing_buckets_are_unknown_not_empty() -> None:
    detector = Detector()
    run(detector, list(buckets(counts(20, 6, 2))))
    level = detector.peek(Bucket(MIDNIGHT + 300 * 9 * DAY, 0)).expected
    later = detector.update(Bucket(MIDNIGHT + 300 * 9 * DAY, 20))
    assert later.severity is None
    assert later.expected == pytest.approx(level)


@pytest.mark.parametrize(
    "bucket",
    [
        Bucket(math.nan, 1),
        Bucket(math.inf, 1),
        Bucket(MIDNIGHT + 1e7, math.nan),
        Bucket(MIDNIGHT + 1e7, -3),
        Bucket(MIDNIGHT, 4),
    ],
)
def test_what_can_not_be_learnt_from_changes_nothing(bucket: Bucket) -> None:
    detector = Detector()
    run(detector, list(islice(buckets(counts(5, 1, 1)), 100)))
    before = detector.state()
    assert detector.update(bucket).severity is None
    assert detector.state() == before


def test_an_absurd_count_does_not_spoil_what_follows() -> None:
    detector = Detector()
    series = list(buckets(counts(20, 8, 3)))
    series[5 * DAY] = Bucket(series[5 * DAY].start, 1e300)
    verdicts = run(detector, series)
    assert verdicts[5 * DAY].severity == "critical"
    assert verdicts[5 * DAY + 200].expected < 40


def test_the_state_is_small_plain_and_goes_on_alike() -> None:
    series = list(buckets(counts(8, 6, 9, dispersion=0.3, spikes=[1500])))
    detector = Detector("high")
    run(detector, series[:1400])
    text = json.dumps(detector.state())
    assert len(text) < 10_000
    again, copied = Detector.restore(json.loads(text)), detector.copy()
    rest = run(detector, series[1400:])
    assert run(again, series[1400:]) == rest
    assert run(copied, series[1400:]) == rest
    assert rang(rest)


def test_sensitivities_ring_in_their_order() -> None:
    series = list(buckets(counts(3, 30, 10, dispersion=0.8)))
    found: dict[Sensitivity, int] = {one: len(rang(run(Detector(one), series))) for one in RINGS_AT}
    assert found["low"] <= found["normal"] <= found["high"]


def test_weekdays_are_believed_where_they_repeat_and_only_there() -> None:
    saturday = MIDNIGHT + 300 * 26 * DAY + 43_200

    def expected(seasonal: bool) -> float:
        detector = Detector()
        run(detector, list(buckets(counts(50, 26, 11, dispersion=0.2, seasonal=seasonal))))
        return detector.peek(Bucket(saturday, 0)).expected

    assert expected(True) == pytest.approx(50 * season(26 * DAY + DAY // 2), rel=0.15)
    assert expected(False) == pytest.approx(50, rel=0.1)


def test_a_spike_of_a_lively_weekend_is_found_in_the_fourth_week() -> None:
    start = int(26.4 * DAY)
    found = 0
    for seed in range(4):
        spiky = counts(100, 27, seed, dispersion=0.2, seasonal=True, spikes=[start])
        rung = rang(run(Detector(), list(buckets(spiky))))
        found += any(start <= index < start + 8 for index in rung)
    assert found >= 3


@pytest.mark.parametrize(("count", "total"), [(150, None), (75, None), (60, 62.0)])
def test_the_band_told_with_a_ring_does_not_contradict_it(
    count: float, total: float | None
) -> None:
    detector = Detector()
    for index, usual in enumerate(counts(20, 9, 2, dispersion=0.2)):
        others = None if total is None else 4.0 * usual + 20.0
        detector.update(Bucket(MIDNIGHT + 300 * index, usual, others))
    at = MIDNIGHT + 300 * 9 * DAY
    for step in range(6):
        verdict = detector.peek(Bucket(at + 300 * step, count, total))
        if verdict.severity:
            break
        detector.update(Bucket(at + 300 * step, count, total))
    assert verdict.severity
    assert verdict.low <= verdict.high < count
    beside = None if total is None else total - count + verdict.high
    fewer = detector.peek(Bucket(at + 300 * step, verdict.high, beside))
    assert fewer.severity is None, "what is told as usual does not ring"
