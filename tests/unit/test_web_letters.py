"""The dead letters' pages over a real SQLite store: list, bytes, forms, and who may send them."""

import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.letters import DeadLetter
from streams.dead_letters import Outcome
from streams.errors import VeilleError
from streams.store.sqlite import SqliteStore
from streams.web.app import create_app
from tests.support.mentions import opened

HOSTILE = b"<script>alert(1)</script>\x1b[2J \xff \xe2\x80\xae"


def letter(name: str, **more: Any) -> DeadLetter:
    fields = {"stage": "filter", "reason": "why", "place": "p", "raw": HOSTILE} | more
    return DeadLetter(id=name, at=datetime.now(UTC), **fields)


class Again:
    """Sends nothing: notes what it was given and drops it, as agents would."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.sent: list[str] = []

    async def __call__(self, letters: Sequence[DeadLetter]) -> list[Outcome]:
        ids = [one.id for one in letters]
        if "broken" in ids:
            raise VeilleError("no broker answers. Remedy: veille up")
        self.sent += ids
        await self.store.drop_dead_letters(ids)
        return [Outcome(id=id_, what="gone") for id_ in ids]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        await store.add_dead_letters(
            [letter("a", source="rss", reason="<b>odd</b>"), letter("b"), letter("broken")]
        )
        yield store


@pytest.fixture
async def again(store: SqliteStore) -> Again:
    return Again(store)


@pytest.fixture
async def client(store: SqliteStore, again: Again) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(store, replay=again)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8420") as client:
        yield client


async def token(client: httpx.AsyncClient) -> str:
    found = re.search(r'name="token" value="([^"]+)"', (await client.get("/dead-letters")).text)
    assert found
    return found[1]


async def left(store: SqliteStore) -> list[str]:
    return sorted(one.id for one in (await store.dead_letters())[1])


async def test_the_list_shows_each_and_filters(client: httpx.AsyncClient) -> None:
    page = (await client.get("/dead-letters")).text
    assert sorted(re.findall(r'data-letter="(\w+)"', page)) == ["a", "b", "broken"]
    assert "<b>odd" not in page
    for query, wanted in (("source=rss", ["a"]), ("stage=index", []), ("reason=ODD", ["a"])):
        page = (await client.get(f"/dead-letters?{query}")).text
        assert re.findall(r'data-letter="(\w+)"', page) == wanted
    assert (await client.get("/dead-letters?stage=nowhere")).status_code == 400


async def test_the_bytes_are_shown_and_do_nothing(client: httpx.AsyncClient) -> None:
    page = (await client.get("/dead-letters/letter/a")).text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert not set(page) & {"\x1b", "\u202e"}
    assert "\\xff" in page
    assert (await client.get("/dead-letters/letter/none")).status_code == 404


async def test_ticked_ones_are_sent_again_or_dropped(
    client: httpx.AsyncClient, store: SqliteStore, again: Again
) -> None:
    form = {"token": await token(client), "id": ["a"]}
    answer = await client.post("/dead-letters/replay", data=form)
    assert answer.status_code == 303
    assert "1 went well" in (await client.get(answer.headers["location"])).text
    assert again.sent == ["a"]
    answer = await client.post("/dead-letters/drop", data={**form, "id": ["b", "none"]})
    assert "1 dropped" in (await client.get(answer.headers["location"])).text
    assert await left(store) == ["broken"]


async def test_a_form_of_another_site_changes_nothing(
    client: httpx.AsyncClient, store: SqliteStore
) -> None:
    form = {"token": await token(client), "id": "a"}
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "null"},
    ):
        answer = await client.post("/dead-letters/drop", data=form, headers=headers)
        assert answer.status_code == 403, headers
    for wrong in ({"id": "a"}, {"id": "a", "token": "guess"}, {"id": "a", "token": "é"}):
        assert (await client.post("/dead-letters/drop", data=wrong)).status_code == 403
    assert await left(store) == ["a", "b", "broken"]
    for headers in ({"Origin": "http://127.0.0.1:8420"}, {"Origin": "null"}):
        answer = await client.post("/dead-letters/drop", data={**form, "id": "b"}, headers=headers)
        assert answer.status_code == 303


async def test_what_goes_wrong_is_said(client: httpx.AsyncClient, store: SqliteStore) -> None:
    form = {"token": await token(client)}
    assert (await client.post("/dead-letters/replay", data=form)).status_code == 400
    answer = await client.post("/dead-letters/replay", data={**form, "id": "broken"})
    assert answer.status_code == 503
    assert "no broker answers" in answer.text
    huge = {**form, "id": ["x" * 1000] * 100}
    assert (await client.post("/dead-letters/drop", data=huge)).status_code == 413
    assert (await client.get("/dead-letters/drop")).status_code == 405
    assert len(await left(store)) == 3


async def test_without_a_broker_the_page_names_the_command(store: SqliteStore) -> None:
    transport = httpx.ASGITransport(app=create_app(store))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        page = (await client.get("/dead-letters")).text
        assert "veille dead-letters replay" in page
        assert "Send the ticked" not in page
        answer = await client.post(
            "/dead-letters/replay", data={"token": await token(client), "id": "a"}
        )
        assert answer.status_code == 409
