"""The archive's file: what it forgets, what can be wrong with it, and that nothing stops for it."""

import asyncio
import random
import sqlite3
import string
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors import post
from connectors.post import Author, Post, utc_now
from streams.archive import open_archive
from streams.archive.blocks import BLOCK_BYTES, cut, pack, unpack
from streams.archive.kafka import KafkaArchive
from streams.archive.keeper import Keeper, missing
from streams.archive.port import ArchiveError
from streams.archive.seen import Seen
from streams.archive.sqlite import SqliteArchive
from streams.erasing import Target, erase
from streams.settings import Kafka, Settings
from streams.settings import Store as StoreSettings
from streams.store.port import Store
from tests.support.mentions import mention, sqlite_case

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ADA = Author(id="7", handle="@Ada")


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def make(number: int, text: str = "", **fields: object) -> Post:
    basis: dict[str, object] = {
        "id": f"test:{number}",
        "source": "test",
        "created_at": NOON,
        "collected_at": NOON,
        "text": text or f"secret words of {number}",
    }
    return Post(**{**basis, **fields})  # type: ignore[arg-type]  # fields of any type


def raw(*posts: Post) -> list[bytes]:
    return [post.encode(one) for one in posts]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with sqlite_case(tmp_path) as case:
        yield case.store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def archive(tmp_path: Path, clock: Clock) -> AsyncIterator[SqliteArchive]:
    made = SqliteArchive(tmp_path / "posts.db", clock=clock)
    yield made
    await made.close()


def on_disk(archive: SqliteArchive) -> bytes:
    """What a thief of the disk reads, blocks unpacked."""
    db = sqlite3.connect(archive.path)
    bodies = [unpack(body) for (body,) in db.execute("SELECT body FROM bodies")]
    db.close()
    rest = b"".join(path.read_bytes() for path in archive.path.parent.glob("posts.db*"))
    return rest + b"".join(line for body in bodies for _, line in body)


def test_blocks_end_with_the_post_that_fills_them() -> None:
    entries = [(n, bytes(1000)) for n in range(200)]
    blocks = list(cut(entries, 1500))
    assert [entry for block in blocks for entry in block] == entries
    assert len(blocks[0]) == 2
    assert all(sum(len(line) for _, line in block) >= BLOCK_BYTES for block in blocks[1:-1])
    assert unpack(pack(blocks[1])) == blocks[1]
    with pytest.raises(ValueError, match="can't be read"):
        unpack(b"not a block")


def test_ids_are_met_once_whatever_they_are_made_of() -> None:
    with Seen() as seen:
        assert seen.new(["a", "b", "a", "ü'\"; --"]) == {"a", "b", "ü'\"; --"}
        assert seen.new(["b", "c"]) == {"c"}


async def test_small_runs_share_a_block(archive: SqliteArchive) -> None:
    for number in range(40):
        await archive.append(raw(make(number)))
    db = sqlite3.connect(archive.path)
    assert db.execute("SELECT count(*), sum(posts) FROM blocks").fetchone() == (1, 40)
    db.close()
    assert [one.id for one in await archive.latest(2)] == ["test:39", "test:38"]


