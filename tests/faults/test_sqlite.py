"""The SQLite file on a full disk, locked, damaged, moved, foreign, read-only; its writer killed:
what was acknowledged is there, and nothing is overwritten."""

import asyncio
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from connectors.letters import DeadLetter
from streams.errors import StoreError, StoreUnavailable
from streams.store import salvage
from streams.store.port import Filter
from streams.store.sqlite import SqliteStore, rebuilding
from tests.faults.arena import record
from tests.faults.stores import Wanted, all_in, story, until, write_all
from tests.support.mentions import at, mention
from tests.support.replays import assert_same
from tests.support.veille import ROOT, environment, veille

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals, limits and mounts of POSIX")

PAGE = 4096
WRITER = """
import asyncio, logging, random, resource, sys
from streams.store.sqlite import SqliteStore
from tests.support.mentions import mention

async def main(path, limit):
    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    store = SqliteStore(path)
    await store.open()
    for start in range(0, 1_000_000, 50):
        rows = [mention(n, post={"text": "x" * 500}) for n in range(start, start + 50)]
        await store.write(rows)
        print(start + 50, flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path)
    try:
        await store.open()
        yield store
    finally:
        await store.close()


def writer(path: Path, limit: int = 0) -> "subprocess.Popen[str]":
    """A process that writes 50 mentions at a time and prints how many are acknowledged."""
    return subprocess.Popen(
        [sys.executable, "-u", "-c", WRITER, str(path), str(limit)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=environment(),
        text=True,
    )


def acknowledged(child: "subprocess.Popen[str]", words: str, at_least: int = 0) -> int:
    """Read until a line holds `words` (any number where empty) and so many are acknowledged."""
    assert child.stdout is not None
    count = 0
    for line in child.stdout:
        if line.strip().isdigit():
            count = int(line)
        if words in line and count >= at_least:
            return count
    raise AssertionError(f"the writer ended before {words!r}")


async def holds(path: Path, count: int) -> int:
    """At least the acknowledged ones are there, in whole batches, and the file is sound."""
    assert salvage.problems(path) == []
    async with opened(path) as store:
        found = await all_in(store)
    assert len(found) >= count
    assert len(found) % 50 == 0, "a batch is written whole or not at all"
    assert {mention(n).id for n in range(count)} <= found.keys()
    return len(found)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk here; the quota's test stands in")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk(small_disk: Path) -> None:
    path = small_disk / "veille.sqlite3"
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 1_500_000)
    with writer(path) as child:
        acknowledged(child, "waiting to write")
        ballast.unlink()
        count = acknowledged(child, "", at_least=300)
        child.kill()
    stored = await holds(path, count)
    record(
        fault="SQLite: the disk is full",
        behaviour="the writer waits, says so, and goes on when there is room; the file stays sound",
        remedy="make room on the disk",
        figure=f"{count} acknowledged, {stored} stored, lost 0",
    )


async def test_a_quota_is_reached(tmp_path: Path) -> None:
    path = tmp_path / "veille.sqlite3"
    with writer(path, 1_000_000) as child:
        before = acknowledged(child, "waiting to write")
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, unlimited)
        count = acknowledged(child, "", at_least=before + 500)
        child.kill()
    stored = await holds(path, count)
    record(
        fault="SQLite: a quota is reached (RLIMIT_FSIZE)",
        behaviour="the writer waits, says so, and goes on when it is raised",
        remedy="raise the quota",
        figure=f"{count} acknowledged, {stored} stored, lost 0",
    )


async def test_locked_by_another_process(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    path = tmp_path / "veille.sqlite3"
    records, wanted = story(seed)
    async with opened(path) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            writing = asyncio.create_task(write_all(store, records))
            await until(lambda: "locked by another process" in caplog.text)
            assert not writing.done()
            assert (await store.search(Filter())).mentions == [], "readers are not held back"
            other.execute("COMMIT")
        await asyncio.wait_for(writing, 60)
        figure = assert_same(await all_in(store), wanted)
    record(
        fault="SQLite: the file is locked by another process for longer than 5 s",
        behaviour="the writer waits and says so; readers go on",
        remedy="end what holds it",
        figure=figure,
    )


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.long)])
async def test_kill_9_of_the_writer(tmp_path: Path, kills: int, seed: int) -> None:
    path, rng = tmp_path / "veille.sqlite3", random.Random(seed)
    most = 0
    for _ in range(kills):
        with writer(path) as child:
            most = max(most, acknowledged(child, "", at_least=rng.randrange(50, 2000)))
            child.send_signal(signal.SIGKILL)
        await holds(path, most)
    record(
        fault=f"SQLite: kill -9 of the writer in WAL mode, {kills} times",
        behaviour="every acknowledged batch is there, the one under way whole or not at all",
        figure=f"{most} acknowledged, lost 0",
    )


async def test_removed_under_the_writer(tmp_path: Path) -> None:
    """SQLite itself would go on writing to a file that no name leads to."""
    path = tmp_path / "veille.sqlite3"
    async with opened(path) as store:
        await store.write([mention(1)])
        path.rename(tmp_path / "elsewhere")
        with pytest.raises(StoreError, match=r"moved, removed or replaced.*Remedy"):
            await store.write([mention(2)])
        with pytest.raises(StoreError, match="moved, removed or replaced"):
            await store.put_state("cursor", "feed", {"cursor": 7})
    async with opened(path) as store:
        assert (await store.write([mention(2)])).stored == 1
        assert await store.states("cursor") == {}, "a cursor never outlives its posts"
    record(
        fault="SQLite: the file is moved or removed while it is written to",
        behaviour="nothing more is acknowledged; the worker starts again with what is there",
        remedy="put the file back, or let the sources be read again",
        figure="acknowledged into nowhere: 0",
    )


async def test_a_file_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "veille.sqlite3"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()
    store = SqliteStore(path)
    with pytest.raises(StoreError, match=r"another program.*Remedy.*nothing was changed"):
        await store.open()
    await store.close()
    done = veille("store", "check", env={"VEILLE_DATA_DIR": str(tmp_path)})
    assert done.returncode == 1
    assert b"another program" in done.stdout
    done = veille("store", "rebuild", env={"VEILLE_DATA_DIR": str(tmp_path)})
    assert done.returncode == 1
    assert b"another program" in done.stderr
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    record(
        fault="SQLite: the file is another program's",
        behaviour="refused; no byte of it is changed",
        remedy="name another data_dir",
        figure="bytes changed 0",
    )


READ_ONLY = """
import asyncio, os, sys
from streams.errors import StoreError
from streams.store.sqlite import SqliteStore
from tests.support.mentions import mention

