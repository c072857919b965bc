"""A mailbox over IMAP4rev1 (RFC 3501): read-only, bounded in time and size, over `imaplib`.

`imaplib` blocks, so each step runs in a thread. The socket leads to a checked address and its TLS
is verified.
"""

import asyncio
import base64
import imaplib
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from connectors.addresses import check_literal, open_socket
from connectors.base import Context
from connectors.errors import Fatal, Retriable
from connectors.text import line
from connectors.transport import tls

T = TypeVar("T")

_LARGEST: Final = 64 * 1024 * 1024
_CONNECT_SECONDS: Final = 10.0
_PASSING: Final = re.compile(
    r"\[(?:UNAVAILABLE|INUSE|LIMIT|SERVERBUG|OVERQUOTA)\]|try again|too many", re.I
)
_UID: Final = re.compile(rb"\bUID (\d{1,10})\b")
_SIZE: Final = re.compile(rb"\bRFC822\.SIZE (\d{1,12})\b")
_DATE: Final = re.compile(rb'\bINTERNALDATE "([^"]{1,40})"')


@dataclass(frozen=True, slots=True)
class Server:
    """Where a mailbox is and who opens it. `security` is `tls`, `starttls` or `none`."""

    host: str
    port: int
    security: str
    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One message: its first bytes, how many it has, and when the server got it, as written."""

    uid: int
    raw: bytes
    size: int
    received: str


class _Imap(imaplib.IMAP4):
    """Over a socket that is connected already."""

    def __init__(self, connected: socket.socket, server: Server, seconds: float) -> None:
        self._connected = connected
        self._server = server
        super().__init__(server.host, server.port, seconds)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        self._connected.settimeout(timeout)
        if self._server.security == "tls":
            return tls().wrap_socket(self._connected, server_hostname=self._server.host)
        return self._connected

    def read(self, size: int) -> bytes:
        if size > _LARGEST:
            raise self.abort(f"a message part of {size} bytes")
        return super().read(size)


class Mailbox:
    """An open session. Every method raises `Retriable` or `Fatal` with the server's own words."""

    def __init__(self, imap: _Imap, place: str, secret: str, seconds: float) -> None:
        self._imap, self._place, self._secret, self._seconds = imap, place, secret, seconds

    async def select(self, folder: str) -> int:
        """Open a folder to read; its UIDVALIDITY."""

        def work() -> int:
            self._said(f"the folder {folder!r:.80}", *self._imap.select(_quoted(folder), True))
            _, found = self._imap.response("UIDVALIDITY")
            number = found[-1] if found else None
            return int(number) if number else 0

        return await self.run(work)

    async def uids(self, *criteria: str) -> list[int]:
        """The UIDs that a search finds, ascending."""

        def work() -> list[int]:
            found = self._said("a search", *self._imap.uid("SEARCH", *criteria))
            text = b" ".join(part for part in found if isinstance(part, bytes))
            return sorted({int(number) for number in text.split() if number.isdigit()})

        return await self.run(work)

    async def fetch(self, uids: list[int], most: int) -> list[Letter]:
        """Messages with at most their first `most` bytes, unread ones left unread."""
        listed = ",".join(map(str, uids))
        what = f"(UID INTERNALDATE RFC822.SIZE BODY.PEEK[]<0.{most}>)"

        def work() -> list[Letter]:
            return _letters(self._said("a fetch", *self._imap.uid("FETCH", listed, what)))

        return await self.run(work)

    async def run(self, work: Callable[[], T]) -> T:
        """`work` in a thread, its errors named by recovery."""
        return await _bounded(work, self._imap.shutdown, self._place, self._secret, self._seconds)

    def _said(self, what: str, kind: str, found: list[Any]) -> list[Any]:
        if kind == "OK":
            return found
        said = line(
            b" ".join(one for one in found if isinstance(one, bytes)).decode("utf-8", "replace")
        )
        message = f"{self._place} refused {what}: {said or kind}"
        raise Retriable(message) if _PASSING.search(said) else Fatal(message)


@asynccontextmanager
async def opened(context: Context, server: Server, seconds: float) -> AsyncIterator[Mailbox]:
    """A session that is logged in."""
    check_literal(server.host, server.port, context.allow_hosts)
    raw = await open_socket(server.host, server.port, context.allow_hosts, seconds=_CONNECT_SECONDS)
    place = f"{server.host}:{server.port}"
    raw.setblocking(True)

    def connect() -> _Imap:
        return _Imap(raw, server, seconds)

    imap = await _bounded(connect, raw.close, place, server.password, seconds)
    mailbox = Mailbox(imap, place, server.password, seconds)
    try:
        await mailbox.run(lambda: _login(imap, server))
        yield mailbox
    finally:
        await asyncio.to_thread(_leave, imap)


def _login(imap: _Imap, server: Server) -> None:
    if server.security == "starttls":
        imap.starttls(tls())
    try:
        imap.login(server.user, server.password)
    except imap.abort:
        raise
    except imap.error as error:
        said = line(str(error), limit=200)
        if _PASSING.search(said):
            raise Retriable(f"{server.host} does not let in now: {said}") from None
        raise Fatal(
            f"{server.host} refused the login of {server.user!r:.80}: {said}. Remedy: make an "
            "app password where the provider asks for one, and set it as 'password'"
        ) from None


async def _bounded(
    work: Callable[[], T], close: Callable[[], object], place: str, secret: str, seconds: float
) -> T:
    """`work` in a thread; `close` ends what it waits for when time is up or nobody waits."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.shield(task)
    except TimeoutError:
        reason = "did not answer in time"
    except (Fatal, Retriable) as error:
        raise type(error)(str(error).replace(secret, "***") if secret else str(error)) from None
    except ssl.SSLCertVerificationError as error:
        reason = f"has a certificate that can't be trusted: {error.verify_message}"
    except (OSError, EOFError, imaplib.IMAP4.error, ValueError) as error:
        said = line(str(error), limit=160) or type(error).__name__
        reason = f"broke off: {said.replace(secret, '***') if secret else said}"
    finally:
        if not task.done():
            with suppress(OSError):
                close()
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
    raise Retriable(f"{place} {reason}")


def _leave(imap: _Imap) -> None:
    with suppress(OSError, imaplib.IMAP4.error, EOFError):
        imap.sock.settimeout(2.0)
        imap.logout()
    with suppress(OSError):
        imap.shutdown()


def _letters(found: list[Any]) -> list[Letter]:
    """Servers put the UID before or after the literal; what follows it comes as bytes."""
    letters: list[Letter] = []
    for number, one in enumerate(found):
        if not isinstance(one, tuple) or len(one) < 2:
            continue
        after = found[number + 1] if number + 1 < len(found) else b""
        facts = one[0] + b" " + (after if isinstance(after, bytes) else b"")
        uid, size, date = _UID.search(facts), _SIZE.search(facts), _DATE.search(facts)
        if uid:
            raw: bytes = one[1]
            whole = int(size.group(1)) if size else len(raw)
            received = date.group(1).decode("ascii", "replace").strip() if date else ""
            letters.append(Letter(int(uid.group(1)), raw, whole, received))
    return sorted(letters, key=lambda letter: letter.uid)


def _quoted(folder: str) -> str:
    """A folder's name in IMAP's own UTF-7 (RFC 3501, section 5.1.3), quoted."""
    written = re.sub("[^\x20-\x7e]+", lambda run: _shifted(run[0]), folder.replace("&", "&-"))
    return '"' + written.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _shifted(run: str) -> str:
    code = base64.b64encode(run.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
    return f"&{code}-"
