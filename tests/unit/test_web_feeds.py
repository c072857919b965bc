"""Feeds of a view: what readers are told, when they are told nothing, and who may read."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import feedparser
import httpx
import pytest

from connectors.post import Author, utc_now
from streams.records import Label
from streams.store.sqlite import SqliteStore
from streams.users.passwords import Passwords
from streams.users.people import People
from streams.users.tokens import Tokens
from streams.web.app import create_app
from streams.web.feeds.document import ATOM
from tests.browser.site import TOPICS, hostile, mention
from tests.support.mentions import opened
from tests.support.users import WEAK, app_of, client_of, someone

NOW = datetime.now(UTC).replace(microsecond=0)
HOSTILE = '<script>alert(1)</script> & "]]>\x00\x0b\x1b\ufffe\u2028<b>bold</b>\nsecond 😀 line'


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        yield store


@pytest.fixture
async def client(store: SqliteStore) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(store, topics=TOPICS)) as client:
        yield client


async def fill(store: SqliteStore, n: int = 6) -> None:
    await store.write([mention(i, at=NOW - timedelta(minutes=i)) for i in range(n)])


def parsed(answer: httpx.Response) -> Any:
    """Well-formed, and free of what a feed must not hold."""
    assert answer.status_code == 200, answer.text
    ElementTree.fromstring(answer.content)
    found = feedparser.parse(answer.content)
    assert not found.bozo, found.get("bozo_exception")
    return found


@pytest.mark.parametrize("form", ["atom", "rss"])
async def test_a_feed_has_the_mentions_of_its_view(
    store: SqliteStore, client: httpx.AsyncClient, form: str
) -> None:
    await fill(store)
    await store.write([mention(50, topic="rival", at=NOW, url="https://example.org/50?a=1&b=2")])
    answer = await client.get(f"/mentions.{form}?topic=rival&range=7d")
    assert answer.headers["content-type"].startswith(f"application/{form}+xml")
    (one,) = parsed(answer).entries
    assert one.link == "https://example.org/50?a=1&b=2"
    assert one.published_parsed[:6] == NOW.timetuple()[:6]
    assert {"rival", "neu", "rss", "en"} <= {tag.term for tag in one.tags}
    everything = parsed(await client.get(f"/mentions.{form}?topic=kestrel"))
    assert len(everything.entries) == 6
    assert len(parsed(await client.get(f"/mentions.{form}?limit=2")).entries) == 2
    assert everything.feed.link == "http://127.0.0.1:8420/mentions?topic=kestrel"
    again = parsed(await client.get(f"/mentions.{form}"))
    ids = {entry.id for entry in everything.entries}
    assert ids <= {entry.id for entry in again.entries}, "an id is the mention's, not the view's"
    assert all(id_.startswith("urn:uuid:") for id_ in ids)


async def test_a_feed_is_valid_atom(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await fill(store, 2)
    root = ElementTree.fromstring((await client.get("/mentions.atom")).content)
    for parent in (root, *root.iter(f"{{{ATOM}}}entry")):
        for name in ("id", "title", "updated"):
            assert len(parent.findall(f"{{{ATOM}}}{name}")) == 1, (parent.tag, name)
        assert len(parent.findall(f"{{{ATOM}}}author/{{{ATOM}}}name")) == 1
    own = root.find(f"{{{ATOM}}}link[@rel='self']")
    assert own is not None
    assert own.get("href") == "http://127.0.0.1:8420/mentions.atom"
    empty = parsed(await client.get("/mentions.atom?topic=nothing"))
    assert not empty.entries


@pytest.mark.parametrize("form", ["atom", "rss"])
async def test_hostile_text_is_text(
    store: SqliteStore, client: httpx.AsyncClient, form: str
) -> None:
    author = Author(name=HOSTILE, url="javascript:alert(1)")
    await store.write(
        [
            mention(1, text=HOSTILE, title=HOSTILE, author=author, url="javascript:alert(1)"),
            hostile(7),
        ]
    )
    answer = await client.get(f"/mentions.{form}?range=all&limit=200")
    found = parsed(answer)
    assert b"javascript:" not in answer.content
    (one,) = [entry for entry in found.entries if "second 😀 line" in entry.title]
    assert "<script>alert(1)</script>" in one.title, "as it was written, to be shown as text"
    assert one.link.startswith("http://127.0.0.1:8420/mentions/"), "no address to follow but ours"
    for raw in ElementTree.fromstring(answer.content).iter():
        if raw.tag.rpartition("}")[2] in ("content", "description"):
            assert "<script" not in (raw.text or ""), "markup in a feed's HTML"


async def test_who_has_it_already_is_told_nothing(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await fill(store)
    first = await client.get("/mentions.atom")
    tag, modified = first.headers["etag"], first.headers["last-modified"]
    assert modified == format_datetime(NOW, usegmt=True)
    for headers in ({"If-None-Match": f'"x", W/{tag}'}, {"If-Modified-Since": modified}):
        again = await client.get("/mentions.atom", headers=headers)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    earlier = format_datetime(NOW - timedelta(seconds=1), usegmt=True)
    for headers in ({"If-Modified-Since": earlier}, {"If-Modified-Since": "yesterday"}):
        assert (await client.get("/mentions.atom", headers=headers)).status_code == 200
    one = mention(2, at=NOW - timedelta(minutes=2))
    label = Label(mention_id=one.id, labeled_at=NOW + timedelta(seconds=9), sentiment="neg")
    await store.add_labels([label])
    changed = await client.get("/mentions.atom", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    moved = {entry.id: entry.updated_parsed[:6] for entry in parsed(changed).entries}
    was = {entry.id: entry.updated_parsed[:6] for entry in parsed(first).entries}
    assert [id_ for id_ in was if was[id_] != moved[id_]] == [
        entry.id for entry in parsed(first).entries[2:3]
    ]


async def test_the_page_names_the_feeds_of_its_view(client: httpx.AsyncClient) -> None:
    page = (await client.get("/mentions?topic=kestrel&lang=fr")).text
    for form in ("atom", "rss"):
        start = page.index(f'<link rel="alternate" type="application/{form}+xml"')
        assert f'href="/mentions.{form}?topic=kestrel&amp;lang=fr"' in page[start : start + 200]


async def test_wrong_filters_are_named(client: httpx.AsyncClient) -> None:
    for query in ("topc=a", "limit=0", "limit=201", "cursor=1~x"):
        assert (await client.get(f"/mentions.rss?{query}")).status_code == 400


async def test_a_reader_that_sends_no_header_has_a_token_in_its_address(
    store: SqliteStore,
) -> None:
    await fill(store, 1)
    await someone(store, "ada", "admin")
    ada = await People(store, Passwords(WEAK)).find("ada")
    tokens = Tokens(store)
    secrets = {
        scope: (await tokens.add(ada, scope, scopes=[scope], now=utc_now(), by="ada"))[0]
        for scope in ("read", "admin")
    }
    async with client_of(app_of(store)) as nobody:
        for form in ("atom", "rss"):
            refused = await nobody.get(f"/mentions.{form}")
            assert (refused.status_code, "?token=TOKEN" in refused.text) == (401, True)
            answer = await nobody.get(f"/mentions.{form}?token={secrets['read']}")
            assert len(parsed(answer).entries) == 1
            assert secrets["read"] not in answer.text
            headers = {"Authorization": f"Bearer {secrets['admin']}"}
            assert (await nobody.get(f"/mentions.{form}", headers=headers)).status_code == 200
            more = await nobody.get(f"/mentions.{form}?token={secrets['admin']}")
            assert more.status_code == 401, "an address is no place for a token that may change"
        for path in ("/mentions", "/api/v1/mentions", "/mentions/export.csv"):
            answer = await nobody.get(f"{path}?token={secrets['read']}")
            assert answer.status_code in (303, 401), "feeds alone"
