"""A Nostr relay for tests, and a key to sign events with."""

import asyncio
import hashlib
import http as http_status
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as WsRequest
from websockets.http11 import Response as WsResponse

from connectors import schnorr
from tests.contract.connectors.server import Answer, Request, Server


def public_key(secret: int) -> str:
    return f"{_point(secret)[0]:064x}"


def signed(secret: int, **event: Any) -> dict[str, Any]:
    """The event with its author, id and signature (BIP-340)."""
    fields = {"created_at": 0, "kind": 1, "tags": [], "content": "", **event}
    x, y = _point(secret)
    d = secret if y % 2 == 0 else schnorr.ORDER - secret
    key = x.to_bytes(32)
    parts = [0, key.hex(), *(fields[n] for n in ("created_at", "kind", "tags", "content"))]
    whole = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    name = hashlib.sha256(whole.encode("utf-8", "replace")).digest()
    k = int.from_bytes(schnorr.tagged("BIP0340/nonce", d.to_bytes(32) + name)) % schnorr.ORDER
    rx, ry = _point(k)
    k = k if ry % 2 == 0 else schnorr.ORDER - k
    e = int.from_bytes(schnorr.tagged("BIP0340/challenge", rx.to_bytes(32) + key + name))
    signature = rx.to_bytes(32) + ((k + e * d) % schnorr.ORDER).to_bytes(32)
    return {**fields, "pubkey": key.hex(), "id": name.hex(), "sig": signature.hex()}


def _point(scalar: int) -> tuple[int, int]:
    x, y, z = schnorr._sum(scalar, schnorr.BASE, 0, schnorr.BASE)
    inverse = pow(z, -1, schnorr.P)
    return x * inverse**2 % schnorr.P, y * inverse**3 % schnorr.P


@dataclass
class Relay:
    """`events` as it holds them; `said` is sent after each request, in place of what is stored
    where `closed` says why; `most` is its own limit."""

    events: list[Any] = field(default_factory=list)
    said: list[Any] = field(default_factory=list)
    closed: str = ""
    most: int = 500
    asked: list[dict[str, Any]] = field(default_factory=list)

    def stored(self, wanted: dict[str, Any]) -> list[Any]:
        self.asked.append(wanted)
        fitting = [event for event in self.events if _fits(event, wanted)]
        newest = sorted(fitting, key=lambda event: -int(event["created_at"]))
        return newest[: min(self.most, wanted.get("limit", self.most))]


def _fits(event: Any, wanted: dict[str, Any]) -> bool:
    tags = {tag[1] for tag in event.get("tags", []) if len(tag) > 1 and tag[0] == "t"}
    return (
        event["kind"] in wanted.get("kinds", [event["kind"]])
        and wanted.get("since", 0) <= event["created_at"] <= wanted.get("until", 2**40)
        and ("#t" not in wanted or bool(tags & set(wanted["#t"])))
        and wanted.get("search", "") in event["content"]
    )


@asynccontextmanager
async def relaying(
    relay: Relay,
    fault: Callable[[], Answer | None] = lambda: None,
    body: Callable[[], bytes | None] = lambda: None,
) -> AsyncIterator[Server]:
    """Serve the relay; `fault` answers the handshake, `body` is sent in place of all else."""
    requests: list[Request] = []

    async def refuse(connection: ServerConnection, request: WsRequest) -> WsResponse | None:
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        requests.append(Request(request.path, {}, headers))
        found = fault()
        if found is None or (found.status == 200 and found.manner == "whole"):
            return None
        if found.manner != "whole":
            await asyncio.wait_for(connection.wait_closed(), 30)
        phrase = http_status.HTTPStatus(found.status).phrase
        return WsResponse(found.status, phrase, Headers(found.headers), found.body)

    async def talk(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            if (raw := body()) is not None:
                await connection.recv()
                await connection.send(raw, text=True)
                return
            async for message in connection:
                kind, sub, *rest = json.loads(message)
                if kind == "REQ":
                    for answer in _answers(relay, sub, rest[0]):
                        await connection.send(answer)

    async with serve(talk, "127.0.0.1", 0, process_request=refuse) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield Server(f"http://127.0.0.1:{port}", requests)


def _answers(relay: Relay, sub: str, wanted: dict[str, Any]) -> list[str]:
    stored = relay.stored(wanted)
    said = [one if isinstance(one, str) else json.dumps(one) for one in relay.said]
    if relay.closed:
        return [*said, json.dumps(["CLOSED", sub, relay.closed])]
    given = (json.dumps(["EVENT", sub, event]) for event in stored)
    return [*said, *given, json.dumps(["EOSE", sub])]
