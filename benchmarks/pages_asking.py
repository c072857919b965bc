"""A client of the pages that costs little: raw HTTP/1.1 over connections that are kept."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit


class Answer(NamedTuple):
    """Seconds from the request to the end of its answer."""

    status: int
    size: int
    seconds: float


class Times(NamedTuple):
    """Of many answers, in milliseconds; `cpu` is the server's processor time of one."""

    p50: float
    p95: float
    cpu: float = 0.0


class Client:
    """One connection."""

    def __init__(self, url: str) -> None:
        self._host, self._port = urlsplit(url).hostname, urlsplit(url).port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str, *, accept: str = "text/html") -> Answer:
        began = time.perf_counter()
        reader, writer = self._streams or await self._open()
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {accept}\r\n"
            "Accept-Encoding: gzip\r\nSec-Fetch-Dest: document\r\n\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        size = await _body(reader, head)
        return Answer(status, size, time.perf_counter() - began)

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._streams = await asyncio.open_connection(self._host, self._port)
        return self._streams

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()


async def _body(reader: asyncio.StreamReader, head: str) -> int:
    for line in head.split("\r\n"):
        if line.startswith("content-length:"):
            size = int(line.split(":")[1])
            await reader.readexactly(size)
            return size
    if "transfer-encoding: chunked" not in head:
        return 0
    total = 0
    while size := int(await reader.readline(), 16):
        await reader.readexactly(size + 2)
        total += size
    await reader.readline()
    return total


async def many(url: str, paths: Sequence[str], count: int, at_once: int) -> tuple[float, int]:
    """So many GETs over these paths in turn: seconds, and how many were not answered with 200."""
    turn, failed = iter(range(count)), 0

    async def one() -> None:
        nonlocal failed
        client = Client(url)
        for number in turn:
            answer = await client.get(paths[number % len(paths)])
            failed += answer.status != 200
        client.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(at_once)))
    return time.perf_counter() - began, failed


def times(answers: Sequence[Answer], cpu: float = 0.0) -> Times:
    """`cpu` is the server's seconds for all of them."""
    found = sorted(1000 * answer.seconds for answer in answers)
    last = found[min(len(found) - 1, int(0.95 * len(found)))]
    return Times(statistics.median(found), last, 1000 * cpu / len(found))
