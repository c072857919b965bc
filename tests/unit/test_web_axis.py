"""Marks of a time axis by the reader's clock, also where clocks change."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.web.axis import MARKS, axis, marks
from streams.web.i18n import reading_for
from streams.web.visitor import Language, Visitor

PARIS = Visitor(zone="Europe/Paris")


def at(year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def words(since: datetime, until: datetime, visitor: Visitor = PARIS) -> list[str]:
    with reading_for(visitor):
        return [word for _, word in marks(since, until)]


def test_the_hour_that_clocks_skip_has_no_mark() -> None:
    assert words(at(2026, 3, 28, 22), at(2026, 3, 29, 4)) == [
        "23:00", "29 Mar", "01:00", "03:00", "04:00", "05:00", "06:00",
    ]  # fmt: skip


def test_the_hour_that_clocks_show_twice_has_two() -> None:
    since, until = at(2026, 10, 24, 22), at(2026, 10, 25, 4)
    assert words(since, until) == [
        "25 Oct", "01:00", "02:00", "02:00", "03:00", "04:00", "05:00",
    ]  # fmt: skip
    with reading_for(PARIS):
        found = [ms for ms, _ in marks(since, until)]
    apart = {later - earlier for earlier, later in itertools.pairwise(found)}
    assert apart == {3_600_000}, "an hour is as wide as any other"


def test_days_begin_at_midnight_of_the_reader_across_the_change() -> None:
    with reading_for(PARIS):
        found = marks(at(2026, 3, 27), at(2026, 4, 3))
    hours = [datetime.fromtimestamp(ms / 1000, UTC).hour for ms, _ in found]
    assert hours == [23, 23, 22, 22, 22, 22, 22]


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "2 Mar"), ("fr", "2 mars"), ("ru", "2 мар.")],
)
def test_days_are_named_in_the_reader_s_language(language: Language, said: str) -> None:
    reader = Visitor(zone="Europe/Paris", language=language)
    assert words(at(2026, 3, 1), at(2026, 4, 1), reader)[0] == said, "a Monday"


def test_a_zone_of_quarter_hours_has_round_hours() -> None:
    found = words(at(2026, 3, 1), at(2026, 3, 1, 6), Visitor(zone="Asia/Kathmandu"))
    assert found[:2] == ["06:00", "07:00"]


@settings(deadline=None)
@given(
    st.integers(-2_000_000_000, 4_000_000_000),
    st.timedeltas(timedelta(seconds=10), timedelta(days=40_000)),
    st.sampled_from(["UTC", "Europe/Paris", "America/Sao_Paulo", "Pacific/Apia"]),
)
def test_any_span_has_few_marks_in_order_within_it(begins: int, span: timedelta, zone: str) -> None:
    since = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=begins)
    with reading_for(Visitor(zone=zone)):
        found = marks(since, since + span)
    moments = [ms for ms, _ in found]
    assert moments == sorted(set(moments))
    assert len(moments) <= MARKS + 2
    assert all(since.timestamp() * 1000 <= ms + 1 for ms in moments)


@pytest.mark.parametrize("since", [datetime.min.replace(tzinfo=UTC), at(9999, 12, 31)])
def test_the_ends_of_time_do_no_harm(since: datetime) -> None:
    words(since, datetime.max.replace(tzinfo=UTC))


def test_the_axis_says_each_mark_s_words() -> None:
    with reading_for(PARIS):
        found = axis(at(2026, 3, 28, 22), at(2026, 3, 29, 4))
    assert found["axis"]["labelExpr"].startswith('({"17747')
    assert '"03:00"' in found["axis"]["labelExpr"]
