"""The pages and the API of topics, over a real file and a real store."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from streams.criteria.loading import load_topics
from streams.store.sqlite import SqliteStore
from streams.topics.history import FILE, History
from streams.web.app import create_app
from streams.web.topics.drafts import Draft, line, merged, of_form, of_topic, sample
from streams.web.topics.room import Room
from streams.web.visitor import VISITOR, Visitor
from tests.browser.site import mention

TOPICS = """\
topics:
  # The airline.
  - id: kestrel
    name: Kestrel Air
    query: 'kestrel AND (late OR delay*)'
    matches: [kestrel is late]

  - id: rival/x
    query: plover
"""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "veille.db")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "topics.yaml"
    path.write_text(TOPICS)
    return path


@pytest.fixture
async def app(store: SqliteStore, path: Path) -> AsyncIterator[FastAPI]:
    app = create_app(store, topics_file=path)
    yield app
    await app.state.topics.aclose()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


def form_of(page: str, **fields: str) -> dict[str, str]:
    """What the form of an editor would send, with other values in some of its fields."""
    hidden = {
        name: re.search(rf'name="{name}" value="([^"]*)"', page) for name in ("token", "base")
    }
    given = {name: found[1] if found else "" for name, found in hidden.items()}
    return {**given, **fields}


async def test_the_list_shows_volume_and_state(
    client: httpx.AsyncClient, store: SqliteStore, path: Path, app: FastAPI
) -> None:
    await store.write([mention(n, sentiment="neg" if n < 3 else "pos") for n in range(12)])
    path.write_text(TOPICS.replace("plover", "'plover AND ('"))
    await app.state.topics.topics.refresh()
    page = (await client.get("/topics")).text
    row = page[page.index('data-topic="kestrel"') : page.index('data-topic="rival/x"')]
    assert ">12</a>" in row
    assert "25 %" in row
    assert "Not watched" in page
    assert "Kestrel Air" not in (await client.get("/topics?q=plover")).text
    assert "No topic has that" in (await client.get("/topics?q=nothing-has-this")).text


async def test_a_topic_is_saved_and_its_history_told(client: httpx.AsyncClient, path: Path) -> None:
    page = (await client.get("/topics/kestrel")).text
    form = form_of(page, do="save", note="more words", **{
        "topic-name": "Kestrel Air", "topic-query": "kestrel AND (late OR delay* OR lost)",
        "topic-matches": "kestrel is late\r\nkestrel lost",
    })  # fmt: skip
    answer = await client.post("/topics/kestrel", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/topics/kestrel?told=saved")
    saved = load_topics(path)[0]
    assert saved.query == "kestrel AND (late OR delay* OR lost)"
    assert saved.matches == ["kestrel is late", "kestrel lost"]
    assert "# The airline." in path.read_text()
    page = (await client.get("/topics/kestrel?told=saved")).text
    assert "more words" in page
    assert "OR lost" in page
    assert "Saved." in page


async def test_a_change_of_what_another_changed_is_a_conflict_that_loses_nothing(
    client: httpx.AsyncClient, path: Path
) -> None:
    page = (await client.get("/topics/kestrel")).text
    mine = form_of(page, do="save", **{"topic-name": "Mine", "topic-query": "kestrel AND mine"})
    theirs = {**mine, "topic-name": "Kestrel Air", "topic-query": "kestrel AND theirs"}
    assert (await client.post("/topics/kestrel", data=theirs)).status_code == 303
    answer = await client.post("/topics/kestrel", data=mine)
    assert answer.status_code == 409
    assert "kestrel AND mine" in answer.text
    assert "kestrel AND theirs" in answer.text
    assert "kestrel AND (late" in answer.text, "what both began from"
    assert load_topics(path)[0].query == "kestrel AND theirs"
    again = form_of(answer.text, do="save", **{"topic-name": "Mine", "topic-query": "kestrel"})
    assert (await client.post("/topics/kestrel", data=again)).status_code == 303
    assert load_topics(path)[0].query == "kestrel"


async def test_what_is_wrong_is_said_and_the_work_kept(
    client: httpx.AsyncClient, path: Path
) -> None:
    page = (await client.get("/topics/kestrel")).text
    form = form_of(page, do="save", **{"topic-query": "kestrel AND (my work"})
    answer = await client.post("/topics/kestrel", data=form)
    assert answer.status_code == 400
    assert "kestrel AND (my work" in answer.text
    assert "would find nothing" in answer.text
    assert path.read_text() == TOPICS
    assert (await client.post("/topics/kestrel", data={**form, "token": "x"})).status_code == 403
    assert (await client.get("/topics/none")).status_code == 404


async def test_topics_are_added_removed_and_brought_back(
    client: httpx.AsyncClient, path: Path
) -> None:
    page = (await client.get("/topics-new")).text
    new = form_of(page, do="save", **{"topic-id": "new-one", "topic-query": "wren"})
    assert (await client.post("/topics-new", data={**new, "topic-id": "a b"})).status_code == 400
    assert (await client.post("/topics-new", data=new)).status_code == 303
    assert (await client.post("/topics-new", data=new)).status_code == 400, "it is there already"
    page = (await client.get("/topics/new-one")).text
    removed = await client.post("/topics/new-one", data=form_of(page, do="remove"))
    assert removed.headers["location"] == "/topics?told=removed"
    assert path.read_text().rstrip("\n") == TOPICS.rstrip("\n")
    gone = await client.get("/topics/new-one")
    assert gone.status_code == 404
    assert "was removed" in gone.text
    entry = re.findall(r'data-entry="(\w+)"', gone.text)[0]
    back = form_of(gone.text, do="rollback", entry=entry)
    assert (await client.post("/topics/new-one", data=back)).status_code == 303
    assert load_topics(path)[-1].query == "wren"


async def test_the_form_without_a_script_checks_on_the_server(
    client: httpx.AsyncClient, store: SqliteStore
) -> None:
    await store.write([mention(n, text=f"Kestrel is late {n}") for n in range(5)])
    page = (await client.get("/topics/kestrel")).text
    form = form_of(page, do="check", **{
        "topic-query": "kestrel", "topic-matches": "kestrel\nplover", "topic-name": "<b>x</b>",
    })  # fmt: skip
    shown = (await client.post("/topics/kestrel", data=form)).text
    assert '<b data-figure="hits">5</b>' in shown
    assert "✗ fails" in shown
    assert "<b>x</b>" not in shown
    assert "only posts that met some topic" in shown
    fragment = await client.post("/topics-preview", data={"topic-query": "kestrel AND ("})
    assert "can't be read yet" in fragment.text


async def test_the_whole_file_goes_out_and_comes_in(client: httpx.AsyncClient, path: Path) -> None:
    answer = await client.get("/topics-file/download")
    assert answer.text == TOPICS
    assert "attachment" in answer.headers["content-disposition"]
    page = (await client.get("/topics-file")).text
    new = TOPICS.replace("plover", "wren")
    form = form_of(page, do="diff", text=new)
    shown = (await client.post("/topics-file", data=form)).text
    assert "plover" in shown
    assert path.read_text() == TOPICS
    assert (
        await client.post("/topics-file", data={**form, "text": "topics: ["})
    ).status_code == 400
    applied = await client.post("/topics-file", data={**form, "do": "apply"})
    assert applied.status_code == 303
    assert path.read_text() == new
    assert (await client.post("/topics-file", data={**form, "do": "apply"})).status_code == 409


async def test_programs_change_topics_by_what_they_saw(
    client: httpx.AsyncClient, path: Path
) -> None:
    seen = await client.get("/api/v1/topics/rival/x")
    assert seen.json()["topic"]["query"] == "plover"
    body = {"query": "plover OR lapwing", "note": "by a program"}
    url = "/api/v1/topics/rival/x"
    assert (await client.put(url, json=body)).status_code == 428
    good = {"If-Match": seen.headers["etag"]}
    answer = await client.put(url, json=body, headers=good)
    assert answer.status_code == 200
    assert answer.headers["etag"] != seen.headers["etag"]
    clash = await client.put(url, json=body, headers=good)
    assert clash.status_code == 412
    assert "plover" in clash.json()["base"]
    assert "lapwing" in clash.json()["theirs"]
    wrong = await client.put(url, json={"query": "("}, headers={"If-Match": answer.headers["etag"]})
    assert wrong.status_code == 422
    history = (await client.get("/api/v1/topic-history?topic=rival/x")).json()["entries"]
    assert [(one["action"], one["note"]) for one in history] == [("topic.edit", "by a program")]
    diff = await client.get(f"/api/v1/topic-diff?topic=rival/x&a={history[0]['id']}&b=now")
    assert diff.json()["diff"] == ""
    added = await client.post("/api/v1/topics", json={"id": "more", "query": "wren"})
    assert added.status_code == 201
    gone = await client.delete("/api/v1/topics/more", headers={"If-Match": added.headers["etag"]})
    assert gone.status_code == 204
    assert [one.id for one in load_topics(path)] == ["kestrel", "rival/x"]
    back = await client.post(
        "/api/v1/topics/rollback",
        json={"topic": "rival/x", "entry": history[0]["id"]},
        headers={"If-Match": "*"},
    )
    assert back.status_code == 412
    form = await client.post(url, content=b"query=x", headers={"Content-Type": "text/plain"})
    assert form.status_code in (405, 415)


async def test_programs_try_queries(client: httpx.AsyncClient, store: SqliteStore) -> None:
    await store.write([mention(n) for n in range(3)])
    draft = {"id": "kestrel", "query": "kestrel"}
    found = (await client.post("/api/v1/topics/preview", json=draft)).json()
    assert (found["hits"]["total"], found["where"], found["before"]) == (3, "mentions", 0)
    tokens = (await client.post("/api/v1/topics/tokens", json={"query": "a AND ("})).json()
    assert tokens["tokens"][1] == [2, 5, "operator"]
    assert tokens["at"] == 7
    unknown = await client.post("/api/v1/topics/tokens", json={"query": "a", "colour": "red"})
    assert unknown.status_code == 400


async def test_openapi_describes_it(client: httpx.AsyncClient) -> None:
    document = (await client.get("/api/v1/openapi.json")).json()
    assert document["paths"]["/api/v1/topics/{topic_id}"]["put"]["parameters"]
    assert {"TopicRow", "TopicConflict", "Preview"} <= document["components"]["schemas"].keys()


@pytest.mark.parametrize(
    ("role", "method", "url", "status"),
    [
        ("viewer", "GET", "/topics/kestrel", 200),
        ("viewer", "POST", "/topics-preview", 403),
        ("viewer", "POST", "/api/v1/topics/tokens", 403),
        ("analyst", "POST", "/api/v1/topics/tokens", 200),
        ("analyst", "POST", "/api/v1/topics", 403),
        ("analyst", "PUT", "/api/v1/topics/kestrel", 403),
        ("analyst", "DELETE", "/api/v1/topics/kestrel", 403),
        ("analyst", "POST", "/topics-file", 403),
    ],
)
async def test_roles(app: FastAPI, role: Any, method: str, url: str, status: int) -> None:
    async def as_visitor(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, VISITOR: Visitor(name="v", role=role)}, receive, send)

    transport = httpx.ASGITransport(app=as_visitor, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        body = None if method == "GET" else {"query": "kestrel", "id": "x"}
        assert (await client.request(method, url, json=body)).status_code == status


async def test_a_file_that_is_broken_by_hand_is_told_and_the_topics_stay(
    client: httpx.AsyncClient, path: Path, app: FastAPI
) -> None:
    path.write_text("topics: [")
    await app.state.topics.topics.refresh()
    page = (await client.get("/topics")).text
    assert "can't be read; the topics stay" in page
    assert "Kestrel Air" in page
    path.write_text(TOPICS)
    await app.state.topics.topics.refresh()
    assert "can't be read" not in (await client.get("/topics")).text


async def test_names_follow_the_file(client: httpx.AsyncClient, path: Path, app: FastAPI) -> None:
    path.write_text(TOPICS.replace("Kestrel Air", "Kestrel the bird"))
    await app.state.topics.topics.refresh()
    assert app.state.pages.named("kestrel", "topic") == "Kestrel the bird"


async def test_edits_by_hand_are_in_the_history(
    store: SqliteStore, path: Path, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.topics.desk.NOTICE_SECONDS", 0.0)
    room: Room = app.state.topics
    desk = room.the_desk()
    await desk.start(room.topics.snapshot)
    path.write_text(TOPICS.replace("plover", "by hand"))
    await room.topics.refresh()
    for task in list(room._noticing):
        await task
    entries = (await desk.history.of("rival/x")).entries
    assert [(one.by, one.action) for one in entries] == [(FILE, "topic.edit")]
    block = desk.editor.block("rival/x")
    await desk.save("rival/x", {"query": "by page"}, base=block.digest, by="ann")
    await room.topics.refresh()
    for task in list(room._noticing):
        await task
    assert [one.by for one in (await desk.history.of("rival/x")).entries] == ["ann", FILE]


async def test_edits_while_nobody_looked_are_in_the_history(
    store: SqliteStore, path: Path, app: FastAPI
) -> None:
    room: Room = app.state.topics
    await room.the_desk().start(room.topics.snapshot)
    path.write_text(TOPICS.replace("plover", "by hand").replace("id: kestrel", "id: other"))
    await room.topics.refresh()
    history = History(store)
    snapshot = room.topics.snapshot
    assert snapshot is not None
    assert await history.catch_up(snapshot) == 3
    assert await history.catch_up(snapshot) == 0
    assert [one.action for one in (await history.of("kestrel")).entries] == ["topic.remove"]
    assert [one.action for one in (await history.of("other")).entries] == ["topic.add"]


async def test_without_a_file_topics_are_shown_and_not_changed(store: SqliteStore) -> None:
    app = create_app(store, topics=load_topics("config/topics.yaml"))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        page = (await client.get("/topics/vorkalune")).text
        assert "Read only here" in page
        assert 'id="save"' not in page
        answer = await client.post("/topics/vorkalune", data=form_of(page, do="save"))
        assert answer.status_code in (400, 503)
    await app.state.topics.aclose()


def test_samples_are_lines() -> None:
    for one in ("a text", "a\nb", '"quoted"', "{not json", {"text": "x", "lang": "fr"}, " led", ""):
        assert sample(line(one)) == one
        assert "\n" not in line(one)


def test_a_form_gives_the_fields_of_a_topic() -> None:
    draft = of_form([("topic-query", "a\r\nOR b "), ("topic-languages", "en, fr"), ("x", "y"),
                     ("topic-matches", "one\r\n\r\ntwo"), ("topic-stem", "1")])  # fmt: skip
    fields = draft.fields()
    assert fields["query"] == "a\nOR b"
    assert fields["languages"] == ["en", "fr"]
    assert fields["matches"] == ["one", "two"]
    assert (fields["stem"], fields["urgent"]) == (True, False)
    for topic in load_topics("config/topics.yaml"):
        assert of_topic(topic).fields()["matches"] == topic.matches


def test_changes_of_two_are_put_together() -> None:
    base, theirs = Draft(query="a", name="n"), Draft(query="a", name="theirs")
    both, clash = merged(base, theirs, Draft(query="mine", name="n"))
    assert (both.query, both.name, clash) == ("mine", "theirs", [])
    both, clash = merged(base, theirs, Draft(query="a", name="mine"))
    assert (both.name, clash) == ("mine", ["name"])
    assert merged(None, theirs, Draft(query="b", name="theirs"))[1] == ["query"]
