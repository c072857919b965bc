"""Bluesky's search: posts that hold what topics ask for, with names and counts.

A session is opened once and then renewed: servers let one log in 300 times a day. A search reaches
its first 10,000 results, so time is cut until each part holds fewer.
"""

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from connectors import bluesky_posts, http, times
from connectors.base import Context, Gap, Step, unreadable
from connectors.errors import BadSettings, ConnectorError, Fatal, Refused, Retriable
from connectors.fields import count, mapping, mappings
from connectors.limits import status_error
from connectors.options import Options, searched
from connectors.post import Author, Engagement, Post
from connectors.searches import single
from connectors.slices import Found, sliced
from connectors.text import line

_SERVICE: Final = "https://bsky.social"
_PAGE: Final = 100
_REACH: Final = 10_000
_LONGEST_QUERY: Final = 300
_OVERLAP: Final = timedelta(minutes=10)
"""Posts are indexed late, and filed under the earlier time that their author's app wrote."""
_SHORTEST: Final = timedelta(seconds=1)
_FRESH: Final = timedelta(minutes=60)
"""A token lasts about two hours; it is renewed before."""
_MEMORY: Final = 2_000
_PRIVATE: Final = "!no-unauthenticated"
_STALE: Final = ("ExpiredToken", "InvalidToken")


