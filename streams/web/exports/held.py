"""Answers that are dear: a few at a time, and none for a client that has gone away."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

T = TypeVar("T")
MOST: Final = 2


class Slots:
    """How many may be made at once; the next is told to come back."""

    def __init__(self, most: int = MOST) -> None:
        self._free = most

    def take(self) -> Callable[[], None]:
        """What gives it back, which may be called again. Raises `HTTPException` 503."""
        if not self._free:
            said = "As many files are being made as may be at once. Remedy: try again in a minute"
            raise HTTPException(503, said, {"Retry-After": "30"})
        self._free -= 1
        taken = [True]

        def give_back() -> None:
            if taken:
                taken.clear()
                self._free += 1

        return give_back


class Held(StreamingResponse):
    """Streams `pieces`, closes them however it ends, and gives its slot back then."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes],
        give_back: Callable[[], None],
        *,
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        super().__init__(pieces, headers=headers, media_type=media_type)
        self._pieces = pieces
        self._give_back = give_back

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._give_back()
            await self._pieces.aclose()


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` comes to; it is cancelled when the client goes away before. Raises
    `HTTPException` 499 then, which nobody reads."""
    doing = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({doing, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise HTTPException(499, "The client went away")
        return doing.result()
    finally:
        for one in (doing, gone):
            one.cancel()
        await asyncio.gather(doing, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
