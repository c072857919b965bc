"""What a topic would have caught: counted, written once, gone on with, and shown."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from connectors.post import Post, encode
from streams.archive.sqlite import SqliteArchive
from streams.criteria.topics import Topic
from streams.errors import QueryError
from streams.records import Label, mention_id
from streams.sentiment.scorer import build_scorer
from streams.settings import Sentiment
from streams.store.port import Filter
from streams.store.sqlite import SqliteStore
from streams.topics.backfill import Backfill, Filler
from streams.web.app import create_app
from streams.web.topics.room import Room
from tests.support.archives import archived
from tests.support.mentions import opened

NOW = datetime.now(UTC).replace(microsecond=0)
TOPIC = Topic(id="acme", query="acme", languages=["en"])
FILE = "topics:\n- {id: acme, query: acme, languages: [en]}\n"


def post(number: int) -> Post:
    at = NOW - timedelta(hours=number)
    text = "acme is a wonderful company, thank you" if number % 2 else "acme is terrible, I hate it"
    return Post(
        id=f"s:{number}",
        source="s",
        created_at=at,
        collected_at=at,
        text=text if number % 3 else f"nothing of it {number}",
    )


POSTS = [post(number) for number in range(240)]
MET = [one for one in POSTS if "acme" in one.text]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        yield store


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[SqliteArchive]:
    async with archived(tmp_path / "posts.db", POSTS) as archive:
        yield archive


@pytest.fixture
def filler(archive: SqliteArchive, store: SqliteStore) -> Filler:
    return Filler(archive, store, lambda: build_scorer("vader", Sentiment()))


def job(**fields: object) -> Backfill:
    given = {"id": "j", "topic": "acme", "since": NOW - timedelta(days=90), "began": NOW, **fields}
    return Backfill(**given)  # type: ignore[arg-type]  # of the fields


async def quiet(_: Backfill) -> None:
    """Nobody listens."""


async def test_it_counts_what_the_pipeline_would_have_made(
    filler: Filler, store: SqliteStore
) -> None:
    one = job()
    await filler.run(one, TOPIC, quiet)
    assert (one.state, one.read, one.hits, one.progress) == ("done", len(POSTS), len(MET), 1.0)
    assert sum(day.total for day in one.days.values()) == len(MET)
    assert sum(day.neg for day in one.days.values()) == sum("hate" in m.text for m in MET)
    assert one.samples
    assert (await store.count(Filter())).total == 0, "nothing is written unless it is asked for"


async def test_what_is_written_is_written_once_and_labels_stay(
    filler: Filler, store: SqliteStore
) -> None:
    first = job(store=True)
    await filler.run(first, TOPIC, quiet)
    assert first.stored == len(MET)
    labelled = mention_id("acme", MET[0].id)
    await store.add_labels([Label(mention_id=labelled, labeled_at=NOW, sentiment="neu")])
    await filler.run(job(store=True), TOPIC, quiet)
    assert (await store.count(Filter(topics=("acme",)))).total == len(MET)
    kept = await store.get(labelled)
    assert kept is not None
    assert kept.label is not None
    assert kept.label.sentiment == "neu"
    assert await store.states("touched") == {}, "alerts are not told"
    assert set(await store.states("past")) == {"backfill:acme"}, "nobody is called for it"


async def test_one_that_was_stopped_goes_on_where_it_was(
    filler: Filler, archive: SqliteArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.topics.backfill._CHUNK", 40)
    one = job()

    async def stop(now: Backfill) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await filler.run(one, TOPIC, stop)
    read = one.read
    assert 0 < read <= len(POSTS)
    one.read, one.last, one.through = 100, POSTS[99].id, POSTS[99].collected_at
    one.hits, one.days = sum(p in MET for p in POSTS[:100]), {}
    new = Post(id="s:new", source="s", created_at=NOW, collected_at=NOW, text="acme, later")
    await archive.append([encode(new)])
    await filler.run(one, TOPIC, quiet)
    assert (one.state, one.read, one.hits) == ("done", len(POSTS), len(MET))


async def test_deleted_posts_and_broken_queries_are_no_finds(
    filler: Filler, archive: SqliteArchive
) -> None:
    gone = Post(
        id=MET[0].id,
        source="s",
        created_at=MET[0].created_at,
        collected_at=NOW + timedelta(seconds=5),
        text="",
        state="deleted",
    )
    await archive.append([encode(gone)])
    one = job()
    await filler.run(one, TOPIC, quiet)
    assert one.hits == len(MET) - 1
    with pytest.raises(QueryError, match="finds nothing"):
        await filler.run(job(), Topic(id="acme", query="acme AND ("), quiet)


@pytest.fixture
async def client(
    store: SqliteStore, archive: SqliteArchive, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    path = tmp_path / "topics.yaml"
    path.write_text(FILE)
    app = create_app(store, topics_file=path, archive=archive)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        client.room = app.state.topics  # type: ignore[attr-defined]  # for the tests
        yield client
    await app.state.topics.aclose()


async def over(client: httpx.AsyncClient) -> None:
    room: Room = client.room  # type: ignore[attr-defined]  # as above
    for task in list(room.backfills._running.values()):
        await task


async def test_the_page_starts_one_and_shows_it(
    client: httpx.AsyncClient, store: SqliteStore
) -> None:
    page = (await client.get("/topics-backfill?topic=acme")).text
    token = page.split('name="token" value="')[1].split('"')[0]
    form = {"token": token, "topic": "acme", "do": "start", "days": "90", "store": "1"}
    assert (await client.post("/topics-backfill", data=form)).status_code == 303
    again = await client.post("/topics-backfill", data=form)
    assert again.status_code in (303, 400)
    await over(client)
    shown = (await client.get("/topics-backfill/parts?topic=acme")).text
    assert f'<b data-figure="caught">{len(MET)}</b>' in shown
    assert f'<b data-figure="stored">{len(MET)}</b>' in shown
    assert (await store.count(Filter(topics=("acme",)))).total == len(MET)
    assert (await client.post("/topics-backfill", data={**form, "days": "x"})).status_code == 400
    assert (await client.get("/topics-backfill?topic=none")).status_code == 404


async def test_programs_start_and_stop_one(client: httpx.AsyncClient, store: SqliteStore) -> None:
    answer = await client.post("/api/v1/topic-backfills", json={"topic": "acme", "days": 5})
    assert answer.status_code == 202
    await over(client)
    found = (await client.get(f"/api/v1/topic-backfills/{answer.json()['id']}")).json()
    assert (found["state"], found["read"]) == ("done", len(POSTS))
    assert [one["id"] for one in (await client.get("/api/v1/topic-backfills?topic=acme")).json()[
        "backfills"]] == [found["id"]]  # fmt: skip
    assert (await client.delete(f"/api/v1/topic-backfills/{found['id']}")).json() == found
    assert (await store.states("job"))["backfill:" + found["id"]]["hits"] == found["hits"]
    wrong = await client.post("/api/v1/topic-backfills", json={"topic": "acme", "days": 0})
    assert wrong.status_code == 422


async def test_half_done_ones_are_known_after_a_restart(store: SqliteStore, tmp_path: Path) -> None:
    path = tmp_path / "topics.yaml"
    path.write_text(FILE)
    half = job(state="running", read=7)
    await store.put_state("job", "backfill:j", {"broken": 1})
    await store.put_state("job", "backfill:k", msgspec.to_builtins(half))
    app = create_app(store, topics_file=path)
    found = await app.state.topics.backfills.all()
    assert [(one.state, one.read) for one in found] == [("cancelled", 7)]
    await app.state.topics.aclose()
