"""Writes beside each other, and one alone between them, in the order in which they ask."""

import asyncio

import pytest

from streams.store.turns import Turns


async def test_one_alone_waits_for_those_before_and_holds_those_after() -> None:
    turns, told = Turns(), list[str]()
    go = {name: asyncio.Event() for name in ("a", "b", "alone", "c")}

    async def work(name: str) -> None:
        async with turns.alone() if name == "alone" else turns.together():
            told.append(f"{name} in")
            await go[name].wait()
            told.append(f"{name} out")

    async with asyncio.TaskGroup() as group:
        for name in go:
            group.create_task(work(name))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert told == ["a in", "b in"]
        for name in ("c", "b", "alone", "a"):
            go[name].set()
    assert sorted(told[2:4]) == ["a out", "b out"]
    assert told[4:] == ["alone in", "alone out", "c in", "c out"]


async def test_one_that_fails_leaves_the_door_open() -> None:
    turns = Turns()
    for turn in (turns.together, turns.alone):
        with pytest.raises(ValueError, match="its own"):
            async with turn():
                raise ValueError("its own")
    async with asyncio.timeout(1), turns.alone():
        pass
