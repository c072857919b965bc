"""VKontakte's stream: rules kept, events read, gaps filled by searches, refusals."""

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from connectors.base import Step
from connectors.errors import Fatal, Retriable
from connectors.post import Post
from connectors.vk import Vk
from connectors.vk_stream import event_post
from tests.contract.connectors.fixtures.vk import VkFixture
from tests.contract.connectors.world import NOW, collect, context

SOON = int(NOW.timestamp()) - 60
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass
class Stand:
    """The API, the rules and the stream at one address. `events` are sent, then the end."""

    events: list[Any] = field(default_factory=list)
    rules: list[dict[str, str]] = field(default_factory=list)
    found: list[Any] = field(default_factory=list)
    refused: int = 0
    asked: list[str] = field(default_factory=list)
    url: str = ""
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def reply(self, method: str, path: str, query: dict[str, str], body: bytes) -> Any:
        self.asked.append(f"{method} {path}")
        if path == "/method/streaming.getServerUrl":
            return {"response": {"endpoint": "streaming.vk.com", "key": "k3y-0f-the-stream"}}
        if path == "/method/newsfeed.search":
            self.asked[-1] += f" {query['q']} {query['start_time']}"
            items = [one for one in self.found if one["date"] >= int(query["start_time"])]
            return {"response": {"items": items, "count": len(items), "total_count": len(items)}}
        assert path == "/rules"
        assert query["key"] == "k3y-0f-the-stream"
        if method == "GET":
            return {"code": 200, "rules": self.rules}
        said = json.loads(body)
        if method == "DELETE":
            self.rules = [rule for rule in self.rules if rule["tag"] != said["tag"]]
            return {"code": 200}
        if said["rule"]["value"].startswith("-"):
            return {"code": 400, "error": {"message": "only minus words", "error_code": 2008}}
        self.rules.append(said["rule"])
        return {"code": 200}

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        broken = (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError)
        with contextlib.closing(writer), contextlib.suppress(*broken):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, target, _ = head[0].split(" ")
                pairs = (one.split(":", 1) for one in head[1:] if ":" in one)
                headers = {name.lower(): value.strip() for name, value in pairs}
                if headers.get("upgrade", "").lower() == "websocket" and not self.refused:
                    await self.stream(headers["sec-websocket-key"], reader, writer)
                    return
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                parts = urlsplit(target)
                if parts.path == "/stream":
                    error = {"error_code": self.refused, "message": "key is not valid"}
                    self.send(writer, 400, {"code": 400, "error": error})
                    continue
                said = self.reply(method, parts.path, dict(parse_qsl(parts.query)), body)
                self.send(writer, 200, said)

    def send(self, writer: asyncio.StreamWriter, status: int, said: Any) -> None:
        body = json.dumps(said).encode()
        head = f"HTTP/1.1 {status} Said\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)

    async def stream(
        self, key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()  # noqa: S324  # RFC 6455
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            + f"sec-websocket-accept: {accept}\r\n\r\n".encode()
        )
        for event in self.events:
            raw = event if isinstance(event, bytes) else json.dumps(event).encode()
            writer.write(b"\x81\x7e" + len(raw).to_bytes(2, "big") + raw)
        writer.write(b"\x88\x02\x03\xe8")  # closed, 1000
        await reader.read(100)  # its own closing frame


@contextlib.asynccontextmanager
async def standing(stand: Stand) -> AsyncIterator[Stand]:
    server = await asyncio.start_server(stand.talk, "127.0.0.1", 0)
    stand.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield stand
    finally:
        server.close()
        for task in stand.tasks:
            task.cancel()
        await asyncio.gather(*stand.tasks, return_exceptions=True)


def source(stand: Stand, on_note: Callable[[str], None] = lambda _: None, **more: Any) -> Vk:
    given = {**VkFixture().options(stand.url), "mode": "stream", **more}
    return Vk(context(given, on_note=on_note))


def event(**more: Any) -> dict[str, Any]:
    told = {
        "event_type": "post",
        "event_id": {"post_owner_id": -1, "post_id": 3},
        "event_url": "https://vk.com/wall-1_3",
        "text": "one &amp; two<br>[club1|Tea]",
        "action": "new",
        "action_time": SOON,
        "creation_time": SOON,
        "tags": ["t"],
        "author": {"id": 5, "author_url": "https://vk.com/ab", "platform": 4},
        **more,
    }
    return {"code": 100, "event": told}


def post(step: Step) -> Post:
    assert step.post is not None
    return step.post


