"""Signed JSON by POST: to checked addresses, no redirect followed, nothing secret in a message."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import httpcore
import httpx
import msgspec

from connectors.addresses import check_literal
from connectors.body import read
from connectors.errors import ConnectorError, Fatal, NotAllowed, Refused, Retriable
from connectors.http import shown, user_agent
from connectors.limits import status_error
from connectors.text import line
from connectors.transport import CheckedTransport
from streams.alerts.channel import Delivery
from streams.alerts.messages.language import Language
from streams.channels.signature import HEADER, sign

SECONDS: Final = 20.0
MAX_ANSWER: Final = 64 * 1024
_TIMEOUT: Final = {"connect": 5.0, "read": 15.0, "write": 15.0, "pool": 5.0}
_AT_FAULT: Final = frozenset({400, 413, 415, 422})
_PORTS: Final = {"http": 80, "https": 443}


class RefusedBody(Refused):
    """The other side can do nothing with this body, whenever it is sent."""


class Webhook:
    """A channel that posts to `url`. `transport` replaces the network in tests."""

    def __init__(
        self,
        id: str,  # noqa: A002 # the port's word
        url: str,
        secret: str,
        *,
        language: Language = "en",
        zone: str = "UTC",
        allow_hosts: frozenset[str] = frozenset(),
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        seconds: float = SECONDS,
    ) -> None:
        self.id = id
        self.language: Language = language
        self.zone = zone
        self._url = parsed(url, allow_hosts)
        self._secret = secret
        self._allow_hosts = allow_hosts
        self._transport = transport
        self._clock = clock
        self._seconds = seconds

    @property
    def place(self) -> str:
        """The address as messages may show it: a path may be a secret too."""
        return f"{self._url.scheme}://{self._url.netloc.decode('ascii').rpartition('@')[2]}"

    @property
    def server(self) -> tuple[str, int]:
        return self._url.host, self._url.port or _PORTS[self._url.scheme]

    async def send(self, delivery: Delivery) -> str:
        return await self.post(body_of(delivery), key=delivery.key, event=delivery.event)

    async def post(self, body: bytes, *, key: str, event: str) -> str:
        """Sign and send; what the other side said. Raises `ConnectorError`: `RefusedBody` where
        what was sent is at fault."""
        try:
            async with asyncio.timeout(self._seconds):
                status = await self._post(self._request(body, key, event))
        except (httpx.TimeoutException, httpcore.TimeoutException, TimeoutError):
            raise Retriable(f"{self.place} did not answer in {self._seconds:g} s") from None
        except ConnectorError:
            raise
        except (
            *(httpx.TransportError, httpcore.NetworkError, httpcore.ProtocolError),
            *(httpcore.UnsupportedProtocol, OSError),
        ) as error:
            detail = line(str(error), limit=160) or type(error).__name__
            raise Retriable(f"{self.place}: the connection failed: {detail}") from None
        return f"{self.place} answered {status}"

    def _request(self, body: bytes, key: str, event: str) -> httpx.Request:
        headers = {
            "content-type": "application/json",
            "user-agent": user_agent(""),
            "accept": "application/json, */*;q=0.1",
            "accept-encoding": "identity",
            "idempotency-key": key,
            "x-veille-event": event,
            HEADER: sign(self._secret, int(self._clock()), body),
        }
        return httpx.Request(
            "POST", self._url, headers=headers, content=body, extensions={"timeout": _TIMEOUT}
        )

    async def _post(self, request: httpx.Request) -> int:
        transport = self._transport or CheckedTransport(self._allow_hosts)
        try:
            response = await transport.handle_async_request(request)
            try:
                answer = await read(response, MAX_ANSWER, self.place)
            finally:
                await response.aclose()
        finally:
            if self._transport is None:
                await transport.aclose()
        if 200 <= response.status_code < 300:
            return response.status_code
        if 300 <= response.status_code < 400:
            raise Fatal(
                f"{self.place} answered {response.status_code}: redirects are not followed."
                " Remedy: give the address it leads to"
            )
        now = datetime.fromtimestamp(self._clock(), UTC)
        error = status_error(response.status_code, response.headers, answer, self.place, now)
        raise RefusedBody(str(error)) if response.status_code in _AT_FAULT else error


def body_of(delivery: Delivery) -> bytes:
    """The same bytes whenever it is sent again."""
    message = delivery.message
    told = {
        "key": delivery.key,
        "event": delivery.event,
        "severity": delivery.severity,
        "title": message.subject,
        "text": message.text,
        "links": {name.removeprefix("link."): url for name, url in message.links.items()},
        **delivery.payload,
    }
    return msgspec.json.encode(told)


def parsed(url: str, allow_hosts: frozenset[str]) -> httpx.URL:
    """A webhook's address. Raises `Fatal`, or `NotAllowed` for one that names a private address."""
    try:
        found = httpx.URL(url.strip())
    except (httpx.InvalidURL, ValueError, TypeError):
        raise Fatal("the webhook's address can't be read") from None
    if found.scheme not in _PORTS or not found.host:
        raise NotAllowed(f"{shown(url)} is not a web address: https://…")
    if found.userinfo:
        raise Fatal(f"{found.host}: a webhook's address takes no user and password")
    check_literal(found.host, found.port or _PORTS[found.scheme], allow_hosts)
    return found