async def main():
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    store = SqliteStore(sys.argv[1])
    try:
        await store.open()
        await store.write([mention(1)])
    except StoreError as error:
        print(error)
    finally:
        await store.close()

asyncio.run(main())
"""


async def test_a_read_only_file() -> None:
    folder = Path(tempfile.mkdtemp(prefix="veille-read-only-"))  # root's own folders are closed
    path = folder / "veille.sqlite3"
    try:
        async with opened(path) as store:
            await store.write([mention(1)])
        before = path.read_bytes()
        path.chmod(0o444)
        folder.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(path)],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert str(path) in done.stdout
        assert "Remedy: check that you may write there" in done.stdout
        assert path.read_bytes() == before
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
    record(
        fault="SQLite: the file is read-only",
        behaviour="the worker stops and says so; nothing is acknowledged",
        remedy="check that you may write there",
        figure="acknowledged 0",
    )


def zeroed_page(raw: bytearray, rng: random.Random) -> None:
    number = rng.randrange(1, len(raw) // PAGE)
    raw[number * PAGE : (number + 1) * PAGE] = bytes(PAGE)


def random_pages(raw: bytearray, rng: random.Random) -> None:
    for number in rng.sample(range(1, len(raw) // PAGE), 8):
        raw[number * PAGE : number * PAGE + 300] = rng.randbytes(300)


def flipped_bytes(raw: bytearray, rng: random.Random) -> None:
    for place in rng.sample(range(PAGE, len(raw)), 300):
        raw[place] ^= 1 << rng.randrange(8)


def truncated(raw: bytearray, rng: random.Random) -> None:
    del raw[len(raw) * rng.randrange(60, 95) // 100 :]


def zeroed_stretch(raw: bytearray, rng: random.Random) -> None:
    start = rng.randrange(PAGE, len(raw) - 40 * PAGE)
    raw[start : start + 20 * PAGE] = bytes(20 * PAGE)


def no_header(raw: bytearray, rng: random.Random) -> None:
    raw[:PAGE] = rng.randbytes(PAGE)


Damage = Callable[[bytearray, random.Random], None]
DAMAGE: list[Damage] = [
    zeroed_page,
    random_pages,
    flipped_bytes,
    truncated,
    zeroed_stretch,
    no_header,
]


async def a_full_store(path: Path, seed: int) -> Wanted:
    """Mentions, retractions, tombstones, dead letters and cursors, all in one file."""
    records, wanted = story(seed, 2000)
    letters = [
        DeadLetter(id=f"{n}", stage="filter", reason="bad", place="here", raw=b"{", at=at(n))
        for n in range(200)
    ]
    async with opened(path) as store:
        await write_all(store, records)
        await store.add_dead_letters(letters)
        for number in range(20):
            await store.put_state("cursor", f"feed-{number}", {"cursor": number})
    return wanted


@pytest.mark.parametrize("damage", DAMAGE, ids=[one.__name__ for one in DAMAGE])
async def test_a_damaged_file(tmp_path: Path, damage: Damage, seed: int) -> None:
    path = tmp_path / "veille.sqlite3"
    wanted = await a_full_store(path, seed)
    raw = bytearray(path.read_bytes())
    size = len(raw)
    damage(raw, random.Random(seed))
    path.write_bytes(raw)
    env = {"VEILLE_DATA_DIR": str(tmp_path)}
    checked = veille("store", "check", "--json", env=env)
    assert checked.returncode == 1, checked.stderr.decode()
    assert json.loads(checked.stdout)["problems"]
    assert path.read_bytes() == raw, "checking changes nothing"

    done = veille("store", "rebuild", "--json", env=env)
    assert done.returncode == 0, done.stderr.decode()
    report = json.loads(done.stdout)["salvaged"]
    assert Path(report["aside"]).read_bytes() == raw, "the damaged file is kept as it was"
    # SQLite keeps no checksums: a letter flipped within a text can't be told from another text.
    most_altered = len(wanted) // 50 if damage is flipped_bytes else 0
    # Half of the mentions, or less where more of the file than usual is cut off.
    least = min(0.5, len(raw) / size - 0.25)
    figure = await _accounted(path, wanted, report, most_altered, least=least)
    assert veille("store", "check", env=env).returncode == 0
    assert not list(tmp_path.glob("*rebuilding*"))
    record(
        fault=f"SQLite: the file is damaged ({getattr(damage, '__name__', '').replace('_', ' ')})",
        behaviour="said, not overwritten; `veille store rebuild` keeps it aside, saves what can be "
        "read, and counts the rest",
        remedy="stop Veille, `veille store rebuild`",
        figure=figure,
    )


async def _accounted(
    path: Path,
    wanted: Wanted,
    report: dict[str, object],
    most_altered: int = 0,
    *,
    least: float = 0.5,
) -> str:
    """What is in the new file was in the old one, and what is not is said."""
    async with opened(path) as store:
        found = await all_in(store)
        cursors = await store.states("cursor")
        words = (await store.count(Filter(text="version"))).total
    assert found.keys() <= wanted.keys()
    altered = sum(one != wanted[name] for name, one in found.items())
    assert altered <= most_altered
    tables = {table["table"]: table for table in report["tables"]}  # type: ignore[attr-defined]
    mentions = tables.get("mentions", {"saved": 0, "lost": 0, "exact": False})
    missing = len(wanted) - len(found)
    assert mentions["saved"] == len(found)
    assert mentions["lost"] == missing or not mentions["exact"]
    assert mentions["lost"] <= missing + len(wanted) // 100
    assert words >= len(found) - altered, "the words to search by are made anew"
    assert all(cursors[name] == {"cursor": int(name.split("-")[1])} for name in cursors)
    assert len(found) > len(wanted) * least
    return (
        f"{len(found):,} of {len(wanted):,} mentions, {len(cursors)} of 20 cursors saved, "
        f"{mentions['lost']:,} mentions said to be lost, {altered} with another letter in a text"
    )


async def test_a_damaged_file_is_not_overwritten_by_a_worker(tmp_path: Path) -> None:
    path = tmp_path / "veille.sqlite3"
    await a_full_store(path, 1)
    raw = bytearray(path.read_bytes())
    for number in range(40, len(raw) // PAGE):
        raw[number * PAGE : number * PAGE + 200] = os.urandom(200)
    path.write_bytes(raw)
    store = SqliteStore(path)
    await store.open()
    with pytest.raises(StoreError, match=r"damaged.*veille store rebuild"):
        await write_all(store, story(2, 300)[0])
    await store.close()
    assert path.read_bytes()[40 * PAGE :] == raw[40 * PAGE :]
    record(
        fault="SQLite: the worker writes to a damaged file",
        behaviour="stops at the first damaged page it meets, rolls back, names the remedy",
        remedy="stop Veille, `veille store rebuild`",
        figure="damaged pages changed 0",
    )


async def test_rebuilding_while_in_use_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "veille.sqlite3"
    await a_full_store(path, 1)
    with path.open("r+b") as file:
        file.seek(30 * PAGE)
        file.write(bytes(PAGE))
    async with opened(path) as store:
        assert await store.states("cursor")
        done = veille("store", "rebuild", env={"VEILLE_DATA_DIR": str(tmp_path)})
    assert done.returncode == 1
    assert b"in use by another process" in done.stderr
    assert not list(tmp_path.glob("*damaged*"))
    record(
        fault="SQLite: `veille store rebuild` while Veille runs",
        behaviour="refused: what the running writer acknowledges would go to the file set aside",
        remedy="stop Veille first",
        figure="nothing changed",
    )


async def test_a_rebuild_that_was_broken_off(tmp_path: Path) -> None:
    path = tmp_path / "veille.sqlite3"
    wanted = await a_full_store(path, 3)
    with path.open("r+b") as file:
        file.seek(PAGE * (path.stat().st_size // PAGE // 2))
        file.write(bytes(PAGE))
    rebuilding(path).write_bytes(b"half of a new file")
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailable, match=r"being rebuilt.*Remedy"):
        await store.open()
    await store.close()
    report = json.loads(
        veille("store", "rebuild", "--json", env={"VEILLE_DATA_DIR": str(tmp_path)}).stdout
    )
    figure = await _accounted(path, wanted, report["salvaged"])
    path.rename(rebuilding(path))  # as if killed between the last two steps
    assert salvage.salvage(path).reason == "finished what was broken off"
    async with opened(path) as again:
        assert (await again.count(Filter())).total
    record(
        fault="SQLite: `veille store rebuild` is broken off (kill -9)",
        behaviour="nothing opens the half-made file; run again, it ends the same",
        remedy="`veille store rebuild` again",
        figure=figure,
    )