async def test_what_passed_is_searched_for_and_what_comes_is_read() -> None:
    missed = VkFixture().item(0)
    other = {"value": "someone's", "tag": "theirs"}
    stale = {"value": "coffee", "tag": "veille-stale"}
    stand = Stand(events=[event(), b"{", event(event_id={})], found=[missed], rules=[other, stale])
    async with standing(stand):
        first = await collect(source(stand))
        assert first.error is None
        assert first.ids == ["vk:-1_1", "vk:-1_3"]
        assert [rule["value"] for rule in stand.rules] == ["someone's", "tea"]
        dead = [step.dead for step in first.steps if step.dead]
        assert len(dead) == 2
        assert first.cursor["searches"]["tea"]["at"] == NOW.timestamp()
        stand.asked.clear()
        again = await collect(source(stand), first.cursor)
        assert again.ids == ["vk:-1_3"]
        assert stand.asked[0].endswith(f"tea {int(NOW.timestamp()) - 120}")
        assert not [one for one in stand.asked if one.startswith(("POST", "DELETE"))]
    with pytest.raises(ValueError, match="of which post"):
        source(stand).reread(dead[1].raw)


async def test_a_service_message_ends_the_connection() -> None:
    notes: list[str] = []
    service = {"code": 300, "service_message": {"service_code": 3000, "message": "restart soon"}}
    async with standing(Stand(events=[event(), service, event()])) as stand:
        result = await collect(source(stand, notes.append))
    assert (result.ids, result.error) == (["vk:-1_3"], None)
    assert any("restart soon" in note for note in notes)


async def test_a_key_refused_is_tried_with_another() -> None:
    async with standing(Stand(refused=1004)) as stand:
        result = await collect(source(stand))
    assert type(result.error) is Retriable
    assert "key is not valid" in str(result.error)
    assert "k3y-0f-the-stream" not in str(result.error)


async def test_a_rule_refused_is_noted_and_the_others_are_set() -> None:
    notes: list[str] = []
    async with standing(Stand()) as stand:
        result = await collect(source(stand, notes.append, queries="-only,tea"))
    assert result.error is None
    assert [rule["value"] for rule in stand.rules] == ["tea"]
    assert any("only minus words" in note for note in notes)


async def test_the_stream_needs_a_service_token() -> None:
    class Closed(Stand):
        def reply(self, method: str, path: str, query: dict[str, str], body: bytes) -> Any:
            if path.endswith("getServerUrl"):
                return {"error": {"error_code": 28, "error_msg": "Application auth failed"}}
            return super().reply(method, path, query, body)

    async with standing(Closed()) as stand:
        result = await collect(source(stand))
    assert isinstance(result.error, Fatal)
    assert "service token" in str(result.error)


def read(**more: Any) -> Post:
    return event_post(event(**more)["event"], NOW)


def test_events_of_posts() -> None:
    told = read(geo={"coordinates": "1.5 2"}, attachments=[
        {"type": "photo", "photo": {"photo_604": "https://i.example/6.jpg"}}])  # fmt: skip
    assert (told.id, told.text, told.kind) == ("vk:-1_3", "one & two\nTea", "post")
    assert (told.author.id, told.author.url) == ("5", "https://vk.com/ab")
    assert told.media == ["https://i.example/6.jpg"]
    assert told.place is not None
    edited = read(action="update", text="three", action_time=SOON + 10)
    assert (edited.state, edited.created_at) == ("edited", told.created_at)
    assert edited.updated_at == datetime.fromtimestamp(SOON + 10, UTC)
    deleted = read(action="delete", text="", action_time=SOON + 20)
    back = read(action="restore", action_time=SOON + 30)
    assert (deleted.state, deleted.text, deleted.author.id) == ("deleted", "", "")
    assert (back.state, back.version > deleted.version > edited.version) == ("live", True)


def test_events_of_comments_shares_and_topics() -> None:
    ids = {"post_owner_id": -1, "post_id": 3, "comment_id": 9}
    told = read(event_type="comment", event_id=ids)
    assert (told.id, told.kind, told.thread_id) == ("vk:-1_9", "comment", "vk:-1_3")
    ids = {"post_owner_id": 5, "post_id": 4, "shared_post_id": 3}
    writer = {"id": 5, "shared_post_author_id": -1}
    told = read(event_type="share", event_id=ids, author=writer, text="", shared_post_text="first")
    assert (told.id, told.repost_of, told.text) == ("vk:5_4", "vk:-1_3", "first")
    ids = {"topic_owner_id": -1, "topic_id": 8, "topic_post_id": 9}
    told = read(event_type="topic_post", event_id=ids)
    assert (told.id, told.thread_id) == ("vk:topic-1_8_9", "vk:topic-1_8")


def test_an_event_is_read_again_from_its_letter() -> None:
    raw = msgspec.json.encode(event())
    assert source(Stand(url="http://127.0.0.1:1")).reread(raw).id == "vk:-1_3"
