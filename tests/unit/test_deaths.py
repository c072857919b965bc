"""The alert for a source whose posts die: when it opens, what it says, that it closes by itself."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.letters import DeadLetter
from streams.alerts.deaths import DeathWatch, judge, standing, volume
from streams.settings import Pipeline
from streams.store.port import Store
from streams.web.health import health
from tests.support.mentions import at, sqlite_case

NOW = at(7200)
SETTINGS = Pipeline(dead_share=0.1, dead_least=5)


def told(posts: int, hours: float = 1, connector: str = "rss") -> dict[str, Any]:
    started = NOW - timedelta(hours=hours)
    return {"posts": posts, "connector": connector, "started_at": started.isoformat()}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with sqlite_case(tmp_path) as case:
        yield case.store


def letters(count: int, seconds: float, source: str = "news") -> list[DeadLetter]:
    return [
        DeadLetter(
            id=f"{source}{n}",
            stage="collect",
            reason="w",
            place="p",
            raw=b"",
            at=at(seconds),
            source=source,
        )
        for n in range(count)
    ]


def test_share_and_least_count_decide() -> None:
    sources = {"news": told(90), "busy": told(2000), "old": told(2400, hours=24)}
    died = {"news": 11, "busy": 11, "old": 12, "few": 4, "": 5}
    found = judge(died, sources, NOW, SETTINGS)
    assert {name: alert.figures["share"] for name, alert in found.items()} == {
        "news": round(11 / 101, 4),
        "old": round(12 / 112, 4),
        "unknown": 1.0,
    }
    assert "11 posts of news" in found["news"].text
    assert "Remedy" in found["news"].text


def test_posts_are_counted_by_id_or_by_connector() -> None:
    sources = {"a": told(10), "b": told(20), "c": told(5, connector="file")}
    assert volume("a", sources, NOW) == 10
    assert volume("rss", sources, NOW) == 30
    assert volume("none", sources, NOW) is None
    assert volume("", sources, NOW) is None
    assert volume("odd", {"odd": {"posts": "x", "started_at": 3}}, NOW) == 0


async def test_an_alert_opens_stays_and_closes_by_itself(store: Store) -> None:
    watch = DeathWatch(store, SETTINGS)
    await store.put_state("source", "news", told(30))
    await watch.look(NOW)
    assert await standing(store) == []
    await store.add_dead_letters(letters(6, 7000))
    await watch.look(NOW + timedelta(seconds=20))
    (first,) = await standing(store)
    assert (first.kind, first.figures["dead"]) == ("dead-letters", 6)
    assert [one.text for one in (await health(store, now=NOW)).alerts] == [first.text]
    await store.add_dead_letters(letters(9, 7100))
    await watch.look(NOW + timedelta(seconds=40))
    (again,) = await standing(store)
    assert (again.since, again.figures["dead"]) == (first.since, 9)
    await store.put_state("alert", "ledger-imbalance", {})
    await watch.look(NOW + timedelta(hours=2))
    assert await standing(store) == []


async def test_an_alert_that_cant_be_read_is_shown_all_the_same(store: Store) -> None:
    await store.put_state("alert", "odd", {"text": "something is wrong", "since": 3})
    assert [one.text for one in await standing(store)] == ["something is wrong"]


async def test_what_is_dropped_or_replayed_no_longer_counts(store: Store) -> None:
    watch = DeathWatch(store, SETTINGS)
    await store.add_dead_letters(letters(6, 7000))
    await watch.look(NOW)
    assert len(await standing(store)) == 1
    await store.drop_dead_letters([one.id for one in letters(6, 0)])
    await watch.look(NOW + timedelta(seconds=5))
    assert len(await standing(store)) == 1, "it looks every 15 s"
    await watch.look(NOW + timedelta(seconds=20))
    assert await standing(store) == []
