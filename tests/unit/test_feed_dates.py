from datetime import UTC, datetime

import pytest

from connectors.local_dates import read_date

NOW = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "Fri, 12 Jun 2026 14:05:00 GMT",
        "Mon, 12 Jun 2026 14:05:00 GMT",  # no Monday
        "12 Jun 26 14:05 UT",
        "Fri, 12 June 2026 10:05:00 EDT",
        "Fri, 12 Jun 2026 16:05:00 +0200",
        "2026-06-12T14:05:00Z",
        "2026-06-12 14:05:00",
        "2026-06-12T16:05:00+02:00",
        "1781273100",
        "12 juin 2026 à 14h05",
        "vendredi 12 juin 2026 - 14:05",
        "ven., 12 juin 2026 16:05:00 +0200",
        "12 июня 2026, 14:05",
        "Пт, 12 июн 2026 17:05:00 +0300",
        "12 июня 2026 г. в 17:05 МСК",
        "June 12, 2026 2:05 PM",
        "Jun. 12th, 2026, 02:05 pm",
        "12. Juni 2026 14:05",
        "12 de junio de 2026 14:05",
        "12.06.2026 14:05",
        "12/06/2026 14:05",
        "06/13/2026 14:05",
        ">Fri, 12 Jun 2026 14:05:00 GMT",
    ],
)
def test_dates_as_feeds_write_them(text: str) -> None:
    day = 13 if "13" in text[:5] else 12
    assert read_date(text, NOW) == datetime(2026, 6, day, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "12 smarch 2026", "31 juin 2026", "99/99/2026"])
def test_what_names_no_moment(text: str) -> None:
    assert read_date(text, NOW) is None
