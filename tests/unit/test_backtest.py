"""Alarms of a topic's own history: replayed, shown, told to programs."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from streams.alerts.around import around
from streams.alerts.backtest import answers, past, replayed
from streams.alerts.watching import Watching
from streams.store.sqlite import SqliteStore
from streams.web.app import create_app
from tests.browser.site import HOSTILE, TOPICS, mention
from tests.support import outcry
from tests.support.mentions import opened

NOW = datetime.now(UTC).replace(microsecond=0, second=0)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        yield store


@pytest.fixture
async def client(store: SqliteStore) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(store, topics=TOPICS)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8420") as client:
        yield client


async def fill(store: SqliteStore, *, until: datetime = NOW, angry: float = 40.0) -> None:
    made = outcry.mentions(until, days=9, angry=angry)
    for first in range(0, len(made), 500):
        await store.write(made[first : first + 500])


async def test_a_crisis_of_the_past_would_have_rung(store: SqliteStore) -> None:
    end = NOW - timedelta(days=400)
    await fill(store, until=end)
    known = await past(store, "kestrel", now=NOW, since=timedelta(days=30))
    assert known is not None
    found = answers(known, Watching())
    assert list(found) == ["low", "normal", "high"]
    alarm = found["normal"].alarms[-1]
    assert alarm.kind == "negative-spike"
    assert timedelta(0) < alarm.opened_at - (end - timedelta(hours=2)) <= timedelta(minutes=40)
    assert len(found["low"].alarms) <= len(found["normal"].alarms) <= len(found["high"].alarms)
    assert found["normal"].a_week == len(found["normal"].alarms) / known.weeks


async def test_only_the_time_asked_for_is_judged(store: SqliteStore) -> None:
    await fill(store, until=NOW)
    await store.write([mention(99_999, at=NOW + timedelta(days=900))])  # moves no clock
    known = await past(store, "kestrel", now=NOW, since=timedelta(minutes=30))
    assert known is not None
    assert known.until <= NOW.timestamp() + 300
    assert all(one.opened_at.timestamp() >= known.judged_from for one in
               replayed(known, Watching()).alarms)  # fmt: skip
    assert 0 < known.weeks < 0.01


async def test_a_topic_that_is_young_or_unknown(store: SqliteStore) -> None:
    assert await past(store, "kestrel", now=NOW) is None
    await store.write([mention(1, at=NOW - timedelta(hours=3)), mention(2, at=NOW)])
    known = await past(store, "kestrel", now=NOW + timedelta(seconds=1))
    assert known is not None
    assert known.weeks == 0
    assert replayed(known, Watching()).alarms == []
    assert replayed(known, Watching()).a_week == 0


async def test_the_chart_knows_what_was_usual(store: SqliteStore) -> None:
    await fill(store)
    found = await around(store, outcry.incident(NOW), now=NOW)
    assert found.negative
    assert 30 < len(found.steps) <= 121
    inside = [s for s in found.steps if s.start >= (NOW - timedelta(hours=2)).timestamp()]
    assert any(s.neg > s.high for s in inside)
    for step in found.steps:
        assert step.expected is not None
        assert step.low <= step.expected <= step.high + 1
    before = [s for s in found.steps if s not in inside]
    assert sum(s.neg > s.high for s in before) <= 3
    long = outcry.incident(NOW, began_at=NOW - timedelta(days=6))
    assert len((await around(store, long, now=NOW)).steps) <= 121


async def test_the_chart_of_a_topic_without_history(store: SqliteStore) -> None:
    found = await around(store, outcry.incident(NOW), now=NOW)
    assert {(s.total, s.expected) for s in found.steps} == {(0, None)}


async def test_the_page_has_all_three_answers(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await fill(store)
    page = (await client.get("/backtest?topic=kestrel&days=30")).text
    assert re.findall(r'data-answer="(\w+)"( hidden)?', page) == [
        ("low", " hidden"), ("normal", ""), ("high", " hidden"),
    ]  # fmt: skip
    page = (await client.get("/backtest?topic=kestrel&days=30&sensitivity=high")).text
    assert re.findall(r'data-answer="(\w+)">?', page)
    assert '<section class="answer" data-answer="high" aria' in page
    svg = await client.get("/backtest/chart.svg?topic=kestrel&days=30&sensitivity=high")
    assert "<svg" in svg.text
    assert (await client.get("/backtest/chart.svg?topic=none")).status_code == 404


async def test_the_page_teaches_where_there_is_nothing(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    assert "choose one" in (await client.get("/backtest")).text
    assert "Nothing is stored" in (await client.get("/backtest?topic=kestrel")).text
    await store.write([mention(1, topic="rival")])
    assert "Too little is known" in (await client.get("/backtest?topic=rival")).text
    hostile = await client.get("/backtest", params={"topic": f"<script>{HOSTILE}"})
    assert hostile.status_code == 200
    assert "<script>alert" not in hostile.text
    assert "<script>document" not in hostile.text


@pytest.mark.parametrize("query", ["days=0", "days=x", "days=9999", "sensitivity=x", "x=1"])
async def test_wrong_questions_are_explained(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/backtest?topic=kestrel&{query}")).status_code == 400
    answer = await client.get(f"/api/v1/backtest?topic=kestrel&{query}")
    assert answer.status_code == 400
    assert answer.json()["problems"]


async def test_the_api_tells_the_same(store: SqliteStore, client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/backtest")).status_code == 400
    assert (await client.get("/api/v1/backtest?topic=kestrel")).status_code == 404
    await fill(store)
    answer = (await client.get("/api/v1/backtest?topic=kestrel&days=60")).json()
    assert list(answer["answers"]) == ["low", "normal", "high"]
    assert answer["answers"]["normal"]["alarms"][-1]["kind"] == "negative-spike"
    assert 0.8 < answer["weeks"] < 1.0
