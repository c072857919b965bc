"""Stand-ins for the network sources, built to their documentation."""

import asyncio
import http as http_status
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import datetime, timedelta
from email.utils import format_datetime
from html import escape
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as WsRequest
from websockets.http11 import Response as WsResponse

from tests.contract.connectors.server import Answer, Request, Server, running
from tests.contract.connectors.world import NOW, Fixture, World


def moment(number: int) -> datetime:
    """Items are a minute apart and in the past."""
    return NOW - timedelta(hours=1) + timedelta(minutes=number)


def encoded(value: Any) -> Answer:
    return Answer(body=json.dumps(value).encode())


class HackerNewsFixture:
    """`maxitem.json`, `item/N.json`, `updates.json`."""

    name = "hackernews"

    def serve(self, world: World) -> AbstractAsyncContextManager[Server]:
        def answer(request: Request) -> Answer:
            if (fault := world.next_fault()) is not None:
                return fault
            if request.path.endswith("/maxitem.json"):
                return encoded(len(world.items))
            if request.path.endswith("/updates.json"):
                return encoded({"items": world.changes, "profiles": []})
            number = int(request.path.rsplit("/", 1)[-1].removesuffix(".json")) - 1
            item = world.items[number] if 0 <= number < len(world.items) else None
            return encoded(item)

        return running(answer)

    def options(self, base: str) -> dict[str, Any]:
        return {"base_url": base, "backfill": 100}

    def secretive(self, base: str, secret: str) -> dict[str, Any]:
        return {"base_url": base.replace("://", f"://user:{secret}@")}

    def bad(self) -> list[dict[str, Any]]:
        return [{"backfill": "many"}, {"backfill": -1}, {"updates": "perhaps"}]

    def item(self, number: int, *, text: str = "", at: datetime | None = None) -> Any:
        return {
            "id": 1 + number,
            "type": "comment",
            "by": "reader",
            "parent": 90_000,
            "time": int((at or moment(number)).timestamp()),
            "text": text or f"note {number}",
        }

    def broken(self, number: int) -> Any:
        return {"id": 1 + number, "type": "story", "time": "noon"}

    def edit(self, world: World, number: int, text: str) -> str:
        world.items[number] = {**world.items[number], "text": text}
        world.changes = [1 + number]
        return "edited"

    def delete(self, world: World, number: int) -> str:
        item = world.items[number]
        world.items[number] = {"id": item["id"], "deleted": True, "time": item["time"]}
        world.changes = [1 + number]
        return "deleted"


class MastodonFixture:
    """`/api/v1/timelines/public` with `limit` and `min_id`."""

    name = "mastodon"

    def serve(self, world: World) -> AbstractAsyncContextManager[Server]:
        def answer(request: Request) -> Answer:
            if (fault := world.next_fault()) is not None:
                return fault
            after = int(request.query.get("min_id", "0"))
            later = [item for item in world.items if int(item["id"]) > after]
            limit = int(request.query["limit"])
            page = later[:limit] if after else later[-limit:]
            return encoded(page[::-1])

        return running(answer)

    def options(self, base: str) -> dict[str, Any]:
        return {"instance": "social.example", "base_url": base}

    def secretive(self, base: str, secret: str) -> dict[str, Any]:
        return {**self.options(base), "token": secret}

    def bad(self) -> list[dict[str, Any]]:
        return [
            {"timeline": "all"},
            {"timeline": "hashtag"},
            {"hashtags": "tea"},
            {"instance": "not a host"},
        ]

    def item(self, number: int, *, text: str = "", at: datetime | None = None) -> Any:
        return {
            "id": str(110_000 + number),
            "uri": f"https://social.example/users/a/statuses/{number}",
            "url": f"https://social.example/@a/{number}",
            "created_at": (at or moment(number)).isoformat().replace("+00:00", "Z"),
            "edited_at": None,
            "content": text or f"<p>note {number}</p>",
            "spoiler_text": "",
            "language": "en",
            "account": {"acct": "a", "display_name": "A", "url": "https://social.example/@a"},
            "tags": [],
            "media_attachments": [],
        }

    def broken(self, number: int) -> Any:
        return {"id": str(110_000 + number), "uri": 5, "content": []}

    def edit(self, world: World, number: int, text: str) -> str:
        return "a polled timeline does not tell of edits once it was read"

    def delete(self, world: World, number: int) -> str:
        return "a polled timeline does not tell of deletions"


