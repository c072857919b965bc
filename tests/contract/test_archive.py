"""Every post that came in: what both archives promise, the file and Kafka's topic."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors import post
from connectors.kafka import BatchSender, acknowledged
from connectors.post import Author, Post, utc_now
from streams.archive.kafka import KafkaArchive
from streams.archive.port import Archive
from streams.archive.sqlite import SqliteArchive
from streams.broker import Topics, ensure_topics, running_producer
from streams.settings import Kafka
from streams.store.erasures import Erased, Erasure, author_keys, erasure, new_salt, post_key

START = datetime(2026, 3, 10, 12, tzinfo=UTC)


def make(number: int, *, edit: int = 0, **fields: Any) -> Post:
    """Post `number`; with `edit` its later version of that number."""
    created = START + timedelta(seconds=number)
    if edit:
        fields |= {"state": fields.get("state", "edited")}
        fields |= {"updated_at": created + timedelta(hours=edit)}
    basis: dict[str, Any] = {
        "id": f"test:{number}",
        "source": "test",
        "created_at": created,
        "collected_at": created + timedelta(hours=edit),
        "text": f"post {number}" + f", edit {edit}" * bool(edit),
        "url": f"https://www.Example.org/posts/{number}/",
        "author": Author(id=f"u{number % 7}", handle=f"@User{number % 7}"),
    }
    return Post(**{**basis, **fields})


class Case:
    """An archive, the way posts come in to it, and who was erased."""

    def __init__(self, archive: Archive, kafka: Kafka | None = None) -> None:
        self.archive = archive
        self.kafka = kafka
        self.erasures: list[Erasure] = []

    async def erased(self) -> Erased:
        return Erased(self.erasures)

    async def take(self, *posts: Post | bytes) -> None:
        rows = [one if isinstance(one, bytes) else post.encode(one) for one in posts]
        if self.kafka is None:
            await self.archive.append(rows)
            return
        items = [((post.decode(row).id if _reads(row) else "?").encode(), row) for row in rows]
        async with running_producer(self.kafka) as producer:
            topic = Topics.of(self.kafka.prefix).posts
            await acknowledged(await BatchSender(producer).send(topic, items))

    async def erase(self, *keys: str) -> int:
        salt = new_salt()
        self.erasures += [erasure(key, salt, utc_now()) for key in keys]
        return await self.archive.erase(self.erasures)


def _reads(raw: bytes) -> bool:
    try:
        post.decode(raw)
    except ValueError:
        return False
    return True


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
async def case(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Case]:
    if request.param == "sqlite":
        made = Case(SqliteArchive(tmp_path / "posts.db"))
    else:
        server = request.getfixturevalue("kafka")
        kafka = Kafka(bootstrap_servers=server.address, prefix=f"test{uuid.uuid4().hex[:8]}")
        await ensure_topics(kafka)
        made = Case(KafkaArchive(kafka), kafka)
        made.archive = KafkaArchive(kafka, made.erased)
    yield made
    await made.archive.close()


async def everything(archive: Archive, moment: datetime = START) -> list[Post]:
    return [one async for batch in archive.since(moment) for one in batch]


def ids(posts: Sequence[Post]) -> set[str]:
    return {one.id for one in posts}


async def test_an_empty_archive_answers(case: Case) -> None:
    archive = case.archive
    assert await archive.latest(10) == []
    assert await everything(archive) == []
    assert await archive.versions("test:1") == []
    assert await archive.by_url("https://example.org") == []
    assert await archive.thread("test:1") == []
    assert (await archive.size()).posts == 0
    assert await archive.prune(utc_now()) == 0


async def test_the_last_posts_come_first(case: Case) -> None:
    for start in (0, 300, 600):
        await case.take(*(make(number) for number in range(start, start + 300)))
    found = await case.archive.latest(250)
    assert len(found) == 250
    assert len(ids(found)) == 250
    assert ids(found) <= {f"test:{number}" for number in range(300, 900)}
    assert all(one.text and one.author.handle for one in found)
    assert len(await case.archive.latest(5000)) == 900
    assert (await case.archive.size()).posts == 900


async def test_each_post_comes_once_in_its_newest_version(case: Case) -> None:
    await case.take(*(make(number) for number in range(400)))
    await case.take(*(make(number, edit=1) for number in range(0, 400, 2)))
    await case.take(make(4, edit=2))
    found = await everything(case.archive)
    assert len(found) == len(ids(found)) == 400
    texts = {one.id: one.text for one in found}
    assert (texts["test:4"], texts["test:6"]) == ("post 4, edit 2", "post 6, edit 1")
    assert texts["test:7"] == "post 7"
    assert {one.id: one.text for one in await case.archive.latest(400)} == texts


async def test_only_what_came_in_since_a_moment(case: Case) -> None:
    await case.take(*(make(number) for number in range(50)))
    await asyncio.sleep(0.05)
    between = utc_now()
    await asyncio.sleep(0.05)
    await case.take(*(make(number) for number in range(50, 60)))
    assert ids(await everything(case.archive, between)) == {f"test:{n}" for n in range(50, 60)}
    assert len(await everything(case.archive, START)) == 60
    assert await everything(case.archive, utc_now() + timedelta(days=1)) == []


async def test_versions_of_a_post_come_oldest_first_each_once(case: Case) -> None:
    await case.take(make(1), make(2), make(1))
    await case.take(make(1, edit=2), make(3))
    await case.take(make(1, edit=1))
    found = await case.archive.versions("test:1")
    assert [one.text for one in found] == ["post 1", "post 1, edit 1", "post 1, edit 2"]


async def test_a_url_is_compared_without_scheme_www_slash_and_fragment(case: Case) -> None:
    await case.take(make(1), make(2), make(2, edit=1))
    for url in (
        "http://example.org/posts/2",
        "https://www.EXAMPLE.org/posts/2/#top",
        " example.org/posts/2 ",
    ):
        found = await case.archive.by_url(url)
        assert [one.text for one in found] == ["post 2, edit 1"], url
    assert await case.archive.by_url("https://example.org/posts/22") == []
    assert await case.archive.by_url("") == []


async def test_a_thread_is_all_that_stands_below_a_post(case: Case) -> None:
    await case.take(
        make(1),
        make(4, repost_of="test:1"),
        make(2, thread_id="test:1", parent_id="test:1"),
        make(3, thread_id="test:1", parent_id="test:2"),
        make(5, thread_id="test:9"),
    )
    await case.take(make(3, edit=1, thread_id="test:1"))
    found = await case.archive.thread("test:1")
    assert [one.id for one in found] == ["test:2", "test:3", "test:4"]
    assert found[1].text == "post 3, edit 1"


async def test_of_a_deleted_post_the_deletion_alone_is_left(case: Case) -> None:
    await case.take(make(1), make(2), make(3, parent_id="test:1"))
    await case.take(make(1, edit=1))
    await case.take(make(1, edit=2, state="deleted", text="", author=Author()), make(4))
    assert [one.state for one in await case.archive.versions("test:1")] == ["deleted"]
    assert [one.text for one in await case.archive.by_url(make(1).url)] == [""]
    assert ids(await case.archive.latest(10)) == {"test:2", "test:3", "test:4"}
    assert ids(await everything(case.archive)) == {"test:2", "test:3", "test:4"}


async def test_an_erased_person_is_gone_and_does_not_come_back(case: Case) -> None:
    await case.take(*(make(number) for number in range(1000)))
    await case.erase(*author_keys("test", "u3"), post_key("test:1"))
    expected = {f"test:{n}" for n in range(1000) if n % 7 != 3 and n != 1}
    assert ids(await everything(case.archive)) == expected
    await case.take(make(3), make(1), make(1004), make(1005))
    assert ids(await case.archive.latest(5000)) == expected | {"test:1005"}, "1004 is theirs, too"
    assert await case.archive.versions("test:3") == []
    assert await case.archive.by_url(make(3).url) == []


async def test_what_is_no_post_does_no_harm(case: Case) -> None:
    odd = [b"null", b"[]", b"{", b"\xff", b'{"id": 5}', b"[" * 20_000]
    future = utc_now() + timedelta(days=900)
    await case.take(*odd, make(1), make(2, collected_at=future, created_at=future))
    found = await case.archive.latest(10)
    assert ids(found) == {"test:1", "test:2"}
    assert all(one.version <= time.time() * 1000 + 61_000 for one in found)


async def test_memory_and_order_over_many_batches(case: Case) -> None:
    for start in range(0, 6000, 1500):
        await case.take(*(make(number) for number in range(start, start + 1500)))
    sizes = [len(batch) async for batch in case.archive.since(START)]
    assert sum(sizes) == 6000
    assert max(sizes) < 4000
