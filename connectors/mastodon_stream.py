"""Mastodon's streaming API: where it is, what its events say, and several streams as one."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from connectors import http
from connectors.errors import Refused
from connectors.fields import mapping
from connectors.text import line

Item = TypeVar("Item")

_SECURE: Final = {"wss": "https", "ws": "http", "https": "https", "http": "http"}
_WAITING: Final = 100


async def streaming_base(client: http.Client, instance: str) -> str:
    """Where the instance streams: often a host of its own. Servers that do not tell stream where
    they answer."""
    try:
        told = mapping(await client.json(f"{instance}/api/v2/instance"))
    except Refused:
        return instance
    urls = mapping(mapping(told.get("configuration")).get("urls"))
    parts = urlsplit(line(urls.get("streaming")))
    # A token is sent there, so never in the clear where the instance itself is not.
    scheme = _SECURE.get(parts.scheme, "")
    if not parts.hostname or (scheme != "https" and instance.startswith("https:")):
        return instance
    return f"{scheme}://{parts.netloc}{parts.path}".rstrip("/")


def status_of(data: str) -> dict[str, Any]:
    """The status in an event's data. Raises `ValueError`."""
    status = msgspec.json.decode(data)
    if isinstance(status, str):  # wrapped once more, as on WebSockets
        status = msgspec.json.decode(status)
    return mapping(status)


async def merged(streams: Sequence[AsyncGenerator[Item, None]]) -> AsyncGenerator[Item, None]:
    """What comes from any of them, as it comes, until the first ends or fails; all end then."""
    queue: asyncio.Queue[Item] = asyncio.Queue(_WAITING)

    async def read(stream: AsyncGenerator[Item, None]) -> None:
        try:
            async with aclosing(stream) as items:
                async for item in items:
                    await queue.put(item)
        finally:
            over.set()

    over = asyncio.Event()
    tasks = [asyncio.create_task(read(stream)) for stream in streams]
    try:
        while not over.is_set():
            getting = asyncio.ensure_future(queue.get())
            ended = asyncio.ensure_future(over.wait())
            await asyncio.wait({getting, ended}, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            if getting.done():
                yield getting.result()
            else:
                getting.cancel()
        for task in tasks:
            task.cancel()
        while not queue.empty():
            yield queue.get_nowait()
        for task in tasks:
            if task.done() and not task.cancelled() and (error := task.exception()):
                raise error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
