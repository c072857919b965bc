"""A file of an older schema keeps what it holds, and takes what is new."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from connectors.letters import DeadLetter
from connectors.post import Author
from streams.records import Label, Mention
from streams.store import sqlite_schema
from streams.store.hiding import Hidden
from streams.store.journal import Entry
from streams.store.port import Filter, LetterFilter
from streams.store.salvage import salvage
from streams.store.sqlite import SqliteStore
from streams.store.sqlite_rows import NEW_COLUMNS, columns, words
from tests.support.mentions import at, mention


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


def version_2(path: Path, mentions: Sequence[Mention]) -> None:
    """A file as version 2 left it."""
    with sqlite3.connect(path) as db:
        for step in sqlite_schema.MIGRATIONS[:2]:
            db.executescript(step)
        for number, one in enumerate(mentions, 1):
            known = {k: v for k, v in columns(one).items() if k not in NEW_COLUMNS}
            names = ", ".join(["seq", *known])
            marks = ", ".join("?" * (len(known) + 1))
            sql = f"INSERT INTO mentions ({names}) VALUES ({marks})"  # our own names
            db.execute(sql, [number, *known.values()])
            indexed = "INSERT INTO words (rowid, title, text) VALUES (?, ?, ?)"
            db.execute(indexed, [number, *words(one)])
        db.execute("PRAGMA user_version = 2")
        db.execute(f"PRAGMA application_id = {sqlite_schema.APPLICATION_ID}")
    db.close()


async def test_mentions_of_version_2_are_found_by_what_version_3_adds(tmp_path: Path) -> None:
    path = tmp_path / "veille.sqlite3"
    irrelevant = Label(mention_id="m", labeled_at=at(60), relevant=False)
    done = Label(
        mention_id="m", labeled_at=at(60), sentiment="neg", tags=["vip"], assigned="eve", done=True
    )
    old = [
        mention(1, story="s", post={"thread_id": "test:0", "url": "https://example.org/1"}),
        mention(2, label=irrelevant),
        mention(3, label=done),
        *(mention(n, author=Author(handle="a", followers=n)) for n in range(4, 2_004)),
    ]
    version_2(path, old)
    store = SqliteStore(path)
    await store.open()
    try:
        for where, found in {
            Filter(): 2_002,
            Filter(hidden="only"): 1,
            Filter(work="done"): 1,
            Filter(tag="vip", assigned="eve", judged=True): 1,
            Filter(story="s"): 1,
            Filter(thread="test:0", url="www.example.org/1/"): 1,
            Filter(least_followers=2_000): 4,
        }.items():
            assert (await store.count(where)).total == found
        first, *_ = (await store.search(Filter(), limit=1, order="worth")).mentions
        assert first.post.author.followers == 2_003
        await store.write(old)
        assert (await store.count(Filter(hidden="any"))).total == len(old)
        assert (await store.entries()).entries == []
    finally:
        await store.close()


async def test_a_grown_up_file_without_its_first_page_is_salvaged(tmp_path: Path) -> None:
    path = tmp_path / "veille.sqlite3"
    made = [mention(n) for n in range(500)]
    version_2(path, made)
    store = SqliteStore(path)
    await store.open()
    await store.add_labels([Label(mention_id=made[7].id, labeled_at=at(60), sentiment="neg")])
    await store.hide(Hidden(key="other", at=at(0)))
    await store.close()
    raw = path.read_bytes()
    path.write_bytes(b"\xff" * 4096 + raw[4096:])
    salvage(path)
    store = SqliteStore(path)
    await store.open()
    try:
        assert (await store.count(Filter())).total == 500
        assert (await store.count(Filter(sentiments=("neg",)))).total == 1
        assert [one.key for one in await store.hidden()] == ["other"]
    finally:
        await store.close()


async def test_the_journal_survives_a_salvage(tmp_path: Path) -> None:
    path = tmp_path / "veille.sqlite3"
    store = SqliteStore(path)
    await store.open()
    entries = [
        Entry(id=f"{n:03}", at=at(n), by="eve", action="label.set", subject="m", after={"n": n})
        for n in range(100)
    ]
    await store.add_entries(entries)
    await store.hide(Hidden(key="test:ada", at=at(0)))
    await store.write([mention(1, author=Author(handle="ada")), mention(2)])
    await store.close()
    salvage(path)
    store = SqliteStore(path)
    await store.open()
    try:
        assert (await store.entries(limit=1_000)).entries == entries[::-1]
        assert (await store.count(Filter())).total == 1, "and the hidden stay hidden"
        assert (await store.count(Filter(hidden="any"))).total == 2
    finally:
        await store.close()
