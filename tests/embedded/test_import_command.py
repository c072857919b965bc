"""`veille import`: at rest, broken off, and while `veille up` runs."""

import asyncio
import csv
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.letters import DeadLetter
from connectors.post import Post
from streams.archive.sqlite import SqliteArchive
from streams.belonging import BY_HAND
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic
from streams.errors import ConfigError, VeilleError
from streams.holding import Hold
from streams.importing.delivering import Straight
from streams.importing.job import STATE, Item, Job, Summary
from streams.importing.profiles import profiles_in
from streams.importing.reading import Plan, Wanted, items_of, plan
from streams.pipeline import Pipeline
from streams.sentiment.scorer import build_scorer
from streams.store.port import Filter
from streams.store.sqlite import SqliteStore
from tests.embedded.test_up import Up
from tests.support.exports import BRANDWATCH, brandwatch
from tests.support.veille import veille_here

TOPICS = "topics:\n  - {id: acme, query: acme}\n  - {id: other, query: zebra}\n"
ROW = "1,Acme,not a date,,,https://a.example/1,a.example,negative,news,en,GB,x,,Acme,,99\n"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "veille.yaml").write_text("sources: []\n")
    (tmp_path / "topics.yaml").write_text(TOPICS)
    return {"VEILLE_CONFIG": str(tmp_path), "VEILLE_DATA_DIR": str(tmp_path / "data")}


def told(env: dict[str, str], *arguments: str) -> Any:
    done = veille_here("import", *arguments, "--json", env=env)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


async def kept(data: Path, **where: Any) -> list[Post]:
    store = SqliteStore(data / "veille.sqlite3")
    await store.open()
    page = await store.search(Filter(**where), limit=1000)
    await store.close()
    return [one.post for one in page.mentions]


def test_an_export_is_tried_then_kept_once_however_often(
    tmp_path: Path, env: dict[str, str]
) -> None:
    path = tmp_path / "mentions.csv"
    path.write_text(BRANDWATCH + ROW)
    tried = told(env, str(path), "--dry-run")
    assert tried["summary"]["posts"] == 2
    assert tried["topics"] == {"acme": 2}
    assert "Sentiment" in tried["extra"]
    assert not (tmp_path / "data").exists()

    first = told(env, str(path))
    again = told(env, str(path))
    for one in (first, again):
        assert (one["read"], one["posts"], one["unreadable"], one["stored"]) == (3, 2, 1, 2)
        assert one["oldest"].startswith("2026-03-01T09:30")
    found = asyncio.run(kept(tmp_path / "data", topics=("acme",)))
    assert {post.id for post in found} == {"x:1600000000000000001", "brandwatch:brandwatch/8123"}
    assert found[0].extra["Query Name"] == "Acme"

    async def beside() -> tuple[int, list[DeadLetter]]:
        archive = SqliteArchive(tmp_path / "data" / "posts.db")
        posts = await archive.latest(10)
        await archive.close()
        store = SqliteStore(tmp_path / "data" / "veille.sqlite3")
        await store.open()
        _, letters = await store.dead_letters()
        await store.close()
        return len(posts), letters

    archived, letters = asyncio.run(beside())
    assert archived == 2
    (letter,) = letters
    assert letter.place == f"{path}:10"
    assert "'not a date' is not a time" in letter.reason
    assert b"not a date" in letter.raw


