"""A worker's tallies over a real store: saved before slabs are acknowledged, and shared."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import ConsumerRecord

from connectors.account import Account, hour_of, stamp
from connectors.post import utc_now
from streams.books import Books
from streams.slab import Slab
from streams.store.sqlite import SqliteStore
from streams.tally import Entry, Tally, read_mark
from tests.support.mentions import opened

HOUR = hour_of(utc_now())


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        yield store


def slab(first: int, last: int) -> Slab:
    """Records of `veille.posts`, partition 0, both ends included."""
    rows: list[Any] = [
        ConsumerRecord("veille.posts", 0, offset, 0, 0, b"k", b"v", None, 1, 1, ())
        for offset in range(first, last + 1)
    ]
    return Slab(rows, missed=0)


def entries(run: Slab) -> list[Entry]:
    return [Entry(row.offset, None, "s", HOUR, {"matched": 1}) for row in run.records]


async def kept(store: SqliteStore) -> Tally:
    told = (await store.states("tally"))["filter/0"]
    return msgspec.convert(told, Tally)


async def work(books: Books, run: Slab, done: list[int] | None = None) -> None:
    """Take a slab and close it at once."""
    await books.expect(run)
    finish = done if done is not None else []
    if books.close(run, entries(run), lambda: finish.append(run.first)):
        await books.save()


async def test_slabs_are_acknowledged_in_order_once_they_are_saved(store: SqliteStore) -> None:
    books, done = Books(store, "filter"), list[int]()
    first, second = slab(0, 4), slab(5, 9)
    await books.expect(first)
    await books.expect(second)
    assert books.close(second, entries(second), lambda: done.append(5))
    await books.save()
    assert (done, await store.states("tally")) == ([], {}), "the first is not done"
    assert books.close(first, entries(first), lambda: done.append(0))
    await books.save()
    assert (done, (await kept(store)).next) == ([0, 5], 10)


async def test_a_worker_goes_on_from_what_another_counted(store: SqliteStore) -> None:
    mine, other = Books(store, "filter"), Books(store, "filter")
    await work(mine, slab(0, 9))
    await work(other, slab(5, 19))
    await work(mine, slab(20, 29))
    tally = await kept(store)
    assert (tally.next, tally.seen) == (30, 30)
    assert tally.hours == {"s": {HOUR: {"matched": 30}}}


async def test_a_zombie_puts_nothing_older_over_what_is_counted(store: SqliteStore) -> None:
    zombie, other = Books(store, "filter"), Books(store, "filter")
    late = slab(0, 9)
    await zombie.expect(late)
    await work(other, slab(0, 49))
    assert zombie.close(late, entries(late), lambda: None)
    await zombie.save()
    assert (await kept(store)).next == 50
    await work(Books(store, "filter"), slab(40, 59))
    assert (await kept(store)).hours == {"s": {HOUR: {"matched": 60}}}


async def test_offsets_of_another_life_of_the_topic_mean_nothing(store: SqliteStore) -> None:
    await work(Books(store, "filter", "a"), slab(0, 9))
    await work(Books(store, "filter", "b"), slab(0, 4))
    tally = await kept(store)
    assert (tally.life, tally.next, tally.seen) == ("b", 5, 15)


async def test_a_partition_that_comes_back_waits_for_what_is_under_way(store: SqliteStore) -> None:
    books, gone, back = Books(store, "filter"), slab(0, 9), slab(30, 39)
    await books.expect(gone)
    await work(Books(store, "filter"), slab(0, 29))
    waiting = asyncio.create_task(work(books, back))
    assert not (await asyncio.wait({waiting}, timeout=0.2))[0]
    assert books.close(gone, entries(gone), lambda: None)
    await books.save()
    await asyncio.wait_for(waiting, 10)
    assert (await kept(store)).hours == {"s": {HOUR: {"matched": 40}}}


async def test_batches_are_settled_by_what_their_source_told(store: SqliteStore) -> None:
    await store.put_state("account", "s", msgspec.to_builtins(Account(batch=1)))
    books, run = Books(store, "filter"), slab(0, 1)
    await books.expect(run)
    marks = [stamp("s", batch, 0) for batch in (1, 2)]
    rows = [
        Entry(offset, read_mark(mark), "", HOUR, {"matched": 1})
        for offset, mark in enumerate(marks)
    ]
    assert books.close(run, rows, lambda: None)
    await books.save()
    tally = await kept(store)
    assert (list(tally.open["s"]), list(tally.hours["s"])) == (["2"], [HOUR])
