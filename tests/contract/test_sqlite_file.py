"""The SQLite file itself: damaged, foreign, newer, shared and killed."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from streams.errors import StoreError
from streams.store.port import Filter
from streams.store.salvage_table import Table
from streams.store.sqlite import SqliteStore
from tests.support.mentions import mention


async def refused(path: Path, words: str) -> None:
    """Opening says so, names the file, and leaves every byte as it was."""
    before = path.read_bytes() if path.is_file() else b""
    store = SqliteStore(path)
    try:
        with pytest.raises(StoreError, match=words) as caught:
            await store.open()
    finally:
        await store.close()
    assert str(path) in str(caught.value)
    assert "Remedy" in str(caught.value)
    assert (path.read_bytes() if path.is_file() else b"") == before


async def test_a_file_that_is_not_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "veille.sqlite3"
    path.write_bytes(b"this is a letter, not a database" * 200)
    await refused(path, "not an SQLite file")


async def test_another_program_s_database(tmp_path: Path) -> None:
    path = tmp_path / "veille.sqlite3"
    foreign = sqlite3.connect(path)
    foreign.execute("CREATE TABLE bookmarks (url TEXT)")
    foreign.commit()
    foreign.close()
    await refused(path, "another program")


async def test_a_newer_schema(tmp_path: Path) -> None:
    path = tmp_path / "veille.sqlite3"
    store = SqliteStore(path)
    await store.open()
    await store.close()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.execute("PRAGMA journal_mode = DELETE")
    newer.commit()
    newer.close()
    await refused(path, "newer Veille")


async def test_a_folder_in_its_place(tmp_path: Path) -> None:
    await refused(tmp_path, "unable to open")


async def test_a_file_in_the_folder_s_place(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    await refused(tmp_path / "data" / "veille.sqlite3", "data_dir")


async def test_damage_found_later_is_named(tmp_path: Path) -> None:
    path = tmp_path / "veille.sqlite3"
    store = SqliteStore(path)
    await store.open()
    with contextlib.closing(sqlite3.connect(path)) as db:
        (empty,) = db.execute("PRAGMA page_count").fetchone()
    await store.write([mention(n, post={"text": "x" * 500}) for n in range(2000)])
    await store.close()
    raw = bytearray(path.read_bytes())
    for page in range(empty, len(raw) // 4096):
        raw[page * 4096 : page * 4096 + 200] = os.urandom(200)
    path.write_bytes(raw)
    store = SqliteStore(path)
    await store.open()
    try:
        with pytest.raises(StoreError, match="damaged"):
            await store.search(Filter(), limit=1000)
    finally:
        await store.close()


async def test_two_processes_share_the_file(tmp_path: Path) -> None:
    path = tmp_path / "veille.sqlite3"
    one, other = SqliteStore(path), SqliteStore(path)
    await asyncio.gather(one.open(), other.open())
    try:
        jobs = [
            store.write([mention(start + n) for n in range(50)])
            for start, store in ((0, one), (25, other), (50, one), (75, other))
        ]
        await asyncio.gather(*jobs)
        assert (await one.count(Filter())).total == 125
        assert (await other.count(Filter())).total == 125
    finally:
        await one.close()
        await other.close()


_WRITER = """
import asyncio, sys
from streams.store.sqlite import SqliteStore
from tests.support.mentions import mention

async def main():
    store = SqliteStore(sys.argv[1])
    await store.open()
    for start in range(0, 100_000, 50):
        await store.write([mention(n) for n in range(start, start + 50)])
        print(start + 50, flush=True)

asyncio.run(main())
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a matter of POSIX")
async def test_kill_9_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "veille.sqlite3"
    checkout = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, cwd=checkout
    ) as child:
        assert child.stdout is not None
        acknowledged = [int(child.stdout.readline()) for _ in range(20)][-1]
        child.send_signal(signal.SIGKILL)
    store = SqliteStore(path)
    await store.open()
    try:
        total = (await store.count(Filter())).total
    finally:
        await store.close()
    assert total >= acknowledged
    assert total % 50 == 0, "a batch is written whole or not at all"


def test_rows_between_two_damaged_places_are_read_where_the_last_one_is_damaged(
    tmp_path: Path,
) -> None:
    page, path = 4096, tmp_path / "rows.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT)")
        bodies = [(f"row {n:03}".ljust(1000, "."),) for n in range(300)]
        db.executemany("INSERT INTO rows (body) VALUES (?)", bodies)
        db.commit()
    raw = bytearray(path.read_bytes())
    for lost in (b"row 100", b"row 299"):
        start = raw.index(lost) // page * page
        raw[start : start + page] = bytes(page)
    path.write_bytes(raw)
    intact = {n for n in range(300) if b"row %03d" % n in raw}
    with contextlib.closing(sqlite3.connect(path)) as db:
        found = {int(row["body"][4:7]) for row in Table(db, "rows", lambda row: row).rows()}
    assert {*range(97), *range(110, 295)} & intact <= found <= intact
    assert len(intact) > 290
