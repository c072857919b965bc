"""Twitch's chat: tags and actions, deletions, PING, RECONNECT, refused logins, gaps."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from connectors import irc
from connectors.base import Context
from connectors.errors import BadSettings, Fatal, Retriable
from connectors.twitch import Twitch
from tests.contract.connectors.world import LOCAL, NOW, Pass, collect

SENT = int(NOW.timestamp() * 1000) - 5_000
WELCOME = ":tmi.twitch.tv 001 you :Welcome, GLHF!"


class Chat:
    """A chat that says `lines`, then closes, or stays silent."""

    def __init__(self, *lines: str, stays: bool = False) -> None:
        self.lines = lines
        self.stays = stays
        self.heard: list[str] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        async def talk(connection: ServerConnection) -> None:
            with suppress(ConnectionClosed):
                async for raw in connection:
                    self.heard.append(str(raw))
                    if str(raw).startswith("JOIN"):
                        break
                # Several lines may come in one message.
                await connection.send("\r\n".join([WELCOME, *self.lines, ""]))
                if any(text.startswith("PING") for text in self.lines):
                    self.heard.append(str(await connection.recv()))
                if self.stays:
                    await connection.wait_closed()

        async with serve(talk, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            yield f"ws://127.0.0.1:{port}"

    async def read(self, cursor: Any = None, **options: Any) -> Pass:
        async with self.open() as url:
            settings = {"base_url": url, "channels": "teahouse", **options}
            notes = options.pop("notes", [])
            context = Context(
                options={k: v for k, v in settings.items() if k != "notes"},
                allow_hosts=LOCAL,
                clock=NOW.timestamp,
                on_note=notes.append,
            )
            return await collect(Twitch(context), cursor)


def said(text: str, name: str = "m1", user: str = "100", **tags: str) -> str:
    told = {"id": name, "user-id": user, "room-id": "7", "tmi-sent-ts": str(SENT), **tags}
    joined = ";".join(f"{key}={value}" for key, value in told.items())
    return f"@{joined} :reader!reader@reader.tmi.twitch.tv PRIVMSG #teahouse :{text}"


async def test_a_message_is_read_whole() -> None:
    chat = Chat(said("hi :) a: b", **{"display-name": r"Tea\sReader\:\\"}))
    (post,) = [step.post for step in (await chat.read()).steps if step.post]
    assert (post.text, post.kind, post.id) == ("hi :) a: b", "message", "twitch:m1")
    assert (post.author.name, post.author.handle) == ("Tea Reader;\\", "reader")
    assert post.created_at.timestamp() * 1000 == SENT
    assert post.url == "https://www.twitch.tv/teahouse"
    assert chat.heard[0] == "CAP REQ :twitch.tv/tags twitch.tv/commands"
    assert chat.heard[1].startswith("NICK justinfan")
    assert chat.heard[2] == "JOIN #teahouse"


async def test_actions_and_replies() -> None:
    tags = {"reply-parent-msg-id": "m0", "reply-thread-parent-msg-id": "root"}
    chat = Chat(said("\x01ACTION pours tea\x01"), said("@reader yes", "m2", **tags))
    first, second = [step.post for step in (await chat.read()).steps if step.post]
    assert first.text == "pours tea"
    assert (second.parent_id, second.thread_id) == ("twitch:m0", "twitch:root")


async def test_a_shared_chat_says_things_once() -> None:
    shared = {"source-id": "m1", "source-room-id": "7"}
    chat = Chat(said("hi", "m1", **shared), said("hi", "copy", **{**shared, "room-id": "8"}))
    assert (await chat.read()).ids == ["twitch:m1"]


async def test_an_announcement_is_read_and_a_raid_is_not() -> None:
    tags = f"@id=n1;login=mod;msg-id=announcement;room-id=7;tmi-sent-ts={SENT};user-id=5"
    raid = f"@id=n2;login=x;msg-id=raid;tmi-sent-ts={SENT} :tmi.twitch.tv USERNOTICE #teahouse"
    chat = Chat(f"{tags} :tmi.twitch.tv USERNOTICE #teahouse :tea at five", raid)
    (post,) = [step.post for step in (await chat.read()).steps if step.post]
    assert (post.text, post.author.handle) == ("tea at five", "mod")


async def test_moderators_deletions() -> None:
    chat = Chat(
        said("one", "m1"),
        said("two", "m2", "200"),
        said("three", "m3", "200"),
        "@login=reader;target-msg-id=m1 :tmi.twitch.tv CLEARMSG #teahouse :one",
        "@room-id=7;target-user-id=200 :tmi.twitch.tv CLEARCHAT #teahouse :reader",
        said("four", "m4"),
        "@room-id=8 :tmi.twitch.tv CLEARCHAT #elsewhere",
        "@room-id=7 :tmi.twitch.tv CLEARCHAT #teahouse",
    )
    result = await chat.read()
    gone = [s.post for s in result.steps if s.post and s.post.state == "deleted"]
    assert [post.id for post in gone] == [f"twitch:m{number}" for number in (1, 2, 3, 4)]
    assert all(post.text == "" and post.created_at < NOW for post in gone)


async def test_a_ping_is_answered_and_moves_the_cursor() -> None:
    chat = Chat("PING :tmi.twitch.tv")
    result = await chat.read()
    assert chat.heard[-1] == "PONG :tmi.twitch.tv"
    assert result.cursor == {"at": NOW.isoformat()}


async def test_a_reconnect_ends_the_pass() -> None:
    result = await Chat(":tmi.twitch.tv RECONNECT", said("after")).read()
    assert result.error is None
    assert result.ids == []


async def test_what_was_missed_is_a_gap() -> None:
    result = await Chat(said("hi")).read({"at": "2026-06-01T11:58:00+00:00"})
    gaps = [step.gap for step in result.steps if step.gap]
    assert [(gap.since, gap.until) for gap in gaps] == [
        ("2026-06-01T11:58:00+00:00", NOW.isoformat())
    ]
    assert [step.gap for step in (await Chat(said("hi")).read()).steps if step.gap] == []


async def test_silence_is_noticed() -> None:
    error = (await Chat(stays=True).read(silence=0.2)).error
    assert isinstance(error, Retriable)
    assert "silent" in str(error)


async def test_a_refused_login_is_fatal_and_shows_no_token() -> None:
    chat = Chat(":tmi.twitch.tv NOTICE * :Login authentication failed", stays=True)
    error = (await chat.read(nick="Reader", token="oauth:abcdef123")).error
    assert isinstance(error, Fatal)
    assert "abcdef123" not in str(error)
    assert chat.heard[1:3] == ["PASS oauth:abcdef123", "NICK reader"]


async def test_other_notices_are_told() -> None:
    notes: list[str] = []
    gone = "@msg-id=msg_channel_suspended :tmi.twitch.tv NOTICE #teahouse :This channel is gone."
    await Chat(gone).read(notes=notes)
    assert notes == ["twitch: This channel is gone."]


@pytest.mark.parametrize(
    ("text", "command", "params", "tags"),
    [
        ("PING", "PING", (), {}),
        (":a!b@c JOIN #d", "JOIN", ("#d",), {}),
        (r"@a=\n\r\\\x\;b;c= X :y :z", "X", ("y :z",), {"a": "\n\r\\x", "b": "", "c": ""}),
    ],
)
def test_lines(text: str, command: str, params: tuple[str, ...], tags: dict[str, str]) -> None:
    message = irc.parse(text)
    assert (message.command, message.params, message.tags) == (command, params, tags)


def test_settings_are_explained() -> None:
    for options, said_ in (
        ({"channels": "tea house"}, "'channels'"),
        ({"channels": "tea", "token": "x"}, "'nick'"),
        ({"channels": "tea", "base_url": "ws://a:b@c"}, "'token'"),
    ):
        with pytest.raises(BadSettings, match=said_):
            Twitch(Context(options=options))