class Search:
    """The settings of `mode: search`, and its session. Raises `BadSettings`."""

    def __init__(self, context: Context, options: Options) -> None:
        self._context, self._options = context, options
        self._base = options.url("base_url") or _SERVICE
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._backfill = timedelta(seconds=options.seconds("backfill", 0, 366 * 86_400))
        self._user = options.text("identifier")
        self._password = options.text("app_password")
        for name, value in (("identifier", self._user), ("app_password", self._password)):
            if not value:
                raise BadSettings(f"bluesky: set '{name}': 'mode' is 'search', which needs a login")
        self._access = self._refresh = ""
        self._since = datetime.min.replace(tzinfo=UTC)

    async def steps(self, known: dict[str, Any]) -> AsyncIterator[Step]:
        """One pass over every query. A step's cursor is `{"queries": {query: searched up to,
        RFC 3339}, "seen": {digest of a post: its time}}`."""
        queries = {str(query): str(at) for query, at in mapping(known.get("queries")).items()}
        seen = {
            str(name): at
            for name, at in mapping(known.get("seen")).items()
            if isinstance(at, int | float)
        }
        packed = searched(self._options, self._context, single, _LONGEST_QUERY)
        async with self._client("") as client:
            await self._log_in(client)
        async with self._client(self._access) as client:
            kept: dict[str, str] = {}
            for query in dict.fromkeys(one.query for one in packed):
                now = http.current_time(self._context)
                last = times.parse_or(queries.get(query), now - self._backfill, now=now)
                since = last - _OVERLAP if query in queries else last
                async for step in self._query(client, query, since, now, seen):
                    yield step
                queries[query] = kept[query] = now.isoformat()
                seen = dict(sorted(seen.items(), key=lambda one: one[1])[-_MEMORY:])
                yield Step(cursor={"queries": dict(queries), "seen": dict(seen)})
            # What no topic asks for any more is forgotten.
            yield Step(cursor={"queries": kept, "seen": dict(seen)})

    async def _query(
        self,
        client: http.Client,
        query: str,
        since: datetime,
        until: datetime,
        seen: dict[str, float],
    ) -> AsyncIterator[Step]:
        async def find(begin: datetime, end: datetime) -> Found[dict[str, Any]]:
            return await self._find(client, query, begin, end)

        async for part in sliced(since, until, find, shortest=_SHORTEST):
            if part.lost:
                reason = f"more than {_REACH} results for {query!r:.80} in a second"
                begin, end = part.since.isoformat(), part.until.isoformat()
                yield Step(gap=Gap(since=begin, until=end, reason=reason))
            for view in sorted(part.items, key=lambda view: line(view.get("indexedAt"))):
                step = self._step(view)
                if step is None:
                    continue
                name = _digest(view)
                if name not in seen:
                    seen[name] = http.current_time(self._context).timestamp()
                    yield step

    async def _find(
        self, client: http.Client, query: str, begin: datetime, end: datetime
    ) -> Found[dict[str, Any]]:
        params = {"q": query, "sort": "latest", "limit": str(_PAGE)}
        params |= {"since": _written(begin), "until": _written(end)}
        found: dict[str, dict[str, Any]] = {}
        for number in range(_REACH // _PAGE):
            try:
                page = await self._ask(client, params)
            except Refused:
                if not number:
                    raise
                return Found(list(found.values()), whole=False)
            found |= {_digest(view): view for view in mappings(page.get("posts"), _REACH)}
            total, after = count(page.get("hitsTotal")), line(page.get("cursor"), limit=2_000)
            if number == 0 and total and total > _REACH and end - begin > _SHORTEST:
                return Found([], whole=False)
            if not after or after == params.get("cursor"):
                return Found(list(found.values()))
            params["cursor"] = after
        return Found(list(found.values()), whole=False)

    async def _ask(self, client: http.Client, params: dict[str, str]) -> dict[str, Any]:
        url = f"{self._base}/xrpc/app.bsky.feed.searchPosts"
        reply = await client.get(url, params=params, accept=(200, 400, 401))
        said = mapping(_value(reply)) if reply.status != 200 else {}
        if said.get("error") in _STALE:
            self._since = datetime.min.replace(tzinfo=UTC)
            raise Retriable(f"{http.shown(url)}: the session has ended; it is renewed")
        if reply.status != 200:
            raise self._refusal(reply)
        page = mapping(http.decode(reply))
        if not isinstance(page.get("posts"), list):
            raise Retriable(f"{http.shown(url)} answered without posts")
        return page

    async def _log_in(self, client: http.Client) -> None:
        """A session with an hour left, at the least. Raises `Fatal` with what to do."""
        now = http.current_time(self._context)
        if self._access and now - self._since < _FRESH:
            return
        if self._refresh:
            url = f"{self._base}/xrpc/com.atproto.server.refreshSession"
            headers = {"authorization": f"Bearer {self._refresh}"}
            reply = await client.post(url, json=None, headers=headers, accept=(200, 400, 401))
            if reply.status == 200 and self._keep(reply, now):
                return
        url = f"{self._base}/xrpc/com.atproto.server.createSession"
        login = {"identifier": self._user, "password": self._password}
        reply = await client.post(url, json=login, accept=(200, 400, 401))
        if reply.status != 200:
            error = self._refusal(reply)
            raise Fatal(
                f"{error}. Remedy: make an app password (Settings > Privacy and security > App "
                "passwords) and set 'identifier' and 'app_password'"
            )
        if not self._keep(reply, now):
            raise Retriable(f"{http.shown(url)} gave no session")

    def _keep(self, reply: http.Reply, now: datetime) -> bool:
        session = mapping(http.decode(reply))
        access, refresh = session.get("accessJwt"), session.get("refreshJwt")
        if not isinstance(access, str) or not isinstance(refresh, str) or not access:
            return False
        self._access, self._refresh, self._since = access, refresh, now
        return True

    def _refusal(self, reply: http.Reply) -> ConnectorError:
        now = http.current_time(self._context)
        place = http.shown(reply.url)
        error = status_error(reply.status, reply.headers, reply.body, place, now)
        shown = str(error)
        for secret in (self._password, self._access, self._refresh):
            shown = shown.replace(secret, "***") if secret else shown
        return type(error)(shown)

    def _client(self, token: str) -> http.Client:
        return http.Client(
            self._context,
            contact=self._contact,
            private={"authorization": f"Bearer {token}"} if token else {},
            secrets=[self._password, self._access, self._refresh],
            seconds=self._timeout,
        )

    def _step(self, view: dict[str, Any]) -> Step | None:
        """`None` for an author who asks not to be shown to those without an account."""
        labels = mappings(mapping(view.get("author")).get("labels"))
        if any(label.get("val") == _PRIVATE for label in labels):
            return None
        place = f"bluesky search: {line(view.get('uri')) or 'a post without uri'}"
        try:
            return Step(post=post(view, http.current_time(self._context)))
        except ValueError as error:
            raw = msgspec.json.encode(view)
            return unreadable(place, error, raw)


def post(view: dict[str, Any], now: datetime) -> Post:
    """A post as the network's views show it. Raises `ValueError`."""
    author = mapping(view.get("author"))
    uri = line(view.get("uri"))
    did, _, key = uri.removeprefix("at://").partition(f"/{bluesky_posts.COLLECTION}/")
    commit = {"record": view.get("record"), "rkey": key}
    at = times.parse_or(view.get("indexedAt"), now, now=now)
    made = bluesky_posts.post(bluesky_posts.did_of({"did": did}), commit, at, now)
    return msgspec.structs.replace(
        made,
        author=Author(
            id=did,
            handle=line(author.get("handle")),
            name=line(author.get("displayName")),
            url=made.author.url,
            verified=_verified(author),
        ),
        engagement=Engagement(
            likes=count(view.get("likeCount")),
            reposts=count(view.get("repostCount")),
            replies=count(view.get("replyCount")),
        ),
    )


def _verified(author: dict[str, Any]) -> bool | None:
    status = mapping(author.get("verification")).get("verifiedStatus")
    return status == "valid" if isinstance(status, str) else None


def _digest(view: dict[str, Any]) -> str:
    """Of a post as it was written, so that an edited one is another."""
    whole = f"{view.get('uri')} {view.get('cid')}"
    return hashlib.blake2b(whole.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _written(moment: datetime) -> str:
    """A whole time: a date alone is refused."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _value(reply: http.Reply) -> Any:
    try:
        return http.decode(reply)
    except Retriable:
        return None
