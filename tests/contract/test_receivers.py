"""The contract of connectors that are sent their posts: a test for each R of docs/connectors.md."""

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from connectors.base import Step
from connectors.errors import BadSettings, Retriable
from connectors.post import decode, encode
from connectors.receiving import BUSY, MOST_WAITING, Receiver, Request, listen
from connectors.registry import CONNECTORS, build, receivers
from streams.cli import program
from tests.contract.connectors.hooks import (
    HOOKS,
    SECRET,
    SECRET_IN_BODY,
    UNSIGNED_BODIES,
    HookFixture,
)
from tests.contract.connectors.world import NOW, context

DOC = Path(__file__).parents[2] / "docs" / "connectors.md"
PATH = "/hooks/it"


@pytest.fixture(params=list(HOOKS))
def hook(request: pytest.FixtureRequest) -> HookFixture:
    return HOOKS[request.param]


@pytest.fixture
def receiver(hook: HookFixture) -> Receiver:
    return receiver_of(hook)


def receiver_of(hook: HookFixture, **extra: Any) -> Receiver:
    built = build(hook.name, context({**hook.options(), **extra}))
    assert isinstance(built, Receiver)
    return built


def delivery(hook: HookFixture, body: bytes, signer: str = SECRET) -> Request:
    return Request(path=PATH, headers=hook.signed(body, signer), body=body)


class Listening:
    """A listener whose steps are taken as they come, and called safe as `safe` says."""

    def __init__(self, receiver: Receiver, safe: Callable[[Step], bool], **options: Any) -> None:
        self.steps: list[Step] = []
        self.url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._safe = safe
        self._source = listen(
            context({}), receiver, path=PATH, port=0, on_ready=self.url.set_result, **options
        )

    @property
    def ids(self) -> list[str]:
        return [step.post.id for step in self.steps if step.post is not None]

    async def take(self) -> None:
        async with contextlib.aclosing(self._source) as steps:
            async for step in steps:
                self.steps.append(step)
                if self._safe(step) and step.on_safe is not None:
                    step.on_safe()


@contextlib.asynccontextmanager
async def listening(
    receiver: Receiver, safe: Callable[[Step], bool] = lambda _: True, **options: Any
) -> AsyncIterator[tuple[Listening, httpx.AsyncClient]]:
    one = Listening(receiver, safe, **options)
    task = asyncio.create_task(one.take())
    try:
        async with httpx.AsyncClient(base_url=await one.url, timeout=10) as client:
            yield one, client
    finally:
        task.cancel()
        await asyncio.wait({task})


def test_every_receiver_takes_part() -> None:
    assert set(receivers()) == set(HOOKS)
    assert all(issubclass(CONNECTORS[name], Receiver) for name in HOOKS)


def test_every_r_has_its_test() -> None:
    told = re.findall(r"^- \*\*R(\d+)\. ", DOC.read_text(encoding="utf-8"), re.MULTILINE)
    tests = {found.group(1) for name in globals() if (found := re.match(r"test_r(\d+)_", name))}
    assert set(told) == tests


def test_r1_a_signed_delivery_gives_its_posts(hook: HookFixture, receiver: Receiver) -> None:
    received = receiver.receive(delivery(hook, hook.body(1)))
    assert received.answer.status == 200
    (step,) = received.steps
    assert step.post is not None
    assert step.post.text == "note 1"
    assert step.post.id.startswith(f"{step.post.source}:")
    assert decode(encode(step.post)) == step.post
    assert step.post.created_at <= step.post.collected_at == NOW


def test_r2_the_same_delivery_again_has_the_same_ids(hook: HookFixture, receiver: Receiver) -> None:
    first, again, other = (
        [step.post for step in receiver.receive(delivery(hook, hook.body(number))).steps]
        for number in (1, 1, 2)
    )
    assert first == again
    assert first[0] is not None
    assert other[0] is not None
    assert first[0].id != other[0].id


