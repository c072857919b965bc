"""One mention's page, why a post was not found, and posts added by hand."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from connectors import post as posts
from connectors.letters import DeadLetter
from connectors.post import Author, Post
from streams.archive.sqlite import SqliteArchive
from streams.criteria.closeness import closeness
from streams.criteria.explain import explain
from streams.criteria.topics import Topic
from streams.erasing import Target, erase
from streams.pipeline import story_of
from streams.settings import Settings, Source
from streams.store.hiding import Hidden
from streams.store.journal import EntryFilter
from streams.store.port import Filter
from streams.store.sqlite import SqliteStore
from streams.web.app import create_app
from streams.web.posts.changes import shortened, word_changes
from streams.web.posts.find import kind_of
from streams.web.posts.label_form import change_of
from tests.browser.site import hostile, mention
from tests.support.posts import post as make_post

NOW = datetime.now(UTC)
TOPICS = [
    Topic(id="kestrel", name="Kestrel Air", query="kestrel"),
    Topic(id="late", query="kestrel AND (late OR delay*) AND refund", languages=["fr"]),
    Topic(id="rival", query="plover"),
]
SOURCES = [
    Source(id="news", connector="rss", urls=["https://news.example.org/feed"]),
    Source(id="off", connector="reddit", enabled=False),
]


class Desk:
    """The app over a new store and archive."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder / "veille.db")
        self.archive = SqliteArchive(folder / "posts.db")
        self.app = create_app(
            self.store,
            topics=TOPICS,
            archive=self.archive,
            settings=Settings(data_dir=folder, sources=SOURCES, allow_hosts="127.0.0.1"),
        )
        transport = httpx.ASGITransport(self.app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    @property
    def token(self) -> str:
        return str(self.app.state.pages.forms.token)

    async def post(self, path: str, **fields: Any) -> httpx.Response:
        return await self.client.post(path, data={"token": self.token, **fields})

    async def find(self, what: str) -> dict[str, Any]:
        found: dict[str, Any] = (
            await self.client.get("/api/v1/find", params={"what": what})
        ).json()
        return found

    async def keep(self, *kept: Post) -> None:
        await self.archive.append([posts.encode(one) for one in kept])


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    await made.store.open()
    yield made
    await made.client.aclose()
    await made.app.state.posts.aclose()
    await made.archive.close()
    await made.store.close()


def kept(number: int, text: str, **more: Any) -> Post:
    basis = {"id": f"rss:{number}", "source": "rss", "url": f"https://news.example.org/{number}"}
    made: dict[str, Any] = {**basis, "created_at": NOW, "collected_at": NOW, **more}
    return make_post(text, **made)


async def test_a_mentions_page_tells_all_that_is_known(desk: Desk) -> None:
    root = mention(1, text="Kestrel was late again", sentiment="neg", hashtags=["kestrel"])
    reply = mention(2, text="Kestrel, answer them", parent_id="rss:1", thread_id="rss:1")
    await desk.store.write([root, reply])
    later = root.post.collected_at + timedelta(seconds=1)
    edited = msgspec.structs.replace(
        root.post, text="Kestrel was early again", state="edited",
        updated_at=later, collected_at=later,
    )  # fmt: skip
    silent = kept(3, "I was there, too", parent_id="rss:2", thread_id="rss:1")
    await desk.keep(root.post, edited, silent)
    page = await desk.client.get(f"/mentions/{root.id}")
    assert page.status_code == 200
    assert "<mark>Kestrel</mark> was late again" in page.text
    assert "<del>late</del><ins>early</ins>" in page.text
    assert "I was there, too" in page.text
    assert "met no topic" in page.text
    assert f'href="/mentions/{reply.id}"' in page.text
    assert 'data-topic="rival"' in page.text
    told = (await desk.client.get(f"/api/v1/mentions/{root.id}")).json()
    assert told["thread"] == ["rss:1", "rss:2", "rss:3"]
    met = {one["topic"]: one["met"] for one in told["topics"]}
    assert met["kestrel"]
    assert not met.get("rival")


async def test_what_is_not_there_and_what_is_hostile(desk: Desk) -> None:
    assert (await desk.client.get("/mentions/nothing")).status_code == 404
    assert (await desk.client.get("/api/v1/mentions/nothing")).status_code == 404
    odd = hostile(7)
    await desk.store.write([odd])
    page = (await desk.client.get(f"/mentions/{odd.id}")).text
    assert "<script>alert" not in page
    assert "<svg onload" not in page
    assert 'href="javascript:' not in page
    assert 'tracker.invalid/pixel.gif"' not in page.replace("&#34;", '"').split("<pre")[0]
    assert "<img src=x" not in page


async def test_a_label_by_form_counts_and_who_is_slower_is_told(desk: Desk) -> None:
    one = mention(1, sentiment="neg")
    await desk.store.write([one])
    path = f"/mentions/{one.id}/label"
    first = await desk.post(path, seen=0, sentiment="pos", relevant="yes", note="irony", state="")
    assert first.headers["location"].endswith("told=kept")
    found = await desk.store.get(one.id)
    assert found is not None
    assert found.label is not None
    assert (found.label.sentiment, found.label.relevant, found.label.done) == ("pos", True, False)
    second = await desk.post(path, seen=0, sentiment="neu", state="")
    assert second.headers["location"].endswith("told=conflict")
    page = await desk.client.get(second.headers["location"])
    assert "Somebody was quicker" in page.text
    assert (await desk.client.post(path, data={"sentiment": "pos"})).status_code == 403


def test_fields_that_are_missing_leave_a_label_as_it_is() -> None:
    assert change_of("m", [("seen", "12"), ("note", "n")]).seen == 12
    assert change_of("m", [("seen", "-1")]).seen == 0
    assert change_of("m", [("seen", "²")]).seen == 0
    assert change_of("m", [("act", "clear"), ("note", "x")]).clear
    assert change_of("m", [("sentiment", "")]).sentiment is None
    assert change_of("m", [("tags", "a, b #c")]).tags == ["a", "b", "#c"]


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("https://x.org/a?b=1", "url"), ("www.x.org/a", "url"), ("x.org/a", "url"),
        ("rss:77", "id"), ("0" * 32, "id"), ("bluesky:did:plc:x/app/1", "id"),
        ("Kestrel: late", "text"), ("hello", "text"), ("see https://x.org/a now", "text"),
    ],
)  # fmt: skip
def test_what_is_asked_for_is_a_url_an_id_or_a_text(what: str, kind: str) -> None:
    assert kind_of(what) == kind


