"""The incidents' pages over a real SQLite store: list, story, forms, hostile words."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from connectors.post import Author
from streams.alerts import book
from streams.alerts.deeds import deeds
from streams.alerts.records import Evidence, Incident, KeyPost, Term
from streams.store.sqlite import SqliteStore
from streams.web.app import create_app
from streams.web.incidents import snoozed_until
from tests.browser.site import HOSTILE, TOPICS, mention
from tests.support import outcry
from tests.support.mentions import opened

NOW = datetime.now(UTC).replace(microsecond=0)
KIT = outcry.incident(NOW)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        yield store


@pytest.fixture
async def client(store: SqliteStore) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(
        app=create_app(store, topics=TOPICS), raise_app_exceptions=False
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8420") as client:
        yield client


async def fill(store: SqliteStore) -> None:
    """One open, one looked after, one over, one untrue, one part of another."""
    old = NOW - timedelta(days=3)
    await outcry.tell(
        store,
        KIT,
        outcry.incident(old, id="b2", topic="rival", kind="silence", status="acknowledged"),
        outcry.incident(old, id="c3", severity="low", status="resolved", resolved_at=old),
        outcry.incident(old, id="d4", status="withdrawn"),
        outcry.incident(old, id="e5", status="resolved", resolved_at=old, part_of=KIT.id),
    )


async def shown(client: httpx.AsyncClient, query: str = "") -> list[str]:
    page = await client.get(f"/incidents{query}")
    assert page.status_code == 200, page.text
    return re.findall(r'data-incident="(\w+)"', page.text)


async def told(store: SqliteStore, id_: str = KIT.id) -> Incident:
    return (await book.changes(store))[id_].incident


async def token(client: httpx.AsyncClient) -> str:
    found = re.search(r'name="token" value="([^"]+)"', (await client.get("/incidents")).text)
    assert found
    return found[1]


async def test_a_long_list_goes_on_on_further_pages(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    many = [
        outcry.incident(NOW - timedelta(hours=n), id=f"n{n:03}", topic="kit") for n in range(120)
    ]
    await outcry.tell(store, *many)
    pages = [await shown(client, f"?topic=kit&page={n}") for n in (1, 2, 3)]
    assert [len(one) for one in pages] == [50, 50, 20]
    assert [id_ for one in pages for id_ in one] == [f"n{n:03}" for n in range(120)]
    first = (await client.get("/incidents?topic=kit")).text
    assert 'href="/incidents?topic=kit&amp;page=2" rel="next"' in first
    assert "these are 1 to 50" in first
    assert await shown(client, "?topic=kit&page=99") == pages[2]
    assert await shown(client, "?topic=kit&page=x") == pages[0]
    assert 'rel="next"' not in (await client.get("/incidents?topic=kit&page=3")).text


async def test_those_not_over_come_first(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await fill(store)
    assert await shown(client) == [KIT.id, "b2", "c3"]
    page = (await client.get("/incidents")).text
    for words in ("1 open", "1 acknowledged", "1 over"):
        assert words in page


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("?topic=rival", ["b2"]),
        ("?kind=silence", ["b2"]),
        ("?severity=low", ["c3"]),
        ("?status=active", [KIT.id, "b2"]),
        ("?status=withdrawn", ["d4"]),
        ("?range=24h", [KIT.id]),
        (f"?until={(NOW - timedelta(days=1)):%Y-%m-%dT%H:%MZ}", ["b2", "c3"]),
        ("?topic=&kind=", [KIT.id, "b2", "c3"]),
        ("?topic=other", []),
    ],
)
async def test_filters(
    store: SqliteStore, client: httpx.AsyncClient, query: str, wanted: list[str]
) -> None:
    await fill(store)
    assert await shown(client, query) == wanted


async def test_a_source_that_stopped_has_its_page(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    one = outcry.incident(NOW, id="f6", topic="", source="rss", kind="silence", observed=0)
    await outcry.tell(store, KIT, one)
    assert await shown(client, "?source=rss") == ["f6"]
    assert "Source rss" in (await client.get("/incidents")).text
    page = (await client.get("/incidents/f6")).text
    assert "Source rss" in page
    assert "nothing came" in page
    assert "/mentions?source=rss&amp;since=" in page
    answer = (await client.get("/api/v1/incidents?source=rss")).json()
    assert [(each["topic"], each["source"]) for each in answer["incidents"]] == [("", "rss")]


@pytest.mark.parametrize("query", ["kind=x", "status=x", "severity=x", "since=x", "x=y", "range=9"])
async def test_a_filter_that_cant_be_read_is_explained(
    client: httpx.AsyncClient, query: str
) -> None:
    page = await client.get(f"/incidents?{query}")
    assert page.status_code == 400
    assert query.partition("=")[0] in page.text


async def test_an_empty_list_teaches(client: httpx.AsyncClient) -> None:
    page = (await client.get("/incidents")).text
    assert "Nothing has rung yet" in page
    assert "/backtest" in page


async def test_the_story_is_whole(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await store.write(outcry.mentions(NOW, days=4))
    await outcry.tell(store, outcry.changed(KIT, merged=["b2"]))
    await outcry.tell(store, outcry.incident(NOW, id="b2", topic="rival"))
    notice = {
        "key": "k", "channel": "ops-mail", "event": "opened", "status": "delivered",
        "created_at": NOW.isoformat(), "delivered_at": NOW.isoformat(),
        "incident": {"id": KIT.id, "topic": "kestrel"},
    }  # fmt: skip
    await store.put_state("notice", "k", notice)
    await store.put_state("notice", "gone", {})
    page = (await client.get(f"/incidents/{KIT.id}")).text
    for words in (
        "82 negative mentions where 1.8 are usual", "87\u00a0%", "usually 20\u00a0%", "at most 9",
        "charged twice", "lucy_b", "18\u202f400 followers", "told by 31 posts", "41 new",
        "93\u202f800", "<bdi>The rival</bdi>: negative spike", "found by Veille", "ops-mail",
        "started it",
    ):  # fmt: skip
        assert words in page, words
    assert "/mentions?topic=kestrel&amp;sentiment=neg&amp;" in page
    drawing = await client.get(f"/incidents/{KIT.id}/chart.svg?theme=dark&size=narrow")
    assert drawing.headers["content-type"].startswith("image/svg+xml")
    assert "<svg" in drawing.text


async def test_every_link_to_mentions_can_be_followed(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await outcry.tell(store, outcry.changed(KIT, author="rss:writer1"))
    page = (await client.get(f"/incidents/{KIT.id}")).text
    links = set(re.findall(r'href="(/mentions\?[^"]+)"', page))
    assert len(links) >= 8
    for link in links:
        assert (await client.get(link.replace("&amp;", "&"))).status_code == 200, link


async def test_what_is_empty_is_left_out(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await outcry.tell(store, outcry.incident(NOW, evidence=Evidence()))
    page = (await client.get(f"/incidents/{KIT.id}")).text
    for words in ("New words", "Posts that explain", "Who started it", "Countries", "Reach"):
        assert words not in page
    assert (await client.get("/incidents/none")).status_code == 404


@pytest.mark.parametrize(
    "kind",
    ["story", "rating-drop", "volume-spike", "positive-spike", "volume-drop", "silence",
     "new-author", "rule", "urgent"],
)  # fmt: skip
async def test_every_kind_has_its_words(
    store: SqliteStore, client: httpx.AsyncClient, kind: str
) -> None:
    more = {"rule": "negative >= 20 in 15m"} if kind == "rule" else {}
    await outcry.tell(store, outcry.incident(NOW, kind=kind, **more))
    page = await client.get(f"/incidents/{KIT.id}")
    assert page.status_code == 200
    assert (await client.get("/incidents")).status_code == 200
    if kind == "rule":
        assert "negative &gt;= 20 in 15m" in page.text


def _hostile() -> Incident:
    post = KeyPost(
        mention_id='"><script>',
        url="javascript:alert(1)",
        source=HOSTILE,
        author=HOSTILE,
        text=HOSTILE + "W" * 60_000,
        created_at=NOW,
        tone="<u>",
    )
    return outcry.incident(
        NOW,
        topic=f"<script>{HOSTILE}",
        kind="rule",
        rule=HOSTILE,
        resolved_by=HOSTILE,
        author=HOSTILE,
        acknowledged_by=HOSTILE,
        status="acknowledged",
        merged=["<script>alert(6)</script>"],
        evidence=Evidence(
            posts=[post],
            first=post,
            terms=[Term(text=HOSTILE, count=1, before=0, score=1)],
            sources=[(HOSTILE, 1)],
            countries=[(HOSTILE, 1)],
        ),
    )


async def test_hostile_words_do_nothing(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await outcry.tell(store, _hostile())
    for path in ("/incidents", f"/incidents/{KIT.id}", "/mentions"):
        page = await client.get(path)
        assert page.status_code == 200
        assert len(page.text) < 200_000
        for wrong in ("<script>alert", "<script>document", "<img src=x", "javascript:", "<u>"):
            assert wrong not in page.text, wrong


async def test_acts_are_kept_and_told(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await fill(store)
    form = {"token": await token(client), "by": "  Ada\x1b Byron ", "for": "8h"}
    answer = await client.post(f"/incidents/{KIT.id}/acknowledge", data=form)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/incidents/{KIT.id}?told=acknowledged"
    one = await told(store)
    assert (one.status, one.acknowledged_by, one.version) == ("acknowledged", "Ada Byron", 2)
    await client.post(f"/incidents/{KIT.id}/snooze", data=form | {"back": "list"})
    one = await told(store)
    assert one.status == "snoozed"
    assert one.snoozed_until is not None
    assert one.snoozed_until - datetime.now(UTC) > timedelta(hours=7.9)
    page = (await client.get(answer.headers["location"])).text
    assert "Ada Byron" in page
    await client.post(f"/incidents/{KIT.id}/resolve", data=form)
    assert (await told(store)).status == "resolved"
    assert [one.what for one in await deeds(store, KIT.id)] == [
        "acknowledged", "snoozed", "resolved",
    ]  # fmt: skip
    again = await client.post(f"/incidents/{KIT.id}/acknowledge", data=form)
    assert again.headers["location"].endswith("told=past")
    assert (await told(store)).status == "resolved"


@pytest.mark.parametrize("act", ["acknowledge", "snooze", "resolve"])
async def test_a_form_of_another_site_is_refused(
    store: SqliteStore, client: httpx.AsyncClient, act: str
) -> None:
    await fill(store)
    path, good = f"/incidents/{KIT.id}/{act}", {"token": await token(client), "for": "1h"}
    for form, headers in (
        ({}, {}),
        ({"token": "guessed"}, {}),
        (good, {"Origin": "https://evil.example"}),
        (good, {"Sec-Fetch-Site": "cross-site"}),
    ):
        assert (await client.post(path, data=form, headers=headers)).status_code == 403
    assert (await client.get(path)).status_code == 405
    assert (await told(store)).status == "open"


async def test_wrong_acts_are_explained(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await fill(store)
    form = {"token": await token(client), "for": "9y"}
    assert (await client.post(f"/incidents/{KIT.id}/snooze", data=form)).status_code == 400
    assert (await client.post("/incidents/none/resolve", data=form)).status_code == 404


def test_tomorrow_is_the_next_day_at_eight() -> None:
    evening = datetime(2026, 3, 10, 20, 30, tzinfo=UTC)
    for name, wanted in (
        ("UTC", "2026-03-11T08:00:00+00:00"),
        ("Europe/Paris", "2026-03-11T07:00:00+00:00"),
        ("Asia/Tokyo", "2026-03-11T23:00:00+00:00"),
    ):
        found = snoozed_until("tomorrow", evening, ZoneInfo(name))
        assert found == datetime.fromisoformat(wanted), name
    assert snoozed_until("", NOW, ZoneInfo("UTC")) is None


@pytest.mark.parametrize(
    ("zone", "hour"), [("Asia/Kolkata", (2, 30)), ("", (8, 0)), ("Nowhere/At-all", (8, 0))]
)
async def test_tomorrow_is_the_readers(
    store: SqliteStore, client: httpx.AsyncClient, zone: str, hour: tuple[int, int]
) -> None:
    await outcry.tell(store, KIT)
    form = {"token": await token(client), "for": "tomorrow"}
    client.cookies["veille_browser_zone"] = zone
    done = await client.post(f"/incidents/{KIT.id}/snooze", data=form)
    assert done.status_code == 303
    until = (await told(store)).snoozed_until
    assert until is not None
    assert (until.hour, until.minute) == hour


async def test_the_first_page_shows_open_ones(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    assert re.search(r'data-part="incidents"[^>]* hidden', (await client.get("/mentions")).text)
    await outcry.tell(
        store, *(outcry.incident(NOW, id=f"a{n}", severity=s) for n, s in enumerate(
            ("low", "critical", "medium", "high")))
    )  # fmt: skip
    for path in ("/mentions?range=1h", "/mentions/parts?range=1h"):
        page = (await client.get(path)).text
        assert re.findall(r'data-incident="(\w+)"', page) == ["a1", "a3", "a2"]
        assert "All 4 open incidents" in page


def said(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_api_lists_shows_and_acts(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await fill(store)
    found = said(await client.get("/api/v1/incidents?status=active&limit=1"))
    assert found["total"] == 2
    assert [one["id"] for one in found["incidents"]] == [KIT.id]
    assert (await client.get("/api/v1/incidents?kind=x")).status_code == 400
    one = said(await client.get(f"/api/v1/incidents/{KIT.id}"))
    assert one["incident"]["evidence"]["new_authors"] == 41
    assert one["deeds"] == []
    path = f"/api/v1/incidents/{KIT.id}"
    done = said(await client.post(f"{path}/acknowledge", json={"by": "Ada"}))
    assert done["incident"]["status"] == "acknowledged"
    assert done["deeds"][0]["by"] == "Ada"
    assert said(await client.post(f"{path}/snooze", json={"for": "1h"}))
    assert said(await client.post(f"{path}/resolve", json={}))["incident"]["status"] == "resolved"


async def test_the_api_refuses_what_is_no_json(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await fill(store)
    path = f"/api/v1/incidents/{KIT.id}"
    plain = {"Content-Type": "text/plain"}
    wrong = [
        (await client.post(f"{path}/resolve", content='{"by": "x"}', headers=plain), 415),
        (await client.post(f"{path}/resolve", data={"by": "x"}), 415),
        (await client.post(f"{path}/resolve", json={"by": 3}), 400),
        (await client.post(f"{path}/snooze", json={"for": "long"}), 400),
        (await client.post(f"{path}/snooze", json={"until": "2001-01-01T00:00:00Z"}), 400),
        (await client.post("/api/v1/incidents/none/resolve", json={}), 404),
        (await client.get("/api/v1/incidents/none"), 404),
        (
            await client.post(f"{path}/resolve", json={}, headers={"Origin": "https://x.example"}),
            403,
        ),
    ]
    assert [answer.status_code for answer, _ in wrong] == [status for _, status in wrong]
    assert (await told(store)).status == "open"


async def test_a_note_is_kept_with_its_writer_and_shown(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await fill(store)
    form = {"token": await token(client), "by": "Ada", "note": " Called them.\r\n<b>Twice</b>\x00"}
    answer = await client.post(f"/incidents/{KIT.id}/note", data=form)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/incidents/{KIT.id}?told=noted#notes"
    entry = (await store.entries()).entries[0]
    assert (entry.action, entry.subject, entry.topic, entry.by, entry.note) == (
        "incident.note", KIT.id, "kestrel", "Ada", "Called them.\n<b>Twice</b>",
    )  # fmt: skip
    page = (await client.get(f"/incidents/{KIT.id}")).text
    assert "Called them.\n&lt;b&gt;Twice&lt;/b&gt;" in page
    told = (await client.get(f"/api/v1/incidents/{KIT.id}")).json()
    assert [one["text"] for one in told["notes"]] == [entry.note]


@pytest.mark.parametrize("text", ["", " \n ", "\x00\u200b"])
async def test_an_empty_note_is_refused(
    store: SqliteStore, client: httpx.AsyncClient, text: str
) -> None:
    await fill(store)
    form = {"token": await token(client), "note": text}
    answer = await client.post(f"/incidents/{KIT.id}/note", data=form)
    assert answer.status_code == 400
    assert "Remedy" in answer.text
    assert (await store.entries()).entries == []
    assert (await client.post("/incidents/none/note", data=form)).status_code == 404
    assert (await client.post(f"/incidents/{KIT.id}/note", data={"note": "x"})).status_code == 403


async def test_what_is_done_stands_in_the_journal(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await fill(store)
    form = {"token": await token(client), "by": "Ada", "for": "8h"}
    await client.post(f"/incidents/{KIT.id}/acknowledge", data=form)
    await client.post(f"/incidents/{KIT.id}/snooze", data=form)
    await client.post(f"/api/v1/incidents/{KIT.id}/resolve", json={"by": "Bob"})
    entries = (await store.entries()).entries
    assert [(one.action, one.by, one.before["status"], one.after["status"]) for one in entries] == [
        ("incident.resolve", "Bob", "snoozed", "resolved"),
        ("incident.snooze", "Ada", "acknowledged", "snoozed"),
        ("incident.acknowledge", "Ada", "open", "acknowledged"),
    ]
    assert "until" in entries[1].after


async def test_how_it_spread_and_what_was_sent(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await fill(store)
    began = KIT.began_at
    await store.write(
        [
            mention(
                n, sentiment="neg", at=began + timedelta(minutes=n), text=f"Kestrel fell {n}",
                author=Author(id=f"a{n}", handle=f"h{n}", followers=1000 * (n + 1)),
            )
            for n in range(3)
        ]
    )  # fmt: skip
    at = NOW.isoformat()
    notice = {"key": "k", "event": "opened", "created_at": at, "incident": {"id": KIT.id}}
    sent = {"channel": "chat", "status": "delivered", "delivered_at": at}
    await store.put_state("notice", "k", {**notice, **sent})
    failed = {"channel": "mail", "status": "failed", "attempts": 4, "last_error": "refused <b>"}
    await store.put_state("notice", "l", {**notice, **failed})
    page = (await client.get(f"/incidents/{KIT.id}")).text
    reached = re.findall(r"([\d\u202f]+) reached", re.sub(r"<[^>]+>", "", page))
    assert reached == ["1\u202f000", "3\u202f000", "6\u202f000"]
    assert sorted(re.findall(r'data-notice="(\w+)"', page)) == ["delivered", "failed"]
    assert "after 4 attempts" in page
    assert "refused &lt;b&gt;" in page
