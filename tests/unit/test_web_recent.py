"""Answers that are shared: how long they are kept, and what is never kept."""

import asyncio

import pytest

from streams.errors import StoreUnavailable
from streams.web.recent import Recent


class Slow:
    """Something asked for, by a clock that moves while it is made."""

    def __init__(self, takes: float) -> None:
        self.now = 100.0
        self.takes = takes
        self.made = 0

    def clock(self) -> float:
        return self.now

    async def make(self) -> int:
        self.made += 1
        await asyncio.sleep(0)
        self.now += self.takes
        return self.made


@pytest.mark.parametrize(("takes", "kept_for"), [(0.01, 0.29), (5.0, 5.0)])
async def test_what_takes_longer_to_make_is_kept_longer(takes: float, kept_for: float) -> None:
    slow = Slow(takes)
    recent: Recent[int] = Recent(0.3, clock=slow.clock)
    assert await recent.get("a", slow.make) == 1
    slow.now += kept_for - 0.005
    assert await recent.get("a", slow.make) == 1
    slow.now += 0.01
    assert await recent.get("a", slow.make) == 2


async def test_who_asks_meanwhile_waits_for_the_same() -> None:
    slow = Slow(0.1)
    recent: Recent[int] = Recent(0.3, clock=slow.clock)
    assert await asyncio.gather(*(recent.get("a", slow.make) for _ in range(5))) == [1] * 5


async def test_errors_are_shared_and_not_kept() -> None:
    recent: Recent[int] = Recent(0.3)

    async def fail() -> int:
        raise StoreUnavailable("away")

    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="away"):
            await recent.get("a", fail)
    assert await recent.get("a", Slow(0).make) == 1


async def test_what_is_forgotten_is_made_anew_and_the_oldest_leaves_first() -> None:
    slow = Slow(0)
    recent: Recent[int] = Recent(9.0, most=2, clock=slow.clock)
    for key in ("a", "b"):
        await recent.get(key, slow.make)
    recent.forget("a")
    assert await recent.get("a", slow.make) == 3
    await recent.get("c", slow.make)
    assert await recent.get("b", slow.make) == 5
    recent.forget_all()
    assert await recent.get("b", slow.make) == 6