def test_r3_what_is_not_signed_rightly_is_refused(hook: HookFixture, receiver: Receiver) -> None:
    body = hook.body(1)
    if hook.name in SECRET_IN_BODY:
        without = body.replace(b'"secret"', b'"other"')
        for sent, status in (
            (body.replace(SECRET.encode(), b"another"), 403),
            (without, 401),
            (b"{}", 401),
        ):
            received = receiver.receive(Request(path=PATH, body=sent))
            assert (received.answer.status, list(received.steps)) == (status, [])
        return
    tampered = Request(path=PATH, headers=hook.signed(body), body=body.replace(b"note", b"nope"))
    assert tampered.body != body
    wrong = (
        (delivery(hook, body, "another secret"), 403),
        *([] if hook.name in UNSIGNED_BODIES else [(tampered, 403)]),
        (Request(path=PATH, body=body), 401),
        (Request(path=PATH, headers=dict.fromkeys(hook.signed(body), "ÿ"), body=body), 403),
        (Request(path=PATH, body=b"garbage"), 401),
    )
    for request, status in wrong:
        received = receiver.receive(request)
        assert (received.answer.status, list(received.steps)) == (status, [])


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"<html>", b"[" * 100_000, b'{"a": "\xed\xa0\x80"}']
)
def test_r4_a_body_that_cant_be_read_is_a_dead_letter(
    hook: HookFixture, receiver: Receiver, body: bytes
) -> None:
    received = receiver.receive(delivery(hook, body))
    assert received.answer.status == 400
    if hook.name in SECRET_IN_BODY:  # nobody vouches for it
        assert not received.steps
        return
    (step,) = received.steps
    assert step.dead is not None
    assert step.dead.raw == body[: 64 * 1024]
    assert step.dead.place == PATH


@pytest.mark.parametrize("body", [b"null", b"1", b'"x"', b"[[1]]", b"[]", b"{}", b"[1e400]"])
def test_r4_json_that_holds_no_post_makes_none(
    hook: HookFixture, receiver: Receiver, body: bytes
) -> None:
    received = receiver.receive(delivery(hook, body))
    assert received.answer.status in ((400, 401) if hook.name in SECRET_IN_BODY else (200, 400))
    assert not [step for step in received.steps if step.post is not None]


def test_r5_handshakes_are_answered(hook: HookFixture, receiver: Receiver) -> None:
    asked = hook.handshake()
    if asked is None:
        status = receiver.receive(Request(method="GET", path=PATH)).answer.status
        assert 400 <= status < 500
        return
    request, answer = asked
    received = receiver.receive(request)
    assert received.answer == answer
    assert not received.steps


async def test_r6_a_sender_is_answered_once_its_posts_are_safe(
    hook: HookFixture, receiver: Receiver
) -> None:
    held: list[Step] = []
    taken = asyncio.Event()

    def hold(step: Step) -> bool:
        held.append(step)
        taken.set()
        return False

    async with listening(receiver, hold) as (_, client):
        body = hook.body(1)
        sent = asyncio.create_task(client.post("", content=body, headers=hook.signed(body)))
        await taken.wait()
        assert not sent.done()
        assert held[0].on_safe is not None
        held[0].on_safe()
        assert (await sent).status_code == 200


async def test_r6_what_is_not_safe_in_time_is_asked_for_again(
    hook: HookFixture, receiver: Receiver
) -> None:
    async with listening(receiver, lambda _: False, patience=0.05) as (taken, client):
        body = hook.body(1)
        answer = await client.post("", content=body, headers=hook.signed(body))
        assert answer.status_code == BUSY.status
        assert int(answer.headers["retry-after"]) > 0
        assert len(taken.ids) == 1  # and its repeat is harmless: R2


async def test_r6_senders_are_held_back_when_nothing_is_taken(
    hook: HookFixture, receiver: Receiver
) -> None:
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    source = listen(context({}), receiver, path=PATH, port=0, patience=1.0, on_ready=url.set_result)
    first = asyncio.ensure_future(anext(source))
    body = hook.body(1)
    async with (
        contextlib.aclosing(source),
        httpx.AsyncClient(base_url=await url, timeout=10) as client,
    ):
        sent = [
            client.post("", content=body, headers=hook.signed(body))
            for _ in range(MOST_WAITING + 5)
        ]
        answers = await asyncio.gather(*sent)
        assert {answer.status_code for answer in answers} == {503}
        assert (await first).post is not None


async def test_r6_a_listener_that_ends_answers_who_waits(
    hook: HookFixture, receiver: Receiver
) -> None:
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    source = listen(context({}), receiver, path=PATH, port=0, on_ready=url.set_result)
    first = asyncio.ensure_future(anext(source))
    body = hook.body(1)
    async with httpx.AsyncClient(base_url=await url, timeout=10) as client:
        sent = asyncio.create_task(client.post("", content=body, headers=hook.signed(body)))
        await first
        await source.aclose()
        assert (await sent).status_code == 503
        with pytest.raises(httpx.ConnectError):
            await client.post("", content=body)


