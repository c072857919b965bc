"""Whom history calls: nobody, and for its own topic as good as nobody at first."""

from datetime import timedelta
from pathlib import Path

import pytest

from connectors.post import utc_now
from streams.alerts.past import is_past, note_past
from tests.support.alerts import incident
from tests.support.mentions import opened

NOW = utc_now()
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("topic", "noted", "age", "past"),
    [
        ("brand", 0 * HOUR, 2 * HOUR, True),
        ("brand", 0 * HOUR, HOUR / 2, False),
        ("brand", 30 * HOUR, 2 * HOUR, False),
        ("brand", 30 * HOUR, 25 * HOUR, True),
        ("brand", 200 * HOUR, 25 * HOUR, False),
        ("rival", 0 * HOUR, 25 * HOUR, False),
        ("", 0 * HOUR, 2 * HOUR, False),
        ("", 0 * HOUR, 25 * HOUR, True),
    ],
)
async def test_an_incident_is_of_the_past(
    tmp_path: Path, topic: str, noted: timedelta, age: timedelta, past: bool
) -> None:
    async with opened(tmp_path / "veille.sqlite3") as store:
        await note_past(store, "work", NOW - noted, topic=topic)
        one = incident(1, topic="brand", opened_at=NOW - age)
        assert await is_past(store, one, NOW) is past
