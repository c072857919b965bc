"""Live first: when a writer of the past waits, how long, and that it is never starved."""

from pathlib import Path
from typing import Any

import pytest

from connectors.post import utc_now
from streams.store.port import Store
from streams.store.sqlite import SqliteStore
from streams.yielding import LONGEST_REST, LOOK_SECONDS, PATIENCE_SECONDS, PIECE, Pace, Yielding


class Clock:
    """Time that passes by sleeping alone; `on_sleep` hears of each."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
async def store(tmp_path: Path) -> Any:
    store = SqliteStore(tmp_path / "veille.db")
    await store.open()
    yield store
    await store.close()


def yielding(store: Store, clock: Clock) -> Yielding:
    return Yielding(store, clock=lambda: clock.now, sleep=clock.sleep)


async def behind(store: Store, records: int) -> None:
    lag = {"veille.posts": records - records // 2, "veille.mentions": records // 2}
    await store.put_state("worker", "w", {"seen_at": utc_now().isoformat(), "lag": lag})


def test_it_rests_longer_where_the_store_is_slower_than_usual() -> None:
    pace = Pace()
    assert [pace.learn(0.1, 100) for _ in range(5)] == [0.1] * 5
    assert pace.learn(0.3, 100) == pytest.approx(0.6)
    assert pace.learn(0.3, 100) == pytest.approx(1.2)
    assert pace.learn(0.1, 100) == pytest.approx(0.2)
    assert pace.learn(60.0, 100) == LONGEST_REST


def test_a_larger_batch_is_not_a_slower_store() -> None:
    pace = Pace()
    assert [pace.learn(0.1, 100), pace.learn(1.0, 1_000)] == [0.1, 1.0]


async def test_without_a_living_worker_it_never_rests(store: SqliteStore) -> None:
    clock = Clock()
    one = yielding(store, clock)
    for _ in range(3):
        async with one.turn(10):
            clock.now += 1.0
    assert clock.slept == []


async def test_with_one_half_of_the_time_is_the_worker_s(store: SqliteStore) -> None:
    await behind(store, 0)
    clock = Clock()
    one = yielding(store, clock)
    for _ in range(3):
        async with one.turn(10):
            clock.now += 1.0
    assert clock.slept == [1.0, 1.0]
    assert one.waited == 2.0


async def test_it_waits_while_workers_are_behind(store: SqliteStore) -> None:
    await behind(store, 5_000)
    clock = Clock()
    one = Yielding(store, clock=lambda: clock.now, sleep=clock.sleep, most_behind=1_000)

    async def catch_up(seconds: float) -> None:
        await Clock.sleep(clock, seconds)
        await behind(store, 5_000 - 2_000 * len(clock.slept))

    one._sleep = catch_up
    async with one.turn(10):
        assert clock.slept == [LOOK_SECONDS] * 2


async def test_a_crowd_that_never_ends_does_not_starve_it(store: SqliteStore) -> None:
    await behind(store, 1_000_000)
    clock = Clock()
    one = yielding(store, clock)
    for _ in range(2):
        async with one.turn(10):
            await behind(store, 1_000_000)
    assert clock.now == 2 * PATIENCE_SECONDS


async def test_it_writes_in_pieces_only_where_a_worker_lives(store: SqliteStore) -> None:
    clock = Clock()
    assert [len(some) async for some in yielding(store, clock).pieces(range(600))] == [600]
    await behind(store, 0)
    found = [some async for some in yielding(store, clock).pieces(range(600))]
    assert [len(some) for some in found] == [PIECE, PIECE, 600 - 2 * PIECE]
    assert [one for some in found for one in some] == list(range(600))
