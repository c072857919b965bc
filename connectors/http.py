"""HTTP for connectors: bounded in time and size, checked addresses, errors named by recovery.

A thin client over an `httpx` transport. It is not `httpx.AsyncClient`, which logs whole URLs
(tokens included), follows redirects unchecked and decompresses without a bound.
"""

import asyncio
import base64
import dataclasses
import importlib.metadata
import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode

import httpcore
import httpx
import msgspec

from connectors import body as bodies
from connectors.addresses import check_literal
from connectors.base import Context
from connectors.errors import ConnectorError, Fatal, NotAllowed, Retriable, WaitUntil
from connectors.limits import status_error, used_up, wait_asked
from connectors.text import line
from connectors.transport import CheckedTransport

MAX_BODY: Final = 10 * 1024 * 1024
_MAX_REDIRECTS: Final = 5
_SHORTEST_SECRET: Final = 6
_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_TIMEOUT: Final = {"connect": 10.0, "read": 20.0, "write": 20.0, "pool": 30.0}
_BROKEN: Final = (
    httpx.TransportError,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    OSError,
)
_SLOW: Final = (httpx.TimeoutException, httpcore.TimeoutException, TimeoutError)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `url` is where it came from in the end; `moved_to` is set when every redirect on
    the way was permanent (301, 308). `place` is `url` as messages may show it."""

    status: int
    headers: httpx.Headers
    body: bytes
    url: str
    moved_to: str = ""
    place: str = ""


class Client:
    """One source's way to its servers: `async with Client(context) as http: await http.get(…)`.

    `private` headers (credentials) are sent to the first host only; `secrets` never appear in a
    message. `seconds` bounds a whole request, redirects and slow bodies included.
    """

    def __init__(
        self,
        context: Context,
        *,
        contact: str = "",
        headers: Mapping[str, str] | None = None,
        private: Mapping[str, str] | None = None,
        secrets: Collection[str] = (),
        max_body: int = MAX_BODY,
        seconds: float = 60.0,
    ) -> None:
        self._context = context
        self._headers = {
            "user-agent": user_agent(contact),
            "accept": "application/json, */*;q=0.1",
            "accept-encoding": bodies.ACCEPTED,
            **(headers or {}),
        }
        self._private = dict(private or {})
        self._secrets = [secret for secret in secrets if secret]
        self._max_body = max_body
        self._seconds = seconds
        self._own: CheckedTransport | None = None
        self._transport = context.transport
        self._closed: dict[tuple[str, str, int], datetime] = {}
        """Servers whose limit is used up, and until when."""

    def hide(self, secret: str) -> None:
        """A secret that came on the way, such as a token: no message shows it."""
        if secret and secret not in self._secrets:
            self._secrets.append(secret)

    def redacted(self, error: ConnectorError) -> ConnectorError:
        """`error`, made of an answer's own words, without the secrets that those may repeat."""
        return redacted(error, self._secrets)

    async def __aenter__(self) -> Self:
        if self._transport is None:
            self._own = CheckedTransport(self._context.allow_hosts)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._own is not None:
            await self._own.aclose()
            self._own = None

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (200,),
        follow: bool = True,
    ) -> Reply:
        """The answer to a GET whose status is in `accept`; without `follow`, redirects are answers.

        Raises `NotAllowed`, `WaitUntil`, `Retriable` or `Fatal`, as `connectors.limits` says.
        A limit that the last answer used up raises `WaitUntil` before anything is sent.
        """
        ask = _Ask("GET", headers or {}, follow=follow)
        return await self._asked(ask, url, params, accept)

    async def post(
        self,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (200,),
    ) -> Reply:
        """As `get`, for a POST of form fields or of a JSON value. It is not redirected; the values
        of a form show in no message."""
        if form is not None:
            content = urlencode(form).encode("ascii")
            kind, hidden = "application/x-www-form-urlencoded", _long_enough(form.values())
        else:
            content, kind, hidden = msgspec.json.encode(json), "application/json", []
        ask = _Ask("POST", {"content-type": kind, **(headers or {})}, content, hidden, follow=False)
        return await self._asked(ask, url, params, accept)

    async def delete(
        self,
        url: str,
        *,
        json: Any,
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (200,),
    ) -> Reply:
        """As `post`, for a DELETE of a JSON value."""
        told = {"content-type": "application/json", **(headers or {})}
        ask = _Ask("DELETE", told, msgspec.json.encode(json), follow=False)
        return await self._asked(ask, url, None, accept)

    async def _asked(
        self, ask: "_Ask", url: str, params: Mapping[str, str] | None, accept: Collection[int]
    ) -> Reply:
        self._check_open(url)
        hidden = [*self._hidden_from(url), *ask.hidden]
        try:
            async with asyncio.timeout(self._seconds):
                reply = await self._follow(_parsed(url, params), ask)
        except ConnectorError as error:
            raise redacted(error, hidden) from None
        except _SLOW:
            raise Retriable(f"{_hide(shown(url), hidden)} did not answer in time") from None
        except _BROKEN as error:
            detail = line(str(error), limit=160) or type(error).__name__
            said = _hide(f"{shown(url)}: the connection failed: {detail}", hidden)
            raise Retriable(said) from None
        return self._judged(reply, accept, hidden)

    @asynccontextmanager
    async def stream(
        self, url: str, *, headers: Mapping[str, str] | None = None, silence: float = 60.0
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Lines (without their ends) of an answer that does not end, for server-sent events and
        JSON streams. A line over `max_body`, or nothing for `silence` seconds, is `Retriable`.
        Not redirected. Raises as `get` does."""
        hidden = self._hidden_from(url)
        ask = _Ask("GET", {"accept-encoding": "identity", **(headers or {})})
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._open(_parsed(url, None), ask, trusted=True)
            try:
                if response.status_code != 200:
                    async with asyncio.timeout(self._seconds):
                        body = await bodies.read(response, self._max_body, shown(url))
                    self._judged(
                        Reply(response.status_code, response.headers, body, url), (200,), hidden
                    )
                yield _lines(response, silence, self._max_body, shown(url))
            finally:
                await response.aclose()
        except ConnectorError as error:
            raise redacted(error, hidden) from None
        except _SLOW:
            raise Retriable(f"{_hide(shown(url), hidden)} did not answer in time") from None
        except _BROKEN as error:
            detail = line(str(error), limit=160) or type(error).__name__
            said = _hide(f"{shown(url)}: the connection failed: {detail}", hidden)
            raise Retriable(said) from None

    async def json(self, url: str, *, params: Mapping[str, str] | None = None) -> Any:
        """The JSON value that a GET gives. HTML in its place (a login page, a captcha, a
        maintenance notice) is `Retriable`, as is JSON that does not parse."""
        return decode(await self.get(url, params=params))

    def refusal(self, reply: Reply) -> ConnectorError:
        """What `get` would have raised for this answer, had its status not been in `accept`."""
        place, now = shown(reply.url), current_time(self._context)
        error = status_error(reply.status, reply.headers, reply.body, place, now)
        return redacted(error, self._hidden_from(reply.url))

    def _check_open(self, url: str) -> None:
        if not self._closed:
            return
        until = self._closed.get(_origin(_parsed(url, None)))
        if until is not None and current_time(self._context) < until:
            raise WaitUntil(
                f"{_hide(shown(url), self._hidden_from(url))}: the rate limit is used up until"
                f" {until:%H:%M:%S} UTC",
                until,
            )

    def _judged(self, reply: Reply, accept: Collection[int], secrets: Collection[str]) -> Reply:
        now = current_time(self._context)
        origin = _origin(_parsed(reply.url, None))
        until = wait_asked(reply.headers, now) if used_up(reply.headers) else None
        if until is not None:
            self._closed[origin] = until
        else:
            self._closed.pop(origin, None)
        place = shown(reply.url)
        if reply.status in accept:
            return dataclasses.replace(reply, place=_hide(place, secrets))
        error = status_error(reply.status, reply.headers, reply.body, place, now)
        raise redacted(error, secrets)

    async def _follow(self, url: httpx.URL, ask: "_Ask") -> Reply:
        origin = _origin(url)
        permanent = True
        moved = False
        for _ in range(_MAX_REDIRECTS + 1):
            trusted = _origin(url) == origin
            reply = await self._send(url, ask, trusted=trusted)
            target = reply.headers.get("location", "")
            redirected = reply.status in (301, 302, 303, 307, 308) and ask.follow
            if not redirected or not target:
                final = str(url) if moved and permanent else ""
                return Reply(reply.status, reply.headers, reply.body, str(url), final)
            moved = True
            permanent = permanent and reply.status in (301, 308)
            url = _joined(url, target)
        raise Retriable(f"{shown(str(url))}: more than {_MAX_REDIRECTS} redirects")

    async def _send(self, url: httpx.URL, ask: "_Ask", *, trusted: bool) -> Reply:
        response = await self._open(url, ask, trusted=trusted)
        try:
            content = await bodies.read(response, self._max_body, shown(str(url)))
        finally:
            await response.aclose()
        return Reply(response.status_code, response.headers, content, str(url))

    async def _open(self, url: httpx.URL, ask: "_Ask", *, trusted: bool) -> httpx.Response:
        if url.scheme not in ("http", "https") or not url.host:
            raise NotAllowed(f"{shown(str(url))} is not a web address")
        check_literal(url.host, _port(url), self._context.allow_hosts)
        headers = {**self._headers, **ask.headers, **(self._private if trusted else {})}
        if not trusted:
            headers.pop("authorization", None)
        if url.userinfo:
            headers["authorization"] = basic(url.username, url.password)
            url = url.copy_with(userinfo=b"")
        request = httpx.Request(
            ask.method,
            url,
            headers=headers,
            content=ask.content,
            extensions={"timeout": _TIMEOUT},
        )
        transport = self._transport or self._own
        if transport is None:
            raise RuntimeError("the client is used outside its `async with`")
        return await transport.handle_async_request(request)

    def _hidden_from(self, url: str) -> list[str]:
        """What no message may show: servers echo what they were sent."""
        parsed = _parsed(url, None)
        values = (parsed.password, *(value for _, value in parsed.params.multi_items()))
        return self._secrets + _long_enough(values)


@dataclass(frozen=True, slots=True)
class _Ask:
    """A request, without its address; `hidden` is what no message may show of it."""

    method: str
    headers: Mapping[str, str]
    content: bytes | None = None
    hidden: Collection[str] = ()
    follow: bool = True


async def _lines(
    response: httpx.Response, silence: float, longest: int, place: str
) -> AsyncIterator[bytes]:
    rest = b""
    chunks = response.aiter_raw()
    while True:
        try:
            async with asyncio.timeout(silence):
                chunk = await anext(chunks, None)
        except TimeoutError:
            raise Retriable(f"{place} has been silent for {silence:g} seconds") from None
        if chunk is None:
            return
        *whole, rest = (rest + chunk).split(b"\n")
        for one in whole:
            yield one.removesuffix(b"\r")
        if len(rest) > longest:
            raise Retriable(f"{place} sent a line of more than {longest} bytes")


def _long_enough(values: Iterable[str]) -> list[str]:
    return [value for value in values if len(value) >= _SHORTEST_SECRET]


def redacted(error: ConnectorError, secrets: Collection[str]) -> ConnectorError:
    """The same error, its message without the secrets."""
    message = _hide(str(error), secrets)
    if isinstance(error, WaitUntil):
        return WaitUntil(message, error.moment)
    return type(error)(message)


def _hide(text: str, secrets: Collection[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def decode(reply: Reply) -> Any:
    """The JSON value in `reply`. Raises `Retriable` with the place, and where HTML came, so."""
    try:
        return msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        kind = reply.headers.get("content-type", "")
        if "html" in kind or reply.body[:512].lstrip().startswith(b"<"):
            said = "a web page where JSON was expected (maintenance, login or captcha?)"
        else:
            said = f"JSON that can't be read: {line(str(error), limit=160)}"
        raise Retriable(f"{reply.place or shown(reply.url)} answered {said}") from None


def current_time(context: Context) -> datetime:
    """Now, by the context's clock (seconds since 1970) where a test injects one."""
    return datetime.fromtimestamp((context.clock or time.time)(), UTC)


def user_agent(contact: str) -> str:
    """`Veille/1.2.3 (+https://example.org/contact)`: who asks, and where to complain."""
    try:
        version = importlib.metadata.version("veille")
    except importlib.metadata.PackageNotFoundError:  # run from a source tree
        version = "0"
    return f"Veille/{version} (+{contact})" if contact else f"Veille/{version}"


def basic(user: str, password: str) -> str:
    """The header of HTTP's basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def shown(url: str) -> str:
    """The address as messages may show it: without user, password, query and fragment."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return "(an invalid address)"
    port = f":{parsed.port}" if parsed.port else ""
    host = f"[{parsed.host}]" if ":" in parsed.host else parsed.host
    return line(f"{parsed.scheme}://{host}{port}{parsed.path}", limit=200)


def _parsed(url: str, params: Mapping[str, str] | None) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise Fatal(f"{shown(url)}: the address can't be read") from None
    return parsed.copy_merge_params(dict(params)) if params else parsed


def _joined(url: httpx.URL, target: str) -> httpx.URL:
    try:
        return url.copy_with(userinfo=b"").join(target)
    except (httpx.InvalidURL, ValueError):
        raise Fatal(f"{shown(str(url))} redirects to an address that can't be read") from None


def _port(url: httpx.URL) -> int:
    return url.port or _PORTS.get(url.scheme, 443)


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, _port(url)
