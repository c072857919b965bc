"""Gaps of sources: kept once, drawn where they are."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.base import Gap
from connectors.state import SourceState
from streams.connect import States
from streams.source_gaps import KEPT, SOURCE_GAPS, note, shades
from streams.store.port import Bucket
from streams.store.sqlite import SqliteStore
from streams.web import charts

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def gap(since: str, until: str, reason: str = "the feed moved on") -> Gap:
    return Gap(since=since, until=until, reason=reason)


async def test_gaps_outlive_a_restart_and_are_kept_once(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "veille.sqlite3")
    await store.open()
    try:
        lost = gap("2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z")
        for _ in range(2):  # as after a restart
            states = States(store)
            states.note(SourceState(id="news", connector="rss", state="running", gaps=[lost]))
            await states.flush()
        (found,) = await shades(store, NOON - 6 * HOUR, NOON)
        assert (found.source, found.begins, found.ends) == ("news", NOON - 2 * HOUR, NOON - HOUR)
        assert await shades(store, NOON, NOON + HOUR) == []
    finally:
        await store.close()


async def test_places_that_only_the_source_knows_are_shown_when_they_were_told(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path / "veille.sqlite3")
    await store.open()
    try:
        await note(store, "hn", [gap("41", "97"), gap("41", "2026-06-01T11:00:00Z")], NOON)
        first, second = await shades(store, NOON - HOUR - HOUR, NOON + HOUR)
        assert (second.ends, second.begins) == (NOON, NOON - timedelta(minutes=1))
        assert first.ends == NOON - HOUR
        await store.put_state(SOURCE_GAPS, "odd", {"gaps": [{"since": 5}]})
        assert len(await shades(store, NOON - 2 * HOUR, NOON + HOUR)) == 2
        await note(store, "hn", [gap(str(n), str(n + 1)) for n in range(150)], NOON)
        kept = (await store.states(SOURCE_GAPS))["hn"]["gaps"]
        assert len(kept) == KEPT
    finally:
        await store.close()


async def test_a_gap_is_shaded_within_the_chart(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "veille.sqlite3")
    await store.open()
    try:
        await note(store, "news", [gap("2026-06-01T01:00:00Z", "2026-06-01T11:00:00Z")], NOON)
        found = await shades(store, NOON - 6 * HOUR, NOON)
    finally:
        await store.close()
    bucket = Bucket(start=NOON - HOUR, total=2, neg=2)
    spec = charts.over_time([bucket], since=NOON - 6 * HOUR, until=NOON, step=HOUR, gaps=found)
    (shaded,) = spec["layer"][0]["data"]["values"]
    assert shaded["t"] == int((NOON - 6 * HOUR).timestamp() * 1000)
    assert shaded["e"] == int((NOON - HOUR).timestamp() * 1000)
    drawn = await charts.Drawings().svg(spec, theme="light", width=300)
    assert "#8a94a3" in drawn
    assert charts.COLOURS["light"]["neg"] in drawn
