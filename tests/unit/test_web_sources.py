"""The page of sources and health: its rows with plain values, and the page over a real store."""

import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from connectors.account import KEPT_HOURS, Account, Row, hour_of
from connectors.base import Gap
from connectors.letters import DeadLetter
from streams.dead_letters import Outcome
from streams.errors import StoreUnavailable
from streams.settings import Settings, Source
from streams.source_gaps import note
from streams.store.sqlite import SqliteStore
from streams.web.app import create_app
from streams.web.health import Source as Told
from streams.web.sources import rows as made
from streams.web.sources.letters import grouped, kind_of
from streams.web.sources.rhythm import Rhythm, asked, rhythm
from tests.browser.site import HOSTILE, TOPICS, mention
from tests.support.mentions import opened

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
SET = [
    Source(id="news", connector="rss", poll_seconds=300),
    Source(id="sky", connector="bluesky"),
    Source(id="walls", connector="vk", enabled=False),
]


def account(*an_hour: int) -> Account:
    """The last of these is the present hour."""
    return Account(
        batch=1,
        hours={
            hour_of(NOW - back * HOUR): Row(read=n, published=n)
            for back, n in enumerate(reversed(an_hour))
        },
        older=Row(read=5, published=5),
    )


def told(name: str = "news", state: str = "running", **more: Any) -> Told:
    fields: dict[str, Any] = {
        "connector": "rss", "symbol": "●", "tone": "good", "reason": "", "until": None,
        "posts": 0, "dead": 0, "gaps": 0, "usage": [], "last_post_at": NOW,
    }  # fmt: skip
    return Told(id=name, state=state, **(fields | more))


def test_a_rhythm_is_the_median_of_whole_hours() -> None:
    found = rhythm("rss", {}, account(0, 0, 4, 6, 5, 5, 500, 5, 2), NOW)
    assert found.an_hour == 5
    assert len(found.hours) == KEPT_HOURS
    assert found.day == sum((4, 6, 5, 5, 500, 5, 2))
    assert rhythm("rss", {}, account(4, 6, 2), NOW).an_hour is None  # too short to tell


def test_a_source_that_is_late_by_its_own_rhythm_is_quiet() -> None:
    busy = Rhythm(asked_seconds=60, an_hour=60)
    rare = Rhythm(asked_seconds=3600, an_hour=0.5)
    assert busy.quiet(NOW - 0.6 * HOUR, NOW)
    assert not busy.quiet(NOW - 0.2 * HOUR, NOW)
    assert not rare.quiet(NOW - 10 * HOUR, NOW)
    assert rare.quiet(NOW - 20 * HOUR, NOW)
    assert not Rhythm().quiet(NOW - 400 * HOUR, NOW)
    assert not busy.quiet(None, NOW)


def test_what_it_is_asked_is_its_setting_or_its_connectors() -> None:
    assert asked("rss", {"poll_seconds": 7}) == 7
    assert asked("twitter", {}) == asked("x", {})
    assert asked("nonsense", {}) is None
    assert asked("nonsense", {"poll_seconds": True}) is None


def test_every_configured_source_has_a_row() -> None:
    known = made.Told(
        accounts={"news": account(1, 2, 3)}, mentions={"rss": 7}, covered={"news": 0.5}
    )
    found = made.rows([told(), told("old", "stopped")], SET, known, NOW)
    assert [(row.source.id, row.known) for row in found] == [
        ("sky", "unheard"), ("news", "set"), ("old", "gone"), ("walls", "unheard"),
    ]  # fmt: skip
    news = found[1]
    assert (news.mentions, news.covered, news.published, news.docs) == (7, 0.5, 11, "rss")
    assert news.rhythm.asked_seconds == 300
    assert found[0].bad
    assert not found[3].bad  # it is switched off
    assert {row.known for row in made.rows([told("old")], None, known, NOW)} == {"set"}


def letter(n: int, reason: str, source: str = "news") -> DeadLetter:
    at = NOW - timedelta(minutes=n)
    return DeadLetter(
        id=f"l{n}", stage="collect", source=source, reason=reason, place="p", raw=b"x", at=at
    )


def test_letters_with_the_same_reason_are_one_group() -> None:
    letters = [letter(n, f"item {n}: 'field{n}' is no time") for n in range(3)]
    found = grouped([*letters, letter(8, "item 1: 'a' is no time", "other"), letter(9, "too long")])
    assert [(one.source, one.count) for one in found] == [("news", 3), ("news", 1), ("other", 1)]
    assert found[0].ids == ["l0", "l1", "l2"]
    assert found[0].reason == "item 0: 'field0' is no time"


def test_a_reason_of_any_size_is_a_kind() -> None:
    assert len(kind_of("'" * 100_000)) <= 200
    assert kind_of("Line 7: “a”") == kind_of("line 12: “b”")


# The page


