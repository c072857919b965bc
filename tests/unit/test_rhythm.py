from datetime import UTC, datetime, timedelta

from connectors.rhythm import (
    UNPACED,
    Bounds,
    Pace,
    after_error,
    after_visit,
    max_age,
    next_visit,
    read_pace,
    skipped,
    written,
)

NOW = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)  # a Monday
BOUNDS = Bounds(60, 3600)


def test_the_first_rest_is_half_of_what_lies_between_entries() -> None:
    moments = [NOW - timedelta(minutes=20 * n) for n in range(10)]
    assert after_visit(0, 10, 10, moments, BOUNDS) == 600
    assert after_visit(0, 1, 1, moments[:1], BOUNDS) == 300
    assert after_visit(0, 10, 10, [NOW] * 10, BOUNDS) == 60


def test_news_quicken_and_silence_slows() -> None:
    assert after_visit(800, 0, 20, [], BOUNDS) == 1200
    assert after_visit(800, 3, 20, [], BOUNDS) == 400
    assert after_visit(800, 10, 20, [], BOUNDS) == 200
    assert after_visit(3000, 0, 20, [], BOUNDS) == 3600
    assert after_error(0, BOUNDS) == 300
    assert after_error(3000, BOUNDS) == 3600


def test_a_silent_feed_becomes_seldom_and_wakes_up() -> None:
    rest = 60.0
    for _ in range(20):
        rest = after_visit(rest, 0, 20, [], BOUNDS)
    assert rest == 3600
    for _ in range(4):
        rest = after_visit(rest, 15, 20, [], BOUNDS)
    assert rest == 60


def test_hours_and_days_not_to_be_asked_in() -> None:
    pace = Pace(skip_hours=frozenset({12, 13}))
    assert next_visit(NOW, 60, pace, 0) == NOW.replace(hour=14, minute=0)
    weekend = Pace(skip_days=frozenset({0, 1}))
    assert next_visit(NOW, 60, weekend, 0) == datetime(2026, 6, 3, tzinfo=UTC)
    assert skipped(written(pace)).skip_hours == pace.skip_hours
    assert written(UNPACED) == ""


def test_jitter_is_a_tenth_at_most() -> None:
    assert next_visit(NOW, 100, UNPACED, 0.999) - NOW < timedelta(seconds=110)


def test_what_feeds_and_answers_say() -> None:
    assert max_age({"cache-control": "public, Max-Age=600"}) == 600
    assert max_age({"cache-control": "no-store"}) == 0
    pace = read_pace(" 30 ", ["0", "24", "5"], ["Monday", "sunday ", "Someday"])
    assert (pace.ttl, pace.skip_hours, pace.skip_days) == (
        1800,
        frozenset({0, 5}),
        frozenset({0, 6}),
    )
    assert read_pace("soon", [str(n) for n in range(24)], []) == UNPACED
