"""Mastodon (and what speaks its API): timelines, hashtags, searches and streams of one instance.

Pages are asked forward with `min_id`, which leaves no gap however many posts came in between.
Polled timelines tell of no deletion, and of an edit only while the post is new; streams tell of
both, and what came while none was open is read from the timelines.
See docs/connectors/mastodon.md.
"""

import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlsplit

import msgspec

from connectors import http, sse
from connectors.base import Context, Cursor, Gap, Option, Spec, Step, unreadable
from connectors.errors import BadSettings, Refused, Retriable, SkipItem
from connectors.fields import mapping
from connectors.mastodon_posts import Reader
from connectors.mastodon_stream import merged, status_of, streaming_base
from connectors.options import BASE_URL, CONTACT, QUERIES, TIMEOUT, Options, searched
from connectors.post import Post
from connectors.searches import single
from connectors.text import line, tag

_PAGE: Final = 40
_MOST_PAGES: Final = 100
_MOST_FOUND: Final = 20
_MOST_STREAMS: Final = 8
_LONGEST_QUERY: Final = 200
_SEARCH: Final = "search?"
_LOCAL: Final = "public?local=true"


class Mastodon:
    """Cursor: `{timeline: id of its last post}`, a timeline being `public`, `local`, `tag:name` or
    `search:query`."""

    spec: ClassVar[Spec] = Spec(
        name="mastodon",
        door="REST timelines, streaming API",
        sees="public posts that the instance knows: all, its own, under hashtags, or found",
        needs="an instance; a token where it closes its timelines to strangers",
        limits="300 requests in 5 minutes",
        group="networks",
        options=(
            Option("instance", "The server, such as mastodon.social.", "mastodon.social"),
            Option("timeline", "public, local, hashtag or search.", "public"),
            Option("hashtags", "Hashtags to follow, with timeline: hashtag.", ()),
            QUERIES,
            Option("stream", "yes: posts, edits and deletions as they come; needs a token.", "no"),
            Option("token", "Access token, where the instance asks for one.", "", secret=True),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        poll_seconds=30.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context, self._options = context, options
        self._token = options.header("token")
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._instance = options.server("instance")
        self._host = urlsplit(self._instance).hostname or ""
        own = options.url("base_url")
        self._base = own or self._instance
        self._streaming = own
        """Where it streams, once that is known."""
        self._timelines = _timelines(options)
        self._reader = Reader(self._host)
        self._behind: set[str] = set()
        """Timelines of which more is to be read at once."""
        self._live = options.switch("stream")
        if self._live:
            self._check_stream()
            vars(self)["spec"] = dataclasses.replace(self.spec, poll_seconds=1.0)

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over every timeline, oldest post first."""
        state = {str(k): str(v) for k, v in mapping(cursor).items()}
        private = {"authorization": f"Bearer {self._token}"} if self._token else {}
        async with http.Client(
            self._context,
            contact=self._contact,
            private=private,
            secrets=[self._token],
            seconds=self._timeout,
        ) as client:
            timelines = self._timelines or self._searches()
            if self._live:
                steps = self._streams(client, timelines, state)
            else:
                steps = self._polled(client, timelines, state)
            async with aclosing(steps):
                async for step, name, last in steps:
                    state = {**state, name: last}
                    yield dataclasses.replace(step, cursor=state)

    async def _polled(
        self, client: http.Client, timelines: dict[str, str], state: dict[str, str]
    ) -> AsyncGenerator[tuple[Step, str, str], None]:
        for name, path in timelines.items():
            async for step, last in self._timeline(client, path, state.get(name, "")):
                yield step, name, last

    async def _streams(
        self, client: http.Client, timelines: dict[str, str], state: dict[str, str]
    ) -> AsyncGenerator[tuple[Step, str, str], None]:
        """All timelines as they grow, until one of their streams ends."""
        self._streaming = self._streaming or await streaming_base(client, self._instance)
        streams = [
            self._stream(client, name, path, state.get(name, ""))
            for name, path in timelines.items()
        ]
        async with aclosing(merged(streams)) as steps:
            async for step in steps:
                yield step

    async def _stream(
        self, client: http.Client, name: str, path: str, start: str
    ) -> AsyncGenerator[tuple[Step, str, str], None]:
        """The stream is opened before the timeline is read, so that nothing falls in between."""
        where = "public/local" if path == _LOCAL else path
        if path.startswith("tag/"):
            where = f"hashtag?tag={path.removeprefix('tag/')}"
        last = start
        async with client.stream(f"{self._streaming}/api/v1/streaming/{where}") as lines:
            self._behind.add(path)
            while path in self._behind:
                async for step, read in self._timeline(client, path, last):
                    last = read
                    yield step, name, last
            async for event in sse.events(lines):
                found, number = self._event(event)
                if found is not None:
                    last = number if number and _later(number, last) else last
                    yield found, name, last

    def _event(self, event: sse.Event) -> tuple[Step | None, str]:
        """The event as a step (`None`: nothing of ours), and the id of a post that is new."""
        if event.name == "delete":
            now = http.current_time(self._context)
            gone = self._reader.deletion(line(event.data, limit=64).strip('"'), now)
            return (Step(post=gone) if gone else None), ""
        if event.name not in ("update", "status.update"):
            return None, ""
        try:
            status = status_of(event.data)
        except (ValueError, RecursionError) as error:
            place = f"{self._host} stream"
            said = f"{place}: an event that can't be read: {line(str(error), limit=160)}"
            return Step(dead=SkipItem(said, place=place, raw=event.data.encode())), ""
        return self._step(status), _id(status) if event.name == "update" else ""

    def _check_stream(self) -> None:
        if not self._timelines:
            raise BadSettings("mastodon: 'stream' is yes; a search can't be streamed, so set it no")
        if not self._token:
            raise BadSettings("mastodon: 'stream' is yes; set 'token', which streaming needs")
        if len(self._timelines) > _MOST_STREAMS:
            raise BadSettings(
                f"mastodon: 'hashtags' names {len(self._timelines)}; at most {_MOST_STREAMS} can "
                "be streamed: name fewer, or set stream: no"
            )

    def _searches(self) -> dict[str, str]:
        packed = searched(self._options, self._context, single, _LONGEST_QUERY)
        return {f"search:{one.query}": f"{_SEARCH}{one.query}" for one in packed}

    async def _timeline(
        self, client: http.Client, path: str, last: str
    ) -> AsyncIterator[tuple[Step, str]]:
        """Steps with the id that the timeline is then read up to.

        A server that refuses the saved id is read anew, with a gap on record.
        """
        try:
            page = await self._page(client, path, last)
        except Refused as error:
            if not last:
                raise
            page = await self._page(client, path, "")
            yield Step(gap=self._forgotten(last, error)), last
            last = ""
        first = not last
        self._behind.discard(path)
        for _ in range(_MOST_PAGES):
            if not page and first and not path.startswith(_SEARCH):
                self._context.on_note(
                    f"{self._host} answered an empty timeline; it may have this feed switched off"
                )
            fresh = [entry for entry in page if _later(_id(entry), last)]
            for entry in sorted(fresh, key=lambda entry: _order(_id(entry))):
                last = _id(entry) or last
                yield self._step(entry), last
            if first or not any(_id(entry) for entry in fresh):
                return
            page = await self._page(client, path, last)
        self._behind.add(path)
        self._context.on_note(f"{self._host} is ahead by more than {_MOST_PAGES} pages")

    def _forgotten(self, last: str, error: Refused) -> Gap:
        now = http.current_time(self._context).isoformat()
        reason = f"the server no longer knows the post read last: {error}"
        return Gap(since=last, until=now, reason=reason)

    async def _page(self, client: http.Client, path: str, last: str) -> list[Any]:
        if path.startswith(_SEARCH):
            return await self._found(client, path.removeprefix(_SEARCH), last)
        params = {"limit": str(_PAGE)}
        if path == _LOCAL:
            path = "public"
            params["local"] = "true"
        if last:
            params["min_id"] = last
        page = await client.json(f"{self._base}/api/v1/timelines/{path}", params=params)
        if not isinstance(page, list):
            said = line(mapping(page).get("error"), limit=200) or "no list of posts"
            raise Retriable(f"{self._host} answered {said}")
        return page

    async def _found(self, client: http.Client, query: str, last: str) -> list[Any]:
        """All that a search finds after the post `last`: pages are in no certain order. The first
        search takes one page."""
        found: list[Any] = []
        params = {"q": query, "type": "statuses", "limit": str(_PAGE)}
        if last:
            params["min_id"] = last
        for number in range(_MOST_FOUND if last else 1):
            params["offset"] = str(number * _PAGE)
            answer = mapping(await client.json(f"{self._base}/api/v2/search", params=params))
            page = answer.get("statuses")
            if not isinstance(page, list):
                said = line(answer.get("error"), limit=200) or "no list of posts"
                raise Retriable(f"{self._host} answered {said}")
            found += page
            if len(page) < _PAGE:
                break
        return found

    def _step(self, entry: object) -> Step:
        place = f"{self._host} status {_id(entry) or '(without id)'}"
        now = http.current_time(self._context)
        try:
            return Step(post=self._reader.post(mapping(entry), now))
        except ValueError as error:
            raw = msgspec.json.encode(entry)
            return unreadable(place, error, raw)

    def reread(self, raw: bytes) -> Post:
        """The post of a status that could not be read before. Raises `ValueError`."""
        return self._reader.post(
            mapping(msgspec.json.decode(raw)), http.current_time(self._context)
        )


def _timelines(options: Options) -> dict[str, str]:
    """Name and path of each; none where topics say what to search for."""
    kind = options.choice("timeline", ("public", "local", "hashtag", "search"))
    tags = [tag(name) for name in options.many("hashtags")]
    if kind != "hashtag" and tags:
        raise BadSettings(
            f"mastodon: 'hashtags' is {', '.join(tags)!r:.120}; set 'timeline' to hashtag as well"
        )
    if kind == "hashtag" and not tags:
        raise BadSettings("mastodon: 'timeline' is 'hashtag'; name them in 'hashtags'")
    if kind == "search":
        if not options.text("token"):
            raise BadSettings(
                "mastodon: 'timeline' is 'search'; set 'token', which searching needs"
            )
        return {}
    if kind == "hashtag":
        return {f"tag:{name}": f"tag/{quote(name, safe='')}" for name in tags}
    return {"public": "public"} if kind == "public" else {"local": _LOCAL}


def _id(entry: object) -> str:
    return line(mapping(entry).get("id"), limit=64)


def _order(number: str) -> tuple[int, str]:
    """Ids are decimal numbers as text: the longer is the larger."""
    return len(number), number


def _later(number: str, last: str) -> bool:
    """A page that repeats itself must not keep us; what has no id is read once, for the record."""
    return not last or not number or _order(number) > _order(last)