class Again:
    """Sends nothing: drops what it is given, as agents would."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store

    async def __call__(self, letters: Sequence[DeadLetter]) -> list[Outcome]:
        await self.store.drop_dead_letters([one.id for one in letters])
        return [Outcome(id=one.id, what="gone") for one in letters]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        yield store


@pytest.fixture
async def client(store: SqliteStore) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(sources=SET)
    app = create_app(store, topics=TOPICS, settings=settings, replay=Again(store), login=False)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8420") as client:
        yield client
    await app.state.sources.aclose()


async def fill(store: SqliteStore) -> None:
    since = (NOW - 6 * HOUR).isoformat()
    await store.put_state("source", "news", {"state": "failing", "connector": "rss", "errors": 3,
                                             "reason": "503 from <b>there</b>"})  # fmt: skip
    await store.put_state("account", "news", msgspec.to_builtins(account(*[4] * 10)))
    await store.put_state("worker", "w0", {"seen_at": NOW.isoformat(), "lag": {"veille.posts": 7}})
    await note(store, "news", [Gap(since=since, until=NOW.isoformat(), reason="cut")], NOW)
    await store.add_dead_letters([letter(n, f"item {n} is odd") for n in range(3)])
    await store.write([mention(n) for n in range(4)])


async def test_all_of_a_source_is_shown(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await fill(store)
    page = (await client.get("/sources")).text
    assert re.findall(r'data-source="(\w+)"', page) == ["news", "sky", "walls"]
    figures = dict(re.findall(r'data-figure="(\w+)"[^>]*>([^<]+)<', page))
    assert figures["failing"] == "1"
    assert figures["covered"] == "75\xa0%"
    assert figures["dead"] == "3"
    for words in ("503 from &lt;b&gt;there", "never heard of", "docs/connectors/rss.md", "1 gap",
                  "usually 4 an hour", "asked every 5 min", "40", "3 failed attempts"):  # fmt: skip
        assert words in page, words
    assert "in balance" in page or "being worked out" in page


async def test_only_those_in_trouble(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await fill(store)
    for show, names in (("trouble", ["news", "sky"]), ("off", ["walls"]), ("on", ["news", "sky"])):
        page = (await client.get(f"/sources?show={show}")).text
        assert re.findall(r'data-source="(\w+)"', page) == names
    answer = await client.get("/sources?show=oddly")
    assert answer.status_code == 400
    assert "One of all, trouble, on, off" in answer.text


async def test_a_group_of_letters_is_sent_again(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await fill(store)
    page = (await client.get("/sources")).text
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert token
    ids = re.findall(r'name="id" value="(\w+)"', page)
    assert ids == ["l0", "l1", "l2"]
    answer = await client.post("/dead-letters/replay", data={"token": token[1], "id": ids})
    assert answer.status_code == 303
    assert (await store.dead_letters())[0] == 0
    entry = (await store.entries()).entries[0]
    assert (entry.action, entry.subject, entry.by) == ("letters.replay", "news", "local")
    assert entry.after == {"letters": ["l0", "l1", "l2"], "outcome": {"gone": 3}}


async def test_the_same_as_json(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await fill(store)
    found = (await client.get("/api/v1/health")).json()
    assert [row["source"]["id"] for row in found["sources"]] == ["news", "sky", "walls"]
    assert found["covered"] == pytest.approx(0.75)
    assert found["dead_letters"] == 3
    assert found["letters"][0]["count"] == 3
    assert (await client.get("/api/v1/health?x=1")).status_code == 400
    document = (await client.get("/api/v1/openapi.json")).json()
    assert "SourcesHealth" in document["components"]["schemas"]


async def test_an_installation_that_never_ran_says_what_to_do(store: SqliteStore) -> None:
    app = create_app(store)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8420") as client:
        page = (await client.get("/sources")).text
    await app.state.sources.aclose()
    assert "No source has told of itself yet" in page
    assert "veille up" in page


async def test_odd_states_and_hostile_names_do_no_harm(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    odd = {"state": "100% %(n)s", "reason": HOSTILE, "posts": "many", "usage": [{"x": 1}],
           "gaps": 3, "last_post_at": "yesterday", "connector": HOSTILE}  # fmt: skip
    await store.put_state("source", HOSTILE, odd)
    await store.put_state("worker", HOSTILE, {"seen_at": 7, "lag": "much"})
    await store.add_dead_letters([letter(1, HOSTILE, HOSTILE)])
    page = await client.get("/sources")
    assert page.status_code == 200
    assert "100% %(n)s" in page.text
    assert (await client.get("/")).status_code == 200
    assert "<script>document" not in page.text
    assert "<img" not in page.text.replace('<img src="/static/', "")


async def test_a_store_that_is_away_is_said(
    store: SqliteStore, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("the store is away")

    monkeypatch.setattr(store, "top", away)
    assert (await client.get("/sources")).status_code == 503
    assert (await client.get("/api/v1/health")).status_code == 503
