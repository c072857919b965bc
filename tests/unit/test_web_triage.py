"""Triage over HTTP: the queue, labels, strokes, opinions, forms, and who may not."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.criteria.topics import Topic
from streams.errors import StoreUnavailable
from streams.labelling import Change, Labelling
from streams.records import Label
from streams.store.port import Filter, Store
from streams.store.sqlite import SqliteStore
from streams.web.app import create_app
from streams.web.triage.asked import TABS, read_asked
from streams.web.triage.training import example
from streams.web.visitor import VISITOR, Visitor
from tests.browser.site import hostile, mention

TOPICS = [Topic(id="kestrel", name="Kestrel Air", query="kestrel")]
NOW = datetime.now(UTC)
A, B, C = (
    mention(n, sentiment=tone, ago=timedelta(minutes=n))  # type: ignore[arg-type]  # labels
    for n, tone in enumerate(("neg", "neu", "pos"))
)


class As:
    """The app for somebody else."""

    def __init__(self, app: ASGIApp, visitor: Visitor) -> None:
        self._app, self._visitor = app, visitor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, VISITOR: self._visitor}, receive, send)


def client_of(app: ASGIApp, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers=headers
    )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "veille.sqlite3")
    await store.open()
    await store.write([A, B, C])
    yield store
    await store.close()


@pytest.fixture
def app(store: Store) -> ASGIApp:
    return create_app(store, topics=TOPICS)


@pytest.fixture
async def client(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as found:
        yield found


async def queue(client: httpx.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    answer = await client.get(f"/api/v1/queue?{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


async def test_the_queue_is_by_worth_and_says_why(client: httpx.AsyncClient) -> None:
    rows = await queue(client)
    assert [row["id"] for row in rows] == [A.id, B.id, C.id]
    assert [part["what"] for part in rows[0]["why"]] == ["negative", "uncertain"]
    assert rows[0]["text"] == [["A word on ", False], ["Kestrel", True], [" today", False]]
    assert rows[0]["seen"] == 0
    newest = await queue(client, "order=newest&limit=2")
    assert [row["id"] for row in newest] == [A.id, B.id]


async def test_pages_follow_each_other(client: httpx.AsyncClient) -> None:
    first = (await client.get("/api/v1/queue?limit=2")).json()
    assert first["total"] == 3
    second = (await client.get(f"/api/v1/queue?limit=2&cursor={first['cursor']}")).json()
    assert [row["id"] for row in second["rows"]] == [C.id]
    assert (second["cursor"], second["total"]) == ("", None)


async def test_an_old_queue_is_shown_where_the_week_is_empty(
    client: httpx.AsyncClient, store: Store
) -> None:
    await store.write([mention(9, topic="old", at=NOW - timedelta(days=60))])
    answer = (await client.get("/api/v1/queue?topic=old")).json()
    assert (len(answer["rows"]), answer["preset"]) == (1, "all")
    assert (await client.get("/api/v1/queue?topic=old&range=7d")).json()["rows"] == []


async def test_labels_come_back_as_outcomes(client: httpx.AsyncClient) -> None:
    changes = [
        {"mention_id": A.id, "sentiment": "pos", "done": True},
        {"mention_id": B.id, "seen": 5, "relevant": False},
        {"mention_id": "none", "done": True},
    ]
    answer = await client.post("/api/v1/labels", json={"changes": changes})
    first, second, third = answer.json()["outcomes"]
    assert (first["state"], first["label"]["sentiment"], first["label"]["by"]) == (
        "kept", "pos", "local",
    )  # fmt: skip
    assert (second["state"], third["state"]) == ("conflict", "gone")
    assert [row["id"] for row in await queue(client)] == [B.id, C.id]
    undo = {"items": [{"mention_id": A.id, "seen": first["seen"]}]}
    back = (await client.post("/api/v1/labels/undo", json=undo)).json()["outcomes"][0]
    assert back["state"] == "kept"
    assert len(await queue(client)) == 3


async def test_a_stroke_tells_its_way_and_is_taken_back(
    client: httpx.AsyncClient, store: Store
) -> None:
    body = {"where": "sentiment=neu&sentiment=pos", "change": {"mention_id": "-", "done": True}}
    answer = await client.post("/api/v1/labels/bulk", json=body)
    lines = [msgspec.json.decode(line) for line in answer.text.splitlines()]
    assert [line["kept"] for line in lines] == [0, 2]
    assert len(await queue(client)) == 1
    batch = lines[-1]["batch"]
    answer = await client.post("/api/v1/labels/undo", json={"batch": batch})
    assert msgspec.json.decode(answer.text.splitlines()[-1])["kept"] == 2
    assert len(await queue(client)) == 3


async def test_a_whole_story(client: httpx.AsyncClient, store: Store) -> None:
    told = [msgspec.structs.replace(mention(n), story="s") for n in range(20, 23)]
    await store.write(told)
    body = {"story_of": told[0].id, "change": {"mention_id": "-", "spam": True}}
    answer = await client.post("/api/v1/labels/bulk", json=body)
    assert msgspec.json.decode(answer.text.splitlines()[-1])["kept"] == 3
    assert (await store.count(Filter())).total == 3
    body["story_of"] = A.id
    assert (await client.post("/api/v1/labels/bulk", json=body)).status_code == 400
    body["story_of"] = "none"
    assert (await client.post("/api/v1/labels/bulk", json=body)).status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("labels", {"changes": [{"mention_id": "m", "colour": 1}]}),
        ("labels", {"changes": [{"mention_id": "m"}] * 201}),
        ("labels/bulk", {"where": "colour=red", "change": {"mention_id": "m"}}),
        ("labels/bulk", {"where": "tab=sample&topic=a", "change": {"mention_id": "m"}}),
        ("labels/bulk", {"where": "tab=nowhere", "change": {"mention_id": "m"}}),
        ("opinions", {"opinions": [{"mention_id": "m"}]}),
        ("hidden", {"key": ""}),
        ("hidden", {"key": "source:@"}),
    ],
)
async def test_what_can_not_be_is_refused(
    client: httpx.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    answer = await client.post(f"/api/v1/{path}", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]


@pytest.mark.parametrize("query", ["tab=x", "order=up", "followers=many", "work=maybe", "kind=x"])
async def test_odd_addresses_are_explained(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/triage?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.text


async def test_a_browser_needs_the_token_of_the_page(app: ASGIApp) -> None:
    body = {"changes": [{"mention_id": A.id, "done": True}]}
    async with client_of(app, **{"sec-fetch-site": "same-origin"}) as browser:
        assert (await browser.post("/api/v1/labels", json=body)).status_code == 403
        page = (await browser.get("/triage")).text
        token = page.partition('data-token="')[2].partition('"')[0]
        kept = await browser.post("/api/v1/labels", json=body, headers={"x-veille-token": token})
        assert kept.json()["outcomes"][0]["state"] == "kept"
        plain = await browser.post("/api/v1/labels", content=b"{}")
        assert plain.status_code == 415


async def test_who_only_reads_changes_nothing(app: ASGIApp, store: Store) -> None:
    viewer = Visitor(name="vic", role="viewer")
    async with client_of(As(app, viewer)) as client:
        page = await client.get("/triage")
        assert page.status_code == 200
        assert 'data-may="no"' in page.text
        assert 'data-act="neg"' not in page.text
        for path, body in (
            ("labels", {"changes": []}),
            ("labels/undo", {"items": []}),
            ("labels/bulk", {"change": {"mention_id": "-", "done": True}}),
            ("opinions", {"opinions": []}),
            ("hidden", {"key": "rss:writer0"}),
        ):
            assert (await client.post(f"/api/v1/{path}", json=body)).status_code == 403, path
        assert (await client.get("/triage/labels.jsonl")).status_code == 403
    assert (await store.entries()).entries == []


async def test_a_source_is_hidden_by_admins_alone(app: ASGIApp, store: Store) -> None:
    async with client_of(As(app, Visitor(name="ann", role="analyst"))) as client:
        assert (await client.post("/api/v1/hidden", json={"key": "rss"})).status_code == 403
        author = {"key": "rss:writer0"}
        assert (await client.post("/api/v1/hidden", json=author)).status_code == 200
    assert [one.key for one in await store.hidden()] == ["rss:writer0"]
    assert (await store.count(Filter())).total == 2
    async with client_of(app) as client:
        await client.post("/api/v1/hidden", json={"key": "rss"})
        assert (await store.count(Filter())).total == 0
        for key in ("rss", "rss:writer0"):
            await client.post("/api/v1/hidden", json={"key": key, "hide": False})
    assert (await store.count(Filter())).total == 3
    actions = [entry.action for entry in (await store.entries()).entries]
    assert sorted(actions) == ["author.hide", "author.show", "source.hide", "source.show"]


async def token_of(client: httpx.AsyncClient) -> str:
    page = (await client.get("/triage")).text
    return page.partition('data-token="')[2].partition('"')[0]


async def test_the_form_of_a_row(client: httpx.AsyncClient, store: Store) -> None:
    form = {
        "token": await token_of(client), "id": A.id, "seen": "0", "decision": "irrelevant",
        "back": "topic=kestrel&order=newest",
    }  # fmt: skip
    answer = await client.post("/triage/decide", data=form)
    assert answer.status_code == 303
    place = answer.headers["location"]
    assert place == "/triage?topic=kestrel&order=newest&told=kept"
    assert (await store.count(Filter())).total == 2
    late = await client.post("/triage/decide", data={**form, "decision": "neg"})
    assert "told=conflict&by=local" in late.headers["location"]
    assert "local was quicker" in (await client.get(late.headers["location"])).text
    for odd in ({"token": "x"}, {"decision": "x"}, {"seen": "x"}, {"id": ""}):
        answer = await client.post("/triage/decide", data={**form, **odd})
        assert answer.status_code in (400, 403)


async def test_a_sample_and_its_precision(client: httpx.AsyncClient) -> None:
    unknown = (await client.get("/api/v1/precision?topic=kestrel")).json()
    assert (unknown["frame"], unknown["precision"]) == (None, None)
    form = {"token": await token_of(client), "topic": "kestrel", "days": "7"}
    answer = await client.post("/triage/sample", data=form)
    assert answer.headers["location"] == "/triage?tab=sample&topic=kestrel&told=begun"
    assert (await client.post("/triage/sample", data={**form, "days": "8"})).status_code == 400
    drawn = [row["id"] for row in await queue(client, "tab=sample&topic=kestrel")]
    assert sorted(drawn) == sorted([A.id, B.id, C.id])
    changes = [{"mention_id": drawn[n], "relevant": n == 0, "done": True} for n in (0, 2)]
    await client.post("/api/v1/labels", json={"changes": changes})
    known = (await client.get("/api/v1/precision?topic=kestrel")).json()
    assert known["precision"]["relevant"]["of"] == 1, "what is behind a gap does not count"
    await client.post("/api/v1/labels", json={"changes": [{"mention_id": drawn[1], "done": True}]})
    known = (await client.get("/api/v1/precision?topic=kestrel")).json()["precision"]
    assert (known["relevant"]["hits"], known["relevant"]["of"], known["more"]) == (2, 3, 0)
    again = [row["id"] for row in await queue(client, "tab=sample&topic=kestrel")]
    assert again == drawn, "irrelevant ones stay in the sample"


async def test_opinions_are_heard_and_change_nothing(
    client: httpx.AsyncClient, store: Store
) -> None:
    said = [
        Change(mention_id=one.id, relevant=True, sentiment="pos", note="secret") for one in (A, B)
    ]
    await Labelling(store).change(said, by="ada")
    form = {"token": await token_of(client), "topic": "kestrel", "days": "7"}
    await client.post("/triage/sample", data=form)
    await Labelling(store).change([Change(mention_id=C.id, done=True)], by="local")
    blind = await client.get("/api/v1/queue?tab=opinion&topic=kestrel")
    assert {row["id"] for row in blind.json()["rows"]} == {A.id, B.id}
    for word in ("secret", "ada", '"pos"', '"neg"'):
        assert word not in blind.text
    opinions = [
        {"mention_id": A.id, "relevant": True, "sentiment": "pos"},
        {"mention_id": B.id, "relevant": False},
        {"mention_id": "none", "relevant": True},
    ]
    before = await store.labels([A.id, B.id])
    heard = await client.post("/api/v1/opinions", json={"opinions": opinions})
    assert heard.json() == {"heard": 2}
    assert await store.labels([A.id, B.id]) == before
    assert await queue(client, "tab=opinion&topic=kestrel") == []
    known = (await client.get("/api/v1/agreement?topic=kestrel")).json()
    (pair,) = known["pairs"]
    assert (pair["people"], pair["mentions"], pair["same_relevance"]) == (["ada", "local"], 2, 1)
    assert [one["mention_id"] for one in known["disagreements"]] == [B.id]


async def test_training_data_is_what_people_said(client: httpx.AsyncClient, store: Store) -> None:
    await Labelling(store).change(
        [
            Change(mention_id=A.id, sentiment="pos", relevant=True),
            Change(mention_id=B.id, done=True),
            Change(mention_id=C.id, relevant=False, done=True),
        ],
        by="ada",
    )
    answer = await client.get("/triage/labels.jsonl")
    assert "labels.jsonl" in answer.headers["content-disposition"]
    lines = [msgspec.json.decode(line) for line in answer.text.splitlines()]
    assert [(one["label"], one["lang"]) for one in lines] == [("pos", "en"), ("neu", "en")]
    assert example(A) is None
    unscored = mention(1, sentiment="unscored", reason="x")
    done = Label(mention_id=unscored.id, labeled_at=NOW, done=True)
    assert example(msgspec.structs.replace(unscored, label=done)) is None


async def test_hostile_posts_stay_text(client: httpx.AsyncClient, store: Store) -> None:
    await store.write([hostile(50)])
    rows = await queue(client)
    row = next(one for one in rows if one["handle"].startswith('">'))
    assert row["url"] == ""
    assert sum(len(piece) for piece, _ in row["text"]) < 800
    page = (await client.get("/triage")).text
    assert "<script>document" not in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page


async def test_every_tab_opens_in_every_language(client: httpx.AsyncClient) -> None:
    for tab in TABS:
        for language in ("en", "fr", "ru"):
            answer = await client.get(f"/triage?tab={tab}&topic=kestrel&ui={language}")
            assert answer.status_code == 200, (tab, language)
            assert f'<html lang="{language}"' in answer.text


async def test_a_store_that_is_away_is_told(
    client: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("the store is away")

    for name in ("search", "labels", "count"):
        monkeypatch.setattr(store, name, away)
    assert (await client.get("/triage")).status_code == 503
    assert (await client.get("/api/v1/queue")).status_code == 503
    body = {"changes": [{"mention_id": A.id, "done": True}]}
    answer = await client.post("/api/v1/labels", json=body)
    assert (answer.status_code, answer.json()["error"]) == (503, "the store is away")


def test_addresses_lead_from_tab_to_tab() -> None:
    asked = read_asked([("tab", "done"), ("topic", "a"), ("range", "30d"), ("order", "oldest")])
    assert asked.to("queue") == "/triage?topic=a&range=30d"
    assert asked.link(("range", "7d")) == "/triage?topic=a&range=7d&tab=done&order=oldest"
    assert asked.link(without=[("topic", "a")]) == "/triage?range=30d&tab=done&order=oldest"
    where = asked.where(NOW, "me")
    assert (where.work, where.hidden, where.topics) == ("done", "any", ("a",))
    mine = read_asked([("tab", "mine")]).where(NOW, "me")
    assert (mine.assigned, mine.work, mine.since) == ("me", "open", None)
    given = read_asked([("tab", "done"), ("hidden", "only")]).where(NOW, "me")
    assert given.hidden == "only"