async def test_a_post_that_came_and_met_no_topic(desk: Desk) -> None:
    await desk.keep(kept(1, "The birds are nice"), kept(2, "A delay, and Kestrel gave no refund"))
    for what in ("rss:1", "http://news.example.org/1/#x", "the BIRDS are nice!"):
        found = await desk.find(what)
        assert found["answer"] == "It came in, but meets no topic.", what
        assert [one["answer"] for one in found["steps"]][:2] == ["so", "yes"]
    near = (await desk.find("Kestrel gave me no refund"))["verdicts"]["of"]
    assert [one["topic"] for one in near] == ["kestrel", "late", "rival"]
    assert near[0]["met"]
    assert 0 < near[1]["near"] < 1
    assert {clause["query"] for clause in near[1]["failed"]} >= {"languages: fr"}
    assert near[2]["near"] == 0
    page = (await desk.client.get("/find", params={"what": "rss:2"})).text
    assert "back-fill the" in page
    assert 'name="post_id" value="rss:2"' in page


async def test_a_post_that_was_found_or_hidden_or_erased(desk: Desk) -> None:
    one = mention(1, author=Author(id="7", handle="ada"), url="https://news.example.org/1")
    one = msgspec.structs.replace(one, story=story_of(one.post.text))
    await desk.store.write([one])
    for what in (one.id, "rss:1", "https://www.news.example.org/1/", one.post.text):
        found = await desk.find(what)
        assert found["answer"] == "It was found.", what
        assert found["steps"][0]["href"] == f"/mentions/{one.id}"
    await desk.store.hide(Hidden(key="rss:ada", at=NOW))
    found = await desk.find("rss:1")
    assert (found["steps"][0]["answer"], len(found["mentions"])) == ("no", 1)
    assert "hidden" in found["steps"][0]["said"]
    await erase(desk.store, Target(post_id="rss:1"), by="me", archive=desk.archive)
    found = await desk.find("rss:1")
    assert found["answer"] == "It never came in."
    assert any("erased" in step["said"] for step in found["steps"])


async def test_a_post_that_was_deleted_or_died(desk: Desk) -> None:
    later = NOW + timedelta(seconds=5)
    gone = kept(1, "", state="deleted", updated_at=later, collected_at=later)
    await desk.keep(kept(1, "Kestrel"), gone)
    found = await desk.find("rss:1")
    assert found["answer"] == "It came in, and was deleted at its source."
    assert found.get("verdicts") is None
    letter = DeadLetter(
        id="l1", stage="filter", reason="too odd", place="veille.posts/0@1",
        raw=b'{"id": "rss:9", "url": "https://news.example.org/9"}', at=NOW,
    )  # fmt: skip
    await desk.store.add_dead_letters([letter])
    steps = (await desk.find("https://news.example.org/9"))["steps"]
    died = next(step for step in steps if step.get("href") == "/dead-letters/letter/l1")
    assert "too odd" in died["said"]


async def test_sources_that_would_have_given_it(desk: Desk) -> None:
    async def said(url: str) -> str:
        steps = (await desk.find(url))["steps"]
        return str(next(step["said"] for step in steps if "Does a source" in step["name"]))

    assert "has not run here yet" in await said("https://news.example.org/5")
    failing = {"state": "failing", "reason": "404 of <feed>", "connector": "rss"}
    await desk.store.put_state("source", "news", failing)
    assert "is failing: 404 of <feed>" in await said("https://news.example.org/5")
    assert "switched off" in await said("https://old.reddit.com/r/a/1")
    assert "“x”" in await said("https://twitter.com/a/1")
    assert "“rss” reads it" in await said("https://unheard.example.net/1")


