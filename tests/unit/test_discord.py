from datetime import timedelta
from typing import Any

import pytest

from connectors.discord import Discord
from connectors.errors import BadSettings, Fatal, WaitUntil
from connectors.post import Post
from tests.contract.connectors.fixtures.discord import CHANNEL, DiscordFixture
from tests.contract.connectors.fixtures.shared import encoded
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, Pass, World, collect, context

FIXTURE = DiscordFixture()


def posts(result: Pass) -> list[Post]:
    return [step.post for step in result.steps if step.post is not None]


async def read(items: list[Any]) -> list[Post]:
    async with FIXTURE.serve(World(items)) as server:
        result = await collect(Discord(context(FIXTURE.options(server.url))))
    assert result.error is None
    return posts(result)


async def test_fields() -> None:
    first = FIXTURE.item(1, text="hi <@!42>, <:tea:123> at <t:1767225600:R>")
    first |= {
        "mentions": [{"id": "42", "username": "ben"}],
        "reactions": [{"count": 2, "emoji": {"name": "x"}}, {"count": 3}],
        "attachments": [{"url": "https://cdn.example/a.png"}, {"url": 5}],
    }
    reply = {**FIXTURE.item(2), "type": 19, "message_reference": {"message_id": first["id"]}}
    forward = FIXTURE.item(3) | {
        "content": "",
        "message_reference": {"type": 1, "message_id": "7"},
        "message_snapshots": [{"message": {"content": "carried on"}}],
    }
    app = FIXTURE.item(4) | {
        "content": "",
        "author": {"id": "9", "username": "app", "bot": True},
        "embeds": [
            {
                "title": "Build",
                "description": "it **failed**",
                "fields": [{"name": "a", "value": "b"}],
            },
            {"type": "article", "title": "a linked page"},
        ],
    }
    joined = {**FIXTURE.item(5), "type": 7, "content": ""}
    bare = {"id": FIXTURE.item(6)["id"], "content": "bare"}
    one, two, three, four, five = await read([first, reply, forward, app, joined, bare])
    assert one.text == "hi @ben, :tea: at 2026-01-01 00:00 UTC"
    assert (one.engagement.likes, one.media) == (5, ["https://cdn.example/a.png"])
    assert one.url == f"https://discord.com/channels/41771983423143937/{CHANNEL}/{first['id']}"
    assert (one.author.handle, one.author.name) == ("ann", "Ann")
    assert two.parent_id == one.id
    assert (three.text, three.repost_of, three.parent_id) == ("carried on", "discord:7", "")
    assert four.text == "Build\n\nit **failed**\n\na: b"
    assert five.created_at == one.created_at + timedelta(minutes=5)
    assert five.engagement.likes is None


async def test_pages_are_followed_to_the_end() -> None:
    world = World([FIXTURE.item(number) for number in range(1)])
    async with FIXTURE.serve(world) as server:
        source = Discord(context(FIXTURE.options(server.url)))
        first = await collect(source)
        later = [dict(world.items[0], id=str(int(world.items[0]["id"]) + n)) for n in range(1, 251)]
        world.items += later
        second = await collect(source, first.cursor)
        third = await collect(source, second.cursor)
    assert second.ids == [f"discord:{item['id']}" for item in later]
    assert (third.ids, third.error) == ([], None)


async def test_an_empty_answer_is_no_deletion() -> None:
    notes: list[str] = []
    world = World([FIXTURE.item(1), FIXTURE.item(2)])
    async with FIXTURE.serve(world) as server:
        source = Discord(context(FIXTURE.options(server.url), on_note=notes.append))
        first = await collect(source)
        kept, world.items[:] = list(world.items), []
        second = await collect(source, first.cursor)
        world.items += kept
        third = await collect(source, second.cursor)
    assert (second.ids, third.ids) == ([], [])
    assert "shows no message any more" in notes[0]


async def test_an_empty_channel_is_read_from_its_beginning() -> None:
    world = World()
    async with FIXTURE.serve(world) as server:
        source = Discord(context(FIXTURE.options(server.url)))
        first = await collect(source)
        world.items += [FIXTURE.item(number) for number in range(3)]
        second = await collect(source, first.cursor)
    assert len(second.ids) == 3


async def test_a_closed_channel_stops_no_other() -> None:
    def answer(request: Request) -> Answer:
        assert request.headers["authorization"] == "Bot bot.token"
        if "/channels/1" in request.path:
            return Answer(403, b'{"message": "Missing Access", "code": 50001}')
        return encoded([FIXTURE.item(1)] if "messages" in request.path else {})

    notes: list[str] = []
    async with running(answer) as server:
        options = {**FIXTURE.options(server.url), "channels": ["1", "2"]}
        both = await collect(Discord(context(options, on_note=notes.append)))
        alone = await collect(Discord(context({**options, "channels": "1"})))
    assert both.error is None
    assert len(both.ids) == 1
    assert "Missing Access" in notes[0]
    assert isinstance(alone.error, Fatal)


async def test_a_limit_holds_no_channel_back_for_good() -> None:
    limited = Answer(429, b'{"message": "slow down", "retry_after": 0.5, "global": false}')

    def answer(request: Request) -> Answer:
        if len(server.requests) > 2:
            return limited
        return encoded([FIXTURE.item(1)] if "messages" in request.path else {})

    async with running(answer) as server:
        options = {**FIXTURE.options(server.url), "channels": ["1", "2"]}
        first = await collect(Discord(context(options)))
        assert isinstance(first.error, WaitUntil)
        assert first.error.moment == NOW + timedelta(seconds=0.5)
        await collect(Discord(context(options)), first.cursor)
        assert server.requests[-1].path == "/channels/2/messages"


def test_channels_are_ids() -> None:
    for given in (81384788765712384, [81384788765712384], "81384788765712384"):
        assert Discord(context({"token": "t", "channels": given}))._channels == [CHANNEL]
    with pytest.raises(BadSettings, match="'channels' is '#general'; give numbers"):
        Discord(context({"token": "t", "channels": "#general"}))
