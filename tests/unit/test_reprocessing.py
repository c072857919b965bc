"""Kept posts through a changed topic and model: the difference first, then in its place at once."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from connectors.post import Author, Post
from streams.archive.sqlite import SqliteArchive
from streams.belonging import put_by_hand
from streams.cli import program
from streams.criteria.topics import Topic
from streams.errors import BrokerUnavailable, StoreError
from streams.records import Label, Mention, Sentiment, mention_id
from streams.reprocessing.applying import apply
from streams.reprocessing.difference import Difference, verdict_of
from streams.reprocessing.run import find, run_key
from streams.reprocessing.stage import Stage
from streams.sentiment.scorer import build_scorer
from streams.settings import Sentiment as SentimentSettings
from streams.store.es_replacing import replacing
from streams.store.port import Filter
from streams.store.rules import labelled, outranks
from streams.store.sqlite import SqliteStore
from streams.topics.backfill import Backfill, Filler
from tests.support.archives import archived
from tests.support.mentions import opened

NOW = datetime.now(UTC).replace(microsecond=0)
BEFORE = Topic(id="acme", query="acme OR kettle", languages=["en"])
AFTER = Topic(id="acme", query="acme OR teapot", languages=["en"])
KINDS = ("acme is wonderful, thank you", "this kettle is terrible", "a lovely teapot", "a bicycle")


def post(number: int) -> Post:
    at = NOW - timedelta(hours=number + 1)
    return Post(
        id=f"s:{number}",
        source="s",
        created_at=at,
        collected_at=at,
        text=f"{KINDS[number % 4]} {number}",
        author=Author(handle="ada" if number % 2 else "bob"),
    )


POSTS = [post(number) for number in range(400)]


def ids(*kinds: int) -> set[str]:
    return {mention_id("acme", one.id) for n, one in enumerate(POSTS) if n % 4 in kinds}


async def quiet(_: Difference) -> None:
    """Nobody listens."""


def nobody(_: str, __: int, ___: int | None) -> None:
    """Likewise."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.sqlite3") as store:
        yield store


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[SqliteArchive]:
    async with archived(tmp_path / "posts.db", POSTS) as archive:
        yield archive


@pytest.fixture
async def filled(archive: SqliteArchive, store: SqliteStore) -> SqliteStore:
    """The store as the topic was before."""
    filler = Filler(archive, store, lambda: build_scorer("vader", SentimentSettings()))
    job = Backfill(id="j", topic="acme", since=NOW - timedelta(days=30), began=NOW, store=True)

    async def told(_: Backfill) -> None:
        """Nobody listens."""

    await filler.run(job, BEFORE, told)
    return store


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path, "acme", "a key")
    yield stage
    stage.close()


def asked() -> Difference:
    return Difference(topic="acme", since=NOW - timedelta(days=30), began=NOW)


async def run(
    difference: Difference, archive: SqliteArchive, store: SqliteStore, stage: Stage
) -> Difference:
    scorer = build_scorer("vader", SentimentSettings())
    await find(
        difference, AFTER, archive=archive, store=store, scorer=scorer, stage=stage, tell=quiet
    )
    return difference


async def stored(store: SqliteStore) -> dict[str, Mention]:
    page = await store.search(Filter(), limit=1000)
    return {one.id: one for one in page.mentions}


async def test_the_difference_is_told_and_nothing_is_changed(
    filled: SqliteStore, archive: SqliteArchive, stage: Stage
) -> None:
    before = await stored(filled)
    found = await run(asked(), archive, filled, stage)
    assert (found.read, found.same) == (400, 100)
    assert (found.added, found.lost, found.flipped, found.rescored) == (100, 100, 0, 0)
    assert sum(day.added for day in found.days.values()) == 100
    assert {sample.kind for sample in found.samples} == {"added", "lost"}
    assert await stored(filled) == before
    assert stage.begun() == found


