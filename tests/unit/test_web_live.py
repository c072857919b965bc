"""The live stream over a real socket: what comes, what was missed, what never waits."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from streams.web.live import BATCH, QUEUE, event, put
from tests.browser.site import Site, mention


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path / "veille.db") as running:
        yield running


class Events:
    """A reader of one stream."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.iter_lines()
        self.last_id = ""

    def next(self) -> tuple[str, Any]:
        name, data = "", None
        for line in self._lines:
            key, _, value = line.partition(": ")
            if key == "event":
                name = value
            elif key == "data":
                data = json.loads(value)
            elif key == "id":
                self.last_id = value
            elif not line and name:
                return name, data
        raise EOFError


def stream(site: Site, query: str = "", **headers: str) -> Any:
    return httpx.stream("GET", f"{site.url}/live{query}", headers=headers, timeout=8)


def test_new_mentions_come_as_cards_and_only_those_that_fit(site: Site) -> None:
    with stream(site, "?sentiment=neg") as response:
        events = Events(response)
        assert events.next()[0] == "ready"
        began = time.monotonic()
        site.write(mention(1, sentiment="pos"), mention(2, sentiment="neg", text="No Kestrel <b>"))
        name, cards = events.next()
        assert name == "mentions"
        assert time.monotonic() - began < 2
        assert len(cards) == 1
        assert "No <mark>Kestrel</mark> &lt;b&gt;" in cards[0]["html"]


def test_a_reconnect_brings_what_was_missed(site: Site) -> None:
    with stream(site) as response:
        events = Events(response)
        events.next()
    site.write(mention(1), mention(2))
    with stream(site, **{"Last-Event-ID": events.last_id}) as response:
        name, cards = Events(response).next()
    assert (name, len(cards)) == ("mentions", 2)


def test_too_much_to_tell_or_a_broken_cursor_asks_for_a_refresh(site: Site) -> None:
    with stream(site) as response:
        events = Events(response)
        events.next()
        site.write(*(mention(n) for n in range(BATCH + 5)))
        assert events.next()[0] == "refresh"
    with stream(site, "?after=broken") as response:
        assert Events(response).next()[0] == "refresh"


def test_a_moving_period_keeps_old_posts_out(site: Site) -> None:
    with stream(site, "?range=1h") as response:
        events = Events(response)
        events.next()
        site.write(mention(1, ago=timedelta(hours=2)))
        site.write(mention(2, ago=timedelta(minutes=2)))
        _, cards = events.next()
    assert [card["id"] for card in cards] == [mention(2).id]


def test_pages_that_share_filters_share_a_channel_and_leave_it(site: Site) -> None:
    hub = site.app.state.hub
    with stream(site, "?lang=en") as one, stream(site, "?lang=en") as two:
        readers = Events(one), Events(two)
        assert [reader.next()[0] for reader in readers] == ["ready", "ready"]
        assert (hub.clients, len(hub._channels)) == (2, 1)
    deadline = time.monotonic() + 5
    while hub.clients and time.monotonic() < deadline:
        time.sleep(0.02)
    assert (hub.clients, len(hub._channels)) == (0, 0)


def test_the_server_stops_at_once_with_streams_open(site: Site) -> None:
    site.server.config.timeout_graceful_shutdown = 600  # so long a stream could hold it up
    with stream(site) as response:
        events = Events(response)
        events.next()
        site.stop()
        with pytest.raises((EOFError, httpx.HTTPError)):
            events.next()


def test_more_pages_than_allowed_are_told_to_come_back(site: Site) -> None:
    site.app.state.hub._most = 1
    with stream(site) as response:
        events = Events(response)  # kept: a reader that is dropped closes its stream
        events.next()
        refused = httpx.get(f"{site.url}/live")
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "5"


def test_a_full_queue_holds_one_order_to_refresh() -> None:
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE)
    for n in range(QUEUE + 1):
        put(queue, event("mentions", n))
    assert queue.qsize() == 2
    assert queue.get_nowait() == event("refresh")


def test_an_event_is_one_event_whatever_it_holds() -> None:
    sent = event("mentions", "a\n\nevent: evil", cursor="x\ny").decode()
    assert sent.count("\n\n") == 1
    assert "id:" not in sent
