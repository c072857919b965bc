"""The form of language, zone and theme, and addresses that say them."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from streams.store.sqlite import SqliteStore
from streams.web.app import create_app
from streams.web.forms import bound_to
from streams.web.preferences import near
from tests.browser.site import TOPICS, mention
from tests.support.mentions import opened


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        yield store


@pytest.fixture
async def client(store: SqliteStore) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(store, topics=TOPICS))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


async def keep(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    page = (await client.get("/preferences")).text
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert token
    return await client.post("/preferences", data={"token": token[1], **fields})


async def test_what_is_chosen_is_kept_and_leads_back(client: httpx.AsyncClient) -> None:
    back = "/mentions?q=a&tz=UTC&ui=ru"
    done = await keep(client, language="fr", zone="Asia/Tokyo", theme="dark", back=back)
    assert (done.status_code, done.headers["location"]) == (303, "/mentions?q=a")
    page = (await client.get("/mentions")).text
    assert (
        '<html lang="fr" data-zone="Asia/Tokyo" data-zone-from="chosen" data-theme="dark"' in page
    )
    assert '<option value="fr" lang="fr" selected>' in page


async def test_an_unknown_zone_is_asked_for_again(client: httpx.AsyncClient) -> None:
    done = await keep(client, language="fr", zone="<b>Pari", back="/incidents")
    assert done.status_code == 400
    assert "set-cookie" not in done.headers
    assert "There is no time zone “&lt;b&gt;Pari”" in done.text
    assert 'value="&lt;b&gt;Pari"' in done.text
    assert 'name="back" value="/incidents"' in done.text
    assert near("pari") == ["Europe/Paris"]
    assert near("new york") == ["America/New_York"]


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example/", "/\\evil", "x:1"])
async def test_it_leads_nowhere_else(client: httpx.AsyncClient, back: str) -> None:
    assert (await keep(client, language="ru", back=back)).headers["location"] == "/"


async def test_a_form_from_elsewhere_changes_nothing(client: httpx.AsyncClient) -> None:
    assert (await client.post("/preferences", data={"language": "fr"})).status_code == 403


async def test_the_address_says_language_and_zone_and_links_say_them_again(
    client: httpx.AsyncClient,
) -> None:
    page = (await client.get("/mentions?ui=ru&tz=Asia/Tokyo")).text
    assert '<html lang="ru" data-zone="Asia/Tokyo"' in page
    assert 'href="/incidents?ui=ru&amp;tz=Asia%2FTokyo"' in page
    assert '<input type="hidden" name="tz" value="Asia/Tokyo">' in page
    assert "set-cookie" not in (await client.get("/mentions?ui=ru")).headers


async def test_bare_times_are_the_reader_s_on_pages_and_utc_in_the_api(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await store.write([mention(1, at=datetime(2026, 3, 28, 23, 30, tzinfo=UTC))])
    day = "since=2026-03-29&until=2026-03-30"
    shown = (await client.get(f"/mentions?{day}&tz=Europe/Paris")).text
    assert 'data-figure="total">1<' in shown
    assert "From (Europe/Paris)" in shown
    assert 'data-figure="total">0<' in (await client.get(f"/mentions?{day}")).text
    assert (await client.get(f"/api/v1/counts?{day}")).json()["total"] == 0
    client.cookies["veille_zone"] = "Europe/Paris"
    by_choice = (await client.get(f"/mentions?{day}")).text
    assert 'data-figure="total">1<' in by_choice
    assert (
        "sentiment=neg&amp;since=2026-03-29&amp;until=2026-03-30&amp;tz=Europe%2FParis" in by_choice
    )
    assert (await client.get(f"/api/v1/counts?{day}")).json()["total"] == 0


async def test_pages_with_forms_are_shared_by_no_two_sessions(
    store: SqliteStore,
) -> None:
    app = create_app(store, topics=TOPICS)
    pages = app.state.pages
    transport = httpx.ASGITransport(app=app)
    tokens = set()
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for session in ("one", "two"):
            with bound_to(session):
                page = (await client.get("/mentions")).text
                assert f'<meta name="csrf" content="{pages.forms.token}">' in page
                tokens.add(pages.forms.token)
    assert len(tokens) == 2
