"""A small HTTP/1.1 server that answers, lags and breaks as told, on 127.0.0.1."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

Manner = Literal["whole", "hang", "drip", "cut", "endless"]


@dataclass(frozen=True)
class Request:
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    method: str = "GET"
    body: bytes = b""

    @property
    def form(self) -> dict[str, str]:
        """The fields of a form that was posted."""
        return dict(parse_qsl(self.body.decode()))


@dataclass(frozen=True)
class Answer:
    """`manner`: send it whole, never answer, send a byte a moment, cut after half, or repeat it
    without end."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    manner: Manner = "whole"


Handler = Callable[[Request], Answer]


@dataclass
class Server:
    url: str
    requests: list[Request]


@asynccontextmanager
async def running(handler: Handler) -> AsyncIterator[Server]:
    """Serve until the block ends; every request is kept in `requests`."""
    requests: list[Request] = []
    open_tasks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_tasks.add(task)
        try:
            while (request := await _request(reader)) is not None:
                requests.append(request)
                if not await _send(writer, handler(request)):
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            open_tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield Server(f"http://127.0.0.1:{port}", requests)
    finally:
        server.close()
        for task in list(open_tasks):
            task.cancel()
        await asyncio.gather(*open_tasks, return_exceptions=True)


async def _request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    parts = urlsplit(target)
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(parts.path, dict(parse_qsl(parts.query)), headers, method, body)


async def _send(writer: asyncio.StreamWriter, answer: Answer) -> bool:
    """Whether the connection can serve another request."""
    if answer.manner == "hang":
        await asyncio.Event().wait()
    headers = {"content-type": "application/json", **answer.headers}
    if answer.manner != "endless":
        headers.setdefault("content-length", str(len(answer.body)))
    lines = [f"HTTP/1.1 {answer.status} Said", *(f"{k}: {v}" for k, v in headers.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    if answer.manner == "drip":
        for byte in answer.body:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.02)
        return False
    while answer.manner == "endless":
        writer.write(answer.body)
        await writer.drain()
    cut = answer.manner == "cut"
    writer.write(answer.body[: len(answer.body) // 2] if cut else answer.body)
    await writer.drain()
    return not cut
