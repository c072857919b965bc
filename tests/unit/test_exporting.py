"""Exports into files: what is in them, what is left after a break, what is refused."""

import csv
import gzip
import io
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet
import pytest
import zstandard

from connectors.post import Author, Place
from streams.errors import ConfigError, StoreUnavailable, VeilleError
from streams.exporting import marks, run
from streams.exporting.forms import form_of
from streams.exporting.marks import Job, Mark
from streams.exporting.parquet import ParquetSink
from streams.exporting.rows import COLUMNS
from streams.exporting.sinks import LinesSink
from streams.records import Mention
from streams.store.port import Filter, Page
from streams.store.sqlite import SqliteStore
from tests.support.mentions import at, mention, opened
from tests.support.veille import ROOT, environment

N = 230


def mentions(n: int = N) -> list[Mention]:
    """Several at the same time; the odd ones with all that a post may have."""
    return [
        mention(
            i,
            created=at(i // 7),
            tone="neg" if i % 3 else "pos",
            author=Author(handle=f"writer{i % 5}", followers=i),
            post={"hashtags": ["one", "two"], "place": Place(name="Lyon", lat=45.7, lon=4.8)}
            if i % 2
            else {"text": f"=1+{i}\nsecond line, “quoted”"},
        )
        for i in range(n)
    ]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "store.db") as store:
        await store.write(mentions())
        yield store


def job(format_: str = "jsonl", **options: Any) -> Job:
    return Job(store="here", format=format_, options=options, where=Filter())


async def export(
    store: Any, path: Path, format_: str = "jsonl", *, resume: bool = False, **options: Any
) -> Mark:
    sink = ParquetSink(path) if format_ == "parquet" else LinesSink(path, form_of(format_))
    begun = run.begin(path, job(format_, **options), sink, resume=resume, overwrite=False)
    return await run.export(store, path, begun, sink, lambda mark: None)


def ids(raw: bytes) -> list[str]:
    return [json.loads(line)["id"] for line in raw.splitlines()]


def in_order() -> list[str]:
    return [one.id for one in sorted(mentions(), key=lambda one: (one.post.created_at, one.id))]


async def test_each_form_holds_every_mention_once_and_in_order(
    store: SqliteStore, tmp_path: Path
) -> None:
    await export(store, tmp_path / "a.jsonl.gz")
    raw = gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes())
    assert ids(raw) == in_order()
    assert msgspec.json.decode(raw.splitlines()[0], type=Mention) in mentions()
    await export(store, tmp_path / "a.csv.zst", "csv")
    packed = io.BytesIO((tmp_path / "a.csv.zst").read_bytes())
    reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
    head, *rows = csv.reader(io.StringIO(reader.read().decode()))
    assert tuple(head) == COLUMNS
    assert [row[0] for row in rows] == in_order()
    assert any(row[COLUMNS.index("text")].startswith("'=1+") for row in rows), "no formula"
    await export(store, tmp_path / "a.parquet", "parquet")
    table = pyarrow.parquet.read_table(tmp_path / "a.parquet")
    assert table.column("id").to_pylist() == in_order()
    one = next(row for row in table.to_pylist() if row["place"])
    assert (one["hashtags"], one["lat"], one["sentiment"]) in (
        (["one", "two"], 45.7, "neg"),
        (["one", "two"], 45.7, "pos"),
    )
    assert one["created_at"].utcoffset() == timedelta(0)
    assert {path.name for path in tmp_path.glob("a.*")} == {
        "a.jsonl.gz", "a.csv.zst", "a.parquet",
    }  # fmt: skip


async def test_nothing_to_export_makes_a_whole_file_all_the_same(tmp_path: Path) -> None:
    async with opened(tmp_path / "empty.db") as empty:
        for name, format_ in (("e.jsonl.gz", "jsonl"), ("e.csv", "csv"), ("e.parquet", "parquet")):
            assert (await export(empty, tmp_path / name, format_)).rows == 0
    assert gzip.decompress((tmp_path / "e.jsonl.gz").read_bytes()) == b""
    assert (tmp_path / "e.csv").read_text().startswith("id,topic,")
    assert pyarrow.parquet.read_table(tmp_path / "e.parquet").num_rows == 0


