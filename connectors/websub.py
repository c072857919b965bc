"""WebSub: feeds that are sent here as they change (W3C Recommendation, 2018).

A hub is found in each feed, asked to send, answered when it asks back, and asked again before its
lease ends. See docs/connectors/websub.md.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final
from urllib.parse import urlencode

import msgspec

from connectors import feeds, http
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import BadSettings, ConnectorError, SkipItem
from connectors.feed_posts import entry_post, moment_of
from connectors.fields import count
from connectors.options import BASE_URL, CONTACT, LISTEN, PATH, SECRET, TIMEOUT, Options
from connectors.post import Post
from connectors.receiving import (
    Answer,
    Received,
    Request,
    accepted,
    hmac_matches,
    listen,
    refused,
    unreadable,
)
from connectors.text import link

_ALGORITHMS: Final = ("sha256", "sha1", "sha384", "sha512")
_LONGEST_SECRET: Final = 199
_MAX_DELIVERY: Final = 8 * 1024 * 1024
_AGAIN: Final = timedelta(minutes=15)
_UNANSWERED: Final = timedelta(hours=1)
_RENEW_AT: Final = 0.8
_EDITED: Final = timedelta(minutes=1)
_LINK = re.compile(r"<([^<>]{1,2000})>([^<]*)")
_REL = re.compile(r"""\brel\s*=\s*"?([^";]+)""", re.IGNORECASE)


@dataclass(slots=True)
class _Subscription:
    """One feed: what its hub calls it, and when the hub is to be asked again."""

    url: str
    topic: str = ""
    due: datetime | None = None


class WebSub:
    """Takes what hubs send to one path of this machine; there is no cursor. Posts have the names
    that `rss` gives them, so that a feed read by both counts once."""

    spec: ClassVar[Spec] = Spec(
        name="websub",
        door="feeds that hubs send here",
        sees="what feeds with a WebSub hub publish, as they do",
        needs="an address that hubs reach, and a secret",
        limits="1 subscription a feed, renewed; what is not delivered again is missed",
        options=(
            Option("urls", "Addresses of feeds that name a hub.", ()),
            Option("callback", "Public address that leads to 'listen' and 'path'.", ""),
            Option("lease_days", "Days that a subscription is asked for.", 7),
            LISTEN,
            PATH,
            SECRET,
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        group="news",
        keyless=False,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._host, self._port = options.address("listen")
        self._path = options.path("path", "/hooks/websub")
        self._secret = options.text("secret")
        if len(self._secret.encode()) > _LONGEST_SECRET:
            raise BadSettings(
                f"websub: 'secret' is longer than {_LONGEST_SECRET} bytes; shorten it"
            )
        self._callback = options.url("callback")
        self._lease = timedelta(days=options.whole("lease_days", 1, 365))
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._base = options.url("base_url")
        urls = [options.check_url("urls", url) for url in options.many("urls")]
        self._feeds = {feeds.short_digest(url): _Subscription(url) for url in urls}
        self._changed = asyncio.Event()

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """What is sent, until cut; subscriptions are kept meanwhile."""
        for name, value in (
            ("secret", self._secret),
            ("callback", self._callback),
            ("urls", self._feeds),
        ):
            if not value:
                raise BadSettings(f"websub: set '{name}': see its page for what hubs need")
        ready = asyncio.Event()
        deliveries = listen(
            self._context,
            self,
            host=self._host,
            port=self._port,
            path=self._path,
            max_body=_MAX_DELIVERY,
            on_ready=lambda _: ready.set(),
        )
        keeping = asyncio.create_task(self._keep(ready))
        try:
            async with contextlib.aclosing(deliveries) as steps:
                async for step in steps:
                    yield step
        finally:
            keeping.cancel()
            await asyncio.wait({keeping})

    def receive(self, request: Request) -> Received:
        if request.method == "GET":
            return Received(self._asked_back(request))
        if request.method != "POST":
            return Received(Answer(405, headers={"allow": "GET, POST"}))
        signature = request.headers.get("x-hub-signature")
        method, _, _ = (signature or "").partition("=")
        if method not in _ALGORITHMS or not hmac_matches(
            self._secret, request.body, signature, method, f"{method}="
        ):
            return refused(present=signature is not None)
        return accepted(self, request)

    def read(self, request: Request) -> Sequence[Step]:
        kind = request.headers.get("content-type", "")
        known = self._feeds.get(request.query.get("feed", ""))
        told = dict(_links(request.headers.get("link", "")))
        url = known.url if known else told.get("self", "")
        try:
            feed = feeds.parse(request.body, kind, url)
        except feeds.NotAFeed as error:
            raise unreadable(request, str(error)) from None
        except Exception as error:  # noqa: BLE001 - whatever a feed provokes in a foreign parser
            raise unreadable(request, f"the parser failed ({type(error).__name__})") from None
        return list(self._steps(url or feed.topic, feed, request.path))

    def _steps(self, url: str, feed: feeds.Feed, place: str) -> Iterator[Step]:
        now = http.current_time(self._context)
        for said, raw in feed.unreadable:
            yield Step(dead=SkipItem(f"{place}: {said}", place=place, raw=raw))
        for name, entry in feeds.named(feed.entries):
            yield Step(post=_edited(entry_post("rss", url, (name, entry), None, now), entry, now))

    def _asked_back(self, request: Request) -> Answer:
        """A hub makes sure that it was we who asked, or says that it will not send."""
        query = request.query
        topic, mode = query.get("hub.topic", ""), query.get("hub.mode", "")
        known = self._subscription(query.get("feed", ""), topic)
        if known is None:
            return Answer(404, b"nobody here asked for that\n")
        now = http.current_time(self._context)
        if mode == "denied":
            self._context.on_note(f"the hub of {http.shown(known.url)} will not send it")
            self._set_due(known, now + timedelta(days=1))
            return Answer()
        challenge = query.get("hub.challenge", "")
        if mode != "subscribe" or not challenge:
            return Answer(404, b"nobody here asked for that\n")
        seconds = count(query.get("hub.lease_seconds")) or self._lease.total_seconds()
        self._set_due(known, now + timedelta(seconds=min(seconds, 86_400 * 365) * _RENEW_AT))
        return Answer(200, challenge.encode())

    def _subscription(self, digest: str, topic: str) -> _Subscription | None:
        for key, one in self._feeds.items():
            if topic in (one.url, one.topic) and digest in ("", key):
                return one
        return None

    def _set_due(self, one: _Subscription, due: datetime) -> None:
        one.due = due
        self._changed.set()

    async def _keep(self, ready: asyncio.Event) -> None:
        """Subscribe to what is due, for ever. A feed that fails is asked again later."""
        await ready.wait()
        while True:
            self._changed.clear()
            async with http.Client(
                self._context, contact=self._contact, secrets=[self._secret], seconds=self._timeout
            ) as client:
                for digest, one in self._feeds.items():
                    now = http.current_time(self._context)
                    if one.due is None or one.due <= now:
                        one.due = now + await self._tried(client, digest, one)
            now = http.current_time(self._context)
            first = min(one.due or now for one in self._feeds.values())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(1.0, (first - now).total_seconds())):
                    await self._changed.wait()

    async def _tried(self, client: http.Client, digest: str, one: _Subscription) -> timedelta:
        """Until when to wait for the hub to ask back, or to try again."""
        try:
            hub, topic = await self._discovered(client, one.url)
            if not hub:
                self._context.on_note(
                    f"{http.shown(one.url)} names no hub. Remedy: read it with connector: rss"
                )
                return timedelta(days=1)
            one.topic = topic
            mark = "&" if "?" in self._callback else "?"
            form = {
                "hub.mode": "subscribe",
                "hub.topic": topic,
                "hub.callback": f"{self._callback}{mark}{urlencode({'feed': digest})}",
                "hub.secret": self._secret,
                "hub.lease_seconds": str(int(self._lease.total_seconds())),
            }
            await client.post(self._real(hub), form=form, accept=(200, 202, 204))
        except (ConnectorError, feeds.NotAFeed) as error:
            self._context.on_note(f"{http.shown(one.url)} is not subscribed to yet: {error}")
            return _AGAIN
        return _UNANSWERED

    async def _discovered(self, client: http.Client, url: str) -> tuple[str, str]:
        """The feed's hub and its own name there: from the headers, else from the document."""
        reply = await client.get(self._real(url))
        told = dict(_links(reply.headers.get("link", "")))
        if told.get("hub"):
            return link(told["hub"], reply.url), link(told.get("self"), reply.url) or url
        kind = reply.headers.get("content-type", "")
        feed = await asyncio.to_thread(feeds.parse, reply.body, kind, reply.url)
        return feed.hub, feed.topic or url

    def _real(self, url: str) -> str:
        """The address with `base_url` in its host's place."""
        if not self._base:
            return url
        return self._base + "/" + url.partition("://")[2].partition("/")[2]


def _links(value: str) -> Iterator[tuple[str, str]]:
    """Relation and address of each link in a `Link` header, the last first, so that in a dictionary
    made of them the first of a relation stands."""
    found: list[tuple[str, str]] = []
    for address, parameters in _LINK.findall(value[:20_000]):
        relation = _REL.search(parameters)
        names = relation.group(1).lower().split() if relation else []
        found += [(name, address) for name in names]
    return reversed(found)


def _edited(post: Post, entry: feeds.Entry, now: datetime) -> Post:
    """Hubs send what changed: an entry of some age is an edit."""
    changed = moment_of(entry.updated, now)
    if changed is None or entry.published is None or changed - post.created_at <= _EDITED:
        return post
    return msgspec.structs.replace(post, state="edited", updated_at=changed)