async def test_r7_only_deliveries_of_a_bearable_size_come_in(
    hook: HookFixture, receiver: Receiver
) -> None:
    async with listening(receiver, max_body=10_000) as (taken, client):
        large, huge = hook.body(1, text="x" * 10_001), b" " * 9_000_000
        body = hook.body(2)
        packed = {**hook.signed(body), "content-encoding": "gzip"}
        for request, status in (
            (client.build_request("POST", "", content=large, headers=hook.signed(large)), 413),
            (client.build_request("PUT", "", content=body, headers=hook.signed(body)), 405),
            (client.build_request("POST", "/elsewhere", content=body), 404),
            (client.build_request("POST", "", content=body, headers=packed), 415),
            (client.build_request("GET", "?" + "a=1&" * 200), 400),
            (client.build_request("POST", "", content=body, headers=hook.signed(body)), 200),
        ):
            assert (await client.send(request)).status_code == status
        with contextlib.suppress(httpx.TransportError):  # cut while it sends
            assert (await client.post("", content=huge)).status_code == 413
        assert len(taken.ids) == 1


async def test_r7_slow_senders_are_cut(
    hook: HookFixture, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.serving.SLOW_SECONDS", 0.2)
    async with listening(receiver) as (taken, client):
        url = client.base_url
        for head in (b"POST", b"POST " + url.raw_path[:-1] + b" HTTP/1.1\r\nHost: x\r\n"):
            reader, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(head)
            assert await reader.read() == b""
            writer.close()
        reader, writer = await asyncio.open_connection(url.host, url.port)
        head = b"POST " + url.raw_path[:-1] + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"
        writer.write(head)
        assert b" 408 " in await reader.readline()
        writer.close()
        assert taken.ids == []


async def test_r8_sources_share_an_address(hook: HookFixture, receiver: Receiver) -> None:
    async with listening(receiver) as (first, client):
        port = client.base_url.port
        ready = asyncio.Event()
        second = listen(
            context({}),
            receiver,
            path="/hooks/other",
            port=port or 0,
            patience=0.05,
            on_ready=lambda _: ready.set(),
        )
        other = asyncio.ensure_future(anext(second))
        await ready.wait()
        body = hook.body(1)
        await client.post(
            f"http://127.0.0.1:{port}/hooks/other", content=body, headers=hook.signed(body)
        )
        step = await other
        assert step.post is not None
        assert first.ids == []
        with pytest.raises(BadSettings, match="another source's already"):
            await anext(listen(context({}), receiver, path=PATH, port=port or 0))
        await second.aclose()
        answer = await client.post("", content=body, headers=hook.signed(body))
        assert answer.status_code == 200


async def test_r8_an_address_in_use_may_come_free(receiver: Receiver) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(Retriable, match=f"can't listen on 127.0.0.1:{port}"):
        await anext(listen(context({}), receiver, path=PATH, port=port))
    server.close()
    await server.wait_closed()


def test_r9_secrets_stay_secret(
    hook: HookFixture, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    for body in (hook.body(1), b"{", b"[1]"):
        for request in (delivery(hook, body), delivery(hook, body, "x")):
            received = receiver.receive(request)
            said += [repr(received.answer), *(str(step.dead) for step in received.steps)]
    assert SECRET not in "".join([*said, caplog.text])


def test_r9_bad_settings_are_explained(hook: HookFixture) -> None:
    for bad in hook.bad():
        with pytest.raises(BadSettings) as caught:
            receiver_of(hook, **bad)
        for name, value in bad.items():
            assert f"'{name}'" in str(caught.value)
            assert not isinstance(value, str) or value in str(caught.value)
    with pytest.raises(BadSettings, match="did you mean 'listen'"):
        receiver_of(hook, liste="x")


def test_r10_recorded_deliveries_are_read_without_a_network(
    hook: HookFixture, tmp_path: Path
) -> None:
    files = []
    for number in (1, 2):
        file = tmp_path / f"{number}.json"
        file.write_bytes(hook.body(number))
        files += ["--webhook", str(file)]
    sets = [
        part
        for name, value in hook.options().items()
        for part in ("--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}")
    ]
    done = CliRunner().invoke(program(), ["collect", hook.name, "--stdout", *files, *sets])
    assert done.exit_code == 0, done.output
    texts = [json.loads(line)["text"] for line in done.stdout.splitlines()]
    assert texts == ["note 1", "note 2"]
