"""Bounded concurrency that keeps order."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
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


async def _coroutine(call: Callable[[Item], Awaitable[Result]], item: Item) -> Result:
    return await call(item)
