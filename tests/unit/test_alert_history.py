"""What is usual is learned alike, whether its hours were judged or only learned."""

import pytest

from streams.alerts.history import History
from streams.alerts.hours import HOUR, Usual
from streams.alerts.records import BUCKET_SECONDS, Counts
from streams.alerts.watching import Watching
from tests.support.crisis import counts

LATER = 2**40


def taken(found: dict[int, Counts], judged_from: int) -> History:
    history = History(min(found), judged_from)
    assert history.take(found, max(found) + BUCKET_SECONDS, 5.0, Watching())
    return history


def states(history: History) -> dict[int, tuple[Usual | None, tuple[float, float, float]]]:
    last = history.last // HOUR * HOUR
    hours = range(last - 80 * HOUR, last + HOUR, HOUR)
    return {at: (history.usual(at), history.expected(at)) for at in hours}


@pytest.mark.parametrize(("days", "rate", "seed"), [(2, 3, 1), (9, 0.2, 2), (24, 6, 3)])
def test_hours_that_are_only_learned_teach_what_judged_ones_do(
    days: int, rate: float, seed: int
) -> None:
    found = counts(days=days, rate=rate, seed=seed, crisis=(days - 1.0, 1.5, 8))
    judged, learned = taken(found, 0), taken(found, LATER)
    partly = taken(found, max(found) - 30 * HOUR - 7 * BUCKET_SECONDS)
    assert states(learned) == states(judged) == states(partly)
    assert not learned.readings
    since = partly.judged_from
    assert partly.readings == {at: one for at, one in judged.readings.items() if at >= since}


def test_quarters_of_an_hour_teach_what_their_buckets_do() -> None:
    found = counts(days=12, rate=4, seed=5, crisis=(10.2, 2, 7))
    quarters: dict[int, Counts] = {}
    for at, one in found.items():
        start = at // (3 * BUCKET_SECONDS) * 3 * BUCKET_SECONDS
        known = quarters.get(start, Counts())
        quarters[start] = Counts(known.total + one.total, known.pos + one.pos, known.neg + one.neg)
    end = max(found) // HOUR * HOUR
    plain, coarse = History(min(found), LATER), History(min(quarters), LATER)
    people_less = {at: Counts(one.total, one.pos, one.neg) for at, one in found.items()}
    assert plain.take(people_less, end, 5.0, Watching())
    assert coarse.take(quarters, end, 5.0, Watching())
    assert plain.usual(end) == coarse.usual(end)
