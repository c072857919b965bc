"""Who waits for whom."""

import asyncio

from streams.store.turns import Queues


class Scene:
    """Writers that enter in the order of their names, and leave when told to."""

    def __init__(self) -> None:
        self.queues = Queues()
        self.inside: list[str] = []
        self.leave: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, keys: str) -> None:
        self.leave[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._write(name, set(keys)))
        await self.settle()

    async def go(self, name: str) -> None:
        self.leave[name].set()
        await self.settle()

    async def _write(self, name: str, keys: set[str]) -> None:
        async with self.queues.behind(keys):
            self.inside.append(name)
            await self.leave[name].wait()
            self.inside.remove(name)

    @staticmethod
    async def settle() -> None:
        for _ in range(10):
            await asyncio.sleep(0)


async def test_those_with_a_key_in_common_go_one_after_the_other_in_order() -> None:
    scene = Scene()
    await scene.come("first", "ab")
    await scene.come("second", "bc")
    await scene.come("third", "cd")
    await scene.come("stranger", "xy")
    assert scene.inside == ["first", "stranger"]
    await scene.go("first")
    assert scene.inside == ["stranger", "second"]
    await scene.go("second")
    assert scene.inside == ["stranger", "third"]


async def test_one_that_is_cancelled_while_it_waits_holds_up_nobody() -> None:
    scene = Scene()
    await scene.come("first", "a")
    await scene.come("second", "ab")
    await scene.come("third", "b")
    assert scene.inside == ["first"]
    scene.tasks["second"].cancel()
    await scene.settle()
    assert scene.inside == ["first", "third"]


async def test_without_keys_nobody_waits() -> None:
    scene = Scene()
    await scene.come("first", "")
    await scene.come("second", "")
    assert scene.inside == ["first", "second"]