async def test_what_is_too_old_or_too_much_is_forgotten_oldest_first(
    tmp_path: Path, clock: Clock
) -> None:
    archive = SqliteArchive(tmp_path / "p.db", keep_days=10, keep_bytes=40_000_000, clock=clock)
    for day in range(20):
        clock.now = NOON + timedelta(days=day)
        await archive.append(raw(*(make(day * 1000 + n, "x" * 200) for n in range(400))))
    assert await archive.prune(NOON + timedelta(days=19)) > 3000
    left = {int(one.id[5:]) // 1000 for one in await archive.latest(10_000)}
    assert left == set(range(8, 20)), "the block that the ninth day began holds some of the eighth"
    assert await archive.versions("test:1") == []
    assert len(await archive.versions("test:19000")) == 1
    assert await archive.prune(NOON + timedelta(days=19)) == 0
    await archive.close()
    small = SqliteArchive(tmp_path / "p.db", keep_bytes=300_000, clock=clock)
    await small.prune(clock.now)
    assert (await small.size()).bytes <= 300_000
    await small.close()


async def test_a_late_older_version_does_not_come_back_after_its_deletion(
    archive: SqliteArchive, clock: Clock
) -> None:
    later = NOON + timedelta(hours=1)
    gone = make(1, state="deleted", updated_at=later, collected_at=later)
    clock.now = later + timedelta(hours=1)
    await archive.append(raw(make(1)))
    await archive.append(raw(msgless(gone)))
    await archive.append(raw(make(1), make(2)))
    assert [one.state for one in await archive.versions("test:1")] == ["deleted"]
    assert [one.id for one in await archive.latest(9)] == ["test:2"]
    again = later + timedelta(minutes=5)
    await archive.append(raw(make(1, "anew", updated_at=again, collected_at=again)))
    assert [one.text for one in await archive.latest(9) if one.id == "test:1"] == ["anew"]
    await archive.close()
    assert b"secret words of 1" not in on_disk(archive)


def msgless(gone: Post) -> Post:
    """A deletion as sources send it: without the text."""
    return post.decode(post.encode(gone).replace(b"secret words of 1", b""))


async def test_a_late_older_version_never_stands_for_the_newest(
    archive: SqliteArchive, clock: Clock
) -> None:
    later = NOON + timedelta(hours=1)
    clock.now = later
    edit = make(1, "edited", state="edited", updated_at=later, collected_at=later)
    await archive.append(raw(edit, make(2)))
    await archive.append(raw(make(1)))
    assert {one.text for one in await archive.latest(9)} == {"edited", "secret words of 2"}
    assert [one.text for one in await archive.versions("test:1")][-1] == "edited"


async def test_what_was_erased_is_overwritten_on_the_disk(archive: SqliteArchive) -> None:
    posts = [make(n, author=ADA if n % 3 == 0 else Author(id=f"u{n}")) for n in range(900)]
    await archive.append(raw(*posts))
    async with sqlite_case(archive.path.parent) as case:
        await case.store.write([mention(1, author=ADA)])
        target = Target(source="test", name="@ada")
        plan = await erase(case.store, target, by="me", dry_run=True, archive=archive)
        assert (plan.posts, plan.mentions) == (300, 1)
        told = await erase(case.store, target, by="me", archive=archive)
        assert told.posts == 300
        assert [line["posts"] for line in (await case.store.states("audit")).values()] == [300]
    renamed = make(1000, author=Author(id="7", handle="someone_else"))
    await archive.append(raw(renamed))
    assert len(await archive.latest(2000)) == 600
    held = on_disk(archive)
    assert b'secret words of 3"' not in held
    assert b'secret words of 4"' in held


async def test_a_damaged_file_is_said_and_counted_and_a_new_one_goes_on(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "posts.db"
    path.write_bytes(b"this is no database, it only looks so" * 200)
    archive = SqliteArchive(path)
    keeper = Keeper(archive, store)
    await keeper.keep(raw(make(1), make(2)))
    await keeper.keep(raw(make(3)))
    told = await missing(store)
    assert told.posts == 3
    assert "posts.db" in told.reason
    assert "Remedy" in told.reason
    assert len([one for one in caplog.records if "not in the archive" in one.message]) == 1
    with pytest.raises(ArchiveError, match="damaged"):
        await archive.latest(1)
    path.rename(tmp_path / "aside")
    await keeper.keep(raw(make(4)))
    assert [one.id for one in await archive.latest(9)] == ["test:4"]
    assert (await missing(store)).posts == 3
    await keeper.close()
    again = Keeper(SqliteArchive(tmp_path / "aside"), store)
    await again.keep(raw(make(5)))
    assert (await missing(store)).posts == 4, "counted on from what was told before"
    await again.close()


async def test_a_full_disk_loses_posts_of_the_archive_alone(tmp_path: Path, store: Store) -> None:
    archive = SqliteArchive(tmp_path / "posts.db")
    keeper = Keeper(archive, store)
    await keeper.keep(raw(make(1)))
    await asyncio.get_running_loop().run_in_executor(
        archive._writer, lambda: archive._connection().execute("PRAGMA max_page_count = 12")
    )
    noise = "".join(random.Random(1).choices(string.ascii_letters, k=60_000))
    await keeper.keep(raw(*(make(n, noise[n:]) for n in range(2, 8))))
    told = await missing(store)
    assert told.posts == 6
    assert "make room" in told.reason
    assert [one.id for one in await archive.latest(9)] == ["test:1"]
    await keeper.close()


async def test_posts_that_come_at_once_are_written_at_once(store: Store) -> None:
    class Slow(KafkaArchive):
        def __init__(self) -> None:
            super().__init__(Kafka())
            self.writes: list[int] = []

        async def append(self, posts: Sequence[bytes]) -> None:
            self.writes.append(len(posts))
            await asyncio.sleep(0.02)

    archive = Slow()
    keeper = Keeper(archive, store)
    await asyncio.gather(*(keeper.keep([b"{}"] * 3) for _ in range(7)))
    assert archive.writes == [21]
    await keeper.keep([b"{}"] * 2)
    assert archive.writes == [21, 2]
    await keeper.close()


async def test_who_was_erased_before_the_archive_was_there_is_not_kept(
    tmp_path: Path, store: Store
) -> None:
    await erase(store, Target(source="test", name="7"), by="me")
    archive = SqliteArchive(tmp_path / "posts.db")
    keeper = Keeper(archive, store)
    await keeper.keep(raw(make(1, author=ADA), make(2)))
    assert [one.id for one in await archive.latest(9)] == ["test:2"]
    await keeper.close()


async def test_two_processes_write_side_by_side(tmp_path: Path) -> None:
    one, other = SqliteArchive(tmp_path / "posts.db"), SqliteArchive(tmp_path / "posts.db")

    async def fill(archive: SqliteArchive, first: int) -> None:
        for number in range(first, first + 30):
            await archive.append(raw(make(number)))

    await asyncio.gather(fill(one, 0), fill(other, 1000))
    assert len(await one.latest(100)) == len(await other.latest(100)) == 60
    await one.close()
    await other.close()


def test_the_settings_say_which_archive_there_is(tmp_path: Path) -> None:
    embedded = open_archive(Settings(data_dir=tmp_path))
    assert isinstance(embedded, SqliteArchive)
    assert embedded.path == tmp_path / "posts.db"
    cluster = Settings(kafka=Kafka(bootstrap_servers="kafka:9092"), data_dir=tmp_path)
    assert isinstance(open_archive(cluster), KafkaArchive)
    for off in ({"keep_posts_days": 0}, {"keep_posts_mb": 0}):
        assert open_archive(Settings(store=StoreSettings(**off), data_dir=tmp_path)) is None
    assert not embedded.path.exists(), "nothing is made before it is asked"
    assert utc_now().tzinfo is UTC