class RssFixture:
    """RSS 2.0 at `/feed.xml`, with an ETag."""

    name = "rss"

    def serve(self, world: World) -> AbstractAsyncContextManager[Server]:
        def answer(request: Request) -> Answer:
            if (fault := world.next_fault()) is not None:
                return fault
            body = feed(world.items)
            tag = f'W/"{hash(body)}"'
            if request.headers.get("if-none-match") == tag:
                return Answer(304, headers={"etag": tag})
            return Answer(body=body, headers={"etag": tag, "content-type": "application/rss+xml"})

        return running(answer)

    def options(self, base: str) -> dict[str, Any]:
        return {"base_url": base, "urls": "https://news.example/feed.xml"}

    def secretive(self, base: str, secret: str) -> dict[str, Any]:
        host = base.replace("://", f"://user:{secret}@")
        return {"urls": f"{host}/feed.xml?key={secret}"}

    def bad(self) -> list[dict[str, Any]]:
        return [{}, {"urls": "news.example"}, {"urls": [5]}, {"urls": "file:///etc/passwd"}]

    def item(self, number: int, *, text: str = "", at: datetime | None = None) -> Any:
        return (
            f"<item><guid>https://news.example/{number}</guid><title>Title {number}</title>"
            f"<link>https://news.example/{number}</link>"
            f"<pubDate>{format_datetime(at or moment(number))}</pubDate>"
            f"<description>{escape(text or f'note {number}')}</description></item>"
        )

    def broken(self, number: int) -> Any:
        return "<item></item>"

    def edit(self, world: World, number: int, text: str) -> str:
        world.items[number] = self.item(number, text=text)
        return "edited"

    def delete(self, world: World, number: int) -> str:
        return "a feed does not tell of deletions: entries also leave it by age"


def feed(items: list[str]) -> bytes:
    channel = f"<channel>{''.join(items)}</channel>"
    return f'<?xml version="1.0"?><rss version="2.0">{channel}</rss>'.encode()


class BlueskyFixture:
    """Jetstream's `/subscribe`, which here closes once everything was sent."""

    name = "bluesky"

    @asynccontextmanager
    async def serve(self, world: World) -> AsyncIterator[Server]:
        requests: list[Request] = []

        async def refuse(connection: ServerConnection, request: WsRequest) -> WsResponse | None:
            path, _, query = request.path.partition("?")
            pairs = dict(pair.split("=", 1) for pair in query.split("&") if pair)
            headers = {name.lower(): value for name, value in request.headers.raw_items()}
            requests.append(Request(path, pairs, headers))
            fault = world.next_fault()
            if fault is None or (fault.status == 200 and fault.manner == "whole"):
                return None
            if fault.manner != "whole":
                await asyncio.wait_for(connection.wait_closed(), 30)
            phrase = http_status.HTTPStatus(fault.status).phrase
            return WsResponse(fault.status, phrase, Headers(fault.headers), fault.body)

        async def stream(connection: ServerConnection) -> None:
            with suppress(ConnectionClosed):
                await _stream(world, requests[-1], connection)

        async with serve(stream, "127.0.0.1", 0, process_request=refuse) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            yield Server(f"http://127.0.0.1:{port}", requests)

    def options(self, base: str) -> dict[str, Any]:
        return {"base_url": base}

    def secretive(self, base: str, secret: str) -> dict[str, Any]:
        return {"base_url": base.replace("://", f"://user:{secret}@")}

    def bad(self) -> list[dict[str, Any]]:
        return [{"silence": "long"}, {"silence": 0}, {"base_url": "ftp://stream.example"}]

    def item(self, number: int, *, text: str = "", at: datetime | None = None) -> Any:
        record = {
            "$type": "app.bsky.feed.post",
            "text": text or f"note {number}",
            "createdAt": (at or moment(number)).isoformat(),
            "langs": ["en"],
        }
        return self._event(number, "create", record)

    def _event(self, number: int, operation: str, record: Any) -> Any:
        commit = {
            "operation": operation,
            "collection": "app.bsky.feed.post",
            "rkey": f"key{number}",
            "rev": "r",
        }
        if record is not None:
            commit |= {"record": record, "cid": "bafy"}
        return {
            "did": "did:plc:author",
            "time_us": int(moment(number).timestamp() * 1e6),
            "kind": "commit",
            "commit": commit,
        }

    def broken(self, number: int) -> Any:
        return self._event(number, "create", {"text": ["no", "text"]})

    def edit(self, world: World, number: int, text: str) -> str:
        event = self._event(number, "update", {"text": text, "createdAt": moment(1).isoformat()})
        world.items.append({**event, "time_us": int(moment(50).timestamp() * 1e6)})
        return "edited"

    def delete(self, world: World, number: int) -> str:
        event = self._event(number, "delete", None)
        world.items.append({**event, "time_us": int(moment(50).timestamp() * 1e6)})
        return "deleted"


async def _stream(world: World, request: Request, connection: ServerConnection) -> None:
    if world.fault is not None:
        await connection.send(world.fault.body, text=True)
        return
    asked = int(request.query.get("cursor", "0"))
    for event in world.items:
        if event["time_us"] >= asked:
            await connection.send(json.dumps(event))


FIXTURES: dict[str, Fixture] = {
    fixture.name: fixture
    for fixture in (RssFixture(), MastodonFixture(), BlueskyFixture(), HackerNewsFixture())
}