@pytest.mark.parametrize("rows", [2_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_a_large_export_comes_in_whole(tmp_path: Path, env: dict[str, str], rows: int) -> None:
    """All posts and mentions, none twice, whichever the cells' traps."""
    path = tmp_path / "mentions.csv"
    path.write_text("".join(brandwatch(rows)))
    summary = told(env, str(path))
    assert (summary["read"], summary["posts"], summary["unreadable"]) == (rows, rows, 0)
    assert (summary["stored"], summary["stale"]) == (rows // 10, 0)
    assert summary["sources"] == {"x": rows - -(-rows // 3), "brandwatch": -(-rows // 3)}

    async def counted() -> tuple[int, int]:
        store = SqliteStore(tmp_path / "data" / "veille.sqlite3")
        await store.open()
        total = (await store.count(Filter(topics=("acme",)))).total
        await store.close()
        archive = SqliteArchive(tmp_path / "data" / "posts.db")
        size = await archive.size()
        await archive.close()
        return total, size.posts

    assert asyncio.run(counted()) == (rows // 10, rows)


def test_rows_go_to_a_report_and_posts_to_a_topic_they_do_not_meet(
    tmp_path: Path, env: dict[str, str]
) -> None:
    path, report = tmp_path / "mentions.csv", tmp_path / "bad.csv"
    path.write_text(BRANDWATCH + ROW.replace("Acme,,99", "=cmd(),,99"))
    told(env, str(path), "--report", str(report), "--topic", "other", "--save-profile", "mine")
    rows = list(csv.reader(report.read_text(encoding="utf-8-sig").splitlines()))
    assert rows[0] == ["row", "place", "reason", "content"]
    assert rows[1][:2] == ["3", f"{path}:10"]
    assert len(asyncio.run(kept(tmp_path / "data", topics=("other",), tag=BY_HAND))) == 2
    again = veille_here("reprocess", "--topic", "other", "--apply", "--json", env=env)
    difference = json.loads(again.stdout)["difference"]
    assert (difference["read"], difference["kept"], difference["lost"]) == (2, 2, 0)
    assert len(asyncio.run(kept(tmp_path / "data", topics=("acme",)))) == 2
    assert (tmp_path / "import" / "mine.yaml").is_file()
    assert told(env, str(path), "--profile", "mine", "--dry-run")["summary"]["profile"] == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.csv"], "no such file"),
        (["{file}", "--topic", "nope"], "no such topic"),
        (["{file}", "--zone", "Mars/Base"], "no time zone"),
        (["{file}", "--profile", "nope"], "no such profile"),
        (["{file}", "--map", "text=Nope"], "no column 'Nope'"),
        (["{file}", "--save-profile", "../mine"], "not a name"),
        (["--from-elasticsearch", "search.example", "--index", "x"], "no address"),
    ],
)
def test_what_is_wrong_is_told_with_its_remedy(
    tmp_path: Path, env: dict[str, str], arguments: list[str], said: str
) -> None:
    path = tmp_path / "mentions.csv"
    path.write_text(BRANDWATCH)
    done = veille_here("import", *(one.format(file=path) for one in arguments), env=env)
    assert done.returncode in (1, 2)
    assert said in done.stderr.decode().replace("\n", " ")
    assert "Remedy" in done.stderr.decode()


def table(path: Path, rows: int) -> Plan:
    lines = [f"2026-03-01 10:00,acme {number},ann,{number}\n" for number in range(rows)]
    path.write_text("date,text,author,id\n" + "".join(lines))
    return plan(path, path.name, Wanted(), profiles_in())


class Breaking:
    """Delivers some batches, then the power goes."""

    waiting = False
    stored = stale = refused = 0

    def __init__(self, inner: Straight, batches: int) -> None:
        self._inner, self._left = inner, batches

    async def put(self, posts: Sequence[Post], dead: Sequence[DeadLetter]) -> asyncio.Future[None]:
        if not self._left:
            raise VeilleError("gone")
        self._left -= 1
        return await self._inner.put(posts, dead)


async def test_an_import_that_broke_off_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.importing.job._SAVED_EVERY", 0.0)
    found = table(tmp_path / "x.csv", 4_500)
    store = SqliteStore(tmp_path / "veille.sqlite3")
    await store.open()
    pipeline = Pipeline(compile_topics([Topic(id="acme", query="acme")]), build_scorer("vader"))
    straight = Straight(store, None, pipeline, "")
    job = Job(store, found.key)
    assert await job.position() is None
    with pytest.raises(VeilleError, match="gone"):
        await job.run(items_of(found), Breaking(straight, 3), Summary())
    position = await job.position()
    assert position == 3_000
    summary = Summary()
    await job.run(items_of(found, skip=position), straight, summary)
    assert summary.read == 1_500
    assert (await store.count(Filter())).total == 4_500
    assert await store.states(STATE) == {}
    await store.close()


async def test_a_file_that_is_hardly_readable_is_given_up_at_once(tmp_path: Path) -> None:
    async def bad() -> AsyncIterator[list[Item]]:
        path = tmp_path / "x.csv"
        path.write_text("date,text\n" + "no date,acme\n" * 300)
        async for some in items_of(plan(path, "x.csv", Wanted(), profiles_in())):
            yield some

    store = SqliteStore(tmp_path / "veille.sqlite3")
    await store.open()
    pipeline = Pipeline(compile_topics([]), build_scorer("vader"))
    with pytest.raises(ConfigError, match=r"300 of the first 300 rows.*--date-format"):
        await Job(store, "x").run(bad(), Straight(store, None, pipeline, ""), Summary())
    assert (await store.dead_letters())[0] == 0
    await store.close()


class Behind:
    """A group that reads 500 records each time somebody looks."""

    def __init__(self, unread: int) -> None:
        self.unread, self.looks = unread, 0

    async def ends(self, _topic: str) -> dict[int, int]:
        return {0: 10_000}

    async def committed(self, _topic: str) -> dict[int, int]:
        self.looks += 1
        self.unread = max(0, self.unread - 500)
        return {0: 10_000 - self.unread}


async def test_history_waits_while_workers_are_behind() -> None:
    progress = Behind(3_000)
    await Hold(progress, ("posts",), lambda _: None, most=1_000).wait()  # type: ignore[arg-type]
    assert progress.unread == 1_000
    assert progress.looks == 4
    await Hold(progress, ("posts",), lambda _: None, most=1_000).wait()  # type: ignore[arg-type]
    assert progress.looks == 5


def test_while_veille_runs_its_worker_judges_what_is_imported(
    tmp_path: Path, env: dict[str, str]
) -> None:
    """And what is put in beside it counts in no sum of the ledger."""
    path = tmp_path / "mentions.csv"
    path.write_text(BRANDWATCH)
    up = Up(env, tmp_path / "up.log")
    with up.process:
        up.until(lambda: up.total() == 0)
        summary = told(env, str(path), "--topic", "other")
        assert summary["waiting"] is True
        up.until(lambda: up.total() == 4)
        filling = ("topics", "backfill", "acme", "--since", "1d", "--store", "--json")
        filled = json.loads(veille_here(*filling, env=env).stdout)
        assert (filled["hits"], filled["stored"], filled["sent"]) == (2, 2, 2)
        up.until(lambda: ledger(env)["total"]["again"] == 4)
        assert ledger(env)["imbalance"] == 0
        assert up.total() == 4
    found = asyncio.run(kept(tmp_path / "data", topics=("acme",)))
    assert {one.created_at for one in found} == {
        datetime(2026, 3, 1, 9, 30, tzinfo=UTC), datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
    }  # fmt: skip


def ledger(env: dict[str, str]) -> Any:
    return json.loads(veille_here("status", "--ledger", "--json", env=env).stdout)