@pytest.mark.skipif(sys.platform == "win32", reason="forks, and kills with -9")
@pytest.mark.parametrize(
    ("name", "format_"),
    [("a.csv.gz", "csv"), ("a.parquet", "parquet")],
)
async def test_killed_at_any_step_it_goes_on_with_nothing_twice_and_nothing_missing(
    store: SqliteStore, tmp_path: Path, name: str, format_: str
) -> None:
    await store.close()
    (tmp_path / "out").mkdir()
    command = [sys.executable, "-m", "tests.support.cut_exports", str(tmp_path / "store.db")]
    done = subprocess.run(
        [*command, str(tmp_path / "out" / name), format_],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert int(done.stdout) > 15, "steps"


class Breaking:
    """A store that goes away after so many pages."""

    def __init__(self, store: SqliteStore, pages: int) -> None:
        self._store = store
        self._left = pages

    async def search(self, *given: Any, **named: Any) -> Page:
        self._left -= 1
        if self._left < 0:
            raise StoreUnavailable("the store does not answer")
        return await self._store.search(*given, **named)


async def test_a_store_that_breaks_off_is_gone_on_with(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "SEALED", 60)
    monkeypatch.setattr(run, "MAX_PAGE", 30)
    path = tmp_path / "a.jsonl"
    with pytest.raises(StoreUnavailable, match=r"120 mentions are safe.*--resume"):
        await export(Breaking(store, 5), path)
    assert not path.exists(), "a short file never looks whole"
    with pytest.raises(ConfigError, match=r"cut after 120 mentions.*--resume"):
        await export(store, path)
    with pytest.raises(ConfigError, match=r"--lang was None, and is 'fr'"):
        await export(store, path, resume=True, **{"--lang": "fr"})
    # What is written meanwhile before the place it came to does not move that place.
    await store.write([mention(9_000, created=at(-100))])
    assert (await export(store, path, resume=True)).rows == N
    assert ids(path.read_bytes()) == in_order()
    with pytest.raises(ConfigError, match="there already"):
        await export(store, path)


async def test_what_was_cut_and_then_changed_is_refused(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "SEALED", 60)
    monkeypatch.setattr(run, "MAX_PAGE", 30)
    for name, format_ in (("a.jsonl", "jsonl"), ("a.parquet", "parquet")):
        path = tmp_path / name
        with pytest.raises(StoreUnavailable):
            await export(Breaking(store, 5), path, format_)
        for left in (tmp_path / f"{name}.part", tmp_path / f"{name}.parts" / "000001.parquet"):
            left.unlink(missing_ok=True)
        with pytest.raises(ConfigError, match="--overwrite"):
            await export(store, path, format_, resume=True)
    marks.marks_of(tmp_path / "a.jsonl").write_text("{")
    with pytest.raises(ConfigError, match=r"a\.jsonl\.resume: can't be read"):
        await export(store, tmp_path / "a.jsonl", resume=True)


async def test_a_cursor_of_another_query_is_refused(store: SqliteStore, tmp_path: Path) -> None:
    other = await store.search(Filter(langs=("en",)), limit=1, order="oldest")
    path = tmp_path / "a.jsonl"
    marks.save(path, msgspec.structs.replace(job(), mark=Mark(cursor=other.cursor)))
    with pytest.raises(VeilleError, match="belongs to another search"):
        await export(store, path, resume=True)


def test_one_export_at_a_time_writes_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with marks.alone(path), pytest.raises(ConfigError, match="another export"), marks.alone(path):
        pass
    with marks.alone(path):
        pass
    assert not list(tmp_path.iterdir())


def actions(raw: bytes) -> Sequence[tuple[Any, Any]]:
    lines = [json.loads(line) for line in raw.splitlines()]
    return list(zip(lines[::2], lines[1::2], strict=True))


def test_a_folder_is_no_file_to_export_into(tmp_path: Path) -> None:
    sink = LinesSink(tmp_path, form_of("jsonl"))
    with pytest.raises(ConfigError, match="a folder"):
        run.begin(tmp_path, job("jsonl"), sink, resume=False, overwrite=True)
    assert not list(tmp_path.parent.glob(f"{tmp_path.name}.*")), "nothing is left beside it"


def test_the_bulk_form_names_index_id_and_version() -> None:
    one = mention(1, tone="neg", version=17)
    ((action, document),) = actions(form_of("bulk", prefix="brand").lines([one]))
    assert action == {
        "index": {
            "_index": "brand-mentions-2026.03",
            "_id": one.id,
            "version": 17,
            "version_type": "external_gte",
        }
    }
    assert (document["topic"], document["tone"], document["fold"]) == (
        "brand",
        "neg",
        ["", "post 1"],
    )
