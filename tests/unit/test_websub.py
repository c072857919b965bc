import asyncio
import contextlib
import hashlib
import hmac
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from connectors.base import Step
from connectors.errors import BadSettings
from connectors.receiving import Request
from connectors.rss import Rss
from connectors.websub import WebSub
from tests.contract.connectors.fixtures.rss import RssFixture, feed
from tests.contract.connectors.hooks import SECRET, WebSubFixture
from tests.contract.connectors.server import Answer, running
from tests.contract.connectors.server import Request as Asked
from tests.contract.connectors.world import NOW, collect, context

ITEM = RssFixture().item
FIXTURE = WebSubFixture()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class Hub:
    """A site with a feed, and its hub."""

    def __init__(self, *, in_headers: bool = True, status: int = 202) -> None:
        self.in_headers, self.status = in_headers, status
        self.page: Answer | None = None
        self.forms: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    def answer(self, request: Asked) -> Answer:
        if request.method == "POST":
            self.forms.put_nowait(request.form)
            return Answer(self.status)
        if self.page:
            return self.page
        links = '<https://news.example/hub>; rel="hub", <https://news.example/self>; rel="self"'
        if self.in_headers:
            return Answer(body=feed([]), headers={"link": links})
        atom = (
            b'<feed xmlns="http://www.w3.org/2005/Atom"><link rel="hub" href="/hub"/>'
            b'<link rel="self" href="/self"/><title>T</title></feed>'
        )
        return Answer(body=atom)


@contextlib.asynccontextmanager
async def subscribed(hub: Hub, **changes: Any) -> AsyncIterator[tuple[list[Step], list[str]]]:
    """The steps that come and the notes, while a source runs that reads one feed of the hub."""
    steps: list[Step] = []
    notes: list[str] = []
    port = free_port()

    async def take(source: WebSub) -> None:
        async with contextlib.aclosing(source.posts(None)) as found:  # type: ignore[type-var]
            async for step in found:
                steps.append(step)
                if step.on_safe:
                    step.on_safe()

    async with running(hub.answer) as server:
        address = f"127.0.0.1:{port}"
        options = {
            **FIXTURE.options(),
            "base_url": server.url,
            "listen": address,
            "callback": f"http://{address}/hooks/websub",
        }
        task = asyncio.create_task(take(WebSub(context(options, on_note=notes.append, **changes))))
        try:
            yield steps, notes
        finally:
            task.cancel()
            await asyncio.wait({task})


@pytest.mark.parametrize("in_headers", [True, False])
async def test_subscribes_is_asked_back_and_takes_what_is_sent(in_headers: bool) -> None:
    hub = Hub(in_headers=in_headers)
    async with subscribed(hub) as (steps, _), httpx.AsyncClient() as client:
        form = await asyncio.wait_for(hub.forms.get(), 5)
        assert form["hub.mode"] == "subscribe"
        assert form["hub.topic"].endswith("/self")
        assert form["hub.secret"] == SECRET
        asked = {"hub.mode": "subscribe", "hub.topic": form["hub.topic"]}
        asked |= {"hub.challenge": "c1", "hub.lease_seconds": "600"}
        url = httpx.URL(form["hub.callback"])
        back = await client.get(url.copy_merge_params(asked))
        assert (back.status_code, back.text) == (200, "c1")
        body = FIXTURE.body(7)
        sent = await client.post(url, content=body, headers=FIXTURE.signed(body))
        assert sent.status_code == 200
        [step] = steps
        assert step.post is not None
        assert step.post.id == "rss:https://news.example/7"


async def test_a_lease_is_renewed_before_it_ends() -> None:
    at = [NOW.timestamp()]
    hub = Hub()
    async with (
        subscribed(hub, clock=lambda: at[0]) as (_, notes),
        httpx.AsyncClient() as client,
    ):
        form = await asyncio.wait_for(hub.forms.get(), 5)
        asked = {"hub.mode": "subscribe", "hub.topic": form["hub.topic"], "hub.challenge": "c"}
        url = httpx.URL(form["hub.callback"])
        await client.get(url.copy_merge_params({**asked, "hub.lease_seconds": "1"}))
        at[0] += 10
        again = await asyncio.wait_for(hub.forms.get(), 5)
        assert again == form
        assert any("listening at" in note for note in notes)


def receiver(**options: Any) -> WebSub:
    return WebSub(context({**FIXTURE.options(), **options}))


def asked_back(**query: str) -> int:
    named = {name.replace("_", ".", 1): value for name, value in query.items()}
    return receiver().receive(Request(method="GET", query=named)).answer.status


def test_only_what_was_asked_for_is_confirmed() -> None:
    topic = "https://news.example/feed"
    assert asked_back(hub_mode="subscribe", hub_topic=topic, hub_challenge="c") == 200
    assert asked_back(hub_mode="subscribe", hub_topic=f"{topic}2", hub_challenge="c") == 404
    assert asked_back(hub_mode="unsubscribe", hub_topic=topic, hub_challenge="c") == 404
    assert asked_back(hub_mode="subscribe", hub_topic=topic) == 404
    assert asked_back(hub_mode="denied", hub_topic=topic) == 200


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_signatures_of_every_method(method: str) -> None:
    body = FIXTURE.body(1)
    digest = hmac.new(SECRET.encode(), body, getattr(hashlib, method)).hexdigest()
    headers = {"x-hub-signature": f"{method}={digest}"}
    assert receiver().receive(Request(headers=headers, body=body)).answer.status == 200
    headers = {"x-hub-signature": f"md5={digest}"}
    assert receiver().receive(Request(headers=headers, body=body)).answer.status == 403


async def test_what_is_sent_has_the_name_that_rss_gives_it() -> None:
    """Also where the guid is no address, and counts within its feed alone."""
    item = "<item><guid isPermaLink='false'>n7</guid><title>T</title></item>"
    url = "https://news.example/feed"
    async with running(lambda _: Answer(body=feed([item]))) as server:
        polled = await collect(Rss(context({"base_url": server.url, "urls": url})))
    link = f'<https://hub.example/>; rel="hub", <{url}>; rel="self"'
    request = Request(headers={"link": link}, body=feed([item]))
    [step] = receiver().read(request)
    assert step.post is not None
    assert [step.post.id] == polled.ids


async def test_a_changed_entry_is_an_edit() -> None:
    atom = (
        b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>tag:1</id><title>T</title>'
        b"<published>2026-05-01T10:00:00Z</published><updated>2026-05-02T10:00:00Z</updated>"
        b"</entry></feed>"
    )
    [step] = receiver().read(Request(body=atom))
    assert step.post is not None
    assert step.post.state == "edited"


async def test_a_feed_without_a_hub_is_noted() -> None:
    hub = Hub(in_headers=False)
    hub.page = Answer(body=feed([ITEM(1)]))
    async with subscribed(hub) as (_, notes):
        async with asyncio.timeout(5):
            while not any("names no hub" in note for note in notes):
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("missing", ["secret", "callback", "urls"])
async def test_what_hubs_need_is_asked_for(missing: str) -> None:
    source = receiver(**{missing: "" if missing != "urls" else ()})
    with pytest.raises(BadSettings, match=f"'{missing}'"):
        await anext(source.posts(None))