async def test_it_is_applied_in_one_step_and_again_changes_nothing(
    filled: SqliteStore, archive: SqliteArchive, stage: Stage
) -> None:
    found = await run(asked(), archive, filled, stage)
    applied = await apply(filled, found, stage, nobody)
    assert (applied.stored, applied.retracted, applied.steps) == (100, 100, 1)
    assert set(await stored(filled)) == ids(0, 2)
    stage.clear()
    again = await run(asked(), archive, filled, stage)
    assert (again.changes, again.same) == (0, 200)


class Broken:
    """A broker that takes so many pieces, then goes away."""

    def __init__(self, pieces: int) -> None:
        self.left, self.sent = pieces, list[Mention]()

    async def send(self, mentions: Sequence[Mention]) -> None:
        if not self.left:
            raise BrokerUnavailable("gone")
        self.left -= 1
        self.sent += mentions


async def test_what_was_stored_and_not_sent_is_sent_when_it_is_applied_again(
    filled: SqliteStore, archive: SqliteArchive, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.reprocessing.applying.PIECE", 50)
    found, broken, back = await run(asked(), archive, filled, stage), Broken(2), Broken(9)
    with pytest.raises(BrokerUnavailable):
        await apply(filled, found, stage, nobody, broken)  # type: ignore[arg-type]  # as above
    begun = stage.begun()
    assert begun is not None
    assert (begun.state, begun.progress) == ("stored", 1.0)
    applied = await apply(filled, begun, stage, nobody, back)  # type: ignore[arg-type]  # as above
    assert (applied.steps, applied.sent, begun.state) == (0, 200, "applied")
    assert {one.id for one in back.sent if one.deleted} == ids(1)


async def test_what_was_lost_comes_back_with_the_query_that_finds_it(
    filled: SqliteStore, archive: SqliteArchive, stage: Stage
) -> None:
    await apply(filled, await run(asked(), archive, filled, stage), stage, nobody)
    scorer, back = build_scorer("vader", SentimentSettings()), asked()
    stage.clear()
    await find(back, BEFORE, archive=archive, store=filled, scorer=scorer, stage=stage, tell=quiet)
    assert (back.added, back.lost) == (100, 100)
    await apply(filled, back, stage, nobody)
    assert set(await stored(filled)) == ids(0, 1)


async def test_staff_labels_win_and_stay(
    filled: SqliteStore, archive: SqliteArchive, stage: Stage
) -> None:
    belongs, praised = mention_id("acme", "s:1"), mention_id("acme", "s:4")
    at = NOW + timedelta(seconds=1)
    labels = [
        Label(mention_id=belongs, labeled_at=at, relevant=True, by="ann"),
        Label(mention_id=praised, labeled_at=at, sentiment="neg", note="irony"),
    ]
    assert await filled.add_labels(labels) == []
    flipped = msgspec.structs.replace(
        (await stored(filled))[praised], sentiment=Sentiment(label="neu", engine="other")
    )
    await filled.write([flipped])
    found = await run(asked(), archive, filled, stage)
    assert (found.kept, found.lost, found.flipped, found.spoken) == (1, 99, 1, 1)
    assert found.turns == {"neu>pos": 1}
    await apply(filled, found, stage, nobody)
    after = await stored(filled)
    assert after[belongs].label == labels[0]
    assert after[praised].label == labels[1]
    assert after[praised].sentiment.label == "pos"
    assert (await filled.count(Filter(sentiments=("neg",)))).total == 1 + 1  # both as staff said


async def test_a_run_that_was_broken_off_goes_on(
    filled: SqliteStore, archive: SqliteArchive, stage: Stage
) -> None:
    class Broken(Exception):
        """The machine went away."""

    async def breaks(one: Difference) -> None:
        if one.read >= 250:
            raise Broken

    scorer = build_scorer("vader", SentimentSettings())
    with pytest.raises(Broken):
        await find(
            asked(), AFTER, archive=archive, store=filled, scorer=scorer, stage=stage, tell=breaks
        )
    begun = stage.begun()
    assert begun is not None
    with pytest.raises(StoreError, match="not finished"):
        await apply(filled, begun, stage, nobody)
    found = await run(begun, archive, filled, stage)
    assert (found.read, found.added, found.lost, found.same) == (400, 100, 100, 100)
    assert len(list(stage.changed())) == 200


def test_what_was_left_of_another_run_is_not_taken_for_this_one(tmp_path: Path) -> None:
    first = Stage(tmp_path, "acme", run_key(BEFORE, SentimentSettings(), NOW))
    first.save(asked(), [])
    first.close()
    second = Stage(tmp_path, "acme", run_key(AFTER, SentimentSettings(), NOW))
    assert second.begun() is None
    second.close()
    assert run_key(BEFORE, SentimentSettings(), NOW) != run_key(AFTER, SentimentSettings(), NOW)


def made(version: int, **more: object) -> Mention:
    fields = {
        "id": "m", "topic": "acme", "post": POSTS[0], "lang": "en", "processed_at": NOW,
        "sentiment": Sentiment(label="neu"), "version": version, **more,
    }  # fmt: skip
    return Mention(**fields)  # type: ignore[arg-type]  # of the fields


def test_what_came_meanwhile_stays() -> None:
    label = Label(mention_id="m", labeled_at=NOW, sentiment="pos")
    old, newer = made(5), made(9)
    new = made(5, sentiment=Sentiment(label="neg"))
    assert replacing({"m": new})(old) == new
    assert replacing({"m": new})(newer) == newer
    assert replacing({"m": made(5, deleted=True)})(old) is None
    assert replacing({"m": made(5, deleted=True)})(newer) == newer
    assert replacing({})(old) == old
    labelled = replacing({"m": new})(made(5, label=label))
    assert labelled is not None
    assert (labelled.label, labelled.sentiment.label) == (label, "neg")
    assert verdict_of(newer, made(5)) == "newer"
    assert verdict_of(None, None) is None


def test_what_was_put_by_hand_is_kept_until_somebody_says_otherwise() -> None:
    plain = made(5)
    mark = put_by_hand(plain, "veille import")
    assert mark == put_by_hand(plain, "veille import")
    said = Label(mention_id="m", labeled_at=POSTS[0].created_at + timedelta(hours=1))
    assert outranks(said, mark)
    assert verdict_of(labelled(plain, mark), None) == "kept"
    refused = msgspec.structs.replace(said, relevant=False, tags=mark.tags)
    assert verdict_of(labelled(labelled(plain, mark), refused), None) == "lost"
    assert verdict_of(plain, None) == "lost"


def test_the_command_shows_first_and_applies_when_asked(tmp_path: Path) -> None:
    topics = tmp_path / "topics.yaml"
    topics.write_text("topics:\n- {id: acme, query: acme OR teapot, languages: [en]}\n")
    (tmp_path / "veille.yaml").write_text(f"data_dir: {tmp_path / 'data'}\nsources: []\n")
    import asyncio

    async def prepare() -> None:
        async with archived(tmp_path / "data" / "posts.db", POSTS[:40]):
            pass

    (tmp_path / "data").mkdir()
    asyncio.run(prepare())
    arguments = ["reprocess", "--topic", "acme", "--json", "--config", str(tmp_path)]
    first = CliRunner().invoke(program(), arguments)
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout)
    assert (told["difference"]["added"], told["applied"]) == (20, None)
    second = CliRunner().invoke(program(), [*arguments, "--apply"])
    assert json.loads(second.stdout)["applied"]["stored"] == 20
    third = CliRunner().invoke(program(), arguments)
    assert json.loads(third.stdout)["difference"]["same"] == 20
    wrong = CliRunner().invoke(
        program(), ["reprocess", "--topic", "none", "--config", str(tmp_path)]
    )
    assert "no topic 'none'" in str(wrong.exception) + wrong.output
