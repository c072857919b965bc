"""The local HTTP listener behind `connectors.receiving.listen`: uvicorn in the running loop.

One address serves several sources, each at its path; it is closed when the last one leaves. Every
answer ends its connection, so that one bound on time holds for all of it.
"""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl
from weakref import WeakKeyDictionary

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from connectors.errors import BadSettings, Retriable
from connectors.receiving import Answer, Request

SLOW_SECONDS: Final = 10.0
"""How long a sender may take for its headers, and again for its body."""
MOST_CONNECTIONS: Final = 128
DRAINED: Final = 8 * 1024 * 1024
"""How much of a body that is too long is read to its end, so that its sender hears why."""
GRACE_SECONDS: Final = 2
_FIELDS: Final = 100

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers at a path. `max_body` is in bytes."""

    answer: Callable[[Request], Awaitable[Answer]]
    max_body: int


@contextlib.asynccontextmanager
async def opened(host: str, port: int, path: str, route: Route) -> AsyncIterator[str]:
    """Answer at `path` while held; gives the whole URL.

    Raises `Retriable` while the address is in use, `BadSettings` for one that can't be had.
    """
    doors = _doors.setdefault(asyncio.get_running_loop(), {})
    door = doors.get((host, port))
    if door is None:
        door = _Door(_bound(host, port))
        doors[host, door.port] = door
    if path in door.routes:
        raise BadSettings(
            f"path: {path} at {host}:{door.port} is another source's already. "
            "Remedy: give each source a path of its own"
        )
    door.routes[path] = route
    try:
        await door.ready()
        yield f"http://{f'[{host}]' if ':' in host else host}:{door.port}{path}"
    finally:
        del door.routes[path]
        if not door.routes:
            del doors[host, door.port]
            await door.close()


class _Door:
    """One listening address."""

    def __init__(self, listener: socket.socket) -> None:
        self.port: int = listener.getsockname()[1]
        self.routes: dict[str, Route] = {}
        self._server = _Server(
            uvicorn.Config(
                self._serve,
                interface="asgi3",
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level=logging.WARNING,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=MOST_CONNECTIONS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._running = asyncio.create_task(self._server.serve(sockets=[listener]))

    async def ready(self) -> None:
        """Wait until connections are taken. Raises `Retriable` where the server ended instead."""
        ready = asyncio.create_task(self._server.ready.wait())
        try:
            await asyncio.wait({ready, self._running}, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                raise Retriable(f"the listener at port {self.port} ended before it began")
        finally:
            ready.cancel()

    async def close(self) -> None:
        """Leave the address at once; what is being answered is given two seconds."""
        self._server.should_exit = True
        for server in self._server.servers:
            server.close()
        await asyncio.wait({self._running})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._answer(scope, receive)
        if answer is None:
            return
        headers = {
            "content-type": answer.content_type,
            "content-length": str(len(answer.body)),
            "connection": "close",
            **answer.headers,
        }
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer | None:
        """`None` when the sender is gone."""
        path = scope["path"]
        route = self.routes.get(path) or self.routes.get(path.rstrip("/"))
        if route is None:
            return Answer(404)
        try:
            async with asyncio.timeout(SLOW_SECONDS):
                request = await _request(scope, receive, route.max_body)
        except TimeoutError:
            return Answer(408)
        except _TurnedAway as error:
            return error.answer
        except _Gone:
            return None
        return await route.answer(request)


class _TurnedAway(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class _Gone(Exception):
    pass


async def _request(scope: Scope, receive: Receive, most: int) -> Request:
    """The request as it came. Raises `_TurnedAway` or `_Gone`."""
    if scope["method"] not in ("GET", "POST"):
        raise _TurnedAway(Answer(405, headers={"allow": "GET, POST"}))
    headers = _joined(scope["headers"])
    if headers.get("content-encoding", "identity") != "identity":
        raise _TurnedAway(Answer(415, b"send it uncompressed\n"))
    text = scope["query_string"].decode("latin-1")
    try:
        query = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS))
    except ValueError:
        raise _TurnedAway(Answer(400, b"too many parameters\n")) from None
    body = await _body(receive, headers.get("content-length", ""), most)
    return Request(scope["method"], scope["path"], query, headers, body)


async def _body(receive: Receive, announced: str, most: int) -> bytes:
    """The body. One that is too long is read to its end, unless it is so many times over."""
    kept, length, more = bytearray(), 0, True
    if announced.isdigit() and int(announced) > DRAINED:
        length, more = int(announced), False
    while more and length <= DRAINED:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise _Gone
        part = event.get("body", b"")
        length += len(part)
        if length <= most:
            kept += part
        more = event.get("more_body", False)
    if length > most:
        raise _TurnedAway(Answer(413, f"at most {most} bytes\n".encode()))
    return bytes(kept)


def _joined(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name; one that is repeated has its values with commas between."""
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=MOST_CONNECTIONS)
    except OSError as error:
        why = f"can't listen on {host}:{port}: {error.strerror}"
        if error.errno == errno.EADDRINUSE:
            raise Retriable(
                f"{why}. Remedy: stop what uses it, or choose another with 'listen'"
            ) from None
        raise BadSettings(
            f"{why}. Remedy: listen: 127.0.0.1:8431, or an address of this machine"
        ) from None


class _Protocol(H11Protocol):
    """Cuts a connection whose headers do not come."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._late = self.loop.call_later(SLOW_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._late.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if not self.headers:
            self.transport.close()


class _Server(uvicorn.Server):
    """Leaves signals to the program, and tells when connections are taken."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


_doors: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, int], _Door]] = (
    WeakKeyDictionary()
)
