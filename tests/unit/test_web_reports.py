"""The report of a week: its period, its figures against those counted by hand, its page."""

import re
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest

from connectors.base import Gap
from connectors.post import Author
from streams.errors import ConfigError, VeilleError
from streams.learning.intervals import wilson
from streams.records import Mention
from streams.settings import Settings
from streams.source_gaps import note
from streams.store.sqlite import SqliteStore
from streams.web.app import create_app
from streams.web.filters import BadFilter
from streams.web.reports import paper
from streams.web.reports.alone import page_of
from streams.web.reports.asked import Asked, read
from streams.web.reports.change import Share
from streams.web.reports.days import by_days, step_for
from streams.web.reports.figures import Report, report
from tests.browser.site import TOPICS, hostile, mention
from tests.support import outcry
from tests.support.mentions import opened

PARIS = ZoneInfo("Europe/Paris")
MONDAY = datetime(2026, 3, 23, tzinfo=PARIS).astimezone(UTC)  # its Sunday has 23 hours
NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        yield store


@pytest.fixture
async def client(store: SqliteStore) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(store, topics=TOPICS), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8420") as client:
        yield client


def asked(**given: str) -> Asked:
    return read(list(given.items()), zone="Europe/Paris", now=NOW)


def at(hours: float, n: int, **more: Any) -> Mention:
    """A mention so many hours after Monday."""
    return mention(n, at=MONDAY + timedelta(hours=hours), **more)


async def made(store: SqliteStore, **given: str) -> Report:
    return await report(store, asked(week="2026-W13", **given), now=NOW)


def test_a_week_is_one_by_the_readers_clock() -> None:
    week = asked(week="2026-W13")
    assert (week.since, week.until) == (MONDAY, MONDAY + timedelta(hours=7 * 24 - 1))
    assert week.before.since == MONDAY - timedelta(days=7)
    assert week.before.until == MONDAY
    assert asked().week == "2026-W13", "the last full one"
    assert asked(since="2026-03-01", until="2026-03-03").days == 2


@pytest.mark.parametrize(
    "given",
    [
        {"week": "2026-W54"},
        {"week": "soon"},
        {"week": "9999-W52"},
        {"week": "2026-W13", "since": "2026-03-01"},
        {"since": "2026-03-01"},
        {"since": "2026-03-09", "until": "2026-03-02"},
        {"since": "2025-01-01", "until": "2026-03-02"},
        {"since": "0001-01-01", "until": "0001-01-02"},
        {"sentiment": "neg"},
        {"topic": "x" * 400},
    ],
)
def test_what_can_not_be_read_is_told(given: dict[str, str]) -> None:
    with pytest.raises(BadFilter):
        asked(**given)


async def test_headline_figures_are_those_counted_by_hand(store: SqliteStore) -> None:
    big = {"author": Author(id="b", handle="big", followers=1_000)}
    await store.write([at(n, n, sentiment="neg") for n in range(30)])
    await store.write([at(30 + n, 100 + n, sentiment="pos", **big) for n in range(10)])
    await store.write([at(-100 + n, 200 + n, sentiment="neu") for n in range(20)])
    await store.write([at(167.5, 300), at(-168.5, 301)])  # the weeks after and before
    found = await made(store)
    assert (found.now.total, found.now.neg, found.now.pos) == (40, 30, 10)
    assert (found.before.total, found.before.neg) == (20, 0)
    assert found.negative.value == 0.75
    assert found.negative.ends == wilson(30, 40)
    assert found.negative.clear
    assert found.reach[0] == 1_000
    assert found.authors_count[0] == 8
    assert found.posts[0].author == "big"
    assert sum(day.count.total for day in found.days) == 40


def test_days_are_the_calendars(store: SqliteStore) -> None:
    week = asked(week="2026-W13")
    days = by_days([], week.since, week.until, PARIS)
    assert [day.first.isoformat()[5:] for day in days] == [f"03-{n}" for n in range(23, 30)]
    assert days[-1].ends - days[-1].begins == timedelta(hours=23)
    quarter = asked(since="2026-01-01", until="2026-04-01")
    assert len(by_days([], quarter.since, quarter.until, PARIS)) == 13


@pytest.mark.parametrize(
    ("zone", "hours"),
    [("Europe/Paris", 1), ("Asia/Kathmandu", 0.25), ("Australia/Lord_Howe", 0.25)],
)
def test_no_bucket_lies_in_two_days(zone: str, hours: float) -> None:
    week = read([("week", "2026-W14")], zone=zone, now=NOW)  # Lord Howe turns its clocks by 30 min
    assert step_for(week.since, week.until, week.tz) == timedelta(hours=hours)


async def test_the_loudest_come_first_each_once_with_the_latest_post(store: SqliteStore) -> None:
    """Ten topics tell who is loud enough to be looked at; one topic does not, and its hours do."""
    names = [f"a{n}" for n in range(12)]
    for n, name in enumerate(names):
        who = {"author": Author(id=name, handle=name, followers=100 * (n + 1))}
        topics = [f"t{n % 10}", "all"]
        await store.write(
            [
                at(hour, 100 * n + 2 * part + part, topic=topic, **who)
                for part, topic in enumerate(topics)
                for hour in (n, 50 + n)
            ]
        )
    wide, narrow = await made(store), await made(store, topic="all")
    loud = names[:-9:-1]
    assert [one.author for one in wide.posts] == loud
    assert [one.author for one in narrow.posts] == loud
    assert wide.posts[0].created_at == narrow.posts[0].created_at


