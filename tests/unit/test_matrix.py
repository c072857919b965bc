from datetime import timedelta
from typing import Any

import pytest

from connectors.errors import BadSettings, Fatal, WaitUntil
from connectors.matrix import Matrix
from connectors.post import Post
from tests.contract.connectors.fixtures.matrix import ROOM, MatrixFixture
from tests.contract.connectors.fixtures.shared import encoded
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, Pass, World, collect, context

FIXTURE = MatrixFixture()


def message(number: int, content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**FIXTURE.item(number), "content": {"msgtype": "m.text", **content}, **more}


def found(result: Pass) -> list[Post]:
    return [step.post for step in result.steps if step.post is not None]


async def read(items: list[Any], **options: Any) -> list[Post]:
    async with FIXTURE.serve(World(items)) as server:
        result = await collect(Matrix(context({**FIXTURE.options(server.url), **options})))
    assert result.error is None
    return found(result)


async def test_replies_threads_and_markup() -> None:
    html = {"format": "org.matrix.custom.html"}
    reply = {"m.relates_to": {"m.in_reply_to": {"event_id": "$event1"}}}
    thread = {"rel_type": "m.thread", "event_id": "$event1", "is_falling_back": True}
    member = {"type": "m.room.member", "state_key": "@ann:chat.example", "event_id": "$m"}
    posts = await read(
        [
            {**member, "content": {"membership": "join", "displayname": "Ann"}},
            message(
                1, {"body": "**tea** & cake", **html, "formatted_body": "<b>tea</b> &amp; cake"}
            ),
            message(2, {"body": "> <@b:x> tea\n> more\n\nmy answer", **reply}),
            message(
                3,
                {
                    "body": "> x\n\ny",
                    **html,
                    "formatted_body": "<mx-reply><blockquote>x</blockquote></mx-reply>y",
                    **reply,
                },
            ),
            message(
                4,
                {
                    "body": "in thread",
                    "m.relates_to": {**thread, "m.in_reply_to": {"event_id": "$event3"}},
                },
            ),
            message(5, {"msgtype": "m.image", "body": "cat.png", "url": "mxc://a/b"}),
            message(6, {"body": "> said I"}),
        ]
    )
    texts = ["tea & cake", "my answer", "y", "in thread", "cat.png", "> said I"]
    assert [post.text for post in posts] == texts
    assert posts[0].author.name == "Ann"
    assert posts[1].parent_id == "matrix:$event1"
    assert (posts[3].thread_id, posts[3].parent_id) == ("matrix:$event1", "matrix:$event1")
    assert posts[0].url == "https://matrix.to/#/!room:chat.example/$event1"


async def test_edits_count_by_the_author_alone() -> None:
    world = World([FIXTURE.item(1)])
    async with FIXTURE.serve(world) as server:
        first = await collect(Matrix(context(FIXTURE.options(server.url))))
        FIXTURE.edit(world, 0, "mine")
        FIXTURE.edit(world, 0, "theirs")
        world.items[-1]["sender"] = "@mallory:chat.example"
        second = await collect(Matrix(context(FIXTURE.options(server.url))), first.cursor)
    (edited,) = found(second)
    assert (edited.id, edited.text, edited.state) == ("matrix:$event1", "mine", "edited")
    assert edited.created_at == found(first)[0].created_at


async def test_redactions_in_every_form() -> None:
    gone = {**FIXTURE.item(1), "content": {}}
    gone["unsigned"] = {"redacted_because": {"origin_server_ts": 1780311600000}}
    reaction = {**FIXTURE.item(3), "type": "m.reaction", "content": {}}
    old = {**FIXTURE.item(4), "type": "m.room.redaction", "redacts": "$event2", "content": {}}
    of_reaction = {**FIXTURE.item(5), "type": "m.room.redaction", "redacts": "$event3"}
    posts = await read([gone, FIXTURE.item(2), reaction, old, of_reaction])
    assert [(post.id, post.state) for post in posts] == [
        ("matrix:$event1", "deleted"),
        ("matrix:$event2", "live"),
        ("matrix:$event2", "deleted"),
    ]


async def test_a_timeline_cut_short_is_filled_in_order() -> None:
    world = World([FIXTURE.item(0)])
    async with FIXTURE.serve(world) as server:
        source = Matrix(context(FIXTURE.options(server.url)))
        first = await collect(source)
        world.items += [FIXTURE.item(number) for number in range(1, 48)]
        second = await collect(source, first.cursor)
    assert second.ids == [f"matrix:$event{number}" for number in range(1, 48)]
    assert all(step.gap is None for step in second.steps)


@pytest.mark.parametrize("body", [b'{"errcode": "M_FORBIDDEN", "error": "history is closed"}'])
async def test_what_can_not_be_filled_is_a_gap(body: bytes) -> None:
    world = World([FIXTURE.item(0)])

    def answer(request: Request) -> Answer:
        if request.path.endswith("/messages"):
            return Answer(403, body)
        timeline = {"events": world.items, "limited": True, "prev_batch": "p"}
        return encoded({"next_batch": "n", "rooms": {"join": {ROOM: {"timeline": timeline}}}})

    async with running(answer) as server:
        result = await collect(Matrix(context(FIXTURE.options(server.url))), {"since": "s"})
    assert "history is closed" in str(result.steps[0].gap)
    assert result.ids == ["matrix:$event0"]
    assert result.cursor == {"since": "n"}


async def test_a_token_that_is_refused_is_a_gap_and_a_new_start() -> None:
    def answer(request: Request) -> Answer:
        if "since" in request.query:
            return Answer(400, b'{"errcode": "M_UNKNOWN", "error": "Invalid stream token"}')
        return encoded({"next_batch": "new"})

    async with running(answer) as server:
        result = await collect(Matrix(context(FIXTURE.options(server.url))), {"since": "old"})
    assert "Invalid stream token" in str(result.steps[0].gap)
    assert result.cursor == {"since": "new"}


async def test_waits_and_refusals() -> None:
    world = World(fault=Answer(429, b'{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1500}'))
    async with FIXTURE.serve(world) as server:
        error = (await collect(Matrix(context(FIXTURE.options(server.url))))).error
        assert isinstance(error, WaitUntil)
        assert error.moment == NOW + timedelta(seconds=1.5)
        world.fault = Answer(401, b'{"errcode": "M_UNKNOWN_TOKEN", "error": "logged out"}')
        error = (await collect(Matrix(context(FIXTURE.options(server.url))))).error
    assert isinstance(error, Fatal)
    assert "logged out" in str(error)


async def test_encrypted_rooms_are_noted_and_others_are_left_out() -> None:
    notes: list[str] = []
    secret = {**FIXTURE.item(1), "type": "m.room.encrypted", "content": {"ciphertext": "x"}}
    async with FIXTURE.serve(World([secret])) as server:
        options = FIXTURE.options(server.url)
        result = await collect(Matrix(context(options, on_note=notes.append)))
        other = Matrix(context({**options, "rooms": "!other:chat.example"}))
        assert (await collect(other)).ids == []
    assert result.ids == []
    assert "encrypted; 1 messages" in notes[0]
    with pytest.raises(BadSettings, match=r"'rooms' has '#tea:chat\.example'; give ids"):
        Matrix(context({"token": "t", "rooms": "#tea:chat.example"}))
