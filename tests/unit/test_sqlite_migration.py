"""A file of an older schema keeps what it holds, and takes what is new."""

import sqlite3
from pathlib import Path

import msgspec

from connectors.letters import DeadLetter
from streams.store import sqlite_schema
from streams.store.port import LetterFilter
from streams.store.sqlite import SqliteStore
from tests.support.mentions import at


async def test_dead_letters_of_version_1_are_selected_by_source_and_stage(tmp_path: Path) -> None:
    path = tmp_path / "veille.sqlite3"
    old = DeadLetter(
        id="a", stage="collect", reason="w", place="p", raw=b"\xff", at=at(1), source="rss"
    )
    with sqlite3.connect(path) as db:
        db.executescript(sqlite_schema.MIGRATIONS[0])
        row = ("a", 1, 3, msgspec.json.encode(old))
        db.execute("INSERT INTO dead_letters VALUES (?, ?, ?, ?)", row)
        db.execute("PRAGMA user_version = 1")
        db.execute(f"PRAGMA application_id = {sqlite_schema.APPLICATION_ID}")
    db.close()
    store = SqliteStore(path)
    await store.open()
    try:
        where = LetterFilter(sources=("rss",), stages=("collect",))
        total, (found,) = await store.dead_letters(where=where)
        assert (total, found.attempts, found.raw) == (1, 3, b"\xff")
        await store.add_dead_letters([old])
        assert (await store.dead_letter("a") or old).attempts == 4
        assert await store.labels(["m"]) == {}
    finally:
        await store.close()
