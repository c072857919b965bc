"""Webhooks of Meta's services: the handshake, the signature over the raw body, the changes in it.

A body is signed as it is sent, with non-ASCII characters escaped, so nothing but its exact bytes
will do.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

import msgspec

from connectors.base import Context, Option, Step
from connectors.errors import BadSettings, SkipItem
from connectors.fields import mapping, mappings
from connectors.graph import APP_SECRET
from connectors.options import LISTEN, PATH, Options
from connectors.post import Post
from connectors.receiving import (
    Answer,
    Received,
    Receiver,
    Request,
    accepted,
    hmac_matches,
    json_body,
    listen,
    refused,
    same,
)
from connectors.text import line

WEBHOOK: Final = Option(
    "webhook", "Whether to take deliveries as they come, in place of asking.", False
)
VERIFY_TOKEN: Final = Option(
    "verify_token", "The text that you gave the service for its handshake.", "", secret=True
)
OPTIONS: Final = (WEBHOOK, LISTEN, PATH, VERIFY_TOKEN)
_MOST_CHANGES: Final = 10_000


class Hooks:
    """Where deliveries come to, and what shows that they are genuine."""

    def __init__(self, options: Options) -> None:
        self._source = options.source
        self.wanted = options.switch(WEBHOOK.name)
        self._host, self._port = options.address(LISTEN.name)
        self._path = options.path(PATH.name, f"/hooks/{options.source}")
        self._secret = options.text(APP_SECRET.name)
        self._verify_token = options.text(VERIFY_TOKEN.name)

    def receive(self, receiver: Receiver, request: Request) -> Received:
        """As a `Receiver` does: the handshake is a GET, a delivery is a POST."""
        if request.method == "GET":
            return self._handshake(request)
        if request.method != "POST":
            return Received(Answer(405, headers={"allow": "GET, POST"}))
        signature = request.headers.get("x-hub-signature-256")
        if not hmac_matches(self._secret, request.body, signature):
            return refused(present=signature is not None)
        return accepted(receiver, request)

    def _handshake(self, request: Request) -> Received:
        given = request.query.get("hub.verify_token")
        if given is None or request.query.get("hub.mode") != "subscribe":
            return Received(Answer(403, b"this is no handshake\n"))
        if not self._verify_token or not same(self._verify_token, given):
            return Received(Answer(403, b"the verify token is wrong\n"))
        return Received(Answer(200, request.query.get("hub.challenge", "").encode()))

    async def deliveries(self, context: Context, receiver: Receiver) -> AsyncIterator[Step]:
        """What is sent, until cut. Raises `BadSettings` where nothing could be believed."""
        if not self._secret:
            raise BadSettings(
                f"{self._source}: set '{APP_SECRET.name}': deliveries are signed with it"
            )
        coming = listen(context, receiver, host=self._host, port=self._port, path=self._path)
        async with contextlib.aclosing(coming) as steps:
            async for step in steps:
                yield step


def changes(request: Request) -> Iterator[dict[str, Any]]:
    """`{"field", "value", "owner", "time"}` of each change in each entry of a delivery; `owner` is
    the page or account, `time` when it was sent. Raises `SkipItem` for a body that is no JSON."""
    for entry in mappings(mapping(json_body(request)).get("entry"), _MOST_CHANGES):
        for change in mappings(entry.get("changes"), _MOST_CHANGES):
            yield {**change, "owner": entry.get("id"), "time": entry.get("time")}


def delivered(
    request: Request, change: dict[str, Any], read: Callable[[dict[str, Any]], Post | None]
) -> Iterator[Step]:
    """The step of a change; none where it is about something else than a post. `read` raises
    `ValueError` for what can't be read."""
    try:
        post = read(change)
    except ValueError as error:
        raw = msgspec.json.encode({"path": DELIVERIES, "item": change})
        yield Step(dead=SkipItem(line(str(error)), place=request.path, raw=raw))
        return
    if post is not None:
        yield Step(post=post)


def some(post: Post | None) -> Post:
    """The post of a change that was a dead letter. Raises `ValueError` where it has none."""
    if post is None:
        raise ValueError("the change is about something else than a post")
    return post


DELIVERIES: Final = "/deliveries"
"""The path that dead letters of deliveries bear."""
