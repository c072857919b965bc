"""Cursors of the JSON API and its export: nothing twice, nothing missing, whatever is written."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from streams.errors import StoreUnavailable
from streams.store.port import Page
from streams.store.sqlite import SqliteStore
from streams.web.app import create_app
from tests.browser.site import TOPICS
from tests.support.mentions import at, mention, opened

N = 120


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        # Three at a time at the same moment, which ids then order.
        await store.write([mention(n, created=at(n // 3)) for n in range(N)])
        yield store


def client_of(store: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(store, topics=TOPICS), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8420")


@pytest.fixture
async def client(store: SqliteStore) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(store) as client:
        yield client


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of ten."""
    monkeypatch.setattr("streams.store.paging.MAX_PAGE", 10)


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


class Written:
    """A store that others write to before each of its pages: new mentions before, among and after
    those there are, newer versions of these, and the end of what was added before."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.writes = 0

    async def search(self, *given: Any, **named: Any) -> Page:
        self.writes += 1
        n = 1_000 + self.writes * 5
        added = [mention(n + i, created=at(-20 + n % 77 + i / 7)) for i in range(5)]
        again = [mention(i, created=at(i // 3), version=n, tone="neg") for i in range(n % 7, N, 7)]
        gone = [mention(n - 5, created=at(-20 + (n - 5) % 77), version=n, deleted=True)]
        await self._store.write([*added, *again, *gone])
        return await self._store.search(*given, **named)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("way", ["mentions", "export"])
async def test_cursors_neither_skip_nor_repeat_while_others_write(
    store: SqliteStore, way: str
) -> None:
    busy = Written(store)
    async with client_of(busy) as client:
        seen, cursor = [], ""
        while way == "mentions":
            given = {"limit": "7", **({"cursor": cursor} if cursor else {})}
            page = (await client.get("/api/v1/mentions", params=given)).json()
            seen += [one["id"] for one in page["mentions"]]
            if not (cursor := page.get("cursor", "")):
                break
        if way == "export":
            seen = [row["id"] for row in rows((await client.get("/api/v1/export")).text)]
    assert busy.writes > N // 10, "pages"
    assert len(seen) == len(set(seen)), "nothing twice"
    assert {mention(n).id for n in range(N)} <= set(seen), "nothing missing"


@pytest.mark.usefixtures("small")
async def test_an_export_goes_on_after_any_line(client: httpx.AsyncClient) -> None:
    whole = rows((await client.get("/api/v1/export?range=all")).text)
    assert len(whole) == N
    for n in (0, 9, 10, 61, N - 1):
        given = {"range": "all", "cursor": whole[n]["cursor"]}
        rest = rows((await client.get("/api/v1/export", params=given)).text)
        assert [one["id"] for one in rest] == [one["id"] for one in whole[n + 1 :]]
    table = list(csv.DictReader(io.StringIO((await client.get("/api/v1/export?format=csv")).text)))
    assert [row["id"] for row in table] == [one["id"] for one in whole]
    given = {"format": "csv", "cursor": table[N - 3]["cursor"]}
    rest_of_it = (await client.get("/api/v1/export", params=given)).text
    assert [row[0] for row in csv.reader(io.StringIO(rest_of_it))] == [
        one["id"] for one in whole[N - 2 :]
    ], "no head again"
    plain = rows((await client.get("/api/v1/export?cursors=no")).text)
    assert "cursor" not in plain[0]


async def test_a_cursor_of_another_query_is_told_so(client: httpx.AsyncClient) -> None:
    cursor = (await client.get("/api/v1/mentions?limit=5")).json()["cursor"]
    for path in ("/api/v1/mentions?lang=fr&limit=5", "/api/v1/export"):
        answer = await client.get(path, params={**httpx.URL(path).params, "cursor": cursor})
        assert answer.status_code == 400
        assert "belongs to another search. Remedy: start without one" in answer.json()["error"]
    for query in ("cursor=rubbish", "format=xml", "cursors=maybe", "topc=a"):
        answer = await client.get(f"/api/v1/export?{query}")
        assert (answer.status_code, len(answer.json()["problems"])) == (400, 1)
        assert answer.json()["problems"][0][3], "a remedy"


class Breaking:
    """A store that goes away after its first page."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._asked = 0

    async def search(self, *given: Any, **named: Any) -> Page:
        self._asked += 1
        if self._asked > 1:
            raise StoreUnavailable("away")
        return await self._store.search(*given, **named)


@pytest.mark.usefixtures("small")
async def test_an_export_that_breaks_off_does_not_look_whole(store: SqliteStore) -> None:
    app = create_app(Breaking(store), topics=TOPICS)  # type: ignore[arg-type]  # enough of a store
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        with pytest.raises(RuntimeError, match="already started"):
            await client.get("/api/v1/export")
        assert (await client.get("/api/v1/export")).status_code == 503


async def test_a_mention_dated_between_milliseconds_is_gone_on_after(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await store.write(
        [mention(5_000 + n, created=at(90) + timedelta(microseconds=n)) for n in range(4)]
    )
    whole = rows((await client.get("/api/v1/export")).text)
    for n in range(N, N + 3):
        rest = await client.get("/api/v1/export", params={"cursor": whole[n]["cursor"]})
        assert [one["id"] for one in rows(rest.text)] == [one["id"] for one in whole[n + 1 :]]
