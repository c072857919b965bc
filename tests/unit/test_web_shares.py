"""Shared links: they show one view, and nothing else of the installation can be read by them."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from streams.store.journal import EntryFilter
from streams.store.sqlite import SqliteStore
from streams.users.records import digest
from streams.web.app import create_app
from streams.web.reports.shares import SHARE, VIEWS, ShareError, address
from streams.web.visitor import LOCAL
from tests.browser.site import TOPICS, hostile, mention
from tests.support import outcry
from tests.support.mentions import opened

NOW = datetime.now(UTC).replace(microsecond=0)
SECRET = "only within"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        yield store


def client_of(store: SqliteStore, *, login: bool) -> httpx.AsyncClient:
    app = create_app(store, topics=TOPICS, login=login)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8420")


@pytest.fixture
async def client(store: SqliteStore) -> AsyncIterator[httpx.AsyncClient]:
    """Staff, where nobody logs in."""
    async with client_of(store, login=False) as client:
        yield client


@pytest.fixture
async def reader(store: SqliteStore) -> AsyncIterator[httpx.AsyncClient]:
    """Someone outside, where people log in: they never do."""
    async with client_of(store, login=True) as client:
        yield client


async def fill(store: SqliteStore) -> None:
    minutes = [timedelta(minutes=n) for n in range(1, 41)]
    await store.write(
        [mention(n, at=NOW - ago, text="Kestrel shown") for n, ago in enumerate(minutes)]
    )
    await store.write(
        [
            mention(100 + n, at=NOW - ago, topic="rival", text=SECRET)
            for n, ago in enumerate(minutes)
        ]
    )
    await outcry.tell(store, outcry.incident(NOW), outcry.incident(NOW, id="b2", topic="rival"))


async def form(client: httpx.AsyncClient) -> str:
    found = re.search(r'name="token" value="([^"]+)"', (await client.get("/reports")).text)
    assert found
    return found[1]


async def share(client: httpx.AsyncClient, address: str, **more: str) -> str:
    """The path of a new link."""
    data = {"token": await form(client), "address": address, **more}
    answer = await client.post("/reports/share", data=data)
    found = re.search(r'value="(http://[^"]+/shared/[^"]+)"', answer.text)
    assert found, re.findall(r'role="alert">(.*?)</p>', answer.text)
    return urlsplit(found[1]).path


VIEWS_SHARED = {
    "/mentions?topic=kestrel": "Kestrel shown",
    "/overview?topic=kestrel": "Kestrel Air",
    "/authors?topic=kestrel": "writer1",
    "/incidents?topic=kestrel": "82 negative mentions",
    "/incidents/{kit}": "Mentions around it",
    "/reports/weekly?topic=kestrel": "Kestrel Air",
}


@pytest.mark.parametrize("view", VIEWS_SHARED)
async def test_a_reader_who_never_logs_in_sees_that_view(
    store: SqliteStore, client: httpx.AsyncClient, reader: httpx.AsyncClient, view: str
) -> None:
    await fill(store)
    path = await share(client, view.replace("{kit}", outcry.incident(NOW).id))
    answer = await reader.get(path)
    assert answer.status_code == 200
    assert VIEWS_SHARED[view] in answer.text
    assert SECRET not in answer.text
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("view", VIEWS_SHARED)
async def test_a_shared_page_leads_nowhere_else(
    store: SqliteStore, client: httpx.AsyncClient, reader: httpx.AsyncClient, view: str
) -> None:
    await fill(store)
    path = await share(client, view.replace("{kit}", outcry.incident(NOW).id), files="1")
    page = (await reader.get(path)).text
    ways = re.findall(r'(?:href|action|src|data-[a-z]+)="(/[^"]*)"', page)
    assert [way for way in ways if not way.startswith((path, "/static/"))] == []
    assert "<form" not in page
    assert "data-live" not in page


@pytest.mark.parametrize(
    "elsewhere",
    ["/", "/mentions", "/mentions/parts", "/api/v1/mentions", "/live", "/reports", "/incidents",
     "/reports/weekly", "/mentions/export.csv", "/incidents/export.xlsx", "/metrics"],
)  # fmt: skip
async def test_from_a_shared_link_nothing_else_can_be_read(
    store: SqliteStore, client: httpx.AsyncClient, reader: httpx.AsyncClient, elsewhere: str
) -> None:
    await fill(store)
    path = await share(client, "/mentions?topic=kestrel", password="let me in please")
    await reader.post(path, data={"password": "let me in please"})
    assert (await reader.get(path)).status_code == 200
    answer = await reader.get(elsewhere, headers={"Referer": f"http://127.0.0.1:8420{path}"})
    assert answer.status_code in (303, 401, 404)
    assert SECRET not in answer.text
    assert "Kestrel shown" not in answer.text


@pytest.mark.parametrize(
    "more",
    ["topic=rival", "topic=kestrel&topic=rival", "range=all", "since=2020-01-01", "q=only",
     "cursor=", "tz=Asia/Tokyo", "page=2", "%00=1"],
)  # fmt: skip
async def test_parameters_change_nothing(
    store: SqliteStore, client: httpx.AsyncClient, reader: httpx.AsyncClient, more: str
) -> None:
    await fill(store)
    path = await share(client, "/mentions?topic=kestrel")
    assert _posts((await reader.get(f"{path}?{more}")).text) == _posts(
        (await reader.get(path)).text
    )


async def test_a_cursor_of_another_question_is_refused(
    store: SqliteStore, client: httpx.AsyncClient, reader: httpx.AsyncClient
) -> None:
    await fill(store)
    path = await share(client, "/mentions?topic=kestrel")
    other = await share(client, "/mentions?topic=rival")
    older = re.search(r'\?cursor=([^"]+)"', (await reader.get(other)).text)
    assert older
    answer = await reader.get(f"{path}?cursor={older[1]}")
    assert answer.status_code == 400
    assert SECRET not in answer.text


async def test_older_mentions_are_reached_page_by_page(
    store: SqliteStore, client: httpx.AsyncClient, reader: httpx.AsyncClient
) -> None:
    await fill(store)
    for period in ("frozen", "rolling"):
        path = await share(client, "/mentions?topic=kestrel&range=24h", period=period)
        page = (await reader.get(path)).text
        older = re.search(r'href="([^"]+\?cursor=[^"]+)"', page)
        assert older
        assert (len(_posts(page)), len(_posts((await reader.get(older[1])).text))) == (30, 10)


def _posts(page: str) -> list[str]:
    return re.findall(r'<blockquote class="post.*?</blockquote>', page, re.S)


async def test_a_frozen_period_stays_and_a_rolling_one_moves_on(
    store: SqliteStore, client: httpx.AsyncClient, reader: httpx.AsyncClient
) -> None:
    await fill(store)
    ended = f"/mentions?topic=kestrel&until={NOW:%Y-%m-%dT%H:%M:%SZ}&since=2020-01-01"
    frozen = await share(client, ended)
    rolling = await share(client, "/mentions?topic=kestrel&range=24h", period="rolling")
    await store.write([mention(900, at=NOW + timedelta(seconds=1), text="Kestrel later")])
    assert "Kestrel later" not in (await reader.get(frozen)).text
    assert "Kestrel later" in (await reader.get(rolling)).text


async def test_only_the_hash_of_a_link_is_kept(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    path = await share(client, "/mentions", password="let me in please")
    secret = path.rpartition("/")[2]
    assert len(secret) >= 43, "256 bits"
    kept = await store.states(SHARE)
    assert list(kept) == [digest(secret)]
    assert secret not in str(kept)
    assert "let me in" not in str(kept)
    assert secret not in (await client.get("/reports")).text


async def test_a_link_that_is_over_says_so_and_a_revoked_one_is_gone(
    store: SqliteStore, client: httpx.AsyncClient, reader: httpx.AsyncClient
) -> None:
    path = await share(client, "/mentions", lasts="1h", files="1")
    key, state = next(iter((await store.states(SHARE)).items()))
    await store.put_state(SHARE, key, {**state, "until": (NOW - timedelta(hours=1)).isoformat()})
    over = await reader.get(path)
    assert over.status_code == 410
    assert "expired" in over.text
    assert (await reader.get(f"{path}/export.csv")).status_code == 404
    await store.put_state(SHARE, key, state)
    data = {"token": await form(client)}
    assert (await client.post(f"/reports/share/{state['id']}/drop", data=data)).status_code == 303
    assert (await reader.get(path)).status_code == 404
    assert await store.states(VIEWS) == {}
    assert (await reader.get("/shared/" + "x" * 43)).status_code == 404


async def test_links_are_journalled_and_counted(
    store: SqliteStore, client: httpx.AsyncClient, reader: httpx.AsyncClient
) -> None:
    await fill(store)
    path = await share(client, "/mentions?topic=kestrel", title="For the client")
    for _ in range(3):
        await reader.get(path)
    page = (await client.get("/reports")).text
    assert re.search(r'data-figure="opened">3 ', page)
    assert "For the client" in page
    id_ = next(iter((await store.states(SHARE)).values()))["id"]
    await client.post(f"/reports/share/{id_}/drop", data={"token": await form(client)})
    found = (await store.entries(EntryFilter(actions=("share.",)))).entries
    assert [(one.action, one.by, one.subject) for one in found] == [
        ("share.drop", LOCAL, id_),
        ("share.add", LOCAL, id_),
    ]


async def test_a_password_is_asked_for_and_attempts_are_few(
    store: SqliteStore, client: httpx.AsyncClient, reader: httpx.AsyncClient
) -> None:
    await fill(store)
    path = await share(client, "/mentions?topic=kestrel", password="let me in please", files="1")
    assert "Kestrel shown" not in (await reader.get(path)).text
    assert (await reader.get(f"{path}/export.csv")).status_code == 404
    reader.cookies.set("veille-shared", "0" * 64)
    assert "Kestrel shown" not in (await reader.get(path)).text
    reader.cookies.clear()
    assert (await reader.post(path, data={"password": "wrong"})).status_code == 403
    assert (await reader.post(path, data={"password": "let me in please"})).status_code == 303
    assert "Kestrel shown" in (await reader.get(path)).text
    assert (await reader.get(f"{path}/export.csv")).status_code == 200
    guesses = (reader.post(path, data={"password": f"guess {n}"}) for n in range(12))
    assert [one.status_code for one in await asyncio.gather(*guesses)].count(403) <= 5


async def test_files_are_of_that_view_where_allowed(
    store: SqliteStore, client: httpx.AsyncClient, reader: httpx.AsyncClient
) -> None:
    await fill(store)
    without = await share(client, "/mentions?topic=kestrel")
    for file in ("export.csv", "export.xlsx", "export.png"):
        assert (await reader.get(f"{without}/{file}")).status_code == 404
    path = await share(client, "/mentions?topic=kestrel", files="1")
    answer = await reader.get(f"{path}/export.csv?topic=rival&range=all")
    assert {row["topic"] for row in csv.DictReader(io.StringIO(answer.text))} == {"kestrel"}
    assert (await reader.get(f"{path}/export.xlsx")).status_code == 200
    assert (await reader.get(f"{path}/export.png")).content.startswith(b"\x89PNG")
    report = await share(client, "/reports/weekly", files="1")
    assert (await reader.get(f"{report}/export.csv")).status_code == 404


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("/triage", "can’t be shared|can't be shared|can&#39;t be shared"),
        ("/users", "be shared"),
        ("https://elsewhere.invalid/api/v1/mentions", "be shared"),
        ("/incidents/nothing", "no such incident"),
        ("/mentions?nonsense=1", "no such filter"),
        ("/reports/weekly?week=x", "no such week"),
        ("http://[", "can&#39;t be read"),
        ("", "be shared"),
    ],
)
async def test_what_can_not_be_shared_is_told_and_kept(
    client: httpx.AsyncClient, given: str, said: str
) -> None:
    data = {"token": await form(client), "address": given, "title": "Kept <title>"}
    answer = await client.post("/reports/share", data=data)
    if given:
        assert answer.status_code == 400
        assert re.search(said, answer.text)
        assert "Kept &lt;title&gt;" in answer.text
    assert SECRET not in answer.text


async def test_viewers_make_no_links(store: SqliteStore) -> None:
    from streams.web.visitor import VISITOR, Visitor

    app = create_app(store, topics=TOPICS, login=False)

    async def as_viewer(scope: Any, receive: Any, send: Any) -> None:
        scope[VISITOR] = Visitor(name="vera", role="viewer")
        await app(scope, receive, send)

    transport = httpx.ASGITransport(as_viewer, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8420") as client:
        page = (await client.get("/reports")).text
        assert "/reports/share" not in page
        answer = await client.post("/reports/share", data={"address": "/mentions"})
        assert answer.status_code == 403
        assert (await client.post("/reports/share/x/drop")).status_code == 403


async def test_hostile_posts_are_harmless(
    store: SqliteStore, client: httpx.AsyncClient, reader: httpx.AsyncClient
) -> None:
    await store.write([hostile(1, at=NOW - timedelta(minutes=1))])
    page = (await reader.get(await share(client, "/mentions?range=all"))).text
    assert re.findall(r"<script", page) == []
    assert re.findall(r"<[^>]+\s(?:on\w+|style)=", page) == []
    assert "javascript:" not in page
    assert "tracker" not in page


def test_an_address_is_read_from_its_path_on() -> None:
    assert address("https://veille.example/mentions?topic=a&ui=fr#x") == (
        "/mentions",
        [("topic", "a")],
    )
    assert address("/") == ("/overview", [])
    with pytest.raises(ShareError):
        address("/men\ntions")


async def test_a_shared_view_of_mentions_is_a_feed_where_the_link_allows_files(
    store: SqliteStore, client: httpx.AsyncClient, reader: httpx.AsyncClient
) -> None:
    await fill(store)
    path = await share(client, "/mentions?topic=kestrel", files="1")
    assert f'href="{path}/feed.atom"' in (await reader.get(path)).text
    for form in ("atom", "rss"):
        feed = await reader.get(f"{path}/feed.{form}?topic=rival&limit=200")
        assert feed.text.count("Kestrel shown") >= 40
        assert SECRET not in feed.text, "the address gives no filters"
        assert "/mentions" not in feed.text, "no way to pages that it does not show"
        known = {"If-None-Match": feed.headers["etag"]}
        assert (await reader.get(f"{path}/feed.{form}", headers=known)).status_code == 304
    for other, more in (
        ("/mentions?topic=kestrel", {}),
        ("/overview?topic=kestrel", {"files": "1"}),
        ("/mentions", {"files": "1", "password": "let me in please"}),
    ):
        path = await share(client, other, **more)
        assert (await reader.get(f"{path}/feed.atom")).status_code == 404
