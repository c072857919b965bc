"""WebSockets for connectors: checked addresses, bounded messages, errors named by recovery."""

import logging
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosedError,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
)

from connectors import http
from connectors.addresses import check_literal, open_socket
from connectors.base import Context
from connectors.errors import ConnectorError, Retriable
from connectors.limits import status_error
from connectors.transport import tls

MAX_MESSAGE: Final = 2 * 1024 * 1024
_CONNECT_SECONDS: Final = 10.0
_MUTE: Final = logging.Logger("websocket", logging.CRITICAL + 1)
"""The library would log whole addresses and messages, tokens included."""


@asynccontextmanager
async def opened(
    context: Context,
    url: str,
    *,
    contact: str = "",
    seconds: float = 20.0,
    secrets: Collection[str] = (),
) -> AsyncIterator[ClientConnection]:
    """A connection to `url` (`ws` or `wss`); receive with `recv(decode=False)`.

    The socket is connected to a checked address, so a redirect is refused. Compression is off: it
    hides the size of what comes. No message shows `secrets`. Raises what `connectors.http` raises
    for the same faults.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    check_literal(host, port, context.allow_hosts)
    raw = await open_socket(host, port, context.allow_hosts, seconds=_CONNECT_SECONDS)
    secure = parts.scheme == "wss"
    extra: dict[str, Any] = {"ssl": tls(), "server_hostname": host} if secure else {}
    try:
        async with connect(
            url,
            sock=raw,
            compression=None,
            max_size=MAX_MESSAGE,
            max_queue=64,
            user_agent_header=http.user_agent(contact),
            open_timeout=seconds,
            close_timeout=2.0,
            logger=_MUTE,
            **extra,
        ) as connection:
            yield connection
    except ConnectorError:
        raise
    except InvalidStatus as error:
        response = error.response
        headers = httpx.Headers(list(response.headers.raw_items()))
        now = http.current_time(context)
        body = bytes(response.body or b"")
        refusal = status_error(response.status_code, headers, body, http.shown(url), now)
        raise http.redacted(refusal, secrets) from None
    except TimeoutError:
        raise Retriable(f"{http.shown(url)} did not answer in time") from None
    except ConnectionClosedError as error:
        said = error.rcvd or error.sent
        why = f"code {said.code}" if said else "without a word"
        raise Retriable(f"{http.shown(url)} cut the stream ({why})") from None
    except (InvalidHandshake, InvalidURI, ValueError, OSError, EOFError) as error:
        kind = type(error).__name__
        raise Retriable(f"{http.shown(url)} could not be opened ({kind})") from None
    finally:
        raw.close()