async def test_a_text_added_by_hand_is_judged_and_can_be_taken_back(desk: Desk) -> None:
    form = await desk.client.get("/add", params={"text": "Kestrel <b>is</b> awful"})
    assert "Kestrel &lt;b&gt;is&lt;/b&gt; awful" in form.text
    answer = await desk.post("/add", text="Kestrel is awful", author="Ada", seen_in="the wall")
    assert answer.status_code == 303
    found = (await desk.store.search(Filter(sources=("manual",)))).mentions
    assert [(m.topic, m.sentiment.label, m.label) for m in found] == [("kestrel", "neg", None)]
    assert (await desk.archive.versions(found[0].post.id))[0].text == "Kestrel is awful"
    entries = (await desk.store.entries(EntryFilter(actions=("post.add",)))).entries
    assert [(one.by, one.after["seen_in"]) for one in entries] == [("local", "the wall")]
    again = await desk.post("/add", text="KESTREL is awful!")
    assert again.status_code == 303
    assert (await desk.store.count(Filter())).total == 1, "the same text is the same post"
    page = await desk.client.get(f"/mentions/{found[0].id}")
    assert "Take back the addition" in page.text
    back = await desk.post("/add/undo", post_id=found[0].post.id)
    assert back.headers["location"].endswith("told=undone")
    assert (await desk.store.count(Filter(hidden="any"))).total == 0
    assert [p.state for p in await desk.archive.versions(found[0].post.id)] == ["deleted"]
    twice = await desk.post("/add/undo", post_id=found[0].post.id)
    assert twice.status_code == 503
    assert "taken back already" in twice.text


async def test_staff_may_choose_a_topic_that_the_post_does_not_meet(desk: Desk) -> None:
    await desk.keep(kept(4, "A bird in the wrong place"))
    refused = await desk.post("/add", post_id="rss:4", text="typed")
    assert refused.status_code == 400
    assert "choose the topics" in refused.text
    answer = await desk.post("/add", post_id="rss:4", topic="rival")
    assert answer.status_code == 303
    found = (await desk.store.search(Filter(post_id="rss:4"))).mentions
    assert [(one.topic, one.matched) for one in found] == [("rival", [])]
    assert found[0].label is not None
    assert (found[0].label.relevant, found[0].label.by) == (True, "local")
    await desk.post("/add/undo", post_id="rss:4")
    assert (await desk.store.count(Filter(hidden="any"))).total == 0
    assert [p.text for p in await desk.archive.versions("rss:4")] == ["A bird in the wrong place"]


async def test_what_can_not_be_added_keeps_what_was_typed(desk: Desk) -> None:
    for fields, said in (
        ({"text": ""}, "nothing to add"),
        ({"text": "Kestrel", "created_at": "yesterday"}, "The date is none"),
        ({"text": "Kestrel", "url": "javascript:alert(1)"}, "The URL is none"),
        ({"text": "kept as typed", "topic": "nope"}, "no topic"),
    ):
        answer = await desk.post("/add", **fields)
        assert answer.status_code == 400, fields
        assert said in answer.text
    assert "kept as typed" in answer.text
    assert (await desk.store.count(Filter())).total == 0


async def test_posts_added_by_programs(desk: Desk) -> None:
    answer = await desk.client.post(
        "/api/v1/posts",
        json={"text": "Kestrel again", "url": "https://x.org/1", "topics": ["rival"]},
    )
    assert answer.status_code == 200
    assert len(answer.json()["mentions"]) == 2
    assert len(answer.json()["chosen"]) == 1
    wrong = await desk.client.post("/api/v1/posts", json={"texts": "x"})
    assert wrong.status_code == 400
    schema = (await desk.client.get("/api/v1/openapi.json")).json()
    assert "NewPost" in schema["components"]["schemas"]


def test_a_change_is_told_word_by_word() -> None:
    pieces = word_changes("The old man sat", "The young man sat down")
    assert [(one.did, one.text) for one in pieces] == [
        ("same", "The "), ("gone", "old"), ("new", "young"), ("same", " man sat"), ("new", " down"),
    ]  # fmt: skip
    long = shortened(word_changes("a " * 500 + "x", "a " * 500 + "y"))
    assert len(long[0].text) < 100
    assert word_changes("", "") == []


def test_topics_are_nearer_the_more_of_them_is_met() -> None:
    def near(query: str, **more: Any) -> float:
        return closeness(explain(Topic(id="t", query=query, **more), make_post("red car"), "en"))

    assert near("red AND car") == 1
    assert near("red AND boat") == near("boat OR (red AND ship)") == 0.5
    assert near("ship") == 0
    assert near("red", languages=["fr"]) < 1
    assert near("red AND car AND NOT car") == pytest.approx(2 / 3)
