"""Sources that push: a delivery is a request, read by a connector that is a `Receiver`.

`receive` decides (who sent it, what to answer), `read` reads what is known to be genuine, and
`listen` turns the deliveries at a local address into steps.
"""

import asyncio
import dataclasses
import hashlib
import hmac
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, runtime_checkable

import httpx
import msgspec

from connectors.base import Context, Step
from connectors.errors import SkipItem
from connectors.post import read

MAX_BODY: Final = 1024 * 1024
"""Longest body of a delivery, in bytes."""
MOST_WAITING: Final = 64
"""Deliveries that wait to be taken by the pipeline; senders of more are held back."""
PATIENCE: Final = 10.0
"""Seconds a sender is kept waiting until its posts are safe; then it is asked to send again."""
KEPT_BYTES: Final = 64 * 1024
"""Longest original kept of what could not be read."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """A delivery as it came. Names of headers are compared without case; the body is exact, for
    it is what is signed."""

    method: str = "POST"
    path: str = "/"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", httpx.Headers(dict(self.headers), encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Received:
    """What becomes of a delivery. With steps, `answer` is given once they are safe."""

    answer: Answer = Answer()
    steps: Sequence[Step] = ()


@runtime_checkable
class Receiver(Protocol):
    """A connector that is sent its posts. Neither method waits or opens anything."""

    def receive(self, request: Request) -> Received:
        """What to answer a delivery or a handshake, and the steps in it.

        A missing signature is 401, a wrong one 403, a body that can't be read 400; only what is
        signed rightly gives steps, dead letters among them.
        """
        ...

    def read(self, request: Request) -> Sequence[Step]:
        """The steps of a delivery known to be genuine. Raises `SkipItem` for an unreadable body."""
        ...


BUSY: Final = Answer(503, b"send it again later\n", headers={"retry-after": "30"})


def accepted(receiver: Receiver, request: Request, answer: Answer = Answer()) -> Received:
    """A delivery whose signature was right: `answer`, or 400 with a dead letter."""
    try:
        return Received(answer, receiver.read(request))
    except SkipItem as error:
        return Received(Answer(400, b"the body can't be read\n"), [Step(dead=error)])


def refused(present: bool) -> Received:
    """403 where a signature or token was `present` and wrong, 401 where there was none."""
    if present:
        return Received(Answer(403, b"the signature is wrong\n"))
    return Received(Answer(401, b"a signature is needed\n"))


def hmac_matches(
    secret: str,
    body: bytes,
    header: str | None,
    algorithm: str = "sha256",
    prefix: str = "sha256=",
) -> bool:
    """Whether `header` is `prefix` and the hexadecimal HMAC of `body`, compared in constant time.

    An empty secret matches nothing.
    """
    if not secret or not header or not header.startswith(prefix):
        return False
    expected = hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).hexdigest()
    return same(expected, header[len(prefix) :].strip().lower())


def same(expected: str, given: str) -> bool:
    """Whether two texts are equal, in a time that tells nothing of where they differ."""
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def json_body(request: Request) -> Any:
    """The body as JSON. Raises `SkipItem` with the first 64 KiB of what can't be read."""
    try:
        return read(_json, request.body)
    except msgspec.DecodeError as error:
        raise unreadable(request, f"{error}") from None


def unreadable(request: Request, reason: str) -> SkipItem:
    """The dead letter of a whole body."""
    return SkipItem(reason[:300], place=request.path, raw=request.body[:KEPT_BYTES])


async def listen(
    context: Context,
    receiver: Receiver,
    *,
    path: str,
    host: str = "127.0.0.1",
    port: int = 8431,
    max_body: int = MAX_BODY,
    patience: float = PATIENCE,
    on_ready: Callable[[str], None] = lambda _: None,
) -> AsyncGenerator[Step, None]:
    """What is sent to `http://host:port/path`, until cut.

    A sender is answered when whoever iterates called the last step's `on_safe`; after `patience`
    seconds, or when the listener ends first, it is answered 503, so that it sends again. Sources
    may share an address, each with its path. `on_ready` hears the whole URL; port 0 is any.

    Raises `Retriable` while the address is in use, `BadSettings` for one that is not here and for
    a path that another source has.
    """
    # A web server takes 100 ms to import, which no other source need wait for.
    from connectors.serving import Route, opened  # noqa: PLC0415

    desk = _Desk(receiver, patience)
    async with opened(host, port, path, Route(desk.answer, max_body)) as url:
        context.on_note(f"listening at {url}")
        on_ready(url)
        try:
            while True:
                for step in await desk.deliveries.get():
                    yield step
        finally:
            desk.close()


class _Desk:
    """Hands deliveries over, and answers each when it is known what became of it."""

    def __init__(self, receiver: Receiver, patience: float) -> None:
        self.deliveries: asyncio.Queue[Sequence[Step]] = asyncio.Queue(MOST_WAITING)
        self._receiver, self._patience = receiver, patience
        self._open: set[asyncio.Future[bool]] = set()

    async def answer(self, request: Request) -> Answer:
        try:
            received = self._receiver.receive(request)
        except Exception:  # noqa: BLE001  # one delivery never stops the others
            _log.exception("a delivery to %s failed", request.path)
            return Answer(500)
        if not received.steps or await self._handed_over(received.steps):
            return received.answer
        return BUSY

    async def _handed_over(self, steps: Sequence[Step]) -> bool:
        safe: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def tell() -> None:
            if not safe.done():
                safe.set_result(True)

        self._open.add(safe)
        last = dataclasses.replace(steps[-1], on_safe=tell)
        putting = asyncio.ensure_future(self.deliveries.put([*steps[:-1], last]))
        try:
            await asyncio.wait({safe}, timeout=self._patience)
        finally:
            putting.cancel()
            self._open.discard(safe)
        return safe.done() and safe.result()

    def close(self) -> None:
        """Answer who still waits: their posts are not known to be safe."""
        for safe in list(self._open):
            if not safe.done():
                safe.set_result(False)


_json: Final = msgspec.json.Decoder()