def test_no_change_is_made_of_chance() -> None:
    small = Share(hits=3, of=10, hits_before=1, of_before=10)
    large = Share(hits=300, of=1000, hits_before=100, of_before=1000)
    assert (small.clear, large.clear) == (False, True)
    low, high = large.change_ends
    assert low == pytest.approx(0.1656, abs=2e-3)  # Newcombe, method 10
    assert high == pytest.approx(0.2335, abs=2e-3)
    assert not Share(hits=1, of=1, hits_before=0, of_before=0).clear


async def test_stories_of_both_tones(store: SqliteStore) -> None:
    def told(n: int, story: str, **more: Any) -> Mention:
        return msgspec.structs.replace(at(n, n, **more), story=story)

    await store.write([told(n, "bad", sentiment="neg", text="Kestrel strike") for n in range(6)])
    await store.write(
        [told(n, "good", sentiment="pos", text="Kestrel cake") for n in range(10, 13)]
    )
    await store.write([at(-50 - n, 50 + n, text="Kestrel lounge") for n in range(10)])
    found = await made(store)
    assert [(one.total, one.post.text) for one in found.stories["neg"]] == [(6, "Kestrel strike")]
    assert [(one.total, one.post.text) for one in found.stories["pos"]] == [(3, "Kestrel cake")]


async def test_new_words_are_those_the_week_before_had_not(store: SqliteStore) -> None:
    usual = "Kestrel lounge coffee gate seat crew smile luggage queue"
    await store.write([at(n, n, text=f"{usual} strike") for n in range(100)])
    await store.write([at(-n - 1, 200 + n, text=f"{usual} cake") for n in range(100)])
    assert [term.text for term in (await made(store)).terms] == ["queue strike"]


async def test_topics_keep_to_themselves(store: SqliteStore) -> None:
    await store.write([at(n, n) for n in range(5)])
    await store.write([at(n, 10 + n, topic="rival") for n in range(7)])
    await outcry.tell(store, outcry.incident(MONDAY + timedelta(hours=30)))
    alone = await made(store, topic="rival")
    assert (alone.now.total, alone.incidents) == (7, [])
    both = await made(store)
    assert [(voice.topic, voice.now.total) for voice in both.voices] == [
        ("rival", 7),
        ("kestrel", 5),
    ]
    assert [one.topic for one in both.incidents] == ["kestrel"]
    assert sum(day.marks.count(1) for day in both.days) == 1


async def test_the_page_says_it_all_and_loads_nothing(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await store.write([at(n, n, sentiment="neg", url="https://example.org/p") for n in range(9)])
    await store.write([hostile(99, at=MONDAY + timedelta(hours=5))])
    await outcry.tell(store, outcry.incident(MONDAY + timedelta(hours=30)))
    gap = Gap(since="2026-03-25T00:00:00Z", until="2026-03-25T09:00:00Z", reason="it was away")
    await note(store, "rss", [gap], NOW)
    answer = await client.get("/reports/weekly?week=2026-W13&tz=Europe/Paris")
    page = answer.text
    assert answer.status_code == 200
    assert 'data-figure="total">10<' in page
    assert "it was away" in page
    assert "82 negative mentions" in page
    assert page.count("<svg ") == 1, "one topic has no share of voice"
    assert re.findall(r"<script(?![^>]*\bsrc=\"/)", page) == []
    assert re.findall(r"<[^>]+\s(?:on\w+|style)=", page) == []
    assert re.findall(r"(?:src|srcset)=\"(?!/)[^\"]*", page) == []
    assert '<nav class="site"' not in page


async def test_an_empty_week_says_so(client: httpx.AsyncClient) -> None:
    page = (await client.get("/reports/weekly?week=2026-W13")).text
    assert "Nothing was found in this time" in page
    assert (await client.get("/reports?week=2026-W13")).status_code == 200


async def test_a_wrong_week_is_told_on_the_page(client: httpx.AsyncClient) -> None:
    for path in ("/reports", "/reports/weekly"):
        answer = await client.get(f"{path}?week=2026-W99")
        assert answer.status_code == 400
        assert "no such week" in answer.text


@pytest.mark.parametrize("language", ["en", "fr", "ru"])
async def test_a_file_needs_nothing_else(tmp_path: Path, language: str) -> None:
    settings = Settings(data_dir=tmp_path)
    async with opened(tmp_path / "veille.sqlite3") as store:
        await store.write([at(n, n) for n in range(9)])
    page = await page_of(settings, TOPICS, [("week", "2026-W13")], ui=language, zone="Europe/Paris")
    assert f'<html lang="{language}">' in page
    assert "<script" not in page
    assert "<link" not in page
    assert "default-src 'none'" in page
    assert "@page" in page


@pytest.mark.parametrize(
    ("ui", "zone", "week", "said"),
    [("xx", "UTC", "", "--ui"), ("en", "Mars", "", "--tz"), ("en", "UTC", "x", "--week x")],
)
async def test_wrong_options_are_named(
    tmp_path: Path, ui: str, zone: str, week: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        await page_of(Settings(data_dir=tmp_path), TOPICS, [("week", week)], ui=ui, zone=zone)


def test_without_chromium_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(ConfigError, match="--html"):
        paper.chromium()


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for Chromium")
def test_a_browser_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "chromium"
    script.write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    script.chmod(0o700)
    monkeypatch.setenv("CHROMIUM", str(script))
    with pytest.raises(VeilleError, match=r"ended with 3.*no display"):
        paper.write_pdf("<p>hello</p>", tmp_path / "out.pdf")
    assert not (tmp_path / "out.pdf").exists()
