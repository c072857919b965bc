"""A proxy in front of a real Elasticsearch that injects faults by script.

`Proxy(url)` forwards everything; `inject(fault, times=3)` lets the next three bulk requests meet
the fault. A fault gets the request and the way to the server: it answers itself, or changes what
the server answers, or breaks the connection off.
"""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

_HOP_BY_HOP: Final = frozenset({"connection", "content-length", "transfer-encoding", "host"})
PRODUCT: Final = {"x-elastic-product": "Elasticsearch", "content-type": "application/json"}


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What a client is told. After `cut` bytes of it the connection ends, with a reset where
    `reset` is set; `cut=0` is an answer that is lost."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None
    reset: bool = False

    def raw(self) -> bytes:
        """As it goes over the wire."""
        kept = {k: v for k, v in self.headers.items() if k not in _HOP_BY_HOP}
        lines = [f"HTTP/1.1 {self.status} X"] + [f"{k}: {v}" for k, v in kept.items()]
        head = "\r\n".join([*lines, f"content-length: {len(self.body)}", "", ""])
        return head.encode("latin-1") + self.body


Send = Callable[[Request], Awaitable[Answer]]
Fault = Callable[[Request, Send], Awaitable[Answer]]


class Proxy:
    """An async context manager; `url` is where it answers while the loop runs."""

    def __init__(self, upstream: str) -> None:
        found = urlsplit(upstream)
        self._upstream = (found.hostname or "127.0.0.1", found.port or 9200)
        self._script: list[tuple[str, Fault]] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""
        self.met = 0
        """How many requests have met a fault."""

    def inject(self, fault: Fault, *, times: int = 1, path: str = "/_bulk") -> None:
        """The next `times` requests whose path holds `path` meet the fault, after those before."""
        self._script += [(path, fault)] * times

    def heal(self) -> None:
        """No faults any more."""
        self._script.clear()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._answer(await _read_request(reader), writer):
                pass
        writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        answer = await self._fault(request)(request, self._forward)
        writer.write(answer.raw()[: answer.cut])
        await writer.drain()
        if answer.reset:
            _reset(writer)
        return answer.cut is None

    def _fault(self, request: Request) -> Fault:
        for place, (path, fault) in enumerate(self._script):
            if path in request.path:
                del self._script[place]
                self.met += 1
                return fault
        return passed

    async def _forward(self, request: Request) -> Answer:
        reader, writer = await asyncio.open_connection(*self._upstream)
        try:
            kept = {k: v for k, v in request.headers.items() if k not in _HOP_BY_HOP}
            lines = [f"{request.method} {request.path} HTTP/1.1", "host: elasticsearch"]
            lines += [f"{k}: {v}" for k, v in kept.items()]
            lines += ["connection: close", f"content-length: {len(request.body)}", "", ""]
            writer.write("\r\n".join(lines).encode("latin-1") + request.body)
            await writer.drain()
            return await _read_answer(reader, request.method)
        finally:
            writer.close()


async def passed(request: Request, send: Send) -> Answer:
    """No fault."""
    return await send(request)


def refuses(
    status: int, body: bytes = b"", headers: Mapping[str, str] = PRODUCT, **more: str
) -> Fault:
    """Answers by itself; the server never sees the request. `more` are headers."""
    extra = {name.replace("_", "-"): value for name, value in more.items()}

    async def fault(_: Request, __: Send) -> Answer:
        return Answer(status, {**headers, **extra}, body)

    return fault


def some_items(status: int, kind: str, *, every: int = 2) -> Fault:
    """Every n-th action of a bulk is refused with this status, inside a 200; the rest is done."""

    async def fault(request: Request, send: Send) -> Answer:
        actions = _actions(request.body)
        taken = [lines for n, lines in enumerate(actions) if n % every]
        done: list[Any] = []
        answer = Answer(200, PRODUCT)
        if taken:
            answer = await send(replace(request, body=b"".join(taken)))
            done = json.loads(answer.body)["items"]
        error = {"type": kind, "reason": "injected"}
        refused = {"index": {"status": status, "error": error}}
        items = [done.pop(0) if n % every else refused for n in range(len(actions))]
        return replace(answer, body=json.dumps({"items": items}).encode())

    return fault


def slow(seconds: float) -> Fault:
    """Done at once, told late."""

    async def fault(request: Request, send: Send) -> Answer:
        answer = await send(request)
        await asyncio.sleep(seconds)
        return answer

    return fault


def answers(body: bytes, **headers: str) -> Fault:
    """The server does it, and the client is told something else."""
    extra = {name.replace("_", "-"): value for name, value in headers.items()}

    async def fault(request: Request, send: Send) -> Answer:
        answer = await send(request)
        return replace(answer, headers={**answer.headers, **extra}, body=body)

    return fault


def cut(share: float = 0.5, *, reset: bool = False) -> Fault:
    """The connection ends within the answer, or before it where `share` is 0."""

    async def fault(request: Request, send: Send) -> Answer:
        answer = await send(request)
        return replace(answer, cut=int(len(answer.raw()) * share), reset=reset)

    return fault


def unsent() -> Fault:
    """The connection is reset before the server sees the request."""

    async def fault(_: Request, __: Send) -> Answer:
        return Answer(200, cut=0, reset=True)

    return fault


def _actions(body: bytes) -> list[bytes]:
    """The actions of a bulk, each with its document."""
    lines = iter(body.splitlines(keepends=True))
    return [line if line.startswith(b'{"delete"') else line + next(lines) for line in lines]


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _read_head(reader: asyncio.StreamReader) -> tuple[list[str], dict[str, str]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in head[1:] if line]
    return head[0].split(" ", 2), {name.lower(): value.strip() for name, _, value in pairs}


async def _read_request(reader: asyncio.StreamReader) -> Request:
    (method, path, _), headers = await _read_head(reader)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body)


async def _read_answer(reader: asyncio.StreamReader, method: str) -> Answer:
    start, headers = await _read_head(reader)
    body = b""
    if method != "HEAD":
        body = await (_chunks(reader) if "chunked" in str(headers) else reader.read())
    return Answer(int(start[1]), headers, body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readline()
    return body
