from datetime import UTC, datetime, timedelta, timezone

import pytest

from connectors import times

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MOMENT = datetime(2026, 5, 30, 10, 20, 30, tzinfo=UTC)
EPOCH = 1780136430


@pytest.mark.parametrize(
    "value",
    [
        *("2026-05-30T10:20:30Z", "2026-05-30T12:20:30+02:00", "2026-05-30 10:20:30"),
        *("2026-05-30T10:20:30", "20260530T102030Z", " 2026-05-30T10:20:30.000000000Z "),
        *("Sat, 30 May 2026 10:20:30 GMT", "Mon, 30 May 2026 06:20:30 EDT"),
        *("30 May 26 10:20:30 +0000", "Sat, 30 May 2026 10:20:30 -0000"),
        *(EPOCH, float(EPOCH), str(EPOCH), EPOCH * 1000, EPOCH * 10**6, str(EPOCH * 10**9)),
        *(MOMENT, MOMENT.replace(tzinfo=None), MOMENT.astimezone(timezone(timedelta(hours=9)))),
    ],
)
def test_dialects(value: object) -> None:
    parsed = times.parse(value, now=NOW)
    assert parsed == MOMENT
    assert parsed.tzinfo is UTC


def test_leap_seconds() -> None:
    assert times.parse("2016-12-31T23:59:60Z", now=NOW).second == 59


def test_the_future_is_now() -> None:
    assert times.parse("2026-06-03T00:00:00Z", now=NOW) == NOW


@pytest.mark.parametrize(
    "value",
    [
        *("0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z", -5),
        *("", "soon", None, True, [], {}, "9" * 100, 10**400, float("nan"), float("inf"), "1e400"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "Thu, 99 Foo 2026", "\x00"),
        *("2026-13-01", "nan", "Sat, 30 May 2026 10:20:30 +999999999999"),
    ],
)
def test_nonsense_is_a_clear_error(value: object) -> None:
    with pytest.raises(ValueError, match="time") as caught:
        times.parse(value, now=NOW)
    assert len(str(caught.value)) < 200
    assert times.parse_or(value, MOMENT, now=NOW) == MOMENT
