"""Bounded concurrency: in order, or as results come with so many at once a lane."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def ordered(
    call: Callable[[Item], Awaitable[Result]], items: Iterable[Item], width: int
) -> AsyncIterator[tuple[Item, Result]]:
    """Each item with what `call` makes of it, in the items' order, `width` calls at once.

    Items are taken lazily. The first error is raised in its place; what is under way then, or
    when the caller stops, is cancelled.
    """
    running: deque[tuple[Item, asyncio.Task[Result]]] = deque()
    waiting = iter(items)
    try:
        while True:
            while len(running) < width:
                try:
                    item = next(waiting)
                except StopIteration:
                    break
                running.append((item, asyncio.create_task(_coroutine(call, item))))
            if not running:
                return
            item, task = running[0]
            result = await task
            running.popleft()
            yield item, result
    finally:
        for _, task in running:
            task.cancel()
        await asyncio.gather(*(task for _, task in running), return_exceptions=True)


async def by_lane(
    call: Callable[[Item], Awaitable[Result]],
    items: Iterable[Item],
    width: int,
    lane: Callable[[Item], Hashable],
    lane_width: int,
) -> AsyncIterator[tuple[Item, Result]]:
    """Each item with what `call` makes of it, as they come: `width` calls at once, `lane_width` of
    one lane. A slow lane holds no other back; lanes take turns. The first error is raised; what
    is under way then, or when the caller stops, is cancelled."""
    lanes: dict[Hashable, list[Item]] = {}
    for item in reversed(list(items)):
        lanes.setdefault(lane(item), []).append(item)
    turns = deque(reversed(lanes))
    busy: Counter[Hashable] = Counter()
    running: dict[asyncio.Task[Result], tuple[Hashable, Item]] = {}
    try:
        while True:
            while turns and len(running) < width:
                name = turns.popleft()
                item = lanes[name].pop()
                busy[name] += 1
                running[asyncio.create_task(_coroutine(call, item))] = name, item
                if lanes[name] and busy[name] < lane_width:
                    turns.append(name)
            if not running:
                return
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                name, item = running.pop(task)
                if lanes[name] and busy[name] == lane_width:
                    turns.append(name)
                busy[name] -= 1
                yield item, task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _coroutine(call: Callable[[Item], Awaitable[Result]], item: Item) -> Result:
    return await call(item)
